//! A submission that its method accepted.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, StatusCode, Uri, header,
    request::Parts,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Answer, BodyAccess, Code, Draft, Error, FieldProblem, Hop, Id, Kept, KeptField, Method, Origin, Provider,
    RateLimit, Secret,
    accept::{UNNAMED, Value},
    check::Check,
    draft::{is_cookie, query_pair},
    header::sensitive,
    hop,
    mask::Mask,
    target,
    template::Template,
};

/// A submission that its method accepted: complete, trimmed, checked, and bound to its origins.
///
/// Accepting ([`Registry::accept`](crate::Registry::accept)) is the only way to make one; [`keep`](Self::keep) and
/// [`Entry::restore`](crate::Entry::restore) put it away and reopen it. It knows its provider, so nobody passes the two
/// together.
///
/// # Security
/// `Debug` shows ids and origins, never a value. What is placed in requests was rendered at acceptance: header values
/// are marked sensitive and reference-counted, and authorising clones handles, not bytes.
pub struct Credential {
    provider: Arc<dyn Provider>,
    method: Arc<Method>,
    values: Vec<(Id, Value)>,
    origins: Vec<Origin>,
    /// The origins were replaced, and are none of the descriptor's.
    elsewhere: bool,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// All of them, encoded and joined.
    pub(crate) query: Option<Secret>,
    /// All of them, as the whole header.
    pub(crate) cookie: Option<HeaderValue>,
    check: Uri,
}

impl Credential {
    pub(crate) fn build(
        provider: Arc<dyn Provider>,
        method: Arc<Method>,
        values: Vec<(Id, Value)>,
    ) -> Result<Self, FieldProblem> {
        let origins = origins(&method, &values)?;
        Self::build_for(provider, method, values, (origins, false))
    }

    /// Makes one for these origins: those that [`origins`] gives, or where `elsewhere`, any.
    pub(crate) fn build_for(
        provider: Arc<dyn Provider>,
        method: Arc<Method>,
        values: Vec<(Id, Value)>,
        (origins, elsewhere): (Vec<Origin>, bool),
    ) -> Result<Self, FieldProblem> {
        let render = |template: &Template| render(template, &values);
        let header = |template: &Template, value: &Secret| {
            sensitive(value)
                .ok_or_else(|| unplaceable(template.names().next(), "this value cannot be sent in a header"))
        };
        let placements = &method.placements;
        let mut headers = Vec::with_capacity(placements.headers.len() + 1);
        for (name, template) in &placements.headers {
            headers.push((name.clone(), header(template, &Secret::new(render(template)?))?));
        }
        if let Some((user, password)) = &placements.basic {
            let pair = Secret::new(format!("{}:{}", render(user)?, render(password)?));
            let value = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
            headers.push((header::AUTHORIZATION, header(user, &value)?));
        }
        let mut query = Vec::with_capacity(placements.query.len());
        for (name, template) in &placements.query {
            query.push(query_pair(name, &Secret::new(render(template)?)));
        }
        let query = (!query.is_empty()).then(|| joined(&query, "&"));
        let mut cookies = Vec::with_capacity(placements.cookies.len());
        for (name, template) in &placements.cookies {
            let value = Secret::new(render(template)?);
            if !is_cookie(name, value.expose()) {
                return Err(unplaceable(template.names().next(), "this value cannot be sent in a cookie"));
            }
            cookies.push(Secret::new(format!("{name}={}", value.expose())));
        }
        // Names and values are a cookie's, so that together they are a header's value; none of them are none.
        let cookie = sensitive(&joined(&cookies, "; "));
        let path = method.check.path.render(|name| {
            lookup(&values, name).map(|value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string().into())
        });
        let check = origins.first().zip(path).and_then(|(own, path)| target::uri(own, &path).ok());
        let in_path = method.check.path.names().next();
        let check = check.ok_or_else(|| unplaceable(in_path, "this value cannot be sent in a path"))?;
        Ok(Self { provider, method, values, origins, elsewhere, headers, query, cookie, check })
    }

    /// The provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// The method.
    pub fn method(&self) -> &Arc<Method> {
        &self.method
    }

    /// The origins that may receive it: the provider's own first.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The same credential for another origin, which replaces all of its own. For test servers and stand-ins.
    #[must_use]
    pub fn at_origin(mut self, origin: Origin) -> Self {
        let path = self.check.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if let Ok(check) = target::uri(&origin, &path) {
            self.check = check;
        }
        self.origins = vec![origin];
        self.elsewhere = true;
        self
    }

    /// What has to be stored of it, so that [`Entry::restore`](crate::Entry::restore) makes it again.
    pub fn keep(&self) -> Kept {
        let field = |(id, value): &(Id, Value)| match value {
            Value::Secret(secret) => KeptField { id: id.clone(), value: secret.clone(), secret: true },
            Value::Plain(text) => {
                KeptField { id: id.clone(), value: Secret::new(text.as_str()), secret: false }
            }
        };
        Kept::new(self.values.iter().map(field).collect(), self.origins.clone(), self.elsewhere)
    }

    /// A secret value, for an adapter that has to compute with it.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such field, it has no value, or it is not secret.
    pub fn secret(&self, field: &str) -> Result<&Secret, Error> {
        match self.values.iter().find(|(id, _)| id.as_str() == field) {
            Some((_, Value::Secret(secret))) => Ok(secret),
            _ => Err(Error::Missing { field: field.to_owned() }),
        }
    }

    /// A value that is not secret.
    pub fn plain(&self, field: &str) -> Option<&str> {
        self.values.iter().find_map(|(id, value)| match value {
            Value::Plain(text) if id.as_str() == field => Some(text.as_str()),
            _ => None,
        })
    }

    /// Makes a request to the provider's own origin, without the credential.
    ///
    /// `path` begins with `/` and may have a query. What a URL cannot carry is percent-encoded, existing escapes are
    /// kept, and the result cannot leave the origin.
    ///
    /// # Errors
    /// [`Error::Path`] when `path` does not begin with `/`, has a dot segment, or is longer than 16 KiB.
    pub fn request(&self, method: HttpMethod, path: &str, body: Bytes) -> Result<Request<Bytes>, Error> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = target::uri(&self.origins[0], path)?;
        Ok(request)
    }

    /// [`request`](Self::request) for a `GET`.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn get(&self, path: &str) -> Result<Request<Bytes>, Error> {
        self.request(HttpMethod::GET, path, Bytes::new())
    }

    /// Puts the credential into a request.
    ///
    /// The request's URI is absolute. Its origin is checked, all that the caller may have set in place of the
    /// credential is removed, and the credential is inserted last, marked sensitive.
    ///
    /// # Errors
    /// When the origin is not one of [`origins`](Self::origins), or the adapter cannot place the credential. The
    /// request is then as it was.
    pub fn authorize(&self, parts: &mut Parts, body: BodyAccess<'_>) -> Result<(), Error> {
        if !self.origins.iter().any(|origin| origin.admits(&parts.uri)) {
            return Err(self.foreign(&parts.uri));
        }
        let mut draft = Draft::new(self, parts, body);
        self.provider.authorize(self, &mut draft)?;
        draft.commit()
    }

    #[cold]
    fn foreign(&self, uri: &Uri) -> Error {
        if uri.host().is_none() {
            return Error::NotAbsolute;
        }
        let allowed: Vec<String> = self.origins.iter().map(ToString::to_string).collect();
        let mut host = uri.host().unwrap_or_default().to_owned();
        // Where the host is right, something else is not, and has to be seen.
        if self.origins.iter().any(|origin| origin.host().eq_ignore_ascii_case(&host)) {
            let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
            host = format!("{}://{host}{port}", uri.scheme_str().unwrap_or_default());
            if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
                host.push_str(" with user information");
            }
        }
        Error::ForeignOrigin { host, allowed: allowed.join(", ") }
    }

    /// [`authorize`](Self::authorize) for a whole request.
    pub fn authorize_request(&self, request: Request<Bytes>) -> Result<Request<Bytes>, Error> {
        let (mut parts, mut body) = request.into_parts();
        let access = if body.is_empty() { BodyAccess::Empty } else { BodyAccess::Bytes(&mut body) };
        self.authorize(&mut parts, access)?;
        Ok(Request::from_parts(parts, body))
    }

    /// The check's request, authorised like every other. It asks for a body that is not encoded.
    pub fn check_request(&self) -> Result<Request<Bytes>, Error> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Check::METHOD;
        *request.uri_mut() = self.check.clone();
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        self.authorize_request(request)
    }

    /// Where to go after an answer: the next request, authorised anew, when the answer redirects inside the origins.
    pub fn next_hop(&self, sent: &Request<Bytes>, answer: &Answer) -> Hop {
        hop::next_hop(self, sent, answer)
    }

    /// How long the provider asks to wait: `Retry-After`, or else, when its limit is what was hit (429, or nothing left),
    /// its own reset header.
    pub fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        self.method.api.rate.retry_after(answer)
    }

    /// What an answer says of the provider's limits.
    pub fn rate_limit(&self, answer: &Answer) -> RateLimit {
        self.limits(answer.headers(), answer.received_at())
    }

    /// What an answer's head says of the provider's limits.
    pub fn limits(&self, headers: &HeaderMap, received_at: SystemTime) -> RateLimit {
        self.method.api.rate.limits(headers, received_at)
    }

    /// How long every request has to wait after an answer with this head, counted from its arrival: only when the limit
    /// was hit, which is a 429 with a `Retry-After` or a reset, or a reset with nothing left until then. An answer that
    /// tells nothing costs a look-up, and nothing is allocated.
    pub fn must_wait(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        received_at: SystemTime,
    ) -> Option<Duration> {
        self.method.api.rate.must_wait(status, headers, received_at)
    }

    /// Tells whether cookies pass in either direction. For nearly every provider they do not.
    pub fn keeps_cookies(&self) -> bool {
        self.method.api.keep_cookies
    }

    /// What finds the credential's secrets in an answer or a text, in every usual encoding.
    pub fn mask(&self) -> Mask {
        // In HTTP Basic a short password is too short to be looked for in base64; together with the user's name it is not.
        let basic = self.headers.iter().filter(|_| self.method.placements.basic.is_some());
        let basic =
            basic.filter_map(|(_, value)| value.to_str().ok()?.strip_prefix("Basic ")).map(Secret::new);
        let basic: Vec<Secret> = basic.collect();
        let values = self.values.iter().filter_map(|(_, value)| match value {
            Value::Secret(secret) => Some(secret),
            Value::Plain(_) => None,
        });
        Mask::new(values.chain(&basic))
    }
}

/// The origins of a method, filled in: the provider's own first.
pub(crate) fn origins(method: &Method, values: &[(Id, Value)]) -> Result<Vec<Origin>, FieldProblem> {
    let parsed = method.origins.iter().map(|template| {
        Origin::parse(&render(template, values)?).map_err(|error| FieldProblem {
            field: template.names().next().unwrap_or(UNNAMED).to_owned(),
            code: Code::Host,
            message: format!("this does not make an address that can be used: {error}"),
        })
    });
    parsed.collect()
}

fn render(template: &Template, values: &[(Id, Value)]) -> Result<String, FieldProblem> {
    let missing = || template.names().find(|name| lookup(values, name).is_none());
    template
        .render(|name| lookup(values, name).map(Cow::Borrowed))
        .ok_or_else(|| unplaceable(missing(), "a value that is needed is missing"))
}

fn joined(pairs: &[Secret], between: &str) -> Secret {
    Secret::new(pairs.iter().map(Secret::expose).collect::<Vec<_>>().join(between))
}

fn unplaceable(field: Option<&str>, message: &str) -> FieldProblem {
    let field = field.unwrap_or(UNNAMED).to_owned();
    FieldProblem { field, code: Code::NotAscii, message: message.to_owned() }
}

fn lookup<'v>(values: &'v [(Id, Value)], name: &str) -> Option<&'v str> {
    values.iter().find(|(id, _)| id.as_str() == name).map(|(_, value)| value.text())
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<String> = self.origins.iter().map(ToString::to_string).collect();
        f.debug_struct("Credential")
            .field("provider", &self.provider.descriptor().id().as_str())
            .field("method", &self.method.id().as_str())
            .field("origins", &origins)
            .finish_non_exhaustive()
    }
}
