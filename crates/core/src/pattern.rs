//! A pattern that refuses.

use regex::bytes::{Regex, RegexBuilder};

use crate::yaml::{At, Node};

/// The largest compiled pattern, in bytes.
const LIMIT: usize = 32 * 1024;

/// A pattern that the whole value must match.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value.as_bytes())
    }

    pub(crate) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let text = at.line(node)?;
        let build =
            |pattern: &str, limit| RegexBuilder::new(pattern).unicode(false).size_limit(limit).build();
        // On its own first: `a)|(b` would be whole only between the anchors, and undo them. Its size does not matter yet.
        let regex = match build(text, 0) {
            Err(error @ regex::Error::Syntax(_)) => Err(error),
            _ => build(&format!(r"\A(?:{text})\z"), LIMIT),
        };
        match regex {
            Ok(regex) => Some(Self { text: text.into(), regex }),
            Err(error) => {
                let (message, help) = match error {
                    regex::Error::CompiledTooBig(_) => {
                        ("the pattern is too large", "use smaller repetitions")
                    }
                    _ => (
                        "this is not a regular expression",
                        "see https://docs.rs/regex for what there is; no look-around",
                    ),
                };
                at.fault(message, help.to_owned());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Faults;

    fn read(text: &str) -> Option<Pattern> {
        Pattern::read(&At::root(&Faults::default()), &Node::Text(text.into()))
    }

    #[test]
    fn the_whole_value_matches_or_nothing_does() {
        let pattern = read("a|bc?").unwrap();
        for (value, expected) in [("a", true), ("bc", true), ("ab", false), ("xa", false), ("a\n", false)] {
            assert_eq!(pattern.matches(value), expected, "{value:?}");
        }
    }

    #[test]
    fn n11_what_undoes_the_anchors_or_is_too_large_is_refused() {
        for text in [
            "a)|(?:b",
            "(",
            "(?=a)",
            "(?P<x>",
            "a{99999}",
            "(((a{50}){50}){50}){50}",
            "((((a*)*)*)*){1000}",
            "((a{100}){100}){100}",
            "[a-z]{9000}",
            r"\p{Greek}",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read("[A-Za-z0-9_-]{20,200}").is_some());
    }

    #[test]
    fn n11_nested_repetition_takes_no_time() {
        let value = "a".repeat(64 * 1024 - 1) + "!";
        for text in ["^(a+)+$", "(a|aa)+", "(a*)*b", "(.*)*x"] {
            let start = std::time::Instant::now();
            assert!(!read(text).unwrap().matches(&value), "{text}");
            assert!(start.elapsed().as_secs() < 2, "{text} took {:?}", start.elapsed());
        }
    }
}
