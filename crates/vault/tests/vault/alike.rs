//! Whose account a new key may be of: the same, one that is alike, or anybody's; and what the log says of it.

use keyway_core::{Account, Reason, ReasonCode, Verdict};
use keyway_vault::{Accounts, Entry, Error, New, Scope};

use crate::setting::{Setting, account, actor, checked, tenant};

async fn last(scope: &Scope) -> Entry {
    scope.audit(0, 1000).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_new_key_is_of_an_account_that_the_caller_lets_through() {
    use Accounts::{Alike, Any, Same};
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let of = |id: &str, group: &str| Some(account(id).with_group(group));
    let (ada, ada_of_acme) = (Some(account("u1")), of("u1", "Acme"));
    // The account known before, the new one, and what comes of each of `Same`, `Alike` and `Any`: nothing to say, what the
    // log says, or a refusal.
    let (same, no) = (Ok(None), Err(Error::OtherAccount));
    let (alike, other) = (Ok(Some("alike")), Ok(Some("other")));
    for (known, new, expected) in [
        (None, None, [&same, &same, &same]),
        (None, of("u2", "Acme"), [&same, &same, &same]),
        (ada.clone(), None, [&no, &no, &other]),
        (ada.clone(), ada.clone(), [&same, &same, &same]),
        (ada.clone(), ada_of_acme.clone(), [&same, &same, &same]),
        (ada.clone(), Some(account("u2")), [&no, &no, &other]),
        (ada, of("u2", "Acme"), [&no, &no, &other]),
        (ada_of_acme.clone(), None, [&no, &no, &other]),
        (ada_of_acme.clone(), Some(account("u1")), [&same, &same, &same]),
        (ada_of_acme.clone(), of("u1", "Kites"), [&same, &same, &same]),
        (ada_of_acme.clone(), of("u2", "Acme"), [&no, &alike, &alike]),
        (ada_of_acme.clone(), of("u2", "acme"), [&no, &no, &other]),
        (ada_of_acme.clone(), of("u2", "Kites"), [&no, &no, &other]),
        (ada_of_acme, Some(account("u2")), [&no, &no, &other]),
    ] {
        for (accounts, expected) in [Same, Alike, Any].into_iter().zip(expected) {
            let case = format!("{accounts:?}: {known:?} -> {new:?}");
            let kept = |number, account: Option<&Account>| (setting.credential(number), account.cloned());
            let (first, next) = (kept(1, known.as_ref()), kept(2, new.as_ref()));
            let as_new = |kept| {
                let (credential, account): &(_, Option<Account>) = kept;
                let new = New::connection(credential);
                account.iter().fold(new, New::account)
            };
            let saved = scope.save(as_new(&first)).await.unwrap().connection;
            assert_eq!(saved.account, known, "{case}: the group is kept too");
            let told = scope.replace(&saved.id, as_new(&next), accounts).await;
            let found = scope.get(&saved.id).await.unwrap();
            let entry = last(&scope).await;
            assert_eq!(entry.connection.as_deref(), Some(saved.id.as_str()), "{case}");
            match expected {
                Ok(account) => {
                    assert_eq!(told.as_ref(), Ok(&found), "{case}");
                    assert_eq!(found.account, new, "{case}");
                    assert_eq!(
                        (entry.kind.as_str(), entry.what.account.as_deref()),
                        ("connection.replaced", *account),
                        "{case}"
                    );
                }
                Err(error) => {
                    assert_eq!((told.as_ref(), &found), (Err(error), &saved), "{case}");
                    assert_eq!(entry.kind, "connection.created", "{case}");
                }
            }
        }
    }
    assert_eq!(setting.vault.verify(&[]).await.unwrap().problems, []);
}

/// Whoever tries again, or at the same time, replaces a key once.
#[tokio::test]
async fn n67_a_key_is_replaced_once_by_the_version_that_it_had() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let (one, two) = (setting.credential(1), setting.credential(2));
    let saved = scope.save(New::connection(&one)).await.unwrap().connection;
    let before = saved.credential_version();
    scope.rename(&saved.id, Some("Production")).await.unwrap();
    for (over, is_done) in [(before + 1, false), (before, true), (before, false)] {
        let told = scope.replace(&saved.id, New::connection(&two).over(over), Accounts::Same).await;
        assert_eq!(told.map(drop), if is_done { Ok(()) } else { Err(Error::Replaced) }, "{over}");
    }
    assert_eq!(last(&scope).await.kind, "connection.replaced");
}

/// A tenant may have more of one account than are told of; each end user's own are found all the same.
#[tokio::test]
async fn an_end_users_own_are_found_among_many() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let (credential, ada) = (setting.credential(1), account("u1"));
    let new = |user| New::connection(&credential).account(&ada).end_user(user);
    let mut all = scope.save_all(&vec![new("grace"); 150]).await.unwrap();
    all.sort_by(|a, b| a.connection.id.as_str().cmp(b.connection.id.as_str()));
    scope.remove(&all[149].connection.id).await.unwrap();
    // Behind all the others.
    let last = &all[149].connection.id;
    scope.save(new("ada").id(last)).await.unwrap();
    for (user, count) in [(None, 100), (Some("grace"), 100), (Some("ada"), 1), (Some("charles"), 0)] {
        let (secret, account) = scope.alike(&credential, Some(&ada), user).await.unwrap();
        assert_eq!((secret.len(), account.len()), (count, count), "{user:?}");
        assert_eq!(secret.contains(last), user == Some("ada"), "{user:?}");
    }
    let marks: Vec<_> =
        [1, 2, 1].map(|number| scope.fingerprint(&setting.credential(number)).unwrap()).into();
    assert!(marks[0] == marks[2] && marks[0] != marks[1]);
}

/// A check is never of an account that is only alike: nobody is there who could confirm it.
#[tokio::test]
async fn a_check_finds_the_same_account_or_refuses() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let (credential, ada) = (setting.credential(1), account("u1").with_group("Acme"));
    let id = scope.save(New::connection(&credential).account(&ada)).await.unwrap().connection.id;
    let stranger = Verdict::Valid(account("u2").with_group("Acme"));
    assert_eq!(checked(&scope, &id, &stranger).await, Err(Error::OtherAccount));
    // What the provider says of the account today is kept.
    let moved = account("u1").with_group("Kites");
    let after = checked(&scope, &id, &Verdict::Valid(moved.clone())).await.unwrap();
    assert_eq!(after.account.as_ref(), Some(&moved));
    let again = setting.again().await.tenant(&tenant("acme"), &actor());
    assert_eq!(again.get(&id).await.unwrap().account, Some(moved));
}

/// An event such as "it needs a new key" is made of the log alone.
#[tokio::test]
async fn the_log_says_what_the_status_was() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let (one, two) = (setting.credential(1), setting.credential(2));
    let ada = account("u1");
    let id = scope.save(New::connection(&one).account(&ada)).await.unwrap().connection.id;
    let invalid = Verdict::Invalid(Reason::new(ReasonCode::Rule, "no"));
    let away = Verdict::RateLimited { retry_after: None };
    checked(&scope, &id, &away).await.unwrap();
    checked(&scope, &id, &invalid).await.unwrap();
    checked(&scope, &id, &invalid).await.unwrap();
    scope.rename(&id, Some("Production")).await.unwrap();
    scope.replace(&id, New::connection(&two).account(&ada), Accounts::Same).await.unwrap();
    scope.replace(&id, New::connection(&one).account(&ada), Accounts::Same).await.unwrap();
    checked(&scope, &id, &invalid).await.unwrap();
    checked(&scope, &id, &Verdict::Valid(ada)).await.unwrap();
    scope.remove(&id).await.unwrap();
    let entries = scope.audit(0, 1000).await.unwrap();
    let said: Vec<_> = entries
        .iter()
        .map(|entry| (entry.kind.as_str(), entry.what.was.as_deref(), entry.what.status.as_deref()))
        .collect();
    let (active, needs_key) = (Some("active"), Some("needs_key"));
    assert_eq!(
        said,
        [
            ("connection.created", None, active),
            ("connection.checked", active, active),
            ("connection.checked", active, needs_key),
            ("connection.checked", needs_key, needs_key),
            ("connection.renamed", None, needs_key),
            ("connection.replaced", needs_key, active),
            ("connection.replaced", active, active),
            ("connection.checked", active, needs_key),
            ("connection.checked", needs_key, active),
            ("connection.removed", None, None),
        ]
    );
}
