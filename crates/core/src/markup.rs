//! The small Markdown of guides and help texts: bold, code, links, and a table.

use std::fmt;

use url::Url;

use crate::yaml::{At, Like, Node};

/// A text with a little markup, parsed when the descriptor loads. It can hold no HTML and no link but `https`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup {
    blocks: Vec<Block>,
}

/// A block of a [`Markup`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// A table, whose rows are as long as its head.
    Table {
        /// The head's cells.
        head: Vec<Vec<Inline>>,
        /// The rows' cells.
        rows: Vec<Vec<Vec<Inline>>>,
    },
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// `**bold**`
    Bold(String),
    /// `` `code` ``
    Code(String),
    /// `[text](https://…)`
    Link {
        /// The text.
        text: String,
        /// The target: always `https`.
        url: String,
    },
}

/// The form of a link's target, for the schema.
pub(crate) static LINK: Like = Like { noun: "a whole https URL", pattern: r"^https://[^\s/?#@]+([/?#].*)?$" };

impl Markup {
    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(crate) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        match Self::parse(at.text(node)?) {
            Ok(markup) => Some(markup),
            Err(message) => {
                at.fault(
                    message,
                    "the markup is **bold**, `code`, [text](https://…) and tables of | cells |".to_owned(),
                );
                None
            }
        }
    }

    /// Parses a text; `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut blocks = Vec::new();
        let mut lines = text.trim().lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            if line.starts_with('|') {
                let mut table = vec![line];
                while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                    table.push(row);
                }
                blocks.push(table_of(&table)?);
            } else {
                let mut paragraph = line.to_owned();
                while let Some(more) = lines.next_if(|line| !line.is_empty() && !line.starts_with('|')) {
                    paragraph.push(' ');
                    paragraph.push_str(more);
                }
                blocks.push(Block::Paragraph(inlines(&paragraph)?));
            }
        }
        Ok(Self { blocks })
    }
}

fn table_of(lines: &[&str]) -> Result<Block, String> {
    let cells = |line: &str| -> Result<Vec<Vec<Inline>>, String> {
        let line = line.strip_prefix('|').unwrap_or(line);
        line.strip_suffix('|').unwrap_or(line).split('|').map(|cell| inlines(cell.trim())).collect()
    };
    let [head, rule, rows @ ..] = lines else {
        return Err("a table has a head, a line of dashes, and rows".into());
    };
    if !rule.contains('-') || !rule.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')) {
        return Err("the second line of a table is made of dashes".into());
    }
    let head = cells(head)?;
    let rows = rows.iter().map(|row| cells(row)).collect::<Result<Vec<_>, _>>()?;
    if rows.iter().any(|row| row.len() != head.len()) {
        return Err("every row of a table has as many cells as its head".into());
    }
    Ok(Block::Table { head, rows })
}

fn inlines(text: &str) -> Result<Vec<Inline>, String> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (inline, tail) = if let Some(tail) = rest.strip_prefix("**") {
            let (bold, tail) = tail.split_once("**").ok_or("a `**` without its end")?;
            (Inline::Bold(not_empty(bold)?), tail)
        } else if let Some(tail) = rest.strip_prefix('`') {
            let (code, tail) = tail.split_once('`').ok_or("a backtick without its end")?;
            (Inline::Code(not_empty(code)?), tail)
        } else if let Some((label, tail)) = label(rest) {
            let end = tail.find(['(', ')']).filter(|end| tail[*end..].starts_with(')'));
            let (target, tail) =
                end.map(|end| (&tail[..end], &tail[end + 1..])).ok_or("a link without its `)`")?;
            (Inline::Link { text: not_empty(label)?, url: link(target)? }, tail)
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        if !plain.is_empty() {
            out.push(Inline::Text(std::mem::take(&mut plain)));
        }
        out.push(inline);
        rest = tail;
    }
    if !plain.is_empty() {
        out.push(Inline::Text(plain));
    }
    Ok(out)
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("nothing stands between the signs".into()) } else { Ok(text.into()) }
}

/// The label, and what follows `](`, when a text begins with a link. Looks no further than the next bracket, so that
/// a flood of them costs no more than its length.
fn label(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('[')?;
    let (label, rest) = text.split_at(text.find(['[', ']'])?);
    Some((label, rest.strip_prefix("](")?))
}

/// A link's target: `https`, with a host, without user information.
pub(crate) fn link(target: &str) -> Result<String, String> {
    let url = Url::parse(target).map_err(|_| "a link must be a whole https URL".to_owned())?;
    if url.scheme() != "https"
        || !url.username().is_empty()
        || url.password().is_some()
        || !target.starts_with("https://")
    {
        return Err("a link must be a whole https URL".into());
    }
    Ok(url.into())
}

/// Plain text: links show their target, tables are aligned.
impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match block {
                Block::Paragraph(inlines) => f.write_str(&plain(inlines))?,
                Block::Table { head, rows } => table(f, head, rows)?,
            }
        }
        Ok(())
    }
}

fn plain(inlines: &[Inline]) -> String {
    let mut out = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Bold(text) => out.push_str(text),
            Inline::Code(code) => {
                out.push('`');
                out.push_str(code);
                out.push('`');
            }
            Inline::Link { text, url } if text == url => out.push_str(url),
            Inline::Link { text, url } => {
                out.push_str(text);
                out.push_str(" (");
                out.push_str(url.strip_suffix('/').unwrap_or(url));
                out.push(')');
            }
        }
    }
    out
}

fn table(f: &mut fmt::Formatter<'_>, head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> fmt::Result {
    let lines: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            f.write_str("\n")?;
        }
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        f.write_str(cells.join("  ").trim_end())?;
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            write!(f, "\n{}", rule.join("  "))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markup_there_is() {
        let markup = Markup::parse("Open **Settings**, `x`\nsee [docs](https://a.example/b).\n\n| A | B |\n|---|---|\n| one | **2** |").unwrap();
        assert_eq!(
            markup.to_string(),
            "Open Settings, `x` see docs (https://a.example/b).\nA    B\n---  -\none  2"
        );
        assert_eq!(
            Markup::parse("[x] and [docs](https://a.example/)[").unwrap().to_string(),
            "[x] and docs (https://a.example)["
        );
        for flood in ["[", "[](", "[a](https://x", "]("] {
            let start = std::time::Instant::now();
            let _either = Markup::parse(&flood.repeat(60_000));
            assert!(start.elapsed().as_secs() < 2, "{flood} took {:?}", start.elapsed());
        }
        assert_eq!(
            Markup::parse("<b>[x] ](").unwrap().blocks(),
            [Block::Paragraph(vec![Inline::Text("<b>[x] ](".into())])]
        );
    }

    #[test]
    fn what_is_not_markup_is_refused() {
        for text in [
            "[a](https://a.example",
            "a **** b",
            "a `` b",
            "[](https://a.example)",
            "| a |\n| |\n| b |",
            "| a | b |\n|---|\n|| b | c |",
            "a **b",
            "a `b",
            "[a](http://a.example)",
            "[a](javascript:alert(1))",
            "[a](https://u@a.example)",
            "[a](/b)",
            "| a |",
            "| a |\n| b |",
            "| a |\n|---|\n| b | c |",
        ] {
            assert!(Markup::parse(text).is_err(), "{text}");
        }
    }
}
