//! Works on a vault from many tasks until it is killed, and says on stdout what was acknowledged, a line at a time.
//!
//! It is a test that does nothing where nobody asks it to: so it is always built with what it is to show. All keys are made
//! up.

use std::{
    env,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::Method;
use keyway_core::{Account, Credential, Reason, ReasonCode, Registry, Submission, Verdict};
use keyway_vault::{
    Accounts, Actor, By, Connection, Database, Document, Error, KeyFile, New, NewDocument, Record, Recorder,
    Scope, Tenant, Terms, Vault,
};

use crate::setting::{checked, registry};

const TASKS: u64 = 8;
/// So many connections a tenant has at most, so that what is looked at after each crash stays small.
const CONNECTIONS: usize = 10;

/// What asks for it: the database, the key file, a number to begin with, and how much is to be done (0: without end).
pub(super) const VARIABLE: &str = "KEYWAY_LOAD";
/// Its path as a test.
pub(super) const TEST: &str = "load::program::load";
/// What its lines begin with, unlike those of the test's runner.
pub(super) const MARK: &str = "load: ";

#[tokio::test(flavor = "multi_thread")]
async fn load() {
    let Ok(asked) = env::var(VARIABLE) else { return };
    let [database, keys, seed, operations] = asked.split('|').collect::<Vec<_>>()[..] else {
        panic!("DATABASE|KEYS|SEED|OPERATIONS, not {asked:?}");
    };
    let store = database.parse::<Database>().unwrap().open().await.unwrap();
    let vault = Vault::open(store, Arc::new(KeyFile::at(keys))).await.unwrap();
    let (recorder, recording) = vault.recorder().await.unwrap();
    let seed: u64 = seed.parse().unwrap();
    let left = match operations.parse().unwrap() {
        0 => u64::MAX,
        operations => operations,
    };
    let left = Arc::new(AtomicU64::new(left));
    say("open");
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let tenant = Tenant::parse(&format!("t{}", number % 3)).unwrap();
            let worker = Worker {
                scope: vault.tenant(&tenant, &Actor::parse("load").unwrap()),
                vault: vault.clone(),
                tenant,
                recorder: recorder.clone(),
                registry: registry(),
                random: fastrand::Rng::with_seed(seed.wrapping_mul(TASKS).wrapping_add(number)),
                uses: Vec::new(),
                documents: Vec::new(),
            };
            tokio::spawn(worker.work(Arc::clone(&left)))
        })
        .collect();
    drop(recorder);
    for task in tasks {
        task.await.unwrap();
    }
    recording.end().await.unwrap();
    vault.close().await;
    say("end");
}

/// A line is written whole, at once.
fn say(line: &str) {
    let line = format!("{MARK}{line}\n");
    let mut out = std::io::stdout().lock();
    // Who reads it may be gone.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

struct Worker {
    vault: Vault,
    scope: Scope,
    tenant: Tenant,
    recorder: Recorder,
    registry: Registry,
    random: fastrand::Rng,
    /// Uses that were recorded, and not acknowledged yet.
    uses: Vec<String>,
    /// Documents of its own, as they were acknowledged last.
    documents: Vec<Document>,
}

impl Worker {
    async fn work(mut self, left: Arc<AtomicU64>) {
        let take = |left: u64| left.checked_sub(1);
        while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            let roll = self.random.u32(0..100);
            // Documents go their own way, beside everything else.
            if self.random.u32(0..3) == 0 {
                match self.document().await {
                    Ok(()) => {}
                    Err(error) => say(&format!("not {roll} {error:?}")),
                }
                continue;
            }
            if let Err(error) = self.one(roll).await {
                say(&format!("not {roll} {error:?}"));
            }
        }
        // What is acknowledged last takes all with it.
        if let Some(connection) = self.scope.list(None, 1).await.unwrap().first() {
            let _ = self.intend(connection).await;
        }
    }

    async fn one(&mut self, roll: u32) -> Result<(), Error> {
        let list = self.scope.list(None, 50).await?;
        let Some(connection) = self.random.choice(&list).cloned() else { return self.save().await };
        match roll {
            0..=19 if list.len() < CONNECTIONS => self.save().await,
            0..=34 => self.replace(&connection).await,
            35..=54 => self.rename(&connection).await,
            55..=64 => self.check(&connection).await,
            65..=69 => self.remove(&connection).await,
            70..=77 => self.grant(&connection).await,
            78..=81 => self.revoke().await,
            82..=91 => self.record(&connection).await,
            92..=97 => self.intend(&connection).await,
            _ => self.rotate().await,
        }
    }

    /// A key that tells whose account's it is.
    fn credential(&mut self, account: &str) -> (String, Credential) {
        let number = format!("{:08x}", self.random.u32(..));
        let secret = format!("acme_madeup_{account}_{number}");
        let submission = Submission::new().with("api_key", secret).with("region", "eu");
        (number, self.registry.accept("acme", None, &submission).unwrap().credential)
    }

    async fn save(&mut self) -> Result<(), Error> {
        let account = format!("{}a{:08x}", self.tenant, self.random.u32(..));
        let (number, credential) = self.credential(&account);
        let account = Account::new(&account, &account);
        let saved = self.scope.save(New::connection(&credential).account(&account).name("new")).await?;
        self.tell("saved", &saved.connection, &number);
        Ok(())
    }

    async fn replace(&mut self, connection: &Connection) -> Result<(), Error> {
        let account = connection.account.clone().unwrap();
        let (number, credential) = self.credential(account.id());
        let new = New::connection(&credential).account(&account);
        let connection = self.scope.replace(&connection.id, new, Accounts::Same).await?;
        self.tell("replaced", &connection, &number);
        Ok(())
    }

    async fn rename(&mut self, connection: &Connection) -> Result<(), Error> {
        let name = format!("n{:08x}", self.random.u32(..));
        let connection = self.scope.rename(&connection.id, Some(&name)).await?;
        self.tell("renamed", &connection, "-");
        Ok(())
    }

    async fn check(&mut self, connection: &Connection) -> Result<(), Error> {
        let verdict = match (&connection.account, self.random.bool()) {
            (Some(account), true) => Verdict::Valid(account.clone()),
            _ => Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no")),
        };
        let connection = checked(&self.scope, &connection.id, &verdict).await?;
        self.tell("checked", &connection, "-");
        Ok(())
    }

    async fn remove(&mut self, connection: &Connection) -> Result<(), Error> {
        say(&format!("removing {}", connection.id));
        self.scope.remove(&connection.id).await?;
        say(&format!("removed {}", connection.id));
        Ok(())
    }

    async fn grant(&mut self, connection: &Connection) -> Result<(), Error> {
        let made = self.scope.grant(&connection.id, Terms::default()).await?;
        say(&format!("granted {} {} {}", self.tenant, connection.id, made.grant.id));
        Ok(())
    }

    async fn revoke(&mut self) -> Result<(), Error> {
        let grants = self.scope.grants(None, None, 100).await?;
        let Some(grant) = self.random.choice(&grants) else { return Ok(()) };
        self.scope.revoke(&grant.id).await?;
        say(&format!("revoked {}", grant.id));
        Ok(())
    }

    async fn record(&mut self, connection: &Connection) -> Result<(), Error> {
        let (path, record) = self.used(connection);
        self.recorder.record(record.status(200)).await?;
        self.uses.push(path);
        Ok(())
    }

    /// One that is told of at once, and with it all that were recorded before.
    async fn intend(&mut self, connection: &Connection) -> Result<(), Error> {
        let (path, record) = self.used(connection);
        self.recorder.intend(record).await?;
        self.uses.push(path);
        let uses = std::mem::take(&mut self.uses);
        say(&format!("used {}", uses.join(" ")));
        Ok(())
    }

    fn used(&mut self, connection: &Connection) -> (String, Record) {
        let path = format!("/{}/{:016x}", self.tenant, self.random.u64(..));
        let by = By::Actor(Actor::parse("load").unwrap());
        let (tenant, id) = (self.tenant.clone(), connection.id.clone());
        (path.clone(), Record::new(tenant, id, by, Method::GET, path.into()))
    }

    /// Makes a document, replaces one or removes one. What is about to be done is said before, since it may be done when the
    /// process is killed.
    async fn document(&mut self) -> Result<(), Error> {
        let documents = self.vault.documents();
        let text = format!("{:016x}", self.random.u64(..));
        if self.documents.len() < 5 {
            let id = format!("d{:016x}", self.random.u64(..));
            let new = NewDocument {
                kind: "note",
                id: &id,
                tenant: None,
                mark: Some(id.as_bytes()),
                expires_at: None,
                text: text.as_bytes(),
            };
            assert!(documents.insert(new).await?);
            say(&format!("document {id} 1 {text}"));
            self.documents.push(documents.get("note", &id).await?.unwrap());
            return Ok(());
        }
        let at = self.random.usize(0..self.documents.len());
        if self.random.u32(0..5) == 0 {
            let old = self.documents.swap_remove(at);
            say(&format!("forgetting {}", old.id));
            assert!(documents.remove(&old).await?);
            say(&format!("forgot {}", old.id));
            return Ok(());
        }
        let new = documents.replace(&self.documents[at], text.as_bytes(), None).await?.unwrap();
        say(&format!("document {} {} {text}", new.id, new.version));
        self.documents[at] = new;
        Ok(())
    }

    async fn rotate(&mut self) -> Result<(), Error> {
        let rotated = self.vault.rotate(&Actor::parse("load").unwrap(), |_| ()).await?;
        say(&format!("rotated {}", rotated.key));
        Ok(())
    }

    fn tell(&self, what: &str, connection: &Connection, number: &str) {
        let (id, version, tenant) = (&connection.id, connection.version, &self.tenant);
        let account = connection.account.as_ref().map_or("-", Account::id);
        let name = connection.name.as_deref().unwrap_or("-");
        say(&format!("{what} {tenant} {id} {version} {account} {name} {number}"));
    }
}
