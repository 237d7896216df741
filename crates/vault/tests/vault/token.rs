//! Tokens of grants: a typo is told from what is no token at all, and nothing of one shows.

use std::collections::HashSet;

use keyway_core::Registry;
use keyway_vault::{NotAToken, Token, TokenHash, shape_prefix};

/// Made up, with its checksum as zlib and Python have it.
const MADE_UP: &str = "kwg_MadeUpForTests0123456789abcdef0No3ND";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Where the random characters stand.
const RANDOM: std::ops::Range<usize> = 4..34;

#[test]
fn a_token_is_recognised_behind_every_prefix() {
    for prefix in ["", "_", "rootly_", "sk-live:", "kwg_", &"x".repeat(32)] {
        let token = Token::new(prefix).unwrap();
        let text = token.secret().expose();
        assert!(text.starts_with(prefix) && text.len() == prefix.len() + 40, "{prefix}");
        let parsed = TokenHash::parse(text).unwrap();
        assert!(parsed.is(token.hash().as_bytes()), "{prefix}");
        let bare = TokenHash::parse(&text[prefix.len()..]).unwrap();
        assert!(bare.is(token.hash().as_bytes()), "{prefix}: the prefix is no part of what is kept");
        let shown = format!("{token:?} {parsed:?}");
        assert_eq!(shown, "Token { secret: [redacted], hash: TokenHash { .. } } TokenHash { .. }");
    }
    for prefix in ["a b", "ü", "a/b", "a\n", "\"", &"x".repeat(33)] {
        assert!(Token::new(prefix).is_none(), "{prefix}");
        assert_eq!(TokenHash::parse(&format!("{prefix}{MADE_UP}")).unwrap_err(), NotAToken::Other);
    }
}

#[test]
fn tokens_are_random_in_every_place() {
    let tokens: Vec<String> =
        (0..400).map(|_| Token::new("").unwrap().secret().expose().to_owned()).collect();
    let different: HashSet<&String> = tokens.iter().collect();
    assert_eq!(different.len(), tokens.len());
    for place in RANDOM {
        let seen: HashSet<u8> = tokens.iter().map(|token| token.as_bytes()[place]).collect();
        assert!(seen.len() > 50, "place {place}: {} of 62", seen.len());
    }
}

#[test]
fn every_change_of_one_character_is_noticed() {
    let token = MADE_UP;
    let mut tried = 0;
    for at in 0..token.len() {
        let (before, rest) = token.split_at(at);
        let others = DIGITS.iter().copied().chain(*b"_-. ").map(char::from);
        for other in others.filter(|other| !rest.starts_with(*other)) {
            let expected = if at < RANDOM.start { NotAToken::Other } else { NotAToken::Changed };
            let found = TokenHash::parse(&format!("{before}{other}{}", &rest[1..])).unwrap_err();
            assert_eq!(found, expected, "character {at}, `{other}`");
            // Inserted before all of it, it is a prefix.
            let longer = format!("{before}{other}{rest}");
            let prefixed = longer.ends_with(token) && other != ' ';
            assert_eq!(TokenHash::parse(&longer).is_ok(), prefixed, "before character {at}, `{other}`");
            tried += 2;
        }
        assert!(TokenHash::parse(&format!("{before}{}", &rest[1..])).is_err(), "without character {at}");
    }
    for pair in RANDOM.start..token.len() - 1 {
        let mut swapped = token.as_bytes().to_vec();
        swapped.swap(pair, pair + 1);
        let same = swapped == token.as_bytes();
        assert_eq!(TokenHash::parse(str::from_utf8(&swapped).unwrap()).is_ok(), same, "swapped at {pair}");
    }
    assert!(tried > 5000, "{tried}");
}

#[test]
fn what_is_no_token_is_told_from_a_typo() {
    let long = format!("{MADE_UP}a");
    for (text, expected) in [
        ("", NotAToken::Other),
        ("Bearer", NotAToken::Other),
        ("rootly_0000000000000000000000000000cafe", NotAToken::Other),
        ("kwt_0000", NotAToken::Other),
        ("KWG_0000", NotAToken::Other),
        ("kwg_", NotAToken::Changed),
        ("kwg_short", NotAToken::Changed),
        ("rootly_kwg_short", NotAToken::Changed),
        ("kwg_ü", NotAToken::Changed),
        (&long, NotAToken::Changed),
        (&format!(" {MADE_UP}"), NotAToken::Other),
        (&format!("{MADE_UP}\n"), NotAToken::Changed),
    ] {
        let error = TokenHash::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("0000") && !error.to_string().contains("short"));
    }
}

#[test]
fn a_hash_is_compared_as_a_whole() {
    let hash = TokenHash::parse(MADE_UP).unwrap();
    let kept = hash.as_bytes().to_vec();
    assert!(hash.is(&kept));
    for at in 0..kept.len() {
        let mut other = kept.clone();
        other[at] ^= 1;
        assert!(!hash.is(&other), "byte {at}");
    }
    assert!(!hash.is(&kept[..31]) && !hash.is(&[]));
}

#[test]
fn a_prefix_is_what_a_providers_keys_begin_with() {
    let rootly = include_str!("../../../../providers/rootly/provider.yaml");
    let rally = include_str!("../../../../providers/rally/provider.yaml");
    let odd = rally.replace("prefix: _", "prefix: \"ü \"");
    for (file, text, expected) in
        [("rootly", rootly, Some("rootly_")), ("rally", rally, Some("_")), ("rally", &odd, None)]
    {
        let registry = Registry::from_descriptors([(file, text)]).unwrap();
        let (_, method) = registry.method(file, None).unwrap();
        assert_eq!(shape_prefix(method), expected, "{file}");
    }
}
