//! One authorised request, to show a newcomer what a good key is for.

use bytes::Bytes;
use keyway::Credential;
use keyway_testkit::MethodFixtures;
use owo_colors::OwoColorize as _;

use crate::{exit::Failure, output, place::Road};

/// The most lines of an answer that are shown.
const MAX_LINES: usize = 40;

/// Makes the fixtures' first call, and shows it with its answer. Nothing where the fixtures have none.
pub(crate) async fn show(
    fixtures: &MethodFixtures,
    road: &Road,
    credential: &Credential,
) -> Result<(), Failure> {
    let Some(call) = fixtures.calls().first() else { return Ok(()) };
    let failed =
        |error: &dyn std::fmt::Display| Failure::because(format!("the example request failed: {error}"));
    let request = credential
        .request(call.method().clone(), call.path(), Bytes::new())
        .map_err(|error| failed(&error))?;
    // What goes out, and not what was asked for: that is what there is to see.
    let sent = credential.authorize_request(request.clone()).map_err(|error| failed(&error))?;
    let answer = road.client()?.send(credential, request).await.map_err(|error| failed(&error))?;
    let mask = credential.mask();
    let line = format!("{} {}", sent.method(), sent.uri().path_and_query().map_or("/", |path| path.as_str()));
    let body = mask.bytes(answer.body());
    output::result(&format!(
        "\nAn authorised request ({}):\n\n  {}\n  → {}\n\n{}",
        call.name(),
        mask.text(&line).bold(),
        answer.status(),
        excerpt(&body)
    ))
}

/// A body for a person: JSON is laid out; it is cut after some lines.
fn excerpt(body: &[u8]) -> String {
    let laid_out = serde_json::from_slice::<serde_json::Value>(body)
        .and_then(|json| serde_json::to_string_pretty(&json))
        .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    let text = output::inert(&laid_out);
    let mut lines: Vec<String> = text.lines().take(MAX_LINES).map(|line| format!("  {line}")).collect();
    let more = text.lines().count() - lines.len();
    if more > 0 {
        lines.push(format!("  … and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let body = serde_json::to_vec(&(0..100).collect::<Vec<_>>()).unwrap();
        let shown = excerpt(&body);
        assert_eq!(shown.lines().count(), MAX_LINES + 1);
        assert!(shown.ends_with("… and 62 more lines"), "{shown}");
        assert_eq!(excerpt(b"<p>\x1b[0m"), "  <p>\u{fffd}[0m");
    }
}
