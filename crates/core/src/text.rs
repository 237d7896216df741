//! Characters that mislead, and texts made fit to be shown.

/// Tells whether a character shows nothing or reorders what is shown: zero-width, bidirectional controls, line
/// and paragraph separators, tags, variation selectors, fillers, and the soft hyphen.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Tells whether a text hides something: an [invisible](is_invisible) character that is no part of how a word or an emoji is
/// written, as joiners are in Persian, in Hindi and in families of emoji, and a selector behind an emoji.
pub fn hides(text: &str) -> bool {
    seen(text).any(|(_, is_seen)| !is_seen)
}

/// The characters of a text, and whether each is seen, or part of what is.
fn seen(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut rest = text.chars().peekable();
    let mut before = None;
    std::iter::from_fn(move || {
        let c = rest.next()?;
        let is_part = match c {
            '\u{fe0f}' => before.is_some_and(is_joined),
            '\u{200c}' | '\u{200d}' => {
                before.is_some_and(|c| c == '\u{fe0f}' || is_joined(c))
                    && rest.peek().is_some_and(|c| is_joined(*c))
            }
            _ => false,
        };
        before = Some(c);
        Some((c, is_part || !is_invisible(c)))
    })
}

/// Whether a character may be joined to its neighbour: of a script that does so, or an emoji. Latin, Greek and Cyrillic, in which
/// a joiner would show nothing, come before, and once more after.
fn is_joined(c: char) -> bool {
    c >= '\u{590}'
        && !('\u{1e00}'..='\u{1fff}').contains(&c)
        && !is_invisible(c)
        && !c.is_whitespace()
        && !c.is_control()
}

/// A text of somebody else's, made fit to be shown to a person: no controls (a terminal would obey them), nothing
/// invisible, one line, at most `most` characters.
pub(crate) fn for_person(text: &str, most: usize) -> String {
    let clean: String = seen(text)
        .filter(|(_, is_seen)| *is_seen)
        .map(|(c, _)| if c.is_control() || c.is_whitespace() { ' ' } else { c })
        .collect();
    let clean = clean.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if clean.chars().nth(most).is_some() { clean.chars().take(most).chain(['…']).collect() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_a_reader_not_see_is_gone() {
        assert_eq!(for_person("\u{1b}[31mA\r\n B\u{202e}\u{200b}\t C ", 20), "[31mA B C");
        assert_eq!(for_person("abcdef", 3), "abc…");
    }

    #[test]
    fn what_joins_is_part_of_a_word_and_elsewhere_hides() {
        for text in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "❤\u{fe0f}",
            "Ada",
        ] {
            assert!(!hides(text) && for_person(text, 20) == text, "{text:?}");
        }
        for (text, shown) in [
            ("ad\u{200d}min", "admin"),
            ("аd\u{200c}min", "аdmin"),
            ("ạ\u{200d}ạ", "ạạ"),
            ("a\u{fe0f}", "a"),
            ("👩\u{200d}", "👩"),
            ("\u{200d}👩", "👩"),
            ("👩\u{200d}\u{200d}👩", "👩👩"),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}"),
            ("می\u{200b}خواهم", "میخواهم"),
            ("👩\u{202e}", "👩"),
        ] {
            assert!(hides(text), "{text:?}");
            assert_eq!(for_person(text, 20), shown, "{text:?}");
        }
    }
}
