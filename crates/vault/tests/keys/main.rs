//! Where master keys come from: files, variables, key services.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[cfg(unix)]
mod file;
mod kms;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod retired;
mod transit;
mod variable;

use keyway_vault::{KeyError, KeyId, MasterKey};

/// Made-up keys, which nothing but a test would use. A part of one is easily found in a text.
const ONE: &str = "c0ffee01c0ffee02c0ffee03c0ffee04c0ffee05c0ffee06c0ffee07c0ffee08";
const TWO: &str = "decade01decade02decade03decade04decade05decade06decade07decade08";

fn key(digits: &str) -> MasterKey {
    let bytes: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    MasterKey::from_bytes(&bytes).unwrap()
}

fn id(digits: &str) -> KeyId {
    key(digits).id()
}

fn ids(keys: &[MasterKey]) -> Vec<KeyId> {
    keys.iter().map(MasterKey::id).collect()
}

/// An error's text, held against the promise that it tells nothing of a key.
#[track_caller]
fn told(error: &KeyError) -> String {
    assert_silent(&format!("{error} {error:?} {error:#?}"));
    error.to_string()
}

/// Holds a text against the promise that nothing of a key or a token is in it, in hex, base64 or as a list of bytes.
#[track_caller]
fn assert_silent(text: &str) {
    let lower = text.to_lowercase();
    for part in ["c0ffee", "decade", "wp/ua", "3sre", "192, 255, 238", "222, 202, 222", "canary"] {
        assert!(!lower.contains(part), "{part} in {text}");
    }
}
