//! Events: listed, sent, and made by checks of idle connections.

mod damage;
mod hook;
mod idle;
mod log;
mod webhooks;

use std::time::Duration;

use keyway_connect::{Connect, EventError, EventPage, EventType, Limits};
use keyway_core::{Account, Credential, Reason, ReasonCode, Submission, Verdict};
use keyway_hub::Stop;
use keyway_vault::{Accounts, Connection, New, Scope, Tenant};
use tokio::task::JoinHandle;

use crate::stage::{ROOTLY, Stage, TENANT, actor};

/// Work in the background, with waits that a test can wait for.
struct Working {
    stop: Stop,
    task: JoinHandle<()>,
}

impl Working {
    fn start(connect: &Connect) -> Self {
        let (connect, stop) = (connect.clone(), Stop::new());
        let asked = stop.clone();
        Self { stop, task: tokio::spawn(async move { connect.work(asked).await }) }
    }

    async fn stop(self) {
        self.stop.ask();
        tokio::time::timeout(Duration::from_secs(30), self.task).await.expect("work ends at once").unwrap();
    }

    /// Ends it as `kill -9` does: nothing is given back.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn quick() -> Limits {
    let mut limits = Limits::default();
    limits.deliveries.look = Duration::from_millis(20);
    limits.deliveries.waits = vec![Duration::from_millis(20)];
    limits.deliveries.attempts = 1000;
    limits.checks_per_minute = 6000;
    limits.lead = Duration::from_millis(900);
    limits
}

fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

fn credential(stage: &Stage, key: &str) -> Credential {
    let accepted = stage.registry.accept("rootly", None, &Submission::new().with("api_key", key)).unwrap();
    accepted.credential.at_origin(stage.stand_ins.origin())
}

async fn linked(stage: &Stage, scope: &Scope, key: &str) -> Connection {
    scope.save(New::connection(&credential(stage, key)).name("Ada's name")).await.unwrap().connection
}

fn refused() -> Verdict {
    Verdict::Invalid(Reason::new(ReasonCode::Unauthorized, "the provider refused it"))
}

fn good(id: &str) -> Verdict {
    Verdict::Valid(Account::new(id, "Ada's label"))
}

/// Links an account, loses it, gets it back as another one, and removes it.
async fn story(stage: &Stage) -> Connection {
    let scope = stage.scope(TENANT);
    let connection = linked(stage, &scope, ROOTLY).await;
    let connection = scope.checked(&connection, &good("a-1")).await.unwrap();
    let connection = scope.checked(&connection, &refused()).await.unwrap();
    let connection = scope.checked(&connection, &refused()).await.unwrap();
    scope.rename(&connection.id, Some("Ada's other name")).await.unwrap();
    let (key, account) = (credential(stage, ROOTLY), Account::new("a-2", "Ada's label"));
    let new = New::connection(&key).account(&account);
    let connection = scope.replace(&connection.id, new, Accounts::Any).await.unwrap();
    let new = New::connection(&key).account(&account);
    scope.replace(&connection.id, new, Accounts::Same).await.unwrap();
    scope.remove(&connection.id).await.unwrap();
    connection
}

const STORY: [(&str, &str, &str); 9] = [
    ("connection.created", "active", "-"),
    ("connection.checked", "active", "valid"),
    ("connection.checked", "needs_key", "invalid"),
    ("connection.needs_reconnect", "needs_key", "invalid"),
    ("connection.checked", "needs_key", "invalid"),
    ("connection.renamed", "needs_key", "invalid"),
    ("connection.reconnected", "active", "valid"),
    ("connection.reconnected", "active", "valid"),
    ("connection.removed", "-", "-"),
];

async fn page(stage: &Stage, after: Option<&str>, limit: usize, types: &[EventType]) -> EventPage {
    stage.connect.events(&tenant(TENANT), after, limit, types).await.unwrap()
}

#[tokio::test]
async fn a_connections_life_as_events() {
    let stage = Stage::new().await;
    let connection = story(&stage).await;
    let page = page(&stage, None, 100, &[]).await;
    let of = |event: &keyway_connect::Event| event.data.connection.clone();
    let told: Vec<_> =
        page.events.iter().map(|event| (event.kind, of(event).status, of(event).verdict)).collect();
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let told: Vec<_> =
        told.iter().map(|(kind, status, verdict)| (kind.as_str(), word(status), word(verdict))).collect();
    let told: Vec<_> = told.iter().map(|(kind, status, verdict)| (*kind, &**status, &**verdict)).collect();
    assert_eq!(told, STORY);
    let changed: Vec<_> =
        page.events.iter().filter_map(|event| event.data.connection.account_changed).collect();
    assert_eq!(changed, [true, false]);
    let json = serde_json::to_string(&page.events).unwrap();
    for never in ["Ada", "a-1", "a-2", "600d600d", "api_key"] {
        assert!(!json.contains(never), "an event says {never}: {json}");
    }
    assert_eq!(json.matches(connection.id.as_str()).count(), STORY.len());
}

#[tokio::test]
async fn whoever_polls_misses_nothing_and_sees_nothing_twice() {
    let stage = Stage::new().await;
    let nothing = page(&stage, None, 10, &[]).await;
    assert_eq!((nothing.events.len(), nothing.next, nothing.more), (0, None, false));
    story(&stage).await;
    // Somebody else's are between them.
    linked(&stage, &stage.scope("globex"), ROOTLY).await;
    story(&stage).await;
    let all = page(&stage, None, 1000, &[]).await;
    assert_eq!(all.events.len(), 2 * STORY.len());
    for size in [1, 2, 3, 5, 100] {
        let (mut seen, mut after): (Vec<_>, Option<String>) = (Vec::new(), None);
        loop {
            let page = page(&stage, after.as_deref(), size, &[]).await;
            seen.extend(page.events);
            after = page.next;
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, all.events, "pages of {size}");
        let idle = page(&stage, after.as_deref(), size, &[]).await;
        assert_eq!((idle.events.len(), idle.more), (0, false));
        assert!(idle.next.is_some(), "one can go on from where one was");
    }
    // From each event's own id on, too.
    for (index, event) in all.events.iter().enumerate() {
        let rest = page(&stage, Some(&event.id), 1000, &[]).await;
        assert_eq!(rest.events, all.events[index + 1..]);
    }
    let removed = page(&stage, None, 1, &[EventType::Removed]).await;
    assert!(removed.more);
    let second = page(&stage, removed.next.as_deref(), 10, &[EventType::Removed, EventType::NeedsReconnect]);
    let kinds: Vec<_> = second.await.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventType::NeedsReconnect, EventType::Removed]);
}

#[tokio::test]
async fn a_cursor_of_what_a_restored_database_does_not_have_is_refused() {
    let stage = Stage::new().await;
    let scope = stage.scope(TENANT);
    let first = linked(&stage, &scope, ROOTLY).await;
    let before = page(&stage, None, 10, &[]).await.next.unwrap();
    for table in
        ["CREATE TABLE h AS SELECT * FROM keyway_head", "CREATE TABLE c AS SELECT * FROM keyway_connections"]
    {
        stage.run(table).await;
    }
    scope.rename(&first.id, Some("One")).await.unwrap();
    let seen = page(&stage, None, 10, &[]).await;
    let renamed = seen.events.last().unwrap().id.clone();
    for table in [
        "DELETE FROM keyway_entries WHERE seq = (SELECT max(seq) FROM keyway_entries)",
        "REPLACE INTO keyway_head SELECT * FROM h",
        "REPLACE INTO keyway_connections SELECT * FROM c",
    ] {
        stage.run(table).await;
    }
    let gone = async |after: &str| {
        matches!(stage.connect.events(&tenant(TENANT), Some(after), 10, &[]).await, Err(EventError::Gone))
    };
    assert!(gone(&renamed).await && gone(&seen.next.unwrap()).await, "it lies ahead of all there is");
    // Whoever goes on from there is another process.
    let vault = stage.reopened().await;
    vault.tenant(&tenant(TENANT), &actor()).rename(&first.id, Some("Two")).await.unwrap();
    assert!(gone(&renamed).await, "another change has its place");
    let rest = page(&stage, Some(&before), 10, &[]).await.events;
    assert_eq!(rest.iter().map(|one| one.kind).collect::<Vec<_>>(), [EventType::Renamed]);
}

#[tokio::test]
async fn i8_a_cursor_is_good_for_its_tenant_alone_and_says_nothing() {
    let stage = Stage::new().await;
    story(&stage).await;
    let page = page(&stage, None, 1, &[]).await;
    let id = &page.events[0].id;
    let upper = id.to_uppercase();
    let changed = format!("{}{}", &id[..id.len() - 1], if id.ends_with('0') { '1' } else { '0' });
    let other = stage.connect.events(&tenant("globex"), Some(id), 10, &[]).await;
    let wrong = ["", "evt_", "evt_1", &upper, &changed, &id[..id.len() - 1], "evt_\u{e9}", "1"];
    let mut answers = vec![other];
    for after in wrong {
        answers.push(stage.connect.events(&tenant(TENANT), Some(after), 10, &[]).await);
    }
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(matches!(error, EventError::After(_)), "{error}");
        assert_eq!(error.to_string(), "`after` is no event's id, and no cursor that was handed out here");
    }
    // Nothing of its number can be seen: all of it changes from one to the next.
    let next = self::page(&stage, Some(id), 1, &[]).await.events.remove(0).id;
    let same = id.bytes().zip(next.bytes()).filter(|(one, other)| one == other).count();
    assert!(same < 20, "{id} and {next} are alike");
}
