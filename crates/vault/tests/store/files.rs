//! The SQLite file: whose it is, what it is, and how it is written.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use keyway_vault::{Database, StoreErrorKind};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};

use crate::{
    engines::{self, Engine, Folder, Place, block_on},
    rows,
};

/// What is done to a file, and another one that may take its place.
type Replace = fn(&Path, &Path);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refused(database: &Database, kind: StoreErrorKind, says: &str) {
    let error = database.open().await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn all_files_and_folders_are_for_their_owner_alone() {
    block_on(async {
        let folder = Folder::new();
        let file = folder.path().join("new/newer/vault.db");
        let database = Database::sqlite(&file);
        let store = database.create().await.unwrap();
        assert!(store.vault().await.unwrap().is_none());
        for name in ["new/newer/vault.db", "new/newer/vault.db-wal", "new/newer/vault.db-shm"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
        assert_eq!(
            (mode(&folder.path().join("new")), mode(&folder.path().join("new/newer"))),
            (0o700, 0o700)
        );
        store.close().await;
        // What is there already is taken as it is.
        drop(database.create().await.unwrap());
    });
}

#[test]
fn a_file_that_is_open_to_others_is_refused() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        place.vault().await.close().await;
        for bits in [0o640, 0o604, 0o620, 0o602, 0o644] {
            fs::set_permissions(place.file(), fs::Permissions::from_mode(bits)).unwrap();
            refused(&place.database, StoreErrorKind::Unusable, "`chmod 600 ").await;
            assert_eq!(place.database.create().await.unwrap_err().kind(), StoreErrorKind::Unusable);
        }
        fs::set_permissions(place.file(), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(place.database.open().await.unwrap().vault().await.unwrap().is_some());
    });
}

#[test]
fn what_is_no_file_of_keyways_is_refused_and_untouched() {
    block_on(async {
        let folder = Folder::new();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            fs::write(path(name), bytes).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
        };

        refused(&Database::sqlite(path("none/vault.db")), StoreErrorKind::Missing, "there is no file").await;
        assert!(!path("none").exists());

        fs::create_dir(path("folder")).unwrap();
        refused(&Database::sqlite(path("folder")), StoreErrorKind::Unusable, "is no file").await;

        write("text", &b"These are somebody's notes. ".repeat(99));
        let text = Database::sqlite(path("text"));
        refused(&text, StoreErrorKind::Unusable, "no SQLite database").await;
        assert_eq!(text.create().await.unwrap_err().kind(), StoreErrorKind::Unusable);
        assert_eq!(fs::read(path("text")).unwrap(), b"These are somebody's notes. ".repeat(99));

        // What an interrupted `create` leaves.
        write("empty", b"");
        refused(&Database::sqlite(path("empty")), StoreErrorKind::Missing, "no vault").await;
        assert_eq!(fs::read(path("empty")).unwrap(), b"");
        Database::sqlite(path("empty")).create().await.unwrap().close().await;

        write("other", b"");
        let mut other = SqliteConnectOptions::new().filename(path("other")).connect().await.unwrap();
        sqlx::query("CREATE TABLE notes (text TEXT)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let before = fs::read(path("other")).unwrap();
        refused(&Database::sqlite(path("other")), StoreErrorKind::Missing, "no vault").await;
        let error = Database::sqlite(path("other")).create().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unusable);
        assert!(error.to_string().contains("of something else"), "{error}");
        assert_eq!(fs::read(path("other")).unwrap(), before);

        symlink(path("empty"), path("link")).unwrap();
        for link in [Database::sqlite(path("link"))] {
            refused(&link, StoreErrorKind::Unusable, "symbolic link").await;
            assert_eq!(link.create().await.unwrap_err().kind(), StoreErrorKind::Unusable);
        }
        symlink(path("nowhere"), path("dangling")).unwrap();
        let error = Database::sqlite(path("dangling")).create().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unusable);
        assert!(!path("nowhere").exists());
    });
}

/// `file:` would be a URL, and `%41` an `A`.
#[test]
fn a_path_is_a_path_whatever_its_letters() {
    block_on(async {
        let folder = Folder::new();
        for name in ["file:vault.db", "%41.db", "a b#c.db", "ä.db", "'\".db"] {
            let database: Database = format!("sqlite:{}/{name}", folder.path().display()).parse().unwrap();
            database.create().await.unwrap().close().await;
            assert!(folder.path().join(name).is_file(), "{name}");
            database.open().await.unwrap().close().await;
        }
    });
}

/// What can be seen of the settings from outside: the mode of the file is of the file; deleted bytes are gone from it, and,
/// after a scrub, from the log.
#[test]
fn what_is_deleted_is_gone_from_the_files() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let marker = b"THIS-STANDS-FOR-A-SEALED-RECORD";
        let mut row = rows::connection("acme", "c1");
        row.credential = marker.repeat(300);
        rows::commit(&*store, vec![rows::insert(row)]).await;
        store.scrub().await.unwrap();
        let there = |name: &str| {
            let bytes = fs::read(place.file().with_file_name(name)).unwrap();
            bytes.windows(marker.len()).any(|window| window == marker)
        };
        assert!(there("vault.db"));
        let delete = keyway_vault::Change::Delete { tenant: "acme".into(), id: "c1".into(), from: 1 };
        rows::commit(&*store, vec![delete]).await;
        store.scrub().await.unwrap();
        assert!(!there("vault.db") && !there("vault.db-wal"));
        assert_eq!(fs::metadata(place.file().with_file_name("vault.db-wal")).unwrap().len(), 0);

        let mut other = SqliteConnectOptions::new().filename(place.file()).connect().await.unwrap();
        let mode = sqlx::query("PRAGMA journal_mode").fetch_one(&mut other).await.unwrap();
        assert_eq!(mode.get::<String, _>(0), "wal");
        other.close().await.unwrap();
    });
}

/// A reader in the middle of something keeps the log: that is said, and nothing is lost.
#[test]
fn a_scrub_under_a_reader_says_so() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let mut view = store.snapshot().await.unwrap();
        rows::commit(&*store, vec![rows::insert(rows::connection("acme", "c1"))]).await;
        assert_eq!(store.scrub().await.unwrap_err().kind(), StoreErrorKind::Busy);
        assert!(view.connections(None, 9).await.unwrap().is_empty());
        drop(view);
        while store.scrub().await.is_err() {}
        assert!(store.connection("acme", "c1").await.unwrap().is_some());
    });
}

#[test]
fn n46_a_file_that_is_replaced_while_it_is_open_is_noticed() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let (aside, older) = (place.file().with_extension("aside"), place.file().with_extension("older"));
        fs::copy(place.file(), &older).unwrap();
        let ways: [(&str, Replace); 2] = [
            ("taken away", |_, _| {}),
            ("replaced", |file, older| assert!(fs::copy(older, file).unwrap() > 0)),
        ];
        for (what, replace) in ways {
            fs::rename(place.file(), &aside).unwrap();
            replace(&place.file(), &older);
            let batch = rows::batch(&rows::head(1, 1), vec![rows::insert(rows::connection("acme", "c1"))]);
            for error in [
                store.vault().await.map(drop).unwrap_err(),
                store.commit(&batch).await.map(drop).unwrap_err(),
                store.changed(1).await.map(drop).unwrap_err(),
                store.snapshot().await.map(drop).unwrap_err(),
            ] {
                assert_eq!(error.kind(), StoreErrorKind::Unusable, "{what}: {error}");
                assert!(error.to_string().contains("another one is in its place"), "{what}: {error}");
            }
            fs::rename(&aside, place.file()).unwrap();
            assert!(store.vault().await.unwrap().is_some(), "{what}, and back");
        }
    });
}
