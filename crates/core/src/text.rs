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

/// A text of somebody else's, made fit to be shown to a person: no controls (a terminal would obey them), nothing
/// invisible, one line, at most `most` characters.
pub(crate) fn for_person(text: &str, most: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
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
}
