//! Texts: escaped, and with nothing in them that runs or loads.

use std::fmt::{self, Write as _};

use keyway_core::{Block, Inline, Markup};
use maud::{Escaper, Markup as Rendered, Render, html};

use crate::terminal::sentence;

/// A text with markup. What is written from right to left finds its direction by itself.
pub(crate) fn markup(markup: &Markup) -> Rendered {
    html! {
        @for block in markup.blocks() {
            @match block {
                Block::Paragraph(inlines) => p dir="auto" { (Inlines(inlines)) },
                Block::Table { head, rows } => (table(head, rows)),
                _ => {}
            }
        }
    }
}

/// A list's items. One that is a single paragraph is the item's own text.
pub(super) fn item(item: &Markup) -> Rendered {
    match item.blocks() {
        [Block::Paragraph(inlines)] => Inlines(inlines).render(),
        _ => markup(item),
    }
}

fn table(head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>]) -> Rendered {
    html! {
        table {
            thead { tr { @for cell in head { th scope="col" dir="auto" { (Inlines(cell)) } } } }
            tbody { @for row in rows { tr { @for cell in row { td dir="auto" { (Inlines(cell)) } } } } }
        }
    }
}

struct Inlines<'a>(&'a [Inline]);

impl Render for Inlines<'_> {
    fn render_to(&self, out: &mut String) {
        for inline in self.0 {
            match inline {
                Inline::Text(text) => text.render_to(out),
                Inline::Bold(text) => html! { strong { (text) } }.render_to(out),
                Inline::Code(code) => html! { code dir="ltr" { (code) } }.render_to(out),
                Inline::Link { text, url } => link(url, text).render_to(out),
                _ => {}
            }
        }
    }
}

/// A link out of the page. It opens beside it, because what was typed so far would be lost.
pub(super) fn link(url: &str, text: &str) -> Rendered {
    html! { a href=(url) rel="noopener noreferrer" target="_blank" { (text) } }
}

/// A message of core's as a sentence. What stands between backticks is drawn as code.
pub(super) struct Sentence<'a>(pub(super) &'a str);

impl Render for Sentence<'_> {
    fn render_to(&self, out: &mut String) {
        let sentence = sentence(self.0);
        let mut parts = sentence.split('`');
        parts.next().unwrap_or_default().render_to(out);
        while let Some(part) = parts.next() {
            match parts.next() {
                Some(text) => html! { code dir="ltr" { (part) } (text) }.render_to(out),
                // The last one has no twin.
                None => html! { "`" (part) }.render_to(out),
            }
        }
    }
}

/// A heading of any level.
pub(super) struct Heading<'a> {
    pub(super) level: u8,
    pub(super) id: Option<&'a str>,
    pub(super) text: fmt::Arguments<'a>,
}

impl Render for Heading<'_> {
    fn render_to(&self, out: &mut String) {
        let level = char::from(b'0' + self.level);
        out.push_str("<h");
        out.push(level);
        if let Some(id) = self.id {
            out.push_str(" id=\"");
            id.render_to(out);
            out.push('"');
        }
        out.push('>');
        let _infallible = Escaper::new(out).write_fmt(self.text);
        out.push_str("</h");
        out.push(level);
        out.push('>');
    }
}
