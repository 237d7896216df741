//! The pages: HTML for a person, from what a session is. Nothing here asks or changes anything.
//!
//! Every page is a whole document, works without script, and says in its `<title>` and one `<h1>` where one is.

mod accounts;
mod ago;
mod asset;
mod choose;
mod colour;
mod confirm;
mod done;
mod frame;
mod key;
mod link;
mod mark;
mod palette;
mod problem;
#[cfg(test)]
mod tests;
mod verdict;

use keyway_core::{Account, Entry};
use keyway_vault::Connection;

pub(crate) use self::{
    accounts::{accounts, remove},
    asset::asset,
    choose::choose,
    colour::Colour,
    confirm::confirm,
    done::{cancelled, done, left},
    frame::{checking, checking_end},
    key::key,
    link::{blocked, link, unusable},
    mark::monogram,
    palette::look_css,
    problem::problem,
};
use crate::{
    Direction, Look, Purpose,
    session::{Checked, Told},
};

/// What all pages of a session have in common.
#[derive(Debug, Clone)]
pub(crate) struct Chrome {
    /// The session's look over that of the configuration.
    pub(crate) look: Look,
    pub(crate) direction: Direction,
    /// `/connect/ses_…`: what the session's own addresses begin with; empty where there is no session. `{base}/look.css` and
    /// `{base}/logo` are of the look; on the pages of a link they stand below the link's own address.
    pub(crate) base: String,
    /// The token against forged requests, for every form of the page.
    pub(crate) csrf: String,
    /// Whether it stands in a frame or popup, whose page is told what came of it.
    pub(crate) is_embedded: bool,
    /// What the session is for; `None` where there is no session.
    pub(crate) purpose: Option<Purpose>,
    /// The origin whose frame or popup it is in.
    pub(crate) parent_origin: Option<String>,
}

/// The choice of a provider.
pub(crate) struct Choose<'p> {
    pub(crate) entries: Vec<&'p Entry>,
    /// What was typed into the search, where the form was sent without script.
    pub(crate) query: &'p str,
    /// Whether there is a list of accounts to go back to.
    pub(crate) can_go_back: bool,
}

/// The form of a method, with its guide.
pub(crate) struct Key<'p> {
    pub(crate) form: &'p keyway_form::Form<'p>,
    pub(crate) entry: &'p Entry,
    /// What the last check said, where it was not good.
    pub(crate) told: Option<&'p Told>,
    /// The connection that gets a new key.
    pub(crate) target: Option<&'p Connection>,
    /// Where the key is sent; `None`: to the server that is named in the form.
    pub(crate) host: Option<&'p str>,
    /// Whether another provider can be chosen.
    pub(crate) can_go_back: bool,
}

/// Whose account it is.
pub(crate) struct Confirm<'p> {
    pub(crate) entry: &'p Entry,
    pub(crate) checked: &'p Checked,
    /// Connections of the end user with the same account.
    pub(crate) same: Vec<Connection>,
    /// The connection that gets a new key.
    pub(crate) target: Option<&'p Connection>,
    /// What is wrong with the name that was given, and the name.
    pub(crate) name: Option<(&'p str, &'p str)>,
}

/// It is done.
pub(crate) struct Done<'p> {
    pub(crate) entry: Option<&'p Entry>,
    pub(crate) connection: &'p str,
    pub(crate) label: Option<&'p str>,
    pub(crate) reconnected: bool,
    /// The origin that is told, and what: `keyway.connected`, …
    pub(crate) tells: Option<(&'p str, &'p str)>,
    /// Where to go on.
    pub(crate) return_url: Option<&'p str>,
    /// Whether there is a list of accounts to go back to.
    pub(crate) can_go_back: bool,
}

impl Chrome {
    /// Whether there is a list of accounts to go back to.
    fn has_accounts(&self) -> bool {
        matches!(self.purpose, Some(Purpose::Manage { .. }))
    }
}

/// What a person knows a connection by.
fn name_of(connection: &Connection) -> &str {
    let label = || connection.account.as_ref().map(Account::label);
    connection.name.as_deref().or_else(label).unwrap_or(&connection.provider)
}
