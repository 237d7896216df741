//! A form for a terminal: its guide, its inputs, and what was wrong with them, wrapped to 80 characters.
//!
//! Styles are ANSI escapes: print through `anstream`, or strip them, where the output may be no terminal.
#![expect(
    clippy::format_push_string,
    reason = "texts are built once, for a person; `write!` would bring an error that cannot happen to each line"
)]

mod guide;
mod prose;

pub use guide::{guide, step};
pub use prose::{item, paragraph, sentence};

use keyway_core::Kind;
use owo_colors::OwoColorize as _;

use crate::{Form, Input, Notice};

impl Form<'_> {
    /// The form for a terminal: the guide, and every input with what is said of it.
    pub fn text(&self) -> String {
        let mut out = guide(self);
        out += &format!("\n{}\n", "What to enter".bold());
        for (notices, refused) in [(self.errors(), true), (self.warnings(), false)] {
            for notice in notices {
                out += &format!("\n  {}\n", notice.field.bold());
                out += &said(notice, refused, "    ");
            }
        }
        for input in self.inputs() {
            out += "\n";
            out += &asked(self, input);
        }
        out
    }
}

/// What was wrong, input by input: with the step of the guide in which a person sees the right value.
pub fn errors(form: &Form<'_>) -> String {
    let mut out = String::new();
    let of_none =
        form.errors().iter().map(|notice| (notice.field.as_str(), std::slice::from_ref(notice), None));
    let of_inputs = form.inputs().iter().map(|input| (input.field().label(), input.errors(), Some(input)));
    for (label, errors, input) in of_none.chain(of_inputs).filter(|(_, errors, _)| !errors.is_empty()) {
        out += &format!("\n  {}\n", label.bold());
        for error in errors {
            out += &paragraph(&sentence(&error.message), "    ");
        }
        out += &input.and_then(|input| step(form.method(), input.field(), "    ")).unwrap_or_default();
    }
    out
}

/// What looks odd and may be right, input by input.
pub fn warnings(form: &Form<'_>) -> String {
    let mut out = String::new();
    let of_none = form.warnings().iter().map(|notice| (notice.field.as_str(), std::slice::from_ref(notice)));
    let of_inputs = form.inputs().iter().map(|input| (input.field().label(), input.warnings()));
    for (label, warnings) in of_none.chain(of_inputs).filter(|(_, warnings)| !warnings.is_empty()) {
        out += &format!("{} {}\n", "!".yellow().bold(), label.bold());
        for warning in warnings {
            out += &paragraph(&sentence(&warning.message), "  ");
        }
    }
    out
}

fn asked(form: &Form<'_>, input: &Input<'_>) -> String {
    let field = input.field();
    let mut traits = vec![field.id().as_str()];
    traits.extend(field.is_secret().then_some("secret"));
    traits.extend(field.is_optional().then_some("optional"));
    traits.extend(field.is_multiline().then_some("several lines"));
    let mut out = format!("  {}  {}\n", field.label().bold(), traits.join(", ").dimmed());
    out += &field.help().map(|help| item(help, "    ")).unwrap_or_default();
    match field.kind() {
        Kind::Choice(choices) => {
            for choice in choices {
                let mark = if input.value() == Some(choice.value()) { "    > " } else { "    - " };
                let label = if choice.label() == choice.value() {
                    choice.value().to_owned()
                } else {
                    format!("{}: {}", choice.value(), choice.label())
                };
                out += &paragraph(&label, mark);
            }
        }
        Kind::Url => out += "    An address: https://host\n",
        Kind::Host => out += "    A host's full name: host.example.com\n",
        _ => {}
    }
    if let (Some(value), false) = (input.value(), matches!(field.kind(), Kind::Choice(_))) {
        out += &format!("    > {value}\n");
    }
    out += &step(form.method(), field, "    ").unwrap_or_default();
    for error in input.errors() {
        out += &said(error, true, "    ");
    }
    for warning in input.warnings() {
        out += &said(warning, false, "    ");
    }
    out
}

fn said(notice: &Notice, refused: bool, indent: &str) -> String {
    let text = paragraph(&sentence(&notice.message), &format!("{indent}  "));
    let mark = if refused { "✗".red().bold().to_string() } else { "!".yellow().bold().to_string() };
    // Its escapes would count as characters of the line.
    format!("{indent}{mark} {}", text.trim_start())
}
