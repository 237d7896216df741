//! The binary.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// All that a person sees, with the command that brought it about.
    pub(crate) fn shown(&self, title: &str) -> String {
        let text = format!(
            "{title}\n--- exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        );
        super::without_ports(&text)
    }

    /// Stdout as the one JSON value that it must be.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {:?}; {}", self.stdout, self.stderr))
    }
}

/// The binary, with nothing of this process's environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyway"));
    command.args(args).env_clear().env("NO_COLOR", "1");
    // Windows does not open sockets without it.
    if let Some(root) = std::env::var_os("SystemRoot") {
        command.env("SystemRoot", root);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary without anything on stdin.
pub(crate) fn keyway(args: &[&str]) -> Run {
    keyway_with(args, "")
}

/// Runs the binary with a text on stdin.
pub(crate) fn keyway_with(args: &[&str], stdin: &str) -> Run {
    run(&mut command(args), stdin)
}

/// Runs a command to its end, with a text on stdin.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Run {
    let mut child = command.spawn().unwrap();
    // It may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().expect("no signal ended it"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
