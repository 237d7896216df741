//! `keyway serve`, in the background.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// The longest that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The gateway in the background; ends with the test.
pub(crate) struct Serving {
    child: Child,
    stdout: Text,
    stderr: Text,
}

/// What a process writes, as it comes.
#[derive(Clone, Default)]
struct Text(Arc<(Mutex<Read>, Condvar)>);

#[derive(Default)]
struct Read {
    text: String,
    is_over: bool,
}

impl Text {
    fn of(from: impl std::io::Read + Send + 'static) -> Self {
        let this = Self::default();
        let filled = this.clone();
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = String::new();
            while matches!(from.read_line(&mut line), Ok(1..)) {
                filled.change(|read| read.text += &std::mem::take(&mut line));
            }
            filled.change(|read| read.is_over = true);
        });
        this
    }

    fn change(&self, change: impl FnOnce(&mut Read)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Waits for a text, or for the end where there is none; returns all that there is then.
    fn until(&self, wanted: Option<&str>) -> String {
        let is_missing =
            |read: &mut Read| !(read.is_over || wanted.is_some_and(|text| read.text.contains(text)));
        let (read, timeout) =
            self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), PATIENCE, is_missing).unwrap();
        assert!(!timeout.timed_out(), "{wanted:?} did not come: {}", read.text);
        assert!(wanted.is_none_or(|text| read.text.contains(text)), "{wanted:?} never came: {}", read.text);
        read.text.clone()
    }
}

impl Serving {
    /// Starts the gateway, and waits until it says `ready`.
    pub(crate) fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = Text::of(child.stdout.take().unwrap());
        let stderr = Text::of(child.stderr.take().unwrap());
        let this = Self { child, stdout, stderr };
        this.stdout.until(Some(ready));
        this
    }

    /// What it said on stdout.
    pub(crate) fn said(&self) -> String {
        self.stdout.0.0.lock().unwrap().text.clone()
    }

    /// The log, once it has a text in it.
    #[track_caller]
    pub(crate) fn log(&self, wanted: &str) -> String {
        self.stderr.until(Some(wanted))
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        let said = self.said();
        let (_, rest) = said.split_once("istening on http").unwrap();
        rest.trim_start_matches('s').trim_start_matches("://").split([',', '\n']).next().unwrap().to_owned()
    }

    /// Where it counts.
    pub(crate) fn control(&self) -> String {
        let said = self.said();
        said.split_once("Metrics and health on http://").unwrap().1.split('\n').next().unwrap().to_owned()
    }

    /// Where the connect pages are.
    pub(crate) fn pages(&self) -> String {
        let said = self.stdout.until(Some("Connect pages on http"));
        let (_, rest) = said.split_once("Connect pages on http").unwrap();
        rest.trim_start_matches('s').trim_start_matches("://").split('\n').next().unwrap().to_owned()
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end: the exit status, and the log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let log = self.stderr.until(None);
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A GET over a connection of its own: the whole answer. `headers` are lines without their ends.
#[track_caller]
pub(crate) fn get(address: &str, target: &str, headers: &[String]) -> String {
    let mut stream = ask(address, target, headers);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same, without waiting for the answer.
#[track_caller]
pub(crate) fn ask(address: &str, target: &str, headers: &[String]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for header in headers {
        head += header;
        head += "\r\n";
    }
    stream.write_all((head + "\r\n").as_bytes()).unwrap();
    stream
}

/// The status of an answer.
#[track_caller]
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}
