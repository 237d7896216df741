//! Every page in every state, with texts of somebody's choice.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway_core::{Account, Registration, Registry, Submission, VerdictKind};
use keyway_form::Form;
use keyway_vault::{Actor, Connection, Database, Held, KeyFile, New, Status, Tenant, Vault};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    Direction, Look, Purpose,
    page::{self, Choose, Chrome, Confirm, Done, Key},
    session::{Checked, Other, Told},
};

/// Every text that somebody else chooses.
#[derive(Clone)]
pub(super) struct Texts {
    platform: String,
    label: String,
    other_label: String,
    name: String,
    group: String,
    say: String,
    query: String,
    notice: String,
    provider: Option<String>,
}

impl Texts {
    pub(super) fn plain() -> Self {
        Self {
            platform: "Acme Cloud".to_owned(),
            label: "Ada Lovelace @ Analytical Engines".to_owned(),
            other_label: "Charles Babbage @ Difference Works".to_owned(),
            name: "Production".to_owned(),
            group: "Analytical Engines".to_owned(),
            say: "the key was made for another server of this service, and works there alone".to_owned(),
            query: "jira".to_owned(),
            notice: "Production works: the key was checked just now.".to_owned(),
            provider: None,
        }
    }

    /// The same text in every place.
    pub(super) fn all(text: &str) -> Self {
        let own = || text.to_owned();
        Self {
            platform: own(),
            label: own(),
            other_label: own(),
            name: own(),
            group: own(),
            say: own(),
            query: own(),
            notice: own(),
            provider: Some(own()),
        }
    }
}

pub(super) struct Gallery {
    pub(super) chrome: Chrome,
    texts: Texts,
    registry: Registry,
    connection: Connection,
    held: Held,
}

type Pages = Vec<(String, String)>;

static KEPT: OnceCell<(Connection, Held)> = OnceCell::const_new();

/// A connection, and a credential that waits: only a vault makes them.
async fn kept() -> (Connection, Held) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::from_registrations([&keyway_rootly::REGISTRATION]).unwrap();
    let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
    let store = store.parse::<Database>().unwrap().create().await.unwrap();
    let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
    let actor = Actor::parse("test").unwrap();
    let vault = Vault::init(store, key, &actor).await.unwrap();
    let scope = vault.tenant(&Tenant::parse("acme").unwrap(), &actor);
    let (entry, method) = registry.method("rootly", None).unwrap();
    let made_up = format!("rootly_{}", "600d".repeat(16));
    let credential = entry.accept(method, &Submission::new().with("api_key", made_up)).unwrap().credential;
    let account = Account::new("1", "Ada");
    let saved = scope.save(New::connection(&credential).account(&account)).await.unwrap();
    let held = scope.hold(&credential, &account, "test").unwrap();
    (saved.connection, held)
}

impl Gallery {
    pub(super) async fn new(texts: &Texts) -> Self {
        let (connection, held) = KEPT.get_or_init(kept).await.clone();
        let logo = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMiAzMiI+\
            PGNpcmNsZSBjeD0iMTYiIGN5PSIxNiIgcj0iMTYiIGZpbGw9IiMwZjc2NmUiLz48cGF0aCBkPSJNOCAyMmw4LTE0IDggMTR6IiBmaWxsPSIjZmZmIi8+PC9zdmc+";
        let look = Look {
            name: Some(texts.platform.clone()),
            logo: Some(logo.to_owned()),
            accent: Some("#0f766e".to_owned()),
            ..Look::default()
        };
        let chrome = Chrome {
            look,
            direction: Direction::Ltr,
            base: "/connect/ses_1".to_owned(),
            csrf: "made-up-token".to_owned(),
            is_embedded: false,
            purpose: Some(Purpose::Connect { providers: Vec::new() }),
            parent_origin: None,
        };
        Self { chrome, registry: registry(texts), connection, held, texts: texts.clone() }
    }

    /// A logo for each provider that has none here.
    pub(super) fn logos(&self) -> BTreeMap<String, String> {
        let mut logos: BTreeMap<String, String> = self
            .registry
            .entries()
            .iter()
            .map(|entry| (entry.descriptor().id().to_string(), page::monogram(entry.descriptor().name())))
            .collect();
        for one in [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION] {
            let id = one.package.strip_prefix("keyway-").unwrap();
            logos.insert(id.to_owned(), one.logo.to_owned());
        }
        logos
    }

    pub(super) fn pages(&self) -> Pages {
        let mut pages = Pages::new();
        self.links(&mut pages);
        self.choices(&mut pages);
        self.keys(&mut pages);
        self.verdicts(&mut pages);
        self.confirmations(&mut pages);
        self.ends(&mut pages);
        self.accounts(&mut pages);
        pages
    }

    fn embedded(&self) -> Chrome {
        let parent_origin = Some("https://app.acme.example".to_owned());
        Chrome { is_embedded: true, parent_origin, ..self.chrome.clone() }
    }

    fn links(&self, pages: &mut Pages) {
        let purposes = [
            ("connect", Purpose::Connect { providers: Vec::new() }),
            ("reconnect", Purpose::Reconnect { connection: "con_1".to_owned(), other_account: false }),
            ("manage", Purpose::Manage { providers: Vec::new() }),
        ];
        for (name, purpose) in purposes {
            let chrome = Chrome { base: String::new(), purpose: Some(purpose), ..self.chrome.clone() };
            put(pages, &format!("link{name}"), page::link(&chrome, "/link/kwl_1"));
        }
        put(pages, "linkconnect-frame", page::link(&self.embedded(), "/link/kwl_1"));
        put(pages, "blocked", page::blocked(&self.chrome, "/link/kwl_1"));
        put(pages, "blockedframe", page::blocked(&self.embedded(), "/link/kwl_1"));
        put(pages, "unusable", page::unusable(&self.chrome));
        put(
            pages,
            "problem",
            page::problem(
                &self.chrome,
                "Not reachable at the moment",
                "Nothing was lost. Try again in a minute.",
            ),
        );
        pages.push((
            "checking".to_owned(),
            page::checking(&self.chrome, self.provider_name()) + "</main></body></html>",
        ));
        let ended =
            page::checking(&self.chrome, self.provider_name()) + &page::checking_end("/connect/ses_1");
        pages.push(("checking-end".to_owned(), ended));
    }

    fn choices(&self, pages: &mut Pages) {
        let all: Vec<_> = self.registry.entries().iter().collect();
        let choose =
            |entries, query, can_go_back| page::choose(&self.chrome, &Choose { entries, query, can_go_back });
        put(pages, "choose", choose(all.clone(), "", false));
        put(pages, "choose-manage", choose(all.clone(), "", true));
        put(pages, "choose-found", choose(all[..2].to_vec(), &self.texts.query, false));
        put(pages, "choose-none", choose(Vec::new(), &self.texts.query, false));
    }

    fn keys(&self, pages: &mut Pages) {
        for (provider, method) in
            [("rootly", None), ("rally", None), ("made_up", None), ("made_up", Some("other"))]
        {
            let (entry, method) = self.registry.method(provider, method).unwrap();
            let form = Form::new(entry.descriptor(), method);
            let page =
                Key { form: &form, entry, told: None, host: method.host(), target: None, can_go_back: true };
            put(pages, &format!("key{provider}-{}", method.id()), page::key(&self.chrome, &page));
            let submission = Submission::new().with("api_key", "two words").with("key", "two words");
            let refused = entry.accept(method, &submission).unwrap_err();
            let form = form.refused(&submission, &refused);
            let page =
                Key { form: &form, entry, told: None, host: method.host(), target: None, can_go_back: false };
            put(pages, &format!("key{provider}-refused-{}", method.id()), page::key(&self.chrome, &page));
        }
        let target = self.connection("rootly", Some(&self.texts.name), Some(&self.texts.label));
        let (entry, method) = self.registry.method("rootly", None).unwrap();
        let form = Form::new(entry.descriptor(), method);
        let page = Key {
            form: &form,
            entry,
            told: None,
            host: method.host(),
            target: Some(&target),
            can_go_back: false,
        };
        put(pages, "keynew-reconnect", page::key(&self.chrome, &page));
        let chrome =
            Chrome { purpose: Some(Purpose::Manage { providers: Vec::new() }), ..self.chrome.clone() };
        put(pages, "keynew-manage", page::key(&chrome, &page));
    }

    fn verdicts(&self, pages: &mut Pages) {
        let target = self.connection("rootly", Some(&self.texts.name), Some(&self.texts.other_label));
        let say = Some(self.texts.say.as_str());
        let cases = [
            ("invalid", None, None),
            ("invalid", say, None),
            ("forbidden", None, None),
            ("rate_limited", None, None),
            ("rate_limited", None, Some(300)),
            ("unavailable", None, None),
            ("unavailable", None, Some(30)),
            ("unknown", None, None),
            ("unknown", say, None),
            ("other_account", None, None),
            ("unsuited", None, None),
            ("too_many", None, None),
            ("removed", None, None),
            ("replaced", None, None),
            ("spilled", None, None),
        ];
        for (kind, say, retry_after) in cases {
            let provider = if self.texts.provider.is_some() { "made_up" } else { "rootly" };
            let (entry, method) = self.registry.method(provider, None).unwrap();
            let told = Told {
                provider: provider.to_owned(),
                method: method.id().to_string(),
                kind: kind.to_owned(),
                say: say.map(str::to_owned),
                retry_after,
                values: Vec::new(),
            };
            let form = Form::new(entry.descriptor(), method);
            let target = (kind == "other_account").then_some(&target);
            let page = Key { form: &form, entry, told: Some(&told), target, host: None, can_go_back: false };
            let said = if say.is_some() { "-said" } else { "" };
            let waits = if retry_after.is_some() { "-waits" } else { "" };
            put(pages, &format!("verdict-{kind}{said}{waits}"), page::key(&self.chrome, &page));
        }
    }

    fn confirmations(&self, pages: &mut Pages) {
        let provider = if self.texts.provider.is_some() { "made_up" } else { "rootly" };
        let entry = self.registry.get(provider).unwrap();
        let checked = |other| Checked {
            held: self.held.clone(),
            method: "api_key".to_owned(),
            label: self.texts.label.clone(),
            same: Vec::new(),
            other,
        };
        let one = || self.connection(provider, Some(&self.texts.name), Some(&self.texts.label));
        let two = || self.connection(provider, None, Some(&self.texts.label));
        let wrong = Some(("It may have at most 100 characters.", self.texts.name.as_str()));
        let cases = [
            ("plain", None, None, vec![], None),
            ("named", None, None, vec![], wrong),
            ("same", None, None, vec![one()], None),
            ("both", None, None, vec![one(), two()], None),
            ("reconnect", None, Some(one()), vec![], None),
            (
                "alike",
                Some(Other::Alike),
                Some(self.connection(provider, None, Some(&self.texts.other_label))),
                vec![],
                None,
            ),
            (
                "allowed",
                Some(Other::Allowed),
                Some(self.connection(provider, Some(&self.texts.name), Some(&self.texts.other_label))),
                vec![],
                None,
            ),
        ];
        for (name, other, target, same, wrong) in cases {
            let checked = checked(other);
            let page = Confirm { entry, checked: &checked, same, target: target.as_ref(), name: wrong };
            put(pages, &format!("confirm-{name}"), page::confirm(&self.chrome, &page));
        }
    }

    fn ends(&self, pages: &mut Pages) {
        let entry = self.registry.get(if self.texts.provider.is_some() { "made_up" } else { "rootly" }).ok();
        let origin = "https://app.acme.example";
        let plain = || Done {
            entry,
            connection: "con_1",
            label: Some(&self.texts.label),
            reconnected: false,
            tells: None,
            return_url: None,
            can_go_back: false,
        };
        let url = Some("https://app.acme.example/back?connection_id=con_1");
        put(pages, "done", page::done(&self.chrome, &plain()));
        put(pages, "done-return", page::done(&self.chrome, &Done { return_url: url, ..plain() }));
        let told = Done { tells: Some((origin, "keyway.connected")), ..plain() };
        put(pages, "done-told", page::done(&self.embedded(), &told));
        put(pages, "done-manage", page::done(&self.chrome, &Done { can_go_back: true, ..plain() }));
        put(pages, "renewed", page::done(&self.chrome, &Done { reconnected: true, ..plain() }));
        put(pages, "cancelled", page::cancelled(&self.chrome, None, None, None));
        let told = Some((origin, "keyway.cancelled"));
        put(pages, "cancelled-told", page::cancelled(&self.embedded(), None, told, url));
        put(pages, "left", page::left(&self.chrome, None, None, None));
        put(pages, "left-told", page::left(&self.embedded(), told, Some("con_1"), url));
    }

    fn accounts(&self, pages: &mut Pages) {
        let now = SystemTime::now();
        let states = [
            (Status::Active, Some(VerdictKind::Valid), 20),
            (Status::NeedsKey, Some(VerdictKind::Invalid), 7200),
            (Status::Active, Some(VerdictKind::Unavailable), 90_000),
            (Status::Active, Some(VerdictKind::Forbidden), 400_000),
            (Status::Active, None, 0),
        ];
        let list: Vec<Connection> = states
            .into_iter()
            .enumerate()
            .map(|(index, (status, verdict, age))| {
                let provider =
                    if self.texts.provider.is_some() { "made_up" } else { ["rootly", "rally"][index % 2] };
                let name = (index != 2).then_some(self.texts.name.as_str());
                let mut one = self.connection(provider, name, Some(&self.texts.label));
                (one.status, one.verdict) = (status, verdict);
                one.checked_at = verdict.is_some().then(|| now - Duration::from_secs(age));
                one
            })
            .collect();
        let accounts = |list: &[Connection], notice, back| {
            page::accounts(&self.chrome, list, &self.registry, notice, back)
        };
        put(pages, "accounts", accounts(&list, None, None));
        put(
            pages,
            "accounts-notice",
            accounts(&list[..1], Some(&self.texts.notice), Some("https://app.acme.example/")),
        );
        put(pages, "accounts-empty", accounts(&[], None, None));
        put(pages, "remove", page::remove(&self.chrome, &list[0], &self.texts.name));
    }

    fn provider_name(&self) -> &str {
        self.texts.provider.as_deref().unwrap_or("Rootly")
    }

    fn connection(&self, provider: &str, name: Option<&str>, label: Option<&str>) -> Connection {
        let mut connection = self.connection.clone();
        provider.clone_into(&mut connection.provider);
        connection.name = name.map(str::to_owned);
        connection.account = label.map(|label| Account::new("1", label).with_group(&self.texts.group));
        connection
    }
}

fn put(pages: &mut Pages, name: &str, page: maud::Markup) {
    pages.push((name.to_owned(), page.into_string()));
}

/// Rally and Rootly, and made-up ones beside them. JSON is YAML.
fn registry(texts: &Texts) -> Registry {
    let texts_of = |text: &Registration| (text.package.strip_prefix("keyway-").unwrap(), text.descriptor);
    let real = [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION].map(texts_of);
    // A descriptor with characters that nobody sees does not load.
    let visible = |text: &str| text.replace(['\u{202e}', '\u{2066}'], "");
    let name = texts.provider.as_deref().map_or_else(|| "Northwind".to_owned(), visible);
    let mut all: Vec<(String, String)> =
        real.iter().map(|(id, text)| (format!("{id}.yaml"), (*text).to_owned())).collect();
    all.push(("made_up.yaml".to_owned(), descriptor("made_up", &name, &name, &["Sales"], true)));
    let others = [
        ("junction", "Junction", "Issues and boards for teams.", "Project management"),
        ("pager", "Pagerline", "On-call schedules and alerts.", "Incident management"),
        (
            "ledger",
            "Ledgerly",
            "Invoices and bookkeeping for small companies, with a long summary that takes two lines.",
            "Finance",
        ),
        ("mail", "Mailbird", "Transactional e-mail.", ""),
    ];
    for (id, name, summary, category) in others {
        let categories: Vec<&str> = [category].into_iter().filter(|category| !category.is_empty()).collect();
        all.push((format!("{id}.yaml"), descriptor(id, name, summary, &categories, false)));
    }
    Registry::from_descriptors(all.iter().map(|(file, text)| (file.as_str(), text.as_str()))).unwrap()
}

fn descriptor(id: &str, name: &str, summary: &str, categories: &[&str], two: bool) -> String {
    let method = |label: &str| {
        json!({
            "label": label,
            "guide": ["Open **Settings** and copy the key."],
            "fields": {
                "site": { "label": "Site", "secret": false, "help": "The first part of your address." },
                "key": { "label": label },
            },
            "authorize": { "headers": { "authorization": "Bearer {key}" } },
            "check": {
                "request": "GET /me",
                "valid": { "status": 200, "body": { "/id": { "exists": true } } },
                "account": { "id": "/id", "label": ["{/name}"] },
            },
        })
    };
    let mut methods = json!({ "key": method("API key") });
    if two {
        methods["other"] = method("Service token");
    }
    json!({
        "version": 1, "id": id, "name": name, "summary": summary, "categories": categories,
        "links": {
            "docs": "https://example.com/docs",
            "keys": "https://example.com/keys",
            "support": "https://example.com/help",
        },
        "seen_live": "never",
        "api": { "origin": "https://{site}.example.com" },
        "methods": methods,
    })
    .to_string()
}
