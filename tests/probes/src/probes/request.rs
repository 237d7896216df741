//! What of a caller's request goes on, and what does not.

use crate::suite::Bench;

/// A method that few know.
pub(super) fn method(bench: &Bench<'_>) -> Result<String, String> {
    let arrived = bench.arrives("PURGE", "/v1/probes/5", &[])?;
    match arrived.method() {
        "PURGE" => Ok("PURGE arrived".to_owned()),
        other => Err(format!("PURGE arrived as {other}")),
    }
}

/// What `Connection` names is for the gateway alone; and naming the credential's header does not take it away.
pub(super) fn named_by_connection(bench: &Bench<'_>) -> Result<String, String> {
    let more = ["Connection: close, X-Probe-Hop", "X-Probe-Hop: 1"];
    let arrived = bench.arrives("GET", "/v1/probes/6", &more)?;
    if arrived.header("x-probe-hop").is_some() {
        return Err("a header that Connection names arrived".to_owned());
    }
    if bench.placed.is_empty() {
        return Ok("dropped".to_owned());
    }
    let more = [format!("Connection: close, {}", bench.placed)];
    let exchange =
        bench.ask(&bench.setup.caller, "GET", "/v1/probes/6", &more.each_ref().map(String::as_str));
    if exchange.arrived.iter().all(|request| bench.holds_secret(request)) {
        Ok(format!("dropped; Connection: {} was answered {}", bench.placed, exchange.status()))
    } else {
        Err(format!("Connection: {} took the credential off the request", bench.placed))
    }
}

/// Headers that are for the gateway alone, whoever names them.
pub(super) fn hop_by_hop(bench: &Bench<'_>) -> Result<String, String> {
    let mut seen = Vec::new();
    for (name, line) in
        [("te", "TE: trailers"), ("proxy-authorization", "Proxy-Authorization: Basic cHJvYmU6cHJvYmU=")]
    {
        // Where the caller says so who it is, that is what must not arrive.
        let is_token = bench.setup.caller.names().any(|own| own == name);
        let more: &[&str] = if is_token { &[] } else { &[line] };
        let arrived = bench.arrives("GET", "/v1/probes/7", more).map_err(|seen| format!("{name}: {seen}"))?;
        if arrived.header(name).is_some() && bench.placed != name {
            return Err(format!("{name} arrived"));
        }
        seen.push(name);
    }
    Ok(format!("dropped {}", seen.join(", ")))
}

/// A session's cookie next to a credential makes it another request.
pub(super) fn cookie(bench: &Bench<'_>) -> Result<String, String> {
    let arrived = bench.arrives("GET", "/v1/probes/8", &["Cookie: probe=of-the-caller"])?;
    if arrived.headers.iter().any(|(_, value)| value.contains("of-the-caller")) {
        return Err("the caller's Cookie arrived".to_owned());
    }
    Ok("dropped".to_owned())
}
