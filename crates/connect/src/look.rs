//! How the pages look: a platform makes them its own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyway_core::__private::hides;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::page::Colour;

const MAX_NAME: usize = 60;
const MAX_LOGO: usize = 32 * 1024;
const KINDS: [&str; 2] = ["image/svg+xml", "image/png"];
const MEMBERS: [&str; 6] = ["name", "logo", "accent", "accent_dark", "background", "background_dark"];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// How the pages look. What a session does not say, the configuration says; what neither says is plain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Look {
    /// What the platform is called; at most 60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its logo, as a `data:` URL of an SVG or PNG picture; at most 32 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The colour of buttons and links, as `#rrggbb`. Where it would be hard to read, a shade of it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<String>,
    /// The same on a dark background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent_dark: Option<String>,
    /// The background, as `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// The same of the dark theme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_dark: Option<String>,
}

/// Reads a look that was sealed. What a newer version added to it is left out.
pub(crate) fn sealed<'de, D: Deserializer<'de>>(from: D) -> Result<Look, D::Error> {
    let mut members = serde_json::Map::deserialize(from)?;
    members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    Look::deserialize(serde_json::Value::Object(members)).map_err(D::Error::custom)
}

/// Which way a page runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Left to right.
    #[default]
    Ltr,
    /// Right to left.
    Rtl,
}

impl Look {
    /// This look, and another's where it says nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let either = |one: &Option<String>, other: &Option<String>| one.clone().or_else(|| other.clone());
        Self {
            name: either(&self.name, &other.name),
            logo: either(&self.logo, &other.logo),
            accent: either(&self.accent, &other.accent),
            accent_dark: either(&self.accent_dark, &other.accent_dark),
            background: either(&self.background, &other.background),
            background_dark: either(&self.background_dark, &other.background_dark),
        }
    }

    /// Checks it. What is wrong comes as the field's name in the REST API and why; never the value.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(("look.name", "has 1 to 60 characters on one line, all of which can be seen"));
        }
        if self.logo.is_some() && self.logo().is_none() {
            return Err((
                "look.logo",
                "is `data:image/svg+xml;base64,…` or `data:image/png;base64,…`, of at most 32 KiB",
            ));
        }
        let colours = [
            ("look.accent", &self.accent),
            ("look.accent_dark", &self.accent_dark),
            ("look.background", &self.background),
            ("look.background_dark", &self.background_dark),
        ];
        for (field, text) in colours {
            if text.as_deref().is_some_and(|text| Colour::parse(text).is_none()) {
                return Err((field, "is a colour as `#rrggbb`"));
            }
        }
        Ok(())
    }

    /// The logo's content type and bytes, where there is one that can be shown.
    ///
    /// # Security
    /// An SVG may hold a script, which runs where it is opened as a page: serve it with a policy of its own.
    pub(crate) fn logo(&self) -> Option<(&'static str, Vec<u8>)> {
        let text = self.logo.as_deref()?.strip_prefix("data:")?;
        let (kind, data) = text.split_once(";base64,")?;
        let kind = KINDS.into_iter().find(|known| kind.eq_ignore_ascii_case(known))?;
        // Base64 takes four characters for three bytes.
        if data.len() > MAX_LOGO.div_ceil(3) * 4 {
            return None;
        }
        let bytes = STANDARD.decode(data).ok().filter(|bytes| bytes.len() <= MAX_LOGO)?;
        let is_picture = match kind {
            "image/png" => bytes.starts_with(PNG),
            _ => std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("<svg")),
        };
        is_picture.then_some((kind, bytes))
    }
}

fn is_name(name: &str) -> bool {
    let count = name.chars().count();
    let is_seen = !name.chars().any(char::is_control) && !hides(name);
    count <= MAX_NAME && is_seen && !name.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_sealed_look_is_read_but_what_is_not_known() {
        let text = |number: u8| Some(number.to_string());
        let look = Look {
            name: text(1),
            logo: text(2),
            accent: text(3),
            accent_dark: text(4),
            background: text(5),
            background_dark: text(6),
        };
        let mut value = serde_json::to_value(&look).unwrap();
        assert_eq!(sealed(value.clone()).unwrap(), look);
        value["later"] = 7.into();
        assert_eq!(sealed(value.clone()).unwrap(), look);
        assert!(Look::deserialize(value).is_err(), "a platform is told");
    }

    fn data(kind: &str, bytes: &[u8]) -> String {
        format!("data:{kind};base64,{}", STANDARD.encode(bytes))
    }

    /// That many bytes which begin as a PNG does.
    fn png(count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        bytes[..PNG.len()].copy_from_slice(PNG);
        bytes
    }

    #[test]
    fn what_can_be_shown_is_taken() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
        for logo in [data("image/svg+xml", svg), data("image/png", &png(MAX_LOGO))] {
            let look = Look {
                name: Some("Acme \u{5e9}\u{5dc}\u{5d5}\u{5dd}".to_owned()),
                logo: Some(logo),
                accent: Some("#635BFF".to_owned()),
                ..Look::default()
            };
            assert_eq!(look.check(), Ok(()));
            assert!(look.logo().is_some());
        }
        assert_eq!(Look::default().check(), Ok(()));
    }

    #[test]
    fn n63_what_cannot_be_is_refused_by_name_and_never_repeated() {
        let large = data("image/png", &png(MAX_LOGO + 1));
        let html = data("text/html", b"<svg>");
        let cases: &[(&str, &[&str])] = &[
            ("look.name", &["", " ", "two\nlines", "a\u{202e}b", "a\u{200b}b", &"x".repeat(61)]),
            (
                "look.logo",
                &[
                    "",
                    "https://evil.example/logo.svg",
                    "javascript:alert(1)",
                    "data:image/svg+xml,<svg/>",
                    "data:image/png;base64,****",
                    "data:image/png;base64,PHN2Zz4=",
                    "data:image/svg+xml;base64,AAAA",
                    &html,
                    &large,
                ],
            ),
            ("look.accent", &["red", "#fff", "#12345g", "#123456;}"]),
            ("look.background_dark", &["url(//evil.example)"]),
        ];
        for (field, texts) in cases {
            for text in *texts {
                let said = Some((*text).to_owned());
                let mut look = Look::default();
                match *field {
                    "look.name" => look.name = said,
                    "look.logo" => look.logo = said,
                    "look.accent" => look.accent = said,
                    _ => look.background_dark = said,
                }
                let (named, why) = look.check().unwrap_err();
                assert_eq!(named, *field, "{text}");
                assert!(text.trim().len() < 4 || !why.contains(text), "{why}");
            }
        }
    }
}
