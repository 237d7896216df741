//! When something ends, as it is typed.

use std::time::SystemTime;

use crate::exit::Failure;

/// What `--expires` says: after a time, or at one. Whether it may be then is said by whoever keeps it.
///
/// # Errors
/// Does not quote what was typed.
pub(crate) fn end(text: &str, now: SystemTime) -> Result<SystemTime, Failure> {
    let after = humantime::parse_duration(text).ok().and_then(|after| now.checked_add(after));
    after.or_else(|| humantime::parse_rfc3339(text).ok()).ok_or_else(|| {
        Failure::because(
            "--expires takes a time from now, such as 12h or 30d, or one such as 2027-01-31T12:00:00Z",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_read_and_not_repeated() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(end("30d", now).unwrap(), now + Duration::from_secs(30 * 86400));
        assert_eq!(end("2001-09-09T01:46:41Z", now).unwrap(), now + Duration::from_secs(1));
        for wrong in ["", "canary", "30", "30 canary", "99999999999999999999d", "2027-13-01T00:00:00Z"] {
            let Err(Failure::Because(said)) = end(wrong, now) else { panic!("{wrong}") };
            assert!(!said.contains("canary"), "{said}");
        }
    }
}
