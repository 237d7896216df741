//! Core's view of an outgoing request: an adapter stages, core commits.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Uri, header, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    Credential, Error, Method, Secret,
    api::ContentType,
    header::{is_forbidden, sensitive},
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
    /// Whether what the credential rendered at acceptance is staged. Nearly always it is, and is all there is: then
    /// the lists below stay empty, and nothing is allocated.
    own: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, Secret)>,
    cookies: Vec<(String, Secret)>,
    new_body: Option<Bytes>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(credential: &'a Credential, head: &'a mut Parts, body: BodyAccess<'a>) -> Self {
        Self {
            credential,
            head,
            body,
            own: false,
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
            new_body: None,
        }
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
        match (&self.new_body, &self.body) {
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
        self.headers.push((name, value));
        Ok(())
    }

    /// Stages a query parameter.
    pub fn query(&mut self, name: impl Into<String>, value: &Secret) {
        self.query.push((name.into(), value.clone()));
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
        self.cookies.push((name, value.clone()));
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
                self.new_body = Some(body);
                Ok(())
            }
        }
    }

    /// Puts what is staged into the request. Everything that can fail comes before the first change.
    pub(crate) fn commit(self) -> Result<(), Error> {
        let own = self.own.then_some(self.credential);
        let nothing = self.headers.is_empty() && self.query.is_empty() && self.cookies.is_empty();
        if own.is_none() && nothing && self.new_body.is_none() {
            return Err(Error::NothingPlaced);
        }
        let method = &**self.credential.method();
        if self.head.headers.len() + self.headers.len() > MAX_HEADERS {
            return Err(Error::TooManyHeaders { limit: MAX_HEADERS });
        }
        let uri = self.new_uri(method)?;
        let cookie = self.new_cookie(method)?;
        let api = &method.api;

        // From here on nothing fails.
        let headers = &mut self.head.headers;
        if let Some(uri) = uri {
            self.head.uri = uri;
        }
        if !headers.is_empty() {
            for name in &method.strip_headers {
                headers.remove(name);
            }
            if own.is_none() {
                // An adapter placed something else: what the descriptor would have replaced goes all the same.
                for (name, _) in &self.credential.headers {
                    headers.remove(name);
                }
            }
        }
        match cookie {
            Cookies::AsTheyAre => {}
            Cookies::None => drop(headers.remove(header::COOKIE)),
            Cookies::These(value) => drop(headers.insert(header::COOKIE, value)),
        }
        if let Some(accept) = &api.accept
            && takes_anything(headers)
        {
            headers.insert(header::ACCEPT, accept.clone());
        }
        let has_body = match (&self.new_body, &self.body) {
            (Some(body), _) => !body.is_empty(),
            (None, BodyAccess::Bytes(body)) => !body.is_empty(),
            (None, BodyAccess::Empty) => false,
            (None, BodyAccess::Opaque) => true,
        };
        match &api.content_type {
            Some(_) if !has_body => drop(headers.remove(header::CONTENT_TYPE)),
            Some(ContentType::Always(value)) => drop(headers.insert(header::CONTENT_TYPE, value.clone())),
            Some(ContentType::Default(value)) if !headers.contains_key(header::CONTENT_TYPE) => {
                headers.insert(header::CONTENT_TYPE, value.clone());
            }
            _ => {}
        }
        for (name, value) in &api.companions {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
        // `insert` replaces every value that the caller had under the name.
        for (name, value) in own.iter().flat_map(|own| &own.headers) {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        if let (Some(body), BodyAccess::Bytes(place)) = (self.new_body, self.body) {
            headers.remove(header::CONTENT_LENGTH);
            *place = body;
        }
        Ok(())
    }

    fn all_query(&self) -> impl Iterator<Item = &(String, Secret)> {
        self.own.then_some(&self.credential.query).into_iter().flatten().chain(&self.query)
    }

    fn all_cookies(&self) -> impl Iterator<Item = &(String, Secret)> {
        self.own.then_some(&self.credential.cookies).into_iter().flatten().chain(&self.cookies)
    }

    /// The URI without what is stripped and with what is staged; `None` when it stays as it is.
    fn new_uri(&self, method: &Method) -> Result<Option<Uri>, Error> {
        let old = self.head.uri.query();
        let known = |name: &str| {
            method.strip_query.iter().any(|known| is_parameter(name, known))
                || self.all_query().any(|(known, _)| is_parameter(name, known))
        };
        // Some servers take `;` for `&`.
        let stripped = |pair: &str| {
            pair.split(';').any(|pair| {
                let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
                known(&percent_decode_str(&name).decode_utf8_lossy())
            })
        };
        let strips = old.is_some_and(|query| query.split('&').any(stripped));
        if !strips && self.all_query().next().is_none() {
            return Ok(None);
        }
        let kept = old
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter(|pair| !pair.is_empty() && !stripped(pair));
        let mut pairs: Vec<String> = kept.map(str::to_owned).collect();
        for (name, value) in self.all_query() {
            let encode = |text| utf8_percent_encode(text, RESERVED);
            pairs.push(format!("{}={}", encode(name), encode(value.expose())));
        }
        let query = pairs.join("&");
        let path = self.head.uri.path();
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let mut parts = self.head.uri.clone().into_parts();
        let unplaceable = || Error::Unplaceable { name: "query".to_owned() };
        parts.path_and_query = Some(target.parse().map_err(|_| unplaceable())?);
        Uri::from_parts(parts).map(Some).map_err(|_| unplaceable())
    }

    /// What becomes of the `Cookie` header. Where cookies are not kept, the caller's are stripped as a header.
    fn new_cookie(&self, method: &Method) -> Result<Cookies, Error> {
        // What the descriptor would place is the caller's neither to set nor to keep, even when an adapter places
        // something else.
        let may_set = || self.credential.cookies.iter().chain(&self.cookies);
        if may_set().next().is_none() {
            return Ok(Cookies::AsTheyAre);
        }
        let staged = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default().trim();
            may_set().any(|(known, _)| known == name)
        };
        let mut pairs = Vec::new();
        if method.api.keep_cookies {
            for value in self.head.headers.get_all(header::COOKIE) {
                let text = value.to_str().unwrap_or_default();
                pairs.extend(
                    text.split(';')
                        .filter(|pair| !pair.trim().is_empty() && !staged(pair))
                        .map(|pair| pair.trim().to_owned()),
                );
            }
        }
        pairs.extend(self.all_cookies().map(|(name, value)| format!("{name}={}", value.expose())));
        if pairs.is_empty() {
            return Ok(Cookies::None);
        }
        let joined = Secret::new(pairs.join("; "));
        sensitive(&joined).map(Cookies::These).ok_or_else(|| Error::Unplaceable { name: "cookie".to_owned() })
    }
}

/// What becomes of the `Cookie` header.
enum Cookies {
    AsTheyAre,
    None,
    These(HeaderValue),
}

/// Tells whether a server may take a caller's parameter for `known`: also as a list or a map (`known[]`), and with
/// white space or a NUL around it, which PHP for one drops.
fn is_parameter(name: &str, known: &str) -> bool {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
}

/// RFC 6265, 4.1.1: a cookie's name is a token, and its value has no space, quote, comma, semicolon or backslash.
pub(crate) fn is_cookie(name: &str, value: &str) -> bool {
    !name.is_empty()
        && !value.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
        && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte))
}

/// Tells whether the caller has no `Accept`, or one that takes anything.
fn takes_anything(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().all(|value| matches!(value.as_bytes().trim_ascii(), b"" | b"*/*"))
}

/// Shows the method and numbers, never a value.
impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("method", &self.head.method)
            .field("staged_headers", &self.headers.len())
            .field("staged_query", &self.query.len())
            .field("staged_cookies", &self.cookies.len())
            .finish_non_exhaustive()
    }
}
