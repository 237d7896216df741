//! I7: without its key a vault does not open, and nothing changes.

use std::{fs, io::Cursor, path::Path, sync::Arc};

use keyway_vault::{Error, KeyError, New, StoreErrorKind, Vault};

use crate::{
    database::Raw,
    setting::{Keys, Setting, actor, database, tenant},
};

/// The bytes of the database and of what SQLite keeps beside it.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        // Shared memory: who reads, and how far. It holds nothing of the database.
        .filter(|file| !file.file_name().to_str().unwrap().ends_with("-shm"))
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn i7_n44_without_its_key_a_vault_does_not_open_and_no_byte_changes() {
    let setting = Setting::new().await;
    let credential = setting.credential(1);
    setting.vault.tenant(&tenant("acme"), &actor()).save(New::connection(&credential)).await.unwrap();
    setting.vault.rotate(&actor(), |_| {}).await.unwrap();
    let active = setting.vault.active_key();
    for closed in [false, true] {
        if closed {
            setting.vault.clone().close().await;
        }
        let before = bytes(setting.folder.path());
        let cases: [(&str, &[u8]); 5] = [
            ("no key", &[]),
            ("another vault's", &[77]),
            ("several of others", &[78, 77]),
            ("the key that was retired", &[1]),
            ("the retired one, and another's", &[1, 77]),
        ];
        for (case, numbers) in cases {
            let store = setting.store().await;
            let refused = Vault::open(Arc::clone(&store), Arc::new(Keys::of(numbers))).await.unwrap_err();
            let Error::Key(KeyError::Wrong { needed, there }) = &refused else {
                panic!("{case}: {refused:?}")
            };
            assert_eq!(*needed, active, "{case}");
            // To look at it takes the key too: nothing is said of a database that is as it was written.
            let inspected = Vault::inspect(Arc::clone(&store), Arc::new(Keys::of(numbers)), &[]).await;
            assert_eq!(inspected.unwrap_err(), refused, "{case}");
            for number in numbers {
                assert!(there.contains(&Keys::key(*number).id().to_string()), "{case}: {there}");
            }
            store.close().await;
            assert_eq!(bytes(setting.folder.path()), before, "{case}, closed before: {closed}");
        }
    }
    // While a rotation goes on, the old key alone is not enough, and that is no change of the database.
    let mut raw = Raw::open(&setting.folder).await;
    raw.run("UPDATE keyway_keys SET state = 'decrypt' WHERE state = 'retired'", &[]).await;
    let inspected = Vault::inspect(setting.store().await, Arc::new(Keys::of(&[1])), &[]).await;
    assert!(matches!(inspected, Err(Error::Key(_))), "{inspected:?}");
    raw.run("UPDATE keyway_keys SET state = 'retired' WHERE state = 'decrypt'", &[]).await;
    // The order is of no meaning, and keys of others do no harm.
    for numbers in [&[1, 2][..], &[2, 1], &[77, 2], &[2]] {
        let vault = Vault::open(setting.store().await, Arc::new(Keys::of(numbers))).await.unwrap();
        assert_eq!(vault.active_key(), active, "{numbers:?}");
        assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
    }
}

#[tokio::test]
async fn i7_no_vault_is_made_over_another_and_no_key_for_it() {
    let setting = Setting::new().await;
    let mut export = Vec::new();
    setting.vault.export(&actor(), &mut export).await.unwrap();
    setting.vault.clone().close().await;
    let before = bytes(setting.folder.path());
    for keys in [Keys::default(), setting.keys.clone(), Keys::of(&[77])] {
        let there = keys.0.lock().unwrap().clone();
        for store in [database(&setting.folder).create().await.unwrap(), setting.store().await] {
            let made = Vault::init(Arc::clone(&store), Arc::new(keys.clone()), &actor()).await.unwrap_err();
            let source = Arc::new(keys.clone());
            let filled = Vault::import(Arc::clone(&store), source, &actor(), &mut Cursor::new(&export))
                .await
                .unwrap_err();
            for refused in [made, filled] {
                let Error::Store(error) = &refused else { panic!("{refused:?}") };
                assert_eq!(error.kind(), StoreErrorKind::NotEmpty);
            }
            store.close().await;
            assert_eq!(bytes(setting.folder.path()), before);
        }
        assert_eq!(*keys.0.lock().unwrap(), there, "a key was made for nothing");
    }
}

#[tokio::test]
async fn i7_without_a_vault_nothing_opens() {
    let folder = tempfile::tempdir().unwrap();
    let store = database(&folder).create().await.unwrap();
    let opened = Vault::open(store, Arc::new(Keys::of(&[1]))).await;
    assert!(matches!(opened, Err(Error::NoVault)), "{opened:?}");
    let missing = database(&tempfile::tempdir().unwrap()).open().await.unwrap_err();
    assert_eq!(missing.kind(), StoreErrorKind::Missing);
}
