//! Checking one value.

use super::{Code, Findings, Shapes};
use crate::{Choice, Field, Id, Kind, Origin, origin, text};

/// The largest value, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Removes what people paste around a value: white space, quotes, and the field's own prefixes, once each.
pub(crate) fn trim<'v>(value: &'v str, strip: &[String]) -> &'v str {
    let mut value = unquote(value.trim());
    for prefix in strip {
        if let Some(rest) = strip_prefix(value, prefix) {
            value = unquote(rest.trim());
        } else if value.eq_ignore_ascii_case(prefix.trim()) {
            // The prefix alone, its space trimmed away: nothing was pasted behind it.
            value = "";
        }
    }
    value
}

/// Removes one pair of quotes around a value.
fn unquote(value: &str) -> &str {
    for (open, close) in [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('<', '>')] {
        if let Some(inner) = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return inner.trim();
        }
    }
    value
}

/// The value in its canonical spelling, when nothing is wrong with it.
pub(crate) fn check(
    field: &Field,
    value: &str,
    others: Option<(&Shapes, &Id)>,
    findings: &mut Findings,
) -> Option<String> {
    let id = field.id().as_str();
    let refusal = too_long(value)
        .or_else(|| not_the_value(field, value))
        .or_else(|| unfit_characters(field, value))
        .or_else(|| repeated(field, value));
    if let Some((code, message)) = refusal {
        findings.refuse(id, code, message);
        return None;
    }
    let value = match canonical(field, value) {
        Ok(value) => value,
        Err((code, message)) => {
            findings.refuse(id, code, message);
            return None;
        }
    };
    for mistake in field.mistakes().iter().filter(|mistake| mistake.matches(&value)) {
        if mistake.is_refused() {
            findings.refuse(id, Code::Mistake, mistake.say());
            return None;
        }
        findings.warn(id, Code::Mistake, mistake.say());
    }
    if let Some(pattern) = field.compiled_pattern()
        && !pattern.matches(&value)
    {
        let help = field.help().map(|help| format!(": {help}")).unwrap_or_default();
        findings.refuse(id, Code::Pattern, format!("this does not have the form that is expected{help}"));
        return None;
    }
    if field.is_secret() {
        shapes(field, &value, others, findings)?;
    }
    Some(value)
}

/// Says what the value looks like. `None` when it is another provider's beyond doubt.
fn shapes(field: &Field, value: &str, others: Option<(&Shapes, &Id)>, findings: &mut Findings) -> Option<()> {
    let id = field.id().as_str();
    let own = field.shape();
    if own.is_some_and(|shape| shape.fits(value)) {
        return Some(());
    }
    if let Some(other) = others.and_then(|(shapes, own)| shapes.fitting(value, own)) {
        let message =
            format!("this is a key of {other}, not of this service; paste it into the form of {other}");
        findings.refuse(id, Code::OtherProvider, message);
        return None;
    }
    if let Some((other, prefix)) = others.and_then(|(shapes, own)| shapes.beginning(value, own))
        && (own.is_some() || prefix.len() >= 3)
    {
        let message =
            format!("this begins like a key of {other}; if it is one, paste it into the form of {other}");
        findings.warn(id, Code::OtherProvider, message);
    }
    if let Some(message) = field.unlike() {
        findings.warn(id, Code::Shape, message);
    }
    Some(())
}

/// Why a value may not be used, whoever gave it and whenever: its size, its characters, or what it makes of a host.
pub(crate) fn unusable(field: &Field, value: &str) -> Option<(Code, String)> {
    let form = || match field.kind() {
        Kind::Choice(_) => None,
        Kind::Text | Kind::Url | Kind::Host => canonical(field, value).err(),
    };
    too_long(value).or_else(|| unfit_characters(field, value)).or_else(form)
}

fn too_long(value: &str) -> Option<(Code, String)> {
    (value.len() > MAX_BYTES)
        .then(|| (Code::TooLong, format!("this is larger than {} KiB", MAX_BYTES / 1024)))
}

/// Why this is not the value but something that a person took for it.
fn not_the_value(field: &Field, value: &str) -> Option<(Code, String)> {
    if !field.is_secret() {
        return None;
    }
    // The hints of a form say the same, in the same words, while somebody types.
    let (code, message) = if is_mask(value) {
        (Code::Masked, "this is the mask that hides the value; paste the value itself")
    } else if is_placeholder(field, value) {
        (Code::Masked, "this only stands in the place of the value; paste the value itself")
    } else if is_command(value) {
        (Code::Command, "this is a whole command; paste the value alone")
    } else if !field.says_spaces() && is_header_line(value) {
        (Code::Command, "this is a whole header line; paste the value alone")
    } else {
        return None;
    };
    Some((code, message.to_owned()))
}

/// Why the characters of a value cannot go where the field's value goes.
fn unfit_characters(field: &Field, value: &str) -> Option<(Code, String)> {
    let position = |test: &dyn Fn(char) -> bool| value.chars().position(test).map(|index| index + 1);
    if let Some(at) = position(&|c| c.is_control() && !(c == '\n' && field.is_multiline())) {
        return Some((
            Code::Control,
            format!("character {at} is a line break or a control character; copy the value again"),
        ));
    }
    if let Some(at) = position(&text::is_invisible) {
        return Some((
            Code::Invisible,
            format!("character {at} is invisible; copy the value again from where it is shown"),
        ));
    }
    let spaces = field.allows_spaces();
    if !spaces && let Some(at) = position(&char::is_whitespace) {
        return Some((
            Code::WhiteSpace,
            format!(
                "character {at} is a space, which does not belong there; copy it again, and nothing else"
            ),
        ));
    }
    if field.place.raw
        && let Some(at) = position(&|c| !(c.is_ascii_graphic() || (c == ' ' && spaces)))
    {
        let message = format!(
            "character {at} is not a plain letter, digit or sign; copy the value again instead of typing it"
        );
        return Some((Code::NotAscii, message));
    }
    if field.place.basic_user && value.contains(':') {
        return Some((Code::Colon, "a colon cannot stand in this".to_owned()));
    }
    None
}

/// Tells whether a value is what a form shows instead of a secret: bullets or stars, perhaps with the last characters.
fn is_mask(value: &str) -> bool {
    let shown = value.trim_start_matches('*');
    value == "[redacted]"
        || value.contains(['•', '●', '∙', '⬤', '⚫'])
        || value.chars().all(|c| matches!(c, '*' | '·' | '…' | '.'))
        || (value.len() - shown.len() >= 4 && shown.chars().count() <= 4)
}

/// Tells whether a value is an example's, behind the usual prefix or without it: `rootly_...`, `YOUR_API_KEY`.
fn is_placeholder(field: &Field, value: &str) -> bool {
    let prefix = field.shape().map_or("", |shape| shape.prefix());
    let rest = value.strip_prefix(prefix).unwrap_or(value);
    let shown = rest.trim_start_matches(['*', '.', '…']);
    let hidden = rest.chars().count() - shown.chars().count();
    let lower = rest.to_ascii_lowercase();
    let mut words = lower.split(['_', '-', ' ', '.']);
    let named = words.next() == Some("your")
        && words
            .next_back()
            .is_some_and(|last| ["key", "token", "secret", "password", "here"].contains(&last));
    rest.starts_with('…') || (hidden >= 3 && shown.len() <= 4) || named
}

fn is_command(value: &str) -> bool {
    let value = value.strip_prefix(['$', '>', '#']).unwrap_or(value).trim_start();
    let first = value.split_whitespace().next().unwrap_or_default();
    let known = ["curl", "curl.exe", "http", "https", "wget", "export", "set", "-H", "--header"];
    first.len() < value.len() && known.iter().any(|command| first.eq_ignore_ascii_case(command))
}

/// `Name: value`, as in a request: the colon and the space tell it from a key.
fn is_header_line(value: &str) -> bool {
    value.split_once(": ").is_some_and(|(name, _)| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
    })
}

/// What was stripped once and stands there again: it would be sent twice.
fn repeated(field: &Field, value: &str) -> Option<(Code, String)> {
    let prefix = field.strip().iter().find(|prefix| strip_prefix(value, prefix).is_some())?;
    let message = format!("this begins with `{}`, and more than once; paste the value alone", prefix.trim());
    Some((Code::Mistake, message))
}

/// What follows a prefix, whatever its case.
fn strip_prefix<'v>(value: &'v str, prefix: &str) -> Option<&'v str> {
    let head = value.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &value[prefix.len()..])
}

/// The choice that a trimmed value means.
pub(crate) fn choice<'c>(choices: &'c [Choice], value: &str) -> Option<&'c Choice> {
    let exactly = choices.iter().find(|choice| choice.value() == value);
    let any_case = || choices.iter().find(|choice| choice.value().eq_ignore_ascii_case(value));
    // From a browser's address bar: what follows the host is not asked for.
    let host = value.split('/').next().unwrap_or_default();
    let of_a_page = || {
        let mut hosts = choices.iter().filter(|choice| origin::is_host_name(choice.value()));
        hosts.find(|choice| choice.value().eq_ignore_ascii_case(host))
    };
    exactly.or_else(any_case).or_else(of_a_page)
}

/// The value as it is kept: hosts in lower case, origins without a trailing slash.
fn canonical(field: &Field, value: &str) -> Result<String, (Code, String)> {
    match field.kind() {
        Kind::Choice(choices) => match choice(choices, value) {
            Some(choice) => Ok(choice.value().to_owned()),
            None => Err((Code::Choice, not_a_choice(field, choices))),
        },
        Kind::Url => match Origin::parse(value) {
            Ok(origin) => Ok(origin.to_string()),
            Err(error) => Err((Code::Url, format!("this is not an address that can be used here: {error}"))),
        },
        Kind::Host => {
            let host = value.to_ascii_lowercase();
            if origin::is_host_name(&host) {
                return Ok(host);
            }
            let message = "this is not a host's name; write it like `jira.example.com`, without https:// and without a path";
            Err((Code::Host, message.into()))
        }
        Kind::Text if field.place.label => {
            if origin::is_label(value) {
                return Ok(value.to_ascii_lowercase());
            }
            Err((
                Code::Host,
                "this must be one part of a host's name: letters, digits and hyphens, no dot, no slash"
                    .to_owned(),
            ))
        }
        Kind::Text => Ok(value.to_owned()),
    }
}

fn not_a_choice(field: &Field, choices: &[Choice]) -> String {
    let known: Vec<&str> = choices.iter().map(Choice::value).collect();
    let otherwise = field.otherwise().map(|text| format!(". {text}")).unwrap_or_default();
    format!("this must be one of {}{otherwise}", known.join(", "))
}
