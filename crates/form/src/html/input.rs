//! One input, with all that is said of it.

use keyway_core::{Characters, Choice, Field, Kind};
use maud::{Markup as Rendered, html};

use super::{
    Html, guide,
    prose::{Sentence, markup},
};
use crate::{Input, hints::Hints};

/// Label, help, step, errors and warnings, and the input they belong to.
pub(super) fn input(form: &Html<'_>, input: &Input<'_>) -> Rendered {
    let field = input.field();
    let id = format!("{}field-{}", form.prefix, field.id());
    let (help, step) = (format!("{id}-help"), format!("{id}-step"));
    let (error, warning) = (format!("{id}-error"), format!("{id}-warning"));
    let steps = form.form.method().guide().steps();
    let seen_in = field.step().and_then(|number| Some((number, steps.get(number.checked_sub(1)?)?)));
    let said = [
        (field.help().is_some(), &help),
        (seen_in.is_some(), &step),
        (!input.errors().is_empty(), &error),
        (!input.warnings().is_empty(), &warning),
    ];
    let said: Vec<&str> = said.iter().filter(|(is_there, _)| *is_there).map(|(_, id)| id.as_str()).collect();
    let described = (!said.is_empty()).then(|| said.join(" "));
    let takes_focus = !input.errors().is_empty() && !form.sums_up();
    let control = Control { input, id: &id, described: described.as_deref(), takes_focus };
    html! {
        div.keyway-field {
            // A line of its own, so that inputs without a style of the page's are far enough apart for a finger.
            p {
                label for=(id) dir="auto" {
                    strong { (field.label()) }
                    @if field.is_optional() { " " span.keyway-optional { "(optional)" } }
                }
            }
            @if let Some(text) = field.help() { div.keyway-help id=(help) { (markup(text)) } }
            @if let Some((number, text)) = seen_in { (guide::step(form, number, text, &step)) }
            @if !input.errors().is_empty() {
                div id=(error) {
                    @for notice in input.errors() {
                        p.keyway-error { strong { "Error:" } " " (Sentence(&notice.message)) }
                    }
                }
            }
            @if !input.warnings().is_empty() {
                div id=(warning) {
                    @for notice in input.warnings() {
                        p.keyway-warning { strong { "Warning:" } " " (Sentence(&notice.message)) }
                    }
                }
            }
            (control.draw())
        }
    }
}

struct Control<'a> {
    input: &'a Input<'a>,
    id: &'a str,
    described: Option<&'a str>,
    takes_focus: bool,
}

impl Control<'_> {
    fn draw(&self) -> Rendered {
        match self.input.field().kind() {
            Kind::Choice(choices) => self.choice(choices),
            _ if self.input.field().is_multiline() => self.lines(),
            _ if self.input.field().is_secret() => self.secret(),
            _ => self.line(),
        }
    }

    // `aria-invalid` is always there: an empty input that is required would be announced as wrong before anybody typed.

    fn choice(&self, choices: &[Choice]) -> Rendered {
        let value = self.input.value();
        let chosen = choices.iter().position(|choice| value == Some(choice.value()));
        html! {
            select id=(self.id) name=(self.name()) required[self.input.is_required()] autocomplete="off"
                aria-invalid=(self.is_wrong()) aria-describedby=[self.described] autofocus[self.takes_focus] {
                // Nobody is to choose the first one unawares.
                @if chosen.is_none() {
                    option value="" selected { @if self.field().is_optional() { "None" } @else { "Choose one" } }
                }
                @for (index, choice) in choices.iter().enumerate() {
                    option value=(choice.value()) selected[chosen == Some(index)] { (choice.label()) }
                }
            }
        }
    }

    /// A secret on one line: masked, empty, and kept out of what browsers and password managers offer to remember.
    fn secret(&self) -> Rendered {
        html! {
            input.keyway-secret type="password" id=(self.id) name=(self.name()) size="32"
                required[self.input.is_required()] placeholder=[self.field().placeholder()] dir="ltr"
                autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"
                data-1p-ignore data-bwignore data-lpignore="true" data-form-type="other"
                data-keyway-hints=[self.hints()]
                aria-invalid=(self.is_wrong()) aria-describedby=[self.described] autofocus[self.takes_focus];
        }
    }

    fn lines(&self) -> Rendered {
        let secret = self.field().is_secret();
        html! {
            textarea id=(self.id) name=(self.name()) class=[secret.then_some("keyway-secret")] rows="6" cols="32"
                required[self.input.is_required()] placeholder=[self.field().placeholder()] dir=(self.direction())
                autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"
                data-1p-ignore[secret] data-bwignore[secret] data-lpignore=[secret.then_some("true")]
                data-form-type=[secret.then_some("other")] data-keyway-hints=[self.hints()]
                aria-invalid=(self.is_wrong()) aria-describedby=[self.described] autofocus[self.takes_focus] {
                (self.input.value().unwrap_or_default())
            }
        }
    }

    fn line(&self) -> Rendered {
        let (kind, mode) = match self.field().kind() {
            Kind::Url => ("url", Some("url")),
            Kind::Host => ("text", Some("url")),
            _ => ("text", None),
        };
        html! {
            input type=(kind) inputmode=[mode] id=(self.id) name=(self.name()) value=[self.input.value()] size="32"
                required[self.input.is_required()] placeholder=[self.field().placeholder()] dir=(self.direction())
                autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false"
                data-keyway-hints=[self.hints()]
                aria-invalid=(self.is_wrong()) aria-describedby=[self.described] autofocus[self.takes_focus];
        }
    }

    fn field(&self) -> &Field {
        self.input.field()
    }

    fn name(&self) -> &str {
        self.field().id().as_str()
    }

    /// What [`FORM_JS`](super::FORM_JS) says of a value, as JSON; `None` where there is nothing to say.
    fn hints(&self) -> Option<String> {
        let hints = Hints::of(self.field());
        if hints.is_empty() && !self.field().is_secret() { None } else { serde_json::to_string(&hints).ok() }
    }

    fn is_wrong(&self) -> &'static str {
        if self.input.errors().is_empty() { "false" } else { "true" }
    }

    /// Keys, hosts and addresses are written from left to right, whatever the page is.
    fn direction(&self) -> &'static str {
        let field = self.field();
        let prose =
            *field.kind() == Kind::Text && field.characters() == Characters::Any && !field.is_secret();
        if prose { "auto" } else { "ltr" }
    }
}
