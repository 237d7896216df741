//! The JSON Schema of a form against what core accepts.

use std::{collections::BTreeSet, sync::Arc};

use jsonschema::{Draft, Validator};
use keyway::{Code, Entry, Field, Kind, Method, Submission, form::Form};
use serde_json::Value;

use crate::submissions::{Case, cases, good, methods, registry};

/// Core's verdict: what it complains about, if it does.
type Verdict = Result<(), Vec<Code>>;

/// A name, and what tells whether it explains a difference.
type Explanation = (&'static str, fn(&Seen<'_>) -> bool);

/// What core alone refuses, by the name that the documentation of `Form::json_schema` gives it.
const CORE_ALONE: [Explanation; 12] = [
    ("masks and placeholders", |seen| seen.is(Code::Masked)),
    ("commands and header lines", |seen| seen.is(Code::Command)),
    ("keys of others", |seen| seen.is(Code::OtherProvider)),
    ("own prefixes", |seen| seen.begins_with_prefix() && (seen.is(Code::Mistake) || seen.is(Code::Required))),
    ("some mistakes", |seen| {
        let like_a_prefix = ["=", "tok"].into_iter().any(|part| seen.raw.contains(part));
        !seen.begins_with_prefix() && seen.is(Code::Mistake) && (like_a_prefix || seen.raw.contains(QUOTES))
    }),
    // The pattern of `code` is taken over.
    ("some patterns", |seen| seen.is(Code::Pattern) && seen.field.id().as_str() != "code"),
    ("bytes", |seen| seen.is(Code::TooLong) && seen.raw.chars().count() <= 1 << 16),
    ("rare characters", |seen| {
        let invisible = seen.raw.contains(|c: char| c == '\u{feff}' || c > '\u{ffff}');
        (seen.is(Code::Invisible) && invisible) || (seen.is(Code::Control) && seen.raw.contains('\r'))
    }),
    ("whole hosts", |seen| {
        (seen.is(Code::Host) || seen.is(Code::Url)) && (seen.raw.len() > 253 || seen.raw.contains("xn--"))
    }),
    ("cookies", |seen| seen.is(Code::NotAscii) && seen.raw.contains(['\\', ',', ';'])),
    ("quotes", |seen| {
        let around_nothing = seen.is(Code::Required) && !seen.begins_with_prefix();
        seen.raw.contains(QUOTES) && (around_nothing || seen.bare != seen.verdict)
    }),
    // Has a test of its own: a JSON value cannot hold one.
    ("duplicates", |_| false),
];

/// What the schema alone refuses.
const SCHEMA_ALONE: [Explanation; 5] = [
    ("choices", |seen| matches!(seen.field.kind(), Kind::Choice(_))),
    ("former names", |seen| seen.name != seen.field.id().as_str()),
    ("nothing but quotes", |seen| seen.is_text() && seen.is_blank()),
    ("size", |seen| seen.is_text() && seen.raw.len() > 1 << 16),
    ("hosts that end in digits", |seen| seen.raw.contains("example.1a")),
];

const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '<', '>'];

/// A difference, as far as its explanation needs to know.
struct Seen<'a> {
    field: &'a Field,
    name: &'a str,
    raw: &'a str,
    verdict: Verdict,
    /// Core's verdict when all quotes are taken away.
    bare: Verdict,
}

impl Seen<'_> {
    /// Core says nothing but this, and would without the quotes.
    fn is(&self, code: Code) -> bool {
        self.verdict == Err(vec![code]) && self.bare == self.verdict
    }

    fn is_text(&self) -> bool {
        *self.field.kind() == Kind::Text && self.name == self.field.id().as_str()
    }

    fn begins_with_prefix(&self) -> bool {
        let value = self.raw.replace(QUOTES, "").trim().to_lowercase();
        self.field.strip().iter().any(|prefix| value.starts_with(prefix.trim().to_lowercase().as_str()))
    }

    /// There are quotes, and perhaps prefixes, but no value.
    fn is_blank(&self) -> bool {
        let mut value = self.raw.replace(QUOTES, "").trim().to_lowercase();
        for prefix in self.field.strip() {
            let rest = value.replacen(prefix.trim().to_lowercase().as_str(), "", 1);
            rest.trim().clone_into(&mut value);
        }
        self.raw.contains(QUOTES) && value.is_empty()
    }
}

fn schema(entry: &Entry, method: &Method) -> Value {
    serde_json::to_value(Form::new(entry.descriptor(), method).json_schema()).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().with_draft(Draft::Draft202012).build(schema).unwrap()
}

fn accept(entry: &Entry, method: &Arc<Method>, submission: &Value) -> Verdict {
    let submission = Submission::from_json(submission.to_string().as_bytes()).unwrap();
    let refused = |refused: keyway::Refused| refused.problems.iter().map(|problem| problem.code).collect();
    entry.accept(method, &submission).map(|_| ()).map_err(refused)
}

/// What differs between core and the schema, explained.
#[derive(Default)]
struct Differences {
    compared: usize,
    explained: BTreeSet<&'static str>,
    unexplained: Vec<String>,
}

impl Differences {
    fn of(entry: &Entry, method: &Arc<Method>) -> Self {
        let validator = validator(&schema(entry, method));
        let good = good(method).into();
        assert!(accept(entry, method, &good).is_ok() && validator.is_valid(&good), "{}", method.label());
        let mut differences = Self::default();
        for case in cases(method) {
            differences.compare(entry, method, &validator, &case);
        }
        differences
    }

    fn compare(&mut self, entry: &Entry, method: &Arc<Method>, validator: &Validator, case: &Case<'_>) {
        self.compared += 1;
        let verdict = accept(entry, method, &case.submission);
        let admitted = validator.is_valid(&case.submission);
        if admitted == verdict.is_ok() {
            return;
        }
        let field = method.field(case.name).unwrap();
        let raw = case.raw.as_deref().unwrap_or_default();
        let mut bare = case.submission.clone();
        bare[case.name] = raw.replace(QUOTES, "").into();
        let bare = accept(entry, method, &bare);
        let seen = Seen { field, name: case.name, raw, bare, verdict };
        let listed: &[Explanation] = if admitted { &CORE_ALONE } else { &SCHEMA_ALONE };
        let names = listed.iter().filter(|(_, explains)| explains(&seen)).map(|(name, _)| *name);
        match names.collect::<Vec<_>>()[..] {
            [name] => {
                self.explained.insert(name);
            }
            ref names => self.unexplained.push(format!(
                "{}: {} {raw:.60?}: core {:?}, the schema {admitted}, explained by {names:?}",
                entry.descriptor().id(),
                case.name,
                seen.verdict,
            )),
        }
    }
}

#[test]
fn the_schema_accepts_and_refuses_what_core_does() {
    let registry = registry();
    let mut differences = Differences::default();
    std::thread::scope(|scope| {
        let of_a_method = |entry, method| scope.spawn(move || Differences::of(entry, method));
        let methods = methods(&registry);
        let running: Vec<_> = methods.map(|(entry, method)| of_a_method(entry, method)).collect();
        for one in running {
            let one = one.join().unwrap();
            differences.compared += one.compared;
            differences.explained.extend(one.explained);
            differences.unexplained.extend(one.unexplained);
        }
    });
    let Differences { compared, mut explained, unexplained } = differences;
    println!("{compared} submissions");
    let some: Vec<_> = unexplained.iter().step_by(unexplained.len() / 50 + 1).map(String::as_str).collect();
    assert!(some.is_empty(), "{} are not explained once, such as\n{}", unexplained.len(), some.join("\n"));

    let (entry, method) = registry.method("rootly", None).unwrap();
    let twice = r#"{ "api_key": "madeup", "api_key": "madeup" }"#;
    assert!(validator(&schema(entry, method)).is_valid(&serde_json::from_str(twice).unwrap()));
    let refused = entry.accept(method, &Submission::from_json(twice.as_bytes()).unwrap()).unwrap_err();
    assert_eq!(refused.problems[0].code, Code::Duplicate);
    explained.insert("duplicates");

    let listed: Vec<&str> = CORE_ALONE.iter().chain(&SCHEMA_ALONE).map(|(name, _)| *name).collect();
    assert_eq!(explained, listed.iter().copied().collect(), "what was seen, and what is listed");
    let documented = include_str!("../../crates/form/src/json_schema.md").lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| ")?.split_once(" |")?;
        (name != "what").then_some(name)
    });
    assert_eq!(documented.collect::<Vec<_>>(), listed, "what is documented, and what is listed");
}

/// Against the schema of schemas: what is none is refused by other validators before they look at a value.
#[test]
fn every_schema_is_one() {
    for (entry, method) in methods(&registry()) {
        jsonschema::draft202012::meta::validate(&schema(entry, method)).unwrap();
    }
}

#[test]
fn a_secret_is_write_only_and_no_value_stands_beside_it() {
    for (entry, method) in methods(&registry()) {
        let form = Form::new(entry.descriptor(), method);
        let [schema, ui, data] = [
            serde_json::to_value(form.json_schema()),
            serde_json::to_value(form.ui_schema()),
            serde_json::to_value(form.form_data()),
        ]
        .map(Result::unwrap);
        for field in method.fields() {
            let id = field.id().as_str();
            let property = schema["properties"][id].as_object().unwrap();
            assert_eq!(property.get("writeOnly").is_some_and(|it| it == true), field.is_secret(), "{id}");
            if field.is_secret() {
                for word in ["default", "examples", "const", "enum", "oneOf"] {
                    assert!(!property.contains_key(word), "{id}: {word}");
                }
                let widget = if field.is_multiline() { "textarea" } else { "password" };
                assert_eq!(ui[id]["ui:widget"], widget, "{id}");
                assert_eq!(data.get(id), None, "{id}");
            }
        }
    }
}
