//! Driving the binary through a situation, and catching all that comes out of it.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{Read, Write as _},
    net::SocketAddr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{self, Child, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    process::{copy_for_all, ended_by_signals, kill, may_dump, of_process, without_threads},
    scanner::{Canary, Encoding},
    server::{Server, ask},
    situations::{Circumstance, Sent, Situation},
    subject::{OWN, Subject},
    terminal,
};

/// Where something could come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sink {
    Stdout,
    Stderr,
    /// What a person sees.
    Terminal,
    /// Files below the folders that a program may write to: of the user, for temporary files, the current one.
    Files,
    /// Their names.
    FileNames,
    /// The arguments of the process and of those that it started.
    CommandLine,
    /// Their environment.
    Environment,
    /// At the target, what stands beside the secret in its place.
    Target,
    /// Every byte at another server.
    Elsewhere,
    /// Answers of a server that the binary is.
    Answers,
}

impl Sink {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Stdout,
        Self::Stderr,
        Self::Terminal,
        Self::Files,
        Self::FileNames,
        Self::CommandLine,
        Self::Environment,
        Self::Target,
        Self::Elsewhere,
        Self::Answers,
    ];
}

/// A secret where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) sink: Sink,
    pub(crate) encodings: BTreeSet<Encoding>,
}

/// What became of a situation.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) caught: Caught,
    pub(crate) sightings: BTreeSet<Sighting>,
    /// What else is not as it should be.
    pub(crate) faults: Vec<String>,
}

/// What a control leaves in the sinks that are empty when all is well.
const CONTROL: &str = "control";

/// What was caught: where, and what.
type Caught = Vec<(Sink, Vec<u8>)>;

/// Drives `program` through a situation. `None` where what it needs is missing on this machine, which has been said.
pub(crate) fn drive(
    program: &Path,
    subject: &Subject,
    canary: &Canary,
    situation: &Situation,
) -> Option<Outcome> {
    let stage = Stage::new(program, situation);
    let status = match &situation.circumstance {
        Circumstance::Typed(steps) => {
            let (status, shown) = terminal::run(&stage.command_line(), &stage.environment(), steps)?;
            stage.catch([(Sink::Terminal, shown)]);
            status
        }
        _ => stage.run()?,
    };
    let code = status.code();
    let mut faults = Vec::new();
    if stage.dumps.load(Ordering::Relaxed) {
        faults.push("a core dump could be left".to_owned());
    }
    let (mut caught, requests) = stage.end();
    match (situation.sent, requests.len()) {
        (Sent::Never, 1..) | (Sent::Once, 0 | 2..) | (Sent::EachTime, 0) => {
            faults.push(format!("{:?} was to be sent, and {} were", situation.sent, requests.len()));
        }
        _ => {}
    }
    for request in requests {
        let rest = subject.without_secrets(&request);
        if rest.is_none() {
            faults.push("the secret does not stand in its place, exactly once".to_owned());
        }
        caught.push((Sink::Target, rest.unwrap_or(request)));
    }
    if code.map_or(!situation.codes.is_empty(), |code| !situation.codes.contains(&code)) {
        faults.push(format!("it ended with {code:?}"));
    }
    let said = |needle: &str| {
        caught.iter().any(|(_, bytes)| memchr::memmem::find(bytes, needle.as_bytes()).is_some())
    };
    if !said(situation.says) {
        faults.push(format!("it does not say {:?}", situation.says));
    }
    let sightings = sightings(canary, situation, &caught);
    Some(Outcome { caught, sightings, faults })
}

fn sightings(canary: &Canary, situation: &Situation, caught: &Caught) -> BTreeSet<Sighting> {
    let holds = |text: &String| !canary.sightings(text.as_bytes()).is_empty();
    // What the caller puts there is there.
    let callers = |sink: Sink| match sink {
        Sink::CommandLine => situation.arguments.iter().any(holds),
        Sink::Environment => situation.environment.iter().any(|(_, value)| holds(value)),
        _ => false,
    };
    let looked_at = caught.iter().filter(|(sink, _)| !callers(*sink));
    looked_at
        .map(|(sink, bytes)| Sighting { sink: *sink, encodings: canary.sightings(bytes) })
        .filter(|sighting| !sighting.encodings.is_empty())
        .collect()
}

/// A place for one run: folders, servers, and what was caught so far.
struct Stage<'s> {
    program: PathBuf,
    situation: &'s Situation,
    /// What the run is given: its values, and descriptors. It holds secrets, and is not looked into.
    given: PathBuf,
    /// All that the run may write to.
    watched: PathBuf,
    elsewhere: Server,
    target: Server,
    /// The process, which the target looks at before it answers.
    process: Arc<OnceLock<u32>>,
    caught: Arc<Mutex<Caught>>,
    /// Whether the process could leave a core dump while the target looked at it.
    dumps: Arc<AtomicBool>,
}

impl<'s> Stage<'s> {
    fn new(program: &Path, situation: &'s Situation) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("keyway-canary-{}-{count}", process::id()));
        let (given, watched) = (folder.join("given"), folder.join("watched"));
        for below in ["tmp", "home", "here"] {
            fs::create_dir_all(watched.join(below)).unwrap();
        }
        fs::write(watched.join("tmp").join(CONTROL), CONTROL).unwrap();
        fs::create_dir_all(given.join("providers/canary")).unwrap();
        fs::write(given.join("providers/canary/provider.yaml"), OWN).unwrap();
        fs::write(given.join("values.json"), &situation.values).unwrap();
        let mut program = program.to_path_buf();
        if situation.circumstance == Circumstance::NoThreads {
            // Another user runs it, who may not be able to go where it stands.
            let copy = given.join("keyway");
            copy_for_all(&program, &copy);
            program = copy;
        }
        let elsewhere = Server::start(|_, _| crate::server::answer("200 OK", &[], b"{}"));
        let (process, caught) = (Arc::<OnceLock<u32>>::default(), Arc::<Mutex<Caught>>::default());
        let origin = elsewhere.origin();
        let answers: Vec<Vec<u8>> = situation
            .answers
            .iter()
            .map(|answer| replace(answer, b"{elsewhere}", origin.as_bytes()))
            .collect();
        let signal = match situation.circumstance {
            Circumstance::Signal(name) => Some(name),
            _ => None,
        };
        let dumps = Arc::<AtomicBool>::default();
        let (id, keep, may) = (Arc::clone(&process), Arc::clone(&caught), Arc::clone(&dumps));
        let target = Server::start(move |before, _| {
            // On a terminal it is a child of `script`, and nobody says which.
            if let Some(id) = id.get() {
                keep.lock().unwrap().extend(of_process(*id));
                may.fetch_or(may_dump(*id), Ordering::Relaxed);
                if let Some(signal) = signal {
                    kill(signal, *id);
                }
            }
            answers.get(before).or(answers.last()).cloned().unwrap_or_default()
        });
        Self { program, situation, given, watched, elsewhere, target, process, caught, dumps }
    }

    fn catch(&self, more: impl IntoIterator<Item = (Sink, Vec<u8>)>) {
        self.caught.lock().unwrap().extend(more);
    }

    /// A text with what is on this stage in the place of `{…}`.
    fn fill(&self, text: &str) -> String {
        let given = |name: &str| self.given.join(name).to_str().unwrap().to_owned();
        text.replace("{target}", &self.target.origin())
            .replace("{elsewhere}", &self.elsewhere.origin())
            .replace("{other}", &self.elsewhere.address().to_string())
            .replace("{values}", &given("values.json"))
            .replace("{providers}", &given("providers"))
    }

    fn arguments(&self) -> Vec<String> {
        self.situation.arguments.iter().map(|argument| self.fill(argument)).collect()
    }

    /// The command for a shell: nothing in it has quotes of its own.
    fn command_line(&self) -> String {
        let words: Vec<String> = self.arguments().iter().map(|word| format!(" '{word}'")).collect();
        format!("'{}'{}", self.program.display(), words.concat())
    }

    fn environment(&self) -> Vec<(String, String)> {
        let folder = |name: &str| self.watched.join(name).to_str().unwrap().to_owned();
        let temporary = match self.situation.circumstance {
            Circumstance::NoTemporary => "/proc/nowhere".to_owned(),
            _ => folder("tmp"),
        };
        let mut all = vec![
            ("PATH", env::var("PATH").unwrap()),
            ("RUST_LOG", "trace".to_owned()),
            ("RUST_BACKTRACE", "full".to_owned()),
            ("NO_COLOR", "1".to_owned()),
            ("TERM", "xterm".to_owned()),
            ("TMPDIR", temporary),
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
        let more = self.situation.environment.iter().map(|(name, value)| (name.as_str(), self.fill(value)));
        all.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Runs the command without a terminal, and gives its exit status; `None` where what it needs is missing.
    fn run(&self) -> Option<ExitStatus> {
        let circumstance = &self.situation.circumstance;
        let mut command = match circumstance {
            Circumstance::NoThreads => without_threads(&self.program)?,
            _ => ended_by_signals(&self.program),
        };
        command.args(self.arguments()).env_clear().envs(self.environment());
        command.current_dir(self.watched.join("here"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if *circumstance == Circumstance::FullDisk {
            command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        }
        let mut child = command.spawn().unwrap();
        self.process.set(child.id()).unwrap();
        // Where it reads stdin, it is waiting for it now.
        self.catch(of_process(child.id()));
        let stderr = collect(child.stderr.take());
        let mut stdout = child.stdout.take().filter(|_| *circumstance != Circumstance::ClosedPipe);
        if let (Circumstance::Served(requests), Some(stdout)) = (circumstance, &mut stdout) {
            self.serve(requests, &child, stdout);
        }
        let stdout = collect(stdout);
        let mut stdin = child.stdin.take().unwrap();
        if *circumstance == Circumstance::Stdin {
            // It may end without reading it.
            let _ = stdin.write_all(self.situation.values.as_bytes());
        }
        drop(stdin);
        let status = child.wait().unwrap();
        self.catch([(Sink::Stdout, stdout.join().unwrap()), (Sink::Stderr, stderr.join().unwrap())]);
        Some(status)
    }

    /// Asks the server that the binary is, and ends it.
    fn serve(&self, requests: &[Vec<u8>], child: &Child, stdout: &mut impl Read) {
        let mut said = Vec::new();
        let mut byte = [0];
        let address: SocketAddr = loop {
            assert_ne!(
                stdout.read(&mut byte).unwrap(),
                0,
                "no address in {}",
                String::from_utf8_lossy(&said)
            );
            said.push(byte[0]);
            let text = String::from_utf8_lossy(&said);
            if let Some((address, _)) =
                text.split_once("http://").and_then(|(_, after)| after.split_once('\n'))
            {
                break address.trim().parse().unwrap();
            }
        };
        self.catch([(Sink::Stdout, said)]);
        self.catch(requests.iter().map(|request| (Sink::Answers, ask(address, request))));
        self.catch(of_process(child.id()));
        kill("TERM", child.id());
    }

    /// All that was caught, with what is left behind, and what arrived at the target.
    fn end(self) -> (Caught, Vec<Vec<u8>>) {
        ask(self.elsewhere.address(), format!("GET /{CONTROL} HTTP/1.1\r\n\r\n").as_bytes());
        self.catch(self.elsewhere.arrived().into_iter().map(|request| (Sink::Elsewhere, request)));
        let mut left = Vec::new();
        files(&self.watched, &mut left);
        self.catch(left);
        (self.caught.lock().unwrap().clone(), self.target.arrived())
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.given.parent().unwrap());
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

/// The files below a folder, with their names.
fn files(folder: &Path, found: &mut Caught) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push((Sink::FileNames, path.file_name().unwrap().as_bytes().to_vec()));
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((Sink::Files, fs::read(&path).unwrap()));
        }
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match memchr::memmem::find(bytes, from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}
