//! A database that an older version made: it becomes one of today when it is opened with its key, and not before.

use std::{io::Cursor, sync::Arc};

use keyway_vault::{Error, KeyError, New, NewDocument, StoreErrorKind, Terms, Vault};

use crate::{
    load::{Before, Place},
    setting::{Keys, actor, checked, credential, key_of, registry, secret, tenant},
};

on_both_engines!(
    i7_another_key_changes_nothing_of_an_older_database,
    an_older_database_keeps_all_that_it_holds,
    many_open_an_older_database_at_once,
    an_older_database_can_be_looked_at,
);

const STEP: (&str, &str) =
    (include_str!("../../migrations/sqlite-1.sql"), include_str!("../../migrations/postgres-1.sql"));

/// A database with the tables of the first step alone, and what that version kept in them: a renamed connection, another one,
/// and one that is gone; a grant, a revoked one; a rotation; all of it in the audit log.
async fn older(place: &Place) -> Before {
    let vault = place.vault().await;
    let (scope, registry) = (vault.tenant(&tenant("acme"), &actor()), registry());
    let mut ids = Vec::new();
    for number in 0..3 {
        let credential = credential(&registry, &secret(number));
        ids.push(scope.save(New::connection(&credential)).await.unwrap().connection.id);
    }
    scope.rename(&ids[0], Some("Production")).await.unwrap();
    let account = crate::setting::account("u1");
    checked(&scope, &ids[0], &keyway_core::Verdict::Valid(account)).await.unwrap();
    scope.remove(&ids[2]).await.unwrap();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let made = scope.grant(&ids[0], Terms::default()).await.unwrap();
        tokens.push((made.grant.id, made.token));
    }
    scope.revoke(&tokens[1].0).await.unwrap();
    vault.rotate(&actor(), |_| {}).await.unwrap();
    vault.close().await;
    place.make_older(STEP).await
}

async fn i7_another_key_changes_nothing_of_an_older_database(place: Place) {
    older(&place).await;
    let before = place.bytes().await;
    for numbers in [&[][..], &[77], &[77, 78]] {
        let keys = || Arc::new(Keys::of(numbers));
        for store in [place.store().await, place.created().await] {
            let refused = Vault::open(Arc::clone(&store), keys()).await.unwrap_err();
            assert!(matches!(refused, Error::Key(KeyError::Wrong { .. })), "{refused:?}");
            assert_eq!(Vault::inspect(Arc::clone(&store), keys(), &[]).await.unwrap_err(), refused);
            let made = Vault::init(Arc::clone(&store), keys(), &actor()).await.unwrap_err();
            let filled = Vault::import(Arc::clone(&store), keys(), &actor(), &mut Cursor::new(b"")).await;
            for refused in [made, filled.unwrap_err()] {
                let Error::Store(error) = &refused else { panic!("{refused:?}") };
                assert_eq!(error.kind(), StoreErrorKind::NotEmpty);
            }
            store.close().await;
            assert_eq!(place.bytes().await, before, "{numbers:?}");
        }
    }
}

async fn an_older_database_keeps_all_that_it_holds(place: Place) {
    let before = older(&place).await;
    let vault = place.vault().await;
    let report = vault.verify(std::slice::from_ref(&before.anchor)).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.connections, report.grants, report.documents, report.keys), (2, 2, 0, 2));
    vault.hold(&before.anchor).await.unwrap();
    let (scope, registry) = (vault.tenant(&tenant("acme"), &actor()), registry());
    let mut keys = Vec::new();
    for connection in scope.list(None, 9).await.unwrap() {
        let opened = scope.open(&connection.id, &registry).await.unwrap();
        keys.push(key_of(&opened.credential));
        assert_eq!(opened.connection.end_user, None);
    }
    keys.sort();
    assert_eq!(keys, [secret(0), secret(1)]);
    let revoked: Vec<_> = scope.grants(None, None, 9).await.unwrap();
    assert_eq!(revoked.iter().filter(|grant| grant.revoked_at.is_some()).count(), 1);
    // And it takes what is new.
    let text = b"text";
    let new = NewDocument { kind: "note", id: "n1", tenant: None, mark: None, expires_at: None, text };
    assert!(vault.documents().insert(new).await.unwrap());
    let credential = credential(&registry, &secret(9));
    let saved = scope.save(New::connection(&credential).end_user("ada")).await.unwrap().connection;
    assert_eq!(scope.list_of("ada", None, 9).await.unwrap(), [saved]);
    vault.close().await;
    let again = place.vault().await;
    assert_eq!(again.verify(&[]).await.unwrap().problems, []);
    assert!(again.documents().get("note", "n1").await.unwrap().is_some());
}

async fn many_open_an_older_database_at_once(place: Place) {
    older(&place).await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(place.store().await);
    }
    let opening: Vec<_> =
        all.into_iter().map(|store| tokio::spawn(Vault::open(store, place.key_source()))).collect();
    for one in opening {
        let vault = one.await.unwrap().unwrap();
        assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
    }
}

async fn an_older_database_can_be_looked_at(place: Place) {
    let before = older(&place).await;
    let report = Vault::inspect(place.store().await, place.key_source(), &[before.anchor]).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.connections, report.anchors), (2, 1));
}
