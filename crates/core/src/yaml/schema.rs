//! The tables of words as a JSON Schema, for editors.

use serde_json::{Map, Value, json};

use super::{
    At, Faults, Node,
    read::{MAX_LINE, MAX_TEXT},
    words::{Holds, Key, Names, Together, Words},
};

impl Words {
    /// The schema of such a map: draft 07, the newest that editors of YAML read.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = self.keys_schema();
        schema["type"] = json!("object");
        schema
    }

    fn keys_schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.keys.iter().map(|key| (key.name.to_owned(), key.schema())).collect();
        let needed: Vec<&str> = self.keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
        let mut schema = json!({ "properties": properties, "additionalProperties": false });
        if !needed.is_empty() {
            schema["required"] = json!(needed);
        }
        let mut apart = Vec::new();
        for together in self.together {
            match together {
                Together::AnyOf(names) => {
                    schema["anyOf"] = names.iter().map(|name| json!({ "required": [name] })).collect();
                }
                Together::One => {
                    schema["minProperties"] = json!(1);
                    schema["maxProperties"] = json!(1);
                }
                Together::Beside(name, other) => schema["dependencies"][name] = json!([other]),
                Together::Apart(name, other) => apart.push(json!({ "not": { "required": [name, other] } })),
            }
        }
        if !apart.is_empty() {
            schema["allOf"] = json!(apart);
        }
        schema
    }
}

impl Key {
    fn schema(&self) -> Value {
        let mut schema = self.holds.schema();
        schema["description"] = json!(self.says);
        // Without it, editors show the marks.
        if self.says.contains(['`', '*']) {
            schema["markdownDescription"] = json!(self.says);
        }
        schema["examples"] = self.examples.iter().map(|text| example(text)).collect();
        schema
    }
}

/// An example as JSON. What is no YAML would be text: a test holds each example against its own schema.
fn example(text: &str) -> Value {
    let faults = Faults::default();
    let node = super::parse("", text).unwrap_or_else(|_| Node::Text(text.to_owned()));
    At::root(&faults).json(&node)
}

impl Holds {
    fn schema(&self) -> Value {
        match self {
            Self::Line => up_to(MAX_LINE, text(r"^.*\S.*$", "one line of text")),
            Self::Text => up_to(MAX_TEXT, text(r"\S", "text")),
            Self::Like(like) => up_to(MAX_LINE, text(like.pattern, like.noun)),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Number(only, last) if only == last => json!({ "type": "integer", "const": only }),
            Self::Number(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
            Self::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Self::Any => json!({}),
            // What is said of a map's keys holds for maps alone.
            Self::AnyOrWords(words) => words.keys_schema(),
            Self::List(of, 0) => json!({ "type": "array", "items": of.schema() }),
            Self::List(of, least) => json!({ "type": "array", "items": of.schema(), "minItems": least }),
            Self::Few(of, least, most) => {
                json!({ "type": "array", "items": of.schema(), "minItems": least, "maxItems": most })
            }
            Self::Map(names, of) => {
                let (least, most) = names.count;
                let mut schema = json!({
                    "type": "object",
                    "propertyNames": names.schema(),
                    "additionalProperties": of.schema(),
                    "maxProperties": most,
                });
                if least > 0 {
                    schema["minProperties"] = json!(least);
                }
                schema
            }
            Self::Words(words) => words.schema(),
            Self::Either(forms) => {
                json!({ "anyOf": forms.iter().map(Self::schema).collect::<Vec<_>>() })
            }
        }
    }
}

impl Names {
    fn schema(&self) -> Value {
        let mut schema = text(self.like.pattern, self.like.noun);
        if !self.never.is_empty() {
            schema["not"] = json!({ "enum": self.never });
        }
        schema
    }
}

fn up_to(most: usize, mut schema: Value) -> Value {
    schema["maxLength"] = json!(most);
    schema
}

/// The schema of a text. Validators overlook `patternErrorMessage`; editors show it instead of the pattern.
fn text(pattern: &str, noun: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": format!("{noun} is expected here") })
}
