//! A store that fails one call in five, before or after it did what it was asked for, and is late: whoever asks gets the
//! right answer or a clean error, and what was acknowledged is there.

use std::{
    collections::{HashMap, HashSet},
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use http::Method;
use keyway_core::{Reason, ReasonCode, Registry, Verdict};
use keyway_vault::{
    Accounts, By, Connection, ConnectionId, Denied, Error, Grant, New, NewDocument, Opened, Record, Recorder,
    Scope, Status, StoreErrorKind, Tenant, Terms, Vault,
};
use tokio::task::JoinSet;

use crate::{
    fated::{Fate, Fated, Plan},
    setting::{Setting, actor, checked, credential, key_of, secret, tenant},
};

const TENANTS: usize = 4;
/// Tasks of each tenant.
const TASKS: usize = 3;
/// So much is done, where `KEYWAY_SOAK` does not ask for ten minutes of it.
const OPERATIONS: u64 = 3000;
const SOAK: Duration = Duration::from_secs(600);

/// One call in ten is refused, one in ten is in doubt; every other one is late.
fn one_in_five(seed: u64) -> Arc<Plan> {
    let random = Mutex::new(fastrand::Rng::with_seed(seed));
    Plan::new(move |_| {
        let mut random = random.lock().unwrap();
        let fate = match random.u32(0..100) {
            0..10 => Fate::Refused,
            10..15 => Fate::AnswerLost,
            15..20 => Fate::Lost,
            _ => Fate::Done,
        };
        let late = if random.bool() { Duration::from_micros(random.u64(0..2000)) } else { Duration::ZERO };
        (fate, late)
    })
}

/// Tells of an error whether it leaves it open what was done. Panics at one that is not clean.
fn is_doubt(error: &Error) -> bool {
    match error {
        Error::Store(error) if error.kind() == StoreErrorKind::Uncertain => true,
        Error::Store(error) if error.kind() == StoreErrorKind::Unavailable => false,
        // A slow disk has others wait until they are told so.
        Error::Store(error) if error.kind() == StoreErrorKind::Busy => false,
        Error::Conflict | Error::Rotating | Error::Audit => false,
        error => panic!("{error:?} is no clean error"),
    }
}

/// What a connection is, in so far as it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    version: i64,
    key: usize,
    name: String,
    status: Status,
}

/// What one task knows of what is its own.
struct Task {
    number: usize,
    scope: Scope,
    vault: Vault,
    recorder: Recorder,
    tenant: Tenant,
    others: Vec<Tenant>,
    registry: Arc<Registry>,
    random: fastrand::Rng,
    /// All that a connection may be: one state, or two where the last change is in doubt; none where it may be gone.
    connections: HashMap<ConnectionId, Vec<Option<State>>>,
    /// Each with its token, and whether it is revoked: both, where that is in doubt.
    grants: Vec<(Grant, keyway_core::Secret, Vec<bool>)>,
    /// Savings in doubt.
    unknown: usize,
    uses: HashSet<String>,
    /// Documents with all that each may hold; none where it may not be there.
    documents: HashMap<String, Vec<Option<String>>>,
    clean: u64,
}

impl Task {
    async fn one(&mut self) {
        if self.random.u32(0..4) == 0 {
            return self.document().await;
        }
        let ids: Vec<_> = self.connections.keys().cloned().collect();
        let Some(id) = self.random.choice(&ids).cloned() else { return self.save().await };
        match self.random.u32(0..100) {
            0..=9 if ids.len() < 8 => self.save().await,
            0..=29 => self.change(&id).await,
            30..=34 => self.remove(&id).await,
            35..=41 => self.grant(&id).await,
            42..=45 => self.revoke().await,
            46..=52 => self.intend(&id).await,
            53..=64 => self.present_tokens().await,
            65..=74 => self.ask_for_others(&id).await,
            _ => self.open(&id).await,
        }
    }

    async fn save(&mut self) {
        let key = new_key();
        let new = credential(&self.registry, &secret(key));
        match self.scope.save(New::connection(&new).name("new")).await {
            Ok(saved) => {
                let state = State { version: 1, key, name: "new".to_owned(), status: Status::Active };
                assert_is(&saved.connection, &state);
                self.connections.insert(saved.connection.id, vec![Some(state)]);
            }
            Err(error) => self.unknown += usize::from(self.doubt(&error)),
        }
    }

    async fn change(&mut self, id: &ConnectionId) {
        let Some(before) = self.sure(id).await else { return };
        let (key, version) = (new_key(), before.version + 1);
        let (told, after) = match self.random.u32(0..3) {
            0 => {
                let new = credential(&self.registry, &secret(key));
                let told = self.scope.replace(id, New::connection(&new), Accounts::Any).await;
                (told, State { version, key, status: Status::Active, ..before.clone() })
            }
            1 => {
                let name = key.to_string();
                (self.scope.rename(id, Some(&name)).await, State { version, name, ..before.clone() })
            }
            _ => {
                let invalid = Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no"));
                let told = checked(&self.scope, id, &invalid).await;
                (told, State { version, status: Status::NeedsKey, ..before.clone() })
            }
        };
        let states = match told {
            Ok(connection) => {
                assert_is(&connection, &after);
                vec![Some(after)]
            }
            Err(error) if self.doubt(&error) => vec![Some(before), Some(after)],
            Err(_) => vec![Some(before)],
        };
        self.connections.insert(id.clone(), states);
    }

    async fn remove(&mut self, id: &ConnectionId) {
        let Some(before) = self.sure(id).await else { return };
        match self.scope.remove(id).await {
            Ok(()) => {
                self.connections.remove(id);
                self.grants.retain(|(grant, ..)| grant.connection != *id);
                match self.scope.get(id).await {
                    Err(Error::NotFound) => {}
                    Ok(_) => panic!("{id} was removed"),
                    Err(error) => drop(self.doubt(&error)),
                }
            }
            Err(error) if self.doubt(&error) => {
                self.connections.insert(id.clone(), vec![Some(before), None]);
            }
            Err(_) => {}
        }
    }

    async fn open(&mut self, id: &ConnectionId) {
        match self.scope.open(id, &self.registry).await {
            Ok(opened) => self.found(id, Some(&opened)),
            Err(Error::NotFound) => self.found(id, None),
            Err(error) => drop(self.doubt(&error)),
        }
    }

    /// Compares what is there with what may be there. From then on that is known.
    fn found(&mut self, id: &ConnectionId, opened: Option<&Opened>) {
        let states = self.connections.get_mut(id).unwrap();
        let is = |state: &Option<State>| match (state, opened) {
            (Some(state), Some(opened)) => {
                is(&opened.connection, state) && key_of(&opened.credential) == secret(state.key)
            }
            (state, opened) => state.is_none() && opened.is_none(),
        };
        assert!(states.iter().any(is), "{id} is {:?}, and may be {states:?}", opened.map(|o| &o.connection));
        states.retain(is);
        if opened.is_none() {
            self.connections.remove(id);
            self.grants.retain(|(grant, ..)| grant.connection != *id);
        }
    }

    /// What a connection is, after a look where that is in doubt; `None` where there was no answer, or it is gone.
    async fn sure(&mut self, id: &ConnectionId) -> Option<State> {
        if self.connections[id].len() > 1 {
            self.open(id).await;
        }
        match self.connections.get(id).map(Vec::as_slice) {
            Some([state]) => state.clone(),
            _ => None,
        }
    }

    async fn grant(&mut self, id: &ConnectionId) {
        if self.grants.len() > 10 || self.sure(id).await.is_none() {
            return;
        }
        match self.scope.grant(id, Terms::default()).await {
            Ok(made) => self.grants.push((made.grant, made.token, vec![false])),
            // Nobody has its token.
            Err(error) => drop(self.doubt(&error)),
        }
    }

    async fn revoke(&mut self) {
        if self.grants.is_empty() {
            return;
        }
        let at = self.random.usize(0..self.grants.len());
        let id = self.grants[at].0.id.clone();
        match self.scope.revoke(&id).await {
            Ok(grant) => {
                assert!(grant.revoked_at.is_some());
                self.grants[at].2 = vec![true];
            }
            Err(Error::NotFound) => {
                let connection = &self.grants[at].0.connection;
                assert!(self.connections[connection].contains(&None), "{id} is lost");
            }
            Err(error) if self.doubt(&error) => self.grants[at].2 = vec![false, true],
            Err(_) => {}
        }
    }

    async fn present_tokens(&mut self) {
        let Some((grant, token, revoked)) = self.random.choice(&self.grants) else { return };
        match self.vault.grant(token.expose()).await {
            Ok(found) => {
                assert_eq!((&found.id, &found.tenant), (&grant.id, &self.tenant));
                assert_eq!(found.connection, grant.connection);
                let denied = found.allows(&Method::GET, "/", SystemTime::now()) == Err(Denied::Revoked);
                assert!(revoked.contains(&denied), "{}", grant.id);
            }
            Err(Error::NotFound) => {
                assert!(self.connections[&grant.connection].contains(&None), "{} is lost", grant.id);
            }
            Err(error) => drop(self.doubt(&error)),
        }
    }

    async fn ask_for_others(&mut self, id: &ConnectionId) {
        let other = self.random.choice(&self.others).unwrap().clone();
        let scope = self.vault.tenant(&other, &actor());
        match scope.open(id, &self.registry).await {
            Err(Error::NotFound) => {}
            Ok(_) => panic!("{other} opened what is {}'s", self.tenant),
            Err(error) => drop(self.doubt(&error)),
        }
        match scope.list(None, 1000).await {
            Ok(list) => assert!(list.iter().all(|found| found.tenant == other && found.id != *id)),
            Err(error) => drop(self.doubt(&error)),
        }
    }

    async fn intend(&mut self, id: &ConnectionId) {
        let path = format!("/{:016x}", self.random.u64(..));
        let (tenant, by) = (self.tenant.clone(), By::Actor(actor()));
        let record = Record::new(tenant, id.clone(), by, Method::GET, path.as_str().into());
        match self.recorder.intend(record).await {
            Ok(()) => drop(self.uses.insert(path)),
            Err(error) => assert_eq!(error, Error::Audit),
        }
    }

    /// Looks at a document of its own, or changes it.
    async fn document(&mut self) {
        let documents = self.vault.documents();
        let id = format!("{}.{}", self.number, self.random.u32(0..8));
        let found = match documents.get("note", &id).await {
            Ok(found) => found,
            Err(error) => {
                self.doubt(&error);
                return;
            }
        };
        let text = found.as_ref().map(|found| String::from_utf8(found.text.to_vec()).unwrap());
        let may_be = self.documents.entry(id.clone()).or_insert_with(|| vec![None]);
        assert!(may_be.contains(&text), "{id} is {text:?}, and may be {may_be:?}");
        *may_be = vec![text.clone()];
        let new = new_key().to_string();
        let (told, after) = match (found, self.random.u32(0..4)) {
            (None, _) => {
                let (mark, text) = (Some(id.as_bytes()), new.as_bytes());
                let new_document =
                    NewDocument { kind: "note", id: &id, tenant: None, mark, expires_at: None, text };
                (documents.insert(new_document).await, Some(new))
            }
            (Some(found), 0) => (documents.remove(&found).await, None),
            (Some(found), _) => {
                let told = documents.replace(&found, new.as_bytes(), None).await;
                (told.map(|new| new.is_some()), Some(new))
            }
        };
        let states = match told {
            Ok(done) => {
                assert!(done, "{id} is nobody else's");
                vec![after]
            }
            Err(error) if self.doubt(&error) => vec![text, after],
            Err(_) => vec![text],
        };
        self.documents.insert(id, states);
    }

    fn doubt(&mut self, error: &Error) -> bool {
        self.clean += 1;
        is_doubt(error)
    }
}

/// A key that nobody else has.
fn new_key() -> usize {
    static KEYS: AtomicUsize = AtomicUsize::new(1);
    KEYS.fetch_add(1, Ordering::SeqCst)
}

fn is(connection: &Connection, state: &State) -> bool {
    (connection.version, connection.name.as_deref(), connection.status)
        == (state.version, Some(state.name.as_str()), state.status)
}

#[track_caller]
fn assert_is(connection: &Connection, state: &State) {
    assert!(is(connection, state), "{connection:?} is not {state:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_one_call_in_five_loses_nothing_and_mixes_nothing_up() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let setting = Setting::new().await;
    let plan = one_in_five(seed);
    let store = Fated::with_pages(setting.store().await, &plan, 7);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    let (recorder, recording) = vault.recorder().await.unwrap();
    let end = env::var_os("KEYWAY_SOAK").map(|_| Instant::now() + SOAK);
    let (done, registry) = (Arc::new(AtomicU64::new(0)), Arc::new(crate::setting::registry()));
    let names: Vec<_> = (0..TENANTS).map(|number| tenant(&format!("t{number}"))).collect();
    plan.arm();
    let mut tasks = JoinSet::new();
    for number in 0..TENANTS * TASKS {
        let own = &names[number % TENANTS];
        let mut task = Task {
            number,
            scope: vault.tenant(own, &actor()),
            vault: vault.clone(),
            recorder: recorder.clone(),
            tenant: own.clone(),
            others: names.iter().filter(|name| *name != own).cloned().collect(),
            registry: Arc::clone(&registry),
            random: fastrand::Rng::with_seed(seed.wrapping_add(number as u64)),
            connections: HashMap::new(),
            grants: Vec::new(),
            unknown: 0,
            uses: HashSet::new(),
            documents: HashMap::new(),
            clean: 0,
        };
        let done = Arc::clone(&done);
        tasks.spawn(async move {
            loop {
                let before = done.fetch_add(1, Ordering::SeqCst);
                if end.map_or(before >= OPERATIONS, |end| Instant::now() > end) {
                    return task;
                }
                task.one().await;
                if before % 500 == 499 {
                    // One that is cut off leaves its lease behind, and others are refused until that runs out.
                    match task.vault.rotate(&actor(), |_| ()).await {
                        Ok(_) => {}
                        Err(error) => drop(task.doubt(&error)),
                    }
                }
            }
        });
    }
    drop(recorder);
    let mut tasks = tasks.join_all().await;
    plan.disarm();
    let (mut connections, mut unknown, mut clean, mut uses) = (0, 0, 0, HashSet::new());
    for task in &mut tasks {
        for id in task.connections.keys().cloned().collect::<Vec<_>>() {
            task.open(&id).await;
        }
        for (grant, token, revoked) in &task.grants {
            let found = vault.grant(token.expose()).await.unwrap();
            assert_eq!(found.id, grant.id);
            assert!(revoked.contains(&found.revoked_at.is_some()));
        }
        for (id, may_be) in &task.documents {
            let found = vault.documents().get("note", id).await.unwrap();
            let text = found.map(|found| String::from_utf8(found.text.to_vec()).unwrap());
            assert!(may_be.contains(&text), "{id} is {text:?}, and may be {may_be:?}");
        }
        connections += task.connections.len();
        (unknown, clean) = (unknown + task.unknown, clean + task.clean);
        uses.extend(std::mem::take(&mut task.uses));
    }
    drop(tasks);
    recording.end().await.unwrap();
    let report = vault.verify(&[]).await.unwrap();
    assert_eq!(report.problems, []);
    let there = usize::try_from(report.connections).unwrap();
    assert!((connections..=connections + unknown).contains(&there), "{there} of {connections} + {unknown}");
    let logged = logged(&vault).await;
    let once: HashSet<_> = logged.iter().cloned().collect();
    assert_eq!(once.len(), logged.len(), "a use is in the log twice");
    assert!(uses.is_subset(&once));
    let done = done.load(Ordering::SeqCst);
    println!("{done} operations, {clean} clean errors, {there} connections, {} strict uses", uses.len());
    assert!(clean > 0);
    vault.close().await;
}

/// All uses that the log holds, by their paths.
async fn logged(vault: &Vault) -> Vec<String> {
    let (mut uses, mut after) = (Vec::new(), 0);
    loop {
        let entries = vault.audit(after, 1000).await.unwrap();
        let Some(last) = entries.last() else { return uses };
        after = last.seq;
        uses.extend(entries.iter().flat_map(|entry| &entry.what.uses).map(|used| used.path.clone()));
    }
}

/// The store goes away for longer than anybody looks, at the instant of a commit.
#[tokio::test]
async fn n45_uses_whose_commit_is_in_doubt_are_logged_once() {
    for fate in [Fate::AnswerLost, Fate::Lost] {
        let setting = Setting::new().await;
        let plan = Plan::new(move |call| {
            let fate = match call.number {
                0 => fate,
                1..50 => Fate::Refused,
                _ => Fate::Done,
            };
            (fate, Duration::ZERO)
        });
        let store = Fated::over(setting.store().await, &plan);
        let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
        let (recorder, recording) = vault.recorder().await.unwrap();
        let saved = vault
            .tenant(&tenant("t0"), &actor())
            .save(New::connection(&setting.credential(1)))
            .await
            .unwrap();
        plan.arm();
        let by = By::Actor(actor());
        let record = Record::new(tenant("t0"), saved.connection.id, by, Method::GET, "/once".into());
        recorder.record(record).await.unwrap();
        drop(recorder);
        recording.end().await.unwrap();
        assert_eq!(logged(&vault).await, ["/once"], "{fate:?}");
        assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
    }
}
