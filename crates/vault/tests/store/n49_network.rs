//! N49: what happens between us and PostgreSQL.

use std::time::{Duration, Instant};

use keyway_postgres::Server;
use keyway_vault::{Change, Committed, Database, StoreErrorKind};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    engines::{self, Engine, Place, block_on},
    proxy::{Cut, Proxy},
    rows::{self, commit, everything, insert},
};

fn on_postgres<F: Future<Output = ()>>(case: impl FnOnce(Place, &'static Server) -> F) {
    engines::run(Engine::Postgres, |place| case(place, keyway_postgres::shared().unwrap()));
}

fn one(id: &str) -> Vec<Change> {
    vec![insert(rows::connection("acme", id))]
}

/// Somebody who holds the head's row.
async fn holding_the_head(place: &Place) -> PgConnection {
    let mut other = place.address.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE keyway_head SET changed = changed").execute(&mut other).await.unwrap();
    other
}

/// Waits until somebody waits for a lock in a database.
async fn somebody_waits(server: &'static Server, place: &Place) -> String {
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let address = place.address.clone();
        let pids = tokio::task::spawn_blocking(move || server.execute(&address, sql)).await.unwrap();
        if !pids.is_empty() {
            return pids;
        }
    }
}

#[test]
fn n49_a_connection_lost_before_commit_leaves_nothing() {
    on_postgres(|place, server| async move {
        let store = place.vault().await;
        let before = everything(&*store).await;
        let other = holding_the_head(&place).await;
        let committing = tokio::spawn({
            let store = store.clone();
            async move { store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await }
        });
        let pid = somebody_waits(server, &place).await;
        server.execute(&place.address, &format!("SELECT pg_terminate_backend({pid}, 5000)"));
        let error = committing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        other.close().await.unwrap();
        assert_eq!(everything(&*store).await, before);
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n49_a_connection_lost_at_commit_is_uncertain_and_a_look_tells() {
    on_postgres(|place, server| async move {
        let direct = place.vault().await;
        let proxy = Proxy::start(server.socket()).await;
        let database: Database = proxy.address(&place.address).parse().unwrap();
        let store = database.open().await.unwrap();
        for (cut, id, there) in [
            (Cut::Before, "c1", false),
            (Cut::After, "c2", true),
            (Cut::Before, "c3", false),
            (Cut::After, "c4", true),
        ] {
            let (_, head) = store.vault().await.unwrap().unwrap();
            proxy.cut(cut);
            let error = store.commit(&rows::batch(&head, one(id))).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Uncertain, "{cut:?}: {error}");
            assert!(!error.to_string().contains("127.0.0.1"), "{error}");
            assert_eq!(direct.connection("acme", id).await.unwrap().is_some(), there, "{cut:?}");
            let (_, after) = store.vault().await.unwrap().unwrap();
            assert_eq!(after.seq, head.seq + i64::from(there), "{cut:?}");
        }
        assert_eq!(commit(&*store, one("c5")).await, Committed::Done);
    });
}

#[test]
fn n58_who_waits_for_changes_learns_soon_that_the_server_is_gone_without_a_word() {
    on_postgres(|place, server| async move {
        let direct = place.vault().await;
        let proxy = Proxy::start(server.socket()).await;
        let database: Database = proxy.address(&place.address).parse().unwrap();
        let store = database.open().await.unwrap();
        timeout(Duration::from_millis(300), store.changed(1)).await.unwrap_err();
        proxy.cut(Cut::Silence);
        for _ in 0..2 {
            let told = timeout(Duration::from_secs(20), store.changed(1)).await.expect("soon");
            assert_eq!(told.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        proxy.cut(Cut::Never);
        assert_eq!(commit(&*direct, one("c1")).await, Committed::Done);
        let told = async {
            loop {
                // It may be that nothing comes through still.
                match store.changed(1).await {
                    Err(error) if error.kind() == StoreErrorKind::Unavailable => {}
                    told => break told.unwrap(),
                }
            }
        };
        assert_eq!(timeout(Duration::from_secs(20), told).await.unwrap(), 2);
    });
}

#[test]
fn n49_a_database_set_to_serializable_has_no_serialization_failures() {
    on_postgres(|place, server| async move {
        place.vault().await.close().await;
        let name = server.execute(&place.address, "SELECT current_database()");
        let setting = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'");
        server.execute(&place.address, &setting);
        let store = place.store().await;
        let mut other = holding_the_head(&place).await;
        let committing = tokio::spawn({
            let store = store.clone();
            async move { store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await }
        });
        somebody_waits(server, &place).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        // It says itself how it writes: comparing and setting the head is all that it needs.
        assert_eq!(committing.await.unwrap().unwrap(), Committed::Done);
        assert!(store.connection("acme", "c1").await.unwrap().is_some());
    });
}

#[test]
fn n49_a_lock_that_is_held_too_long_is_busy() {
    on_postgres(|place, _| async move {
        let store = place.vault().await;
        let other = holding_the_head(&place).await;
        let error = store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
        assert!(store.vault().await.unwrap().is_some(), "reading goes on");
        other.close().await.unwrap();
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n49_after_a_failover_to_a_standby_there_is_reading_alone() {
    on_postgres(|place, server| async move {
        let store = place.vault().await;
        let name = server.execute(&place.address, "SELECT current_database()");
        let set = |value: &str| {
            let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
            server.execute("postgres", &sql);
            server.terminate_backends(&place.address);
        };
        set("on");
        assert_eq!(store.vault().await.unwrap().unwrap().1, rows::head(1, 1));
        let writes = [
            store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await.unwrap_err(),
            store.lease(&rows::lease("a", 9)).await.unwrap_err(),
        ];
        for error in writes {
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        }
        assert!(place.database.open().await.unwrap().vault().await.unwrap().is_some());
        set("off");
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n49_connections_of_a_time_without_changes_are_not_used_after_it() {
    on_postgres(|place, server| async move {
        let store = place.vault().await;
        let name = server.execute(&place.address, "SELECT current_database()");
        let alter = |what: &str| server.execute("postgres", &format!("ALTER DATABASE {name} {what}"));
        alter("SET default_transaction_read_only = on");
        server.terminate_backends(&place.address);
        // Several at once, so that there are connections which wait, and were never asked to write.
        let views = [store.snapshot().await.unwrap(), store.snapshot().await.unwrap()];
        let error = store.lease(&rows::lease("a", 9)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
        drop(views);
        // Nobody ends what is connected now.
        alter("RESET default_transaction_read_only");
        let writes = async {
            while let Err(error) = store.lease(&rows::lease("a", 9)).await {
                assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
            }
        };
        timeout(Duration::from_secs(20), writes).await.expect("it is written again");
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n49_a_server_without_room_is_said_to_be_and_a_process_takes_as_many_as_it_may() {
    on_postgres(|place, server| async move {
        place.vault().await.close().await;
        let name = server.execute(&place.address, "SELECT current_database()");
        let database: Database = place.address.parse().unwrap();
        let store = database.clone().connections(5).open().await.unwrap();
        let mut views = Vec::new();
        for _ in 0..5 {
            views.push(store.snapshot().await.unwrap());
        }
        let error = store.vault().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
        assert!(error.to_string().contains("all connections to it are in use"), "{error}");

        // The limit of one database says the same as that of the server. It is not for a superuser.
        let user = format!("{name}_user");
        server.execute("postgres", &format!("CREATE ROLE {user} LOGIN"));
        server.execute(&place.address, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"));
        server.execute("postgres", &format!("ALTER DATABASE {name} CONNECTION LIMIT 0"));
        let crowded: Database =
            place.address.replace("user=keyway", &format!("user={user}")).parse().unwrap();
        let error = crowded.open().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
        assert!(error.to_string().contains("PostgreSQL 53300, it has too many connections"), "{error}");
        server.execute("postgres", &format!("ALTER DATABASE {name} CONNECTION LIMIT -1"));
        assert!(crowded.open().await.unwrap().vault().await.unwrap().is_some());
    });
}

#[test]
fn n49_an_exhausted_pool_is_busy_and_recovers() {
    on_postgres(|place, _| async move {
        let store = place.vault().await;
        let mut views = vec![];
        for _ in 0..16 {
            views.push(store.snapshot().await.unwrap());
        }
        let errors = [store.vault().await.unwrap_err(), store.snapshot().await.err().unwrap()];
        for error in errors {
            assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
        }
        drop(views);
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n49_a_server_that_stops_and_starts_again_is_found_again() {
    let Some(server) = Server::start_new() else { return };
    block_on(async {
        let database: Database = server.database().parse().unwrap();
        let store = database.create().await.unwrap();
        let mut fill = store.fill().await.unwrap();
        fill.put(keyway_vault::Rows::Vault(rows::vault(), rows::head(1, 1))).await.unwrap();
        fill.finish().await.unwrap();
        timeout(Duration::from_millis(100), store.changed(1)).await.unwrap_err();
        server.stop();
        for _ in 0..2 {
            let error = store.vault().await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        }
        let error = store.changed(1).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert_eq!(database.open().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        server.start();
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.changed(2).await.unwrap() }
        });
        assert_eq!(commit(&*store, one("c2")).await, Committed::Done);
        assert_eq!(timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap(), 3);
    });
}

#[test]
fn n49_while_a_server_is_known_to_be_away_one_waits_for_it_and_no_others() {
    on_postgres(|place, server| async move {
        place.vault().await.close().await;
        let proxy = Proxy::start(server.socket()).await;
        let database: Database = proxy.address(&place.address).parse().unwrap();
        let store = database.open().await.unwrap();
        timeout(Duration::from_millis(300), store.changed(1)).await.unwrap_err();
        proxy.cut(Cut::Silence);
        // Whoever waits for changes notices first.
        assert_eq!(store.changed(1).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
        let mut asking = JoinSet::new();
        for number in 0..8 {
            let store = store.clone();
            asking.spawn(async move {
                let began = Instant::now();
                let error = match number % 2 {
                    0 => store.vault().await.err(),
                    _ => store.lease(&rows::lease("a", 9)).await.err(),
                };
                (error.unwrap().kind(), began.elapsed())
            });
        }
        let asked = asking.join_all().await;
        assert!(asked.iter().all(|(kind, _)| *kind == StoreErrorKind::Unavailable), "{asked:?}");
        let waited = asked.iter().filter(|(_, time)| *time > Duration::from_secs(3)).count();
        assert!(waited <= 1, "{asked:?}");

        proxy.cut(Cut::Never);
        // For all of them, and not for one at a time.
        let there = async {
            loop {
                let all = (0..8).map(|_| {
                    let store = store.clone();
                    async move { store.vault().await.is_ok() }
                });
                if all.collect::<JoinSet<_>>().join_all().await.iter().all(|is_there| *is_there) {
                    break;
                }
            }
        };
        timeout(Duration::from_secs(30), there).await.expect("it is found again");
    });
}

#[test]
fn what_is_refused_at_the_door_is_unusable_and_not_repeated() {
    on_postgres(|place, server| async move {
        for (address, says) in [
            (place.address.replace("/test", "/none_test"), "there is no such database"),
            (place.address.replace("user=keyway", "user=nobody-we-know"), "refused"),
            (
                format!(
                    "{}&sslmode=verify-full",
                    Proxy::start(server.socket()).await.address(&place.address)
                )
                .replacen('&', "?", 1),
                "TLS",
            ),
        ] {
            let error = address.parse::<Database>().unwrap().open().await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unusable, "{error}");
            let said = error.to_string();
            assert!(said.contains(says), "{said}");
            assert!(!said.contains("nobody-we-know") && !said.contains("none_test"), "{said}");
        }
    });
}
