//! The pattern of a raw value: what core accepts, and around it what core removes.
//!
//! All patterns are ECMA-262, with the `u` flag or without, and use nothing that other engines lack: no look-around, no
//! back-references. What may repeat never overlaps what follows it, so that backtracking engines need linear time.

use keyway_core::{Characters, Field, Kind};

use super::{Refused, Rule};

/// What core removes in front of a value: white space and opening quotes.
const BEFORE: &str = r#"[\s\x85"'`“‘<]*"#;
/// What core removes behind a value: white space and closing quotes.
pub(super) const AFTER: &str = r#"[\s\x85"'`”’>]*"#;

/// One part of a host's name.
const LABEL: &str = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
/// A host's full name. The last part begins with a letter: an address in numbers is none.
const HOST: &str =
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
/// 443, or from 1024 to 65535.
const PORT: &str = "0*(?:443|102[4-9]|10[3-9][0-9]|1[1-9][0-9]{2}|[2-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

/// Characters that show nothing or reorder what is shown, as far as two bytes name them. The line and paragraph
/// separators are white space to core, and are removed around a value.
const INVISIBLE: &str = r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]";

/// The pattern of a field's raw value, which may also be `blank`.
pub(super) fn pattern(field: &Field, blank: bool) -> String {
    let (body, after) = match field.kind() {
        Kind::Url => (format!("[Hh][Tt][Tt][Pp][Ss]://{HOST}(?::{PORT})?/?"), AFTER.to_owned()),
        Kind::Host => (HOST.to_owned(), AFTER.to_owned()),
        _ => text(field),
    };
    whole(field, &body, &after, blank)
}

/// The pattern of a value with a body, and what core removes around it. Neither the body nor what stands behind a blank
/// value begins with what may stand in front: there is one place where they can begin.
pub(super) fn whole(field: &Field, body: &str, after: &str, blank: bool) -> String {
    let value = if blank { format!("(?:{body}{after}|[”’>]{AFTER})?") } else { format!("{body}{after}") };
    format!("^{BEFORE}{}{value}$", stripped(field, BEFORE))
}

/// The field's own prefixes, in their order, each perhaps there, in any case of its letters.
pub(super) fn stripped(field: &Field, between: &str) -> String {
    let perhaps = |prefix: &String| ["(?:", &in_any_case(prefix), between, ")?"].concat();
    field.strip().iter().map(perhaps).collect()
}

/// The body of a text, and what may stand behind it. The body's first character is no quote, and what stands behind
/// begins with what the body cannot hold: there is one way to match, and no backtracking.
fn text(field: &Field) -> (String, String) {
    let colon = if field.allows_colon() { "" } else { ":" };
    match (field.characters(), field.allows_spaces()) {
        (Characters::HostLabel, _) => (LABEL.to_owned(), AFTER.to_owned()),
        (Characters::Ascii, spaces) => {
            let first = if colon.is_empty() { "[!#-&(-;=-_a-~]" } else { "[!#-&(-9;=-_a-~]" };
            let from = if spaces { ' ' } else { '!' };
            let rest = if colon.is_empty() { format!("[{from}-~]*") } else { format!("[{from}-9;-~]*") };
            let behind = if spaces { r"(?:[^\S ]|[\x85”’])" } else { r"[\s\x85”’]" };
            (first.to_owned() + &rest, format!("(?:{behind}{AFTER})?"))
        }
        (_, spaces) => {
            let first = format!(r#"[^\s\x00-\x1f\x7f-\x9f"'`“‘<{colon}]"#);
            let (inner, behind) = match (spaces, field.is_multiline()) {
                (false, _) => (r"\s\x00-\x1f\x7f-\x9f", r"[\s\x85]"),
                (true, false) => (r"\x00-\x1f\x7f-\x9f\u2028\u2029", r"[\t-\r\x85\u2028\u2029]"),
                // Browsers and files end a line with CR LF too.
                (true, true) => {
                    (r"\x00-\t\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029", r"[\t\x0b\x0c\x85\u2028\u2029]")
                }
            };
            (format!("{first}[^{inner}{colon}]*"), format!("(?:{behind}{AFTER})?"))
        }
    }
}

/// Refuses what shows nothing, where not only visible ASCII is allowed anyway.
pub(super) fn without_invisible<'a>(field: &Field) -> Option<Rule<'a>> {
    let open = matches!(field.kind(), Kind::Text) && field.characters() == Characters::Any;
    let description = "A character that is invisible, or reorders what is shown.";
    open.then(|| Rule::Not(Refused { description, pattern: Some(INVISIBLE.into()), all_of: Vec::new() }))
}

/// A text in any case of its ASCII letters.
fn in_any_case(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphabetic() {
                format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())
            } else {
                escaped(c)
            }
        })
        .collect()
}

/// A text as it is.
pub(super) fn literally(text: &str) -> String {
    text.chars().map(escaped).collect()
}

fn escaped(c: char) -> String {
    // With the `u` flag only these may be escaped.
    if r"^$\.*+?()[]{}|/".contains(c) { format!(r"\{c}") } else { c.into() }
}
