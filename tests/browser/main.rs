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
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| answers(name));
    let missing = if !answers("node") {
        Some("there is no `node`")
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
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{script} failed:\n{said}");
    Some(())
}

fn answers(program: &str) -> bool {
    let version = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    version.is_ok_and(|output| output.status.success())
}
