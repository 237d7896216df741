//! N48: rotations that are stopped, meet, or run while others write.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keyway_core::Verdict;
use keyway_vault::{Accounts, ConnectionId, Error, KeyId, New, Rotated, Scope, Vault};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::{JoinSet, block_in_place},
};

use crate::{
    fated::{Call, Fate, Fated, Plan},
    setting::{
        Keys, Setting, account, actor, checked, credential, database, expire_leases, key_of, registry,
        secret, tenant,
    },
};

/// So many connections are rotated, and so many of them in one transaction.
const CONNECTIONS: usize = 40;
const PAGE: u32 = 7;

fn scope(vault: &Vault) -> Scope {
    vault.tenant(&tenant("acme"), &actor())
}

fn harmless() -> Arc<Plan> {
    Plan::new(|_| (Fate::Done, Duration::ZERO))
}

async fn filled() -> (Setting, Vec<ConnectionId>) {
    let setting = Setting::new().await;
    let credentials: Vec<_> = (0..CONNECTIONS).map(|number| setting.credential(number)).collect();
    let list: Vec<_> = credentials.iter().map(New::connection).collect();
    let saved = scope(&setting.vault).save_all(&list).await.unwrap();
    (setting, saved.into_iter().map(|saved| saved.connection.id).collect())
}

async fn opened(vault: &Vault, id: &ConnectionId) -> String {
    key_of(&scope(vault).open(id, &registry()).await.unwrap().credential)
}

/// All is under one key, the only one that the source holds, and the log tells of each key's beginning and end.
async fn assert_rotated(vault: &Vault, keys: &Keys) {
    let status = vault.status().await.unwrap();
    let active: Vec<_> = status.keys.iter().filter(|key| key.state == "active").collect();
    assert_eq!(active.len(), 1);
    for key in &status.keys {
        let expected = if key.state == "active" { status.counts.connections } else { 0 };
        assert_eq!((key.connections, key.state == "decrypt"), (expected, false), "{status:?}");
    }
    let held: Vec<_> =
        keys.0.lock().unwrap().iter().map(|number| Keys::key(*number).id().to_string()).collect();
    assert_eq!(held, [active[0].id.clone()]);
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
    let log = vault.audit(0, 1000).await.unwrap();
    let told = |kind: &str| {
        let mut keys: Vec<_> = log
            .iter()
            .filter(|entry| entry.kind == kind)
            .filter_map(|entry| entry.what.key.clone())
            .collect();
        keys.sort_unstable();
        keys
    };
    let mut begun: Vec<_> = status.keys.iter().skip(1).map(|key| key.id.clone()).collect();
    begun.sort_unstable();
    assert_eq!(told("rotation.started"), begun, "each once");
    let retired = status.keys.iter().filter(|key| key.state == "retired").map(|key| key.id.clone());
    let mut retired: Vec<_> = retired.collect();
    retired.sort_unstable();
    assert_eq!(told("key.retired"), retired, "each once");
}

/// A vault that is rotated in each case from the beginning.
struct Template {
    setting: Setting,
    ids: Vec<ConnectionId>,
}

impl Template {
    fn copy(&self) -> (TempDir, Keys) {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(self.setting.folder.path().join("keyway.db"), folder.path().join("keyway.db")).unwrap();
        (folder, Keys::of(&self.setting.keys.0.lock().unwrap()))
    }

    async fn rotate(&self, folder: &TempDir, keys: &Keys, plan: &Arc<Plan>) -> Result<Rotated, Error> {
        let store = database(folder).open().await.unwrap();
        let fated = Fated::with_pages(Arc::clone(&store), plan, PAGE);
        let vault = Vault::open(fated, Arc::new(keys.clone())).await.unwrap();
        plan.arm();
        let rotated = vault.rotate(&actor(), |_| ()).await;
        store.close().await;
        rotated
    }

    async fn stopped(&self, at: u64, fate: Fate) {
        let (folder, keys) = self.copy();
        let plan = Plan::new(move |call| {
            let fate = match call.number {
                number if number < at => Fate::Done,
                number if number == at => fate,
                _ => Fate::Refused,
            };
            (fate, Duration::ZERO)
        });
        let first = self.rotate(&folder, &keys, &plan).await;

        // As it was left, all can be used.
        let store = database(&folder).open().await.unwrap();
        let vault = Vault::open(Arc::clone(&store), Arc::new(keys.clone())).await.unwrap();
        assert_eq!(vault.verify(&[]).await.unwrap().problems, [], "stopped at {at}");
        let middle = CONNECTIONS / 2;
        assert_eq!(opened(&vault, &self.ids[middle]).await, secret(middle));
        let interrupted = vault.status().await.unwrap().keys.iter().any(|key| key.state == "decrypt");
        if first.is_ok() {
            assert!(!interrupted, "it said that it was done");
            assert_rotated(&vault, &keys).await;
        }

        // The process is gone, and its lease runs out.
        expire_leases(&folder.path().join("keyway.db")).await;
        let rotated = vault.rotate(&actor(), |_| ()).await.unwrap();
        assert_eq!((rotated.resumed, rotated.to_forget), (interrupted, vec![]), "stopped at {at}");
        assert_rotated(&vault, &keys).await;
        for (number, id) in self.ids.iter().enumerate() {
            assert_eq!(opened(&vault, id).await, secret(number));
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n48_stopped_after_each_call_it_is_taken_up_and_ended() {
    let (setting, ids) = filled().await;
    setting.vault.clone().close().await;
    let template = Arc::new(Template { setting, ids });
    let (folder, keys) = template.copy();
    let (told, calls) = std::sync::mpsc::channel();
    let plan = Plan::new(move |call| {
        told.send(call).unwrap();
        (Fate::Done, Duration::ZERO)
    });
    let whole = template.rotate(&folder, &keys, &plan).await.unwrap();
    assert_eq!((whole.rewrapped, whole.resumed), (CONNECTIONS as u64, false));
    drop(plan);

    let at_once = Arc::new(Semaphore::new(16));
    let mut cases = JoinSet::new();
    for Call { number, writes } in calls {
        let fates: &[Fate] =
            if writes { &[Fate::Refused, Fate::AnswerLost, Fate::Lost] } else { &[Fate::Refused] };
        for fate in fates {
            let (template, at_once) = (Arc::clone(&template), Arc::clone(&at_once));
            cases.spawn(async move {
                let _turn = at_once.acquire().await.unwrap();
                template.stopped(number, *fate).await;
            });
        }
    }
    assert!(cases.len() > 30, "{}", cases.len());
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n48_one_rotates_at_a_time() {
    let (setting, _) = filled().await;
    let store = Fated::with_pages(setting.store().await, &harmless(), PAGE);
    let first = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    let second = setting.again().await;
    let mut refused = 0;
    let actor = actor();
    let rotated = first.rotate(&actor, |_| {
        let told = block_in_place(|| Handle::current().block_on(second.rotate(&actor, |_| ())));
        assert_eq!(told, Err(Error::Rotating));
        refused += 1;
    });
    let rotated = rotated.await.unwrap();
    assert_eq!((rotated.rewrapped, rotated.resumed), (CONNECTIONS as u64, false));
    assert_eq!(refused, CONNECTIONS.div_ceil(PAGE as usize));
    assert_rotated(&second, &setting.keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n48_others_write_meanwhile_and_nothing_is_left_under_the_old_key() {
    let (setting, ids) = filled().await;
    let (one, other) = (late(&setting).await, late(&setting).await);
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    // Eight of another process, and four of the one that rotates.
    for number in 0..12 {
        let vault = if number < 8 { other.clone() } else { one.clone() };
        let (ids, over) = (ids.clone(), Arc::clone(&over));
        writers.spawn(async move {
            let (scope, registry) = (scope(&vault), registry());
            let mut random = fastrand::Rng::with_seed(number);
            let mut done = 0;
            while !over.load(Ordering::SeqCst) {
                let at = random.usize(0..ids.len());
                let next = credential(&registry, &secret(at));
                match random.u32(0..3) {
                    0 => drop(scope.save(New::connection(&next)).await.unwrap()),
                    1 => drop(scope.rename(&ids[at], Some("renamed")).await.unwrap()),
                    _ => drop(scope.replace(&ids[at], New::connection(&next), Accounts::Any).await.unwrap()),
                }
                done += 1;
            }
            done
        });
    }
    // Two rotations in a row.
    for _ in 0..2 {
        let rotated = one.rotate(&actor(), |_| ()).await.unwrap();
        assert!(!rotated.resumed && rotated.rewrapped > 0);
        let vault = setting.again().await;
        for key in vault.status().await.unwrap().keys {
            assert_eq!(key.state == "active", key.connections > 0, "{key:?}");
        }
        vault.close().await;
    }
    over.store(true, Ordering::SeqCst);
    let done: u64 = writers.join_all().await.into_iter().sum();
    assert!(done > 12, "{done}");
    let vault = setting.again().await;
    assert_rotated(&vault, &setting.keys).await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(opened(&vault, id).await, secret(number));
    }
}

/// Another process over a store that is now and then a little late, so that calls meet in many orders.
async fn late(setting: &Setting) -> Vault {
    let random = std::sync::Mutex::new(fastrand::Rng::with_seed(48));
    let plan = Plan::new(move |_| {
        (Fate::Done, Duration::from_micros(random.lock().unwrap().u64(0..40).saturating_sub(20) * 100))
    });
    plan.arm();
    let store = Fated::with_pages(setting.store().await, &plan, PAGE);
    Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap()
}

/// A rotation begins, and the store is away before the process reads the keys again.
#[tokio::test]
async fn n48_the_process_that_began_writes_nothing_under_the_old_key() {
    let setting = Setting::new().await;
    let old = setting.vault.active_key();
    let began = AtomicBool::new(false);
    let plan = Plan::new(move |call| {
        let fate = if began.load(Ordering::SeqCst) { Fate::Refused } else { Fate::Done };
        // The lease is the first that is written.
        began.fetch_or(call.writes && call.number > 0, Ordering::SeqCst);
        (fate, Duration::ZERO)
    });
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    assert!(matches!(vault.rotate(&actor(), |_| ()).await, Err(Error::Store(_))));
    plan.disarm();
    let saved = scope(&vault).save(New::connection(&setting.credential(1))).await.unwrap();
    let store = setting.store().await;
    let row = store.connection("acme", saved.connection.id.as_str()).await.unwrap().unwrap();
    assert_ne!(row.key, old.to_string());
    assert_eq!(store.count_under_key(&old.to_string()).await.unwrap(), 0);
}

#[tokio::test]
async fn n48_a_process_with_the_old_key_goes_on() {
    let (setting, ids) = filled().await;
    let (reader, writer) = (setting.again().await, setting.again().await);
    for _ in 0..2 {
        let rotated = setting.vault.rotate(&actor(), |_| ()).await.unwrap();
        assert_eq!(opened(&reader, &ids[3]).await, secret(3));
        let judged = checked(&scope(&writer), &ids[4], &Verdict::Valid(account("u4"))).await.unwrap();
        assert_eq!(opened(&reader, &judged.id).await, secret(4));
        for vault in [&reader, &writer] {
            assert_eq!(vault.active_key(), rotated.key);
        }
        assert_rotated(&reader, &setting.keys).await;
    }
}

/// A row was read, and before it is opened a rotation ends, and nobody has its key any more.
#[tokio::test]
async fn n48_a_row_that_was_read_before_a_rotation_is_read_again() {
    let (setting, ids) = filled().await;
    let (is_read, was_read) = std::sync::mpsc::channel();
    let plan = Plan::new(move |call| {
        is_read.send(()).unwrap();
        (Fate::Done, if call.number == 0 { Duration::from_millis(500) } else { Duration::ZERO })
    });
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    let reader = tokio::spawn({
        let (vault, id) = (vault.clone(), ids[5].clone());
        async move { opened(&vault, &id).await }
    });
    while was_read.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    setting.vault.rotate(&actor(), |_| ()).await.unwrap();
    assert_eq!(opened(&vault, &ids[6]).await, secret(6));
    assert_eq!(reader.await.unwrap(), secret(5));
}

#[tokio::test]
async fn n48_a_tampered_row_is_named_and_all_others_are_done() {
    let (setting, ids) = filled().await;
    let old = setting.vault.active_key();
    let store = setting.store().await;
    let path = setting.folder.path().join("keyway.db");
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let sql = format!("UPDATE keyway_connections SET status = 'needs_key' WHERE id = '{}'", ids[7]);
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let named = Err(Error::Tampered { what: format!("connection {}", ids[7]) });
    // Trying again changes nothing.
    for _ in 0..2 {
        assert_eq!(setting.vault.rotate(&actor(), |_| ()).await, named);
        assert_eq!(store.count_under_key(&old.to_string()).await.unwrap(), 1);
        assert!(holds(&setting.keys, old), "what is left is under it");
    }
    assert_eq!(opened(&setting.vault, &ids[8]).await, secret(8));
    scope(&setting.vault).remove(&ids[7]).await.unwrap();
    let rotated = setting.vault.rotate(&actor(), |_| ()).await.unwrap();
    assert_eq!((rotated.resumed, rotated.rewrapped, rotated.retired), (true, 0, vec![old]));
    assert_rotated(&setting.vault, &setting.keys).await;
}

fn holds(keys: &Keys, id: KeyId) -> bool {
    keys.0.lock().unwrap().iter().any(|number| Keys::key(*number).id() == id)
}
