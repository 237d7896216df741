//! The fields of a form that was sent: any of them may be a key.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::BodyExt as _;
use keyway_core::Submission;
use tokio::time::timeout;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::answer::{Halt, problem};
use crate::{shared::Shared, web::Frame};

/// The fields of a form, as they came. Their memory is cleared.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

/// More than any form has, and than a submission may: which says so.
const MOST: usize = 300;

impl Fields {
    /// Reads a form's body, within the limits of bytes and time.
    pub(super) async fn read(
        body: Body,
        headers: &HeaderMap,
        shared: &Shared,
        frame: Frame<'_>,
    ) -> Result<Self, Halt> {
        let most = shared.limits.form;
        let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let read = async {
            if said.is_some_and(|length: usize| length > most) {
                return Err(Why::Large);
            }
            // With room for all of it, nothing is copied while it grows.
            let mut whole = Zeroizing::new(Vec::with_capacity(said.unwrap_or(most)));
            let mut body = body;
            while let Some(part) = body.frame().await {
                let part = part.map_err(|_| Why::Broken)?;
                let Ok(part) = part.into_data() else { continue };
                if whole.len() + part.len() > most {
                    return Err(Why::Large);
                }
                whole.extend_from_slice(&part);
            }
            Ok(whole)
        };
        let whole = timeout(shared.limits.body_time, read).await.unwrap_or(Err(Why::Slow));
        let whole = whole.map_err(|why| {
            let (status, text) = match why {
                Why::Large => (StatusCode::PAYLOAD_TOO_LARGE, "What was sent is too large."),
                Why::Slow => (StatusCode::REQUEST_TIMEOUT, "What was sent took too long to come."),
                Why::Broken => (StatusCode::BAD_REQUEST, "What was sent is not whole."),
            };
            let mut answer = problem(shared, status, "This cannot be done", text, frame);
            answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            Halt::from(answer)
        })?;
        let pairs = form_urlencoded::parse(&whole).take(MOST);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect()))
    }

    /// Takes a field out; none where it is not there, or stands twice.
    pub(super) fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let mut found = self.0.extract_if(.., |(key, _)| key == name);
        let first = found.next();
        let is_alone = found.next().is_none();
        drop(found);
        first.filter(|_| is_alone).map(|(_, value)| value)
    }

    /// What a person typed, for core to judge: unknown, missing and double fields among it.
    pub(super) fn submission(self) -> Submission {
        self.0.into_iter().fold(Submission::new(), |submission, (name, mut value)| {
            submission.with(name, std::mem::take(&mut *value))
        })
    }
}

enum Why {
    Large,
    Slow,
    Broken,
}
