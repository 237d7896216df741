//! The credential as a tower layer, with something that follows redirects above it and services that do as they like
//! below it. What is asserted of other hosts is bytes that did not arrive.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    future::{Ready, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use keyway_core::{
    Credential, Descriptor, Draft, Provider, Registration, Registry, Submission, TransportErrorKind,
};
use keyway_http::{AuthorizeLayer, Error};
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::follow_redirect::{
    FollowRedirectLayer,
    policy::{Action, Attempt, Policy, Standard},
};

use common::{
    Server, answer,
    credential::{KEY, PLACES, credential, credential_at},
};

type BoxError = Box<dyn StdError + Send + Sync>;
type Body = Full<Bytes>;

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

fn layer(credential: Credential) -> AuthorizeLayer {
    AuthorizeLayer::new(Arc::new(credential)).allow_loopback()
}

/// What of a refusal is ours.
#[track_caller]
fn refusal(error: &BoxError) -> &Error {
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    error.downcast_ref().unwrap_or_else(|| panic!("{error:?}"))
}

/// A client without any guard, which follows nothing by itself.
fn network()
-> impl Service<Request<Body>, Response = Response<()>, Error = reqwest::Error, Future: Send> + Clone + Send {
    #[expect(clippy::disallowed_methods, reason = "the layer alone is what is tested")]
    let builder = reqwest::Client::builder();
    let client = builder.redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let answer = client.execute(Request::from_parts(parts, body).try_into()?).await?;
            Ok(http::Response::<reqwest::Body>::from(answer).map(|_| ()))
        }
    })
}

/// The standard policy, which strips what it takes for a credential; and bodies are repeated too.
#[derive(Clone, Default)]
struct Following(Standard);

impl<E> Policy<Body, E> for Following {
    fn redirect(&mut self, attempt: &Attempt<'_>) -> Result<Action, E> {
        Policy::<Body, E>::redirect(&mut self.0, attempt)
    }

    fn on_request(&mut self, request: &mut Request<Body>) {
        Policy::<Body, E>::on_request(&mut self.0, request);
    }

    fn clone_body(&self, body: &Body) -> Option<Body> {
        Some(body.clone())
    }
}

/// A request with something to leak in every place.
fn request(method: &Method, uri: &str) -> Request<Body> {
    let body = if *method == Method::POST { "canary-body" } else { "" };
    Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", "Bearer of-the-caller")
        .header("Authorization", "Basic of-the-caller")
        .header("ZSESSIONID", "of-the-caller")
        .header("cookie", "session=of-the-caller")
        .header("proxy-authorization", "Basic of-the-caller")
        .header("host", "of-the-caller.example")
        .header("connection", "x-hop, zsessionid, authorization")
        .header("x-hop", "of-the-caller")
        .header("x-kept", "1")
        .body(Body::from(body))
        .unwrap()
}

#[tokio::test]
async fn below_what_follows_redirects_a_foreign_hop_is_refused() {
    let network = network();
    let other = Server::saying(answer(200, &[], "stolen")).await;
    for (header, value) in PLACES {
        for status in STATUSES {
            for method in [Method::GET, Method::POST] {
                for location in [
                    "http://127.0.0.1:B/x",
                    "http://127.0.0.2:A/x",
                    "http://localhost:B/x",
                    "http://localhost:A/x",
                    "http://127.0.0.1/x",
                    "https://127.0.0.1:A/x",
                    "https://127.0.0.1:B/x",
                    "http://user:canary@127.0.0.1:A/x",
                    "http://127.0.0.1:A@127.0.0.1:B/x",
                    "//127.0.0.1:B/x",
                    "\\\\127.0.0.1:B/x",
                ] {
                    let case = format!("{status} {header} {method} {location}");
                    let location = location.replace('B', &other.port().to_string());
                    let server = Server::answering(move |arrived| {
                        let port = arrived.header("host")[0].rsplit(':').next().unwrap();
                        answer(status, &[("location", &location.replace('A', port))], "")
                    })
                    .await;
                    let service = ServiceBuilder::new()
                        .layer(FollowRedirectLayer::with_policy(Following::default()))
                        .layer(layer(credential_at(header, &server.origin())))
                        .service(network.clone());
                    let request = request(&method, &format!("{}/start?x=canary-query", server.origin()));
                    let error = service.oneshot(request).await.expect_err(&case);
                    let refused =
                        matches!(refusal(&error), Error::Authorize(keyway_core::Error::ForeignOrigin { .. }));
                    assert!(refused, "{case}: {error}");
                    assert_eq!(server.only().header(header), [value], "{case}");
                }
            }
        }
    }
    assert!(other.arrived().is_empty(), "{:#?}", other.arrived());
}

#[tokio::test]
async fn a_hop_inside_the_origin_is_authorised_anew() {
    let network = network();
    for (header, value) in PLACES {
        for status in STATUSES {
            for method in [Method::GET, Method::POST] {
                let server = Server::answering(move |arrived| {
                    if arrived.line.contains("/next") {
                        return answer(200, &[("set-cookie", "session=1")], "");
                    }
                    answer(status, &[("location", "/next?z=1"), ("set-cookie", "session=1")], "")
                })
                .await;
                let service = ServiceBuilder::new()
                    .layer(FollowRedirectLayer::with_policy(Following::default()))
                    .layer(layer(credential_at(header, &server.origin())))
                    .service(network.clone());
                let case = format!("{status} {header} {method}");
                let answer = service.oneshot(request(&method, &server.origin())).await.expect(&case);
                assert_eq!(answer.status(), 200, "{case}");
                assert!(!answer.headers().contains_key(header::SET_COOKIE), "{case}");
                let arrived = server.arrived();
                assert_eq!(arrived.len(), 2, "{case}");
                for request in arrived {
                    assert_eq!(request.header(header), [value], "{case}");
                    assert_eq!(request.header("host"), [format!("127.0.0.1:{}", server.port())], "{case}");
                    assert_eq!(request.header("x-kept"), ["1"], "{case}");
                    assert!(!format!("{request:?}").contains("of-the-caller"), "{case}: {request:#?}");
                }
            }
        }
    }
}

/// Why the order matters: the other way round, what is repeated elsewhere has the credential in it already. A layer cannot
/// see what stands below it. When this fails, tower-http has learnt better, and the documentation is to be changed.
#[tokio::test]
async fn above_what_follows_redirects_a_custom_header_leaks() {
    let network = network();
    for status in STATUSES {
        for (header, arrives) in [("authorization", false), ("zsessionid", true)] {
            let other = Server::saying(answer(200, &[], "")).await;
            let location = format!("http://localhost:{}/x", other.port());
            let server = Server::answering(move |_| answer(status, &[("location", &location)], "")).await;
            let service = ServiceBuilder::new()
                .layer(layer(credential_at(header, &server.origin())))
                .layer(FollowRedirectLayer::new())
                .service(network.clone());
            service.oneshot(request(&Method::GET, &server.origin())).await.unwrap();
            let expected: &[&str] = if arrives { &[KEY] } else { &[] };
            assert_eq!(other.only().header(header), expected, "{status} {header}");
        }
    }
}

/// A service that keeps what arrives.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<http::request::Parts>>>);

impl<B> Service<Request<B>> for Recorder {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.lock().unwrap().push(request.into_parts().0);
        ready(Ok(Response::new(())))
    }
}

#[tokio::test]
async fn what_is_refused_never_reaches_the_service() {
    let at = |origin: &str| credential_at("zsessionid", origin);
    for (credential, uri, expected) in [
        (credential("zsessionid"), "https://evil.example/canary-path", None),
        (credential("zsessionid"), "https://api.test.example.evil.example/canary-path", None),
        (credential("zsessionid"), "https://api.test.example:8443/", None),
        (credential("zsessionid"), "http://api.test.example/", None),
        (credential("zsessionid"), "https://u:canary@api.test.example/", None),
        (credential("zsessionid"), "/canary-path", None),
        // Inside the origins, and still not where a request goes.
        (
            credential_at("zsessionid", "http://127.0.0.1:8080"),
            "http://127.0.0.1:8080/",
            Some(TransportErrorKind::Scheme),
        ),
        (
            credential_at("zsessionid", "http://localhost:8080"),
            "http://localhost:8080/",
            Some(TransportErrorKind::Scheme),
        ),
        (at("https://10.0.0.1"), "https://10.0.0.1/canary", Some(TransportErrorKind::Address)),
        (at("https://169.254.169.254"), "https://169.254.169.254/", Some(TransportErrorKind::Address)),
        (at("https://[::ffff:7f00:1]"), "https://[::ffff:7f00:1]/", Some(TransportErrorKind::Address)),
        // What would arrive is not what was authorised.
        (
            credential("zsessionid"),
            "https://api.test.example/v1/%2e%2e/canary",
            Some(TransportErrorKind::Other),
        ),
    ] {
        let recorder = Recorder::default();
        let service = AuthorizeLayer::new(Arc::new(credential)).layer(recorder.clone());
        let error = service.oneshot(request(&Method::POST, uri)).await.expect_err(uri);
        match (refusal(&error), expected) {
            (Error::Authorize(_), None) => {}
            (Error::Transport(error), Some(kind)) => assert_eq!(error.kind(), kind, "{uri}"),
            (other, _) => panic!("{uri}: {other:?}"),
        }
        assert!(recorder.0.lock().unwrap().is_empty(), "{uri}");
    }
}

#[tokio::test]
async fn one_header_which_is_sensitive_and_nothing_of_the_caller_or_the_connection() {
    for (header, value) in PLACES {
        let recorder = Recorder::default();
        let service = AuthorizeLayer::new(Arc::new(credential(header))).layer(recorder.clone());
        let mut request = request(&Method::POST, "https://api.test.example/v1/x?y=1");
        for name in
            ["content-length", "te", "trailer", "transfer-encoding", "upgrade", "expect", "keep-alive"]
        {
            request.headers_mut().insert(name, "of-the-caller".parse().unwrap());
        }
        service.oneshot(request).await.unwrap();
        let sent = recorder.0.lock().unwrap().remove(0);
        let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(sent.headers[header], value);
        assert!(sent.headers[header].is_sensitive());
        assert_eq!(sent.headers["x-kept"], "1");
        assert_eq!(sent.uri, "https://api.test.example/v1/x?y=1");
    }
}

/// A body of two frames and trailers, which counts how often somebody looked at it.
#[derive(Debug)]
struct Stream {
    frames: Vec<http_body::Frame<Bytes>>,
    looks: Arc<AtomicUsize>,
}

impl Stream {
    fn new(looks: &Arc<AtomicUsize>) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "3".parse().unwrap());
        let frames = vec![
            http_body::Frame::trailers(trailers),
            http_body::Frame::data(Bytes::from_static(b"c")),
            http_body::Frame::data(Bytes::from_static(b"ab")),
        ];
        Self { frames, looks: Arc::clone(looks) }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(self.frames.pop().map(Ok))
    }
}

#[tokio::test]
async fn bodies_pass_through_in_both_directions() {
    let looks = Arc::new(AtomicUsize::new(0));
    // An echo, which hands the body back as it came.
    let echo =
        service_fn(|request: Request<Stream>| ready(Ok::<_, Infallible>(Response::new(request.into_body()))));
    let mut service = AuthorizeLayer::new(Arc::new(credential("zsessionid"))).layer(echo);
    let request = Request::post("https://api.test.example/v1/x").body(Stream::new(&looks)).unwrap();
    let answer = service.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(looks.load(Ordering::Relaxed), 0, "nobody on the way looked at it");
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-checksum"], "3");
    assert_eq!(collected.to_bytes(), "abc");
}

/// An adapter that has to see the body, as one that signs it does.
#[derive(Debug)]
struct Signing(Descriptor);

impl Provider for Signing {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn authorize(&self, credential: &Credential, draft: &mut Draft<'_>) -> Result<(), keyway_core::Error> {
        draft.body()?;
        draft.place(credential)
    }
}

#[tokio::test]
async fn a_method_that_must_see_the_body_takes_an_empty_one_and_refuses_a_stream() {
    let registration = Registration {
        package: "test",
        descriptor: Box::leak(common::credential::descriptor("x-signature", "{api_key}").into_boxed_str()),
        fixtures: "",
        logo: "",
        build: |descriptor| Box::new(Signing(descriptor)),
    };
    let registry = Registry::from_registrations([&registration]).unwrap();
    let submission = Submission::new().with("api_key", KEY);
    let credential = Arc::new(registry.accept("test", None, &submission).unwrap().credential);

    let recorder = Recorder::default();
    let service = AuthorizeLayer::new(Arc::clone(&credential)).layer(recorder.clone());
    let looks = Arc::new(AtomicUsize::new(0));
    let stream = Request::post("https://api.test.example/x").body(Stream::new(&looks)).unwrap();
    let error = service.clone().oneshot(stream).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::Authorize(keyway_core::Error::OpaqueBody)), "{error}");
    assert!(recorder.0.lock().unwrap().is_empty());

    let empty = Request::get("https://api.test.example/x").body(Body::default()).unwrap();
    service.oneshot(empty).await.unwrap();
    assert_eq!(recorder.0.lock().unwrap()[0].headers["x-signature"], KEY);
}

/// A service that is ready every second time it is asked, once for each call; a clone of it is not.
#[derive(Debug)]
struct Moody {
    asked: usize,
    ready: bool,
}

/// What it says when it breaks.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl StdError for Broken {}

impl Service<Request<Body>> for Moody {
    type Response = Response<()>;
    type Error = Broken;
    type Future = Ready<Result<Response<()>, Broken>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.asked += 1;
        match self.asked {
            _ if self.ready => Poll::Ready(Ok(())),
            1 | 3 => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            6.. => Poll::Ready(Err(Broken)),
            _ => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "it was called before it was ready");
        ready(if self.asked > 4 { Err(Broken) } else { Ok(Response::new(())) })
    }
}

#[tokio::test]
async fn readiness_and_errors_are_those_of_the_service() {
    let mut service =
        AuthorizeLayer::new(Arc::new(credential("zsessionid"))).layer(Moody { asked: 0, ready: false });
    let good = || Request::get("https://api.test.example/").body(Body::default()).unwrap();
    let foreign = Request::get("https://evil.example/").body(Body::default()).unwrap();
    service.ready().await.unwrap().call(good()).await.unwrap();
    // A refused request takes nothing of the readiness that the next one has.
    let error = service.ready().await.unwrap().call(foreign).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::Authorize(_)));
    let error = service.ready().await.unwrap().call(good()).await.unwrap_err();
    assert!(error.is::<Broken>(), "{error:?}");
    let error = service.ready().await.map(|_| ()).unwrap_err();
    assert!(error.is::<Broken>(), "{error:?}");
}

#[test]
fn nothing_of_the_credential_is_shown() {
    let layer = AuthorizeLayer::new(Arc::new(credential("zsessionid")));
    let mut service = layer.layer(Recorder::default());
    let request = Request::get("https://api.test.example/canary").body(Body::default()).unwrap();
    let text = format!("{layer:?} {service:?} {:?}", service.call(request));
    assert!(!text.contains("canary"), "{text}");
}
