//! `keyway providers --watch`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{ACME, Folder, acme_of_the_readmes, command, keyway, linked};

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
    let unproven = |id: &str| format!("! {id} has no fixtures.yaml: nothing is proven of it");
    assert_eq!(watching.line_with("!"), unproven("acme"));
    watching.line_with("Watching. Ctrl-C ends it.");

    folder.write("acme", &broken());
    assert_eq!(watching.line(), "✗ 3 problems; the providers stay as they were");
    watching.line_with(&format!("{}/acme/provider.yaml:4:1: ", folder.path()));

    folder.write("acme", &ACME.replace("Acme", "Ajax"));
    assert_eq!(watching.line_with("✓"), "✓ changed acme");
    assert_eq!(watching.line(), unproven("acme"));
    folder.write("globex", &ACME.replace("acme", "globex"));
    assert_eq!(watching.line(), "✓ added globex");
    assert_eq!(watching.line(), unproven("globex"));
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
        json!({ "event": "reloaded", "added": ["acme"], "changed": [], "removed": [], "faults": [] })
    );
    folder.remove();
    let problem = watching.json()["problems"][0].clone();
    assert_eq!((&problem["line"], &problem["column"]), (&Value::Null, &Value::Null));
}

/// Whoever writes YAML alone has the suite too: fixtures and logo are held against it at each save.
#[test]
fn fixtures_and_logo_are_held_against_the_suite() {
    let (descriptor, fixtures) = acme_of_the_readmes();
    let folder = Folder::with(&descriptor);
    folder.write_file("acme/fixtures.yaml", &fixtures);
    let watching = Background::start(&folder, &[]);
    let coverage = "  fixtures cover every kind of answer: no check is answered by 401, 403, 404, a server error, HTML with \
                    status 200";
    assert_eq!(watching.line_with("✗"), "✗ a thing does not hold of acme");
    assert_eq!(watching.line(), coverage);
    watching.line_with("Watching. Ctrl-C ends it.");
    let saved = |name: &str, text: &str| {
        folder.write_file(&format!("acme/{name}"), text);
        assert_eq!(watching.line(), "✓ changed acme");
        watching.line()
    };

    let rest = "      - { name: revoked, values: { api_key: acme_made_up_revoked }, answer: { status: 401 }, verdict: invalid, source: docs }
      - { name: forbidden, values: { api_key: acme_made_up_403 }, answer: { status: 403 }, verdict: forbidden, source: inferred }
      - { name: not found, values: { api_key: acme_made_up_404 }, answer: { status: 404 }, verdict: unknown, source: inferred }
      - { name: broken, values: { api_key: acme_made_up_500 }, answer: { status: 500 }, verdict: unavailable, source: inferred }
      - { name: page, values: { api_key: acme_made_up_page }, answer: { status: 200, headers: { content-type: text/html }, body: <html> }, verdict: unknown, source: inferred }
    calls:";
    let whole = fixtures.replace("    calls:", rest);
    assert_eq!(saved("fixtures.yaml", &whole), "✓ acme does what its fixtures say: 8 checks, 1 call");
    assert_eq!(
        saved(
            "fixtures.yaml",
            &whole.replace("verdict: forbidden", "verdict: invalid").replace("label: Ada", "label: Eve")
        ),
        "✗ a thing does not hold of acme"
    );
    assert_eq!(
        watching.line(),
        "  every fixture has its verdict: `a good key`: the account is id \"7\", label \"Ada\", and the fixtures say id \"7\", \
         label \"Eve\""
    );
    assert!(
        watching
            .line()
            .starts_with("    `forbidden`: the verdict is `forbidden`, and the fixtures say `invalid`: ")
    );
    assert_eq!(
        saved("fixtures.yaml", &whole.replace("invalid", "invlid")),
        "✗ a thing does not hold of acme"
    );
    assert!(
        watching
            .line()
            .starts_with("  fixtures.yaml: api_key: the check `revoked`: `invlid` is not a verdict; ")
    );
    saved("fixtures.yaml", &whole);
    assert_eq!(saved("logo.svg", "<svg><script/></svg>"), "✗ a thing does not hold of acme");
    assert_eq!(watching.line(), "  logo is small and inert: logo.svg holds `<script`");
    assert_eq!(saved("logo.svg", "<svg/>"), "✓ acme does what its fixtures say: 8 checks, 1 call");
}

#[test]
fn a_logo_is_looked_at_where_there_are_no_fixtures() {
    let folder = Folder::with(ACME);
    folder.write_file("acme/logo.svg", "<html>");
    let fault = json!({
        "provider": "acme",
        "rule": "logo_is_small_and_inert",
        "message": "logo.svg begins with something else than <svg",
    });
    assert_eq!(Background::start(&folder, &["--json"]).json()["faults"], json!([fault]));
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
