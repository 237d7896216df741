//! What a gateway was set up with, for the probes to be tried on it.

use std::{
    io::{self, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{Listener, Message};

/// What a gateway was set up with.
#[derive(Debug)]
pub struct Setup {
    /// The upstream, which the gateway sends the credential to.
    pub upstream: Listener,
    /// The credential's secret.
    pub secret: String,
    /// Who may use it.
    pub caller: Caller,
    /// Somebody whom the gateway knows too, and who may not use it: first as they use what is their own, then as they ask
    /// for what is the caller's.
    pub foreign: Option<(Caller, Caller)>,
    /// Somebody who may use it below `/v1/` alone.
    pub limited: Option<Caller>,
    /// A credential that would go to loopback, and may not.
    pub private: Option<Private>,
    /// Somebody whose credential would go to a cloud's metadata address.
    pub metadata: Option<Caller>,
}

/// How a caller reaches the gateway, and says who it is.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Lines such as `Authorization: Bearer …`.
    pub headers: Vec<String>,
    /// What stands before the path; one that begins with `http://` makes the request one to a forward proxy.
    pub prefix: String,
}

/// A credential that would go to an address of the gateway's own machine.
#[derive(Debug)]
pub struct Private {
    /// Who may use it.
    pub caller: Caller,
    /// What listens there. Nothing may connect to it.
    pub listener: Listener,
}

/// How long a gateway may take for an answer.
const PATIENCE: Duration = Duration::from_secs(15);

impl Caller {
    /// Sends a request of this method and path, with more headers, and reads the answer. `None` when the connection was
    /// closed, or nothing came that is one.
    pub(crate) fn ask(&self, method: &str, path: &str, more: &[&str]) -> Option<Message> {
        self.ask_target(method, &format!("{}{path}", self.prefix), more)
    }

    /// The same with a target to which nothing is added.
    pub(crate) fn ask_target(&self, method: &str, target: &str, more: &[&str]) -> Option<Message> {
        let authority = match target.strip_prefix("http://") {
            Some(rest) => rest.split('/').next().unwrap_or_default().to_owned(),
            None => self.gateway.to_string(),
        };
        let mut lines = vec![format!("{method} {target} HTTP/1.1")];
        let is = |line: &str, name: &str| {
            line.split(':').next().is_some_and(|before| before.eq_ignore_ascii_case(name))
        };
        if !more.iter().any(|line| is(line, "host")) {
            lines.push(format!("Host: {authority}"));
        }
        if !more.iter().any(|line| is(line, "connection")) {
            lines.push("Connection: close".to_owned());
        }
        if method != "GET" {
            lines.push("Content-Length: 0".to_owned());
        }
        lines.extend(self.headers.iter().map(String::as_str).chain(more.iter().copied()).map(str::to_owned));
        self.exchange(&format!("{}\r\n\r\n", lines.join("\r\n"))).ok().flatten()
    }

    fn exchange(&self, text: &str) -> io::Result<Option<Message>> {
        let mut stream = TcpStream::connect_timeout(&self.gateway, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(text.as_bytes())?;
        Message::answer(&mut BufReader::new(stream))
    }

    /// The names of the headers that say who it is, in lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.headers.iter().filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()))
    }
}
