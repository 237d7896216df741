//! A person's home, with a vault in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::{Captures, Regex};
use tempfile::TempDir;

use super::{
    Run,
    keyway::{command, run},
};

/// A key of Rally's form, that no fixture knows, and which nothing shows.
pub(crate) const KEPT_KEY: &str = "_sk_CANARY0000000000000000000000000000000000";

/// What Rally answers to whom it knows.
const GOOD: &str = r#"{"User":{"ObjectUUID":"u-7","UserName":"ada@acme.example","DisplayName":"Ada","Subscription":{"_refObjectName":"Acme"},"Errors":[]}}"#;

/// A home folder; it goes with the test. All that is run in it is searched for [`KEPT_KEY`].
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    /// An empty home, of somebody who works for the tenant `acme`.
    pub(crate) fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        this.with("KEYWAY_TENANT", "acme")
    }

    /// A home with a vault in it.
    pub(crate) fn with_vault() -> Self {
        let this = Self::new();
        assert_eq!(this.run(&["vault", "init"]).code, 0);
        this
    }

    /// The same, with a variable set from now on.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in it, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The usual database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path("data/keyway/keyway.db")
    }

    /// The usual key file.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("config/keyway/master.key")
    }

    /// The binary, at home.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.envs(self.variables());
        command
    }

    /// What the environment says of it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let folders = [("HOME", "."), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")];
        let folders = folders.map(|(name, folder)| (name.to_owned(), self.text(folder)));
        folders.into_iter().chain(self.variables.clone()).collect()
    }

    /// Runs the binary.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, "")
    }

    /// Runs the binary with a text on stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Run {
        let run = run(&mut self.command(args), stdin);
        assert!(!format!("{run:?}").contains("CANARY"), "{args:?}: {run:?}");
        run
    }

    /// Runs the binary, which must end with 0; what it printed as JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let run = self.run(&[args, &["--json"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}: {run:?}");
        run.json()
    }

    /// Keeps [`KEPT_KEY`] as a connection to a server; its id.
    #[track_caller]
    pub(crate) fn save(&self, server: &super::Server) -> String {
        server.now_giving(good());
        self.save_at(&server.origin())
    }

    /// The same, to a server that gives [`good`] of itself.
    #[track_caller]
    pub(crate) fn save_at(&self, origin: &str) -> String {
        let args = ["connect", "rally", "--save", "--json", "--values", "-", "--origin", origin];
        let run = self.run_with(&args, &kept_values());
        assert_eq!(run.code, 0, "{run:?}");
        run.json()["saved"]["connection"]["id"].as_str().unwrap().to_owned()
    }

    /// All that is in it: no file holds the key.
    #[track_caller]
    pub(crate) fn holds_no_key(&self) {
        let mut seen = 0;
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = fs::read(&path).unwrap();
                assert!(memchr::memmem::find(&bytes, b"CANARY").is_none(), "{}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 1, "a database and a key are there, and were looked into");
    }

    /// Changes the database behind the vault's back: all that is `from` is `to`, of the same length.
    pub(crate) fn change(&self, from: &[u8], to: &[u8]) {
        let path = self.database();
        let mut bytes = fs::read(&path).unwrap();
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, from).collect();
        for at in places {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        fs::write(path, bytes).unwrap();
    }

    /// What a person sees, without what differs from run to run.
    pub(crate) fn steady(&self, text: &str) -> String {
        steady(&text.replace(&folder(self.folder.path()), "HOME"))
    }
}

fn folder(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// [`KEPT_KEY`] as values of Rally's form.
pub(crate) fn kept_values() -> String {
    format!(r#"{{"api_key":"{KEPT_KEY}"}}"#)
}

/// Rally's answer to somebody whom it knows.
pub(crate) fn good() -> Vec<u8> {
    super::answer("200 OK", &["content-type: application/json"], GOOD)
}

/// The same, of somebody else.
pub(crate) fn of_somebody_else() -> Vec<u8> {
    super::answer("200 OK", &["content-type: application/json"], &GOOD.replace("u-7", "u-8"))
}

/// Rally's answer to a key that it does not know.
pub(crate) fn refused() -> Vec<u8> {
    super::answer("401 No", &["content-type: text/html"], "<html>401</html>")
}

/// A text without random names and times: each kind of them is numbered, as it comes.
fn steady(text: &str) -> String {
    let kinds = [
        (r"con_[a-z2-7]{20}", "con_"),
        (r"gra_[a-z2-7]{20}", "gra_"),
        (r"ses_[a-z2-7]{20}", "ses_"),
        (r"kwg_[A-Za-z0-9]+", "TOKEN_"),
        (r"kwl_[A-Za-z0-9]+", "CODE_"),
        (r"kwa_[A-Za-z0-9]{9,}", "API_TOKEN_"),
        (r"kwa_[A-Za-z0-9]{8}", "kwa_"),
        (r"\b[0-9a-f]{64}\b", "MAC_"),
        (r"\b[0-9a-f]{32}\b", "VAULT_"),
        (r"\b[0-9a-f]{16}\b", "ID_"),
    ];
    let mut text = super::without_ports(text);
    for (pattern, name) in kinds {
        let mut seen: Vec<String> = Vec::new();
        let numbered = |found: &Captures<'_>| {
            let found = found[0].to_owned();
            let at = seen.iter().position(|known| *known == found).unwrap_or_else(|| {
                seen.push(found);
                seen.len() - 1
            });
            format!("{name}{}", at + 1)
        };
        text = Regex::new(&pattern.replace(r"\b", r"(?-u:\b)"))
            .unwrap()
            .replace_all(&text, numbered)
            .into_owned();
    }
    let time = Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z").unwrap();
    let millis = Regex::new(r#""at_ms":[0-9]+"#).unwrap();
    let user = Regex::new(r"cli:[A-Za-z0-9._-]+").unwrap();
    let text = millis.replace_all(&text, r#""at_ms":MILLIS"#).into_owned();
    user.replace_all(&time.replace_all(&text, "TIME"), "cli:USER").into_owned()
}
