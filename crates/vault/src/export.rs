//! The whole vault as a file, and back: to another engine, or as a backup. No key is in clear in it.

use std::{
    io::{BufRead, Read as _, Write},
    sync::Arc,
};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Error, Fill, KeySource, Store, Vault,
    audit::{Event, What, chain, now, unchained},
    encoding::hex,
    roots::same,
    state::{authentic_key, is_end, ring_from, roots_of},
    store::{
        ConnectionRow, DocumentRow, EntryRow, GrantRow, Head, KeyRow, Rows, Snapshot, StoreErrorKind,
        VaultRow,
    },
};

/// How many rows there are, of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Exported {
    /// Connections.
    pub connections: u64,
    /// Grants.
    pub grants: u64,
    /// Keys that seal, or did.
    pub keys: u64,
    /// Documents.
    #[serde(default)]
    pub documents: u64,
    /// Entries of the audit log.
    pub entries: u64,
}

/// A line of an export. The first is `Vault`, the last is `End`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Vault {
        format: u32,
        row: VaultRow,
        head: Head,
    },
    Key(KeyRow),
    Connection(Box<ConnectionRow>),
    Grant(GrantRow),
    Document(DocumentRow),
    Entry(EntryRow),
    End {
        rows: Exported,
    },
    /// Over everything before it.
    Mac(String),
}

/// The first format had no documents.
const FORMAT: u32 = 2;
/// Kinds of documents that nobody misses after a move.
const PASSING: [&str; 2] = ["idempotency", "session"];
const PAGE: u32 = 1000;
/// How much of the lines before the first row is kept, in bytes.
const MAX_KEYS: usize = 1024 * 1024;
/// How much is put into a store at once, in bytes.
const MAX_PAGE: usize = 8 * 1024 * 1024;
/// The longest line: two sealed records of 32 fields of 64 KiB would be longer, and nobody has them.
const MAX_LINE: u64 = 16 * 1024 * 1024;

impl Vault {
    /// Writes the whole vault as JSON lines: one state of it, whatever is written meanwhile. Records stay sealed, so whoever
    /// imports it needs the master key.
    ///
    /// # Errors
    /// When it cannot be read or written. What was written is then no export: its last lines are missing.
    pub async fn export(&self, actor: &Actor, out: &mut (dyn Write + Send)) -> Result<Exported, Error> {
        let what = What { actor: Some(actor.to_string()), ..What::default() };
        self.note(Event::of_vault("vault.exported", &what)).await?;
        let mut view = self.0.store.snapshot().await?;
        let (row, head) = view.vault().await?.ok_or(Error::NoVault)?;
        let mut lines = Lines { out, mac: self.0.roots.export() };
        lines.write(&Line::Vault { format: FORMAT, row, head })?;
        let mut rows = Exported::default();
        for key in view.keys().await? {
            rows.keys += 1;
            lines.write(&Line::Key(key))?;
        }
        rows.connections = connections(&mut *view, &mut lines).await?;
        rows.grants = grants(&mut *view, &mut lines).await?;
        rows.documents = documents(&mut *view, &mut lines).await?;
        rows.entries = entries(&mut *view, &mut lines).await?;
        lines.write(&Line::End { rows })?;
        lines.finish()?;
        Ok(rows)
    }

    /// Fills an empty store from an export, all or nothing, and opens it.
    ///
    /// # Errors
    /// When the store is not empty, the key is missing or another one, or the export is cut off or was changed: nothing is
    /// there then.
    pub async fn import(
        store: Arc<dyn Store>,
        source: Arc<dyn KeySource>,
        actor: &Actor,
        input: &mut (dyn BufRead + Send),
    ) -> Result<(Self, Exported), Error> {
        let mut fill = store.fill().await?;
        let mut lines = Reader { input, number: 0, text: String::new() };
        let Line::Vault { format: 1..=FORMAT, row, head } = lines.next()? else {
            return Err(lines.wrong("it does not begin as an export of this version does"));
        };
        let mut held = lines.text.clone();
        let mut keys = Vec::new();
        let mut line = lines.next()?;
        while let Line::Key(key) = line {
            keys.push(key);
            held.push_str(&lines.text);
            // What comes before the keys is not signed by anything that can be checked.
            if held.len() > MAX_KEYS {
                return Err(lines.wrong("these are more keys than a vault has"));
            }
            line = lines.next()?;
        }
        let ring = ring_from(&*source, &row, &keys).await?;
        let roots = roots_of(&ring, &row)?;
        let mut mac = roots.export();
        mac.update(held.as_bytes());
        if !keys.iter().all(|key| authentic_key(&roots, key)) {
            return Err(lines.wrong("the row of a key is not as it was written"));
        }
        let mut rows = Exported { keys: keys.len() as u64, ..Exported::default() };
        // In the same transaction: once all is there, nothing can fail any more.
        let what = What { actor: Some(actor.to_string()), ..What::default() };
        let mut imported = unchained(vec![Event::of_vault("vault.imported", &what)]);
        chain(&roots, &head, &mut imported, now());
        let moved = Head { seq: imported[0].seq, mac: imported[0].mac.clone(), changed: head.changed };
        let mut end = Vec::new();
        fill.put(Rows::Vault(row.clone(), moved.clone())).await?;
        fill.put(Rows::Keys(keys.clone())).await.map_err(|error| lines.unfit(error.into()))?;
        let mut pages = Pages::default();
        loop {
            mac.update(lines.text.as_bytes());
            match line {
                Line::Connection(row) => {
                    rows.connections += 1;
                    pages.connections.push(*row);
                }
                Line::Grant(row) => {
                    rows.grants += 1;
                    pages.grants.push(row);
                }
                Line::Document(row) => {
                    rows.documents += 1;
                    pages.documents.push(row);
                }
                Line::Entry(row) => {
                    rows.entries += 1;
                    if row.seq > head.seq.saturating_sub(2) {
                        end.push(row.clone());
                    }
                    pages.entries.push(row);
                }
                Line::End { rows: said } if said == rows => break,
                Line::End { .. } => return Err(lines.wrong("it has another number of rows than it says")),
                _ => return Err(lines.wrong("this line does not belong here")),
            }
            pages.bytes += lines.text.len();
            pages.put_some(&mut *fill).await.map_err(|error| lines.unfit(error))?;
            line = lines.next()?;
        }
        pages.put(&mut *fill).await.map_err(|error| lines.unfit(error))?;
        match lines.next()? {
            Line::Mac(said) if same(said.as_bytes(), hex(mac.sign().as_ref()).as_bytes()) => {}
            _ => return Err(lines.wrong("its MAC does not fit: something before it was changed")),
        }
        lines.end()?;
        // Whoever exports signs what is there. What would not open is not left behind.
        if !is_end(&roots, &head, &end) {
            return Err(lines.wrong("the end of its audit log is not as it was written"));
        }
        fill.put(Rows::Entries(imported)).await?;
        fill.finish().await?;
        Ok((Self::new(store, source, row, roots, (keys, ring), moved), rows))
    }
}

async fn connections(view: &mut dyn Snapshot, lines: &mut Lines<'_>) -> Result<u64, Error> {
    let (mut after, mut count): (Option<String>, u64) = (None, 0);
    loop {
        let rows = view.connections(after.as_deref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = Some(last.id.clone());
        for row in rows {
            count += 1;
            lines.write(&Line::Connection(Box::new(row)))?;
        }
    }
}

async fn grants(view: &mut dyn Snapshot, lines: &mut Lines<'_>) -> Result<u64, Error> {
    let (mut after, mut count): (Option<String>, u64) = (None, 0);
    loop {
        let rows = view.grants(after.as_deref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = Some(last.id.clone());
        for row in rows {
            count += 1;
            lines.write(&Line::Grant(row))?;
        }
    }
}

/// Those that last: not what has ended, and not what belongs to a visit or a call.
async fn documents(view: &mut dyn Snapshot, lines: &mut Lines<'_>) -> Result<u64, Error> {
    let (mut after, mut count): (Option<(String, String)>, u64) = (None, 0);
    let now = now();
    loop {
        let from = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
        let rows = view.documents(from, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = Some((last.kind.clone(), last.id.clone()));
        for row in rows {
            let has_ended = row.expires_at.is_some_and(|end| end <= now);
            if !has_ended && !PASSING.contains(&row.kind.as_str()) {
                count += 1;
                lines.write(&Line::Document(row))?;
            }
        }
    }
}

async fn entries(view: &mut dyn Snapshot, lines: &mut Lines<'_>) -> Result<u64, Error> {
    let (mut after, mut count) = (0, 0);
    loop {
        let rows = view.entries(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(count) };
        after = last.seq;
        for row in rows {
            count += 1;
            lines.write(&Line::Entry(row))?;
        }
    }
}

/// Rows on their way into a store.
#[derive(Default)]
struct Pages {
    connections: Vec<ConnectionRow>,
    grants: Vec<GrantRow>,
    documents: Vec<DocumentRow>,
    entries: Vec<EntryRow>,
    /// How much they are, as lines.
    bytes: usize,
}

impl Pages {
    /// Puts the rows once they are many, in the order in which they refer to each other.
    async fn put_some(&mut self, fill: &mut dyn Fill) -> Result<(), Error> {
        let rows = self.connections.len() + self.grants.len() + self.documents.len() + self.entries.len();
        if rows >= PAGE as usize || self.bytes >= MAX_PAGE { self.put(fill).await } else { Ok(()) }
    }

    async fn put(&mut self, fill: &mut dyn Fill) -> Result<(), Error> {
        self.bytes = 0;
        for rows in [
            Rows::Connections(std::mem::take(&mut self.connections)),
            Rows::Grants(std::mem::take(&mut self.grants)),
            Rows::Documents(std::mem::take(&mut self.documents)),
            Rows::Entries(std::mem::take(&mut self.entries)),
        ] {
            fill.put(rows).await?;
        }
        Ok(())
    }
}

/// Writes lines, and signs them.
struct Lines<'o> {
    out: &'o mut (dyn Write + Send),
    mac: hmac::Context,
}

impl Lines<'_> {
    fn write(&mut self, line: &Line) -> Result<(), Error> {
        let text = format!("{}\n", serde_json::to_string(line).expect("texts and numbers are JSON"));
        self.mac.update(text.as_bytes());
        self.put(&text)
    }

    fn finish(mut self) -> Result<(), Error> {
        let mac = hex(self.mac.clone().sign().as_ref());
        let text = format!("{}\n", serde_json::to_string(&Line::Mac(mac)).expect("texts are JSON"));
        self.put(&text)?;
        self.out.flush().map_err(|_| unwritten())
    }

    fn put(&mut self, text: &str) -> Result<(), Error> {
        self.out.write_all(text.as_bytes()).map_err(|_| unwritten())
    }
}

fn unwritten() -> Error {
    Error::Io("the export cannot be written; what is there of it is of no use".to_owned())
}

/// Reads lines.
struct Reader<'i> {
    input: &'i mut (dyn BufRead + Send),
    number: u64,
    text: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Line, Error> {
        self.number += 1;
        self.text.clear();
        let read = (&mut *self.input).take(MAX_LINE).read_line(&mut self.text);
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(self.wrong("this line is not text"));
            }
            Err(_) => return Err(Error::Io("the export cannot be read".to_owned())),
            Ok(_) => {}
        }
        if !self.text.ends_with('\n') {
            return Err(self.wrong("it is cut off here"));
        }
        serde_json::from_str(&self.text).map_err(|_| self.wrong("this line is not one of an export"))
    }

    fn end(&mut self) -> Result<(), Error> {
        self.number += 1;
        let mut more = [0; 1];
        match self.input.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong("something comes after its end")),
            Err(_) => Err(Error::Io("the export cannot be read".to_owned())),
        }
    }

    /// A row that does not fit to those before it is the file's fault, and not the database's.
    fn unfit(&self, error: Error) -> Error {
        match error {
            Error::Store(error) if error.kind() == StoreErrorKind::Damaged => {
                self.wrong("a row up to here does not fit to the others")
            }
            other => other,
        }
    }

    fn wrong(&self, why: &str) -> Error {
        Error::Import(format!("line {}: {why}", self.number))
    }
}
