//! Where texts go: results to stdout, everything else to stderr.

use std::{
    io::{self, ErrorKind, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::ProgressBar;
use keyway::vault::Error;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    exit::{Exit, Failure},
    messages, system,
};

const NOT_JSON: &str = "the result cannot be written as JSON";

/// Writes a text and a line's end to stdout.
///
/// # Errors
/// When stdout takes nothing, a full disk for example. Whoever closed the pipe has read enough, and is no error.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    written(writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()))
}

/// Writes bytes to stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes one JSON value to stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|_| Failure::because(NOT_JSON))?;
    bytes(format!("{text}\n").as_bytes())
}

/// One JSON value as a text of one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|_| Failure::because(NOT_JSON))
}

/// Writes a text and a line's end to stdout, again and again: `false` when nobody reads it any more.
pub(crate) fn live(text: &str) -> Result<bool, Failure> {
    let mut out = anstream::stdout().lock();
    let result = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    let is_read = !matches!(&result, Err(error) if error.kind() == ErrorKind::BrokenPipe);
    written(result).map(|()| is_read)
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::because(system::of_writing(&error)))
        }
        _ => Ok(()),
    }
}

/// Writes a text and a line's end to stderr, for the person in front of it. Nobody can be told when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", text.trim_end());
}

/// Names on stderr what a list does not show, since it is not as it was written, and says how the command ends.
pub(crate) fn damaged(what: &str, ids: &[String]) -> Exit {
    for id in ids {
        note(&messages::failure(&Error::Tampered { what: format!("{what} {}", inert(id)) }.into()));
    }
    if ids.is_empty() { Exit::Done } else { Exit::Damaged }
}

/// Tells whether there is a person to be asked.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Tells whether a person reads the result.
pub(crate) fn shows_result() -> bool {
    io::stdout().is_terminal()
}

/// Shows that something is going on, on a terminal, for as long as it lives.
#[must_use]
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn start(text: String) -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_message(text);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Says how far it has come.
    pub(crate) fn say(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A table for a person: a head, and rows of as many cells.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], indent: &str) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells.chain(head.get(column).copied()).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = format!("{indent}{}\n", line(head).bold());
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        out += &format!("{indent}{}\n", line(&cells));
    }
    out
}

/// Somebody else's text of several lines, with nothing in it that a terminal would obey.
pub(crate) fn inert(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(inert("a\n\tb\u{1b}[31m\r\u{9b}"), "a\n\tb\u{fffd}[31m\u{fffd}\u{fffd}");
    }
}
