//! Idempotency keys: a request that is sent again is not done again.
//!
//! What is kept is a document, sealed, for 24 hours: the answer, and a keyed fingerprint of the body, which may hold a key. An answer
//! that shows a secret once is kept like any other: whoever lost it on the way can have it again, and nobody else has the
//! idempotency key, the tenant's token and the same body.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;
use keyway_vault::{ApiScope, ConnectionId, Document, Documents, Error, NewDocument, Tenant};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    answer::Passing,
    problem::{Kind, Problem},
    sent::Sent,
};
use crate::clock::millis;

const KIND: &str = "idempotency";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a request that is being done keeps others away: longer than any takes, for the one that never ends.
const CLAIM: Duration = Duration::from_secs(120);

/// What is kept of a request.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// HMAC of the body, in base64.
    fingerprint: String,
    /// The id of the connection that it makes, if it makes one: whoever does it again after a crash makes the same.
    makes: String,
    /// The version of the connection's key that it takes the place of, if it does: that at its beginning, whoever does it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<i64>,
    /// Until when nobody else does it, in milliseconds since 1970.
    until: u64,
    /// None while it is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Told>,
}

#[derive(Serialize, Deserialize)]
struct Told {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    body: String,
}

impl Sent {
    /// Does the work, unless it was done before under the same idempotency key.
    ///
    /// An answer of 500 or above, and one that holds for the moment alone, is not kept: the work is done anew then, and makes what it
    /// was to make before. Work under a key goes on when the client goes away.
    pub(super) async fn once<W, F>(mut self, scope: ApiScope, work: W) -> Response
    where
        W: FnOnce(Self) -> F + Send + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        if let Err(problem) = self.call.may(scope) {
            return problem.into_response();
        }
        let Some(key) = self.key.clone() else {
            return work(self).await.unwrap_or_else(IntoResponse::into_response);
        };
        // Claimed in a task of its own as well: where the client goes away, no claim is left that nobody works for.
        let done = tokio::spawn(async move {
            let documents = self.call.connect.0.vault.documents();
            let id = self.name(&key);
            let fingerprint = BASE64_STANDARD.encode(documents.sign("idempotency", &[&self.body]));
            match claim(&documents, &id, self.call.tenant.as_ref(), &fingerprint, self.over).await {
                Ok(Ok(claim)) => {
                    self.makes = claim.makes.clone();
                    self.over = claim.kept.over;
                    self.is_again = claim.is_again;
                    let answer = work(self).await.unwrap_or_else(IntoResponse::into_response);
                    claim.keep(&documents, answer).await
                }
                Ok(Err(told)) => told,
                Err(problem) => problem.into_response(),
            }
        });
        match done.await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Problem::new(Kind::Unavailable, "it was not finished").into_response(),
        }
    }

    /// What the request is kept under: SHA-256 of whose token it is, of whom it is about, of method and path, and of the key.
    fn name(&self, key: &str) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        let tenant = |tenant: &Option<Tenant>| {
            tenant.as_ref().map(|tenant| tenant.as_str().to_owned()).unwrap_or_default()
        };
        for part in [&tenant(&self.call.token.tenant), &tenant(&self.call.tenant), &self.route, key] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(context.finish())
    }
}

/// The right to do a request.
struct Claim {
    document: Document,
    kept: Kept,
    makes: ConnectionId,
    /// Somebody began it before.
    is_again: bool,
}

async fn claim(
    documents: &Documents,
    id: &str,
    tenant: Option<&Tenant>,
    fingerprint: &str,
    over: Option<i64>,
) -> Result<Result<Claim, Response>, Problem> {
    let damaged = || Error::Tampered { what: "an idempotency key".to_owned() };
    // Where it is taken and gone a moment later, or somebody else was first, it is asked for again.
    for _ in 0..3 {
        let now = SystemTime::now();
        let (expires_at, until) = (Some(now + KEPT), millis(now + CLAIM));
        let (makes, fingerprint) = (ConnectionId::random().to_string(), fingerprint.to_owned());
        let own = Kept { fingerprint, makes, over, until, answer: None };
        let new = NewDocument { kind: KIND, id, tenant, mark: None, expires_at, text: &text(&own) };
        let inserted = documents.insert(new).await;
        let Some(mut document) = documents.get(KIND, id).await? else {
            inserted?;
            continue;
        };
        let mut kept: Kept = serde_json::from_slice(&document.text).map_err(|_| damaged())?;
        if kept.fingerprint != own.fingerprint {
            return Err(Problem::new(Kind::KeyReused, "it came with another body before; take a new one"));
        }
        if let Some(told) = kept.answer {
            return Ok(Err(told.again()));
        }
        // Also where nobody could say whether it was kept: a claim that nobody works for would keep the next ones away.
        let is_ours = kept.makes == own.makes;
        if !is_ours {
            if kept.until > millis(now) {
                break;
            }
            // Whoever did it ended in the midst of it, perhaps after it was done.
            kept.until = until;
            match documents.replace(&document, &text(&kept), expires_at).await? {
                Some(taken_over) => document = taken_over,
                None => continue,
            }
        }
        let makes = ConnectionId::parse(&kept.makes).map_err(|_| damaged())?;
        return Ok(Ok(Claim { document, kept, makes, is_again: !is_ours }));
    }
    Err(in_flight())
}

fn in_flight() -> Problem {
    Problem::new(Kind::InFlight, "its answer can be had under the same key in a moment")
        .after(Duration::from_secs(1))
}

impl Claim {
    /// Keeps an answer, where it is one to be kept.
    async fn keep(self, documents: &Documents, answer: Response) -> Response {
        let has_failed = answer.status().is_server_error();
        let passes = answer.headers().contains_key(header::RETRY_AFTER)
            || answer.extensions().get::<Passing>().is_some();
        let (parts, body) = answer.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => bytes::Bytes::new(),
        };
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let expires_at = Some(SystemTime::now() + KEPT);
        // Without an answer it may have been done all the same, now or before: what it makes is known to whoever tries again, who need
        // not wait.
        let answer = (!has_failed && !passes).then(|| Told {
            status: parts.status.as_u16(),
            kind: header(header::CONTENT_TYPE),
            location: header(header::LOCATION),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let text = text(&Kept { until: 0, answer, ..self.kept });
        if let Err(error) = documents.replace(&self.document, &text, expires_at).await {
            // It was done, and whoever asked is told so. The claim ends by itself.
            tracing::warn!(%error, "an answer could not be kept for its idempotency key");
        }
        Response::from_parts(parts, Body::from(body))
    }
}

impl Told {
    fn again(self) -> Response {
        let mut answer = Response::new(Body::from(self.body));
        *answer.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        let kept = [(header::CONTENT_TYPE, self.kind), (header::LOCATION, self.location)];
        for (name, value) in kept {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        answer
    }
}

fn text(kept: &Kept) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(kept).unwrap_or_default())
}
