//! One authorised request, to show a newcomer what a good key is for.

use keyway::{Credential, http::Error};
use keyway_testkit::MethodFixtures;
use owo_colors::OwoColorize as _;

use crate::{exit::Failure, output, place::Road};

/// The most lines of an answer that are shown.
const MAX_LINES: usize = 40;

/// Makes the fixtures' first call, and shows it with its answer. Nothing where the fixtures have none. When it fails, that
/// is said: the key is good all the same.
pub(crate) async fn show(
    fixtures: &MethodFixtures,
    road: &Road,
    credential: &Credential,
) -> Result<(), Failure> {
    let Some(call) = fixtures.calls().first() else { return Ok(()) };
    let client = road.client()?;
    let made = async {
        let request = call.request(credential)?;
        // What goes out, and not what was asked for: that is what there is to see.
        let sent = credential.authorize_request(request.clone())?;
        Ok::<_, Error>((sent, client.send(credential, request).await?))
    };
    let (sent, answer) = match made.await {
        Ok(made) => made,
        Err(error) => {
            output::note(&format!("\nThe example request failed: {error}"));
            return Ok(());
        }
    };
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
