//! What is said of a command line that cannot be understood.

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{exit::Exit, output};

/// Shows help, the version, or what is wrong with the command line. clap would end with 2, which means something else
/// here.
pub(crate) fn explain(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = output::result(&error.render().ansi().to_string());
            return Exit::Done;
        }
        ErrorKind::UnknownArgument
        | ErrorKind::InvalidSubcommand
        | ErrorKind::InvalidValue
        | ErrorKind::ValueValidation
            if may_be_a_secret(error) =>
        {
            output::note(
                "error: there is an argument too many, or one that cannot stand there; it is not repeated here\n\n\
                 A key is never given on the command line, where others can see it: keyway asks for it, or \
                 reads it with\n--values FILE or --values -\n\nFor more information, try '--help'.",
            );
        }
        _ => output::note(&error.render().ansi().to_string()),
    }
    Exit::Failed
}

/// Tells whether the argument at fault is something other than a flag, a mistyped word or a number.
fn may_be_a_secret(error: &Error) -> bool {
    let kinds = match error.kind() {
        // What is named as the argument is the flag then.
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => [ContextKind::InvalidValue; 2],
        _ => [ContextKind::InvalidArg, ContextKind::InvalidSubcommand],
    };
    let named = kinds.map(|kind| error.get(kind));
    named.into_iter().flatten().any(|value| match value {
        ContextValue::String(text) => {
            let name = text.trim_start_matches('-');
            name.len() > 16
                || name.chars().any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        }
        _ => false,
    })
}
