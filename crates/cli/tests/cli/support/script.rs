//! A terminal that `script`, of util-linux, lends.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

/// Makes `script` run a command of the shell on a terminal.
pub(crate) fn script(command: &str) -> Command {
    let mut script = Command::new("script");
    script.args(["-qec", command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    script
}

/// Starts it, and hands out what it shows, piece by piece.
pub(crate) fn start(script: &mut Command) -> (Child, Receiver<Vec<u8>>) {
    let mut script = script.spawn().unwrap();
    let mut stdout = script.stdout.take().unwrap();
    let (send, output) = channel();
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stdout.read(&mut chunk) {
            if send.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    (script, output)
}
