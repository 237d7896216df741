//! A terminal, lent by `script`. Where there is no such `script`, that is said; in CI it fails.

use std::{io::Write as _, process::ExitStatus, time::Duration};

use crate::{process::has, script};

/// Tells whether there is one.
pub(crate) fn is_there() -> bool {
    has("script", &["-qec", "true", "/dev/null"])
}

/// Runs a command of the shell: each text is waited for, and answered. Gives the exit status, and all that was shown.
pub(crate) fn run(
    command: &str,
    environment: &[(String, String)],
    steps: &[(String, String)],
) -> Option<(ExitStatus, Vec<u8>)> {
    if !is_there() {
        return None;
    }
    let (mut script, output) =
        script::start(script::script(command).env_clear().envs(environment.iter().cloned()));
    let (mut shown, mut from) = (Vec::new(), 0);
    for (text, answer) in steps {
        // A prompt is drawn anew for every key that is pressed: what is waited for comes behind what was.
        from += loop {
            if let Some(at) = memchr::memmem::find(&shown[from..], text.as_bytes()) {
                break at + text.len();
            }
            match output.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => shown.extend(bytes),
                Err(error) => panic!("{error}, no {text:?}"),
            }
        };
        script.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    }
    let status = script.wait().unwrap();
    while let Ok(bytes) = output.recv_timeout(Duration::from_secs(20)) {
        shown.extend(bytes);
    }
    Some((status, shown))
}
