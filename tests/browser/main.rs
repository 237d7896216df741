//! Forms in a real browser: headless Chromium, driven by scripts for Node. Where one of them is missing, that is said; in
//! CI it fails. `just browser` installs what they need and runs them.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

#[path = "../../crates/form/tests/html/hostile.rs"]
mod hostile;
mod html;
mod rjsf;
#[path = "../forms/states.rs"]
mod states;
#[path = "../forms/submissions.rs"]
mod submissions;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// This folder.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Runs a script of this folder with an input on stdin, and shows what it says. `None` where there is no Node, no Chromium,
/// or nothing installed: then the reason is said, and nothing is tested.
fn run(script: &str, input: &str) -> Option<()> {
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
        assert!(std::env::var_os("CI").is_none(), "CI tests forms in a browser, and {missing}");
        // Not `eprintln!`: that is captured, and a skip is to be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: forms in a browser: {missing}");
        return None;
    }
    let mut node = Command::new("node")
        .arg(script)
        .current_dir(folder())
        .env("CHROMIUM", chromium.unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A script that fails before it has read everything says why itself.
    let _ = node.stdin.take().unwrap().write_all(input.as_bytes());
    let output = node.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{script} failed:\n{said}");
    Some(())
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
