//! What is said of a command line that cannot be understood. Nothing of it is repeated: any word may be a key.

use std::error::Error as _;

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use owo_colors::OwoColorize as _;

use crate::{exit::Exit, output};

const NOT_REPEATED: &str = "what was typed is not repeated here";

const KEYS: &str = "\
Keys are never taken from the command line, where others can see them: type them when asked, or give
them with --values FILE, or with --values - on stdin.";

const VERB: &str = "\
METHOD is the second argument, PATH the third, and --data names the body's file:

  keyway request rootly POST /v1/incidents --data incident.json";

const METHOD: &str = "METHOD, such as POST, is the second argument; --method names a way to authenticate.";

const CONNECTION: &str = "\
With --connection, ID is left out: METHOD and PATH are all there is.

  keyway request --connection con_… GET /v1/incidents";

/// Words in the names of flags that other programs take a key with.
const OF_KEYS: [&str; 6] = ["key", "token", "secret", "pass", "auth", "cred"];

/// Shows help, the version, or what is wrong with the command line. clap would end with 2, which means something else
/// here.
pub(crate) fn explain(error: &Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = output::result(&error.render().ansi().to_string());
        return Exit::Done;
    }
    output::note(&text(error));
    Exit::Failed
}

/// clap's own words, where they name our arguments alone; ours, where clap would quote what was typed, or may do so one
/// day.
fn text(error: &Error) -> String {
    let named = get(error, ContextKind::InvalidArg);
    let (what, hint) = match error.kind() {
        ErrorKind::ArgumentConflict
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::Format
        | ErrorKind::InvalidUtf8
        | ErrorKind::Io
        | ErrorKind::MissingSubcommand
        | ErrorKind::NoEquals
        | ErrorKind::TooFewValues
        | ErrorKind::WrongNumberOfValues => return error.render().ansi().to_string(),
        ErrorKind::MissingRequiredArgument => {
            let text = error.render().ansi().to_string();
            let hint = match usage(error) {
                _ if !is_of_request(error) => None,
                usage if usage.contains("--method") => Some(METHOD),
                usage if usage.contains("--connection") => Some(CONNECTION),
                _ => None,
            };
            return match text.rsplit_once("\n\n").zip(hint) {
                Some(((head, help), hint)) => format!("{head}\n\n{hint}\n\n{help}"),
                None => text,
            };
        }
        // A value that is not there cannot be quoted.
        ErrorKind::InvalidValue if get(error, ContextKind::InvalidValue).is_empty() => {
            return error.render().ansi().to_string();
        }
        ErrorKind::InvalidValue => {
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) => known.join(", "),
                _ => String::new(),
            };
            (format!("the value of '{named}' is not one of {known}"), None)
        }
        ErrorKind::ValueValidation => {
            // A text of `args`, which quotes nothing; a test holds all arguments against that.
            let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
            (format!("the value of '{named}' cannot be used{why}"), None)
        }
        ErrorKind::TooManyValues => (format!("'{named}' takes no value; {NOT_REPEATED}"), Some(KEYS)),
        ErrorKind::InvalidSubcommand => (format!("there is no such command; {NOT_REPEATED}"), Some(KEYS)),
        ErrorKind::UnknownArgument if named.starts_with('-') => {
            let hint = if is_of_request(error) && !is_about_keys(named) { VERB } else { KEYS };
            (format!("there is no such flag; {NOT_REPEATED}"), Some(hint))
        }
        ErrorKind::UnknownArgument => (format!("there is an argument too many; {NOT_REPEATED}"), Some(KEYS)),
        _ => (format!("the command line cannot be understood; {NOT_REPEATED}"), Some(KEYS)),
    };
    // Somebody with a key in hand is told of no flag that only sounds alike.
    let suggestion = suggestion(error).filter(|_| !is_about_keys(named));
    // Whoever mistyped a word did not mean to give a key.
    let hint = hint.map(str::to_owned).filter(|_| suggestion.is_none());
    let parts = [
        Some(format!("{} {what}", "error:".red().bold())),
        suggestion.map(|word| format!("Did you mean '{}'?", word.green())),
        hint,
        Some(usage(error)).filter(|usage| !usage.is_empty()),
        Some("For more information, try '--help'.".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn is_about_keys(flag: &str) -> bool {
    let name = flag.to_ascii_lowercase();
    flag.starts_with('-') && OF_KEYS.iter().any(|word| name.contains(word))
}

/// One of our own words, which is close to what was typed.
fn suggestion(error: &Error) -> Option<&str> {
    use ContextKind::{SuggestedArg, SuggestedSubcommand, SuggestedValue};
    // Not `Suggested`: it shows how to pass what was typed all the same.
    [SuggestedArg, SuggestedSubcommand, SuggestedValue].into_iter().find_map(|kind| {
        match error.get(kind)? {
            ContextValue::String(word) => Some(word.as_str()),
            // The closest comes last.
            ContextValue::Strings(words) => words.last().map(String::as_str),
            _ => None,
        }
    })
}

fn get(error: &Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}

/// How the command is used: its arguments' names.
fn usage(error: &Error) -> String {
    error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default()
}

fn is_of_request(error: &Error) -> bool {
    usage(error).contains(" request ")
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, CommandFactory as _, Parser as _};

    use super::*;
    use crate::args::Args;

    /// What is said of a command line; nothing where it is a good one, or asks for help.
    fn said(args: &[&str]) -> String {
        match Args::try_parse_from(args) {
            Err(error) if error.exit_code() != 0 => text(&error),
            _ => String::new(),
        }
    }

    fn said_of_kept(args: &[&str]) -> String {
        said(&[&["keyway", "request", "--connection", "con_aaaaaaaaaaaaaaaaaaaa"], args].concat())
    }

    /// Every command, with the commands below it.
    fn commands(command: &Command, above: &[&str]) -> Vec<(Vec<String>, Vec<Arg>)> {
        let mut all = Vec::new();
        for sub in command.get_subcommands() {
            let path = [above, &[sub.get_name()]].concat();
            all.extend(commands(sub, &path));
            let arguments = sub.get_arguments().cloned().collect();
            all.push((path.into_iter().map(str::to_owned).collect(), arguments));
        }
        all
    }

    /// Every argument of every command, in every place where somebody may type a key.
    #[test]
    fn nothing_that_was_typed_is_repeated() {
        let mut command = Args::command();
        command.build();
        let mut heard = 0;
        for key in
            ["canary", "canary-7", "sk_live_canary", "_canary", "a canary", "--canary=canary", "-canary"]
        {
            for (name, arguments) in commands(&command, &[]) {
                let line = |words: &[&str]| {
                    name.iter().cloned().chain(words.iter().map(ToString::to_string)).collect()
                };
                let (flag, equals, short) =
                    (format!("--{key}"), format!("--api-key={key}"), format!("-{key}"));
                let mut lines: Vec<Vec<String>> = vec![
                    vec![key.to_owned()],
                    line(&[&flag]),
                    line(&[&equals]),
                    line(&["--api-key", key]),
                    line(&[&short]),
                ];
                lines.extend((1..6).map(|count| line(&[key].repeat(count))));
                for arg in &arguments {
                    if let Some(long) = arg.get_long() {
                        lines.push(line(&[&format!("--{long}={key}")]));
                        lines.push(line(&[&format!("--{long}"), key]));
                    }
                    if let Some(short) = arg.get_short() {
                        lines.push(line(&[&format!("-{short}{key}")]));
                        lines.push(line(&[&format!("-{short}={key}")]));
                    }
                }
                for line in lines {
                    let line: Vec<&str> =
                        ["keyway"].into_iter().chain(line.iter().map(String::as_str)).collect();
                    let said = said(&line);
                    assert!(!said.contains("canar"), "{line:?}: {said}");
                    heard += usize::from(!said.is_empty());
                }
            }
        }
        assert!(heard > 300, "most of these are errors, and {heard} were");
    }

    #[test]
    fn a_flag_for_a_key_is_told_from_one_of_another_program() {
        for args in [
            &["keyway", "connect", "rally", "--api-key", "x"] as &[&str],
            &["keyway", "connect", "rally", "-k", "x"],
            &["keyway", "connect", "rally", "x"],
            &["keyway", "connect", "rally", "--json=x"],
            &["keyway", "request", "rally", "--token=x", "GET", "/"],
            &["keyway", "request", "rally", "GET", "/", "x"],
        ] {
            let said = said(args);
            assert!(said.contains(KEYS) && !said.contains("as a value"), "{args:?}: {said}");
        }
        for flag in ["-X", "-XPOST", "--request", "-d", "--verbose-output"] {
            let said = said(&["keyway", "request", "rally", flag, "POST", "/"]);
            assert!(said.contains(VERB) && !said.contains(KEYS), "{flag}: {said}");
        }
        let said = said(&["keyway", "request", "rally", "--method", "POST", "/v1"]);
        assert!(said.contains(METHOD), "{said}");
        let said = said_of_kept(&["GET"]);
        assert!(said.contains(CONNECTION), "{said}");
        assert_eq!(said_of_kept(&["GET", "/v1"]), "");
        for more in [&["--values", "x"] as &[&str], &["--sandbox"], &["--origin", "x"], &["--method", "x"]] {
            let said = said_of_kept(&[&["GET", "/v1"], more].concat());
            assert!(said.contains("cannot be used with"), "{more:?}: {said}");
        }
    }
}
