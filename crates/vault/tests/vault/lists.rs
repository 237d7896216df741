//! Lists of connections: whole, whatever became of some of them.

use std::sync::Arc;

use keyway_vault::{Connection, ConnectionId, Error, New, Page, Vault};

use crate::{
    between::Between,
    database::{Cell, Raw},
    setting::{Setting, actor, tenant},
};

/// Three connections of a user; their ids, sorted.
async fn three() -> (Setting, Vec<String>) {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let mut ids = Vec::new();
    for number in 0..3 {
        let credential = setting.credential(number);
        let saved = scope.save(New::connection(&credential).end_user("ada")).await.unwrap();
        ids.push(saved.connection.id.to_string());
    }
    ids.sort();
    (setting, ids)
}

fn seen(page: &Page<Connection>) -> (Vec<&str>, Vec<&str>) {
    (
        page.whole.iter().map(|one| one.id.as_str()).collect(),
        page.damaged.iter().map(String::as_str).collect(),
    )
}

#[tokio::test]
async fn n43_a_row_that_was_changed_hides_none_of_the_others() {
    let (setting, ids) = three().await;
    let mut raw = Raw::open(&setting.folder).await;
    raw.keep("old").await;
    setting.vault.rotate(&actor(), |_| {}).await.unwrap();
    let scope = setting.again().await.tenant(&tenant("acme"), &actor());
    raw.keep("whole").await;
    for (case, change) in [
        ("a status", "UPDATE keyway_connections SET status = 'needs_key' WHERE id = ?1"),
        ("a MAC", "UPDATE keyway_connections SET mac = zeroblob(32) WHERE id = ?1"),
        ("details", "UPDATE keyway_connections SET details = x'00' WHERE id = ?1"),
        ("an id", "UPDATE keyway_connections SET id = id || 'x' WHERE id = ?1"),
        (
            "an old row, under a key that nobody has any more",
            "INSERT OR REPLACE INTO keyway_connections SELECT * FROM temp.old_keyway_connections WHERE id = ?1",
        ),
    ] {
        assert!(raw.run(change, &[Cell::Text(ids[1].clone())]).await > 0, "{case}");
        let damaged = if case == "an id" { format!("{}x", ids[1]) } else { ids[1].clone() };
        for page in [scope.page(None, 10).await, scope.page_of("ada", None, 10).await] {
            let page = page.unwrap();
            assert_eq!(seen(&page), (vec![&*ids[0], &*ids[2]], vec![&*damaged]), "{case}");
            assert_eq!(page.next, None, "{case}");
        }
        // It is in a part like any other.
        let page = scope.page(None, 2).await.unwrap();
        assert_eq!((seen(&page).0, page.next.as_ref()), (vec![&*ids[0]], Some(&damaged)), "{case}");
        let page = scope.page(page.next.as_deref(), 2).await.unwrap();
        assert_eq!((seen(&page), &page.next), ((vec![&*ids[2]], vec![]), &None), "{case}");
        let refused = scope.list(None, 10).await;
        assert_eq!(refused, Err(Error::Tampered { what: format!("connection {damaged}") }), "{case}");
        raw.put_back("whole", &["keyway_connections"]).await;
    }
    assert_eq!(scope.list(None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_row_that_goes_while_it_is_listed_does_not_end_the_list() {
    let (setting, ids) = three().await;
    let between = Between::new(setting.store().await);
    let vault = Vault::open(Arc::new(between.clone()), Arc::new(setting.keys.clone())).await.unwrap();
    // The rows are under a key that this vault does not have yet, and nobody has any more when it asks for it.
    setting.vault.rotate(&actor(), |_| {}).await.unwrap();
    let other = setting.again().await;
    let second = ConnectionId::parse(&ids[1]).unwrap();
    between.after_the_next_list(async move {
        other.rotate(&actor(), |_| {}).await.unwrap();
        other.tenant(&tenant("acme"), &actor()).remove(&second).await.unwrap();
    });
    let scope = vault.tenant(&tenant("acme"), &actor());
    let page = scope.page(None, 2).await.unwrap();
    assert_eq!((seen(&page), page.next.as_ref()), ((vec![&*ids[0]], vec![]), Some(&ids[1])));
    let page = scope.page(page.next.as_deref(), 2).await.unwrap();
    assert_eq!(seen(&page), (vec![&*ids[2]], vec![]));
}
