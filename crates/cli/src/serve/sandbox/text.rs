//! What the sandbox shows: for each provider, calls to copy.

use std::{path::Path, time::SystemTime};

use bytes::Bytes;
use http::{Method as Verb, Request, StatusCode};
use keyway::{Credential, Origin, Submission};
use owo_colors::OwoColorize as _;

use super::demo::Demo;
use crate::sandbox::quoted;

/// The header that a grant stands in where a connection is named.
const GRANT: &str = "Keyway-Grant";

/// Two calls to one provider: as its own clients make them, and by the connection. `curl` is the command, with what it
/// needs to trust the gateway at `origin`.
pub(super) fn calls(demo: &Demo<'_>, origin: &Origin, curl: &str) -> Option<String> {
    let descriptor = demo.entry.descriptor();
    let mut head = descriptor.name().to_owned();
    if descriptor.methods().len() > 1 {
        head += &format!(", {}", demo.method.label());
    }
    let mut out = format!("{}\n", head.bold());
    if let Some(request) = in_place(demo, origin) {
        let of_grant = request.headers().iter().filter(|(_, value)| value.is_sensitive());
        let of_grant = of_grant.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        out += &format!("  {curl}{}\n", arguments(&request.uri().to_string(), of_grant));
    }
    let good = demo.entry.accept(demo.method, &demo.fixtures.good()?.submission()).ok()?.credential;
    let target = example(demo, &good)?;
    let path = target.uri().path_and_query()?;
    let url = format!("{origin}/c/{}{path}", demo.kept.connection);
    Some(out + &format!("  {curl}{}\n", arguments(&url, [(GRANT, demo.kept.token.as_str())])))
}

/// A request with the grant where the key would be: what a client of the provider does with whatever it was given for one.
fn in_place(demo: &Demo<'_>, origin: &Origin) -> Option<Request<Bytes>> {
    let good = demo.fixtures.good()?;
    let values = demo.method.fields().iter().filter_map(|field| {
        let id = field.id().as_str();
        let value = if field.is_secret() {
            Some(demo.kept.token.as_str())
        } else {
            good.values().get(id).map(String::as_str)
        };
        value.map(|value| (id, value))
    });
    let submission = values.fold(Submission::new(), |submission, (id, value)| submission.with(id, value));
    let credential = demo.entry.accept(demo.method, &submission).ok()?.credential.at_origin(origin.clone());
    credential.authorize_request(example(demo, &credential)?).ok()
}

/// A request that the stand-in answers with 200: a call of the fixtures that only asks, or else the check.
fn example(demo: &Demo<'_>, credential: &Credential) -> Option<Request<Bytes>> {
    let now = SystemTime::now();
    let mut calls = demo.fixtures.calls().iter().filter(|call| call.answer(now).status() == StatusCode::OK);
    let asks = calls.find_map(|call| {
        let request = call.request(credential).ok()?;
        (request.method() == Verb::GET && request.body().is_empty()).then_some(request)
    });
    asks.or_else(|| credential.get(credential.check_request().ok()?.uri().path()).ok())
}

/// The address and headers, as words of a shell.
fn arguments<'h>(url: &str, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> String {
    // curl would read a list in brackets.
    let globs = if url.contains(['[', ']', '{', '}']) { " -g" } else { "" };
    let headers =
        headers.into_iter().map(|(name, value)| format!(" -H {}", quoted(&format!("{name}: {value}"))));
    format!("{globs} {}{}", quoted(url), headers.collect::<String>())
}

/// A path, as a word of a shell: between quotes where it has to be.
pub(super) fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-~+".contains(&byte));
    if is_plain { text } else { quoted(&text) }
}
