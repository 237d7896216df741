//! Where values go: a closed set of places.

use http::{HeaderMap, HeaderName, header};

use crate::{
    Field, Id, Secret,
    accept::place::Place,
    api::Api,
    draft::is_cookie,
    header::{HEADERS_SET, Sent, has, placeable_header, sensitive},
    template::{Part, Template},
    yaml::{At, Holds, Key, Like, MAX_ENTRIES, MapView, Names, Node, Together, Words},
};

pub(crate) static AUTHORIZE: Words = Words {
    noun: "how to authorize",
    keys: &[
        Key::may(
            "headers",
            Holds::Map(&HEADERS_SET, &Holds::Like(&PLACED)),
            "templates by the name of a header, in lower case",
            &["{ authorization: \"Bearer {api_key}\" }"],
        ),
        Key::may(
            "query",
            Holds::Map(&Names { like: &QUERY, never: &[], count: (0, MAX_ENTRIES) }, &Holds::Like(&PLACED)),
            "templates by the name of a query parameter",
            &["{ key: \"{api_key}\" }"],
        ),
        Key::may(
            "cookies",
            Holds::Map(&Names { like: &COOKIE, never: &[], count: (0, MAX_ENTRIES) }, &Holds::Like(&PLACED)),
            "templates by the name of a cookie",
            &["{ session: \"{session}\" }"],
        ),
        Key::may(
            "basic",
            Holds::Words(&BASIC),
            "user and password of HTTP Basic",
            &["{ user: \"{email}/token\", password: \"{api_key}\" }"],
        ),
    ],
    together: &[Together::AnyOf(&["headers", "query", "cookies", "basic"])],
};
static BASIC: Words = Words {
    noun: "HTTP Basic",
    keys: &[
        Key::need(
            "user",
            Holds::Like(&Like {
                noun: "a template without a colon",
                pattern: r"^ *([^{}:\s]|\{[a-z][a-z0-9_]*\})([^{}:\n]|\{[a-z][a-z0-9_]*\})*$",
            }),
            "a template without a colon",
            &["\"{email}/token\""],
        ),
        Key::need(
            "password",
            Holds::Like(&Like {
                noun: "a template",
                pattern: r"^( *([^{}\s]|\{[a-z][a-z0-9_]*\})([^{}\n]|\{[a-z][a-z0-9_]*\})*)?$",
            }),
            "a template; it may be empty",
            &["\"{api_key}\"", "\"\""],
        ),
    ],
    together: &[],
};

static PLACED: Like = Like {
    noun: "a template with at least one `{field}`",
    pattern: r"^[^{}\n]*(\{[a-z][a-z0-9_]*\}[^{}\n]*)+$",
};
static QUERY: Like = Like { noun: "a query parameter's name", pattern: r"^[A-Za-z0-9_.\[\]-]+$" };
static COOKIE: Like = Like { noun: "a cookie's name", pattern: r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" };

/// Where a method's values go.
#[derive(Debug, Default)]
pub(crate) struct Placements {
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) cookies: Vec<(String, Template)>,
    /// User and password of HTTP Basic.
    pub(crate) basic: Option<(Template, Template)>,
}

impl Placements {
    pub(crate) fn read(at: &At<'_>, node: &Node, fields: &[Id], api: &Api) -> Self {
        let map = MapView::open(node, at, &AUTHORIZE);
        let placed = |at: &At<'_>, node: &Node| {
            let template = Template::read(at, at.line(node)?, fields)?;
            if template.names().next().is_none() {
                let help = "put fixed headers under `api.headers`".to_owned();
                at.fault("a placement holds at least one `{field}`", help);
                return None;
            }
            Some(template)
        };
        let placements = Self {
            headers: map.map("headers", |at, name, node| {
                let name = placeable_header(at, name);
                let template = placed(at, node);
                if let Some(name) = &name
                    && api.companions.iter().any(|(other, _)| other == name)
                {
                    at.key_fault(format!("`{name}` stands under `api.headers` too"), None);
                }
                if template
                    .as_ref()
                    .is_some_and(|template| sensitive(&Secret::new(sample(template))).is_none())
                {
                    at.fault("a header's value is visible ASCII, without a space at either end", None);
                }
                Some((name?, template?))
            }),
            query: map.map("query", |at, name, node| {
                let name = query_name(at, name);
                Some((name?, placed(at, node)?))
            }),
            cookies: map.map("cookies", |at, name, node| {
                let template = placed(at, node)?;
                if !is_cookie(name, "x") {
                    let help = "letters, digits, `-`, `_` and `.`".to_owned();
                    at.key_fault("this cannot be a cookie's name", help);
                } else if !is_cookie(name, &sample(&template)) {
                    let help = "visible ASCII without quotes, commas, semicolons and backslashes".to_owned();
                    at.fault("this cannot be a cookie's value", help);
                }
                Some((name.to_owned(), template))
            }),
            basic: map.read("basic", |at, node| read_basic(at, node, fields)),
        };
        if map.says_nothing() {
            let help = "`headers`, `query`, `cookies` or `basic`".to_owned();
            at.key_fault("a method places a value somewhere", help);
        }
        if placements.basic.is_some() && placements.sets_itself(&header::AUTHORIZATION) {
            at.key("basic").key_fault("`basic` sets `authorization`, and so does `headers`", None);
        }
        placements
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        let named = self.query.iter().chain(&self.cookies).map(|(_, template)| template);
        self.headers
            .iter()
            .map(|(_, template)| template)
            .chain(named)
            .chain(self.basic.iter().flat_map(|(user, password)| [user, password]))
    }

    /// Tells whether a field's value is placed in requests.
    pub(crate) fn uses(&self, field: &Id) -> bool {
        self.all().any(|template| template.uses(field))
    }

    /// Where a field's value goes, as far as it decides about the characters allowed.
    pub(crate) fn place(&self, field: &Id) -> Place {
        let named = |list: &[(String, Template)]| list.iter().any(|(_, template)| template.uses(field));
        Place {
            raw: self.headers.iter().any(|(_, template)| template.uses(field))
                || named(&self.query)
                || named(&self.cookies),
            label: false,
            basic_user: self.basic.as_ref().is_some_and(|(user, _)| user.uses(field)),
        }
    }

    /// What stands right before a field's value in a header, such as `Bearer `: whoever copies a whole header pastes
    /// it too.
    pub(crate) fn before(&self, field: &Field) -> impl Iterator<Item = &str> {
        self.headers.iter().filter_map(|(_, template)| match template.parts() {
            [Part::Literal(literal), Part::Name(name), ..]
                if **name == *field.id().as_str() && literal.trim().len() > 1 =>
            {
                Some(&**literal)
            }
            _ => None,
        })
    }

    fn sets_itself(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|(own, _)| own == name)
    }

    /// Tells whether placing sets a header, and so replaces what the caller had.
    fn sets(&self, name: &HeaderName) -> bool {
        self.sets_itself(name) || (self.basic.is_some() && *name == header::AUTHORIZATION)
    }

    /// What goes, besides what placing replaces.
    pub(crate) fn strips(&self, api: &Api) -> Strips {
        let mut strips = Strips {
            authorization: !self.sets(&header::AUTHORIZATION),
            cookies: !api.keep_cookies,
            others: Vec::new(),
            query: self.query.iter().map(|(name, _)| name).chain(&api.strip_query).cloned().collect(),
        };
        let twins = self.headers.iter().flat_map(|(name, _)| twins(name));
        for name in api.strip_headers.iter().cloned().chain(twins) {
            if !self.sets(&name) && !strips.others.contains(&name) {
                strips.others.push(name);
            }
        }
        strips
    }
}

/// What is removed from every request before anything is placed, and is not replaced by placing.
#[derive(Debug)]
pub(crate) struct Strips {
    authorization: bool,
    cookies: bool,
    others: Vec<HeaderName>,
    /// Parameters, those that the method places among them.
    pub(crate) query: Vec<String>,
}

impl Strips {
    /// Removes headers.
    pub(crate) fn remove_from(&self, headers: &mut HeaderMap, sent: &Sent) {
        if sent.proxy_authorization {
            headers.remove(header::PROXY_AUTHORIZATION);
        }
        if sent.host {
            headers.remove(header::HOST);
        }
        if sent.authorization && self.authorization {
            headers.remove(header::AUTHORIZATION);
        }
        if sent.cookie && self.cookies {
            headers.remove(header::COOKIE);
        }
        for name in &self.others {
            if has(headers, name) {
                headers.remove(name);
            }
        }
    }
}

/// A template with something in the place of each value.
fn sample(template: &Template) -> String {
    template.render(|_| Some("x".into())).unwrap_or_default()
}

fn read_basic(at: &At<'_>, node: &Node, fields: &[Id]) -> Option<(Template, Template)> {
    let map = MapView::open(node, at, &BASIC);
    let template = |at: &At<'_>, node: &Node| Template::read(at, at.line(node)?, fields);
    let user = map.need("user", |at, node| {
        let user = template(at, node)?;
        if sample(&user).contains(':') {
            let help = "the first colon ends the user's name (RFC 7617)".to_owned();
            at.fault("a user's name of HTTP Basic holds no colon", help);
        }
        Some(user)
    });
    // Stripe and others take the key as the user's name, and an empty password.
    let password = match map.get("password") {
        Some(Node::Text(text)) if text.is_empty() => Template::parse("").ok(),
        _ => map.need("password", template),
    };
    let (user, password) = (user?, password?);
    if user.names().chain(password.names()).next().is_none() {
        at.key_fault("a placement holds at least one `{field}`", None);
    }
    Some((user, password))
}

fn query_name(at: &At<'_>, name: &str) -> Option<String> {
    let ok =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte));
    if !ok {
        let help = "letters, digits, `-`, `_`, `.`, `[` and `]`".to_owned();
        at.key_fault("this cannot be a query parameter's name", help);
    }
    ok.then(|| name.to_owned())
}

/// The spellings of a header's name with `_` for `-`. Servers that hand headers on as variables (CGI, WSGI, PHP) take
/// both for the same one, so a caller could put a value beside the credential's.
fn twins(name: &HeaderName) -> Vec<HeaderName> {
    const MOST_DASHES: usize = 4;
    let dashes: Vec<usize> = name.as_str().match_indices('-').map(|(at, _)| at).collect();
    let rounds = if dashes.len() > MOST_DASHES { 1..2 } else { 1..1 << dashes.len() };
    rounds
        .filter_map(|round: u32| {
            let mut twin = name.as_str().to_owned().into_bytes();
            for (index, at) in dashes.iter().enumerate() {
                if dashes.len() > MOST_DASHES || round >> index & 1 == 1 {
                    twin[*at] = b'_';
                }
            }
            HeaderName::from_bytes(&twin).ok()
        })
        .filter(|twin| twin != name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_twin_for_every_dash() {
        let names = |name: &'static str| -> Vec<String> {
            twins(&HeaderName::from_static(name)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("zsessionid"), [""; 0]);
        assert_eq!(names("x-api-key"), ["x_api-key", "x-api_key", "x_api_key"]);
        assert_eq!(names("a-b-c-d-e-f"), ["a_b_c_d_e_f"]);
    }
}
