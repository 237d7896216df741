//! Authorising as a tower layer, for clients that are built of layers.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, header};
use http_body::Body;
use keyway_core::{BodyAccess, Credential, TransportError};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Error, guard::Permit, head};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Puts a credential into every request that passes: a [`tower::Layer`](tower_layer::Layer).
///
/// What it does to a request is what [`Client::send`](crate::Client::send) does to one: what belongs to the connection
/// (`Host`, `Content-Length`, `Connection` and the headers it names, …) is dropped, what the caller may have set in place
/// of the credential is removed, and the credential is inserted last, marked sensitive. `Set-Cookie` is taken out of the
/// answer, unless the provider needs it. Bodies pass through untouched, in either direction.
///
/// A request that may not carry the credential ends here, and the service below never sees it: one to another origin, to
/// an address that is not public, over plain http. Its error is an [`Error`](crate::Error) in a box; so are those of the
/// service below, as they are.
///
/// A body that says it is at its end is none. Every other one is [`BodyAccess::Opaque`]: a method that must see the body
/// refuses it, and [`Client`](crate::Client) is for that.
///
/// # Security
/// **It stands below whatever follows redirects**, and above nothing that does. Then each hop passes it, is authorised
/// anew, and is refused where it leaves the credential's origins. The other way round, the credential is in the request
/// that is repeated elsewhere: `FollowRedirect` of tower-http takes `Authorization` out on its way to another origin, and
/// leaves `ZSESSIONID` and `X-Api-Key` in. A layer cannot see what stands below it, so this is yours to get right; a
/// reqwest client that went through [`harden`](crate::harden) follows nothing.
///
/// It looks at the address that is written in a request. What a name resolves to is seen by the client below:
/// [`harden`](crate::harden) gives it a resolver that refuses private addresses.
///
/// ```
/// use std::sync::Arc;
///
/// use keyway_core::Credential;
/// use keyway_http::{AuthorizeLayer, harden};
/// use tower::ServiceBuilder;
/// use tower_http::follow_redirect::FollowRedirectLayer;
///
/// # fn example(credential: Credential) -> Result<(), reqwest::Error> {
/// let client = harden(reqwest::Client::builder()).build()?;
/// let service = ServiceBuilder::new()
///     .layer(FollowRedirectLayer::new()) // above,
///     .layer(AuthorizeLayer::new(Arc::new(credential))) // and below it the credential
///     .service_fn(move |request: http::Request<reqwest::Body>| {
///         let client = client.clone();
///         async move {
///             let answer = client.execute(request.try_into()?).await?;
///             Ok::<_, reqwest::Error>(http::Response::<reqwest::Body>::from(answer))
///         }
///     });
/// # let _ = service;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AuthorizeLayer {
    credential: Arc<Credential>,
    permit: Permit,
}

impl AuthorizeLayer {
    /// Makes a layer that authorises with `credential`.
    pub fn new(credential: Arc<Credential>) -> Self {
        Self { credential, permit: Permit::default() }
    }

    /// Allows the machine itself, as [`HttpTransportBuilder::allow_loopback`](crate::HttpTransportBuilder::allow_loopback)
    /// does: for tests and the sandbox.
    #[must_use]
    pub fn allow_loopback(mut self) -> Self {
        self.permit.loopback = true;
        self
    }
}

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize { inner, layer: self.clone() }
    }
}

/// The service that an [`AuthorizeLayer`] makes of another one.
#[derive(Clone)]
pub struct Authorize<S> {
    inner: S,
    layer: AuthorizeLayer,
}

impl<S> Authorize<S> {
    /// Makes of `request` what goes out.
    fn authorize<B: Body>(&self, request: Request<B>) -> Result<Request<B>, Error> {
        let AuthorizeLayer { credential, permit } = &self.layer;
        let (mut parts, body) = request.into_parts();
        head::strip(&mut parts.headers);
        let access = if body.is_end_stream() { BodyAccess::Empty } else { BodyAccess::Opaque };
        credential.authorize(&mut parts, access)?;
        if let Err(kind) = permit.url_of(&parts.uri) {
            return Err(TransportError::new(kind, parts.uri.host().unwrap_or_default()).into());
        }
        Ok(Request::from_parts(parts, body))
    }
}

impl<S, B, R> Service<Request<B>> for Authorize<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = AuthorizeFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match self.authorize(request) {
            Ok(request) => State::Sent { answer: self.inner.call(request) },
            Err(error) => State::Refused { error: Some(error) },
        };
        AuthorizeFuture { state, keeps_cookies: self.layer.credential.keeps_cookies() }
    }
}

impl<S> fmt::Debug for Authorize<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize").field("credential", &self.layer.credential).finish_non_exhaustive()
    }
}

pin_project! {
    /// The answer to a request that an [`Authorize`] sent or refused.
    pub struct AuthorizeFuture<F> {
        #[pin]
        state: State<F>,
        keeps_cookies: bool,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Sent { #[pin] answer: F },
        Refused { error: Option<Error> },
    }
}

impl<F, R, E> Future for AuthorizeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProjection::Sent { answer } => {
                let mut answer = ready!(answer.poll(context)).map_err(Into::into)?;
                if !*this.keeps_cookies {
                    answer.headers_mut().remove(header::SET_COOKIE);
                }
                Poll::Ready(Ok(answer))
            }
            StateProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error.into())),
                // It was polled after its end, which nobody may do.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for AuthorizeFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeFuture").finish_non_exhaustive()
    }
}
