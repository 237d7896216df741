//! Asking a person for each field.

use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Select, Text, error::InquireResult};
use keyway::{
    Choice, Field, Id, Kind, Secret, Submission,
    form::{Form, Input},
};

use crate::exit::Failure;

/// What a person answered so far.
#[derive(Default)]
pub(crate) struct Answers {
    given: Vec<(Id, Secret)>,
}

impl Answers {
    /// Asks for inputs of a form, in order; an answer replaces an earlier one to the same question.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] when the person wants no more of it.
    pub(crate) fn ask(
        &mut self,
        form: &Form<'_>,
        wanted: impl Fn(&Input<'_>) -> bool,
    ) -> Result<(), Failure> {
        for input in form.inputs().iter().filter(|input| wanted(input)) {
            let field = input.field();
            let earlier = self.take(field);
            let answer = answered(question(input, earlier.as_ref()))?;
            // Nothing, where something may be left out, is the same as no answer.
            if !(answer.is_empty() && field.is_optional()) {
                self.given.push((field.id().clone(), Secret::new(answer)));
            }
        }
        Ok(())
    }

    /// The answers as a submission.
    pub(crate) fn submission(&self) -> Submission {
        let empty = Submission::new();
        self.given.iter().fold(empty, |all, (id, value)| all.with(id.as_str(), value.expose()))
    }

    fn take(&mut self, field: &Field) -> Option<Secret> {
        let at = self.given.iter().position(|(id, _)| id == field.id())?;
        Some(self.given.remove(at).1)
    }
}

/// Asks a question of yes or no; yes when the person just presses Enter.
pub(crate) fn confirm(text: &str) -> Result<bool, Failure> {
    answered(Confirm::new(text).with_default(true).prompt())
}

/// Asks whether something is to be done that cannot be undone; no when the person just presses Enter.
pub(crate) fn agrees(text: &str) -> Result<bool, Failure> {
    answered(Confirm::new(text).with_default(false).prompt())
}

fn question(input: &Input<'_>, earlier: Option<&Secret>) -> InquireResult<String> {
    let field = input.field();
    let title = if field.is_optional() {
        format!("{} (optional):", field.label())
    } else {
        format!("{}:", field.label())
    };
    let help = field.help().map(ToString::to_string);
    let help = help.as_deref();
    let start = earlier.filter(|_| !field.is_secret()).map(Secret::expose).or(input.value());
    match field.kind() {
        _ if field.is_secret() => secret(&title, help),
        Kind::Choice(choices) => choice(&title, help, choices, start, field.is_optional()),
        _ => text(&title, help, start, field.placeholder()),
    }
}

fn secret(title: &str, help: Option<&str>) -> InquireResult<String> {
    let help = help.map_or_else(String::new, |help| format!("{help} "));
    Password::new(title)
        .with_display_mode(PasswordDisplayMode::Masked)
        .without_confirmation()
        .with_help_message(&format!("{help}Paste it here; what you type is not shown."))
        .prompt()
}

fn text(
    title: &str,
    help: Option<&str>,
    start: Option<&str>,
    placeholder: Option<&str>,
) -> InquireResult<String> {
    let mut prompt = Text::new(title);
    prompt.default = start;
    prompt.placeholder = placeholder;
    prompt.help_message = help;
    prompt.prompt()
}

fn choice(
    title: &str,
    help: Option<&str>,
    choices: &[Choice],
    start: Option<&str>,
    optional: bool,
) -> InquireResult<String> {
    let mut labels: Vec<&str> = choices.iter().map(Choice::label).collect();
    if optional {
        labels.push("none of them");
    }
    let cursor = choices.iter().position(|choice| Some(choice.value()) == start).unwrap_or(0);
    let mut prompt = Select::new(title, labels).with_starting_cursor(cursor);
    // Without a help of the field's own, the keys of the list are explained.
    prompt.help_message = help.or(prompt.help_message);
    let picked = prompt.raw_prompt()?.index;
    Ok(choices.get(picked).map(|choice| choice.value().to_owned()).unwrap_or_default())
}

fn answered<T>(result: InquireResult<T>) -> Result<T, Failure> {
    result.map_err(|error| match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Failure::Cancelled,
        InquireError::NotTTY => Failure::because("there is no terminal to ask on"),
        _ => Failure::because("the terminal cannot be asked; give the values with --values"),
    })
}
