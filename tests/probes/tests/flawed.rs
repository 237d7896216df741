//! A small gateway, and the flaws that it can have.

use std::{
    io::{self, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use keyway_probes::Message;

/// What a gateway may get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Whoever has no token is taken for the owner.
    AnyCaller,
    /// A token that nobody has is taken for the owner's.
    AnyToken,
    /// A token is good for every connection.
    AnyConnection,
    /// A caller who may not use a connection is told its secret.
    TellsSecret,
    /// The secret as it is is not looked for in headers.
    EchoInHeader,
    /// Each chunk of the answer is looked at by itself.
    EchoAcrossChunks,
    /// Only answers of 200 are looked at.
    EchoInError,
    /// An encoded body is passed on as it is.
    EchoInGzip,
    /// Base64 is not looked for.
    EchoInBase64,
    /// Base64 is looked for only where the secret begins it.
    EchoWithinBase64,
    /// Hex is not looked for.
    EchoInHex,
    /// A method that is not known goes on as GET.
    KnownMethods,
    /// What `Connection` names is passed on.
    KeepsNamed,
    /// What `Connection` names is taken off last, the credential too.
    DropsNamedLast,
    /// `TE` is passed on.
    KeepsTe,
    /// `Proxy-Authorization` is passed on.
    KeepsProxyAuthorization,
    /// `Cookie` is passed on.
    KeepsCookie,
    /// A redirect to the same origin is followed.
    Follows,
    /// A redirect to another origin is followed, with the credential.
    FollowsAnywhere,
    /// The caller's `X-Forwarded-Host` is where the request goes.
    Steered,
    /// A target that is a whole URL is where the request goes.
    TargetDecides,
    /// Loopback is dialled.
    Loopback,
    /// The policy sees the path as it is written.
    AnyPath,
    /// The policy sees the path with its escapes undone once, and the upstream as it was written.
    DecodedOnce,
}

/// Each flaw, and the probe that finds it.
pub(crate) const ALL: &[(Flaw, usize)] = &[
    (Flaw::AnyCaller, 1),
    (Flaw::AnyToken, 1),
    (Flaw::AnyConnection, 2),
    (Flaw::TellsSecret, 2),
    (Flaw::EchoInHeader, 3),
    (Flaw::EchoAcrossChunks, 3),
    (Flaw::EchoInError, 3),
    (Flaw::EchoInGzip, 4),
    (Flaw::EchoInBase64, 4),
    (Flaw::EchoWithinBase64, 4),
    (Flaw::EchoInHex, 4),
    (Flaw::KnownMethods, 5),
    (Flaw::KeepsNamed, 6),
    (Flaw::DropsNamedLast, 6),
    (Flaw::KeepsTe, 7),
    (Flaw::KeepsProxyAuthorization, 7),
    (Flaw::KeepsCookie, 8),
    (Flaw::Follows, 9),
    (Flaw::FollowsAnywhere, 10),
    (Flaw::Steered, 10),
    (Flaw::TargetDecides, 10),
    (Flaw::Loopback, 11),
    (Flaw::AnyPath, 12),
    (Flaw::DecodedOnce, 12),
];

/// A gateway with connections `own`, `foreign` and `private`, each with a token that is named like it, and one more token
/// for `own` that is limited to `/v1/`.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    flaws: &'static [Flaw],
    secret: String,
    upstream: SocketAddr,
    private: SocketAddr,
}

/// The answer of the gateway itself.
struct Refused(u16, String);

const HEADER: &str = "x-key";
/// What is asked for where a redirect is followed.
const FOLLOWED: &str = "/v1/followed";

impl Gateway {
    /// Starts it, and says where it listens. It runs until the process ends.
    pub(crate) fn start(
        flaws: &'static [Flaw],
        secret: &str,
        upstream: SocketAddr,
        private: SocketAddr,
    ) -> SocketAddr {
        let gateway = Self { flaws, secret: secret.to_owned(), upstream, private };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has room");
        let address = listener.local_addr().expect("it listens");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (gateway, stream) = (gateway.clone(), stream.expect("a caller"));
                thread::spawn(move || gateway.serve(&stream));
            }
        });
        address
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let Some(request) = Message::request(&mut BufReader::new(stream))? else { return Ok(()) };
        let answer = match self.forwarded(&request) {
            Ok(answer) => answer,
            Err(Refused(status, text)) => {
                format!("HTTP/1.1 {status} No\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
            }
        };
        stream.write_all(&answer)
    }

    fn forwarded(&self, request: &Message) -> Result<Vec<u8>, Refused> {
        let refused = |status| Refused(status, String::new());
        let target = request.target();
        let (host, target) = match target.strip_prefix("http://").and_then(|rest| rest.split_once('/')) {
            Some((host, path)) => (Some(host.to_owned()), format!("/{path}")),
            None => (None, target.to_owned()),
        };
        let (connection, path) = match target.strip_prefix("/c/").and_then(|rest| rest.split_once('/')) {
            Some((connection, path)) => (connection, format!("/{path}")),
            None => return Err(refused(404)),
        };
        let token = match request.header("x-grant") {
            Some(token)
                if ["own", "foreign", "private", "limited"]
                    .map(|all| format!("token-{all}"))
                    .contains(&token.to_owned()) =>
            {
                &token[6..]
            }
            Some(token) if !token.is_empty() && self.has(Flaw::AnyToken) => "own",
            None if self.has(Flaw::AnyCaller) => "own",
            _ => return Err(refused(401)),
        };
        let own = if token == "limited" { "own" } else { token };
        if own != connection && !self.has(Flaw::AnyConnection) {
            let text = if self.has(Flaw::TellsSecret) { self.secret.clone() } else { String::new() };
            return Err(Refused(404, text));
        }
        if !self.allows(token, &path) {
            return Err(refused(403));
        }
        let mut address = match connection {
            "private" if !self.has(Flaw::Loopback) => return Err(refused(403)),
            "private" => self.private,
            _ => self.upstream,
        };
        let named = request.header("x-forwarded-host").and_then(|host| host.parse().ok());
        if let Some(named) = named.filter(|_| self.has(Flaw::Steered)) {
            address = named;
        }
        if let Some(host) = host.and_then(|host| host.parse().ok()).filter(|_| self.has(Flaw::TargetDecides))
        {
            address = host;
        }
        let secret = if connection == "own" { &self.secret } else { "_madeUpOther" };
        let method = match request.method() {
            method @ ("GET" | "POST") => method,
            _ if self.has(Flaw::KnownMethods) => "GET",
            method => method,
        };
        let answer = self.sent(address, method, &path, request, secret).ok_or_else(|| refused(502))?;
        Ok(self.filtered(&answer))
    }

    fn allows(&self, token: &str, path: &str) -> bool {
        let segments = |path: &str| path.split('/').any(|segment| segment == "..");
        if self.has(Flaw::AnyPath) {
            return token != "limited" || path.starts_with("/v1/");
        }
        if self.has(Flaw::DecodedOnce) {
            let decoded =
                path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%5c", "/");
            let decoded = decoded.replace(['\\', ';'], "/");
            return token != "limited" || (decoded.starts_with("/v1/") && !segments(&decoded));
        }
        let is_plain = !path.contains(['%', '\\', ';']) && !segments(path);
        is_plain && (token != "limited" || path.starts_with("/v1/"))
    }

    /// Sends the request, and reads the answer.
    fn sent(
        &self,
        to: SocketAddr,
        method: &str,
        path: &str,
        request: &Message,
        secret: &str,
    ) -> Option<Message> {
        let named: Vec<String> = (request.header("connection").unwrap_or_default().split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let mut headers = vec![(HEADER.to_owned(), secret.to_owned())];
        headers.extend(request.headers.iter().filter(|(name, _)| self.keeps(name, &named)).cloned());
        if self.has(Flaw::DropsNamedLast) {
            headers.retain(|(name, _)| !named.contains(name));
        }
        let lines: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let mut stream = TcpStream::connect(to).ok()?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\n{lines}Content-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let answer = Message::answer(&mut BufReader::new(stream)).ok()??;
        // Once is enough.
        match answer.header("location").filter(|_| path != FOLLOWED) {
            Some(location) if location.starts_with('/') && self.has(Flaw::Follows) => {
                let _ = self.sent(to, method, FOLLOWED, &Message::default(), secret);
            }
            Some(location) if self.has(Flaw::FollowsAnywhere) => {
                let host = location.strip_prefix("http://").and_then(|rest| rest.split('/').next());
                if let Some(to) = host.and_then(|host| host.parse().ok()) {
                    let _ = self.sent(to, method, FOLLOWED, &Message::default(), secret);
                }
            }
            _ => {}
        }
        Some(answer)
    }

    fn keeps(&self, name: &str, named: &[String]) -> bool {
        match name {
            HEADER | "x-grant" | "host" | "connection" | "content-length" | "transfer-encoding" => false,
            "te" => self.has(Flaw::KeepsTe),
            "proxy-authorization" => self.has(Flaw::KeepsProxyAuthorization),
            "cookie" => self.has(Flaw::KeepsCookie),
            name if named.iter().any(|named| named == name) => self.has(Flaw::KeepsNamed),
            _ => true,
        }
    }

    /// The answer without the secret, in one piece.
    fn filtered(&self, answer: &Message) -> Vec<u8> {
        let mut out = format!("{}\r\n", answer.start);
        let mut is_gzip = false;
        for (name, value) in &answer.headers {
            match name.as_str() {
                "content-length" | "transfer-encoding" => {}
                "content-encoding" if !self.has(Flaw::EchoInGzip) => {
                    is_gzip = true;
                }
                _ if self.has(Flaw::EchoInHeader) && value.contains(&self.secret) => {
                    out += &[name, ": ", value, "\r\n"].concat();
                }
                _ => out += &[name, ": ", &self.masked(value), "\r\n"].concat(),
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut plain = Vec::new();
        let is_passed_on = (answer.status() != 200 && self.has(Flaw::EchoInError))
            || (answer.header("content-encoding").is_some() && !is_gzip);
        let body = if is_passed_on {
            answer.body()
        } else if is_gzip {
            GzDecoder::new(&*answer.body()).read_to_end(&mut plain).expect("the probes compress well");
            self.masked(&text(&plain)).into_bytes()
        } else if self.has(Flaw::EchoAcrossChunks) {
            let chunks = answer.chunks.iter().map(|chunk| self.masked(&text(chunk)));
            chunks.collect::<String>().into_bytes()
        } else {
            self.masked(&text(&answer.body())).into_bytes()
        };
        out += &["Content-Length: ", &body.len().to_string(), "\r\n\r\n"].concat();
        [out.into_bytes(), body].concat()
    }

    fn masked(&self, text: &str) -> String {
        let mut forms = vec![self.secret.clone()];
        forms.push(self.secret.bytes().flat_map(escaped).collect());
        let hex: Vec<String> = self.secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let hex = hex.concat();
        if !self.has(Flaw::EchoInHex) {
            forms.extend([hex.to_ascii_uppercase(), hex]);
        }
        let offsets = if self.has(Flaw::EchoWithinBase64) { 0..1 } else { 0..3 };
        for offset in offsets.filter(|_| !self.has(Flaw::EchoInBase64)) {
            let encoded = BASE64_STANDARD.encode(format!("{}{}", &"xx"[..offset], self.secret));
            let middle = &encoded[[0, 2, 3][offset]..(offset + self.secret.len()) * 8 / 6];
            forms.extend([middle.to_owned(), middle.replace('+', "-").replace('/', "_")]);
        }
        forms.iter().fold(text.to_owned(), |text, form| text.replace(form.as_str(), "[redacted]"))
    }
}

fn escaped(byte: u8) -> Vec<char> {
    if byte.is_ascii_alphanumeric() { vec![byte.into()] } else { format!("%{byte:02X}").chars().collect() }
}
