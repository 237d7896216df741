//! Tries the twelve probes on a gateway, and prints what was seen.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    process::ExitCode,
};

use clap::Parser;
use keyway_probes::{Caller, Listener, Private, Setup, run};

/// Tries the twelve probes on a gateway that holds credentials, over raw sockets
///
/// It listens as the gateway's upstream, so the gateway must be set up to send a credential there: best one that travels
/// in a header of its own, and with which the caller's cookies must not go. What a probe needs beyond that, and is not
/// there, makes it fail.
#[derive(Debug, Parser)]
#[command(
    after_help = "The exit status is 0 for twelve of twelve, 1 for fewer, and 2 when not even an ordinary request came through."
)]
struct Arguments {
    /// The gateway: http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = address)]
    gateway: SocketAddr,
    /// Where to listen as the upstream
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The secret that the gateway adds; made up, as this shows it to whoever lists processes
    #[arg(long)]
    secret: String,
    /// A header by which a caller says who it is; may stand several times
    #[arg(long, value_name = "HEADER", required = true)]
    grant: Vec<String>,
    /// What stands before each path; for a forward proxy the upstream's own URL
    #[arg(long, value_name = "PREFIX", default_value = "")]
    path_prefix: String,
    /// For probe 2: a header of somebody else, whom the gateway knows, and who may not use this credential
    #[arg(long, value_name = "HEADER")]
    foreign_grant: Vec<String>,
    /// For probe 2: what stands before the paths that somebody else may use; the caller's own, if nothing is said
    #[arg(long, value_name = "PREFIX")]
    foreign_path_prefix: Option<String>,
    /// For probe 11: a header of a caller whose credential would go to --private-listen
    #[arg(long, value_name = "HEADER", requires = "private_listen")]
    private_grant: Vec<String>,
    /// For probe 11: an address on loopback that the gateway was not told to allow
    #[arg(long, value_name = "ADDRESS", requires = "private_grant")]
    private_listen: Option<SocketAddr>,
    /// For probe 11: what stands before these paths; the caller's own, if nothing is said
    #[arg(long, value_name = "PREFIX")]
    private_path_prefix: Option<String>,
    /// For probe 11: another gateway with nothing allowed, where one cannot allow loopback for --listen alone
    #[arg(long, value_name = "URL", value_parser = address)]
    private_gateway: Option<SocketAddr>,
    /// For probe 11, if it can be set up: a header of a caller whose credential would go to 169.254.169.254
    #[arg(long, value_name = "HEADER")]
    metadata_grant: Vec<String>,
    /// For probe 11: what stands before these paths; the caller's own, if nothing is said
    #[arg(long, value_name = "PREFIX")]
    metadata_path_prefix: Option<String>,
    /// For probe 12: a header of a caller who may use this credential below /v1/ alone
    #[arg(long, value_name = "HEADER")]
    limited_grant: Vec<String>,
    /// For probe 12: what stands before these paths; the caller's own, if nothing is said
    #[arg(long, value_name = "PREFIX")]
    limited_path_prefix: Option<String>,
}

fn main() -> ExitCode {
    let setup = match setup(Arguments::parse()) {
        Ok(setup) => setup,
        Err(error) => return failed(&error),
    };
    let outcomes = match run(&setup) {
        Ok(outcomes) => outcomes,
        Err(seen) => return failed(&format!("an ordinary request does not come through: {seen}")),
    };
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    println!("{passed} of {}", outcomes.len());
    if passed == outcomes.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failed(error: &str) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(2)
}

fn setup(arguments: Arguments) -> Result<Setup, String> {
    let gateway = arguments.gateway;
    let caller = Caller { gateway, headers: arguments.grant, prefix: arguments.path_prefix };
    let other = |headers: Vec<String>, prefix: Option<String>, gateway: SocketAddr| {
        let prefix = prefix.unwrap_or_else(|| caller.prefix.clone());
        (!headers.is_empty()).then_some(Caller { gateway, headers, prefix })
    };
    let foreign = other(arguments.foreign_grant, arguments.foreign_path_prefix, gateway);
    let foreign = foreign.map(|at_home| {
        let abroad = Caller { prefix: caller.prefix.clone(), ..at_home.clone() };
        (at_home, abroad)
    });
    let private_gateway = arguments.private_gateway.unwrap_or(gateway);
    let private = other(arguments.private_grant, arguments.private_path_prefix, private_gateway);
    let private = match (private, arguments.private_listen) {
        (Some(caller), Some(listen)) => Some(Private { caller, listener: at(listen)? }),
        _ => None,
    };
    let metadata = other(arguments.metadata_grant, arguments.metadata_path_prefix, private_gateway);
    let limited = other(arguments.limited_grant, arguments.limited_path_prefix, gateway);
    let upstream = at(arguments.listen)?;
    Ok(Setup { upstream, secret: arguments.secret, caller, foreign, limited, private, metadata })
}

fn at(address: SocketAddr) -> Result<Listener, String> {
    Listener::at(address).map_err(|error| format!("{address} cannot be listened at: {error}"))
}

/// Reads `http://HOST:PORT`.
fn address(url: &str) -> Result<SocketAddr, String> {
    let authority = url.strip_prefix("http://").ok_or("http:// alone is spoken here")?;
    let mut all = authority.trim_end_matches('/').to_socket_addrs().map_err(|error| error.to_string())?;
    all.next().ok_or_else(|| "this name has no address".to_owned())
}
