//! `{field}` and nothing more: compiled when the descriptor loads, never re-read.

use crate::{Id, yaml::At};

/// A compiled template: literal text and fields in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<str>),
    Name(Box<str>),
}

impl Template {
    /// Compiles a text; `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (literal, tail) = rest.split_at(open);
            if tail.starts_with('}') {
                return Err("a `}` without its `{`".into());
            }
            let Some(close) = tail.find('}') else { return Err("a `{` without its `}`".into()) };
            let name = &tail[1..close];
            if name.is_empty() || name.contains('{') {
                return Err("a name is expected between `{` and `}`".into());
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            parts.push(Part::Name(name.into()));
            rest = &tail[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        Ok(Self { parts })
    }

    /// Compiles a text of a descriptor, and checks its names against the fields there are.
    pub(crate) fn read(at: &At<'_>, text: &str, fields: &[Id]) -> Option<Self> {
        let template = match Self::parse(text) {
            Ok(template) => template,
            Err(message) => {
                at.fault(message, "a template is text with `{field}` in it, and nothing more".to_owned());
                return None;
            }
        };
        let mut known = true;
        for name in template.names() {
            if !fields.iter().any(|field| field.as_str() == name) {
                let help = crate::problem::suggest(name, fields.iter().map(Id::as_str));
                at.fault(format!("`{{{name}}}` is not a field of this method"), help);
                known = false;
            }
        }
        known.then_some(template)
    }

    /// The parts.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(&**name),
            Part::Literal(_) => None,
        })
    }

    /// Tells whether a field is among the names.
    pub(crate) fn uses(&self, field: &Id) -> bool {
        self.names().any(|name| name == field.as_str())
    }

    /// The name, when the template is one name and nothing else.
    pub(crate) fn sole_name(&self) -> Option<&str> {
        match &*self.parts {
            [Part::Name(name)] => Some(name),
            _ => None,
        }
    }

    /// Puts values in; `None` when one is missing. A value is never looked into, so `{x}` in it stays as it is.
    pub(crate) fn render<'v>(
        &self,
        mut value: impl FnMut(&str) -> Option<std::borrow::Cow<'v, str>>,
    ) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Name(name) => out.push_str(&value(name)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_expanded_again() {
        let template = Template::parse("Bearer {a}/{b}").unwrap();
        let out = template.render(|name| Some(if name == "a" { "{b} %s $1".into() } else { "x".into() }));
        assert_eq!(out.as_deref(), Some("Bearer {b} %s $1/x"));
        assert_eq!(
            template.render(|name| (name == "a").then(|| "x".into())),
            None,
            "a missing value is an error"
        );
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        for text in ["{", "}", "{}", "a{b", "a}b", "{a{b}}", "x {{a}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
