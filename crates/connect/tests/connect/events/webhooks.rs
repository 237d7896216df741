//! Webhooks: signed, in order, again and again, to whom they belong.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use keyway_connect::{Connect, EndpointError, EndpointState, Endpoints, EventType, Limits, NewEndpoint};
use keyway_http::{Client, HttpTransport};
use keyway_vault::{Connection, New};

use super::{
    STORY, Working, credential, good,
    hook::{Does, Hook},
    linked, page, quick, refused, story, tenant,
};
use crate::stage::{ROOTLY, Stage, TENANT};

pub(super) async fn stage_with(limits: Limits) -> Stage {
    let loopback = HttpTransport::builder().allow_loopback().build().unwrap();
    Stage::with(|builder| builder.webhooks_over(loopback).limits(limits).check_every(None)).await
}

pub(super) fn endpoints(stage: &Stage) -> Endpoints {
    stage.connect.webhooks(Some(&tenant(TENANT)))
}

pub(super) async fn set_up(stage: &Stage, hook: &Hook) -> NewEndpoint {
    endpoints(stage).create(&hook.url, &[]).await.unwrap()
}

/// One event.
pub(super) async fn happen(stage: &Stage) -> Connection {
    linked(stage, &stage.scope(TENANT), ROOTLY).await
}

/// Waits until an endpoint is in a state.
async fn until(stage: &Stage, id: &str, is: impl Fn(&keyway_connect::Endpoint) -> bool) {
    let wait = async {
        while !is(&endpoints(stage).get(id).await.unwrap()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that");
}

#[tokio::test]
async fn events_are_sent_in_order_signed_and_as_they_are_listed() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::taking().await;
    happen(&stage).await;
    let new = set_up(&stage, &hook).await;
    let before = page(&stage, None, 100, &[]).await.next;
    let working = Working::start(&stage.connect);
    story(&stage).await;
    let messages = hook.take(STORY.len()).await;
    let listed = page(&stage, before.as_deref(), 100, &[]).await.events;
    let now = SystemTime::now();
    for (message, event) in messages.iter().zip(&listed) {
        assert_eq!(message.json(), serde_json::to_value(event).unwrap());
        assert_eq!(message.id(), event.id);
        assert_eq!(message.headers["content-type"], "application/json");
        assert!(message.is_signed(new.secret.expose(), now));
        assert!(!message.is_signed(new.secret.expose(), now + Duration::from_secs(301)), "it is old");
        let mut other = message.clone();
        other.body[10] ^= 1;
        assert!(!other.is_signed(new.secret.expose(), now), "a changed body");
        let mut other = message.clone();
        other.headers.insert("webhook-id".to_owned(), "evt_other".to_owned());
        assert!(!other.is_signed(new.secret.expose(), now), "another id");
        let later = message.headers["webhook-timestamp"].parse::<u64>().unwrap() + 200;
        other = message.clone();
        other.headers.insert("webhook-timestamp".to_owned(), later.to_string());
        assert!(!other.is_signed(new.secret.expose(), now + Duration::from_secs(300)), "an old one renewed");
    }
    let ids: HashSet<_> = messages.iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids.len(), STORY.len());
    working.stop().await;
    assert_eq!(hook.rest().len(), 0, "each came once");
}

#[tokio::test]
async fn what_fails_is_sent_again_under_the_same_id_and_nothing_overtakes_it() {
    let mut elsewhere = Hook::taking().await;
    let failing = [
        Does::Answers(500),
        Does::Answers(404),
        Does::Answers(429),
        Does::Redirects(elsewhere.port),
        Does::Closes,
        Does::Hangs,
    ];
    let mut limits = quick();
    limits.deliveries.time = Duration::from_secs(3);
    let stage = stage_with(limits).await;
    let mut hook = Hook::new(move |count, _| failing.get(count).copied().unwrap_or(Does::Answers(200))).await;
    let new = set_up(&stage, &hook).await;
    let working = Working::start(&stage.connect);
    happen(&stage).await;
    happen(&stage).await;
    let messages = hook.take(failing.len() + 2).await;
    let events = page(&stage, None, 10, &[]).await.events;
    for (index, message) in messages.iter().enumerate() {
        let event = &events[usize::from(index > failing.len())];
        assert_eq!((message.id(), message.json()), (&*event.id, serde_json::to_value(event).unwrap()));
        assert!(message.is_signed(new.secret.expose(), SystemTime::now()), "each attempt is of its time");
    }
    until(&stage, &new.endpoint.id, |one| one.state == EndpointState::Ok).await;
    assert_eq!(endpoints(&stage).get(&new.endpoint.id).await.unwrap().last.unwrap().status, Some(200));
    assert_eq!(elsewhere.rest().len(), 0, "nobody followed");
    working.stop().await;
}

#[tokio::test]
async fn i10_an_answer_of_100_mb_is_not_read() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::new(|_, _| Does::Floods).await;
    let new = set_up(&stage, &hook).await;
    let working = Working::start(&stage.connect);
    happen(&stage).await;
    happen(&stage).await;
    let ids: Vec<_> = hook.take(2).await.iter().map(|message| message.id().to_owned()).collect();
    assert_ne!(ids[0], ids[1], "it was taken at once");
    until(&stage, &new.endpoint.id, |one| one.state == EndpointState::Ok && one.last.is_some()).await;
    working.stop().await;
}

#[tokio::test]
async fn one_of_20_that_hangs_does_not_delay_the_others_nor_the_end() {
    let mut limits = quick();
    limits.deliveries.time = Duration::from_secs(60);
    let stage = stage_with(limits).await;
    let mut hooks = Vec::new();
    for number in 0..20 {
        let does = if number == 7 { Does::Hangs } else { Does::Answers(204) };
        let hook = Hook::new(move |_, _| does).await;
        set_up(&stage, &hook).await;
        hooks.push(hook);
    }
    let working = Working::start(&stage.connect);
    happen(&stage).await;
    happen(&stage).await;
    for (number, hook) in hooks.iter_mut().enumerate() {
        hook.take(if number == 7 { 1 } else { 2 }).await;
    }
    working.stop().await;
    assert_eq!(hooks[7].rest().len(), 0, "it still has the first one");
}

#[tokio::test]
async fn i9_whoever_takes_over_goes_on_where_it_was() {
    type End = for<'w> fn(Working) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let ends: [(&str, End); 2] =
        [("stopped", |working| Box::pin(working.stop())), ("killed", |working| Box::pin(working.kill()))];
    for (how, end) in ends {
        let stage = stage_with(quick()).await;
        let works = Arc::new(AtomicBool::new(false));
        let takes = Arc::clone(&works);
        // The third one is received, and not answered.
        let mut hook = Hook::new(move |count, _| {
            if count == 2 && !takes.load(Ordering::SeqCst) { Does::Hangs } else { Does::Answers(204) }
        })
        .await;
        set_up(&stage, &hook).await;
        let working = Working::start(&stage.connect);
        for _ in 0..4 {
            happen(&stage).await;
        }
        let mut got = hook.take(3).await;
        end(working).await;
        happen(&stage).await;
        works.store(true, Ordering::SeqCst);
        let working = Working::start(&stage.connect);
        got.extend(hook.take(3).await);
        let ids: Vec<_> = got.iter().map(|message| message.id().to_owned()).collect();
        let events: Vec<_> =
            page(&stage, None, 100, &[]).await.events.into_iter().map(|one| one.id).collect();
        let expected = [0, 1, 2, 2, 3, 4].map(|index: usize| events[index].clone());
        assert_eq!(ids, expected, "{how}");
        working.stop().await;
        assert_eq!(hook.rest().len(), 0, "{how}");
    }
}

#[tokio::test]
async fn of_two_processes_one_sends() {
    let stage = stage_with(patient()).await;
    let mut hook = Hook::taking().await;
    set_up(&stage, &hook).await;
    let other = another(&stage, HttpTransport::builder().allow_loopback().build().unwrap());
    let working = [Working::start(&stage.connect), Working::start(&other)];
    for _ in 0..10 {
        happen(&stage).await;
    }
    let ids: HashSet<_> = hook.take(10).await.iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids.len(), 10);
    for one in working {
        one.stop().await;
    }
    assert_eq!(hook.rest().len(), 0);
}

/// Who sends is not taken for gone, however busy the machine is.
fn patient() -> Limits {
    let mut limits = quick();
    limits.lead = Duration::from_secs(15);
    limits
}

/// Another process over the same vault.
fn another(stage: &Stage, transport: HttpTransport) -> Connect {
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    Connect::builder(stage.vault.clone(), Arc::clone(&stage.registry), client)
        .webhooks_over(transport)
        .limits(patient())
        .check_every(None)
        .build(&stage.origin)
        .unwrap()
}

#[tokio::test]
async fn i8_a_tenant_gets_its_own_events_and_the_platform_gets_all() {
    let stage = stage_with(quick()).await;
    let (mut ours, mut theirs, mut platform) =
        (Hook::taking().await, Hook::taking().await, Hook::taking().await);
    let mut ids = Vec::new();
    for (owner, hook) in [(Some(tenant(TENANT)), &ours), (Some(tenant("globex")), &theirs), (None, &platform)]
    {
        let new = stage.connect.webhooks(owner.as_ref()).create(&hook.url, &[]).await.unwrap();
        assert_eq!(new.endpoint.tenant.as_deref(), owner.as_ref().map(keyway_vault::Tenant::as_str));
        ids.push((owner, new.endpoint.id));
    }
    let working = Working::start(&stage.connect);
    for owner in [TENANT, "globex", TENANT, "initech", "globex"] {
        linked(&stage, &stage.scope(owner), ROOTLY).await;
    }
    let whose = |messages: Vec<super::hook::Message>| -> Vec<String> {
        let tenants = messages.iter().map(|one| one.json()["data"]["tenant"].as_str().unwrap().to_owned());
        tenants.collect()
    };
    assert_eq!(whose(platform.take(5).await), [TENANT, "globex", TENANT, "initech", "globex"]);
    assert_eq!(whose(ours.take(2).await), [TENANT; 2]);
    assert_eq!(whose(theirs.take(2).await), ["globex"; 2]);
    working.stop().await;
    assert_eq!(ours.rest().len() + theirs.rest().len() + platform.rest().len(), 0);
    // Nobody sees anybody else's, the platform's among them.
    for (asker, _) in &ids {
        let endpoints = stage.connect.webhooks(asker.as_ref());
        let own: Vec<_> = endpoints.list().await.unwrap().into_iter().map(|one| one.id).collect();
        for (owner, id) in &ids {
            if owner == asker {
                assert_eq!(own, [id.as_str()]);
                continue;
            }
            for id in [id, "whk_aaaaaaaaaaaaaaaaaaaa", "", &"x".repeat(1000)] {
                let missing = Err(EndpointError::NotFound);
                assert_eq!(endpoints.get(id).await.map(|_| ()), missing);
                assert_eq!(endpoints.remove(id).await, missing);
                assert_eq!(endpoints.test(id).await.map(|_| ()), missing);
            }
        }
    }
    assert_eq!(ours.rest().len() + theirs.rest().len() + platform.rest().len(), 0);
}

#[tokio::test]
async fn only_what_was_asked_for_is_sent() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::taking().await;
    let types = [EventType::Removed, EventType::NeedsReconnect, EventType::Removed];
    let new = endpoints(&stage).create(&hook.url, &types).await.unwrap();
    assert_eq!(new.endpoint.types, [EventType::NeedsReconnect, EventType::Removed]);
    let working = Working::start(&stage.connect);
    story(&stage).await;
    let kinds: Vec<_> = hook.take(2).await.iter().map(super::hook::Message::kind).collect();
    assert_eq!(kinds, ["connection.needs_reconnect", "connection.removed"]);
    working.stop().await;
    assert_eq!(hook.rest().len(), 0);
}

#[tokio::test]
async fn n19_n21_where_webhooks_may_not_go() {
    let stage = Stage::new().await;
    let long = format!("https://hooks.example.com/{}", "x".repeat(2048));
    let refused = [
        ("https://127.0.0.1/", "names an address that is not public"),
        ("https://localhost/hook", "names an address that is not public"),
        ("https://2130706433/", "names an address that is not public"),
        ("https://10.0.0.1/", "names an address that is not public"),
        ("https://169.254.169.254/latest", "names an address that is not public"),
        ("https://[::1]/", "names an address that is not public"),
        ("https://[::ffff:10.0.0.1]/", "names an address that is not public"),
        ("http://hooks.example.com/", "is not https"),
        ("http://127.0.0.1:8080/", "is not https"),
        ("file:///etc/passwd", "is no URL: https://host/path"),
        ("hooks.example.com", "is no URL: https://host/path"),
        ("", "is no URL: https://host/path"),
        (
            "https://ada:made-up@hooks.example.com/",
            "holds a user's name or password; the receiver knows us by the signature",
        ),
        ("https://hooks.example.com/#made-up", "has a fragment, which is never sent"),
        (&long, "is longer than 2,048 bytes"),
    ];
    for (url, why) in refused {
        let error = endpoints(&stage).create(url, &[]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("`url` {why}"));
    }
    assert_eq!(endpoints(&stage).list().await.unwrap(), []);
    let new = endpoints(&stage).create("https://hooks.example.com/a/../b?token=made-up", &[]).await.unwrap();
    assert_eq!(new.endpoint.url, "https://hooks.example.com/b?token=made-up");
    assert!(!format!("{new:?}").contains("made-up") && !format!("{new:?}").contains(new.secret.expose()));
}

#[tokio::test]
async fn n22_an_address_is_judged_again_when_it_is_sent_to() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::taking().await;
    let new = set_up(&stage, &hook).await;
    let strict = another(&stage, HttpTransport::builder().build().unwrap());
    let tested = strict.webhooks(Some(&tenant(TENANT))).test(&new.endpoint.id).await.unwrap();
    assert_eq!((tested.delivered, tested.status), (false, None));
    assert_eq!(tested.problem.as_deref(), Some("only https is allowed"));
    let working = Working::start(&strict);
    happen(&stage).await;
    until(&stage, &new.endpoint.id, |one| one.state == EndpointState::Failing).await;
    working.stop().await;
    assert_eq!(hook.rest().len(), 0);
}

#[tokio::test]
async fn an_event_that_is_always_refused_is_passed_over_and_counted() {
    let mut limits = quick();
    limits.deliveries.attempts = 3;
    let stage = stage_with(limits).await;
    let poisoned = Arc::new(Mutex::new(String::new()));
    let first = Arc::clone(&poisoned);
    let mut hook = Hook::new(move |_, message| {
        let mut first = first.lock().unwrap();
        if first.is_empty() {
            message.id().clone_into(&mut first);
        }
        if *first == message.id() { Does::Answers(400) } else { Does::Answers(204) }
    })
    .await;
    let new = set_up(&stage, &hook).await;
    for _ in 0..3 {
        happen(&stage).await;
    }
    let working = Working::start(&stage.connect);
    let ids: Vec<_> = hook.take(6).await.iter().map(|message| message.id().to_owned()).collect();
    let events: Vec<_> = page(&stage, None, 10, &[]).await.events.into_iter().map(|one| one.id).collect();
    assert_eq!(ids, [0, 0, 0, 1, 0, 2].map(|index: usize| events[index].clone()));
    until(&stage, &new.endpoint.id, |one| one.skipped == 1 && one.state == EndpointState::Ok).await;
    working.stop().await;
}

#[tokio::test]
async fn an_event_that_is_always_refused_is_passed_over_however_much_was_not_asked_for_behind_it() {
    let mut limits = quick();
    limits.deliveries.attempts = 2;
    let stage = stage_with(limits).await;
    let mut first = None;
    let mut hook = Hook::new(move |_, message| {
        let first = first.get_or_insert_with(|| message.id().to_owned());
        Does::Answers(if first == message.id() { 400 } else { 204 })
    })
    .await;
    let types = [EventType::Removed];
    let id = endpoints(&stage).create(&hook.url, &types).await.unwrap().endpoint.id;
    let scope = stage.scope(TENANT);
    let key = credential(&stage, ROOTLY);
    let ends = [happen(&stage).await, happen(&stage).await];
    scope.remove(&ends[0].id).await.unwrap();
    for _ in 0..11 {
        scope.save_all(&vec![New::connection(&key); 500]).await.unwrap();
    }
    scope.remove(&ends[1].id).await.unwrap();
    let working = Working::start(&stage.connect);
    let sent = hook.take(4).await;
    let sent: Vec<_> = sent.iter().map(|one| one.json()["data"]["connection"]["id"].clone()).collect();
    assert_eq!(sent, [0, 0, 1, 0].map(|index: usize| ends[index].id.as_str()));
    until(&stage, &id, |one| one.skipped == 1 && one.state == EndpointState::Ok).await;
    working.stop().await;
}

/// What a receiver answers to the first event, again and again, and then takes it; and what was sent, by the event.
type Recovers = (&'static [Does], &'static [usize]);

#[tokio::test]
async fn an_event_is_not_passed_over_where_the_endpoint_was_at_fault() {
    use Does::{Answers, Hangs};
    let table: [Recovers; 4] = [
        // It comes back just when the next one is tried.
        (&[Answers(404), Answers(404), Answers(404)], &[0, 0, 0, 1, 0, 2]),
        (&[Answers(404), Answers(404), Answers(404), Answers(503)], &[0, 0, 0, 1, 0, 0, 1, 2]),
        (&[Answers(500), Answers(500), Answers(500), Answers(500), Answers(429)], &[0, 0, 0, 0, 0, 0, 1, 2]),
        (&[Answers(404), Answers(404), Hangs, Hangs], &[0, 0, 0, 0, 0, 1, 2]),
    ];
    for (fails, sent) in table {
        let mut limits = quick();
        limits.deliveries.attempts = 3;
        limits.deliveries.time = Duration::from_secs(3);
        let stage = stage_with(limits).await;
        let mut first: Option<(String, usize)> = None;
        let mut hook = Hook::new(move |_, message| {
            let (first, tries) = first.get_or_insert_with(|| (message.id().to_owned(), 0));
            if message.id() != first {
                return Answers(204);
            }
            *tries += 1;
            fails.get(*tries - 1).copied().unwrap_or(Answers(204))
        })
        .await;
        let new = set_up(&stage, &hook).await;
        for _ in 0..3 {
            happen(&stage).await;
        }
        let working = Working::start(&stage.connect);
        let ids: Vec<_> = hook.take(sent.len()).await.iter().map(|one| one.id().to_owned()).collect();
        let events: Vec<_> = page(&stage, None, 10, &[]).await.events.into_iter().map(|one| one.id).collect();
        let expected: Vec<_> = sent.iter().map(|index| events[*index].clone()).collect();
        assert_eq!(ids, expected, "{fails:?}");
        until(&stage, &new.endpoint.id, |one| one.state == EndpointState::Ok).await;
        assert_eq!(endpoints(&stage).get(&new.endpoint.id).await.unwrap().skipped, 0, "{fails:?}");
        working.stop().await;
    }
}

#[tokio::test]
async fn what_was_changed_by_hand_stops_nobody_elses_webhooks() {
    for damage in [
        "UPDATE keyway_documents SET created_at = 1 WHERE kind = 'webhook' AND tenant = 'globex'",
        // Before anybody reads it.
        "CREATE TRIGGER damage AFTER INSERT ON keyway_entries WHEN NEW.tenant = 'globex' \
         BEGIN UPDATE keyway_entries SET body = '{}' WHERE seq = NEW.seq; END",
    ] {
        let mut limits = quick();
        limits.lead = Duration::from_secs(15);
        let stage = stage_with(limits).await;
        let mut hook = Hook::taking().await;
        set_up(&stage, &hook).await;
        stage.connect.webhooks(Some(&tenant("globex"))).create(&hook.url, &[]).await.unwrap();
        stage.run(damage).await;
        let working = Working::start(&stage.connect);
        happen(&stage).await;
        hook.next().await;
        linked(&stage, &stage.scope("globex"), ROOTLY).await;
        for _ in 0..50 {
            let connection = happen(&stage).await;
            let taken = async {
                while hook.next().await.json()["data"]["connection"]["id"] != connection.id.as_str() {}
            };
            let is_free = async {
                while stage.vault.lead("webhooks", Duration::from_secs(1)).await.unwrap().is_none() {}
            };
            tokio::select! {
                () = taken => {}
                () = is_free => panic!("work broke off: {damage}"),
            }
        }
        working.stop().await;
    }
}

#[tokio::test]
async fn an_endpoint_that_is_given_up_gets_everything_once_a_test_is_taken() {
    for (status, gives_up) in [(500, Duration::ZERO), (410, Duration::from_secs(1000))] {
        let mut limits = quick();
        limits.deliveries.gives_up = gives_up;
        let stage = stage_with(limits).await;
        let works = Arc::new(AtomicBool::new(false));
        let takes = Arc::clone(&works);
        let mut hook =
            Hook::new(move |_, _| Does::Answers(if takes.load(Ordering::SeqCst) { 204 } else { status }))
                .await;
        let id = set_up(&stage, &hook).await.endpoint.id;
        let working = Working::start(&stage.connect);
        happen(&stage).await;
        until(&stage, &id, |one| one.state == EndpointState::Disabled).await;
        happen(&stage).await;
        let shown = endpoints(&stage).get(&id).await.unwrap();
        assert!(shown.failing_since.is_some());
        assert_eq!(shown.last.unwrap().status, Some(status));
        let failed = endpoints(&stage).test(&id).await.unwrap();
        assert_eq!((failed.delivered, failed.status), (false, Some(status)));
        until(&stage, &id, |one| one.state == EndpointState::Disabled).await;
        works.store(true, Ordering::SeqCst);
        let tested = endpoints(&stage).test(&id).await.unwrap();
        assert!(tested.delivered);
        let kinds: Vec<_> = hook.take(5).await.iter().map(super::hook::Message::kind).collect();
        let created = "connection.created";
        assert_eq!(kinds, [created, "webhook.test", "webhook.test", created, created], "{status}");
        until(&stage, &id, |one| one.state == EndpointState::Ok).await;
        working.stop().await;
    }
}

#[tokio::test]
async fn a_test_says_what_came_back() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::taking().await;
    let new = set_up(&stage, &hook).await;
    let tested = endpoints(&stage).test(&new.endpoint.id).await.unwrap();
    assert_eq!((tested.delivered, tested.status, &tested.problem), (true, Some(204), &None));
    let message = hook.next().await;
    assert_eq!(message.id(), tested.id);
    assert!(message.is_signed(new.secret.expose(), SystemTime::now()));
    let json = message.json();
    assert_eq!(json["type"], "webhook.test");
    assert_eq!(json["data"], serde_json::json!({ "tenant": TENANT, "webhook": new.endpoint.id }));
}

#[tokio::test]
async fn a_removed_endpoint_gets_nothing_more() {
    let stage = stage_with(quick()).await;
    let (mut removed, mut stays) = (Hook::taking().await, Hook::taking().await);
    let new = set_up(&stage, &removed).await;
    set_up(&stage, &stays).await;
    let working = Working::start(&stage.connect);
    happen(&stage).await;
    removed.next().await;
    stays.next().await;
    until(&stage, &new.endpoint.id, |one| one.last.is_some()).await;
    endpoints(&stage).remove(&new.endpoint.id).await.unwrap();
    assert_eq!(endpoints(&stage).remove(&new.endpoint.id).await, Err(EndpointError::NotFound));
    for _ in 0..3 {
        happen(&stage).await;
    }
    stays.take(3).await;
    working.stop().await;
    assert_eq!(removed.rest().len(), 0);
}

#[tokio::test]
async fn i10_there_are_20_at_most_however_many_are_set_up_at_once() {
    let stage = Arc::new(stage_with(quick()).await);
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let endpoints = endpoints(&stage);
            tokio::spawn(async move { endpoints.create("https://hooks.example.com/", &[]).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error, EndpointError::TooMany(20)),
        }
    }
    assert_eq!((made, endpoints(&stage).list().await.unwrap().len()), (20, 20));
    let first = endpoints(&stage).list().await.unwrap().remove(0);
    endpoints(&stage).remove(&first.id).await.unwrap();
    assert!(endpoints(&stage).create("https://hooks.example.com/", &[]).await.is_ok());
    let other = stage.connect.webhooks(Some(&tenant("globex")));
    assert!(other.create("https://hooks.example.com/", &[]).await.is_ok(), "others have their own");
}

#[tokio::test]
async fn what_is_kept_of_an_endpoint_says_what_was_taken_last() {
    let stage = stage_with(quick()).await;
    let mut hook = Hook::taking().await;
    let new = set_up(&stage, &hook).await;
    assert_eq!((new.endpoint.state, new.endpoint.last, new.endpoint.skipped), (EndpointState::Ok, None, 0));
    let connection = happen(&stage).await;
    let scope = stage.scope(TENANT);
    let connection = scope.checked(&connection, &good("a-1")).await.unwrap();
    scope.checked(&connection, &refused()).await.unwrap();
    let working = Working::start(&stage.connect);
    let kinds: Vec<_> = hook.take(4).await.iter().map(super::hook::Message::kind).collect();
    assert_eq!(kinds, STORY[..4].iter().map(|one| one.0).collect::<Vec<_>>(), "what came before work began");
    working.stop().await;
}
