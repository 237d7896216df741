//! HTTP requests as fixtures write them: a line, headers, and a body.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

/// A request as a fixture writes it. `{field}` stands for a value of the key in use, and `base64(…)` for what HTTP Basic
/// makes of the text between the brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Message {
    /// Reads `METHOD target`, then `name: value` lines, then an empty line and a body.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = text.trim_end().split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut lines = head.lines().map(str::trim_end);
        let line = lines.next().unwrap_or_default();
        let (method, target) = line.split_once(' ').ok_or("the first line is `METHOD target`")?;
        let method = method.parse().map_err(|_| "the first line begins with an HTTP method")?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("a header is `name: value`")?;
            if name != name.to_ascii_lowercase() || HeaderName::try_from(name).is_err() {
                return Err(format!("`{name}` is not a header's name in lower case"));
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self { method, target: target.trim().to_owned(), headers, body: body.to_owned() })
    }

    /// Puts values in.
    pub(crate) fn fill(&self, values: &BTreeMap<String, String>) -> Self {
        let fill = |text: &str| {
            let filled = values
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
            encode(&filled)
        };
        Self {
            method: self.method.clone(),
            target: fill(&self.target),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            body: fill(&self.body),
        }
    }

    /// The headers as a map.
    pub(crate) fn header_map(&self) -> HeaderMap {
        let pairs = self.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        map
    }

    /// The whole request as one text, headers sorted, so that two can be compared and a difference be read.
    pub(crate) fn text(&self) -> String {
        let mut headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        headers.sort();
        let mut lines = vec![format!("{} {}", self.method, self.target)];
        lines.extend(headers);
        if !self.body.is_empty() {
            lines.extend([String::new(), self.body.clone()]);
        }
        lines.join("\n")
    }
}

/// Puts Base64 in the place of `base64(…)`.
fn encode(text: &str) -> String {
    let Some((before, rest)) = text.split_once("base64(") else { return text.to_owned() };
    let (plain, after) = rest.split_once(')').unwrap_or((rest, ""));
    format!("{before}{}{after}", STANDARD.encode(plain))
}

impl From<&Request<Bytes>> for Message {
    fn from(request: &Request<Bytes>) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: request.method().clone(),
            target: request.uri().to_string(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        }
    }
}
