//! The one type that holds a secret value.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// A secret value: a key, a token, a password.
///
/// # Security
/// `Debug` prints `[redacted]`; there is no `Display`, `Serialize`, `PartialEq` or `Deref`, and the memory is
/// zeroised on drop. That reduces exposure; it does not cover buffers a value passed through before it came here,
/// nor those of TLS.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value in.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself. A test holds the files that call this against a list.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        let secret = Secret::new("made-up");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(format!("{secret:#?}"), "[redacted]");
    }
}
