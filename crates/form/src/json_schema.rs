//! A form as JSON Schema 2020-12.

use serde_json::{Value, json};

use crate::Form;

impl Form<'_> {
    /// The JSON Schema (2020-12) of a submission.
    pub fn json_schema(&self) -> Value {
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object" })
    }
}
