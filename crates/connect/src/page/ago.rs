//! Times as people say them.

use std::time::SystemTime;

use maud::{Markup, html};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago a time was, with the time itself for whoever points at it, and for machines.
pub(super) fn ago(then: SystemTime, now: SystemTime) -> Markup {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    let exact = humantime::format_rfc3339_seconds(then).to_string();
    html! {
        time datetime=(exact) title=(exact) {
            @if seconds < MINUTE { "just now" } @else { (length(seconds)) " ago" }
        }
    }
}

/// A length of time in its greatest unit, rounded up, such as "2 minutes".
pub(super) fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..90 => (seconds.max(1), "second"),
        90..5400 => (seconds.div_ceil(MINUTE), "minute"),
        5400..129_600 => (seconds.div_ceil(HOUR), "hour"),
        _ => (seconds.div_ceil(DAY), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_length_is_said_in_one_unit() {
        for (seconds, expected) in [
            (0, "1 second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (90, "2 minutes"),
            (3600, "60 minutes"),
            (5400, "2 hours"),
            (86_400, "24 hours"),
            (129_600, "2 days"),
        ] {
            assert_eq!(length(seconds), expected);
        }
    }

    #[test]
    fn a_time_is_said_twice() {
        let then = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let said = |seconds| ago(then, then + Duration::from_secs(seconds)).into_string();
        assert_eq!(
            said(300),
            r#"<time datetime="2023-11-14T22:13:20Z" title="2023-11-14T22:13:20Z">5 minutes ago</time>"#
        );
        assert!(said(5).contains(">just now<"));
        // A clock that was set back.
        assert!(ago(then, UNIX_EPOCH).into_string().contains(">just now<"));
    }
}
