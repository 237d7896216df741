//! I8: what belongs to another tenant is as what does not exist.

use std::{future::Future, pin::Pin};

use keyway_core::{Registry, Verdict};
use keyway_vault::{Accounts, Connection, ConnectionId, Error, GrantId, New, Scope, Terms};

use crate::{
    setting::{account, secret, tenant},
    story::Story,
};

type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;
type Call = for<'a> fn(&'a Scope, &'a Connection, &'a GrantId, &'a Registry) -> Answer<'a>;

/// Every call that names a connection or a grant.
const CALLS: [(&str, Call); 13] = [
    ("get", |scope, at, _, _| Box::pin(async { scope.get(&at.id).await.map(drop) })),
    ("open", |scope, at, _, registry| Box::pin(async { scope.open(&at.id, registry).await.map(drop) })),
    ("checked: valid", |scope, at, _, _| {
        Box::pin(async { scope.checked(at, &Verdict::Valid(account("u9"))).await.map(drop) })
    }),
    ("checked: of the same account", |scope, at, _, _| {
        Box::pin(async { scope.checked(at, &Verdict::Valid(account("u1"))).await.map(drop) })
    }),
    ("replace", |scope, at, _, registry| {
        Box::pin(async {
            let credential = crate::setting::credential(registry, &secret(1));
            scope.replace(&at.id, New::connection(&credential), Accounts::Same).await.map(drop)
        })
    }),
    ("replace, of another provider", |scope, at, _, registry| {
        Box::pin(async {
            let credential = crate::story::bolt(registry, "bolt_madeup00000000009");
            scope.replace(&at.id, New::connection(&credential), Accounts::Any).await.map(drop)
        })
    }),
    ("rename", |scope, at, _, _| Box::pin(async { scope.rename(&at.id, Some("Mine")).await.map(drop) })),
    ("rename, to nothing", |scope, at, _, _| {
        Box::pin(async { scope.rename(&at.id, Some("")).await.map(drop) })
    }),
    ("remove", |scope, at, _, _| Box::pin(async { scope.remove(&at.id).await })),
    ("grant", |scope, at, _, _| Box::pin(async { scope.grant(&at.id, Terms::default()).await.map(drop) })),
    ("grants", |scope, at, _, _| Box::pin(async { scope.grants(Some(&at.id), None, 9).await.map(drop) })),
    ("grants, after one", |scope, at, grant, _| {
        Box::pin(async { scope.grants(Some(&at.id), Some(grant), 0).await.map(drop) })
    }),
    ("revoke", |scope, _, grant, _| Box::pin(async { scope.revoke(grant).await.map(drop) })),
];

#[tokio::test]
async fn i8_no_call_tells_anothers_connection_from_none() {
    let story = Story::new().await;
    let other = story.other();
    let connections =
        ["con_aaaaaaaaaaaaaaaaaaaa", story.removed.as_str(), story.one.as_str(), story.two.as_str()];
    let grants = [
        "gra_aaaaaaaaaaaaaaaaaaaa",
        "gra_aaaaaaaaaaaaaaaaaaab",
        story.grant.0.as_str(),
        story.revoked.0.as_str(),
    ];
    let known = story.scope().get(&story.one).await.unwrap();
    let before = story.setting.vault.anchor().await.unwrap();
    for (call, run) in CALLS {
        let mut answers = Vec::new();
        for (connection, grant) in connections.iter().zip(grants) {
            let mut at = known.clone();
            at.id = ConnectionId::parse(connection).unwrap();
            let grant = GrantId::parse(grant).unwrap();
            answers.push(run(&other, &at, &grant, &story.registry).await.unwrap_err());
        }
        let expected = match call {
            "rename, to nothing" => answers[0].clone(),
            _ => Error::NotFound,
        };
        assert_eq!(answers, vec![expected; answers.len()], "{call}");
        // Nothing is written of it, for the other tenant or for its own.
        assert_eq!(story.setting.vault.anchor().await.unwrap(), before, "{call}");
    }
    assert_eq!(story.found().await, [""; 0]);
}

#[tokio::test]
async fn i8_lists_and_the_audit_log_of_a_tenant_show_no_other() {
    let story = Story::new().await;
    let (scope, other) = (story.scope(), story.other());
    let ids = |list: Vec<keyway_vault::Connection>| list.into_iter().map(|c| c.id).collect::<Vec<_>>();
    assert!(ids(other.list(None, 1000).await.unwrap()).iter().eq([&story.other_tenant]));
    let after = ConnectionId::parse("con_22222222222222222222").unwrap();
    assert!(ids(other.list(Some(&after), 1000).await.unwrap()).iter().all(|id| *id == story.other_tenant));
    let mut own = ids(scope.list(None, 1000).await.unwrap());
    own.sort();
    let mut expected = [story.one.clone(), story.two.clone(), story.other_provider.clone()];
    expected.sort();
    assert_eq!(own, expected);
    let grants = other.grants(None, None, 1000).await.unwrap();
    assert!(grants.iter().map(|grant| &grant.id).eq([&story.other_grant.0]));
    let name = tenant("other");
    for entry in story.setting.vault.tenant(&name, &crate::setting::actor()).audit(0, 1000).await.unwrap() {
        assert_eq!(entry.tenant.as_deref(), Some("other"));
        let shown = serde_json::to_string(&entry).unwrap();
        for hidden in [&story.one, &story.two, &story.other_provider, &story.removed] {
            assert!(!shown.contains(hidden.as_str()), "{shown}");
        }
    }
    // One who is nobody yet sees what nobody sees.
    let stranger = story.setting.vault.tenant(&tenant("Acme"), &crate::setting::actor());
    assert_eq!(stranger.list(None, 1000).await, Ok(Vec::new()));
    assert!(stranger.grants(None, None, 1000).await.unwrap().is_empty());
}

#[tokio::test]
async fn i8_the_same_key_and_account_leave_different_marks_in_two_tenants() {
    let mut story = Story::new().await;
    // `two` and `other_tenant` hold one key, of one account.
    let sql = "SELECT tenant, secret_mark, account_mark, credential, details FROM keyway_connections WHERE id IN (?1, ?2)";
    let ids = [&story.two, &story.other_tenant].map(|id| crate::database::Cell::Text(id.to_string()));
    let rows = story.raw.rows(sql, &ids).await;
    for (column, (one, other)) in rows[0].iter().zip(&rows[1]).enumerate() {
        assert_ne!(one, other, "column {column}");
    }
    let credential = story.setting.credential(2);
    let (u2, other) = (account("u2"), story.other());
    let third = story.setting.vault.tenant(&tenant("third"), &crate::setting::actor());
    let saved = third.save(New::connection(&credential).account(&u2)).await.unwrap();
    assert!(saved.same_secret.is_empty() && saved.same_account.is_empty());
    let saved = other.save(New::connection(&credential).account(&u2)).await.unwrap();
    assert_eq!(
        (saved.same_secret, saved.same_account),
        (vec![story.other_tenant.clone()], vec![story.other_tenant.clone()])
    );
}
