//! Texts: wrapped, and styled where a descriptor's markup says so.

use keyway_core::{Block, Inline, Markup};
use owo_colors::OwoColorize as _;

/// The longest line, in characters.
const WIDTH: usize = 80;

/// A plain text, wrapped: the first line begins with `first`, all others with as many spaces.
pub fn paragraph(text: &str, first: &str) -> String {
    let words = words(&[Inline::Text(text.to_owned())]);
    let rest = " ".repeat(first.chars().count());
    let lines = wrap(&words, WIDTH.saturating_sub(rest.len()));
    put_together(lines.iter().map(|line| shown(line)), first, &rest)
}

/// A markup, wrapped: the first line begins with `first`, all others with as many spaces.
pub fn item(markup: &Markup, first: &str) -> String {
    let rest = " ".repeat(first.chars().count());
    let width = WIDTH.saturating_sub(rest.len());
    let lines = markup.blocks().iter().flat_map(|block| match block {
        Block::Paragraph(inlines) => wrap(&words(inlines), width).iter().map(|line| shown(line)).collect(),
        Block::Table { head, rows } => table(head, rows, width),
        _ => Vec::new(),
    });
    put_together(lines, first, &rest)
}

/// A message of core's as a sentence: it begins with a capital letter and ends with a full stop.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

fn put_together(lines: impl Iterator<Item = String>, first: &str, rest: &str) -> String {
    lines.enumerate().fold(String::new(), |mut out, (index, line)| {
        out += if index == 0 { first } else { rest };
        out += &line;
        out.push('\n');
        out
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Bold,
    Code,
    Link,
}

/// What stands between two spaces: `**Save**,` has two styles.
type Word = Vec<(char, Style)>;

fn words(inlines: &[Inline]) -> Vec<Word> {
    let mut words = vec![Word::new()];
    let mut put = |text: &str, style: Style| {
        for c in text.chars() {
            if c == ' ' {
                words.push(Word::new());
            } else if let Some(word) = words.last_mut() {
                word.push((c, style));
            }
        }
    };
    for inline in inlines {
        match inline {
            Inline::Text(text) => put(text, Style::Plain),
            Inline::Bold(text) => put(text, Style::Bold),
            // The backticks stay, for terminals without colours and for those who copy the text.
            Inline::Code(code) => put(&format!("`{code}`"), Style::Code),
            Inline::Link { text, url } if text == url => put(url, Style::Link),
            Inline::Link { text, url } => {
                put(&format!("{text} ("), Style::Plain);
                put(url.strip_suffix('/').unwrap_or(url), Style::Link);
                put(")", Style::Plain);
            }
            _ => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Lines of at most `width` characters; a word that is longer has a line of its own.
fn wrap(words: &[Word], width: usize) -> Vec<&[Word]> {
    let mut lines = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (index, word) in words.iter().enumerate() {
        if index > start && length + 1 + word.len() > width {
            lines.push(&words[start..index]);
            (start, length) = (index, 0);
        }
        length += word.len() + usize::from(index > start);
    }
    lines.push(&words[start..]);
    lines
}

fn length(line: &[Word]) -> usize {
    line.iter().map(|word| word.len() + 1).sum::<usize>().saturating_sub(1)
}

fn shown(line: &[Word]) -> String {
    let mut out = String::new();
    for (index, word) in line.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        for run in word.chunk_by(|(_, one), (_, other)| one == other) {
            let text: String = run.iter().map(|(c, _)| c).collect();
            out += &match run[0].1 {
                Style::Plain => text,
                Style::Bold => text.bold().to_string(),
                Style::Code => text.cyan().to_string(),
                Style::Link => text.underline().to_string(),
            };
        }
    }
    out
}

/// A table of at most `width` characters: the widest columns are wrapped.
fn table(head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>], width: usize) -> Vec<String> {
    let read = |row: &[Vec<Inline>]| row.iter().map(|cell| words(cell)).collect::<Vec<_>>();
    let rows: Vec<Vec<Vec<Word>>> = rows.iter().map(|row| read(row)).collect();
    let bold = |inlines: &Vec<Inline>| {
        let mut words = words(inlines);
        words.iter_mut().flatten().for_each(|(_, style)| *style = Style::Bold);
        words
    };
    let head: Vec<Vec<Word>> = head.iter().map(bold).collect();
    let mut widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
            cells.map(|cell| length(cell)).max().unwrap_or(0)
        })
        .collect();
    while widths.iter().map(|width| width + 2).sum::<usize>() > width + 2 {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 8) else { break };
        *widest -= 1;
    }
    [&head].into_iter().chain(&rows).flat_map(|row| row_lines(row, &widths)).collect()
}

fn row_lines(row: &[Vec<Word>], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<&[Word]>> = row.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|index| {
            let mut out = String::new();
            for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let line = cell.get(index).copied().unwrap_or_default();
                out += &shown(line);
                if column + 1 < cells.len() {
                    out += &" ".repeat(width.saturating_sub(length(line)) + 2);
                }
            }
            out.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_wrapped_at_spaces_and_long_words_stay_whole() {
        let text = format!("one two {} three", "x".repeat(90));
        assert_eq!(paragraph(&text, "  "), format!("  one two\n  {}\n  three\n", "x".repeat(90)));
        assert_eq!(paragraph("", ""), "\n");
    }

    #[test]
    fn a_message_becomes_a_sentence() {
        assert_eq!(sentence("the key is bad"), "The key is bad.");
        assert_eq!(sentence("did you mean `x`?"), "Did you mean `x`?");
        assert_eq!(sentence("ärger"), "Ärger.");
    }
}
