//! The parameters that a server may read in a caller's query.

use std::borrow::Cow;

use memchr::memchr2;
use percent_encoding::percent_decode_str;

/// A quick look, whose "no" is right: in a query without escapes, a parameter's name stands as it is.
pub(super) fn may_hold(query: &str, names: &[String]) -> bool {
    !names.is_empty()
        && (memchr2(b'%', b'+', query.as_bytes()).is_some()
            || names.iter().any(|name| query.contains(name.as_str())))
}

/// The names that servers read in what stands between two `&`. Some take `;` for `&`.
pub(super) fn names(pair: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pair.split(';').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        if name.contains('+') {
            return percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned().into();
        }
        percent_decode_str(name).decode_utf8_lossy()
    })
}

/// Tells whether a server may take a caller's parameter for `known`: also as a list or a map (`known[]`), and with
/// white space or a NUL around it, which PHP for one drops.
pub(super) fn is_parameter(name: &str, known: &str) -> bool {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_look_overlooks_nothing() {
        let known = ["key".to_owned(), "a b".to_owned()];
        for (query, expected) in [
            ("key=1", true),
            ("x=1&key", true),
            ("x=1;key[]=2", true),
            ("+key+=1", true),
            ("%00key=1", true),
            ("k%65y=1", true),
            ("a+b=1", true),
            ("a%20b=1", true),
            ("Key=1", false),
            ("x=key", false),
            ("keyed=1", false),
            ("x=%6bey", false),
            ("x=1&y=2", false),
            ("", false),
        ] {
            let holds = query
                .split('&')
                .any(|pair| names(pair).any(|name| known.iter().any(|known| is_parameter(&name, known))));
            assert_eq!(holds, expected, "{query}");
            assert!(may_hold(query, &known) || !holds, "{query}");
        }
        assert!(!may_hold("x=1&y=2", &known) && !may_hold("x=%20", &[]));
    }
}
