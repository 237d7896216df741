//! What the operating system refuses, in words for a person: those of `io::ErrorKind` are for programmers.

use std::io::{Error, ErrorKind};

use keyway_sandbox::SandboxError;

/// Why a file cannot be read.
pub(crate) fn of_reading(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "there is no such file",
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => "no file can have this name",
        ErrorKind::PermissionDenied => "it cannot be read: permission denied",
        ErrorKind::IsADirectory => "it is a folder",
        _ => "it cannot be read",
    }
}

/// Why a folder cannot be looked into.
pub(crate) fn of_listing(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "there is no such folder",
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => "no folder can have this name",
        ErrorKind::PermissionDenied => "it cannot be read: permission denied",
        ErrorKind::NotADirectory => "it is a file",
        _ => "it cannot be read",
    }
}

/// Why a folder cannot be made, or nothing be made in it.
pub(crate) fn of_making(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => "there is a file in its place",
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => "no folder can have this name",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "it cannot be written to: permission denied"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "it cannot be written to: the disk is full",
        _ => "it cannot be made",
    }
}

/// Why stdout takes nothing.
pub(crate) fn of_writing(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "stdout cannot be written to: the disk is full",
        _ => "stdout cannot be written to",
    }
}

/// Why there is no sandbox.
pub(crate) fn of_sandbox(error: &SandboxError) -> String {
    match error {
        SandboxError::Port { port, kind: ErrorKind::AddrInUse } => {
            format!("port {port} is in use; name another one, or none for any that is free")
        }
        SandboxError::Port { port, kind: ErrorKind::PermissionDenied } => {
            format!("port {port} may not be listened on; name one from 1024, or none for any that is free")
        }
        SandboxError::Port { port, .. } => format!("port {port} of 127.0.0.1 cannot be listened on"),
        other => other.to_string(),
    }
}

/// Tells whether a variable of the environment says anything.
pub(crate) fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_error_is_told_in_the_words_of_programmers() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::IsADirectory,
            ErrorKind::InvalidFilename,
            ErrorKind::StorageFull,
            ErrorKind::AddrInUse,
            ErrorKind::AddrNotAvailable,
            ErrorKind::InvalidData,
            ErrorKind::Other,
        ] {
            let error = Error::from(kind);
            let port = of_sandbox(&SandboxError::Port { port: 80, kind });
            for said in [of_reading(&error), of_listing(&error), of_making(&error), of_writing(&error), &port]
            {
                for jargon in ["entity", "uncategorized", "error", "directory", "storage", "address"] {
                    assert!(!said.contains(jargon), "{kind:?}: {said}");
                }
            }
        }
    }
}
