//! N47: many writers and readers, tasks and processes, of one connection and of one vault.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{
    Accounts, ConnectionId, KeyError, KeyId, KeySource, KnownKey, MasterKey, New, NewKey, Scope, Vault,
};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
};

use crate::{
    load::{Acknowledged, Place},
    setting::{Keys, Setting, account, actor, checked, credential, key_of, registry, secret, tenant},
};

fn scope(vault: &Vault) -> Scope {
    vault.tenant(&tenant("t0"), &actor())
}

async fn saved(vault: &Vault) -> ConnectionId {
    let credential = credential(&registry(), &secret(0));
    let account = account("u1");
    let new = New::connection(&credential).account(&account).name("0");
    scope(vault).save(new).await.unwrap().connection.id
}

/// 64 writers of two processes; each changes the one connection three times.
async fn one_connection(place: Place) {
    const WRITERS: usize = 64;
    let vaults = [place.vault().await, place.vault().await];
    let id = saved(&vaults[0]).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (vault, id) = (vaults[writer % 2].clone(), id.clone());
        writers.spawn(async move {
            let scope = scope(&vault);
            let next = credential(&registry(), &secret(writer));
            let renamed = scope.rename(&id, Some(&writer.to_string())).await.unwrap();
            let invalid = Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no"));
            let judged = checked(&scope, &id, &invalid).await.unwrap();
            let new = New::connection(&next).account(renamed.account.as_ref().unwrap());
            let replaced = scope.replace(&id, new, Accounts::Same).await.unwrap();
            assert_eq!(renamed.name, Some(writer.to_string()));
            assert!(renamed.version < judged.version && judged.version < replaced.version);
            [(renamed, None), (judged, None), (replaced, Some(writer))]
        });
    }
    let mut changes: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    changes.sort_by_key(|(connection, _)| connection.version);
    let versions: Vec<_> = changes.iter().map(|(connection, _)| connection.version).collect();
    let expected: Vec<_> = (2..).take(WRITERS * 3).collect();
    assert_eq!(versions, expected, "each change is one version, and none is lost");
    let log = vaults[0].tenant(&tenant("t0"), &actor()).audit(0, 1000).await.unwrap();
    let kinds: Vec<_> = log.iter().skip(1).map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds.len(), changes.len());
    // Each began where the one before ended: only a renaming changes the name.
    let mut name = Some("0".to_owned());
    for ((change, _), kind) in changes.iter().zip(kinds) {
        let is_renaming = kind == "connection.renamed";
        let expected = if is_renaming { change.name.clone() } else { name };
        assert_eq!(change.name, expected, "version {}", change.version);
        name = expected;
    }
    let (last, _) = changes.last().unwrap();
    let last_key = changes.iter().rev().find_map(|(_, key)| *key).unwrap();
    for vault in &vaults {
        assert_eq!(scope(vault).get(&id).await.unwrap(), *last);
        let opened = scope(vault).open(&id, &registry()).await.unwrap();
        assert_eq!(key_of(&opened.credential), secret(last_key));
        let report = vault.verify(&[]).await.unwrap();
        assert_eq!((report.problems, report.connections), (vec![], 1));
    }
    for vault in vaults {
        vault.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_64_writers_of_one_connection_on_sqlite() {
    one_connection(Place::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_64_writers_of_one_connection_on_postgresql() {
    if let Some(place) = Place::postgres().await {
        one_connection(place).await;
    }
}

/// Two processes at once, until both have done their work.
async fn two_processes(place: Place) {
    const OPERATIONS: u64 = 400;
    let place = Arc::new(place);
    let mut processes = JoinSet::new();
    for seed in [47, 74] {
        let place = Arc::clone(&place);
        processes.spawn(spawn_blocking(move || place.load(seed, OPERATIONS).end()));
    }
    let mut known = Acknowledged::default();
    for said in processes.join_all().await {
        known.learn(&said.unwrap());
    }
    let vault = place.vault().await;
    known.check(&vault).await;
    let open = vault.verify(&[]).await.unwrap().open_runs;
    assert_eq!(open, [], "both recorders said that they ended");
    place.end_rotation(&vault).await;
    vault.close().await;
    place.assert_tidy();
    println!("{} acknowledged, {} refused", known.operations, known.refused.len());
    assert!(known.operations > OPERATIONS, "{}", known.operations);
    let unclean = |line: &&String| !["NotFound", "Rotating"].iter().any(|clean| line.ends_with(clean));
    assert_eq!(known.refused.iter().filter(unclean).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_two_processes_on_one_file() {
    two_processes(Place::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_two_processes_on_postgresql() {
    if let Some(place) = Place::postgres().await {
        two_processes(place).await;
    }
}

/// Keys of a service that cannot be reached any more.
#[derive(Debug, Clone)]
struct Away(Keys, Arc<AtomicBool>);

#[async_trait::async_trait]
impl KeySource for Away {
    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn keys(&self, known: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(KeyError::Service("it is away".to_owned()));
        }
        self.0.keys(known).await
    }

    async fn fresh(&self, known: &[KeyId]) -> Result<NewKey, KeyError> {
        self.0.fresh(known).await
    }

    async fn forget(&self, id: KeyId) -> Result<bool, KeyError> {
        self.0.forget(id).await
    }
}

#[tokio::test]
async fn n47_processes_take_turns_without_a_word_to_the_key_service() {
    let setting = Setting::new().await;
    let source = Away(setting.keys.clone(), Arc::default());
    let mut vaults = Vec::new();
    for _ in 0..2 {
        vaults.push(Vault::open(setting.store().await, Arc::new(source.clone())).await.unwrap());
    }
    source.1.store(true, Ordering::SeqCst);
    let id = saved(&vaults[0]).await;
    for turn in 0..4 {
        let renamed = scope(&vaults[turn % 2]).rename(&id, Some(&turn.to_string())).await.unwrap();
        assert_eq!(renamed.version, i64::try_from(turn).unwrap() + 2);
    }
}

/// 500 readers, while others write and once rotate: each sees a whole state of what it reads.
async fn readers(place: Place) {
    const READERS: usize = 500;
    let (one, other) = (place.vault().await, place.vault().await);
    let id = saved(&one).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (vault, id, over) = (one.clone(), id.clone(), Arc::clone(&over));
        writers.spawn(async move {
            let scope = scope(&vault);
            let mut version = 0;
            for number in (writer..).step_by(8) {
                // The name tells which key it is: both change together.
                let (next, name) = (credential(&registry(), &secret(number)), number.to_string());
                let new = New::connection(&next).name(&name);
                version = scope.replace(&id, new, Accounts::Any).await.unwrap().version;
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
            version
        });
    }
    let known = Arc::new(registry());
    // As many as are let in at once by whoever has that many: behind a pool of eight each waits for five seconds at most.
    let at_once = Arc::new(Semaphore::new(100));
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (vault, id) = (if reader % 2 == 0 { one.clone() } else { other.clone() }, id.clone());
        let (known, at_once) = (Arc::clone(&known), Arc::clone(&at_once));
        readers.spawn(async move {
            let _turn = at_once.acquire().await.unwrap();
            let scope = scope(&vault);
            let mut before = 0;
            for _ in 0..3 {
                let opened = scope.open(&id, &known).await.unwrap();
                let number = opened.connection.name.as_deref().unwrap().parse().unwrap();
                assert_eq!(key_of(&opened.credential), secret(number));
                assert!(opened.connection.version >= before, "time goes back");
                before = opened.connection.version;
            }
        });
    }
    for _ in 0..3 {
        one.rotate(&actor(), |_| ()).await.unwrap();
    }
    readers.join_all().await;
    over.store(true, Ordering::SeqCst);
    let versions: BTreeSet<_> = writers.join_all().await.into_iter().collect();
    assert_eq!(Some(&scope(&other).get(&id).await.unwrap().version), versions.last());
    assert_eq!(other.verify(&[]).await.unwrap().problems, []);
    one.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_500_readers_beside_writers_on_sqlite() {
    readers(Place::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n47_500_readers_beside_writers_on_postgresql() {
    if let Some(place) = Place::postgres().await {
        readers(place).await;
    }
}
