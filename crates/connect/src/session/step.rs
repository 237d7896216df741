//! How far a session is, and what it remembers.

use keyway_vault::Held;
use serde::{Deserialize, Serialize};

/// How far a session is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(crate) enum Step {
    /// A provider is chosen, or a key is asked for.
    #[default]
    Asking,
    /// A key is good, and its account is shown for confirmation.
    Checked(Box<Checked>),
    /// It was confirmed, and is being saved under an id that was made before: whoever tries again saves it once.
    Saving {
        checked: Box<Checked>,
        connection: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The connection was there before, and this counted its keys when the new one was confirmed: one that is newer may be the
        /// very one that is being saved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<i64>,
    },
    /// It is saved.
    Done {
        connection: String,
        provider: String,
        /// Whether the connection was there before.
        reconnected: bool,
    },
    /// The end user said no.
    Cancelled,
    /// The connection that was to get a new key is gone, or its service is.
    Gone,
    /// The end user is done with looking after their accounts.
    Left,
}

/// A key that is good and waits for confirmation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub(crate) held: Held,
    pub(crate) method: String,
    /// Whose account it is, as a person recognises it.
    pub(crate) label: String,
    /// Connections of the end user with the same account.
    #[serde(default)]
    pub(crate) same: Vec<String>,
    /// It is another account than the connection's: why it may go on all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) other: Option<Other>,
}

/// Why another account may take a connection over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Other {
    /// The provider's descriptor says that it is the same (`account.same_by`), once somebody confirms.
    Alike,
    /// The platform allows it.
    Allowed,
}

/// What a check said that was not good; never a value of the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) provider: String,
    pub(crate) method: String,
    /// The verdict's stable word, or `other_account`, `unsuited`, `too_many`, `removed`, `replaced`, `spilled`; `unfinished` as
    /// long as there is none.
    pub(crate) kind: String,
    /// Whose account it is where that is the matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// What looked odd in the key that was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hints: Vec<String>,
    /// The descriptor's own words, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) say: Option<String>,
    /// In how many seconds trying again may help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    /// What was typed into fields that are no secret, to be shown again.
    #[serde(default)]
    pub(crate) values: Vec<(String, String)>,
}

impl Told {
    /// What is told of a check that has not ended.
    pub(crate) const UNFINISHED: &str = "unfinished";
}

/// Something that came of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) connection: String,
    pub(crate) provider: String,
    pub(crate) reconnected: bool,
}
