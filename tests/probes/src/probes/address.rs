//! Addresses that no credential may be sent to.

use std::time::{Duration, Instant};

use crate::{
    Caller,
    suite::{Bench, answer},
};

/// A gateway that dials a metadata address where there is none waits; one that refuses does not.
const AT_ONCE: Duration = Duration::from_secs(2);

/// No connection is made to loopback, where nobody has allowed it; and requests for a metadata address are refused.
pub(super) fn refused(bench: &Bench<'_>) -> Result<String, String> {
    let Some(private) = &bench.setup.private else {
        return Err("not tried: there is no credential for a loopback address".to_owned());
    };
    private.listener.answer(vec![answer("200 OK", &[], b"{}")]);
    let status = status(&private.caller)?;
    if private.listener.connections() > 0 {
        return Err(format!("the gateway connected to loopback; the answer was {status}"));
    }
    let Some(metadata) = &bench.setup.metadata else {
        return Ok(format!("loopback: {status}; metadata: not tried"));
    };
    let start = Instant::now();
    let of_metadata = self::status(metadata)?;
    if start.elapsed() > AT_ONCE {
        return Err(format!("the gateway tried the metadata address; the answer was {of_metadata}"));
    }
    Ok(format!("loopback: {status}; metadata: {of_metadata}"))
}

fn status(caller: &Caller) -> Result<u16, String> {
    let status = caller.ask("GET", "/v1/probes/11", &[]).unwrap_or_default().status();
    match status {
        401 | 404 | 407 => Err(format!("not tried: the caller is refused, not the address ({status})")),
        status if status < 400 => Err(format!("the answer was {status}")),
        status => Ok(status),
    }
}
