//! A grant from its token to its end.

use std::time::{Duration, SystemTime};

use http::Method;
use keyway_vault::{Denied, Error, New, PathPattern, Terms};

use crate::setting::{Setting, account, actor, tenant};

#[tokio::test]
async fn a_token_finds_its_grant_until_its_connection_is_gone() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let credential = setting.credential(1);
    let id = scope.save(New::connection(&credential).account(&account("u1"))).await.unwrap().connection.id;
    let now = SystemTime::now();
    let terms = Terms::builder()
        .methods([Method::GET])
        .path(PathPattern::parse("/me").unwrap())
        .expires_at(now + Duration::from_secs(60))
        .prefix("acme_")
        .build(now)
        .unwrap();
    let new = scope.grant(&id, terms.clone()).await.unwrap();
    let token = new.token.expose();
    assert!(token.starts_with("acme_kwg_"));
    // Another process knows it at once, with or without its prefix.
    let other = setting.again().await;
    for text in [token, &token["acme_".len()..]] {
        let found = other.grant(text).await.unwrap();
        assert_eq!((&found.id, &found.connection, &found.terms), (&new.grant.id, &id, &terms));
        assert_eq!(found.tenant, tenant("acme"));
    }
    let grant = other.grant(token).await.unwrap();
    for (method, path, at, expected) in [
        (Method::GET, "/me", now, Ok(())),
        (Method::HEAD, "/me", now, Ok(())),
        (Method::POST, "/me", now, Err(Denied::Method)),
        (Method::GET, "/you", now, Err(Denied::Path)),
        (Method::GET, "/me/../you", now, Err(Denied::Path)),
        (Method::GET, "/me", now + Duration::from_secs(61), Err(Denied::Expired)),
    ] {
        assert_eq!(grant.allows(&method, path, at), expected, "{method} {path}");
    }
    // A new key changes nothing of it.
    let next = setting.credential(2);
    scope
        .replace(&id, New::connection(&next).account(&account("u1")), keyway_vault::Accounts::Same)
        .await
        .unwrap();
    assert_eq!(other.grant(token).await.unwrap().allows(&Method::GET, "/me", now), Ok(()));
    scope.revoke(&new.grant.id).await.unwrap();
    let revoked = other.grant(token).await.unwrap();
    assert_eq!(revoked.allows(&Method::GET, "/me", now), Err(Denied::Revoked));
    let again = scope.revoke(&new.grant.id).await.unwrap();
    assert_eq!(again.revoked_at, revoked.revoked_at, "it stays as it was");
    scope.remove(&id).await.unwrap();
    assert_eq!(other.grant(token).await.unwrap_err(), Error::NotFound);
    assert_eq!(scope.revoke(&new.grant.id).await.unwrap_err(), Error::NotFound);
    assert!(scope.grants(None, None, 9).await.unwrap().is_empty());
    let report = setting.vault.verify(&[]).await.unwrap();
    assert_eq!((report.problems, report.grants), (Vec::new(), 0));
}

#[tokio::test]
async fn what_is_no_token_of_this_vault_is_not_found() {
    let (setting, another) = (Setting::new().await, Setting::new().await);
    let scope = another.vault.tenant(&tenant("acme"), &actor());
    let credential = another.credential(1);
    let id = scope.save(New::connection(&credential)).await.unwrap().connection.id;
    let new = scope.grant(&id, Terms::default()).await.unwrap();
    let token = new.token.expose();
    let mut typo = token.to_owned();
    typo.replace_range(10..11, if &token[10..11] == "a" { "b" } else { "a" });
    for text in [token, &typo, "", "kwg_", new.grant.id.as_str(), &"k".repeat(100_000)] {
        assert_eq!(setting.vault.grant(text).await.unwrap_err(), Error::NotFound);
    }
    assert_eq!(another.vault.grant(token).await.unwrap().id, new.grant.id);
    assert_eq!(another.vault.grant(&typo).await.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn grants_are_listed_by_connection_and_page_by_page() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let (one, two) = (setting.credential(1), setting.credential(2));
    let saved = scope.save_all(&[New::connection(&one), New::connection(&two)]).await.unwrap();
    let ids: Vec<_> = saved.into_iter().map(|saved| saved.connection.id).collect();
    let mut all = Vec::new();
    for number in 0..7 {
        all.push((scope.grant(&ids[number % 2], Terms::default()).await.unwrap().grant.id, number % 2));
    }
    all.sort();
    let mut paged = Vec::new();
    while let Some(next) = scope.grants(None, paged.last(), 2).await.unwrap().into_iter().next() {
        paged.push(next.id);
    }
    assert!(paged.iter().eq(all.iter().map(|(id, _)| id)));
    for (number, connection) in ids.iter().enumerate() {
        let listed = scope.grants(Some(connection), None, 1000).await.unwrap();
        let own = all.iter().filter(|(_, of)| *of == number).map(|(id, _)| id);
        assert!(listed.iter().map(|grant| &grant.id).eq(own));
    }
}
