//! `keyway completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    args::Args,
    exit::{Exit, Failure},
    output,
};

/// Prints the script that completes the command in a shell.
pub(crate) fn print(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "keyway", &mut script);
    output::bytes(&script)?;
    Ok(Exit::Done)
}
