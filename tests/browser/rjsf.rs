//! Other people's libraries, given the schemas: react-jsonschema-form in a browser, and Ajv.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use keyway::{Choice, Entry, Field, Kind, Method, Submission, form::Form};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    run,
    submissions::{cases, good, methods, registry},
};

fn value(what: impl Serialize) -> Value {
    serde_json::to_value(what).unwrap()
}

fn name(entry: &Entry, method: &Method) -> String {
    format!("{}.{}", entry.descriptor().id(), method.id())
}

/// What react-jsonschema-form is given.
fn props(form: &Form<'_>) -> Value {
    json!({
        "schema": value(form.json_schema()),
        "uiSchema": value(form.ui_schema()),
        "formData": value(form.form_data()),
        "extraErrors": value(form.extra_errors()),
    })
}

/// What a person sees of a field.
fn drawn(form: &Form<'_>, field: &Field) -> Value {
    let input = form.inputs().iter().find(|input| input.field().id() == field.id()).unwrap();
    let choices = match field.kind() {
        Kind::Choice(choices) => Some(choices),
        _ => None,
    };
    let label = |value: &str| choices?.iter().find(|choice| choice.value() == value).map(Choice::label);
    let kind = match field.kind() {
        Kind::Choice(_) => "select-one",
        _ if field.is_multiline() => "textarea",
        _ if field.is_secret() => "password",
        _ => "text",
    };
    json!({
        "id": field.id().as_str(),
        "label": field.label(),
        "required": input.is_required(),
        "secret": field.is_secret(),
        "type": kind,
        "placeholder": field.placeholder(),
        "description": field.help().map(ToString::to_string),
        "help": value(form.ui_schema())[field.id().as_str()]["ui:help"],
        "choices": choices.map(|choices| choices.iter().map(Choice::label).collect::<Vec<_>>()),
        "chosen": field.default_value().and_then(label),
    })
}

/// One form, what is typed into it, and the same form after core refused something.
fn scene(entry: &Entry, method: &Arc<Method>) -> Value {
    let form = Form::new(entry.descriptor(), method);
    let secret = method.fields().iter().rfind(|field| field.is_secret() && !field.is_multiline()).unwrap();
    // In no secret: a control character that an input of one line does not take away.
    let bad = json!({ "id": secret.id().as_str(), "value": "made\u{7f}upSecret" });
    let mut typed = good(method);
    for field in method.fields() {
        if let Kind::Choice(choices) = field.kind() {
            typed[field.id().as_str()] = choices.last().unwrap().label().into();
        }
    }
    let submission = Submission::new().with(secret.id().as_str(), "made\u{7f}upSecret").with("colour", "red");
    let refused = entry.accept(method, &submission).unwrap_err();
    json!({
        "name": name(entry, method),
        "empty": props(&form),
        "refused": props(&form.clone().refused(&submission, &refused)),
        "inputs": method.fields().iter().map(|field| drawn(&form, field)).collect::<Vec<_>>(),
        "good": typed,
        "bad": bad,
    })
}

#[test]
fn react_jsonschema_form_draws_them_and_core_accepts_what_it_submits() {
    let registry = registry();
    let forms: Vec<Value> = methods(&registry).map(|(entry, method)| scene(entry, method)).collect();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rjsf.json");
    let Some(()) = run("rjsf.mjs", &json!({ "forms": forms, "out": out }).to_string()) else { return };
    let submitted: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    for (entry, method) in methods(&registry) {
        let name = name(entry, method);
        let submission = Submission::from_json(submitted[&name].to_string().as_bytes()).unwrap();
        entry.accept(method, &submission).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
}

#[test]
fn ajv_says_what_the_other_validator_says() {
    let registry = registry();
    let mut forms = Vec::new();
    for (entry, method) in methods(&registry) {
        let schema = value(Form::new(entry.descriptor(), method).json_schema());
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let (mut given, mut verdicts) = (Vec::new(), String::new());
        for case in cases(method) {
            let Some(raw) = case.raw else { continue };
            given.push((case.name, raw));
            verdicts.push(if validator.is_valid(&case.submission) { '1' } else { '0' });
        }
        forms.push(json!({
            "name": name(entry, method),
            "schema": schema,
            "good": good(method),
            "cases": given,
            "verdicts": verdicts,
        }));
    }
    run("ajv.mjs", &Value::from(forms).to_string());
}
