//! What an engineer writes by hand for one provider, with the same effect as its descriptor.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts, uri::Scheme};

/// The request goes somewhere else.
#[derive(Debug)]
pub(crate) struct Elsewhere;

/// Whether a request goes to `https://host`.
fn check_origin(parts: &Parts, host: &str) -> Result<(), Elsewhere> {
    let right =
        parts.uri.scheme() == Some(&Scheme::HTTPS) && parts.uri.authority().is_some_and(|own| *own == *host);
    right.then_some(()).ok_or(Elsewhere)
}

/// Whether a caller has no `Accept`, or one that takes anything.
fn takes_anything(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_none_or(|value| value.as_bytes() == b"*/*")
}

/// Ready values for Rootly.
pub(crate) struct Rootly {
    pub(crate) key: HeaderValue,
    media_type: HeaderValue,
}

impl Rootly {
    pub(crate) fn new(key: &str) -> Self {
        Self {
            key: ready(&format!("Bearer {key}")),
            media_type: HeaderValue::from_static("application/vnd.api+json"),
        }
    }

    /// For a request without a body.
    #[inline(never)]
    pub(crate) fn authorize(&self, parts: &mut Parts) -> Result<(), Elsewhere> {
        check_origin(parts, "api.rootly.com")?;
        let headers = &mut parts.headers;
        headers.remove(header::PROXY_AUTHORIZATION);
        headers.remove(header::HOST);
        headers.remove(header::COOKIE);
        if takes_anything(headers) {
            headers.insert(header::ACCEPT, self.media_type.clone());
        }
        headers.remove(header::CONTENT_TYPE);
        headers.insert(header::AUTHORIZATION, self.key.clone());
        Ok(())
    }
}

/// Ready values for Rally.
pub(crate) struct Rally {
    pub(crate) header: HeaderName,
    pub(crate) key: HeaderValue,
    media_type: HeaderValue,
    companions: [(HeaderName, HeaderValue); 3],
}

impl Rally {
    pub(crate) fn new(key: &str) -> Self {
        let name = HeaderName::from_static;
        Self {
            header: name("zsessionid"),
            key: ready(key),
            media_type: HeaderValue::from_static("application/json"),
            companions: [
                (name("x-rallyintegrationname"), HeaderValue::from_static("Keyway")),
                (name("x-rallyintegrationvendor"), HeaderValue::from_static("Keyway")),
                (name("x-rallyintegrationversion"), HeaderValue::from_static("0.1.0")),
            ],
        }
    }

    /// For a request without a body, whose query holds no `key`.
    #[inline(never)]
    pub(crate) fn authorize(&self, parts: &mut Parts) -> Result<(), Elsewhere> {
        check_origin(parts, "rally1.rallydev.com")?;
        let is_key = |pair: &str| pair.split('=').next() == Some("key");
        if parts.uri.query().is_some_and(|query| query.split('&').any(is_key)) {
            return Err(Elsewhere);
        }
        let headers = &mut parts.headers;
        headers.remove(header::AUTHORIZATION);
        headers.remove(header::PROXY_AUTHORIZATION);
        headers.remove(header::HOST);
        headers.remove(header::COOKIE);
        if takes_anything(headers) {
            headers.insert(header::ACCEPT, self.media_type.clone());
        }
        headers.remove(header::CONTENT_TYPE);
        for (name, value) in &self.companions {
            // Quicker than an entry, which clones the name.
            if !headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        headers.insert(&self.header, self.key.clone());
        Ok(())
    }
}

/// The least that a key takes: the origin compared, what a caller may have sent in its place removed, the key inserted.
/// Without what the provider wants besides: its media type, and the names of whoever calls.
#[inline(never)]
pub(crate) fn key_alone(
    parts: &mut Parts,
    host: &str,
    (name, value): (&HeaderName, &HeaderValue),
) -> Result<(), Elsewhere> {
    check_origin(parts, host)?;
    let headers = &mut parts.headers;
    for stripped in [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::HOST, header::COOKIE] {
        headers.remove(stripped);
    }
    headers.insert(name, value.clone());
    Ok(())
}

/// Puts parameters that are encoded already into the query.
#[inline(never)]
pub(crate) fn add_to_query(parts: &mut Parts, pairs: &str) -> Result<(), Elsewhere> {
    let path = parts.uri.path();
    let target = match parts.uri.query() {
        Some(query) => format!("{path}?{query}&{pairs}"),
        None => format!("{path}?{pairs}"),
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(target.try_into().map_err(|_| Elsewhere)?);
    parts.uri = Uri::from_parts(uri).map_err(|_| Elsewhere)?;
    Ok(())
}

/// A sensitive value whose bytes are shared: the first clone of a fresh value allocates.
fn ready(text: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(text).expect("made up, and visible ASCII");
    value.set_sensitive(true);
    drop(value.clone());
    value
}
