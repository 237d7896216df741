//! How to draw a form, in the words of react-jsonschema-form.

use serde_json::{Value, json};

use crate::Form;

impl Form<'_> {
    /// How to draw the [JSON Schema](Self::json_schema), in the words of react-jsonschema-form.
    pub fn ui_schema(&self) -> Value {
        json!({})
    }
}
