//! The pages: HTML for a person, from what a session is. Nothing here asks or changes anything.
//!
//! Every page is a whole document, works without script, and says in its `<title>` and one `<h1>` where one is.

mod accounts;
mod choose;
mod confirm;
mod done;
mod frame;
mod key;
mod link;
mod verdict;

use keyway_core::Entry;
use keyway_vault::Connection;

pub(crate) use self::{
    accounts::{accounts, remove},
    choose::choose,
    confirm::confirm,
    done::{cancelled, done},
    frame::{checking, checking_end},
    key::key,
    link::{blocked, link, unusable},
};
use crate::{
    Direction, Look,
    session::{Checked, Told},
};

/// What all pages of a session have in common.
#[derive(Debug, Clone)]
pub(crate) struct Chrome {
    /// The session's look over that of the configuration.
    pub(crate) look: Look,
    pub(crate) direction: Direction,
    /// `/connect/ses_…`: what the session's own addresses begin with; empty where there is no session.
    pub(crate) base: String,
    /// The token against forged requests, for every form of the page.
    pub(crate) csrf: String,
    /// Whether it stands in a frame or popup, whose page is told what came of it.
    pub(crate) is_embedded: bool,
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

pub(crate) fn problem(chrome: &Chrome, title: &str, text: &str) -> maud::Markup {
    frame::document(chrome, title, &maud::html! { p { (text) } })
}

pub(crate) fn asset(_name: &str) -> Option<(&'static str, &'static [u8])> {
    None
}

pub(crate) fn look_css(_look: &Look) -> String {
    String::new()
}

pub(crate) fn monogram(name: &str) -> String {
    name.to_owned()
}
