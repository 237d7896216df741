//! How the pages look: a platform makes them its own.

use serde::{Deserialize, Serialize};

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
    pub(crate) fn logo(&self) -> Option<(&'static str, Vec<u8>)> {
        None
    }

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
}
