//! Running the binary, and servers for it to talk to.

mod folder;
mod home;
mod keyway;
#[cfg(target_os = "linux")]
pub(crate) mod script;
mod server;
mod serving;

pub(crate) use folder::Folder;
pub(crate) use home::{Home, KEPT_KEY, good, kept_values, of_somebody_else, refused};
pub(crate) use keyway::{Run, command, keyway, keyway_with};
pub(crate) use server::{Server, answer};
pub(crate) use serving::{Serving, ask, get, status};

/// The ids of the providers that are linked: a new one changes no test.
pub(crate) fn linked() -> Vec<String> {
    let registry = ::keyway::Registry::linked().unwrap();
    registry.entries().iter().map(|entry| entry.descriptor().id().to_string()).collect()
}

/// A made-up key of Rally's fixtures, by its verdict there.
pub(crate) fn rally(word: &str) -> String {
    let key = match word {
        "valid" => "_madeUpGood00000000000000000000000000000000",
        "invalid" => "_madeUpRevoked00000000000000000000000000000",
        "forbidden" => "_madeUpForbidden000000000000000000000000000",
        "rate_limited" => "_madeUpLimited00000000000000000000000000000",
        "unavailable" => "_madeUpServerError0000000000000000000000000",
        "unknown" => "_madeUpLoginPage000000000000000000000000000",
        _ => panic!("there is no key for {word}"),
    };
    format!(r#"{{"api_key":"{key}"}}"#)
}

/// A key of Rootly's form that no fixture knows.
pub(crate) const ROOTLY_KEY: &str = "rootly_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// [`ROOTLY_KEY`] as values.
pub(crate) fn rootly() -> String {
    format!(r#"{{"api_key":"{ROOTLY_KEY}"}}"#)
}

/// A descriptor of a provider that is not linked.
pub(crate) const ACME: &str = include_str!("../acme.yaml");

/// Values for [`ACME`].
pub(crate) const ACME_VALUES: &str = r#"{"key_id":"AK1","key_secret":"of-acme-0123456789"}"#;

/// What a person sees, without what differs from run to run.
pub(crate) fn without_ports(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("127.0.0.1:") {
        let (head, tail) = rest.split_at(at + "127.0.0.1:".len());
        out += head;
        rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() < tail.len() {
            out += "PORT";
        }
    }
    out + rest
}

/// The descriptor and the fixtures of the READMEs' acme.
pub(crate) fn acme_of_the_readmes() -> (String, String) {
    fn example(readme: &str, heading: &str) -> String {
        let (_, rest) = readme.split_once(heading).unwrap();
        let (_, rest) = rest.split_once("```yaml\n").unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    }
    (
        example(include_str!("../../../../../README.md"), "\n## A provider\n"),
        example(include_str!("../../../../testkit/README.md"), "\n## `fixtures.yaml`\n"),
    )
}
