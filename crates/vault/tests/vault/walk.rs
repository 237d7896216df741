//! The whole way once: saved, listed, opened, checked, renamed, given a new key, removed.

use keyway_core::{BodyAccess, Reason, ReasonCode, Verdict};
use keyway_vault::{Accounts, Error, New, Status};

use crate::setting::{Setting, account, actor, checked, secret, tenant};

#[tokio::test]
async fn a_connection_lives() {
    let setting = Setting::new().await;
    let acme = setting.vault.tenant(&tenant("acme"), &actor());
    let credential = setting.credential(1);
    let saved =
        acme.save(New::connection(&credential).account(&account("u1")).name("Production")).await.unwrap();
    let id = saved.connection.id.clone();
    assert!(saved.same_secret.is_empty() && saved.same_account.is_empty());
    assert_eq!(saved.connection.name.as_deref(), Some("Production"));
    assert_eq!(saved.connection.origins, ["https://eu.acme.example"]);

    // Another process opens the same file, and the credential does what it did.
    let other = setting.again().await.tenant(&tenant("acme"), &actor());
    let opened = other.open(&id, &setting.registry).await.unwrap();
    assert_eq!(opened.connection, acme.get(&id).await.unwrap());
    let (mut parts, ()) = http::Request::get("https://eu.acme.example/x").body(()).unwrap().into_parts();
    opened.credential.authorize(&mut parts, BodyAccess::Empty).unwrap();
    assert_eq!(parts.headers["x-acme-key"], secret(1).as_str());
    assert!(opened.warnings.is_empty());

    // A verdict changes the status; one that says nothing of the key does not.
    let no = |code| Reason::new(code, "no");
    let invalid = Verdict::Invalid(no(ReasonCode::NoProof));
    assert_eq!(checked(&other, &id, &invalid).await.unwrap().status, Status::NeedsKey);
    let away = Verdict::Unavailable { retry_after: None, reason: no(ReasonCode::NoAnswer) };
    assert_eq!(checked(&acme, &id, &away).await.unwrap().status, Status::NeedsKey);
    let valid = checked(&acme, &id, &Verdict::Valid(account("u1"))).await.unwrap();
    assert_eq!((valid.status, valid.version), (Status::Active, 4));
    assert_eq!(checked(&acme, &id, &Verdict::Valid(account("u2"))).await, Err(Error::OtherAccount));

    // A new key keeps id and name, and is of the same account.
    let next = setting.credential(2);
    let stranger = account("u2");
    let refused = acme.replace(&id, New::connection(&next).account(&stranger), Accounts::Same).await;
    assert_eq!(refused, Err(Error::OtherAccount));
    let replaced =
        acme.replace(&id, New::connection(&next).account(&account("u1")), Accounts::Same).await.unwrap();
    assert_eq!((replaced.id.clone(), replaced.name.as_deref()), (id.clone(), Some("Production")));
    // A verdict that comes late is of the key before.
    assert_eq!(acme.checked(&valid, &invalid).await, Err(Error::Replaced));
    assert_eq!(acme.rename(&id, Some(" Test ")).await.unwrap().name.as_deref(), Some("Test"));

    // The same key again, and the same account, are noticed.
    let again = acme.save(New::connection(&next).account(&account("u1"))).await.unwrap();
    assert_eq!((again.same_secret, again.same_account), (vec![id.clone()], vec![id.clone()]));
    let elsewhere = setting.vault.tenant(&tenant("other"), &actor());
    let unrelated = elsewhere.save(New::connection(&next).account(&account("u1"))).await.unwrap();
    assert!(unrelated.same_secret.is_empty() && unrelated.same_account.is_empty());

    assert_eq!(acme.list(None, 10).await.unwrap().len(), 2);
    acme.remove(&id).await.unwrap();
    assert_eq!(acme.get(&id).await, Err(Error::NotFound));
    assert_eq!(acme.list(None, 10).await.unwrap().len(), 1);

    let report = setting.vault.verify(&[]).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.connections, report.keys), (2, 1));
    let kinds: Vec<String> =
        setting.vault.audit(0, 100).await.unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds.len() as u64, report.entries);
    assert_eq!(kinds[..3], ["vault.created", "connection.created", "connection.checked"]);
    assert_eq!(kinds.last().unwrap(), "connection.removed");
}
