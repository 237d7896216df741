//! Paths: which ones a grant allows, and what the audit log shows of one.

use std::{borrow::Cow, fmt};

/// Paths that a grant allows: `/v1/incidents`, `/v1/incidents/*` (any one segment), `/v1/**` (any rest, which may be
/// empty behind the slash: `/v1/`, but not `/v1`).
///
/// The case of letters counts, and so does a slash at the end. Escapes are compared as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
}

/// A text is not a pattern of paths. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path pattern {0}")]
pub struct PatternError(&'static str);

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 1024;
/// The most that is shown of a path, in characters.
const MAX_SHOWN: usize = 512;
/// The longest segment that may be a word or words.
const MAX_WORD: usize = 32;
/// The most words of a segment.
const MAX_WORDS: usize = 4;
/// What stands for a segment that is not shown.
const HIDDEN: &str = "{}";

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When no path could match it, or one that a server would read differently.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError("begins with `/`"));
        }
        if text.chars().count() > MAX_PATTERN {
            return Err(PatternError("has at most 1024 characters"));
        }
        if text.contains('?') {
            return Err(PatternError("is of the path alone, without a query"));
        }
        let (all, last) = text.rsplit_once('/').unwrap_or_default();
        if all.split('/').any(|segment| segment == "**") {
            return Err(PatternError("has `**` at its end alone"));
        }
        if all.split('/').chain([last]).any(|segment| segment.contains('*') && !matches!(segment, "*" | "**"))
        {
            return Err(PatternError("has `*` and `**` as whole segments alone"));
        }
        match ambiguity(text) {
            Some(why) => Err(PatternError(why)),
            None => Ok(Self { text: text.into() }),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether a path as it goes on the wire matches; its query, if any, does not count. A path that some server may
    /// read differently than it is written matches nothing: one with a dot segment, an empty segment but the last, a
    /// backslash, a `;`, `#`, a control or a character beyond ASCII, or one of these, a slash, a dot or a `%` in escapes.
    pub fn matches(&self, path: &str) -> bool {
        let path = without_query(path);
        if !path.starts_with('/') || ambiguity(path).is_some() {
            return false;
        }
        let mut segments = path.split('/');
        for wanted in self.text.split('/') {
            match (wanted, segments.next()) {
                ("**", rest) => return rest.is_some(),
                ("*", Some(segment)) if !segment.is_empty() => {}
                (_, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// Why a server might read another path than this one, if it might.
fn ambiguity(path: &str) -> Option<&'static str> {
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("is visible ASCII; other characters are escaped (`%C3%BC`)");
    }
    if path.contains(['\\', ';', '#']) {
        return Some("has no backslash, no `;` and no `#`");
    }
    let Some(decoded) = decode(path) else {
        return Some("has `%` before two hex digits alone, and escapes are UTF-8");
    };
    // Escapes of what has a meaning in a path; one of `%` hides an escape from whoever decodes once.
    let meant = |byte: u8| byte.is_ascii_control() || b"./\\;%".contains(&byte);
    if decoded.into_iter().any(meant) {
        return Some("has no escaped dot, slash, backslash, `;`, `%` or control character");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("has no `.` or `..` segment");
    }
    if path.contains("//") {
        return Some("has no empty segment");
    }
    None
}

/// The bytes that are escaped; `None` when an escape is cut off, or a segment is not UTF-8 then.
fn decode(path: &str) -> Option<Vec<u8>> {
    let mut escaped = Vec::new();
    for segment in path.split('/') {
        let mut pieces = segment.split('%');
        let mut whole = pieces.next().unwrap_or_default().as_bytes().to_vec();
        for piece in pieces {
            let (hex, rest) = piece.split_at_checked(2)?;
            if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            let byte = u8::from_str_radix(hex, 16).ok()?;
            escaped.push(byte);
            whole.push(byte);
            whole.extend_from_slice(rest.as_bytes());
        }
        String::from_utf8(whole).ok()?;
    }
    Some(escaped)
}

/// What may be shown of a path: the words of an API, such as `/v1/incidents/{}`. There is no query in it, and `{}` stands
/// for each segment that is not clearly a word: ids, names, and keys in the wrong place do not reach a log. At most 512
/// characters; a longer one ends in `/…`. A path of words alone is its own template.
pub fn template_of(path: &str) -> Cow<'_, str> {
    let path = without_query(path);
    // Up to here it is its own template, but for the slash before the segment that is not.
    let mut kept = 0;
    for (index, segment) in path.split('/').enumerate() {
        let end = kept + usize::from(index > 0) + segment.len();
        // Before the first slash there is nothing, or it is no path.
        let is_shown = if index == 0 { segment.is_empty() } else { is_shown(segment) };
        if !is_shown || end > MAX_SHOWN - 2 {
            return Cow::Owned(hidden(&path[..kept], &path[kept..]));
        }
        kept = end;
    }
    Cow::Borrowed(path)
}

/// A template whose beginning stays as it is.
fn hidden(kept: &str, rest: &str) -> String {
    let mut shown = String::with_capacity(kept.len() + rest.len().min(MAX_SHOWN) + HIDDEN.len());
    shown.push_str(kept);
    let mut segments = rest.split('/');
    if !segments.next().unwrap_or_default().is_empty() {
        shown.push_str(HIDDEN);
    }
    for segment in segments {
        let word = if is_shown(segment) { segment } else { HIDDEN };
        if shown.len() + 1 + word.len() > MAX_SHOWN - 2 {
            shown.push_str("/…");
            break;
        }
        shown.push('/');
        shown.push_str(word);
    }
    shown
}

fn is_shown(segment: &str) -> bool {
    segment.is_empty() || is_version(segment) || is_word(segment)
}

/// `v1`, `v2.0`.
fn is_version(segment: &str) -> bool {
    let number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    segment.strip_prefix(['v', 'V']).is_some_and(|rest| match rest.split_once('.') {
        Some((major, minor)) => number(major) && number(minor),
        None => number(rest),
    })
}

/// Tells whether a segment reads like a word or words: letters with `-` and `_` between them, in a mixture of cases and of
/// vowels and consonants that random letters hardly have.
fn is_word(segment: &str) -> bool {
    /// Fewer letters are no secret, and have too little of a mixture to tell.
    const SHORT: usize = 8;
    /// From so many on, the mixture tells more.
    const LONG: usize = 16;
    if segment.len() > MAX_WORD {
        return false;
    }
    let (mut count, mut upper, mut vowels, mut rare, mut words) = (0, 0, 0, 0, 1);
    // Consonants one after the other, whatever stands between them.
    let (mut run, mut longest) = (0, 0);
    for byte in segment.bytes() {
        let kind = KINDS[usize::from(byte)];
        if kind & LETTER == 0 {
            if kind & SIGN == 0 {
                return false;
            }
            words += 1;
            continue;
        }
        count += 1;
        upper += usize::from(byte.is_ascii_uppercase());
        rare += usize::from(kind & RARE != 0);
        if kind & VOWEL == 0 {
            run += 1;
            longest = longest.max(run);
        } else {
            vowels += 1;
            run = 0;
        }
    }
    // A slug is an id that somebody made of a title.
    if words > MAX_WORDS || count == 0 {
        return false;
    }
    if count < SHORT {
        return true;
    }
    let fewest = if count < LONG { count / 5 } else { count * 28 / 100 };
    (upper == count || upper * 3 <= count)
        && (fewest..=count * 3 / 5).contains(&vowels)
        && longest <= 4
        && rare <= 1
}

/// What a byte is in a word; several at once.
const LETTER: u8 = 1;
const VOWEL: u8 = 2;
const RARE: u8 = 4;
const SIGN: u8 = 8;

/// Each byte's kinds: a template is made for each path of a gateway's traffic.
const KINDS: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    kinds[b'-' as usize] = SIGN;
    kinds[b'_' as usize] = SIGN;
    let mut letter = b'a';
    while letter <= b'z' {
        let kind = match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => LETTER | VOWEL,
            b'j' | b'q' | b'x' | b'z' => LETTER | RARE,
            _ => LETTER,
        };
        kinds[letter as usize] = kind;
        kinds[letter.to_ascii_uppercase() as usize] = kind;
        letter += 1;
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let parsed = PathPattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        assert_eq!(parsed.as_str(), pattern);
        for path in matching {
            assert!(parsed.matches(path), "{pattern}: {path}");
        }
        for path in others {
            assert!(!parsed.matches(path), "{pattern}: {path}");
        }
    }

    #[test]
    fn a_pattern_matches_whole_segments() {
        check(
            "/v1/incidents",
            &["/v1/incidents", "/v1/incidents?page[size]=1", "/v1/incidents?x=/../%2e"],
            &[
                "/v1/incidents/",
                "/v1/Incidents",
                "/v1/incident",
                "/v1/incidents1",
                "/v1/incidents/1",
                "/v1",
                "/",
                "",
            ],
        );
        check(
            "/v1/incidents/*",
            &["/v1/incidents/1", "/v1/incidents/a%20b", "/v1/incidents/%C3%BC", "/v1/incidents/*"],
            &[
                "/v1/incidents",
                "/v1/incidents/",
                "/v1/incidents/1/",
                "/v1/incidents/1/events",
                "/v1/incidents?x=/1",
            ],
        );
        check(
            "/v1/*/events",
            &["/v1/1/events", "/v1/x:y@z/events"],
            &["/v1/events", "/v1//events", "/v1/1/2/events", "/v1/1/events/"],
        );
        check("/v1/**", &["/v1/", "/v1/a", "/v1/a/b/", "/v1/**"], &["/v1", "/v2/a", "/v1a/b", "v1/a"]);
        check("/**", &["/", "/a", "/a/b"], &["", "a", "*", "https://api.example.com/a"]);
        check("/", &["/", "/?x"], &["/a", "//", ""]);
        check("/v1/*/**", &["/v1/a/", "/v1/a/b/c"], &["/v1/a", "/v1//b"]);
        check("/v1/", &["/v1/"], &["/v1"]);
        check("/a%20b", &["/a%20b"], &["/a b", "/a+b"]);
    }

    #[test]
    fn n53_a_path_that_a_server_may_read_differently_matches_nothing() {
        let patterns = ["/**", "/v1/**", "/v1/*", "/v1/*/*", "/v1/*/admin", "/v1/admin", "/*", "/*/*"];
        for path in [
            "//evil.com",
            "//v1/admin",
            "/v1//admin",
            "/\\evil",
            "/v1/..\\admin",
            "/v1/..",
            "/v1/../admin",
            "/v1/.",
            "/v1/./admin",
            "/..",
            "/v1/%2e%2e",
            "/v1/%2E%2e/admin",
            "/v1/.%2e/admin",
            "/v1/a%2eb",
            "/v1/..%2f",
            "/v1/..%2Fadmin",
            "/v1/a%2fb",
            "/v1/%252e",
            "/v1/%252e%252e/admin",
            "/v1/%25",
            "/v1/..;/",
            "/v1/..;/admin",
            "/v1/a;b=c",
            "/v1/%3b",
            "/v1/%00",
            "/v1/a%00.json",
            "/v1/%0d%0a",
            "/v1/%0D%0Ax-admin:1",
            "/v1/%7f",
            "/v1/%5c",
            "/v1/%5C..%5c",
            "/v1/%c0%ae%c0%ae/admin",
            "/v1/%ff",
            "/v1/%C3",
            "/v1/%",
            "/v1/%2",
            "/v1/%zz",
            "/v1/%+2",
            "/v1/%u002e",
            "/v1/a#b",
            "/v1/a\0",
            "/v1/a\tb",
            "/v1/a\r\nb",
            "/v1/a b",
            "/v1/ü",
            "/v1/\u{ff0e}\u{ff0e}",
            "/v1/%",
            "/v1/é%2",
        ] {
            for pattern in patterns {
                check(pattern, &[], &[path, &format!("{path}?x=1")]);
            }
        }
    }

    #[test]
    fn a_pattern_that_cannot_match_is_refused() {
        for (text, says) in [
            ("", "begins with"),
            ("v1", "begins with"),
            ("*", "begins with"),
            ("https://api.example.com/v1", "begins with"),
            ("/v1/**/x", "at its end"),
            ("/**/", "at its end"),
            ("/v1/x*", "whole segments"),
            ("/v1/*x/y", "whole segments"),
            ("/v1/***", "whole segments"),
            ("/v1?x=canary", "query"),
            ("/v1/canary#x", "`#`"),
            ("/v1/../canary", "segment"),
            ("/v1//canary", "empty segment"),
            ("/v1/%2e", "escaped"),
            ("/v1/%2", "hex digits"),
            ("/v1/ü", "visible ASCII"),
            ("/v1/a b", "visible ASCII"),
            ("/v1/a;b", "`;`"),
            (&format!("/{}", "x".repeat(1024)), "1024"),
        ] {
            let error = PathPattern::parse(text).expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("canary"), "{text}: {error}");
        }
        check(&format!("/{}", "x".repeat(1023)), &[&format!("/{}", "x".repeat(1023))], &["/x"]);
    }

    #[test]
    fn a_template_shows_the_words_of_an_api_alone() {
        for (path, expected) in [
            ("/", "/"),
            ("/v1/incidents", "/v1/incidents"),
            ("/v1/incidents?api_key=made-up", "/v1/incidents"),
            ("/v1/incidents/", "/v1/incidents/"),
            ("/v1/incidents/4711/events", "/v1/incidents/{}/events"),
            ("/v1/users/me", "/v1/users/me"),
            ("/v1/incidents/my-database-is-down-again", "/v1/incidents/{}"),
            ("/v1/escalation_policies/escalation-levels", "/v1/escalation_policies/escalation-levels"),
            (
                "/slm/webservice/v2.0/HierarchicalRequirement/123",
                "/slm/webservice/v2.0/HierarchicalRequirement/{}",
            ),
            ("/slm/webservice/v2.0/hierarchicalrequirement", "/slm/webservice/v2.0/hierarchicalrequirement"),
            ("/slm/webservice/v2.0/PortfolioItem/Feature", "/slm/webservice/v2.0/PortfolioItem/Feature"),
            ("/v1/incidentPermissionSets/subscriptions", "/v1/incidentPermissionSets/subscriptions"),
            (
                "/v1/alert_routing_rules/dashboards/workflow_tasks",
                "/v1/alert_routing_rules/dashboards/workflow_tasks",
            ),
            ("/v1/8b8ff4fc-7a0e-4f0c-9c0d-0c9a2f3a4b5c/x", "/v1/{}/x"),
            ("/v1/somebody@example.com", "/v1/{}"),
            ("/v1/rootly_0000000000000000000000000000cafecafe", "/v1/{}"),
            ("/v1/_made0up0key0for0tests0made0up0key0for0tests", "/v1/{}"),
            ("/v1/kwg_MadeUpForTests0123456789abcdef0No3ND", "/v1/{}"),
            ("/v1/2026-11-21", "/v1/{}"),
            ("/v123/v1.2.3/v", "/{}/{}/v"),
            ("/v1/a%20b", "/v1/{}"),
            ("/v1/../x", "/v1/{}/x"),
            ("/v1/x;y", "/v1/{}"),
            ("/v1/-/_", "/v1/{}/{}"),
            ("/v1/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/v1/{}"),
            ("//x", "//x"),
            ("*", "{}"),
            ("https://made-up@example.com/v1", "{}//{}/v1"),
            ("", ""),
        ] {
            assert_eq!(template_of(path), expected, "{path}");
        }
        let long = "/incidents".repeat(200);
        let long = template_of(&long);
        assert!(long.chars().count() <= 512 && long.ends_with("/incidents/…"), "{long}");
        assert_eq!(template_of(&"/{}".repeat(170)).chars().count(), 510);
        // What need not be copied is not.
        assert!(matches!(template_of("/v1/incidents/?page=2"), Cow::Borrowed("/v1/incidents/")));
    }

    #[test]
    fn the_words_of_rootly_and_rally_are_shown() {
        let words = "alerts alert_sources alert_urgencies action_items authorizations catalog_entities causes \
            communications_groups custom_forms dashboards dashboard_panels environments escalation_paths \
            escalation_policies form_field_positions form_set_conditions functionalities heartbeats incidents \
            incident_role_tasks ip_ranges live_call_routers meeting_recordings on_call_shadows override_shifts \
            playbook_tasks post_incident_reviews retrospective_steps schedule_rotation_members schedules secrets \
            severities shifts status-pages subscriptions teams webhooks_endpoints workflows workflow_runs \
            workflow_tasks workflow_form_field_conditions allowedattributevalue artifact changeset conversationpost \
            defect defectsuite hierarchicalrequirement iteration milestone portfolioitem preliminaryestimate \
            recyclebinentry release revisionhistory scmrepository subscription tag task testcase testcaseresult \
            testfolder testset typedefinition user userpermission userprofile userstory webservice workspace \
            workspaceconfiguration HierarchicalRequirement PortfolioItem TestCaseStep";
        let hidden: Vec<&str> =
            words.split_whitespace().filter(|word| template_of(&format!("/{word}")) == "/{}").collect();
        assert_eq!(hidden, [""; 0]);
    }

    /// Random, and the same in every run (xorshift64*).
    fn random(state: &mut u64) -> usize {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap()
    }

    #[test]
    fn i2_what_is_random_is_not_taken_for_a_word() {
        let lower = "abcdefghijklmnopqrstuvwxyz";
        let both = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut state = 17;
        // Of ten thousand, so many may pass for a word; those with digits, as keys have them, never do.
        for (name, alphabet, length, most) in [
            ("hex", "0123456789abcdef".to_owned(), 32, 0),
            ("base62", format!("0123456789{both}"), 20, 5),
            ("base62", format!("0123456789{both}"), 32, 0),
            ("base32", format!("234567{}", lower.to_uppercase()), 26, 5),
            ("base64url", format!("0123456789-_{both}"), 24, 5),
            ("letters", both.to_owned(), 20, 100),
            ("small letters", lower.to_owned(), 20, 400),
            ("small letters", lower.to_owned(), 32, 50),
        ] {
            let passed = (0..10_000)
                .filter(|_| {
                    let letters =
                        (0..length).map(|_| alphabet.as_bytes()[random(&mut state) % alphabet.len()]);
                    template_of(&format!("/{}", letters.map(char::from).collect::<String>())) != "/{}"
                })
                .count();
            assert!(passed <= most, "{name} of {length}: {passed} of 10,000 pass for a word");
        }
    }
}
