//! Tokens of the REST API: recognised by their hash, ended, rotated with an overlap, and told of in the audit log.

use std::time::{Duration, SystemTime};

use keyway_vault::{ApiScope, Documents, Entry, Error, NewDocument, Terms, Token, TokenKind, Tokens, Vault};

use crate::{
    between::Between,
    database::{Cell, Raw},
    load::Place,
    setting::{Setting, actor, tenant},
};

on_both_engines!(a_token_lives, a_rotated_token_works_for_as_long_as_asked);

fn tokens(vault: &Vault) -> Tokens {
    vault.tokens(&actor())
}

async fn entries(vault: &Vault) -> Vec<Entry> {
    let mut entries = vault.audit(0, 100).await.unwrap();
    entries.retain(|entry| entry.kind.starts_with("token."));
    entries
}

fn kinds(entries: &[Entry]) -> Vec<(&str, Option<&str>)> {
    entries.iter().map(|entry| (entry.kind.as_str(), entry.what.token.as_deref())).collect()
}

async fn a_token_lives(place: Place) {
    let (vault, other) = (place.vault().await, place.vault().await);
    let acme = tenant("acme");
    let scopes = [ApiScope::Grants, ApiScope::Sessions, ApiScope::Grants];
    let end = SystemTime::now() + Duration::from_secs(3600);
    let own = tokens(&vault).create(Some(&acme), Some(" Backend "), &scopes, Some(end)).await.unwrap();
    let platform = tokens(&vault).create(None, None, &ApiScope::ALL, None).await.unwrap();
    assert!(!format!("{own:?}").contains(own.secret.expose()));
    assert_eq!(own.token.id.as_str(), &own.secret.expose()[..12]);
    assert_eq!((own.token.tenant.as_ref(), own.token.name.as_deref()), (Some(&acme), Some("Backend")));
    assert_eq!(own.token.scopes, [ApiScope::Sessions, ApiScope::Grants]);
    let shown = tokens(&other).authenticate(own.secret.expose()).await.unwrap();
    assert_eq!(shown, own.token);
    assert_eq!(tokens(&other).authenticate(platform.secret.expose()).await.unwrap(), platform.token);
    let mut ids = [&own, &platform].map(|new| new.token.id.clone());
    ids.sort();
    let list = tokens(&other).page(None, 10).await.unwrap().whole;
    assert_eq!(list.iter().map(|one| &one.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(tokens(&other).page(Some(ids[0].as_str()), 10).await.unwrap().whole.len(), 1);
    assert_eq!(tokens(&other).page(None, 1).await.unwrap().next.as_deref(), Some(ids[0].as_str()));

    let id = own.token.id.as_str();
    tokens(&other).revoke(id).await.unwrap();
    assert_eq!(tokens(&vault).authenticate(own.secret.expose()).await, Err(Error::NotFound));
    assert_eq!(tokens(&vault).revoke(id).await, Err(Error::NotFound));
    assert_eq!(tokens(&vault).rotate(id, Duration::ZERO).await.unwrap_err(), Error::NotFound);
    assert!(tokens(&vault).authenticate(platform.secret.expose()).await.is_ok());

    let log = entries(&vault).await;
    let platform = platform.token.id.as_str();
    assert_eq!(
        kinds(&log),
        [("token.created", Some(id)), ("token.created", Some(platform)), ("token.revoked", Some(id))]
    );
    let whose: Vec<_> = log.iter().map(|entry| entry.tenant.as_deref()).collect();
    assert_eq!(whose, [Some("acme"), None, Some("acme")]);
    assert!(
        log.iter().all(|entry| entry.what.actor.as_deref() == Some("test") && entry.connection.is_none())
    );
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

async fn a_rotated_token_works_for_as_long_as_asked(place: Place) {
    let vault = place.vault().await;
    let tokens = tokens(&vault);
    let end = SystemTime::now() + Duration::from_secs(3600);
    let first = tokens.create(None, Some("Backend"), &[ApiScope::Events], Some(end)).await.unwrap();
    let id = first.token.id.as_str();
    let second = tokens.rotate(id, Duration::from_secs(60)).await.unwrap();
    let like =
        |token: &keyway_vault::ApiToken| (token.name.clone(), token.scopes.clone(), token.tenant.clone());
    assert_eq!(like(&second.token), like(&first.token));
    let lasts = |token: &keyway_vault::ApiToken| {
        token.expires_at.unwrap().duration_since(token.created_at).unwrap().as_secs().div_ceil(60)
    };
    assert!(second.token.expires_at >= first.token.expires_at, "it lasts as long, from now on");
    assert_eq!(lasts(&second.token), 60);
    let old = tokens.authenticate(first.secret.expose()).await.unwrap();
    let left = old.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!((50..=60).contains(&left.as_secs()), "{left:?}");
    // The overlap is nobody's lifetime.
    let other = tokens.rotate(id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(lasts(&other.token), 60);
    // An overlap gives nobody more time than there is.
    let third = tokens.rotate(second.token.id.as_str(), Duration::from_secs(u64::MAX)).await.unwrap();
    let old = tokens.authenticate(second.secret.expose()).await.unwrap();
    assert_eq!(old.expires_at, second.token.expires_at);
    tokens.rotate(third.token.id.as_str(), Duration::ZERO).await.unwrap();
    assert_eq!(tokens.authenticate(third.secret.expose()).await, Err(Error::NotFound));
    let log = entries(&vault).await;
    assert_eq!(
        kinds(&log)[..3],
        [
            ("token.created", Some(id)),
            ("token.created", Some(second.token.id.as_str())),
            ("token.rotated", Some(id))
        ]
    );
}

#[tokio::test]
async fn what_is_no_token_of_the_api_is_not_there() {
    let setting = Setting::new().await;
    let tokens = tokens(&setting.vault);
    let made = tokens.create(None, None, &[ApiScope::Events], None).await.unwrap();
    let text = made.secret.expose();
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let credential = setting.credential(1);
    let id = scope.save(keyway_vault::New::connection(&credential)).await.unwrap().connection.id;
    let grant = scope.grant(&id, Terms::default()).await.unwrap();
    let mut others = vec![
        String::new(),
        "kwa_".to_owned(),
        format!("rootly_{text}"),
        format!("{text} "),
        text[..12].to_owned(),
        text.replace("kwa_", "kwg_"),
        grant.token.expose().to_owned(),
        Token::of(TokenKind::Api).secret().expose().to_owned(),
        Token::of(TokenKind::Link).secret().expose().to_owned(),
    ];
    for at in 0..text.len() {
        let mut typo = text.as_bytes().to_vec();
        typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
        others.push(String::from_utf8(typo).unwrap());
    }
    for other in others {
        assert_eq!(tokens.authenticate(&other).await, Err(Error::NotFound), "{other}");
    }
    // And a token of the API is no grant.
    assert_eq!(setting.vault.grant(text).await.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn i10_a_token_that_makes_no_sense_is_not_made() {
    let setting = Setting::new().await;
    let tokens = tokens(&setting.vault);
    let all = &[ApiScope::Events];
    let long = "x".repeat(101);
    let past = SystemTime::now() - Duration::from_secs(1);
    for name in ["", "  ", "two\nlines", "a\u{202e}b", &long] {
        let refused = tokens.create(None, Some(name), all, None).await.unwrap_err();
        let Error::Invalid(why) = refused else { panic!("{refused:?}") };
        assert!(why.starts_with("a token's name"), "{why}");
    }
    assert!(matches!(tokens.create(None, None, &[], None).await, Err(Error::Invalid(_))));
    assert!(matches!(tokens.create(None, None, all, Some(past)).await, Err(Error::Invalid(_))));
    assert!(tokens.page(None, 10).await.unwrap().whole.is_empty());
    assert!(entries(&setting.vault).await.is_empty());
}

#[tokio::test]
async fn nothing_of_a_token_changes_that_is_not_in_the_audit_log() {
    let setting = Setting::new().await;
    let between = Between::new(setting.store().await);
    let vault = Vault::open(std::sync::Arc::new(between.clone()), std::sync::Arc::new(setting.keys.clone()))
        .await
        .unwrap();
    let tokens = tokens(&vault);
    let made = tokens.create(None, None, &[ApiScope::Events], None).await.unwrap();
    let id = made.token.id.as_str();
    between.refuse(true);
    assert!(tokens.create(None, None, &[ApiScope::Events], None).await.is_err());
    assert!(tokens.rotate(id, Duration::ZERO).await.is_err());
    assert!(tokens.revoke(id).await.is_err());
    between.refuse(false);
    assert_eq!(tokens.page(None, 10).await.unwrap().whole, [made.token]);
    assert!(tokens.authenticate(made.secret.expose()).await.is_ok());
}

#[tokio::test]
async fn a_token_that_ended_is_not_there() {
    let setting = Setting::new().await;
    let tokens = tokens(&setting.vault);
    let end = SystemTime::now() + Duration::from_secs(3600);
    let made = tokens.create(None, None, &[ApiScope::Events], Some(end)).await.unwrap();
    let documents: Documents = setting.vault.documents();
    let document = documents.get("token", made.token.id.as_str()).await.unwrap().unwrap();
    let past = SystemTime::now() - Duration::from_secs(1);
    documents.replace(&document, &document.text, Some(past)).await.unwrap().unwrap();
    assert_eq!(tokens.authenticate(made.secret.expose()).await, Err(Error::NotFound));
    assert!(tokens.page(None, 10).await.unwrap().whole.is_empty());
    assert_eq!(tokens.revoke(made.token.id.as_str()).await, Err(Error::NotFound));
}

/// As tokens were kept before it was written down how long they last.
#[tokio::test]
async fn a_token_with_an_end_is_rotated_into_one_with_an_end_and_one_without_into_one_without() {
    let setting = Setting::new().await;
    let tokens = tokens(&setting.vault);
    let documents: Documents = setting.vault.documents();
    let overlap = Duration::from_secs(60);
    for minutes in [None, Some(30)] {
        for is_old in [false, true] {
            let end = minutes.map(|minutes| SystemTime::now() + Duration::from_secs(minutes * 60));
            let made = tokens.create(None, None, &[ApiScope::Events], end).await.unwrap();
            let id = made.token.id.as_str();
            let document = documents.get("token", id).await.unwrap().unwrap();
            if is_old {
                let text = br#"{"scopes":["events"]}"#;
                documents.replace(&document, text, document.expires_at).await.unwrap().unwrap();
            }
            // The end that an overlap gives is nobody's lifetime, however often it is rotated.
            for round in 0..3 {
                let new = tokens.rotate(id, overlap).await.unwrap().token;
                let lasts = new.expires_at.map(|end| {
                    let lasts = end.duration_since(new.created_at).unwrap();
                    lasts.as_secs().div_ceil(60)
                });
                assert_eq!(lasts, minutes, "{is_old} {round}");
            }
        }
    }
}

#[tokio::test]
async fn n43_a_token_that_was_changed_hides_none_of_the_others() {
    let setting = Setting::new().await;
    let tokens = tokens(&setting.vault);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = tokens.create(None, None, &[ApiScope::Events], None).await.unwrap();
        ids.push(made.token.id.as_str().to_owned());
    }
    ids.sort();
    let mut raw = Raw::open(&setting.folder).await;
    let cell = [Cell::Text(ids[1].clone())];
    raw.run("UPDATE keyway_documents SET created_at = 1 WHERE id = ?1", &cell).await;
    let page = tokens.page(None, 10).await.unwrap();
    let whole: Vec<_> = page.whole.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((whole, page.damaged, page.next), (vec![&*ids[0], &ids[2]], vec![ids[1].clone()], None));
    // A part that ends with it is not the end.
    let page = tokens.page(None, 2).await.unwrap();
    assert_eq!((page.whole.len(), page.next.as_ref()), (1, Some(&ids[1])));
}

#[tokio::test]
async fn a_token_of_another_shape_is_not_believed() {
    let setting = Setting::new().await;
    let token = Token::of(TokenKind::Api);
    let mark = Some(token.hash().as_bytes());
    let text = b"{\"scopes\":[\"everything\"]}";
    let new = NewDocument { kind: "token", id: "kwa_other", tenant: None, mark, expires_at: None, text };
    assert!(setting.vault.documents().insert(new).await.unwrap());
    let told = tokens(&setting.vault).authenticate(token.secret().expose()).await;
    assert!(matches!(told, Err(Error::Tampered { .. })), "{told:?}");
}
