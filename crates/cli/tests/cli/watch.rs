//! `keyway providers --watch`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{ACME, Folder, command, keyway, linked};

/// How long a line may take before a test gives up. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command in the background, and its lines; ends with the test.
struct Background {
    child: Child,
    lines: Receiver<String>,
}

impl Background {
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let args = [&["providers", "--watch", "--providers", folder.path()], more].concat();
        let mut child = command(&args).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line comes")
    }

    /// Reads until a line begins like this.
    fn line_with(&self, start: &str) -> String {
        std::iter::repeat_with(|| self.line()).find(|line| line.starts_with(start)).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Ends it as a person would.
    #[cfg(unix)]
    fn stop(mut self, signal: &str) {
        let kill = std::process::Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broken() -> String {
    ACME.replace("summary", "sumary").replace("GET /me", "POST /me")
}

#[test]
fn each_edit_is_answered_until_a_signal_comes() {
    let folder = Folder::with(ACME);
    let watching = Background::start(&folder, &[]);
    assert!(watching.line().starts_with("ID "));
    watching.line_with("acme ");
    watching.line_with("Watching. Ctrl-C ends it.");

    folder.write("acme", &broken());
    assert_eq!(watching.line(), "✗ 3 problems; the providers stay as they were");
    watching.line_with(&format!("{}/acme/provider.yaml:4:1: ", folder.path()));

    folder.write("acme", &ACME.replace("Acme", "Ajax"));
    assert_eq!(watching.line_with("✓"), "✓ changed acme");
    folder.write("globex", &ACME.replace("acme", "globex"));
    assert_eq!(watching.line(), "✓ added globex");
    #[cfg(unix)]
    {
        watching.stop("-INT");
        let another = Background::start(&folder, &["--json"]);
        // It listens for signals before it says anything.
        another.json();
        another.stop("-TERM");
    }
}

#[test]
fn as_json_each_answer_is_a_line() {
    let folder = Folder::with(&broken());
    let watching = Background::start(&folder, &["--json"]);
    // What is broken at first is about to be mended.
    let listed = watching.json();
    let ids: Vec<&str> =
        listed["providers"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((&listed["event"], ids), (&json!("listed"), linked().iter().map(String::as_str).collect()));
    let kept = watching.json();
    assert_eq!(kept["event"], "kept");
    let mut problems = kept["problems"].as_array().unwrap().iter();
    let problem = problems.find(|problem| problem["text"] == "sumary").unwrap();
    assert_eq!((&problem["line"], &problem["column"]), (&json!(4), &json!(1)));
    assert!(problem["file"].as_str().unwrap().ends_with("/acme/provider.yaml"));
    assert_eq!(problem["help"], "did you mean `summary`?");

    folder.write("acme", ACME);
    assert_eq!(
        watching.json(),
        json!({ "event": "reloaded", "added": ["acme"], "changed": [], "removed": [] })
    );
    folder.remove();
    let problem = watching.json()["problems"][0].clone();
    assert_eq!((&problem["line"], &problem["column"]), (&Value::Null, &Value::Null));
}

#[test]
fn it_needs_a_folder() {
    for (args, environment) in [
        (&["providers", "--watch"] as &[&str], None),
        (&["providers", "--watch", "--json"], None),
        (&["providers", "--watch"], Some("")),
    ] {
        let output =
            command(args).envs(environment.map(|value| ("KEYWAY_PROVIDERS", value))).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "error: --watch needs a folder: name it with --providers DIR\n"
        );
    }
    assert_eq!(keyway(&["connect", "rally", "--watch"]).code, 1);
}

#[test]
fn it_ends_when_nobody_reads_it_any_more() {
    let folder = Folder::with(ACME);
    // Closed before it writes: what it had written already would be the last for a long time.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut watching = command(&["providers", "--watch", "--providers", folder.path()]);
    let mut child = watching.stdout(writer).spawn().unwrap();
    let mut said = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        said += 1;
        assert!(said < 600, "it goes on");
        // A process that is just being started may have the other end for a moment: what is said then is said to somebody.
        folder.write("acme", &ACME.replace("Acme", &format!("Acme {said}")));
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(0));
}
