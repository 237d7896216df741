//! Values from a file or from stdin.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use keyway::{Kind, Method, Submission};

use crate::{exit::Failure, system};

/// More is read than a submission may have, so that core can say that it is too large.
const MAX_VALUES: u64 = 2 * 1024 * 1024;
/// The largest body of a request, in bytes.
const MAX_DATA: u64 = 64 * 1024 * 1024;

/// Reads `--values`.
///
/// # Errors
/// When there is no such file, or it is not a JSON object. What is wrong with the fields is found out later.
pub(crate) fn submission(source: &Path) -> Result<Submission, Failure> {
    let given = source.to_string_lossy();
    if given.trim_start().starts_with(['{', '[', '"']) {
        // Not repeated: there is a key in it.
        return Err(Failure::because(
            "--values takes a file's name, or `-` for stdin, and not the values themselves: on a command line others \
             can see them",
        ));
    }
    let json = read(source, MAX_VALUES, "--values")?;
    Submission::from_json(&json).map_err(|error| Failure::Because(format!("--values: {error}")))
}

/// Reads `--data`.
pub(crate) fn data(source: &Path) -> Result<Vec<u8>, Failure> {
    let data = read(source, MAX_DATA + 1, "--data")?;
    if data.len() as u64 > MAX_DATA {
        return Err(Failure::because("--data: at most 64 MiB can be sent"));
    }
    Ok(data)
}

/// Tells whether an argument means stdin.
pub(crate) fn is_stdin(source: Option<&Path>) -> bool {
    source == Some(Path::new("-"))
}

/// The file's name is not repeated: a key may have been pasted in its place.
fn read(source: &Path, most: u64, flag: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if is_stdin(Some(source)) {
        let read = io::stdin().lock().take(most).read_to_end(&mut bytes);
        read.map_err(|_| Failure::Because(format!("{flag}: stdin cannot be read")))?;
    } else {
        let read = File::open(source).and_then(|file| file.take(most).read_to_end(&mut bytes));
        read.map_err(|error| {
            let why = system::of_reading(&error);
            Failure::Because(format!("{flag} takes a file's name, or `-` for stdin: {why}"))
        })?;
    }
    Ok(bytes)
}

/// What the values of a method look like, without any secret.
pub(crate) fn example(method: &Method) -> String {
    let fields = method.fields().iter().filter(|field| !field.is_optional());
    let pairs: Vec<String> = fields
        .map(|field| {
            let first = match field.kind() {
                Kind::Choice(choices) => choices.first().map(keyway::Choice::value),
                _ => None,
            };
            let value = field.default_value().or(first).or(field.placeholder()).unwrap_or("…");
            format!("\"{}\": {}", field.id(), serde_json::Value::from(value))
        })
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
