//! The examples of a platform, run as they are against a control plane: `crates/connect/examples`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use keyway_vault::ApiScope;
use serde_json::json;

use crate::{folder, hub::Hub, run_and_answer};

/// What all the code of a platform's integration may be, in lines.
const MOST: usize = 15;
/// Made up: 24 bytes in Base64.
const SECRET: &str = "whsec_bWFkZXVwLW1hZGV1cC1tYWRldXAtMDAw";

fn example(path: &str) -> PathBuf {
    folder().join("../../crates/connect/examples").join(path)
}

fn done(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn readme() -> String {
    std::fs::read_to_string(folder().join("../../README.md")).unwrap()
}

/// Those of the token that the README makes for a platform.
fn scopes() -> Vec<ApiScope> {
    let readme = readme();
    let (_, rest) = readme.split_once("$ keyway token create --tenant acme --scope ").unwrap();
    let scopes = rest.lines().next().unwrap().split(',').map(|word| ApiScope::parse(word).unwrap());
    scopes.collect()
}

/// Lines of code under a heading of an example, up to the next.
fn lines(files: &[&str], heading: &str) -> usize {
    let count = |text: String| {
        let mut is_under = false;
        text.lines()
            .map(str::trim)
            .filter(|line| {
                let is_comment = ["//", "#", "<!--"].iter().any(|mark| line.starts_with(mark));
                if is_comment && line.contains("-- ") {
                    is_under = line.contains(&format!("-- {heading} --"));
                }
                is_under && !line.is_empty() && !is_comment
            })
            .count()
    };
    files.iter().map(|file| count(std::fs::read_to_string(example(file)).unwrap())).sum()
}

/// Goes through a platform in a browser, and sends it webhooks; ends it then.
fn try_out(mut platform: Command, how: &str) {
    let hub = Hub::new();
    let token = hub.token(&scopes());
    let platform = platform
        .env("KEYWAY_URL", &hub.origin)
        .env("KEYWAY_TOKEN", token.secret.expose())
        .env("KEYWAY_GATEWAY", &hub.gateway)
        .env("KEYWAY_WEBHOOK_SECRET", SECRET)
        .env("PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut platform = Ended(platform.spawn().unwrap());
    let mut said = BufReader::new(platform.0.stdout.take().unwrap());
    let mut stderr = platform.0.stderr.take().unwrap();
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("open ").unwrap_or_else(|| panic!("it says {line:?}"));
    let input = json!({ "platform": url, "how": how, "secret": SECRET, "token": token.token.id.as_str() });
    let tried = run_and_answer("examples.mjs", &input, |question| hub.answer(&question));
    drop(platform);
    let (mut rest, mut complaints) = (String::new(), String::new());
    said.read_to_string(&mut rest).unwrap();
    stderr.read_to_string(&mut complaints).unwrap();
    if tried.is_some() {
        assert_eq!(rest, "connection.created\n", "{complaints}");
        // What the API says is wrong reaches whoever has to mend it.
        assert!(complaints.contains("Keyway answers 401"), "{complaints}");
        assert!(complaints.contains("this token is not good, or not any more"), "{complaints}");
    }
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_platform_s_integration_is_fifteen_lines() {
    for files in [&["platform.rs"][..], &["node/platform.mjs", "node/page.html"], &["python/platform.py"]] {
        for heading in ["Linking an account", "Using an account", "Webhooks"] {
            let count = lines(files, heading);
            assert!((5..=MOST).contains(&count), "{heading} in {files:?}: {count} lines");
        }
    }
}

#[test]
fn the_readme_shows_the_integrations_as_they_run() {
    let readme = readme();
    for (file, language) in
        [("platform.rs", "rust,ignore"), ("node/platform.mjs", "js"), ("python/platform.py", "python")]
    {
        let text = std::fs::read_to_string(example(file)).unwrap();
        let lines = text.lines().skip_while(|line| !line.ends_with("-- Linking an account --"));
        let shown: Vec<_> = lines.take_while(|line| !line.ends_with("-- Webhooks --")).collect();
        let shown = shown.join("\n");
        let shown = format!("\n```{language}\n{}\n```\n", shown.trim_end());
        assert!(shown.len() > 500 && readme.contains(&shown), "README.md has another {file}:\n{shown}");
    }
}

#[test]
fn the_platform_in_rust_links_an_account() {
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().nth(2).unwrap();
    // Without `--package`: nothing is built anew then that `cargo test` has built.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "platform"]);
    if target.ends_with("release") {
        cargo.arg("--release");
    }
    done(cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")));
    try_out(Command::new(target.join("examples/platform")), "page");
}

/// The npm package as it is published: packed, and installed from the tarball.
#[test]
fn the_platform_in_node_links_an_account() {
    if crate::version("npm").is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI packs the npm package, and there is no `npm`");
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    let npm = |arguments: &[&str]| {
        done(
            Command::new("npm")
                .args(arguments)
                .args(["--offline", "--no-audit", "--no-fund"])
                .current_dir(copy.path()),
        )
    };
    let package = folder().join("../../crates/connect/js");
    let packed = npm(&["pack", "--json", package.to_str().unwrap()]);
    let packed: serde_json::Value = serde_json::from_slice(&packed.stdout).unwrap();
    // One entry: in a list, or by name with a newer npm.
    let packed = packed.get(0).or_else(|| packed.as_object()?.values().next()).unwrap();
    let files: Vec<_> =
        packed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["README.md", "keyway.d.ts", "keyway.js", "package.json"]);
    for file in ["package.json", "page.html", "platform.mjs"] {
        std::fs::copy(example("node").join(file), copy.path().join(file)).unwrap();
    }
    npm(&["install", "--no-save", &format!("./{}", packed["filename"].as_str().unwrap())]);
    let installed = copy.path().join("node_modules/@keyway/connect");
    assert!(!installed.is_symlink() && same(&installed.join("keyway.js"), &package.join("keyway.js")));
    let mut node = Command::new("node");
    node.arg("platform.mjs").current_dir(copy.path());
    try_out(node, "popup");
}

fn same(one: &Path, other: &Path) -> bool {
    std::fs::read(one).unwrap() == std::fs::read(other).unwrap()
}

#[test]
fn the_platform_in_python_links_an_account() {
    if crate::version("python3").is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI runs the example in Python, and there is no `python3`");
        return;
    }
    let mut python = Command::new("python3");
    python.arg("-I").arg(example("python/platform.py"));
    try_out(python, "page");
}
