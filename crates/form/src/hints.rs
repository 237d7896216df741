//! What can be said of a value while it is typed: in the words of core, and as sentences.

use keyway_core::{Charset, Field};
use serde::Serialize;

use crate::terminal::sentence;

/// What a value is trimmed of, what people paste by mistake, and what it usually looks like.
#[derive(Serialize)]
pub(crate) struct Hints<'a> {
    strip: &'a [String],
    mistakes: Vec<Mistake<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Shape<'a>>,
    /// Whether white space may stand inside; there only when it may.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    spaces: bool,
}

#[derive(Serialize)]
struct Mistake<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contains: Option<&'a str>,
    refuse: bool,
    say: String,
}

#[derive(Serialize)]
struct Shape<'a> {
    prefix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    charset: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    say: String,
}

impl<'a> Hints<'a> {
    pub(crate) fn of(field: &'a Field) -> Self {
        // Core compares secrets alone.
        let shape = field.shape().filter(|_| field.is_secret()).map(|shape| Shape {
            prefix: shape.prefix(),
            charset: shape.charset().map(Charset::class),
            length: shape.length(),
            say: sentence(&field.unlike().unwrap_or_default()),
        });
        let mistake = |mistake: &'a keyway_core::Mistake| Mistake {
            prefix: mistake.prefix(),
            suffix: mistake.suffix(),
            contains: mistake.contains(),
            refuse: mistake.is_refused(),
            say: sentence(mistake.say()),
        };
        let spaces = field.is_secret() && field.allows_spaces();
        Self { strip: field.strip(), mistakes: field.mistakes().iter().map(mistake).collect(), shape, spaces }
    }

    /// Tells whether there is nothing to say.
    pub(crate) fn is_empty(&self) -> bool {
        self.mistakes.is_empty() && self.shape.is_none()
    }
}
