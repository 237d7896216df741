//! Tables that are not there, newer, or made twice at once.

use keyway_vault::StoreErrorKind;
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use crate::engines::{Engine, Place};

on_both_engines!(
    tables_are_made_by_create_alone,
    a_newer_schema_is_refused,
    many_create_at_once,
    columns_that_make_no_sense_are_damage,
);

/// Runs SQL past the store.
async fn execute(place: &Place, sql: &'static str) {
    match place.engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        Engine::Postgres => {
            let mut connection = place.address.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn tables_are_made_by_create_alone(place: Place) {
    for _ in 0..2 {
        assert_eq!(place.database.open().await.unwrap_err().kind(), StoreErrorKind::Missing);
    }
    place.store().await.close().await;
    assert_eq!(place.database.open().await.unwrap().vault().await.unwrap(), None);
    place.vault().await.close().await;
    assert!(place.store().await.vault().await.unwrap().is_some(), "what is there is kept");
}

async fn a_newer_schema_is_refused(place: Place) {
    place.vault().await.close().await;
    execute(
        &place,
        "INSERT INTO keyway_migrations (version, description, success, checksum, execution_time) \
         SELECT 99, description, success, checksum, 0 FROM keyway_migrations WHERE version = 1",
    )
    .await;
    assert_eq!(place.database.open().await.unwrap_err().kind(), StoreErrorKind::Newer);
    assert_eq!(place.database.create().await.unwrap_err().kind(), StoreErrorKind::Newer);
    execute(&place, "DELETE FROM keyway_migrations WHERE version = 99").await;
    assert!(place.database.open().await.unwrap().vault().await.unwrap().is_some());
}

async fn many_create_at_once(place: Place) {
    let creations: Vec<_> = (0..6)
        .map(|_| {
            let database = place.database.clone();
            tokio::spawn(async move { database.create().await })
        })
        .collect();
    for creation in creations {
        let store = creation.await.unwrap().unwrap();
        assert_eq!(store.vault().await.unwrap(), None);
    }
}

async fn columns_that_make_no_sense_are_damage(place: Place) {
    let store = place.vault().await;
    execute(&place, "DELETE FROM keyway_head").await;
    assert_eq!(store.vault().await.unwrap_err().kind(), StoreErrorKind::Damaged);
    execute(&place, "DROP TABLE keyway_keys").await;
    assert_eq!(store.keys().await.unwrap_err().kind(), StoreErrorKind::Unusable);
}
