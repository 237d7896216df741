//! A form as HTML.

mod guide;
mod input;
mod prose;

use std::fmt;

use maud::{Markup as Rendered, html};

pub(crate) use self::prose::markup;
use self::prose::{Heading, Sentence};
use crate::{Form, Notice};

/// Adds reveal and hints to the forms of a page, where script is allowed. Serve it as a file, and load it with `defer`.
///
/// It asks for nothing beyond `script-src 'self'`. It puts a "Show" button beside every masked input (and hides the
/// value again when the form is sent, or its page is left), says under an input when what was pasted is not what the
/// field usually takes, moves to what was wrong, and does not send a form twice. It refuses nothing, changes no value,
/// and puts none anywhere else. A page that adds a form later dispatches the event `keyway:refresh` on `document`.
pub const FORM_JS: &str = include_str!("form.js");

/// A form as HTML, to be printed: one `<form>` element.
///
/// # Contract
/// Its words are English: in a page of another language, say `lang="en"` on an element around it.
///
/// There is no style in it; these class names are for yours: `keyway-form`; `keyway-problems` and `keyway-remarks`, above
/// all else; `keyway-guide`, with `keyway-summary`, `keyway-links`, `keyway-needs`, `keyway-steps` and `keyway-warnings`;
/// `keyway-field`, with `keyway-optional`, `keyway-help`, `keyway-step`, `keyway-error`, `keyway-warning` and
/// `keyway-secret`; `keyway-submit`; with [`FORM_JS`] also `keyway-reveal` and `keyway-hint`.
///
/// # Security
/// A secret of several lines stands in a `<textarea>`, which no browser masks by itself: `-webkit-text-security: disc`
/// for `textarea.keyway-secret` in your style does, in most of them. The form is finished HTML: run no template engine
/// over it, neither on the server nor in the page, because the texts of a descriptor may hold what it would obey.
#[derive(Clone)]
#[must_use]
pub struct Html<'a> {
    form: &'a Form<'a>,
    action: Option<&'a str>,
    hidden: Vec<(&'a str, &'a str)>,
    verb: &'a str,
    submit: &'a str,
    prefix: &'a str,
    level: u8,
    guide: Place,
}

/// Where the guide is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Within,
    Beside,
    Nowhere,
}

impl Form<'_> {
    /// Draws the form as HTML.
    pub fn html(&self) -> Html<'_> {
        Html {
            form: self,
            action: None,
            hidden: Vec::new(),
            verb: "Connect",
            submit: "Connect",
            prefix: "keyway-",
            level: 2,
            guide: Place::Within,
        }
    }
}

impl<'a> Html<'a> {
    /// Where the form is sent to; without it, to the address of its page.
    pub fn action(mut self, action: &'a str) -> Self {
        self.action = Some(action);
        self
    }

    /// Sends something along, such as a token against forged requests. The name is no field's id.
    pub fn hidden(mut self, name: &'a str, value: &'a str) -> Self {
        self.hidden.push((name, value));
        self
    }

    /// What the form is for, as its accessible name and the guide's heading begin: "Reconnect", say; "Connect" without it.
    pub fn verb(mut self, verb: &'a str) -> Self {
        self.verb = verb;
        self
    }

    /// What the button says; "Connect" without it.
    pub fn submit(mut self, label: &'a str) -> Self {
        self.submit = label;
        self
    }

    /// What every id begins with, so that several forms can stand on one page: letters, digits and hyphens; `keyway-`
    /// without it.
    pub fn id_prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = prefix;
        self
    }

    /// The level of the form's headings, from 1 to 5; those inside the guide are one deeper. 2 without it.
    pub fn heading_level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 5);
        self
    }

    /// Leaves the guide out. An input still says what the step is in which a person sees its value.
    pub fn without_guide(mut self) -> Self {
        self.guide = Place::Nowhere;
        self
    }

    /// Leaves the guide to the page, which places [it](Self::guide) beside the form: an input leads to the step in which a
    /// person sees its value.
    pub fn guide_beside(mut self) -> Self {
        self.guide = Place::Beside;
        self
    }

    /// The guide alone, for a page that places it [beside the form](Self::guide_beside).
    pub fn guide(&self) -> String {
        guide::guide(self).into_string()
    }

    fn draw(&self) -> Rendered {
        let form = self.form;
        // `novalidate`, although what is required says so: a browser's own bubbles are gone after a moment, come one at a
        // time, and are no text of the page. The server says all that is wrong at once, and better.
        html! {
            form.keyway-form method="post" action=[self.action] accept-charset="utf-8" autocomplete="off" novalidate
                aria-label={ (self.verb) " " (form.descriptor().name()) ": " (form.method().label()) } {
                @for (name, value) in &self.hidden { input type="hidden" name=(name) value=(value); }
                @if self.sums_up() { (self.problems()) }
                @if !form.warnings().is_empty() { (self.remarks()) }
                @if self.guide == Place::Within {
                    (guide::guide(self))
                    (Heading { level: self.level, id: None, text: format_args!("What to enter") })
                }
                @for input in form.inputs() { (input::input(self, input)) }
                p { button.keyway-submit type="submit" { (self.submit) } }
            }
        }
    }

    /// Whether what was wrong is told above all else as well: the only input that was refused says it by itself, and takes
    /// the focus.
    fn sums_up(&self) -> bool {
        let refused = self.form.inputs().iter().filter(|input| !input.errors().is_empty()).count();
        !self.form.errors().is_empty() || refused > 1
    }

    /// All that was wrong, with a way to each input. It takes the focus, so that nobody has to look for it.
    fn problems(&self) -> Rendered {
        let title = format!("{}problems", self.prefix);
        html! {
            div.keyway-problems role="alert" tabindex="-1" autofocus aria-labelledby=(title) {
                (Heading { level: self.level, id: Some(&title), text: format_args!("There is a problem") })
                ul {
                    @for error in self.form.errors() { (of_no_input(error)) }
                    @for input in self.form.inputs() {
                        @for error in input.errors() {
                            li {
                                a href={ "#" (self.prefix) "field-" (input.field().id().as_str()) } {
                                    (input.field().label())
                                }
                                ": " (Sentence(&error.message))
                            }
                        }
                    }
                }
            }
        }
    }

    /// What looked odd and belongs to no input.
    fn remarks(&self) -> Rendered {
        html! {
            div.keyway-remarks role="status" {
                (Heading { level: self.level, id: None, text: format_args!("Worth a second look") })
                ul { @for warning in self.form.warnings() { (of_no_input(warning)) } }
            }
        }
    }
}

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw().0)
    }
}

/// Without what is hidden: a token is nobody else's business.
impl fmt::Debug for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Html").field("form", self.form).field("action", &self.action).finish_non_exhaustive()
    }
}

fn of_no_input(notice: &Notice) -> Rendered {
    html! {
        li {
            @if !notice.field.is_empty() { strong { (notice.field) } ": " }
            (Sentence(&notice.message))
        }
    }
}
