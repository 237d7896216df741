//! A place where the binary runs: folders, servers, and what came out so far.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Read, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    files,
    pages::{self, Visit},
    process::{copy_for_all, ended_by_signals, kill, may_dump, of_process, within, without_threads},
    server::{Server, answer, ask},
    sink::{Sink, is_key_file},
    situations::{Circumstance, Situation},
    subject::OWN,
    terminal,
};

/// What was caught: where, and what.
pub(crate) type Caught = Vec<(Sink, Vec<u8>)>;

/// What a control leaves in the sinks that are empty when all is well.
const CONTROL: &str = "control";

/// One run.
pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) caught: Caught,
    /// What arrived at the target.
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) faults: Vec<String>,
}

/// A place for runs.
pub(crate) struct Stage {
    program: PathBuf,
    /// What the run is given: its values, and descriptors. It holds secrets, and is not looked into.
    given: PathBuf,
    /// All that the run may write to.
    watched: PathBuf,
    elsewhere: Server,
    target: Server,
    now: Arc<Mutex<Now>>,
    /// What earlier runs said: what stands for `{connection}`, `{grant}` and `{token}`.
    ids: BTreeMap<&'static str, String>,
    /// A process that goes on while others run, and what it says.
    behind: Option<Behind>,
    /// Whether a run was killed while it wrote.
    killed: bool,
}

/// A process that goes on.
struct Behind {
    situation: Situation,
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

/// The run that is on.
#[derive(Default)]
struct Now {
    /// The process, which the target looks at before it answers.
    process: Option<u32>,
    signal: Option<&'static str>,
    answers: Vec<Vec<u8>>,
    /// How many requests came before this run.
    before: usize,
    caught: Caught,
    /// Whether the process could leave a core dump while the target looked at it.
    dumps: bool,
}

impl Stage {
    pub(crate) fn new(program: &Path, first: &Situation) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("keyway-canary-{}-{count}", process::id()));
        let (given, watched) = (folder.join("given"), folder.join("watched"));
        for below in ["tmp", "sqlite", "home", "here", "exports", "anchors"] {
            fs::create_dir_all(watched.join(below)).unwrap();
        }
        fs::write(watched.join("tmp").join(CONTROL), CONTROL).unwrap();
        fs::write(watched.join("home").join(CONTROL), CONTROL).unwrap();
        fs::create_dir_all(given.join("providers/canary")).unwrap();
        fs::write(given.join("providers/canary/provider.yaml"), OWN).unwrap();
        let mut program = program.to_path_buf();
        if first.circumstance == Circumstance::NoThreads {
            // Another user runs it, who may not be able to go where it stands.
            let copy = given.join("keyway");
            copy_for_all(&program, &copy);
            program = copy;
        }
        let elsewhere = Server::start(|_, _| answer("200 OK", &[], b"{}"));
        let now = Arc::<Mutex<Now>>::default();
        let (of_target, below) = (Arc::clone(&now), watched.clone());
        let target = Server::start(move |count, _| {
            let mut now = of_target.lock().unwrap();
            // On a terminal it is a child of `script`, and nobody says which.
            if let Some(id) = now.process {
                now.caught.extend(of_process(id));
                now.dumps |= may_dump(id);
                if let Some(signal) = now.signal {
                    kill(signal, id);
                }
            }
            // The key is in use.
            now.caught.extend(files::below(&below));
            let index = count - now.before;
            now.answers.get(index).or(now.answers.last()).cloned().unwrap_or_default()
        });
        Self {
            program,
            given,
            watched,
            elsewhere,
            target,
            now,
            ids: BTreeMap::new(),
            behind: None,
            killed: false,
        }
    }

    /// Runs a situation; `None` where what it needs is missing.
    pub(crate) fn run(&mut self, situation: &Situation) -> Option<Run> {
        fs::write(self.given.join("values.json"), &situation.values).unwrap();
        if let Circumstance::Pages(visit) = &situation.circumstance
            && let Some(fixtures) = &visit.fixtures
        {
            fs::write(self.given.join("providers/canary/fixtures.yaml"), fixtures).unwrap();
        }
        let origin = self.elsewhere.origin();
        let answers =
            situation.answers.iter().map(|answer| replace(answer, b"{elsewhere}", origin.as_bytes()));
        *self.now.lock().unwrap() = Now {
            signal: match situation.circumstance {
                Circumstance::Signal(name) => Some(name),
                _ => None,
            },
            answers: answers.collect(),
            before: self.target.arrived().len(),
            ..Now::default()
        };
        let status = match &situation.circumstance {
            Circumstance::Typed(steps) => {
                let environment = self.environment(situation);
                let (status, shown) = terminal::run(&self.command_line(situation), &environment, steps)?;
                self.catch([(Sink::Terminal, shown)]);
                status
            }
            Circumstance::Tampered(text) => {
                self.tamper(self.fill(text).as_bytes());
                self.start(situation)?
            }
            _ => self.start(situation)?,
        };
        let mut now = std::mem::take(&mut *self.now.lock().unwrap());
        self.hear(situation, &now.caught);
        now.caught.extend(files::below(&self.watched));
        let dumped = now.dumps.then(|| "a core dump could be left".to_owned());
        let requests = self.target.arrived().split_off(now.before);
        Some(Run { status, caught: now.caught, requests, faults: dumped.into_iter().collect() })
    }

    fn catch(&self, more: impl IntoIterator<Item = (Sink, Vec<u8>)>) {
        self.now.lock().unwrap().caught.extend(more);
    }

    /// Keeps the id of what was made.
    fn hear(&mut self, situation: &Situation, caught: &Caught) {
        let (name, prefix) = match situation.arguments.first().map(String::as_str) {
            Some("connect") => ("{connection}", "con_"),
            Some("grant") => ("{grant}", "gra_"),
            Some("token") => ("{api_token}", "kwa_"),
            _ => return,
        };
        for (sink, bytes) in caught.iter().filter(|(sink, _)| matches!(sink, Sink::Stdout | Sink::Stderr)) {
            if name == "{grant}" && *sink == Sink::Stdout && bytes.starts_with(b"kwg_") {
                self.ids.insert("{token}", String::from_utf8_lossy(bytes).trim().to_owned());
            }
            // The id of a token is what that begins with.
            let length = prefix.len() + if prefix == "kwa_" { 8 } else { 20 };
            let Some(at) = memchr::memmem::find(bytes, prefix.as_bytes()) else { continue };
            let random = bytes[at + prefix.len()..].iter().copied().take_while(u8::is_ascii_alphanumeric);
            let id = prefix.to_owned() + &String::from_utf8(random.collect()).unwrap();
            if id.len() == length {
                self.ids.insert(name, id);
            }
        }
    }

    /// Every master key that is in a file: a retired one may be beside the key's file alone.
    pub(crate) fn master_keys(&self) -> Vec<String> {
        files::all(&self.watched)
            .into_iter()
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_key_file))
            .flat_map(|path| files::keys(&fs::read(path).unwrap_or_default()).0)
            .collect()
    }

    /// Writes into the database with another hand: the last character of a text becomes another one.
    fn tamper(&self, text: &[u8]) {
        let path = self.watched.join("vault/keyway.db");
        let mut bytes = fs::read(&path).unwrap();
        let at = memchr::memmem::find(&bytes, text).unwrap() + text.len() - 1;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    /// A text with what is on this stage in the place of `{…}`.
    fn fill(&self, text: &str) -> String {
        let given = |name: &str| self.given.join(name).to_str().unwrap().to_owned();
        let filled = text
            .replace("{target}", &self.target.origin())
            .replace("{elsewhere}", &self.elsewhere.origin())
            .replace("{other}", &self.elsewhere.address().to_string())
            .replace("{values}", &given("values.json"))
            .replace("{providers}", &given("providers"))
            .replace("{watched}", self.watched.to_str().unwrap());
        self.ids.iter().fold(filled, |text, (name, id)| text.replace(name, id))
    }

    fn arguments(&self, situation: &Situation) -> Vec<String> {
        situation.arguments.iter().map(|argument| self.fill(argument)).collect()
    }

    /// The command for a shell: nothing in it has quotes of its own.
    fn command_line(&self, situation: &Situation) -> String {
        let words: Vec<String> = self.arguments(situation).iter().map(|word| format!(" '{word}'")).collect();
        format!("'{}'{}", self.program.display(), words.concat())
    }

    fn environment(&self, situation: &Situation) -> Vec<(String, String)> {
        let folder = |name: &str| self.watched.join(name).to_str().unwrap().to_owned();
        let temporary = |name: &str| match situation.circumstance {
            Circumstance::NoTemporary => "/proc/nowhere".to_owned(),
            _ => folder(name),
        };
        let mut all = vec![
            ("PATH", env::var("PATH").unwrap()),
            ("RUST_LOG", "trace".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("TERM", "xterm".to_owned()),
            ("TMPDIR", temporary("tmp")),
            ("SQLITE_TMPDIR", temporary("sqlite")),
        ];
        for name in [
            "HOME",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
            "XDG_STATE_HOME",
            "XDG_RUNTIME_DIR",
        ] {
            all.push((name, folder("home")));
        }
        let more = situation.environment.iter().map(|(name, value)| (name.as_str(), self.fill(value)));
        all.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn command(&self, circumstance: &Circumstance) -> Option<Command> {
        Some(match circumstance {
            Circumstance::NoThreads => without_threads(&self.program)?,
            Circumstance::Within(bytes) => within(*bytes, &self.program)?,
            _ => ended_by_signals(&self.program),
        })
    }

    /// Runs the command without a terminal, and gives its exit status; `None` where what it needs is missing.
    fn start(&mut self, situation: &Situation) -> Option<ExitStatus> {
        let circumstance = &situation.circumstance;
        let mut command = self.command(circumstance)?;
        command.args(self.arguments(situation)).env_clear().envs(self.environment(situation));
        command.current_dir(self.watched.join("here"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if *circumstance == Circumstance::FullDisk {
            command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        }
        let mut child = command.spawn().unwrap();
        self.now.lock().unwrap().process = Some(child.id());
        // Where it reads stdin, it is waiting for it now.
        self.catch(of_process(child.id()));
        let stderr = collect(child.stderr.take());
        let mut stdout = child.stdout.take().filter(|_| *circumstance != Circumstance::ClosedPipe);
        if *circumstance == Circumstance::Behind {
            let mut first = [0];
            let mut stdout = stdout.unwrap();
            // It is at work.
            stdout.read_exact(&mut first).unwrap();
            let (situation, stdout) = (situation.clone(), collect(Some(stdout)));
            self.behind = Some(Behind { situation, child, stdout, stderr });
            return Some(ExitStatus::default());
        }
        match (circumstance, &mut stdout) {
            (Circumstance::Served(requests), Some(stdout)) => self.serve(&[requests], &child, stdout),
            (Circumstance::Gateway(requests), Some(stdout)) => {
                let of_operator = ["/metrics", "/healthz", "/readyz", "/else"];
                let of_operator = of_operator.map(|path| {
                    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes()
                });
                self.serve(&[requests, &of_operator], &child, stdout);
            }
            (Circumstance::Pages(visit), Some(stdout)) => self.visit(visit, &child, stdout),
            _ => {}
        }
        let stdout = collect(stdout);
        let mut stdin = child.stdin.take().unwrap();
        if *circumstance == Circumstance::Stdin {
            // It may end without reading it.
            let _ = stdin.write_all(situation.values.as_bytes());
        }
        drop(stdin);
        if *circumstance == Circumstance::Killed {
            self.kill_while_it_writes(&mut child);
            self.killed = true;
        }
        let status = child.wait().unwrap();
        let out = match situation.arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["audit", ..] => Sink::Audit,
            ["vault", "export", "-", ..] => Sink::Exports,
            _ => Sink::Stdout,
        };
        self.catch([(out, stdout.join().unwrap()), (Sink::Stderr, stderr.join().unwrap())]);
        Some(status)
    }

    /// Kills it as soon as the database has changed.
    fn kill_while_it_writes(&self, child: &mut Child) {
        let stamp = || {
            let of = |name: &str| fs::metadata(self.watched.join("vault").join(name)).ok();
            ["keyway.db", "keyway.db-wal"].map(|name| of(name).map(|of| (of.len(), of.modified().ok())))
        };
        let before = stamp();
        while child.try_wait().unwrap().is_none() {
            if stamp() != before {
                child.kill().unwrap();
                return;
            }
            thread::yield_now();
        }
    }

    /// Asks the server that the binary is, at each of the addresses that it tells, and ends it.
    fn serve(&self, requests: &[&[Vec<u8>]], child: &Child, stdout: &mut impl Read) {
        let mut said = Vec::new();
        let mut byte = [0];
        let addresses: Vec<SocketAddr> = loop {
            let count = stdout.read(&mut byte).unwrap();
            assert_ne!(count, 0, "no address in {}", String::from_utf8_lossy(&said));
            said.push(byte[0]);
            let text = String::from_utf8_lossy(&said);
            let told = text.split("http://").skip(1).filter_map(|rest| rest.split_once('\n'));
            let told: Vec<_> = told.map(|(address, _)| address.trim().parse().unwrap()).collect();
            if told.len() == requests.len() {
                break told;
            }
        };
        self.catch([(Sink::Stdout, said)]);
        for (address, requests) in addresses.into_iter().zip(requests) {
            for request in *requests {
                let filled = String::from_utf8(request.clone()).map(|text| self.fill(&text).into_bytes());
                let request = filled.unwrap_or_else(|_| request.clone());
                self.catch([(Sink::Answers, ask(address, &request))]);
            }
        }
        self.catch(of_process(child.id()));
        kill("TERM", child.id());
    }

    /// Uses the connect pages and the REST API of the sandbox that the binary is, and ends it.
    fn visit(&self, visit: &Visit, child: &Child, stdout: &mut impl Read) {
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(pages::READY.as_bytes()) {
            let count = stdout.read(&mut byte).unwrap();
            assert_ne!(count, 0, "it ended: {}", String::from_utf8_lossy(&said));
            said.push(byte[0]);
        }
        let told = || {
            let until = Instant::now() + Duration::from_secs(20);
            let is_there = || {
                let arrived = self.elsewhere.arrived();
                arrived.iter().any(|one| memchr::memmem::find(one, b"connection.created").is_some())
            };
            while !is_there() && Instant::now() < until {
                thread::sleep(Duration::from_millis(20));
            }
            is_there()
        };
        let _ending = Ending(child.id());
        let answers = visit.make(&String::from_utf8_lossy(&said), &self.elsewhere.origin(), told);
        self.catch([(Sink::Stdout, said)]);
        self.catch(answers.into_iter().map(|answer| (Sink::Answers, answer)));
        self.catch(of_process(child.id()));
        self.catch(files::below(&self.watched));
        kill("TERM", child.id());
    }

    /// Ends what goes on. Says what that was, what came out of it and what arrived elsewhere, and what is not as it should
    /// be.
    pub(crate) fn end(&mut self) -> (Situation, Caught, Vec<String>) {
        let (mut caught, mut faults, mut behind) = (Caught::new(), Vec::new(), Situation::default());
        if let Some(Behind { situation, mut child, stdout, stderr }) = self.behind.take() {
            behind = situation;
            caught.extend(of_process(child.id()));
            kill("TERM", child.id());
            let status = child.wait().unwrap();
            if status.code() != Some(0) {
                faults.push(format!("what went on ended with {status}"));
            }
            caught.extend([(Sink::Audit, stdout.join().unwrap()), (Sink::Stderr, stderr.join().unwrap())]);
        }
        ask(self.elsewhere.address(), format!("GET /{CONTROL} HTTP/1.1\r\n\r\n").as_bytes());
        caught.extend(self.elsewhere.arrived().into_iter().map(|request| (Sink::Elsewhere, request)));
        caught.extend(files::below(&self.watched));
        let left =
            files::all(&self.watched).iter().any(|path| path.extension().is_some_and(|of| of == "new"));
        if left && !self.killed {
            faults.push("what was to be the key's file is left".to_owned());
        }
        (behind, caught, faults)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(Behind { mut child, .. }) = self.behind.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(self.given.parent().unwrap());
    }
}

/// Ends a process that would go on when a test fails.
struct Ending(u32);

impl Drop for Ending {
    fn drop(&mut self) {
        if thread::panicking() {
            kill("KILL", self.0);
        }
    }
}

/// Reads a pipe to its end.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match memchr::memmem::find(bytes, from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}
