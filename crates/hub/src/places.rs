//! Where a grant may stand in a request: wherever a provider's key may.

use std::collections::{BTreeSet, HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};
use keyway_core::{Place, Registry};
use keyway_vault::{NotAToken, TokenHash};
use memchr::memmem;
use percent_encoding::percent_decode_str;

use crate::{
    intake::{token_in, tokens_in},
    problem::{Code, Problem},
};

/// So many names are compared one by one.
const FEW: usize = 8;
/// The longest `Authorization: Basic` that is looked into, in bytes.
const MAX_BASIC: usize = 1024;

/// The places of all methods of all providers.
#[derive(Debug)]
pub(crate) struct Places {
    headers: Vec<HeaderName>,
    /// The same, where they are more than are compared one by one in less time than it takes to hash a name.
    many: Option<HashSet<HeaderName>>,
    query: Vec<Box<str>>,
    cookies: Vec<Box<str>>,
}

/// A grant's token, found, and taken out of the request.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hash: TokenHash,
    /// The target without it, where it stood there.
    pub(crate) target: Option<PathAndQuery>,
    /// How often it stood there as it is.
    pub(crate) taken: usize,
}

impl Places {
    pub(crate) fn of(registry: &Registry) -> Self {
        // Whatever the provider: a client that knows one way to send a token sends it so.
        let mut headers = BTreeSet::from([header::AUTHORIZATION.as_str().to_owned()]);
        let (mut query, mut cookies) = (BTreeSet::new(), BTreeSet::new());
        for entry in registry.entries() {
            for place in entry.descriptor().methods().iter().flat_map(|method| method.places()) {
                match place {
                    Place::Header { name, .. } => drop(headers.insert(name.as_str().to_owned())),
                    Place::Query { name } => drop(query.insert(name.into())),
                    Place::Cookie { name } => drop(cookies.insert(name.into())),
                    _ => {}
                }
            }
        }
        let name = |name: String| HeaderName::try_from(name).ok();
        let headers: Vec<HeaderName> = headers.into_iter().filter_map(name).collect();
        Self {
            many: (headers.len() > FEW).then(|| headers.iter().cloned().collect()),
            headers,
            query: query.into_iter().collect(),
            cookies: cookies.into_iter().collect(),
        }
    }

    /// Finds the one grant of a request, and takes it out.
    pub(crate) fn take(
        &self,
        own: Option<&HeaderValue>,
        headers: &mut HeaderMap,
        target: &PathAndQuery,
    ) -> Result<Found, Problem> {
        let mut found = Finding { hash: None, taken: 0 };
        let mut other = None;
        if let Some(own) = own {
            let token = token_in(own.as_bytes()).ok_or_else(|| match of_another_kind(own.as_bytes()) {
                Some(what) => Problem::from(Code::GrantUnknown).because(what),
                None => refused(NotAToken::Other),
            });
            found.add(token?)?;
            found.taken += tokens_in(own.as_bytes());
        }
        let placed: Vec<HeaderName> = headers.keys().filter(|name| self.is_place(name)).cloned().collect();
        for name in &placed {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                let problem = Problem::from(Code::GrantTwice);
                return Err(problem.because(format!("the header {name} is there twice")));
            }
            if let Some(token) = token_in(value.as_bytes()) {
                found.add(token)?;
                found.taken += tokens_in(value.as_bytes());
            } else if *name == header::AUTHORIZATION
                && let Some(pair) = basic(value)
                && let Some(token) = token_in(pair.as_bytes())
            {
                // Beside a key there is a name, perhaps, and `:` may stand before a token.
                found.add(token.rsplit(':').next().unwrap_or(token))?;
            }
            if found.hash.is_none() {
                other = other.or_else(|| of_another_kind(value.as_bytes()));
            }
            // Whatever else stands there is a credential of the caller's own, for whichever provider.
            headers.remove(name);
        }
        if !self.cookies.is_empty() {
            self.in_cookies(headers, &mut found)?;
        }
        let target = if self.query.is_empty() { None } else { self.in_query(target, &mut found)? };
        match found.hash {
            Some(hash) => Ok(Found { hash, target, taken: found.taken }),
            None => Err(match other {
                Some(what) => Problem::from(Code::GrantMissing).because(what),
                None => Code::GrantMissing.into(),
            }),
        }
    }

    /// Whether some method places a key in a header.
    fn is_place(&self, name: &HeaderName) -> bool {
        match &self.many {
            Some(many) => many.contains(name),
            None => self.headers.contains(name),
        }
    }

    fn in_cookies(&self, headers: &mut HeaderMap, found: &mut Finding) -> Result<(), Problem> {
        let is_ours = |pair: &str| {
            let (name, value) = pair.trim().split_once('=')?;
            let is_known = self.cookies.iter().any(|known| **known == *name);
            token_in(value.as_bytes()).filter(|_| is_known).map(str::to_owned)
        };
        let mut others = Vec::new();
        let mut had = false;
        for value in headers.get_all(header::COOKIE) {
            for pair in value.to_str().unwrap_or_default().split(';') {
                match is_ours(pair) {
                    Some(token) => {
                        found.add(&token)?;
                        found.taken += tokens_in(pair.as_bytes());
                        had = true;
                    }
                    None => others.push(pair.trim().to_owned()),
                }
            }
        }
        if had {
            headers.remove(header::COOKIE);
            if let Ok(value) = HeaderValue::try_from(others.join("; "))
                && !value.is_empty()
            {
                headers.insert(header::COOKIE, value);
            }
        }
        Ok(())
    }

    fn in_query(&self, target: &PathAndQuery, found: &mut Finding) -> Result<Option<PathAndQuery>, Problem> {
        let Some(query) = target.query().filter(|query| query.contains("kwg_")) else { return Ok(None) };
        let mut others = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            let is_known = self.query.iter().any(|known| **known == *name);
            match token_in(value.as_bytes()).filter(|_| is_known) {
                Some(token) => {
                    found.add(token)?;
                    found.taken += tokens_in(pair.as_bytes());
                }
                None => others.push(pair),
            }
        }
        let sign = if others.is_empty() { "" } else { "?" };
        let text = format!("{}{sign}{}", target.path(), others.join("&"));
        Ok(PathAndQuery::try_from(text).ok())
    }
}

/// What was found so far.
struct Finding {
    hash: Option<TokenHash>,
    taken: usize,
}

impl Finding {
    /// Adds one. Clients that send a key in two places send the grant in both.
    fn add(&mut self, token: &str) -> Result<(), Problem> {
        let hash = TokenHash::parse(token).map_err(refused)?;
        match &self.hash {
            Some(known) if !known.is(hash.as_bytes()) => Err(Code::GrantTwice.into()),
            _ => {
                self.hash = Some(hash);
                Ok(())
            }
        }
    }
}

fn refused(why: NotAToken) -> Problem {
    Problem::from(Code::GrantUnknown).because(why.to_string())
}

/// What a token of ours is that is no grant, for whoever mistook one address for the other.
fn of_another_kind(text: &[u8]) -> Option<&'static str> {
    let has = |kind: &str| memmem::find(text, kind.as_bytes()).is_some();
    if has("kwa_") {
        Some("this is a token of the REST API; the gateway takes grants (`kwg_…`), which the REST API makes")
    } else if has("kwl_") {
        Some("this is the code of a link for an end user's browser; the gateway takes grants (`kwg_…`)")
    } else {
        None
    }
}

/// What `Authorization: Basic` holds.
fn basic(value: &HeaderValue) -> Option<String> {
    let (scheme, encoded) = value.to_str().ok().filter(|text| text.len() <= MAX_BASIC)?.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up.
    const TOKEN: &str = "kwg_MadeUpForTests0123456789abcdef0No3ND";

    fn places() -> Places {
        let header = |name: &str| HeaderName::try_from(name).unwrap();
        Places {
            headers: vec![header("authorization"), header("zsessionid")],
            many: None,
            query: vec!["api_key".into()],
            cookies: vec!["session".into()],
        }
    }

    fn take(list: &[(&str, &str)], target: &str) -> Result<(Vec<String>, Option<String>), Code> {
        let mut headers = HeaderMap::new();
        let mut own = None;
        for (name, value) in list {
            let value = HeaderValue::try_from(value.replace("TOKEN", TOKEN)).unwrap();
            if *name == "keyway-grant" {
                own = Some(value);
            } else {
                headers.append(HeaderName::try_from(*name).unwrap(), value);
            }
        }
        let target = PathAndQuery::try_from(target.replace("TOKEN", TOKEN)).unwrap();
        let found = places().take(own.as_ref(), &mut headers, &target).map_err(|problem| problem.code)?;
        assert!(found.hash.is(TokenHash::parse(TOKEN).unwrap().as_bytes()));
        let left = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        Ok((left.collect(), found.target.map(|target| target.to_string())))
    }

    #[test]
    fn a_grant_is_taken_from_wherever_a_key_may_stand() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair.replace("TOKEN", TOKEN)));
        let (first, second) = (basic("ada:TOKEN"), basic("TOKEN:"));
        for (list, target, left, rest) in [
            (&[("authorization", "Bearer TOKEN")][..], "/v1", &[][..], None),
            (&[("authorization", "Bearer rootly_TOKEN")], "/v1", &[], None),
            (&[("authorization", "Token token=\"TOKEN\"")], "/v1", &[], None),
            (&[("authorization", &first)], "/v1", &[], None),
            (&[("authorization", &second)], "/v1", &[], None),
            (&[("zsessionid", "_TOKEN"), ("x", "1")], "/v1", &["x: 1"], None),
            (&[("zsessionid", "TOKEN"), ("authorization", "Bearer TOKEN")], "/v1", &[], None),
            (&[("zsessionid", "TOKEN"), ("authorization", "Basic eDp5")], "/v1", &[], None),
            (&[("keyway-grant", "TOKEN"), ("cookie", "a=b")], "/v1", &["cookie: a=b"], None),
            (&[("cookie", "a=b; session=TOKEN; c=d")], "/v1", &["cookie: a=b; c=d"], None),
            (&[("cookie", "session=TOKEN")], "/v1", &[], None),
            (&[], "/v1?a=b&api_key=TOKEN&c", &[], Some("/v1?a=b&c")),
            (&[], "/v1?api_key=TOKEN", &[], Some("/v1")),
            (&[], "/v1?api%5Fkey=TOKEN", &[], Some("/v1")),
        ] {
            let expected = (left.iter().map(ToString::to_string).collect(), rest.map(str::to_owned));
            assert_eq!(take(list, target), Ok(expected), "{list:?} {target}");
        }
    }

    #[test]
    fn n50_no_grant_or_two_of_them_are_refused() {
        let changed = TOKEN.replace('0', "1");
        for (list, target, code) in [
            (&[][..], "/v1", Code::GrantMissing),
            (&[("authorization", "Bearer made-up")], "/v1", Code::GrantMissing),
            (&[("x-other", "TOKEN")], "/v1", Code::GrantMissing),
            (&[("cookie", "other=TOKEN")], "/v1", Code::GrantMissing),
            (&[], "/v1?other=TOKEN", Code::GrantMissing),
            (&[("authorization", &format!("Bearer {changed}"))], "/v1", Code::GrantUnknown),
            (&[("authorization", "Bearer kwg_")], "/v1", Code::GrantUnknown),
            (&[("keyway-grant", "made-up")], "/v1", Code::GrantUnknown),
            (&[("authorization", "Bearer kwa_made-up")], "/v1", Code::GrantMissing),
            (&[("keyway-grant", "kwa_made-up")], "/v1", Code::GrantUnknown),
            (
                &[("authorization", "Bearer TOKEN"), ("authorization", "Bearer TOKEN")],
                "/v1",
                Code::GrantTwice,
            ),
            (&[("zsessionid", "a"), ("zsessionid", "b")], "/v1", Code::GrantTwice),
        ] {
            assert_eq!(take(list, target), Err(code), "{list:?} {target}");
        }
    }

    #[test]
    fn a_token_that_is_no_grant_is_recognised_and_not_repeated() {
        for (name, value, what) in [
            ("authorization", "Bearer kwa_madeUp0123", Some("REST API")),
            ("authorization", "Bearer kwl_madeUp0123", Some("link")),
            ("zsessionid", "kwa_madeUp0123", Some("REST API")),
            ("keyway-grant", "kwa_madeUp0123", Some("REST API")),
            ("keyway-grant", "kwl_madeUp0123", Some("link")),
            ("x-other", "kwa_madeUp0123", None),
            ("authorization", "Bearer rootly_madeUp0123", None),
        ] {
            let (mut headers, value) = (HeaderMap::new(), HeaderValue::from_static(value));
            let own = (name == "keyway-grant").then(|| value.clone());
            if own.is_none() {
                headers.append(HeaderName::from_static(name), value);
            }
            let problem = places().take(own.as_ref(), &mut headers, &PathAndQuery::from_static("/v1"));
            let (_, body) = problem.unwrap_err().document();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(body.contains("the gateway takes grants"), what.is_some(), "{body}");
            assert!(what.is_none_or(|what| body.contains(what)), "{body}");
            assert!(!body.contains("madeUp"), "{body}");
        }
    }
}
