//! A credential that was checked and waits to be saved.

use keyway_vault::{Error, Held, New};

use crate::{
    setting::{Setting, account, actor, credential, key_of, secret, tenant},
    story::{bolt, registry},
};

#[tokio::test]
async fn n68_a_held_credential_opens_for_its_tenant_and_context_alone() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let held = scope.hold(&setting.credential(1), &account("u1"), "ses_1").unwrap();
    assert_eq!(held.provider(), "acme");
    let json = serde_json::to_string(&held).unwrap();
    for seen in [secret(1), "u1 at Acme".to_owned(), "madeup".to_owned()] {
        assert!(!json.contains(&seen) && !format!("{held:?}").contains(&seen), "{seen}");
    }
    // Another process of the same vault opens it.
    let read: Held = serde_json::from_str(&json).unwrap();
    let again = setting.again().await.tenant(&tenant("acme"), &actor());
    let (credential, of) = again.held(&read, "ses_1", &setting.registry).unwrap();
    assert_eq!((key_of(&credential), of), (secret(1), account("u1")));
    let saved = again.save(New::connection(&credential).account(&account("u1"))).await.unwrap().connection;
    assert_eq!(key_of(&again.open(&saved.id, &setting.registry).await.unwrap().credential), secret(1));

    let other = setting.vault.tenant(&tenant("other"), &actor());
    let elsewhere = Setting::new().await.vault.tenant(&tenant("acme"), &actor());
    for (case, scope, context) in [
        ("another tenant", &other, "ses_1"),
        ("another context", &scope, "ses_2"),
        ("another vault", &elsewhere, "ses_1"),
    ] {
        let refused = scope.held(&held, context, &setting.registry).unwrap_err();
        assert_eq!(refused, Error::Tampered { what: "a held credential".to_owned() }, "{case}");
    }
    let registry = registry();
    let moved: Held = serde_json::from_str(&json.replace("\"acme\"", "\"bolt\"")).unwrap();
    assert!(matches!(scope.held(&moved, "ses_1", &registry), Err(Error::Tampered { .. })));
    let unknown = scope.hold(&bolt(&registry, "bolt_madeup00000000001"), &account("u1"), "ses_1").unwrap();
    assert!(matches!(scope.held(&unknown, "ses_1", &setting.registry), Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_key_that_stands_where_it_would_be_shown_is_not_held() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant(&secret(1)), &actor());
    let refused = scope.hold(&setting.credential(1), &account("u1"), "ses_1").unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
}

/// Beside it a document of 256 KiB has room for a logo, an address to go back to, and what else a session keeps.
#[tokio::test]
async fn i10_what_is_held_is_at_most_three_quarters_of_a_document() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    for (letter, count, is_held) in [
        ("x", 1_000, true),
        ("x", 65_000, true),
        ("\"", 36_000, true),
        ("\"", 37_000, false),
        ("\"", 65_000, false),
        ("\\", 36_000, true),
        ("\\", 65_000, false),
    ] {
        let key = format!("acme_{}", letter.repeat(count));
        let credential = credential(&setting.registry, &key);
        match scope.hold(&credential, &account("u1"), "ses_1") {
            Ok(held) => {
                assert!(is_held, "{letter} {count}");
                let json = serde_json::to_string(&held).unwrap();
                assert!(json.len() <= 192 * 1024 + 100, "{letter} {count}: {}", json.len());
                let (read, _) = scope.held(&held, "ses_1", &setting.registry).unwrap();
                assert_eq!(key_of(&read), key);
            }
            Err(Error::Invalid(why)) => {
                assert!(!is_held && why.contains("too long"), "{letter} {count}: {why}");
            }
            Err(error) => panic!("{letter} {count}: {error:?}"),
        }
    }
}
