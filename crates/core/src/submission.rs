//! Raw values as they came from a form or a call: not to be trusted.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Field, Method, Secret, accept};

/// The most values of one submission.
pub(crate) const MAX_VALUES: usize = 256;
/// The largest JSON of a submission, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The length from which a part of a secret gives something away, in bytes.
const PART: usize = 8;

/// Raw values as they came from a form or a call, by field id. Nothing of it is trusted, and `Debug` shows neither
/// values nor names: a key may have been pasted in the place of a name.
#[derive(Default)]
pub struct Submission {
    pub(crate) values: Vec<(String, Raw)>,
    /// There were more than [`MAX_VALUES`]; the rest was not kept.
    pub(crate) overflows: bool,
}

/// A raw value.
#[derive(Debug)]
pub(crate) enum Raw {
    Text(Secret),
    /// Something that is not text; says what.
    Wrong(&'static str),
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A text is not a submission at all. Says where, and never what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmissionError {
    /// The text is not JSON.
    #[error("this is not JSON (line {line}, column {column})")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The text is JSON, but not an object.
    #[error("this is not a JSON object; write {{\"field\": \"value\"}}")]
    NotAnObject,
    /// The text is larger than 1 MiB.
    #[error("this is too large: at most 1 MiB")]
    TooLarge,
}

impl Submission {
    /// Makes an empty submission.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, field: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.push((field.into(), Raw::Text(Secret::new(value))));
        self
    }

    /// What a form may show again of the value for a field: the value as it came, when the field is not secret, it was
    /// given once, and it is neither what was given for a secret field too, nor begins as one usually does.
    ///
    /// # Security
    /// A person may paste a key into the wrong input. Whoever shows a value again also leaves out what was refused.
    pub fn shown(&self, method: &Method, field: &Field) -> Option<&str> {
        if field.is_secret() {
            return None;
        }
        let mut given = self.values.iter().filter(|(name, _)| field.is_called(name));
        match (given.next(), given.next()) {
            (Some((_, Raw::Text(text))), None) => {
                let text = text.expose();
                (!self.holds_secret(method, text) && !looks_secret(method, text)).then_some(text)
            }
            _ => None,
        }
    }

    /// Tells whether a text holds what was given for a secret field, or a good part of it, in any case of its letters and
    /// with or without what people paste around it. What was given and is no text may be anything.
    fn holds_secret(&self, method: &Method, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        self.values.iter().any(|(name, raw)| {
            let Some(field) = method.field(name).filter(|field| field.is_secret()) else { return false };
            let Raw::Text(value) = raw else { return true };
            let value = accept::trim(value.expose(), field.strip()).to_lowercase();
            !value.is_empty() && (text.contains(&value) || (text.len() >= PART && value.contains(&text)))
        })
    }

    /// Reads a JSON object of texts. Values of another type, names that stand twice, and too many values are kept as
    /// such: accepting reports them with everything else.
    ///
    /// # Errors
    /// When the text is not a JSON object, or is too large. The error says where, never what.
    pub fn from_json(json: &[u8]) -> Result<Self, SubmissionError> {
        if json.len() > MAX_BYTES {
            return Err(SubmissionError::TooLarge);
        }
        let mut shape = Shape::default();
        let mut deserializer =
            serde_json::Deserializer::from_slice(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json));
        let read = deserializer
            .deserialize_any(Values(&mut shape))
            .and_then(|values| deserializer.end().map(|()| values));
        match read {
            Ok(values) if shape.object => Ok(Self { values, overflows: shape.too_many }),
            // serde_json's message may quote the input; its position may be shown.
            Err(error) if error.is_syntax() || error.is_eof() || error.is_io() || shape.object => {
                Err(SubmissionError::Json { line: error.line().max(1), column: error.column().max(1) })
            }
            _ => Err(SubmissionError::NotAnObject),
        }
    }
}

/// Tells whether a word of a text begins like a secret of the method: a key that was pasted into the wrong input.
fn looks_secret(method: &Method, text: &str) -> bool {
    let mut secrets = method.fields().iter().filter(|field| field.is_secret());
    secrets.any(|field| {
        text.split(|c: char| c.is_whitespace() || "\"'`“‘<=:".contains(c))
            .any(|word| field.usually_begins(word))
    })
}

#[derive(Default)]
struct Shape {
    object: bool,
    too_many: bool,
}

struct Values<'s>(&'s mut Shape);

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Vec<(String, Raw)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        self.0.object = true;
        let mut values = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if values.len() >= MAX_VALUES {
                self.0.too_many = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            values.push((name, map.next_value_seed(Raw::Wrong("nothing"))?));
        }
        Ok(values)
    }
}

impl<'de> DeserializeSeed<'de> for Raw {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(Secret::new(text)))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(Secret::new(text)))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Wrong("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Wrong("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Wrong("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Raw::Wrong("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Raw::Wrong("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_object_is_told_apart_from_what_is_not_json() {
        for text in ["[]", "\"x\"", "1", "null", "true", "[{\"a\":1}]"] {
            assert_eq!(
                Submission::from_json(text.as_bytes()).unwrap_err(),
                SubmissionError::NotAnObject,
                "{text}"
            );
        }
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":\"sk_canary\"",
            "{\"a\":\"sk_canary\"}x",
            "{\"a\":1}{\"b\":2}",
            "{\"a\":[1,{\"b\":sk_canary}]}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{1:2}",
            "{a:1}",
            "\u{1}",
            "\"sk_canary",
        ] {
            let error = Submission::from_json(text.as_bytes()).unwrap_err();
            assert!(matches!(error, SubmissionError::Json { .. }), "{text}: {error}");
            assert!(!error.to_string().contains("sk_canary"));
        }
    }

    #[test]
    fn a_flood_and_a_well_are_refused() {
        let flood: Vec<String> = (0..10_000).map(|index| format!("\"f{index}\":\"v\"")).collect();
        let flood = format!("{{{}}}", flood.join(","));
        let flood = Submission::from_json(flood.as_bytes()).unwrap();
        assert!(flood.overflows && flood.values.len() == MAX_VALUES);
        let well = "[".repeat(10_000);
        assert!(Submission::from_json(format!("{{\"a\":{well}").as_bytes()).is_err());
        let well = format!("{{\"a\":{well}{}}}", "]".repeat(10_000));
        assert_eq!(Submission::from_json(well.as_bytes()).unwrap().values.len(), 1, "a list, and no text");
        assert_eq!(Submission::from_json(b"\xef\xbb\xbf{\"a\":\"b\"}").unwrap().values.len(), 1, "a mark");
        assert!(Submission::from_json(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
        assert!(Submission::from_json(b"{\"a\":\"\xff\"").is_err(), "not UTF-8");
        assert_eq!(Submission::from_json(&vec![b' '; MAX_BYTES + 1]).unwrap_err(), SubmissionError::TooLarge);
    }
}
