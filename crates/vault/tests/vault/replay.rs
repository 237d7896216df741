//! What was sealed under an earlier descriptor, and by an earlier Keyway.

use std::{io::Cursor, sync::Arc};

use http::Method;
use keyway_core::{BodyAccess, Registry, Submission, Verdict};
use keyway_vault::{By, ConnectionId, Error, New, Opened, Rate, Record, Scope, Terms, Vault};

use crate::setting::{Keys, Setting, account, actor, checked, database, tenant};

/// The descriptor under which everything here was saved.
const SHOP: &str = include_str!("golden/shop.yaml");

/// What [`story`] made with the first format of exports, under the made-up keys 1 and then 2 of [`Keys::key`]. It is never
/// made anew: who changes a format so that this does not open has lost everybody's connections.
const GOLDEN: &[u8] = include_bytes!("golden/export-1-made-up-key-2.jsonl");

const TOKEN: &str = "shopkey-madeup-0000";

type Edits<'e> = &'e [(&'e str, &'e str)];

fn shop(edits: Edits<'_>) -> Registry {
    let mut text = SHOP.to_owned();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    Registry::from_descriptors([("shop.yaml", &*text)]).unwrap_or_else(|error| panic!("{error}"))
}

/// A connection with all that it can have, a grant, uses, and another master key than at first.
async fn story(vault: &Vault) -> ConnectionId {
    let registry = shop(&[]);
    let fields =
        Submission::new().with("host", "us.shop.example").with("app", "madeup-büro").with("token", TOKEN);
    let credential = registry.accept("shop", None, &fields).unwrap().credential;
    let scope = vault.tenant(&tenant("acme"), &actor());
    let id = scope.save(New::connection(&credential).name("Büro")).await.unwrap().connection.id;
    checked(&scope, &id, &Verdict::Valid(account("u1"))).await.unwrap();
    let rate = Rate { requests: 10, per: std::time::Duration::from_secs(60) };
    let terms =
        Terms::builder().methods([Method::GET]).rate(rate).build(std::time::SystemTime::now()).unwrap();
    let grant = scope.grant(&id, terms.clone()).await.unwrap().grant.id;
    let revoked = scope.grant(&id, terms).await.unwrap().grant.id;
    scope.revoke(&revoked).await.unwrap();
    vault.rotate(&actor(), |_| {}).await.unwrap();
    let (recorder, recording) = vault.recorder().await.unwrap();
    let by = By::Grant(grant);
    recorder.intend(Record::new(tenant("acme"), id.clone(), by, Method::GET, "/me".into())).await.unwrap();
    drop(recorder);
    recording.end().await.unwrap();
    id
}

async fn saved() -> (Setting, Scope, ConnectionId) {
    let setting = Setting::new().await;
    let id = story(&setting.vault).await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    (setting, scope, id)
}

/// What a request of it carries.
fn token_of(opened: &Opened, uri: &str) -> Option<String> {
    let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
    opened.credential.authorize(&mut parts, BodyAccess::Empty).ok()?;
    Some(parts.headers["x-token"].to_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_was_sealed_opens_under_a_later_descriptor_with_warnings() {
    let (_setting, scope, id) = saved().await;
    let host = "host: { label: Server, secret: false, choices: [eu.shop.example, us.shop.example], default: eu.shop.example }";
    let server = host.replace("host: {", "server: { formerly: [host],");
    let app = "app: { label: Application, secret: false }";
    let token = "token: { label: Token }";
    let cases: [(&str, Edits<'_>, &[&str]); 9] = [
        ("the same", &[], &[]),
        ("a stricter pattern", &[(token, "token: { label: Token, pattern: \"new-.*\" }")], &["token"]),
        ("another shape", &[(token, "token: { label: Token, shape: { prefix: new_ } }")], &["token"]),
        ("a renamed field, formerly", &[(app, "team: { label: Team, secret: false, formerly: [app] }")], &[]),
        ("a renamed field", &[(app, "team: { label: Team, secret: false }")], &["app", "team"]),
        ("a renamed host, formerly", &[("https://{host}", "https://{server}"), (host, &server)], &[]),
        ("an added `also`", &[("[https://files.", "[https://new.shop.example, https://files.")], &[]),
        (
            "a renamed provider and method, formerly",
            &[
                ("id: shop", "id: store\nformerly: [shop]"),
                ("  key:\n    label: Key", "  token:\n    formerly: [key]\n    label: Key"),
            ],
            &[],
        ),
        (
            "a removed choice of what makes no address",
            &[(app, "app: { label: Application, secret: false, choices: [one] }")],
            &["app"],
        ),
    ];
    for (case, edits, warned) in cases {
        let opened = scope.open(&id, &shop(edits)).await.unwrap_or_else(|error| panic!("{case}: {error}"));
        let mut found: Vec<_> = opened.warnings.iter().map(|warning| warning.field.clone()).collect();
        found.sort();
        assert_eq!(found, warned, "{case}");
        assert_eq!(
            opened.connection.origins,
            ["https://us.shop.example", "https://files.shop.example"],
            "{case}"
        );
        assert_eq!(token_of(&opened, "https://us.shop.example/x").as_deref(), Some(TOKEN), "{case}");
        for elsewhere in
            ["https://eu.shop.example/x", "https://new.shop.example/x", "http://us.shop.example/x"]
        {
            assert_eq!(token_of(&opened, elsewhere), None, "{case}: {elsewhere}");
        }
        let shown = format!("{opened:?} {:?}", opened.warnings);
        assert!(!shown.contains("madeup"), "{case}: {shown}");
    }
}

#[tokio::test]
async fn i1_what_may_not_be_sent_any_more_needs_a_key_and_gives_none() {
    let (setting, scope, id) = saved().await;
    let host = "host: { label: Server, secret: false, choices: [eu.shop.example, us.shop.example], default: eu.shop.example }";
    let renamed = host.replace("host:", "server:");
    let cases: [(&str, Edits<'_>); 7] = [
        ("another origin", &[("https://{host}", "https://{host}:8443")]),
        ("another host", &[("https://{host}", "https://evil.example")]),
        ("a removed choice", &[("[eu.shop.example, us.shop.example]", "[eu.shop.example]")]),
        ("a removed `also`", &[("  also: [https://files.shop.example]\n", "")]),
        ("a changed `also`", &[("[https://files.", "[https://files2.")]),
        ("a renamed host", &[("https://{host}", "https://{server}"), (host, &renamed)]),
        (
            "a renamed secret",
            &[("token: { label: Token }", "password: { label: P }"), ("\"{token}\"", "\"{password}\"")],
        ),
    ];
    let before = setting.vault.anchor().await.unwrap();
    for (case, edits) in cases {
        match scope.open(&id, &shop(edits)).await {
            Err(Error::NeedsKey { why }) => assert!(!why.contains("madeup"), "{case}: {why}"),
            other => panic!("{case}: {other:?}"),
        }
    }
    let unknown = [
        ("another provider's id", shop(&[("id: shop", "id: store")])),
        ("another method's id", shop(&[("  key:\n    label: Key", "  token:\n    label: Key")])),
        ("no provider", crate::setting::registry()),
    ];
    for (case, registry) in unknown {
        let refused = scope.open(&id, &registry).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{case}: {refused:?}");
    }
    // A descriptor of today says nothing of the key: the connection stays as it is, and opens where it may.
    assert_eq!(setting.vault.anchor().await.unwrap(), before);
    scope.open(&id, &shop(&[])).await.unwrap();
}

#[tokio::test]
async fn a_key_for_the_provider_under_its_new_name_replaces_the_old_one() {
    let (_setting, scope, id) = saved().await;
    let renamed = shop(&[("id: shop", "id: store\nformerly: [shop]")]);
    let fields = Submission::new()
        .with("host", "eu.shop.example")
        .with("app", "a")
        .with("token", "shopkey-madeup-0001");
    let credential = renamed.accept("store", None, &fields).unwrap().credential;
    // Whose account it is was marked under the old name.
    let accounts = keyway_vault::Accounts::Same;
    let (ada, stranger) = (account("u1"), account("u2"));
    let of = |account| scope.replace(&id, New::connection(&credential).account(account), accounts);
    assert_eq!(of(&stranger).await, Err(Error::OtherAccount));
    let replaced = of(&ada).await.unwrap();
    assert_eq!((replaced.provider.as_str(), replaced.name.as_deref()), ("store", Some("Büro")));
    let opened = scope.open(&id, &renamed).await.unwrap();
    assert_eq!(token_of(&opened, "https://eu.shop.example/x").as_deref(), Some("shopkey-madeup-0001"));
    assert_eq!(token_of(&opened, "https://us.shop.example/x"), None);
}

#[tokio::test]
async fn what_an_earlier_keyway_exported_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let store = database(&folder).create().await.unwrap();
    let keys = Arc::new(Keys::of(&[2]));
    let (vault, rows) = Vault::import(store, keys, &actor(), &mut Cursor::new(GOLDEN)).await.unwrap();
    assert_eq!((rows.connections, rows.grants, rows.keys), (1, 2, 2));
    let report = vault.verify(&[]).await.unwrap();
    assert_eq!((report.problems, report.open_runs), (Vec::new(), Vec::new()));
    let scope = vault.tenant(&tenant("acme"), &actor());
    let list = scope.list(None, 9).await.unwrap();
    let [connection] = &list[..] else { panic!("{}", list.len()) };
    assert_eq!(
        (connection.name.as_deref(), connection.account.as_ref()),
        (Some("Büro"), Some(&account("u1")))
    );
    let opened = scope.open(&connection.id, &shop(&[])).await.unwrap();
    assert_eq!(token_of(&opened, "https://us.shop.example/x").as_deref(), Some(TOKEN));
    assert_eq!(opened.credential.plain("app"), Some("madeup-büro"));
    let grants = scope.grants(Some(&connection.id), None, 9).await.unwrap();
    assert_eq!(grants.iter().filter(|grant| grant.revoked_at.is_some()).count(), 1);
    assert!(grants.iter().all(|grant| grant.terms.rate().is_some_and(|rate| rate.requests == 10)));
    // The same key and account as of old are known again: fingerprints did not change either.
    let fields =
        Submission::new().with("host", "us.shop.example").with("app", "another").with("token", TOKEN);
    let credential = shop(&[]).accept("shop", None, &fields).unwrap().credential;
    let saved = scope.save(New::connection(&credential).account(&account("u1"))).await.unwrap();
    assert_eq!(
        (&saved.same_secret[..], &saved.same_account[..]),
        (&[connection.id.clone()][..], &[connection.id.clone()][..])
    );
}
