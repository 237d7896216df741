//! Who may use a credential.

use crate::{Caller, encoding::sighting, suite::Bench};

/// No token, an empty one, and one that nobody has, are refused.
pub(super) fn authenticates(bench: &Bench<'_>) -> Result<String, String> {
    let own = &bench.setup.caller;
    let with = |value: fn(&str) -> String| {
        let headers = own.headers.iter().filter_map(|line| line.split_once(':'));
        Caller {
            headers: headers.map(|(name, text)| format!("{name}:{}", value(text))).collect(),
            ..own.clone()
        }
    };
    let mut seen = Vec::new();
    for (what, caller) in [
        ("no token", Caller { headers: Vec::new(), ..own.clone() }),
        ("an empty token", with(|_| String::new())),
        ("a token of nobody", with(of_nobody)),
    ] {
        let exchange = bench.ask(&caller, "GET", "/v1/probes/1", &[]);
        let status = exchange.refused().map_err(|seen| format!("{what}: {seen}"))?;
        seen.push(format!("{what}: {status}"));
    }
    Ok(seen.join(", "))
}

/// A token of the same form: its last characters are others.
fn of_nobody(value: &str) -> String {
    let other = |c: char| if c == 'x' { 'y' } else { 'x' };
    let from = value.char_indices().rev().nth(5).map_or(0, |(at, _)| at);
    let (head, tail) = value.split_at(from);
    head.chars().chain(tail.chars().map(other)).collect()
}

/// Somebody else's token, where it asks for the caller's credential, does not get it, nor is it told the secret.
pub(super) fn owns(bench: &Bench<'_>) -> Result<String, String> {
    let Some((at_home, abroad)) = &bench.setup.foreign else {
        return Err("not tried: there is no foreign grant".to_owned());
    };
    let exchange = bench.ask(at_home, "GET", "/v1/probes/2", &[]);
    if exchange.arrived.len() != 1 {
        return Err(format!("not tried: the foreign grant does not work at all ({})", exchange.status()));
    }
    let own = exchange.arrived.iter().any(|request| bench.holds_secret(request));
    let exchange = bench.ask(abroad, "GET", "/v1/probes/2", &[]);
    if own || exchange.arrived.iter().any(|request| bench.holds_secret(request)) {
        return Err("the credential was sent for somebody else".to_owned());
    }
    let answer = exchange.answer.clone().unwrap_or_default();
    let mut texts = answer.headers.iter().map(|(_, value)| value.as_bytes());
    let secret = &bench.setup.secret;
    if texts.any(|text| sighting(text, secret).is_some()) || sighting(&answer.body(), secret).is_some() {
        return Err("somebody else was told the secret".to_owned());
    }
    Ok(format!("somebody else's grant: {}", exchange.status()))
}
