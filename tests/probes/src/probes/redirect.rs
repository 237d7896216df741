//! Other places than the credential's origin.

use std::net::SocketAddr;

use crate::{
    Listener,
    suite::{Bench, answer},
};

const STATUSES: [&str; 5] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

/// The caller gets the redirect itself.
pub(super) fn relayed(bench: &Bench<'_>) -> Result<String, String> {
    for status in STATUSES {
        bench.setup.upstream.answer(vec![answer(status, &["Location: /v1/elsewhere"], b"")]);
        let got = bench.setup.caller.ask("GET", "/v1/probes/9", &[]).unwrap_or_default();
        let arrived = bench.setup.upstream.arrived().len();
        if arrived != 1 || !status.starts_with(&format!("{} ", got.status())) {
            return Err(format!("{status} was answered with {}; {arrived} requests arrived", got.status()));
        }
        if got.header("location").is_none() {
            return Err(format!("{status} came without its Location"));
        }
    }
    Ok("301, 302, 303, 307 and 308 relayed".to_owned())
}

/// Neither the upstream nor the caller can name another place that the secret is sent to.
pub(super) fn other_origin(bench: &Bench<'_>) -> Result<String, String> {
    let any = SocketAddr::new(bench.setup.upstream.address().ip(), 0);
    let other = Listener::at(any).map_err(|error| format!("not tried: {error}"))?;
    other.answer(vec![answer("200 OK", &[], b"{}")]);
    let at = other.address();
    let caller = &bench.setup.caller;
    let mut tries = 0;
    for status in STATUSES {
        for method in ["GET", "POST"] {
            bench.setup.upstream.answer(vec![answer(
                status,
                &[&format!("Location: http://{at}/v1/stolen")],
                b"",
            )]);
            caller.ask(method, "/v1/probes/10", &[]);
            tries += 1;
            missed(bench, &other, status)?;
        }
    }
    bench.setup.upstream.answer(vec![answer("200 OK", &[], b"{}")]);
    for path in ["//AT/v1", "/http://AT/v1", "/@AT/v1", "@AT/v1", "/\\AT/v1", ":80@AT/v1"] {
        caller.ask("GET", &path.replace("AT", &at.to_string()), &[]);
        tries += 1;
        missed(bench, &other, path)?;
    }
    caller.ask_target("GET", &format!("http://{at}/v1"), &[]);
    missed(bench, &other, "the target as a whole URL")?;
    caller.ask_target("GET", &format!("http://{at}{}/v1", caller.prefix), &[]);
    missed(bench, &other, "the target as a whole URL")?;
    tries += 2;
    for name in NAMES {
        for value in [at.to_string(), format!("http://{at}"), format!("host={at}")] {
            caller.ask("GET", "/v1/probes/10", &[&format!("{name}: {value}")]);
            tries += 1;
            missed(bench, &other, name)?;
        }
    }
    let placed = if bench.placed.is_empty() { "no header" } else { &bench.placed };
    Ok(format!(
        "the credential travels in {placed}; {tries} tries, {} connections elsewhere",
        other.connections()
    ))
}

/// Headers by which some gateway lets its caller say where a request goes.
const NAMES: [&str; 12] = [
    "Host",
    "Forwarded",
    "X-Forwarded-Host",
    "X-Forwarded-Server",
    "X-Host",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Target-URL",
    "X-Upstream",
    "X-Upstream-URL",
    "Base-Url-Override",
    "X-Envoy-Original-Dst-Host",
];

fn missed(bench: &Bench<'_>, other: &Listener, what: &str) -> Result<(), String> {
    if other.arrived().iter().any(|request| bench.holds_secret(request)) {
        return Err(format!("the secret reached another origin by {what}"));
    }
    Ok(())
}
