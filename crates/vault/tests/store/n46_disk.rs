//! N46: what happens between us and the disk.
#![cfg(unix)]

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Command,
};

use keyway_vault::{Change, Committed, Database, StoreErrorKind};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::{
    engines::{self, Engine, Place, block_on},
    rows::{self, commit, everything, insert},
};

/// The file that a child works on.
const FILE: &str = "KEYWAY_STORE_CHILD";

fn one(id: &str) -> Vec<Change> {
    vec![insert(rows::connection("acme", id))]
}

/// Runs the test of this name as a process of its own, under a command.
fn child(place: &Place, test: &str, under: &[&str]) {
    let output = Command::new(under[0])
        .args(&under[1..])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FILE, place.file())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn n46_a_limit_on_the_size_of_files_loses_nothing() {
    if let Some(file) = env::var_os(FILE) {
        return block_on(under_a_limit(Database::sqlite(file)));
    }
    engines::run(Engine::Sqlite, |place: Place| async move {
        place.vault().await.close().await;
        let test = "n46_disk::n46_a_limit_on_the_size_of_files_loses_nothing";
        // The signal that comes with it would end the process.
        child(&place, test, &["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        let store = place.database.open().await.unwrap();
        let (_, head) = store.vault().await.unwrap().unwrap();
        assert_eq!(store.counts().await.unwrap().connections, u64::try_from(head.seq - 1).unwrap());
    });
}

async fn under_a_limit(database: Database) {
    const LIMIT: u64 = 400_000;
    let store = database.open().await.unwrap();
    let (_, hard) = rlimit::getrlimit(rlimit::Resource::FSIZE).unwrap();
    rlimit::setrlimit(rlimit::Resource::FSIZE, LIMIT, hard).unwrap();
    let mut done = 0;
    let error = loop {
        let (_, head) = store.vault().await.unwrap().unwrap();
        let mut row = rows::connection("acme", &format!("c{done}"));
        row.credential = vec![7; 9000];
        match store.commit(&rows::batch(&head, vec![insert(row)])).await {
            Ok(committed) => assert_eq!(committed, Committed::Done),
            Err(error) => break error,
        }
        done += 1;
        assert!(done < 1000, "the limit was never met");
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert!(done > 5, "{done}");
    let all = everything(&*store).await;
    let id = format!("c{done}");
    assert_eq!(store.connection("acme", &id).await.unwrap(), None);
    assert_eq!(store.counts().await.unwrap().connections, done);
    rlimit::setrlimit(rlimit::Resource::FSIZE, hard, hard).unwrap();
    assert_eq!(everything(&*store).await, all);
    assert_eq!(commit(&*store, one(&id)).await, Committed::Done);
    store.close().await;
}

#[test]
fn n46_a_file_that_cannot_be_written_is_read() {
    if let Some(file) = env::var_os(FILE) {
        return block_on(async {
            let store = Database::sqlite(file).open().await.unwrap();
            assert_eq!(store.vault().await.unwrap().unwrap().1, rows::head(1, 1));
            let errors = [
                store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await.unwrap_err(),
                store.lease(&rows::lease("a", 9)).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
            }
        });
    }
    engines::run(Engine::Sqlite, |place: Place| async move {
        place.vault().await.close().await;
        let before = fs::read(place.file()).unwrap();
        fs::set_permissions(place.file(), fs::Permissions::from_mode(0o400)).unwrap();
        child(&place, "n46_disk::n46_a_file_that_cannot_be_written_is_read", &without_roots_rights(&place));
        assert_eq!(fs::read(place.file()).unwrap(), before);
        fs::set_permissions(place.file(), fs::Permissions::from_mode(0o600)).unwrap();
        let store = place.database.open().await.unwrap();
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

#[test]
fn n46_a_folder_that_cannot_be_written_is_said() {
    if let Some(file) = env::var_os(FILE) {
        return block_on(async {
            let database = Database::sqlite(&file);
            let error = database.open().await.unwrap_err();
            assert!(matches!(error.kind(), StoreErrorKind::Unusable | StoreErrorKind::ReadOnly), "{error}");
            let error = Database::sqlite(format!("{}2", file.to_str().unwrap())).create().await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unusable);
            assert!(error.to_string().contains("permission denied"), "{error}");
        });
    }
    engines::run(Engine::Sqlite, |place: Place| async move {
        place.vault().await.close().await;
        let folder = place.file().parent().unwrap().to_owned();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
        child(&place, "n46_disk::n46_a_folder_that_cannot_be_written_is_said", &without_roots_rights(&place));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let store = place.database.open().await.unwrap();
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

/// Root may write whatever the permissions say: without these rights, it is as others.
fn without_roots_rights(place: &Place) -> Vec<&'static str> {
    if fs::metadata(place.file()).unwrap().uid() == 0 {
        vec![
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
        ]
    } else {
        vec!["env"]
    }
}

#[test]
fn n46_a_file_that_another_keeps_locked_is_busy_and_read() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let mut other = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let (first, second) =
            tokio::join!(async { store.commit(&rows::batch(&rows::head(1, 1), one("c1"))).await }, async {
                store.commit(&rows::batch(&rows::head(1, 1), one("c2"))).await
            },);
        for outcome in [first, second] {
            assert_eq!(outcome.unwrap_err().kind(), StoreErrorKind::Busy);
        }
        assert_eq!(store.vault().await.unwrap().unwrap().1, rows::head(1, 1));
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        assert_eq!(commit(&*store, one("c1")).await, Committed::Done);
    });
}

/// A copy of the file alone is what it was at the last checkpoint: older, and whole. With its log it is all there.
#[test]
fn n46_without_its_log_a_file_is_older_and_whole() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        place.vault().await.close().await;
        let store = place.database.open().await.unwrap();
        for number in 0..5 {
            commit(&*store, one(&format!("c{number}"))).await;
        }
        let folder = place.file().parent().unwrap().join("copy");
        fs::create_dir(&folder).unwrap();
        for (files, seq) in [(&["vault.db"][..], 1), (&["vault.db", "vault.db-wal"], 6)] {
            for file in fs::read_dir(&folder).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
            for file in files {
                fs::copy(place.file().with_file_name(file), folder.join(file)).unwrap();
            }
            let copy = Database::sqlite(folder.join("vault.db")).open().await.unwrap();
            assert_eq!(copy.vault().await.unwrap().unwrap().1, rows::head(seq, seq));
            assert_eq!(i64::try_from(copy.entries(0, 99).await.unwrap().len()).unwrap(), seq);
            assert_eq!(commit(&*copy, one("c9")).await, Committed::Done);
            copy.close().await;
        }
        assert_eq!(store.counts().await.unwrap().connections, 5);
    });
}

/// Bytes that are no longer SQLite's are an error, not rows.
#[test]
fn n46_a_damaged_file_is_said() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        for number in 0..200 {
            commit(&*store, one(&format!("c{number:03}"))).await;
        }
        store.close().await;
        let mut bytes = fs::read(place.file()).unwrap();
        let half = bytes.len() / 2 / 4096 * 4096;
        bytes[half..].fill(0xEE);
        fs::write(place.file(), &bytes).unwrap();
        let store = place.database.open().await.unwrap();
        let error = store.connections("acme", None, 999).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error}");
    });
}
