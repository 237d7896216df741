//! Processes that work on one vault: started, killed, and held to what they said was acknowledged.

mod program;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use keyway_core::Registry;
use keyway_vault::{Actor, Connection, Database, KeyFile, KeySource as _, Store, Tenant, Vault};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::setting::{actor, expire_leases, key_of, registry, tenant};

/// The tenants that `load` works for.
const TENANTS: [&str; 3] = ["t0", "t1", "t2"];

/// A database and a key file that processes share.
pub(crate) struct Place {
    folder: TempDir,
    address: String,
}

impl Place {
    /// A new vault in a SQLite file.
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("keyway.db").display());
        Self { folder, address }.init().await
    }

    /// A new vault in PostgreSQL, where there is one.
    pub(crate) async fn postgres() -> Option<Self> {
        Some(Self::at(keyway_postgres::shared()?.database()).await)
    }

    /// A new vault in a database of PostgreSQL.
    pub(crate) async fn at(address: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), address }.init().await
    }

    async fn init(self) -> Self {
        KeyFile::create(self.keys()).unwrap();
        let store = self.database().create().await.unwrap();
        Vault::init(store, Arc::new(self.key_file()), &actor()).await.unwrap().close().await;
        self
    }

    fn database(&self) -> Database {
        self.address.parse().unwrap()
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn key_file(&self) -> KeyFile {
        KeyFile::at(self.keys())
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.database().open().await.unwrap()
    }

    pub(crate) async fn vault(&self) -> Vault {
        Vault::open(self.store().await, Arc::new(self.key_file())).await.unwrap()
    }

    /// Starts `load`; with 0 operations it runs until it is killed.
    pub(crate) fn load(&self, seed: u64, operations: u64) -> Load {
        let asked = format!("{}|{}|{seed}|{operations}", self.address, self.keys().display());
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", program::TEST, "--nocapture"])
            .env(program::VARIABLE, asked)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Load { child, out, said: Vec::new() }
    }

    /// Lets time pass, for the leases of processes that are gone.
    pub(crate) async fn expire_leases(&self) {
        if let Some(path) = self.address.strip_prefix("sqlite:") {
            expire_leases(Path::new(path)).await;
        } else {
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            sqlx::raw_sql("UPDATE keyway_leases SET expires_at = 0").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// Ends a rotation that was interrupted. Tells whether there was one.
    pub(crate) async fn end_rotation(&self, vault: &Vault) -> bool {
        let keys = vault.status().await.unwrap().keys;
        let interrupted = keys.iter().any(|key| key.state == "decrypt");
        let left = ["keys.new", "keys.retired.new"].iter().any(|name| self.folder.path().join(name).exists());
        let held = self.key_file().keys(&[]).await.unwrap().len();
        if !interrupted && !left && held == 1 {
            return false;
        }
        self.expire_leases().await;
        let rotated = vault.rotate(&actor(), |_| ()).await.unwrap();
        assert_eq!(rotated.resumed, interrupted);
        assert_eq!(rotated.to_forget, []);
        for key in vault.status().await.unwrap().keys {
            match key.state.as_str() {
                "active" => assert_eq!(key.id, rotated.key.to_string()),
                state => assert_eq!((state, key.connections), ("retired", 0)),
            }
        }
        let held: Vec<_> =
            self.key_file().keys(&[]).await.unwrap().iter().map(keyway_vault::MasterKey::id).collect();
        assert_eq!(held, [rotated.key]);
        interrupted
    }

    /// Nothing is there but the database and the keys, with those that were retired, once nobody is at work.
    pub(crate) fn assert_tidy(&self) {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort_unstable();
        names.retain(|name| name != "keys.retired");
        let expected: &[&str] =
            if self.address.starts_with("sqlite:") { &["keys", "keyway.db"] } else { &["keys"] };
        assert_eq!(names, expected);
    }
}

/// A running `load`.
pub(crate) struct Load {
    child: Child,
    out: BufReader<ChildStdout>,
    said: Vec<String>,
}

impl Load {
    /// Waits until it has said so many lines, or ended.
    pub(crate) fn wait(&mut self, lines: usize) {
        while self.said.len() < lines && self.line() {}
    }

    /// Kills it. Returns all that it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        while self.line() {}
        self.child.wait().unwrap();
        self.said
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> Vec<String> {
        while self.line() {}
        assert!(self.child.wait().unwrap().success());
        self.said
    }

    fn line(&mut self) -> bool {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        // What was cut off was not said.
        let Some(line) = line.strip_suffix('\n') else { return false };
        self.said.extend(line.split_once(program::MARK).map(|(_, said)| said.to_owned()));
        true
    }
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged {
    connections: HashMap<String, Known>,
    grants: HashMap<String, KnownGrant>,
    uses: HashSet<String>,
    /// What the audit log says of uses, up to an entry.
    logged: HashSet<String>,
    read: i64,
    /// So many lines said that something was done.
    pub(crate) operations: u64,
    /// What was refused, and why.
    pub(crate) refused: Vec<String>,
}

#[derive(Default)]
struct Known {
    tenant: String,
    account: String,
    /// By version: the key's number where it was a new key, and the name.
    versions: BTreeMap<i64, (Option<String>, String)>,
    removing: bool,
    removed: bool,
}

struct KnownGrant {
    tenant: String,
    connection: String,
    revoked: bool,
}

impl Acknowledged {
    /// Takes in what `load` said.
    pub(crate) fn learn(&mut self, said: &[String]) {
        for line in said {
            let words: Vec<&str> = line.split(' ').collect();
            self.operations += u64::from(!matches!(words[0], "open" | "end" | "not" | "removing"));
            match words.as_slice() {
                ["open" | "end"] | ["rotated", _] => {}
                [
                    "saved" | "replaced" | "renamed" | "checked",
                    tenant,
                    id,
                    version,
                    account,
                    name,
                    number,
                ] => {
                    let known = self.connections.entry((*id).to_owned()).or_default();
                    (known.tenant, known.account) = ((*tenant).to_owned(), (*account).to_owned());
                    let number = (*number != "-").then(|| (*number).to_owned());
                    let before =
                        known.versions.insert(version.parse().unwrap(), (number, (*name).to_owned()));
                    assert!(before.is_none(), "a version was told twice: {line}");
                }
                ["removing", id] => self.connections.entry((*id).to_owned()).or_default().removing = true,
                ["removed", id] => self.connections.entry((*id).to_owned()).or_default().removed = true,
                ["granted", tenant, connection, id] => {
                    let (tenant, connection) = ((*tenant).to_owned(), (*connection).to_owned());
                    // Another task may have revoked it before this one came to say so.
                    let grant = self.grant(id);
                    (grant.tenant, grant.connection) = (tenant, connection);
                }
                ["revoked", id] => self.grant(id).revoked = true,
                ["used", paths @ ..] => self.uses.extend(paths.iter().map(|path| (*path).to_owned())),
                ["not", ..] => self.refused.push(line.clone()),
                _ => panic!("`load` said {line:?}"),
            }
        }
    }

    fn grant(&mut self, id: &str) -> &mut KnownGrant {
        let unknown = || KnownGrant { tenant: String::new(), connection: String::new(), revoked: false };
        self.grants.entry(id.to_owned()).or_insert_with(unknown)
    }

    /// Holds a vault to all of it.
    pub(crate) async fn check(&mut self, vault: &Vault) {
        let report = vault.verify(&[]).await.unwrap();
        assert_eq!(report.problems, []);
        let registry = registry();
        let mut there = HashMap::new();
        for name in TENANTS {
            let scope = vault.tenant(&tenant(name), &actor());
            for connection in scope.list(None, 1000).await.unwrap() {
                self.check_connection(vault, &registry, name, &connection).await;
                there.insert(connection.id.to_string(), name);
            }
            let grants = scope.grants(None, None, 1000).await.unwrap();
            let revoked: HashMap<_, _> =
                grants.iter().map(|grant| (grant.id.as_str(), grant.revoked_at.is_some())).collect();
            for (id, known) in self.grants.iter().filter(|(_, known)| known.tenant == name) {
                let connection = self.connections.get(&known.connection);
                match revoked.get(id.as_str()) {
                    Some(revoked) => assert!(*revoked || !known.revoked, "{id} was revoked"),
                    None => assert!(connection.is_some_and(|known| known.removing), "{id} is lost"),
                }
            }
        }
        for (id, known) in &self.connections {
            match there.get(id) {
                Some(_) => assert!(!known.removed, "{id} was removed"),
                None => assert!(known.removing, "{id} is lost"),
            }
        }
        self.read_log(vault).await;
        let lost: Vec<_> = self.uses.difference(&self.logged).collect();
        assert!(lost.is_empty(), "uses that are not in the log: {lost:?}");
    }

    async fn check_connection(&self, vault: &Vault, registry: &Registry, tenant: &str, found: &Connection) {
        let id = &found.id;
        let account = found.account.as_ref().unwrap().id();
        assert!(account.starts_with(tenant), "{id} of {tenant} is {account}'s");
        let scope = vault.tenant(&found.tenant, &Actor::parse("check").unwrap());
        let opened = scope.open(id, registry).await.unwrap();
        let secret = key_of(&opened.credential);
        let number = secret.strip_prefix(&format!("acme_madeup_{account}_")).expect("it is another's key");
        let other = TENANTS.iter().find(|name| **name != tenant).unwrap();
        let foreign = vault.tenant(&Tenant::parse(other).unwrap(), &actor()).get(id).await;
        assert_eq!(foreign, Err(keyway_vault::Error::NotFound));
        // One that nobody told of was saved at the instant of a crash.
        let Some(known) = self.connections.get(id.as_str()) else { return };
        let Some((last, (_, name))) = known.versions.last_key_value() else { return };
        assert!(found.version >= *last, "{id} has version {}, and {last} was acknowledged", found.version);
        assert_eq!((tenant, account), (known.tenant.as_str(), known.account.as_str()));
        if found.version == *last {
            assert_eq!(found.name.as_deref(), Some(name.as_str()), "{id}");
        }
        // Back to the version with a new key, as long as each version on the way is known.
        for version in (1..=found.version).rev() {
            match known.versions.get(&version) {
                Some((Some(acknowledged), _)) => return assert_eq!(acknowledged, number, "{id}"),
                Some((None, _)) => {}
                None => return,
            }
        }
    }

    async fn read_log(&mut self, vault: &Vault) {
        loop {
            let entries = vault.audit(self.read, 1000).await.unwrap();
            let Some(last) = entries.last() else { return };
            self.read = last.seq;
            for used in entries.iter().flat_map(|entry| &entry.what.uses) {
                assert!(self.logged.insert(used.path.clone()), "{} is in the log twice", used.path);
            }
        }
    }
}
