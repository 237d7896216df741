//! Anchors: where the audit log stood, told to somebody whom the database cannot reach.

use std::{fmt, str::FromStr};

use crate::{
    Error,
    encoding::{hex, unhex},
    store::Head,
};

/// Where the audit log stands: the number of its last entry, and that entry's MAC. Kept apart from the database, it shows
/// that a database was put back or cut off. Written as `SEQ:MAC`, the MAC in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    seq: i64,
    mac: Vec<u8>,
}

impl Anchor {
    pub(crate) fn of(head: &Head) -> Self {
        Self { seq: head.seq, mac: head.mac.clone() }
    }

    /// The entry's number.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    pub(crate) fn mac(&self) -> &[u8] {
        &self.mac
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.mac))
    }
}

impl FromStr for Anchor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::Invalid("an anchor is an entry's number, a colon, and its MAC of 64 hex digits".to_owned())
        };
        let (seq, mac) = text.split_once(':').ok_or_else(invalid)?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or_else(invalid)?;
        let mac = unhex::<32>(mac).ok_or_else(invalid)?;
        Ok(Self { seq, mac: mac.to_vec() })
    }
}

/// Is told of anchors, and keeps them where whoever can write the database cannot: a file on another disk, a log server.
pub trait AnchorSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps an anchor. Called after each commit, in order, by whoever committed: it should be quick. The change is done, so
    /// a sink that cannot keep it says so in a way of its own.
    fn anchor(&self, anchor: &Anchor);

    /// The last anchor that was kept, where the sink can be read. It is compared at the start.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    fn last(&self) -> Result<Option<Anchor>, Error>;
}
