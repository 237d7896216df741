//! The upstream: it answers as fast as it can, and refuses whoever comes without the right key.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::AUTHORIZATION;

/// A path that ends in a number of bytes: the answer has a body of this length. Any other is answered with 1 KiB of JSON.
pub(crate) const SIZED: &str = "/v1/sized/";

const CHUNK: usize = 64 * 1024;

/// Serves until its standard input ends, which it does with whoever started it. Prints the addresses, without and with
/// TLS, and writes the certificate of the latter to `certificate`.
pub(crate) fn run(certificate: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.spawn(serve(tls(certificate)));
    runtime.spawn(async move { served.await.unwrap() });
    let parent = runtime.spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    runtime.block_on(parent).unwrap().unwrap();
    runtime.shutdown_background();
}

async fn serve(tls: TlsAcceptor) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let plain = TcpListener::bind(any).await.unwrap();
    let secure = TcpListener::bind(any).await.unwrap();
    println!("{} {}", plain.local_addr().unwrap(), secure.local_addr().unwrap());
    let answer: Arc<[u8]> = answer().into();
    loop {
        let answer = Arc::clone(&answer);
        tokio::select! {
            accepted = plain.accept() => {
                let stream = ready(accepted.unwrap());
                tokio::spawn(async move { connection(stream, &answer).await });
            }
            accepted = secure.accept() => {
                let handshake = tls.accept(ready(accepted.unwrap()));
                tokio::spawn(async move {
                    if let Ok(stream) = handshake.await {
                        connection(stream, &answer).await;
                    }
                });
            }
        }
    }
}

fn ready((stream, _): (TcpStream, SocketAddr)) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream
}

/// Answers one request after the other, until the other side has gone.
async fn connection(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(read) if read > 0 => filled += read,
            _ => return,
        }
        while let Some(request) = Request::read(&buffer[..filled]) {
            let mut body = request.body;
            let here = body.min(filled - request.head);
            buffer.copy_within(request.head + here..filled, 0);
            filled -= request.head + here;
            body -= here;
            while body > 0 {
                let room = body.min(buffer.len());
                match stream.read(&mut buffer[..room]).await {
                    Ok(read) if read > 0 => body -= read,
                    _ => return,
                }
            }
            let sent = match request.answered {
                Answered::Json => stream.write_all(answer).await,
                Answered::Sized(length) => sized(&mut stream, length).await,
                Answered::Refused => {
                    stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await
                }
            };
            if sent.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

async fn sized(stream: &mut (impl AsyncWrite + Unpin), mut length: usize) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; CHUNK];
    while length > 0 {
        let now = length.min(CHUNK);
        stream.write_all(&chunk[..now]).await?;
        length -= now;
    }
    Ok(())
}

/// What counts of a request. Lengths are in bytes.
struct Request {
    head: usize,
    body: usize,
    answered: Answered,
}

enum Answered {
    Json,
    Sized(usize),
    Refused,
}

impl Request {
    /// The request whose head is at the beginning, once it is there whole.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = request.parse(bytes).expect("a proxy sends HTTP") else {
            return None;
        };
        let value = |name: &str| {
            let mut values = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
            values.next().map(|header| header.value).filter(|_| values.next().is_none())
        };
        let length = value("content-length").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        let sized = request.path.and_then(|path| path.strip_prefix(SIZED)?.parse().ok());
        let answered = match sized {
            _ if value("authorization") != Some(AUTHORIZATION.as_bytes()) => Answered::Refused,
            Some(length) => Answered::Sized(length),
            None => Answered::Json,
        };
        Some(Self { head, body: length.unwrap_or(0), answered })
    }
}

/// 1 KiB of JSON, which is also what Rootly says of a good key.
fn answer() -> Vec<u8> {
    let body = |text: &str| {
        format!(
            r#"{{"data":{{"id":"1","type":"users","attributes":{{"name":"Made Up","email":"made.up@example.com","about":"{text}"}}}}}}"#
        )
    };
    let text = "lorem ipsum ".repeat(100);
    let body = body(&text[..1024 - body("").len()]);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\ncontent-length: {}\r\ncache-control: no-store\r\nx-request-id: 0f0f0f0f\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

fn tls(certificate: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap();
    TlsAcceptor::from(Arc::new(config))
}
