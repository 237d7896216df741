//! A made-up platform: a page of another origin than the connect pages, from which they are opened as a page, a popup and a
//! frame.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keyway::Origin;
use keyway_connect::{Connect, KEYWAY_JS};
use serde::{Deserialize, Serialize};

use super::demo;
use crate::exit::Failure;

const PAGE: &str = include_str!("platform.html");
const SCRIPT: &str = include_str!("platform.js");

/// The platform, and where it listens.
pub(super) struct Platform {
    socket: TcpListener,
    port: u16,
    origin: String,
    /// What its pages may reach: themselves and the connect pages.
    policy: String,
}

/// What each request is answered from.
#[derive(Clone)]
struct Backend {
    connect: Connect,
    origin: String,
}

/// How the connect pages are to be opened.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Page,
    Popup,
    Frame,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    mode: Mode,
}

#[derive(Serialize)]
struct Session {
    link: String,
}

impl Platform {
    /// Takes the port where it was, the one after that of the connect pages, or any other.
    pub(super) fn bind(remembered: u16, connect: &Origin) -> Result<Self, Failure> {
        let wanted = if remembered == 0 { connect.port().wrapping_add(1) } else { remembered };
        let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let bound = bind(wanted).or_else(|_| bind(0)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            let port = socket.local_addr()?.port();
            Ok((socket, port))
        });
        let (socket, port) = bound.map_err(|_| Failure::because("there is no free port on this machine"))?;
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self' {connect}; \
             frame-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Ok(Self { socket, port, origin: format!("http://127.0.0.1:{port}"), policy })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:8082`
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Serves it for as long as the process lives: nothing of it has to be finished.
    pub(super) async fn serve(self, connect: Connect) {
        let Self { socket, origin, policy, .. } = self;
        let page = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, policy),
        ];
        let script =
            |text: &'static str| get(async move || ([(header::CONTENT_TYPE, "text/javascript")], text));
        let router = Router::new()
            .route("/", get(async move || (page, PAGE)))
            .route("/platform.js", script(SCRIPT))
            .route("/keyway.js", script(KEYWAY_JS))
            .route("/sessions", post(session))
            .with_state(Backend { connect, origin });
        let served = match tokio::net::TcpListener::from_std(socket) {
            Ok(socket) => axum::serve(socket, router).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(%error, "the made-up platform cannot be served");
        }
    }
}

/// Makes a session, as a platform's backend does for whoever is signed in there. JSON alone is taken: no page of another
/// origin can send it unasked.
async fn session(State(backend): State<Backend>, sent: HeaderMap, Json(wanted): Json<Wanted>) -> Response {
    let Backend { connect, origin } = backend;
    // Of its own page alone: neither of another origin's, nor of one whose name leads here by now.
    let is = |name, own: &str| sent.get(name).is_some_and(|value| value.as_bytes() == own.as_bytes());
    if !is(header::ORIGIN, &origin) || !is(header::HOST, origin.trim_start_matches("http://")) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let link = demo::link(&connect, |new| match wanted.mode {
        Mode::Page => new.return_url(format!("{origin}/")),
        Mode::Popup | Mode::Frame => new.parent_origin(origin),
    });
    match link.await {
        Ok(link) => ([(header::CACHE_CONTROL, "no-store")], Json(Session { link })).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
