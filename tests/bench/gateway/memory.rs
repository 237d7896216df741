//! Memory: with long bodies, many clients and many connections in the vault; and what slow clients do to the others.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use keyway_core::{Origin, Registry, Submission};
use keyway_vault::{Actor, Database, KeyFile, New, Tenant, Terms, Vault};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{KEY, contender::Prepared, load, process::Proxy, upstream::SIZED};

/// How much there is of everything.
#[derive(Debug, clap::Args)]
pub(crate) struct Memory {
    /// How many clients say nothing, and how many are slow
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// How many clients are good while others are slow
    #[arg(long, default_value_t = 500)]
    good: u32,
    /// How many connections the vault holds, each with a grant
    #[arg(long, default_value_t = 10_000)]
    stored: usize,
    /// How long a body is, in MB
    #[arg(long, default_value_t = 100)]
    body: usize,
    /// How often the good clients are measured, with and without slow ones
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long they are measured each time, in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

/// How many bodies are on their way at once.
const AT_ONCE: usize = 8;
/// How long a slow client takes for one byte.
const SLOW: Duration = Duration::from_secs(3);
/// How long idle clients are left alone before they are looked at.
const REST: Duration = Duration::from_secs(5);
/// How many slow clients send their byte in one go.
const TOGETHER: usize = 50;
/// The most connections that are saved together.
const PAGE: usize = 1000;
/// File descriptors beside those of the clients.
const SPARE: u64 = 2000;

impl Memory {
    /// How many clients there are at once.
    pub(crate) fn clients(&self) -> usize {
        self.clients
    }

    /// Measures, and prints the table.
    pub(crate) fn run(&self, prepared: &Prepared, upstream: SocketAddr) {
        let needed = self.clients as u64 + SPARE;
        let limit = getrlimit(Resource::Nofile);
        let limit = Rlimit { current: limit.maximum.or(limit.current).map(|most| most.max(needed)), ..limit };
        let limit = Rlimit { maximum: limit.current, ..limit };
        setrlimit(Resource::Nofile, limit).expect("the limit of open files can be raised");

        println!("{:54} {:>12} {:>12}", "", "memory", "peak");
        // Each on a proxy of its own: what one leaves behind would hide what the next one takes.
        for part in [Self::bodies, Self::idle, Self::slow] {
            let proxy = prepared.start();
            row(&proxy, "started", "");
            part(self, prepared, &proxy);
        }
        if prepared.contender.is_keyway() {
            self.stored(prepared, upstream);
        }
    }

    fn bodies(&self, prepared: &Prepared, proxy: &Proxy) {
        let length = self.body * 1_000_000;
        for (what, method, path, sent, received) in [
            ("up", "POST", "/v1/incidents".to_owned(), length, 0),
            ("down", "GET", format!("{SIZED}{length}"), 0, length),
        ] {
            let start = Instant::now();
            thread::scope(|scope| {
                for _ in 0..AT_ONCE {
                    scope.spawn(|| {
                        let mut stream = TcpStream::connect(proxy.address).unwrap();
                        stream.write_all(head(method, &path, &prepared.caller, sent).as_bytes()).unwrap();
                        write(&mut stream, sent);
                        let read = answer(&mut stream);
                        assert!(read >= received, "{what}: {read} of {received} bytes came");
                    });
                }
            });
            let note = format!("{:.0} MB/s", (AT_ONCE * length) as f64 / 1e6 / start.elapsed().as_secs_f64());
            row(proxy, &format!("{AT_ONCE} bodies of {} MB {what}", self.body), &note);
        }
    }

    /// Clients that have made a request, and stay.
    fn idle(&self, prepared: &Prepared, proxy: &Proxy) {
        let request = head("GET", "/v1/incidents", &prepared.caller, 0);
        let clients: Vec<TcpStream> = (0..self.clients)
            .map(|_| {
                let mut stream = TcpStream::connect(proxy.address).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                answer(&mut stream);
                stream
            })
            .collect();
        row(proxy, &format!("{} clients, just after a request each", clients.len()), "");
        thread::sleep(REST);
        row(proxy, &format!("the same, idle for {} s", REST.as_secs()), "");
        drop(clients);
        // One more answer: by then the proxy has seen the others leave.
        answer_of(proxy, &request);
        row(proxy, "when they have gone", "");
    }

    /// Rounds with and without slow clients beside the good ones.
    fn slow(&self, prepared: &Prepared, proxy: &Proxy) {
        let (mut alone, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let without = load::p99(prepared, proxy, self.good, self.seconds);
            ratios.push(self.beside_slow(prepared, proxy) / without);
            alone.push(without);
        }
        let (alone, ratio) = (load::median(alone.into_iter()), load::median(ratios.into_iter()));
        let note = format!("p99 alone {alone:.1} ms, ratio {ratio:.2}");
        row(proxy, &format!("{} good clients beside {} slow ones", self.good, self.clients), &note);
    }

    /// The good clients' p99, in ms.
    fn beside_slow(&self, prepared: &Prepared, proxy: &Proxy) -> f64 {
        let is_over = &AtomicBool::new(false);
        let mut slow: Vec<Slow> = (0..self.clients).map(|_| Slow::new(proxy.address)).collect();
        thread::scope(|scope| {
            scope.spawn(move || {
                let pause = SLOW / u32::try_from(slow.len().div_ceil(TOGETHER)).unwrap();
                while !is_over.load(SeqCst) {
                    for some in slow.chunks_mut(TOGETHER) {
                        some.iter_mut().for_each(Slow::step);
                        thread::sleep(pause);
                    }
                }
            });
            let p99 = load::p99(prepared, proxy, self.good, self.seconds);
            is_over.store(true, SeqCst);
            p99
        })
    }

    fn stored(&self, prepared: &Prepared, upstream: SocketAddr) {
        let start = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tokens = runtime.block_on(fill(&prepared.folder, upstream, self.stored));
        eprintln!("{} connections and grants made in {:.0} s", tokens.len(), start.elapsed().as_secs_f64());
        let proxy = prepared.start();
        let note = format!("ready in {:.0} ms", proxy.ready.as_secs_f64() * 1e3);
        row(&proxy, &format!("started with {} connections in the vault", self.stored), &note);
        let start = Instant::now();
        for token in &tokens {
            answer_of(&proxy, &head("GET", "/v1/incidents", &format!("Bearer {token}"), 0));
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / tokens.len() as f64;
        row(&proxy, "each used once", &format!("{each:.0} µs each"));
    }
}

/// Prints what the proxy has, and the most that it had since the last row.
fn row(proxy: &Proxy, what: &str, note: &str) {
    let (now, peak) = proxy.memory();
    println!("{what:54} {now:>8.1} MiB {peak:>8.1} MiB  {note}");
    proxy.forget_peak();
}

/// A client whose head never ends.
struct Slow {
    proxy: SocketAddr,
    stream: TcpStream,
    sent: usize,
}

impl Slow {
    fn new(proxy: SocketAddr) -> Self {
        let stream = TcpStream::connect(proxy).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { proxy, stream, sent: 0 }
    }

    /// Sends one byte more; where the proxy has had enough, begins anew.
    fn step(&mut self) {
        let head = b"GET /v1/incidents HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
        let byte = head.get(self.sent).unwrap_or(&b'a');
        let is_closed = self.stream.read(&mut [0; 512]).is_ok() || self.stream.write_all(&[*byte]).is_err();
        if is_closed {
            *self = Self::new(self.proxy);
        } else {
            self.sent += 1;
        }
    }
}

fn head(method: &str, path: &str, caller: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {caller}\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn write(stream: &mut TcpStream, mut length: usize) {
    let chunk = vec![b'x'; 64 * 1024];
    while length > 0 {
        let now = length.min(chunk.len());
        stream.write_all(&chunk[..now]).unwrap();
        length -= now;
    }
}

fn answer_of(proxy: &Proxy, request: &str) {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    answer(&mut stream);
}

/// Reads an answer of 200, and gives the length of its body.
fn answer(stream: &mut TcpStream) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "an answer broke off");
        filled += read;
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = answer.parse(&buffer[..filled]).unwrap() else { continue };
        assert_eq!(answer.code, Some(200), "an answer of 200 is waited for");
        let of = |name: &str| answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        let length =
            of("content-length").map(|header| str::from_utf8(header.value).unwrap().parse().unwrap());
        return body(stream, &buffer[head..filled], length);
    }
}

/// Reads a body; one without a length is in chunks, and ends with an empty one.
fn body(stream: &mut TcpStream, first: &[u8], length: Option<usize>) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut read = first.len();
    let mut end = first[read.saturating_sub(5)..].to_vec();
    while length.map_or(!end.ends_with(b"0\r\n\r\n"), |length| read < length) {
        let now = stream.read(&mut buffer).unwrap();
        assert!(now > 0, "a body broke off");
        read += now;
        end.extend_from_slice(&buffer[now.saturating_sub(5)..now]);
        end.drain(..end.len().saturating_sub(5));
    }
    read
}

/// Keeps connections, and makes a grant for each; gives their tokens.
async fn fill(folder: &Path, upstream: SocketAddr, count: usize) -> Vec<String> {
    let registry = Registry::linked().unwrap();
    let origin = Origin::parse_loopback(&format!("http://{upstream}")).unwrap();
    let store = Database::sqlite(folder.join("keyway.db")).open().await.unwrap();
    let key = KeyFile::at(folder.join("keyway.key"));
    let vault = Vault::open(store, std::sync::Arc::new(key)).await.unwrap();
    let scope = vault.tenant(&Tenant::parse("bench").unwrap(), &Actor::parse("bench").unwrap());
    let submission = Submission::new().with("api_key", KEY);
    let credential = registry.accept("rootly", None, &submission).unwrap().credential.at_origin(origin);
    let mut tokens = Vec::with_capacity(count);
    while tokens.len() < count {
        let now = PAGE.min(count - tokens.len());
        let list: Vec<New<'_>> = (0..now).map(|_| New::connection(&credential)).collect();
        for saved in scope.save_all(&list).await.unwrap() {
            let grant = scope.grant(&saved.connection.id, Terms::default()).await.unwrap();
            tokens.push(grant.token.expose().to_owned());
        }
    }
    vault.close().await;
    tokens
}
