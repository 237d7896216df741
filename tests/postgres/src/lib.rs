//! A PostgreSQL server for tests, from the binaries that are installed.
//!
//! It listens on a Unix socket in a temporary folder, and ends with the process that started it, however that ends: a shell
//! waits on a pipe of ours, stops the server when the pipe closes, and removes the folder.

mod binaries;

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{self, Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// The user that the databases belong to. It needs no password.
const USER: &str = "keyway";

/// A running server, and its folder.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    databases: AtomicU32,
    shell: Mutex<Shell>,
}

#[derive(Debug)]
struct Shell {
    child: Child,
    /// Closed, it ends the server.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The server of this process, which its tests share.
///
/// `None` where no PostgreSQL is installed, and says so on stderr.
///
/// # Panics
/// When there is none and the variable `CI` is set: there, nothing may be skipped. And when one does not start.
pub fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::start_new).as_ref()
}

impl Server {
    /// Starts a server of one's own, for a test that stops it. Otherwise as [`shared`].
    ///
    /// # Panics
    /// As [`shared`].
    pub fn start_new() -> Option<Self> {
        static SERVERS: AtomicU32 = AtomicU32::new(0);
        let Some(binaries) = binaries::find() else {
            assert!(env::var_os("CI").is_none(), "no PostgreSQL is installed, and in CI nothing is skipped");
            eprintln!("SKIPPED: no PostgreSQL is installed (looked in PATH, pg_config, /usr/lib/postgresql)");
            return None;
        };
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a Unix socket has about 100 bytes.
        let folder = env::temp_dir().join(format!("keyway-pg-{}-{number}", process::id()));
        fs::create_dir(&folder).expect("the temporary folder can be written");
        let mut command = unprivileged(&folder);
        command.args(["sh", "-c", SCRIPT, "sh"]).args([&binaries, &folder]).arg(USER);
        // A group of its own: who interrupts the tests at a terminal does not interrupt what cleans up after them.
        command.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a shell is there");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut shell = Shell { child, orders, answers };
        shell.wait();
        Some(Self { folder, binaries, databases: AtomicU32::new(0), shell: Mutex::new(shell) })
    }

    /// Makes a database, and returns its URL.
    ///
    /// # Panics
    /// When the server does not.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}"));
        format!("postgres:///{name}?host={}&user={USER}", self.folder.display())
    }

    /// The server's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Runs SQL in a database, given by name or URL, and returns what it prints: unaligned, without headers.
    ///
    /// # Panics
    /// When it fails.
    pub fn execute(&self, database: &str, sql: &str) -> String {
        let name = name(database);
        let output = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", name, "-c", sql, "-h"])
            .arg(&self.folder)
            .output()
            .expect("psql is installed");
        assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("psql writes UTF-8").trim_end().to_owned()
    }

    /// Ends all connections to a database, as an administrator would.
    ///
    /// # Panics
    /// When the server does not.
    pub fn terminate_backends(&self, database: &str) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            name(database)
        );
        self.execute("postgres", &sql);
    }

    /// Stops the server, and keeps its data.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&self) {
        self.order("stop");
    }

    /// Starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        self.order("start");
    }

    fn order(&self, word: &str) {
        let mut shell = self.shell.lock().expect("no test panics in here");
        let orders = shell.orders.as_mut().expect("it is open until the server is dropped");
        writeln!(orders, "{word}").expect("the shell reads");
        shell.wait();
    }
}

impl Shell {
    /// Waits until the shell has done what it was told.
    fn wait(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the shell answers");
        assert_eq!(line, "done\n", "PostgreSQL did not do it; its words are above");
    }
}

impl Drop for Server {
    /// Waits until the server has ended and its folder is gone.
    fn drop(&mut self) {
        if let Ok(shell) = self.shell.get_mut() {
            shell.orders = None;
            shell.child.wait().ok();
        }
    }
}

fn name(database: &str) -> &str {
    let name = database.strip_prefix("postgres:///").unwrap_or(database);
    name.split('?').next().unwrap_or(name)
}

/// What runs a command as somebody whom PostgreSQL does not refuse: it refuses root.
fn unprivileged(folder: &PathBuf) -> Command {
    let mut command = Command::new("env");
    if fs::metadata(folder).expect("it was just made").uid() == 0 {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may");
        command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
    }
    command
}

/// `nobody`, on every Linux.
const NOBODY: u32 = 65534;

/// Arguments: the folder of the binaries, our folder, the user. Does not wait for disks: what is tested is not theirs.
const SCRIPT: &str = r#"
binaries=$1 folder=$2 user=$3
chmod 700 "$folder"
start() {
    "$binaries/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 \
        -o "-k '$folder' -c listen_addresses= -c fsync=off -c max_connections=200" start >"$folder/said" 2>&1 \
        && echo done || { cat "$folder/said" "$folder/log" >&2; echo failed; }
}
"$binaries/initdb" -D "$folder/data" -U "$user" -A trust -E UTF8 --locale=C --no-sync >"$folder/said" 2>&1 \
    || cat "$folder/said" >&2
start
while read -r order; do
    case $order in
        start) start ;;
        stop) "$binaries/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null 2>&1 && echo done || echo failed ;;
    esac
done
"$binaries/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$folder"
"#;
