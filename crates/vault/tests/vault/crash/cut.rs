//! Every operation, cut off at every call to the store, in every way: afterwards it was done or was not, and whoever asked
//! for it was told which.

use std::{fs, io::BufReader, sync::Arc, time::Duration};

use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{
    Accounts, ConnectionId, Database, Error, GrantId, New, Scope, Status, Store, StoreErrorKind, Terms, Vault,
};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    fated::{Call, Fate, Fated, Plan},
    setting::{
        Keys, Setting, account, actor, checked, credential, database, key_of, registry, secret, tenant,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Replace,
    Rename,
    Check,
    Remove,
    Grant,
    Revoke,
    Import,
}

use Operation::{Check, Create, Grant, Import, Remove, Rename, Replace, Revoke};

/// How a call is cut off: what becomes of it, and whether the store is gone from then on.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: u64,
    fate: Fate,
    gone: bool,
}

impl Cut {
    fn plan(self) -> Arc<Plan> {
        Plan::new(move |call| {
            let fate = match call.number {
                number if number == self.at => self.fate,
                number if number > self.at && self.gone => Fate::Refused,
                _ => Fate::Done,
            };
            (fate, Duration::ZERO)
        })
    }
}

/// A vault with a connection and a grant, to be copied.
struct Template {
    folder: TempDir,
    keys: Vec<u8>,
    connection: ConnectionId,
    grant: GrantId,
    export: Vec<u8>,
}

impl Template {
    async fn new() -> Self {
        let setting = Setting::new().await;
        let scope = scope(&setting.vault);
        let new = setting.credential(1);
        let saved = scope.save(New::connection(&new).account(&account("u1")).name("before")).await.unwrap();
        let connection = saved.connection.id;
        let grant = scope.grant(&connection, Terms::default()).await.unwrap().grant.id;
        let mut export = Vec::new();
        setting.vault.export(&actor(), &mut export).await.unwrap();
        setting.vault.close().await;
        let keys = setting.keys.0.lock().unwrap().clone();
        Self { folder: setting.folder, keys, connection, grant, export }
    }

    /// A copy for one case: empty where it is to be filled.
    async fn copy(&self, operation: Operation) -> (TempDir, Arc<dyn Store>) {
        let folder = tempfile::tempdir().unwrap();
        let database: Database = database(&folder);
        if operation == Import {
            return (folder, database.create().await.unwrap());
        }
        fs::copy(self.folder.path().join("keyway.db"), folder.path().join("keyway.db")).unwrap();
        let store = database.open().await.unwrap();
        (folder, store)
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::new(Keys::of(&self.keys))
    }

    /// Does it, and tells what the caller is told.
    async fn run(&self, operation: Operation, store: Arc<dyn Store>, plan: &Plan) -> Result<(), Error> {
        if operation == Import {
            plan.arm();
            let mut input = BufReader::new(self.export.as_slice());
            return Vault::import(store, self.keys(), &actor(), &mut input).await.map(drop);
        }
        let vault = Vault::open(store, self.keys()).await.unwrap();
        let (scope, connection) = (scope(&vault), &self.connection);
        plan.arm();
        let next = credential(&registry(), &secret(2));
        let new = New::connection(&next);
        match operation {
            Create => scope.save(new.name("created")).await.map(drop),
            Replace => scope.replace(connection, new, Accounts::Any).await.map(drop),
            Rename => scope.rename(connection, Some("after")).await.map(drop),
            Check => {
                let invalid = Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no"));
                checked(&scope, connection, &invalid).await.map(drop)
            }
            Remove => scope.remove(connection).await,
            Grant => scope.grant(connection, Terms::default()).await.map(drop),
            Revoke => scope.revoke(&self.grant).await.map(drop),
            Import => unreachable!("it is above"),
        }
    }

    /// Tells whether it was done: all of it and once, or nothing.
    async fn is_done(&self, operation: Operation, folder: &TempDir) -> bool {
        let store = database(folder).open().await.unwrap();
        let vault = match Vault::open(store, self.keys()).await {
            Err(Error::NoVault) => return false,
            vault => vault.unwrap(),
        };
        assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
        let scope = scope(&vault);
        let list = scope.list(None, 10).await.unwrap();
        let grants = scope.grants(None, None, 10).await.unwrap();
        let old = list.iter().find(|connection| connection.id == self.connection);
        let seen = (list.len(), grants.len(), old.map_or(0, |connection| connection.version));
        let done = match operation {
            Create => seen == (2, 1, 1),
            Replace | Rename | Check => seen == (1, 1, 2),
            Remove => seen == (0, 0, 0),
            Grant => seen == (1, 2, 1),
            Revoke => grants[0].revoked_at.is_some(),
            Import => vault.audit(0, 100).await.unwrap().last().unwrap().kind == "vault.imported",
        };
        if !done || matches!(operation, Revoke | Import) {
            assert_eq!(seen, (1, 1, 1), "{operation:?}: neither before nor after");
        }
        for connection in &list {
            let is_new = (operation == Replace && done) || connection.id != self.connection;
            let opened = scope.open(&connection.id, &registry()).await.unwrap();
            assert_eq!(key_of(&opened.credential), secret(if is_new { 2 } else { 1 }));
            let name = match operation {
                Rename if done => "after",
                _ if connection.id != self.connection => "created",
                _ => "before",
            };
            assert_eq!(connection.name.as_deref(), Some(name));
            let needs_key = operation == Check && done;
            assert_eq!(connection.status, if needs_key { Status::NeedsKey } else { Status::Active });
        }
        vault.close().await;
        done
    }

    async fn case(&self, operation: Operation, cut: Cut) {
        let (folder, store) = self.copy(operation).await;
        let plan = cut.plan();
        let told = self.run(operation, Fated::over(Arc::clone(&store), &plan), &plan).await;
        store.close().await;
        let done = self.is_done(operation, &folder).await;
        let case = format!("{operation:?} {cut:?}: told {told:?}, done: {done}");
        match &told {
            Ok(()) => assert!(done, "{case}"),
            Err(Error::Store(error)) if error.kind() == StoreErrorKind::Uncertain => {
                assert!(cut.gone || operation == Import, "{case}: it could have looked");
            }
            Err(Error::Store(error)) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{case}");
                assert!(!done, "{case}");
            }
            Err(error) => panic!("{case}: {error}"),
        }
    }
}

fn scope(vault: &Vault) -> Scope {
    vault.tenant(&tenant("acme"), &actor())
}

/// The calls of an operation that nothing cuts off.
async fn calls(template: &Template, operation: Operation) -> Vec<Call> {
    let (_folder, store) = template.copy(operation).await;
    let (told, calls) = std::sync::mpsc::channel();
    let plan = Plan::new(move |call| {
        told.send(call).unwrap();
        (Fate::Done, Duration::ZERO)
    });
    template.run(operation, Fated::over(store, &plan), &plan).await.unwrap();
    drop(plan);
    calls.try_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn n45_cut_off_at_each_call_it_is_done_or_not_and_that_is_told() {
    let template = Arc::new(Template::new().await);
    let at_once = Arc::new(Semaphore::new(24));
    let mut cases = JoinSet::new();
    for operation in [Create, Replace, Rename, Check, Remove, Grant, Revoke, Import] {
        let calls = calls(&template, operation).await;
        assert!(calls.iter().any(|call| call.writes), "{operation:?} writes");
        for Call { number: at, writes } in calls {
            let fates: &[Fate] =
                if writes { &[Fate::Refused, Fate::AnswerLost, Fate::Lost] } else { &[Fate::Refused] };
            for (fate, gone) in fates.iter().flat_map(|fate| [(*fate, true), (*fate, false)]) {
                let (template, at_once) = (Arc::clone(&template), Arc::clone(&at_once));
                cases.spawn(async move {
                    let _turn = at_once.acquire().await.unwrap();
                    template.case(operation, Cut { at, fate, gone }).await;
                });
            }
        }
    }
    println!("{} cases", cases.len());
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}
