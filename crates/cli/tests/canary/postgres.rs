//! A vault in PostgreSQL: what the server keeps and logs, what is dumped of it, and every byte on the way to it.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use keyway_postgres::Server;

use crate::{
    binary,
    drive::{Outcome, drive},
    files,
    process::has,
    sink::Sink,
    situations::{Circumstance, Situation},
    stage::Caught,
    story,
    subject::Subject,
    subjects,
};

/// A database, and what of it was there before.
struct Watched {
    server: &'static Server,
    url: String,
    /// The pages of the server's files.
    before: HashSet<Vec<u8>>,
    address: SocketAddr,
    /// What went through, by connection and direction.
    wire: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Watched {
    fn new(server: &'static Server) -> Self {
        let url = server.database();
        let name = name(&url);
        server.execute(&url, &format!("ALTER DATABASE {name} SET log_statement = 'all'"));
        server.execute(&url, "CHECKPOINT");
        let before = pages(&folder(server));
        let (address, wire) = proxy(server.socket());
        Self { server, url, before, address, wire }
    }

    /// Its address through the proxy, with a password that nobody asks for.
    fn address(&self, password: &str) -> String {
        format!("postgres://keyway:{password}@{}/{}", self.address, name(&self.url))
    }

    /// All that came out since.
    fn caught(&self) -> Caught {
        self.server.execute(&self.url, "CHECKPOINT");
        let folder = folder(self.server);
        let new = pages(&folder).into_iter().filter(|page| !self.before.contains(page));
        let mut caught: Caught = new.map(|page| (Sink::Cluster, page)).collect();
        caught.push((Sink::ClusterLog, fs::read(folder.with_file_name("log")).unwrap()));
        let wire = self.wire.lock().unwrap();
        caught.extend(wire.iter().map(|bytes| (Sink::Wire, bytes.clone())));
        if has("pg_dump", &["--version"]) {
            let mut dump = Command::new("pg_dump");
            dump.arg("-h").arg(folder.parent().unwrap()).args(["-U", "keyway", name(&self.url)]);
            let output = dump.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            caught.push((Sink::Dump, output.stdout));
        }
        caught
    }

    /// Drives the binary through the story of a vault, here.
    fn drive(&self, program: &Path, all: &[Subject], chain: Vec<Situation>) -> Outcome {
        let subject = subject(all);
        let there = |one: Situation| {
            if one.environment.iter().any(|(_, value)| value.ends_with("/keyway.db")) {
                return one.where_("KEYWAY_DATABASE", self.address(&subject.password));
            }
            one
        };
        // Which looks at files to know when.
        let chain = chain.into_iter().filter(|one| one.circumstance != Circumstance::Killed);
        let chain: Vec<Situation> = chain.map(there).collect();
        drive(program, subject, &Subject::canary(all), &chain).unwrap()
    }
}

fn subject(all: &[Subject]) -> &Subject {
    all.iter().find(|subject| subject.name() == "canary/header").unwrap()
}

fn name(url: &str) -> &str {
    url.strip_prefix("postgres:///").unwrap().split('?').next().unwrap()
}

/// The server's data.
fn folder(server: &Server) -> PathBuf {
    server.socket().with_file_name("data")
}

/// What the files of a server consist of, without what is empty.
fn pages(folder: &Path) -> HashSet<Vec<u8>> {
    let mut pages = HashSet::new();
    for file in files::all(folder) {
        let Ok(bytes) = fs::read(file) else { continue };
        let filled = bytes.chunks(8192).filter(|page| page.iter().any(|byte| *byte != 0));
        pages.extend(filled.map(<[u8]>::to_vec));
    }
    pages
}

/// Listens on loopback, and hands everything on.
fn proxy(socket: PathBuf) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let wire = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let keep = Arc::clone(&wire);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = UnixStream::connect(&socket).unwrap();
            let (to_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            for way in [Way::In(client, to_server), Way::Out(server, to_client)] {
                let index = {
                    let mut all = keep.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                let keep = Arc::clone(&keep);
                thread::spawn(move || {
                    way.carry(|bytes| keep.lock().unwrap()[index].extend_from_slice(bytes));
                });
            }
        }
    });
    (address, wire)
}

enum Way {
    In(TcpStream, UnixStream),
    Out(UnixStream, TcpStream),
}

impl Way {
    fn carry(mut self, keep: impl Fn(&[u8])) {
        let mut chunk = [0; 16 * 1024];
        loop {
            let read = match &mut self {
                Self::In(from, _) => from.read(&mut chunk),
                Self::Out(from, _) => from.read(&mut chunk),
            };
            let Ok(count @ 1..) = read else { break };
            keep(&chunk[..count]);
            let written = match &mut self {
                Self::In(_, to) => to.write_all(&chunk[..count]),
                Self::Out(_, to) => to.write_all(&chunk[..count]),
            };
            if written.is_err() {
                break;
            }
        }
        let _ = match &self {
            Self::In(_, to) => to.shutdown(Shutdown::Both),
            Self::Out(_, to) => to.shutdown(Shutdown::Both),
        };
    }
}

/// One after the other: what another one does to the server would be seen here.
#[test]
fn a_key_is_nowhere_in_postgresql_and_a_leak_is_seen() {
    let Some(server) = keyway_postgres::shared() else { return };
    let (number, all) = subjects();
    let watched = Watched::new(server);
    let mut outcome = watched.drive(binary(), &all, story::usual(subject(&all)));
    let caught = watched.caught();
    let seen = outcome.scan.sightings(&Situation::default(), &caught);
    assert!(
        seen.is_empty() && outcome.wrong.is_empty(),
        "KEYWAY_CANARY={number}: {seen:?} {:#?}",
        outcome.wrong
    );
    let yields: BTreeSet<Sink> =
        caught.iter().filter(|(_, bytes)| !bytes.is_empty()).map(|(sink, _)| *sink).collect();
    let expected =
        Sink::POSTGRES.into_iter().filter(|sink| *sink != Sink::Dump || has("pg_dump", &["--version"]));
    assert_eq!(yields, expected.clone().collect(), "nothing came out of the others: are they looked at?");
    for (sink, least) in
        [(Sink::ClusterLog, b"INSERT".as_slice()), (Sink::Wire, b"INSERT"), (Sink::Cluster, b"acme")]
    {
        let holds =
            |(one, bytes): &(Sink, Vec<u8>)| *one == sink && memchr::memmem::find(bytes, least).is_some();
        assert!(caught.iter().any(holds), "{sink:?} does not hold what a vault writes");
    }

    // The same, and somebody writes down the key.
    let leak = subject(&all).secret().replace('\'', "''");
    let mut stream = TcpStream::connect(watched.address).unwrap();
    stream.write_all(leak.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    server.execute(&watched.url, &format!("CREATE TABLE leak AS SELECT '{leak}'::text AS key"));
    let seen = outcome.scan.sightings(&Situation::default(), &watched.caught());
    let seen: BTreeSet<Sink> = seen.into_iter().map(|seen| seen.sink).collect();
    assert_eq!(seen, expected.collect());
}
