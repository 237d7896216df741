//! Processes that are measured, and the core that each one has to itself.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where the proxies run, one at a time at work.
const PROXY_CORE: &str = "0";
/// Where everything else runs: the load and the upstream.
pub(crate) const OTHER_CORE: &str = "1";

/// The unit of the times in `/proc/PID/stat`: `USER_HZ`, which is the same on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
const START_TIME: Duration = Duration::from_secs(20);

/// A proxy that runs. It is asked to stop when this is dropped, and waited for.
pub(crate) struct Proxy {
    child: Child,
    /// The process that does the work.
    worker: u32,
    pub(crate) address: SocketAddr,
    /// From its start until it answered a request.
    pub(crate) ready: Duration,
}

impl Proxy {
    /// Starts a proxy on the core of proxies, and waits until it answers `request` with 200.
    ///
    /// # Panics
    /// When it ends, or does not answer in time.
    pub(crate) fn start(command: &[&str], address: SocketAddr, request: &str) -> Self {
        let start = Instant::now();
        let mut child = Command::new("taskset")
            .args(["-c", PROXY_CORE])
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !answers(address, request) {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{} ended: {status}", command[0]);
            }
            assert!(start.elapsed() < START_TIME, "{} does not answer with 200", command[0]);
            thread::sleep(Duration::from_millis(1));
        }
        let ready = start.elapsed();
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let worker = children.split_whitespace().next().map_or(child.id(), |first| first.parse().unwrap());
        Self { child, worker, address, ready }
    }

    /// The time that it had a core, in seconds, that of threads that have ended included.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.worker)).unwrap();
        // The second field, the name in parentheses, may hold anything; the third stands behind the last of them.
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        let ticks: f64 = fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
        ticks / TICKS_PER_SECOND
    }

    /// The memory that it has, and the most that it had, in MiB.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.worker)).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// The most memory that it had is from now on what it has now.
    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.worker), "5").unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // `taskset` becomes the command. nginx's worker would outlive a master that is killed outright.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The upstream, in a process of its own.
pub(crate) struct Upstream {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
}

impl Upstream {
    pub(crate) fn start(certificate: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["upstream".as_ref(), certificate.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (plain, secure) = line.trim().split_once(' ').expect("the upstream says where it listens");
        let stdin = child.stdin.take();
        Self { child, stdin, plain: plain.parse().unwrap(), secure: secure.parse().unwrap() }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// An address that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn answers(address: SocketAddr, request: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut status = [0; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut status).is_ok()
        && status == *b"HTTP/1.1 200"
}
