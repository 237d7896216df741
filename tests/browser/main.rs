//! Forms and the connect pages in a real browser: headless Chromium, driven by scripts for Node. Where one of them is missing,
//! that is said; in CI it fails. `just browser` installs what they need and runs them.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod connect;
mod examples;
#[path = "../../crates/form/tests/html/hostile.rs"]
mod hostile;
mod html;
mod hub;
mod opener;
mod rjsf;
#[path = "../forms/states.rs"]
mod states;
#[path = "../forms/submissions.rs"]
mod submissions;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// This folder.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Runs a script of this folder with an input on stdin, and shows what it says. `None` where there is no Node, no Chromium,
/// or nothing installed: then the reason is said, and nothing is tested.
fn run(script: &str, input: &str) -> Option<()> {
    let mut node = node(script)?;
    // A script that fails before it has read everything says why itself.
    let _ = node.stdin.take().unwrap().write_all(input.as_bytes());
    let output = node.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{script} failed:\n{said}");
    Some(())
}

/// Runs a script as [`run`] does, and answers what it asks meanwhile: a line each way, in JSON, the input first.
fn run_and_answer(script: &str, input: &Value, mut answer: impl FnMut(Value) -> Value) -> Option<()> {
    let mut node = node(script)?;
    let mut stdin = node.stdin.take().unwrap();
    let _ = writeln!(stdin, "{input}");
    for line in BufReader::new(node.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.strip_prefix("? ") {
            Some(question) => {
                let _ = writeln!(stdin, "{}", answer(serde_json::from_str(question).unwrap()));
            }
            None => println!("{line}"),
        }
    }
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{script} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// A script that runs, its streams piped.
fn node(script: &str) -> Option<Child> {
    let chromium =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| version(name).is_some());
    let missing = if version("node").and_then(|version| major(&version)).is_none_or(|major| major < NODE) {
        Some("there is no `node` of version 20 or newer")
    } else if chromium.is_none() {
        Some("there is no `chromium`")
    } else if !folder().join("node_modules/playwright-core").is_dir() {
        Some("`npm ci --prefix tests/browser` has not been run")
    } else {
        None
    };
    if let Some(missing) = missing {
        assert!(std::env::var_os("CI").is_none(), "CI tests pages in a browser, and {missing}");
        // Not `eprintln!`: that is captured, and a skip is to be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: pages in a browser: {missing}");
        return None;
    }
    let node = Command::new("node")
        .arg(script)
        .current_dir(folder())
        .env("CHROMIUM", chromium.unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Some(node.unwrap())
}

/// The oldest Node that the driver of the browser runs on.
const NODE: u32 = 20;

/// What a program says of its version; `None` where there is no such program.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first number of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}
