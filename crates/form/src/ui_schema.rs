//! How to draw a form, in the words of react-jsonschema-form, and what to put into it.

use keyway_core::{Choice, Code, Field, Kind};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Form, Input, Notice, json_schema::are_labelled, object::Object, terminal::sentence};

/// Where react-jsonschema-form looks for errors.
const ERRORS: &str = "__errors";

impl<'a> Form<'a> {
    /// How to draw the [JSON Schema](Self::json_schema), in the words of react-jsonschema-form: order, widgets,
    /// placeholders, and as help the warnings, the step of the guide, and what a value usually looks like.
    pub fn ui_schema(&self) -> impl Serialize + use<'a> {
        let order = self.inputs().iter().map(|input| input.field().id().as_str()).collect();
        let mut members = vec![("ui:order", order)];
        if !self.warnings().is_empty() {
            members.push(("ui:help", sentences(self.warnings()).join(" ").into()));
        }
        members.extend(self.inputs().iter().map(|input| (input.field().id().as_str(), self.ui(input))));
        Object(members)
    }

    /// What stands in the form, as react-jsonschema-form's `formData`: defaults, and what was typed and may be shown
    /// again. Never a secret.
    pub fn form_data(&self) -> impl Serialize + use<'a> {
        let values =
            self.inputs().iter().filter_map(|input| Some((input.field().id().as_str(), input.value()?)));
        Object(values.collect())
    }

    /// What was wrong, as react-jsonschema-form's `extraErrors`: each beside its input.
    pub fn extra_errors(&self) -> impl Serialize + use<'a> {
        let mut members: Vec<(&str, Value)> = Vec::new();
        if !self.errors().is_empty() {
            members.push((ERRORS, sentences(self.errors()).into()));
        }
        let refused = self.inputs().iter().filter(|input| !input.errors().is_empty());
        members.extend(
            refused.map(|input| (input.field().id().as_str(), json!({ ERRORS: sentences(input.errors()) }))),
        );
        Object(members)
    }

    fn ui(&self, input: &Input<'_>) -> Value {
        let field = input.field();
        let mut ui = Map::new();
        let widget = match field.kind() {
            Kind::Choice(_) => Some("select"),
            // What hides a value has one line, and would join the lines of a key.
            _ if field.is_multiline() => Some("textarea"),
            _ if field.is_secret() => Some("password"),
            _ => None,
        };
        if let Some(widget) = widget {
            ui.insert("ui:widget".into(), widget.into());
        }
        if let Kind::Choice(choices) = field.kind()
            && field.default_value().is_none()
            && are_labelled(choices)
        {
            let labels: Vec<&str> = choices.iter().map(Choice::label).collect();
            ui.insert("ui:enumNames".into(), labels.into());
        }
        if field.is_multiline() {
            ui.insert("ui:options".into(), json!({ "rows": 6 }));
        }
        if !matches!(field.kind(), Kind::Choice(_)) {
            ui.insert("ui:autocomplete".into(), "off".into());
            ui.insert("ui:autocapitalize".into(), "none".into());
        }
        if let Some(placeholder) = field.placeholder() {
            ui.insert("ui:placeholder".into(), placeholder.into());
        }
        let help = self.help(input);
        if !help.is_empty() {
            ui.insert("ui:help".into(), help.into());
        }
        ui.into()
    }

    /// What helps with an input besides its description.
    fn help(&self, input: &Input<'_>) -> String {
        let field = input.field();
        let mut said = sentences(input.warnings());
        let steps = self.method().guide().steps();
        let step = field.step().and_then(|number| Some((number, steps.get(number.checked_sub(1)?)?)));
        said.extend(step.map(|(number, step)| format!("Step {number} of the guide: {step}")));
        if !input.warnings().iter().any(|warning| warning.code == Code::Shape) {
            let read = field.help().map(ToString::to_string).unwrap_or_default() + &said.join(" ");
            said.extend(usually(field, &read));
        }
        said.join(" ")
    }
}

/// What a value usually looks like, as far as that has not been `read`.
fn usually(field: &Field, read: &str) -> Option<String> {
    let shape = field.shape()?;
    let prefix = (!shape.prefix().is_empty()).then(|| format!("`{}`", shape.prefix()));
    let begins =
        prefix.filter(|prefix| !read.contains(prefix.as_str())).map(|prefix| format!("begins with {prefix}"));
    let length = shape.length().map(|length| format!("has {length} characters"));
    let said: Vec<String> = begins.into_iter().chain(length).collect();
    (!said.is_empty()).then(|| format!("It usually {}.", said.join(" and ")))
}

fn sentences(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(|notice| sentence(&notice.message)).collect()
}
