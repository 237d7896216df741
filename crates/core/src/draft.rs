//! Core's view of an outgoing request: an adapter stages, core commits.

mod query;

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Uri, header, request::Parts, uri::PathAndQuery,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Credential, Error, Method, Secret,
    header::{Sent, is_forbidden, sensitive},
};

/// The most headers of a request that is authorised.
const MAX_HEADERS: usize = 1000;

/// All that is not unreserved (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What core may see of a request's body.
#[derive(Debug)]
pub enum BodyAccess<'a> {
    /// There is none.
    Empty,
    /// All of it; a method that places something in the body replaces it.
    Bytes(&'a mut Bytes),
    /// A stream, which is taken to hold something: a method that must see the body refuses it.
    Opaque,
}

/// Core's view of an outgoing request: it shows the head, and stages headers, query, cookies and body.
///
/// Only core makes one, and only core commits it, so the contract holds whatever an adapter does: forbidden headers
/// are refused, what the method may set is stripped first, values are marked sensitive, and an error leaves the
/// request as it was.
pub struct Draft<'a> {
    credential: &'a Credential,
    head: &'a mut Parts,
    body: BodyAccess<'a>,
    /// Whether what the credential rendered at acceptance is staged.
    own: bool,
    /// What else is. Nearly always nothing is: then nothing is allocated, and a draft is a few words on the stack.
    more: Option<Box<Staged>>,
}

/// What an adapter stages by itself.
#[derive(Default)]
struct Staged {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, Secret)>,
    cookies: Vec<(String, Secret)>,
    body: Option<Bytes>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(credential: &'a Credential, head: &'a mut Parts, body: BodyAccess<'a>) -> Self {
        Self { credential, head, body, own: false, more: None }
    }

    fn stage(&mut self) -> &mut Staged {
        self.more.get_or_insert_default()
    }

    fn staged_headers(&self) -> &[(HeaderName, HeaderValue)] {
        self.more.as_ref().map_or(&[], |more| &more.headers)
    }

    fn staged_query(&self) -> &[(String, Secret)] {
        self.more.as_ref().map_or(&[], |more| &more.query)
    }

    fn staged_cookies(&self) -> &[(String, Secret)] {
        self.more.as_ref().map_or(&[], |more| &more.cookies)
    }

    fn staged_body(&self) -> Option<&Bytes> {
        self.more.as_ref().and_then(|more| more.body.as_ref())
    }

    /// The request's method.
    pub fn method(&self) -> &HttpMethod {
        &self.head.method
    }

    /// The request's URI: absolute, and inside the credential's origins.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// The caller's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`Error::OpaqueBody`] when the body is a stream.
    pub fn body(&self) -> Result<&[u8], Error> {
        match (self.staged_body(), &self.body) {
            (Some(body), _) => Ok(body),
            (None, BodyAccess::Empty) => Ok(&[]),
            (None, BodyAccess::Bytes(body)) => Ok(body),
            (None, BodyAccess::Opaque) => Err(Error::OpaqueBody),
        }
    }

    /// Stages a credential where its method's descriptor says.
    ///
    /// # Errors
    /// [`Error::ForeignCredential`] for another credential than the one that this request is authorised with.
    pub fn place(&mut self, credential: &Credential) -> Result<(), Error> {
        if !std::ptr::eq(self.credential, credential) {
            return Err(Error::ForeignCredential);
        }
        self.own = true;
        Ok(())
    }

    /// Stages a header.
    ///
    /// # Errors
    /// When the header belongs to the connection, or the value holds more than visible ASCII.
    pub fn header(&mut self, name: HeaderName, value: &Secret) -> Result<(), Error> {
        if is_forbidden(&name) {
            return Err(Error::ForbiddenHeader { name: name.as_str().to_owned() });
        }
        let value = sensitive(value).ok_or_else(|| Error::Unplaceable { name: name.as_str().to_owned() })?;
        self.stage().headers.push((name, value));
        Ok(())
    }

    /// Stages a query parameter.
    pub fn query(&mut self, name: impl Into<String>, value: &Secret) {
        self.stage().query.push((name.into(), value.clone()));
    }

    /// Stages a cookie.
    ///
    /// # Errors
    /// When the value holds what a cookie cannot.
    pub fn cookie(&mut self, name: impl Into<String>, value: &Secret) -> Result<(), Error> {
        let name = name.into();
        if !is_cookie(&name, value.expose()) {
            return Err(Error::Unplaceable { name: "cookie".to_owned() });
        }
        self.stage().cookies.push((name, value.clone()));
        Ok(())
    }

    /// Stages another body.
    ///
    /// # Errors
    /// [`Error::OpaqueBody`] when the body is a stream, [`Error::NoBody`] when there is none.
    pub fn replace_body(&mut self, body: Bytes) -> Result<(), Error> {
        match self.body {
            BodyAccess::Empty => Err(Error::NoBody),
            BodyAccess::Opaque => Err(Error::OpaqueBody),
            BodyAccess::Bytes(_) => {
                self.stage().body = Some(body);
                Ok(())
            }
        }
    }

    /// Puts what is staged into the request. Everything that can fail comes before the first change.
    pub(crate) fn commit(self) -> Result<(), Error> {
        if !self.own && self.more.is_none() {
            return Err(Error::NothingPlaced);
        }
        let method = &**self.credential.method();
        if self.head.headers.len() + self.staged_headers().len() > MAX_HEADERS {
            return Err(Error::TooManyHeaders { limit: MAX_HEADERS });
        }
        let beyond = if self.is_plain(method) { None } else { Some(self.beyond(method)?) };
        let has_body = match (self.staged_body(), &self.body) {
            (Some(body), _) => !body.is_empty(),
            (None, BodyAccess::Bytes(body)) => !body.is_empty(),
            (None, BodyAccess::Empty) => false,
            (None, BodyAccess::Opaque) => true,
        };

        // From here on nothing fails.
        let headers = &mut self.head.headers;
        let sent = Sent::of(headers);
        method.strips.remove_from(headers, &sent);
        method.api.complete(headers, &sent, has_body);
        for (name, value) in &self.credential.headers {
            if self.own {
                // `insert` replaces every value that the caller had under the name.
                headers.insert(name, value.clone());
            } else {
                // An adapter placed something else: what the descriptor would have replaced goes all the same.
                headers.remove(name);
            }
        }
        if let Some(beyond) = beyond {
            self.put(beyond);
        }
        Ok(())
    }

    /// Tells whether headers that are ready are all there is to place, and nothing of the query goes: so it is with
    /// nearly every request.
    fn is_plain(&self, method: &Method) -> bool {
        self.more.is_none()
            && self.credential.query.is_none()
            && method.placements.cookies.is_empty()
            && !query::may_hold(self.head.uri.query().unwrap_or_default(), &method.strips.query)
    }

    /// What else changes. It stands by itself, as [`put`](Self::put) does, so that the short way stays short.
    #[inline(never)]
    fn beyond(&self, method: &Method) -> Result<Beyond, Error> {
        Ok(Beyond { uri: self.new_uri(method)?, cookie: self.new_cookie(method)? })
    }

    /// Puts it into the request, after everything else.
    #[inline(never)]
    fn put(self, beyond: Beyond) {
        let headers = &mut self.head.headers;
        if let Some(uri) = beyond.uri {
            self.head.uri = uri;
        }
        match beyond.cookie {
            Cookies::AsTheyAre => {}
            Cookies::None => drop(headers.remove(header::COOKIE)),
            Cookies::These(value) => drop(headers.insert(header::COOKIE, value)),
        }
        let Some(more) = self.more else { return };
        for (name, value) in more.headers {
            headers.insert(name, value);
        }
        if let (Some(body), BodyAccess::Bytes(place)) = (more.body, self.body) {
            headers.remove(header::CONTENT_LENGTH);
            *place = body;
        }
    }

    /// The URI without what is stripped and with what is staged; `None` when it stays as it is.
    fn new_uri(&self, method: &Method) -> Result<Option<Uri>, Error> {
        let own = self.credential.query.as_ref().filter(|_| self.own);
        let places = own.is_some() || !self.staged_query().is_empty();
        let old = self.head.uri.query().unwrap_or_default();
        let known = |name: &str| {
            let staged = self.staged_query().iter().map(|(name, _)| name);
            // What the descriptor places is among what it strips.
            method.strips.query.iter().chain(staged).any(|known| query::is_parameter(name, known))
        };
        let stripped = |pair: &str| query::names(pair).any(|name| known(&name));
        if !places && !old.split('&').any(stripped) {
            return Ok(None);
        }
        let path = self.head.uri.path();
        let own = own.map_or("", Secret::expose);
        // Exact where nothing is stripped: then the text becomes shared bytes as it is.
        let separator = usize::from(!old.is_empty() && !own.is_empty());
        let mut target = String::with_capacity(path.len() + 1 + old.len() + separator + own.len());
        target.push_str(path);
        let mut sign = '?';
        let mut push = |pair: &str| {
            target.push(sign);
            target.push_str(pair);
            sign = '&';
        };
        old.split('&').filter(|pair| !pair.is_empty() && !stripped(pair)).for_each(&mut push);
        if !own.is_empty() {
            push(own);
        }
        for (name, value) in self.staged_query() {
            push(query_pair(name, value).expose());
        }
        let unplaceable = || Error::Unplaceable { name: "query".to_owned() };
        let mut parts = self.head.uri.clone().into_parts();
        let target = PathAndQuery::from_maybe_shared(Bytes::from(target)).map_err(|_| unplaceable())?;
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).map(Some).map_err(|_| unplaceable())
    }

    /// What becomes of the `Cookie` header. Where cookies are not kept, the caller's are stripped as a header.
    fn new_cookie(&self, method: &Method) -> Result<Cookies, Error> {
        // What the descriptor would place is the caller's neither to set nor to keep, even when an adapter places
        // something else.
        let names = &method.placements.cookies;
        let more = self.staged_cookies();
        if names.is_empty() && more.is_empty() {
            return Ok(Cookies::AsTheyAre);
        }
        let own = self.credential.cookie.as_ref().filter(|_| self.own);
        let keeps = method.api.keep_cookies && self.head.headers.contains_key(header::COOKIE);
        if let (Some(own), false, []) = (own, keeps, more) {
            return Ok(Cookies::These(own.clone()));
        }
        let may_set = |name: &str| {
            names
                .iter()
                .map(|(known, _)| known)
                .chain(more.iter().map(|(known, _)| known))
                .any(|known| known == name)
        };
        let staged = |pair: &str| may_set(pair.split('=').next().unwrap_or_default().trim());
        let mut pairs = Vec::new();
        if keeps {
            for value in self.head.headers.get_all(header::COOKIE) {
                let text = value.to_str().unwrap_or_default();
                pairs.extend(
                    text.split(';')
                        .filter(|pair| !pair.trim().is_empty() && !staged(pair))
                        .map(|pair| pair.trim().to_owned()),
                );
            }
        }
        pairs.extend(own.and_then(|own| own.to_str().ok()).map(str::to_owned));
        pairs.extend(more.iter().map(|(name, value)| format!("{name}={}", value.expose())));
        if pairs.is_empty() {
            return Ok(Cookies::None);
        }
        let joined = Secret::new(pairs.join("; "));
        sensitive(&joined).map(Cookies::These).ok_or_else(|| Error::Unplaceable { name: "cookie".to_owned() })
    }
}

/// A query parameter as it goes on the wire.
pub(crate) fn query_pair(name: &str, value: &Secret) -> Secret {
    let encode = |text| utf8_percent_encode(text, RESERVED);
    Secret::new(format!("{}={}", encode(name), encode(value.expose())))
}

/// What changes besides headers that were ready.
struct Beyond {
    /// `None` when it stays as it is.
    uri: Option<Uri>,
    cookie: Cookies,
}

/// What becomes of the `Cookie` header.
enum Cookies {
    AsTheyAre,
    None,
    These(HeaderValue),
}

/// RFC 6265, 4.1.1: a cookie's name is a token, and its value has no space, quote, comma, semicolon or backslash.
pub(crate) fn is_cookie(name: &str, value: &str) -> bool {
    !name.is_empty()
        && !value.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

/// Shows the method and numbers, never a value.
impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("method", &self.head.method)
            .field("staged_headers", &self.staged_headers().len())
            .field("staged_query", &self.staged_query().len())
            .field("staged_cookies", &self.staged_cookies().len())
            .finish_non_exhaustive()
    }
}
