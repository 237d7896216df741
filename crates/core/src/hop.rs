//! Redirects, one hop at a time.

use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode, Uri, header};
use url::Url;

use crate::{Answer, Credential, target};

/// The most redirects that are followed for one request.
pub const MAX_HOPS: usize = 10;

/// Where to go after an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Hop {
    /// To this request, which is authorised.
    Follow(Box<Request<Bytes>>),
    /// Nowhere: the redirect leads out of the credential's origins.
    Leaves,
    /// Nowhere: the answer is no redirect, or one without a usable target.
    Done,
}

/// Headers that describe a body, and go with it.
const OF_THE_BODY: [HeaderName; 6] = [
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::TRANSFER_ENCODING,
];

/// The decision table:
///
/// | status | method and body of the next request |
/// |---|---|
/// | 301, 302 | `POST` becomes `GET` without a body, as every client does (RFC 9110, 15.4.2 and 15.4.3); others stay |
/// | 303 | `HEAD` stays, everything else becomes `GET` without a body (RFC 9110, 15.4.4) |
/// | 307, 308 | both stay |
/// | other | no redirect |
///
/// | `Location` | |
/// |---|---|
/// | none, several, longer than 16 KiB, or not a URL | `Done` |
/// | user information, another scheme, host or port | `Leaves` |
/// | inside the credential's origins | `Follow`, authorised anew |
pub(crate) fn next_hop(credential: &Credential, sent: &Request<Bytes>, answer: &Answer) -> Hop {
    let becomes_get = match answer.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => sent.method() == Method::POST,
        StatusCode::SEE_OTHER => sent.method() != Method::HEAD && sent.method() != Method::GET,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Hop::Done,
    };
    let Some(location) = answer.header(header::LOCATION) else { return Hop::Done };
    if location.len() > target::MAX_BYTES {
        return Hop::Done;
    }
    let Ok(base) = Url::parse(&sent.uri().to_string()) else { return Hop::Done };
    #[expect(
        clippy::disallowed_methods,
        reason = "RFC 9110 wants a Location resolved; its origin is checked right below"
    )]
    let Ok(mut url) = base.join(location) else { return Hop::Done };
    url.set_fragment(None);
    if !credential.origins().iter().any(|origin| origin.admits_url(&url)) {
        return Hop::Leaves;
    }
    let Ok(uri) = url.as_str().parse::<Uri>() else { return Hop::Done };

    let mut next = Request::new(if becomes_get { Bytes::new() } else { sent.body().clone() });
    *next.method_mut() = if becomes_get { Method::GET } else { sent.method().clone() };
    *next.uri_mut() = uri;
    *next.headers_mut() = sent.headers().clone();
    if becomes_get {
        for name in OF_THE_BODY {
            next.headers_mut().remove(name);
        }
    }
    match credential.authorize_request(next) {
        Ok(next) => Hop::Follow(Box::new(next)),
        Err(_) => Hop::Leaves,
    }
}
