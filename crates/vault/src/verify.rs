//! Looking at everything that is kept: whether it is as it was written.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use crate::{
    Anchor, Entry, Error, RowKind, Vault, document,
    encoding::hex,
    roots::same,
    scope::is_authentic,
    seal::{Binding, Ring, key_of},
    state::authentic_key,
    store::{ConnectionRow, EntryRow, Head, Snapshot, VaultRow},
};

/// What [`Vault::verify`] found. As JSON it is one object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were looked at.
    pub connections: u64,
    /// Grants that were looked at.
    pub grants: u64,
    /// Documents that were looked at.
    pub documents: u64,
    /// Keys that were looked at.
    pub keys: u64,
    /// Entries of the audit log that were looked at.
    pub entries: u64,
    /// Anchors that the audit log holds.
    pub anchors: u64,
    /// What is not as it was written. Empty when all is well.
    pub problems: Vec<Finding>,
    /// Recorders of uses that never said that they ended: they run now, or were killed.
    pub open_runs: Vec<OpenRun>,
}

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong, as a stable word: `changed`, `sealed`, `missing`, `extra`, `old`, `cut`, `anchor`.
    pub code: &'static str,
    /// Whose it is, where it is somebody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What it is about: `connection con_…`, `entry 12`, …
    pub what: String,
    /// What is wrong, for a person.
    pub message: String,
}

/// A recorder of uses that never said that it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenRun {
    /// Its id.
    pub run: String,
    /// The entry with which it began.
    pub began: i64,
    /// The last entry that it wrote. Uses after that were lost if it was killed: those of the last 250 ms.
    pub last: i64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(tenant) = &self.tenant {
            write!(f, " of {tenant}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// How many rows are read at once.
const PAGE: u32 = 1000;

impl Vault {
    /// Looks at everything that is kept, and opens every record: finds what was changed, moved, put back or taken away, and
    /// names it. What `anchors` say must be in the audit log: without one, a database that was put back whole looks well.
    ///
    /// It reads one state of the database, whatever is written meanwhile, and changes nothing. It takes time and memory in
    /// proportion to what is kept.
    pub async fn verify(&self, anchors: &[Anchor]) -> Result<Report, Error> {
        // Before the view is taken: a rotation that ends meanwhile takes away the key that the view is under.
        let ring = self.ring();
        let mut view = self.0.store.snapshot().await?;
        let mut check = Check::new(self, ring, anchors);
        let (row, head) = view.vault().await?.ok_or(Error::NoVault)?;
        if row.id != self.0.row.id || row.created_at != self.0.row.created_at {
            check.find("changed", None, "the vault's row", "it is another vault's");
        }
        if !check.opens(&Binding::root(&row), &row.root).await {
            check.find("sealed", None, "the vault's root", "it does not open");
        }
        check.log(&mut *view, &head).await?;
        check.keys(&mut *view, &row).await?;
        check.connections(&mut *view).await?;
        check.grants(&mut *view).await?;
        check.documents(&mut *view).await?;
        Ok(check.end())
    }
}

/// One run of [`Vault::verify`].
struct Check<'v> {
    vault: &'v Vault,
    ring: Arc<Ring>,
    anchors: BTreeMap<i64, Vec<&'v Anchor>>,
    /// What the audit log says must be there, with whose it is.
    expected: HashMap<(RowKind, String), Expected>,
    /// The grants of each connection.
    grants: HashMap<String, Vec<String>>,
    /// The keys that rows may be under.
    in_use: HashSet<String>,
    /// The rows that were removed.
    gone: HashSet<(RowKind, String)>,
    runs: HashMap<String, OpenRun>,
    /// The last entry that tells of a change of rows.
    changed: i64,
    report: Report,
}

struct Expected {
    mac: String,
    tenant: Option<String>,
    version: i64,
    /// The entry that wrote over a row that was not the last one.
    over_old: Option<i64>,
}

impl<'v> Check<'v> {
    fn new(vault: &'v Vault, ring: Arc<Ring>, list: &'v [Anchor]) -> Self {
        let mut anchors: BTreeMap<i64, Vec<&Anchor>> = BTreeMap::new();
        for anchor in list {
            anchors.entry(anchor.seq()).or_default().push(anchor);
        }
        Self {
            vault,
            ring,
            anchors,
            expected: HashMap::new(),
            grants: HashMap::new(),
            in_use: HashSet::new(),
            gone: HashSet::new(),
            runs: HashMap::new(),
            changed: 0,
            report: Report::default(),
        }
    }

    fn find(&mut self, code: &'static str, tenant: Option<&str>, what: &str, message: &str) {
        let (what, message) = (what.to_owned(), message.to_owned());
        self.report.problems.push(Finding { code, tenant: tenant.map(str::to_owned), what, message });
    }

    async fn opens(&self, binding: &Binding, record: &[u8]) -> bool {
        self.ring.open(binding, record).is_ok() || self.vault.open_record(binding, record, "").await.is_ok()
    }

    async fn log(&mut self, view: &mut dyn Snapshot, head: &Head) -> Result<(), Error> {
        let (mut seq, mut mac) = (0, Vec::new());
        // Nobody reads from before the first entry; whoever looks at the table by hand would see it.
        for row in view.entries(i64::MIN, PAGE).await?.iter().take_while(|row| row.seq < 1) {
            self.find("extra", None, &format!("entry {} of the audit log", row.seq), "the first entry is 1");
        }
        loop {
            let rows = view.entries(seq, PAGE).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                self.entry(seq, &mac, &row);
                (seq, mac) = (row.seq, row.mac);
            }
        }
        if seq < head.seq {
            self.gap(seq + 1, head.seq);
        } else if seq > head.seq || !same(&mac, &head.mac) {
            self.find("changed", None, "the audit log's head", "it is not that of the last entry");
        }
        if self.changed != head.changed {
            let message = "it names another entry as the last that changed a row";
            self.find("changed", None, "the audit log's head", message);
        }
        for (seq, _) in std::mem::take(&mut self.anchors) {
            let what = format!("the anchor of entry {seq}");
            let message = "the audit log ends before it: the database was put back, or cut off";
            self.find("anchor", None, &what, message);
        }
        Ok(())
    }

    fn gap(&mut self, first: i64, last: i64) {
        let (what, message) = if first == last {
            (format!("entry {first} of the audit log"), "it is gone")
        } else {
            (format!("entries {first} to {last} of the audit log"), "they are gone")
        };
        self.find("missing", None, &what, message);
    }

    fn entry(&mut self, before: i64, mac_before: &[u8], row: &EntryRow) {
        self.report.entries += 1;
        let what = format!("entry {} of the audit log", row.seq);
        let tenant = row.tenant.as_deref();
        if row.seq != before + 1 {
            self.gap(before + 1, row.seq - 1);
        } else if !same(&self.vault.0.roots.entry(mac_before, row), &row.mac) {
            self.find("changed", tenant, &what, "it is not as it was written");
        }
        for anchor in self.anchors.remove(&row.seq).unwrap_or_default() {
            if same(anchor.mac(), &row.mac) {
                self.report.anchors += 1;
            } else {
                let message =
                    "the anchor knows another entry: the log was written anew from there, or before";
                self.find("anchor", None, &what, message);
            }
        }
        match Entry::read(row) {
            Ok(entry) => self.learn(&entry),
            Err(_) => self.find("changed", tenant, &what, "it cannot be read"),
        }
    }

    /// What an entry says must be there from then on.
    fn learn(&mut self, entry: &Entry) {
        if !entry.what.rows.is_empty() {
            self.changed = entry.seq;
        }
        for mark in &entry.what.rows {
            let key = (mark.row, mark.id.clone());
            let Some(mac) = &mark.mac else {
                // Its grants go with a connection.
                for grant in self.grants.remove(&mark.id).unwrap_or_default() {
                    self.expected.remove(&(RowKind::Grant, grant.clone()));
                    self.gone.insert((RowKind::Grant, grant));
                }
                if self.expected.remove(&key).is_some_and(|known| known.tenant != entry.tenant) {
                    let message = format!("entry {} removed it, in the name of another tenant", entry.seq);
                    let what = format!("{} {}", mark.row.as_str(), mark.id);
                    self.find("changed", entry.tenant.as_deref(), &what, &message);
                }
                self.gone.insert(key);
                continue;
            };
            let before = self.expected.get(&key);
            let version = before.map_or(0, |row| row.version).saturating_add(1);
            let is_next = mark.version.is_none_or(|written| written == version);
            let over_old = before.and_then(|row| row.over_old).or((!is_next).then_some(entry.seq));
            let expected = Expected {
                mac: mac.clone(),
                tenant: entry.tenant.clone(),
                version: mark.version.unwrap_or(version),
                over_old,
            };
            if self.expected.insert(key, expected).is_none()
                && let (RowKind::Grant, Some(connection)) = (mark.row, &entry.connection)
            {
                self.grants.entry(connection.clone()).or_default().push(mark.id.clone());
            }
        }
        let Some(run) = &entry.what.run else { return };
        if entry.kind == "recording.ended" {
            self.runs.remove(run);
        } else {
            let open = OpenRun { run: run.clone(), began: entry.seq, last: entry.seq };
            self.runs.entry(run.clone()).or_insert(open).last = entry.seq;
        }
    }

    /// Compares a row with what the log says of it.
    fn compare(&mut self, kind: RowKind, tenant: Option<&str>, id: &str, mac: &[u8]) {
        let what = format!("{} {id}", kind.as_str());
        let key = (kind, id.to_owned());
        match self.expected.remove(&key) {
            Some(expected) if same(expected.mac.as_bytes(), hex(mac).as_bytes()) => {
                if let Some(seq) = expected.over_old {
                    let message =
                        format!("entry {seq} changed an older one, which had been put in its place");
                    self.find("old", tenant, &what, &message);
                }
            }
            Some(_) => {
                let message =
                    "it is not the one that was written last: an older or another one is in its place";
                self.find("old", tenant, &what, message);
            }
            None if self.gone.contains(&key) => {
                self.find("old", tenant, &what, "it was removed, and is back");
            }
            None => self.find("extra", tenant, &what, "the audit log does not know it"),
        }
    }

    async fn keys(&mut self, view: &mut dyn Snapshot, vault: &VaultRow) -> Result<(), Error> {
        let rows = view.keys().await?;
        let active: Vec<_> = rows.iter().filter(|row| row.is_active()).map(|row| &row.id).collect();
        if active.len() != 1 {
            self.find("changed", None, "the keys", "one of them is active, and no other");
        } else if key_of(&vault.root).is_ok_and(|key| key.to_string() != *active[0]) {
            self.find("old", None, "the vault's root", "it is not under the active key");
        }
        for row in rows {
            self.report.keys += 1;
            if row.is_in_use() {
                self.in_use.insert(row.id.clone());
            }
            if !authentic_key(&self.vault.0.roots, &row) {
                self.find("changed", None, &format!("key {}", row.id), "its row is not as it was written");
            }
            self.compare(RowKind::Key, None, &row.id, &row.mac);
        }
        Ok(())
    }

    async fn connections(&mut self, view: &mut dyn Snapshot) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let rows = view.connections(after.as_deref(), PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id.clone());
            for row in rows {
                self.connection(&row).await;
            }
        }
    }

    async fn connection(&mut self, row: &ConnectionRow) {
        self.report.connections += 1;
        let (what, tenant) = (format!("connection {}", row.id), Some(row.tenant.as_str()));
        if !is_authentic(self.vault, row) {
            self.find("changed", tenant, &what, "its row is not as it was written");
        }
        if !self.in_use.contains(&row.key) {
            self.find(
                "old",
                tenant,
                &what,
                "it is under a key that was retired: an older wrap is in its place",
            );
        }
        let records = [
            ("its credential does not open", Binding::credential(row), &row.credential),
            ("its name and account do not open", Binding::details(row), &row.details),
        ];
        for (message, binding, record) in records {
            if !self.opens(&binding, record).await {
                self.find("sealed", tenant, &what, message);
            }
        }
        self.compare(RowKind::Connection, tenant, &row.id, &row.mac);
    }

    async fn grants(&mut self, view: &mut dyn Snapshot) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let rows = view.grants(after.as_deref(), PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id.clone());
            for row in rows {
                self.report.grants += 1;
                let tenant = Some(row.tenant.as_str());
                if !same(&self.vault.0.roots.grant(&row), &row.mac) {
                    let what = format!("grant {}", row.id);
                    self.find("changed", tenant, &what, "its row is not as it was written");
                }
                self.compare(RowKind::Grant, tenant, &row.id, &row.mac);
            }
        }
    }

    /// The audit log does not know them: an older one in its place, or one that is gone, is not seen.
    async fn documents(&mut self, view: &mut dyn Snapshot) -> Result<(), Error> {
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
            let rows = view.documents(from, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some((last.kind.clone(), last.id.clone()));
            for row in rows {
                self.report.documents += 1;
                if document::opened(self.vault, &row).is_err() {
                    let message = "it does not open: it was changed, or moved";
                    self.find("sealed", row.tenant.as_deref(), &document::named(&row), message);
                }
            }
        }
    }

    fn end(mut self) -> Report {
        let mut missing: Vec<_> = std::mem::take(&mut self.expected).into_iter().collect();
        missing.sort_by(|(one, _), (other, _)| one.cmp(other));
        for ((kind, id), expected) in missing {
            let what = format!("{} {id}", kind.as_str());
            self.find("missing", expected.tenant.as_deref(), &what, "it is gone, and nobody removed it");
        }
        let mut runs: Vec<OpenRun> = self.runs.into_values().collect();
        runs.sort_by_key(|run| run.began);
        self.report.open_runs = runs;
        self.report
    }
}
