//! Processes that work on one vault: started, killed, and held to what they said was acknowledged.

mod program;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use keyway_core::Registry;
use keyway_vault::{Actor, Anchor, Connection, Database, KeyFile, KeySource, Store, Tenant, Vault};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::setting::{actor, key_of, registry, tenant};

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

    /// What opens it.
    pub(crate) fn key_source(&self) -> Arc<dyn KeySource> {
        Arc::new(self.key_file())
    }

    /// A store, as whoever would make a vault opens it.
    pub(crate) async fn created(&self) -> Arc<dyn Store> {
        self.database().create().await.unwrap()
    }

    /// Puts what is there into the tables that the first step alone makes, given for both engines.
    pub(crate) async fn make_older(&self, (sqlite, postgres): (&'static str, &'static str)) -> Before {
        let vault = self.vault().await;
        let anchor = vault.anchor().await.unwrap();
        vault.close().await;
        let copies = |from: &str| {
            let all = FIRST.map(|(table, columns)| {
                format!("INSERT INTO keyway_{table} ({columns}) SELECT {columns} FROM {from}.keyway_{table};")
            });
            all.concat() + "DELETE FROM keyway_migrations WHERE version > 1;"
        };
        if let Some(path) = self.address.strip_prefix("sqlite:") {
            let later = format!("{path}.later");
            fs::rename(path, &later).unwrap();
            fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).unwrap();
            self.run(&format!(
                "PRAGMA journal_mode = WAL; {sqlite} {MIGRATIONS_OF_SQLITE} ATTACH '{later}' AS later; {}",
                copies("later")
            ))
            .await;
            fs::remove_file(later).unwrap();
        } else {
            let move_away = "CREATE SCHEMA later; DO $$ DECLARE name text; BEGIN FOR name IN \
                 SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP \
                 EXECUTE format('ALTER TABLE public.%I SET SCHEMA later', name); END LOOP; END $$;";
            let copies = copies("later");
            self.run(&format!(
                "{move_away} {postgres} {MIGRATIONS_OF_POSTGRES} {copies} DROP SCHEMA later CASCADE"
            ))
            .await;
        }
        Before { anchor }
    }

    /// All that the database holds, for a look whether something changed.
    pub(crate) async fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        if self.address.starts_with("sqlite:") {
            for file in fs::read_dir(self.folder.path()).unwrap() {
                let file = file.unwrap();
                let name = file.file_name().into_string().unwrap();
                // Shared memory: who reads, and how far. And a log that is empty is none.
                if !name.ends_with("-shm") {
                    all.push((name, fs::read(file.path()).unwrap()));
                }
            }
            all.retain(|(_, bytes)| !bytes.is_empty());
        } else {
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            let sql = "SELECT relname::text, query_to_xml(format('SELECT xmin, * FROM %I ORDER BY 2', relname), \
                 true, false, '')::text || relkind::text FROM pg_class \
                 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' \
                 UNION ALL SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'";
            let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
            all.extend(rows.into_iter().map(|(name, text)| (name, text.into_bytes())));
        }
        all.sort();
        all
    }

    /// Runs SQL past the vault.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if let Some(path) = self.address.strip_prefix("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(path).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.address).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// Lets time pass, for the leases of processes that are gone.
    pub(crate) async fn expire_leases(&self) {
        self.run("UPDATE keyway_leases SET expires_at = 0").await;
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

/// The tables of the first step, with their columns.
const FIRST: [(&str, &str); 8] = [
    ("migrations", "version, description, installed_on, success, checksum, execution_time"),
    ("vault", "one, id, created_at, root"),
    ("head", "one, seq, mac, changed"),
    ("keys", "id, state, created_at, wrapped, mac"),
    (
        "connections",
        "id, tenant, provider, method, origins, elsewhere, descriptor, version, credential_version, \
         details_version, status, verdict, checked_at, created_at, updated_at, secret_mark, account_mark, key, \
         credential, details, mac",
    ),
    ("grants", "id, tenant, connection, hash, terms, version, created_at, revoked_at, mac"),
    ("entries", "seq, at, tenant, connection, kind, body, mac"),
    ("leases", "name, holder, expires_at"),
];

/// As sqlx makes it.
const MIGRATIONS_OF_SQLITE: &str = "CREATE TABLE keyway_migrations (version BIGINT PRIMARY KEY, \
     description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
     checksum BLOB NOT NULL, execution_time BIGINT NOT NULL);";
const MIGRATIONS_OF_POSTGRES: &str = "CREATE TABLE keyway_migrations (version BIGINT PRIMARY KEY, \
     description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
     checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL);";

/// What is known of a database that is older now.
pub(crate) struct Before {
    /// Where its audit log stood.
    pub(crate) anchor: Anchor,
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
    /// Documents, with version and text.
    documents: HashMap<String, KnownDocument>,
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

#[derive(Default)]
struct KnownDocument {
    version: i64,
    text: String,
    removing: bool,
    removed: bool,
}

impl Acknowledged {
    /// Takes in what `load` said.
    pub(crate) fn learn(&mut self, said: &[String]) {
        for line in said {
            let words: Vec<&str> = line.split(' ').collect();
            self.operations +=
                u64::from(!matches!(words[0], "open" | "end" | "not" | "removing" | "forgetting"));
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
                ["document", id, version, text] => {
                    let (version, text) = (version.parse().unwrap(), (*text).to_owned());
                    let known = self.documents.entry((*id).to_owned()).or_default();
                    assert_eq!(known.version + 1, version, "{line}");
                    (known.version, known.text) = (version, text);
                }
                ["forgetting", id] => self.documents.get_mut(*id).unwrap().removing = true,
                ["forgot", id] => self.documents.get_mut(*id).unwrap().removed = true,
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
        for (id, known) in &self.documents {
            match vault.documents().get("note", id).await.unwrap() {
                Some(found) => {
                    assert!(!known.removed, "{id} was removed");
                    // The one after it may have been under way.
                    assert!(
                        (known.version..=known.version + 1).contains(&found.version),
                        "{id} is {found:?}"
                    );
                    let is_known = found.version > known.version || *found.text == *known.text.as_bytes();
                    assert!(is_known, "{id} has another text");
                }
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
