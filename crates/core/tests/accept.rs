//! Acceptance: what is refused, what is mended, and that no value is ever repeated (SECURITY.md, N1 to N9, N15).

mod common;

use common::{REGISTRY, submission};
use keyway_core::{AcceptError, Code, FieldProblem, Registry, Submission};

const ROOTLY_KEY: &str = "rootly_00000000000000000000000000000000000000000000000000000000cafecafe";
const RALLY_KEY: &str = "_made0up0key0for0tests0made0up0key0for0tests";

type Values<'v> = &'v [(&'v str, &'v str)];

/// Nothing of a submission that could be a value may show.
#[track_caller]
fn assert_silent(shown: &str, values: Values<'_>) {
    for (_, value) in values {
        for word in value.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| word.len() > 9) {
            assert!(!shown.contains(word), "`{word}` is repeated in: {shown}");
        }
    }
}

/// The submission is refused with exactly these problems.
#[track_caller]
fn refuses(target: &str, values: Values<'_>, expected: &[(&str, Code)]) {
    let (provider, method) = target.split_once('/').expect("provider/method");
    let submission = submission(values);
    let error = REGISTRY.accept(provider, Some(method), &submission).expect_err("it is refused");
    assert_silent(&format!("{error} {error:?} {submission:?}"), values);
    let AcceptError::Refused(refused) = error else { panic!("{error}") };
    let found: Vec<_> =
        refused.problems.iter().map(|problem| (problem.field.as_str(), problem.code)).collect();
    assert_eq!(found, expected, "{refused}");
}

/// The submission is accepted, and its secret `field` is exactly `kept`, with these warnings.
#[track_caller]
fn accepts(target: &str, values: Values<'_>, (field, kept): (&str, &str), warnings: &[Code]) {
    let (provider, method) = target.split_once('/').expect("provider/method");
    let accepted = REGISTRY.accept(provider, Some(method), &submission(values)).expect("it is accepted");
    let credential = &accepted.credential;
    let secret = credential.secret(field).map(keyway_core::Secret::expose);
    assert_eq!(secret.ok().or_else(|| credential.plain(field)), Some(kept));
    let found: Vec<_> = accepted.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(found, warnings, "{:?}", accepted.warnings);
    if credential.secret(field).is_ok() {
        assert_silent(&format!("{accepted:?}"), &[(field, kept)]);
    }
}

#[track_caller]
fn rootly_refuses(value: &str, code: Code) {
    refuses("rootly/api_key", &[("api_key", value)], &[("api_key", code)]);
}

#[test]
fn n1_nothing_is_not_a_value() {
    for blank in [
        "",
        " ",
        "\t\r\n",
        "\u{a0}",
        "\u{3000}\u{2003}",
        "\"\"",
        "Bearer",
        "bearer ",
        "Authorization: Bearer ",
    ] {
        rootly_refuses(blank, Code::Required);
    }
    refuses("rootly/api_key", &[], &[("api_key", Code::Required)]);
    for invisible in ["\u{200b}", "\u{feff}", "\u{2060}\u{200d}", "\u{ad}"] {
        rootly_refuses(invisible, Code::Invisible);
    }
}

#[test]
fn n2_what_a_paste_brings_along_is_trimmed_once() {
    for pasted in [
        "{}",
        " {}",
        "{}\n",
        "\r\n{}\r\n",
        "\u{a0}{}\u{2003}",
        "\"{}\"",
        "'{}'",
        "`{}`",
        "“{}”",
        "<{}>",
        " \" {} \" ",
        "Bearer {}",
        "bearer  {}",
        "BEARER {}",
        "\"Bearer {}\"",
        "Authorization: Bearer {}",
        "authorization:bearer {}",
        "ROOTLY_API_KEY={}",
        "ROOTLY_API_TOKEN=\"{}\"",
    ] {
        let pasted = pasted.replace("{}", ROOTLY_KEY);
        accepts("rootly/api_key", &[("api_key", &pasted)], ("api_key", ROOTLY_KEY), &[]);
    }
    for pasted in ["ZSESSIONID: {}", "zsessionid:{}", "ZSESSIONID={}", "RALLY_API_KEY={}", "Bearer {}"] {
        let pasted = pasted.replace("{}", RALLY_KEY);
        accepts("rally/api_key", &[("api_key", &pasted)], ("api_key", RALLY_KEY), &[]);
    }
    // What stands before the value in the header of `authorize` is stripped without being named.
    for pasted in [
        "Token token=acme_0123456789abcdefABCD",
        "token=acme_0123456789abcdefABCD",
        "acme_0123456789abcdefABCD",
    ] {
        let values = [("site", "a"), ("app_key", "ABCD1234"), ("token", pasted)];
        accepts("acme/token", &values, ("token", "acme_0123456789abcdefABCD"), &[]);
    }
}

#[test]
fn n3_control_characters_are_refused() {
    for control in ['\r', '\n', '\0', '\u{7f}', '\u{1b}', '\t', '\u{85}'] {
        rootly_refuses(&format!("rootly_canary{control}canarycanary"), Code::Control);
    }
    rootly_refuses("rootly_canary\u{2028}canarycanary", Code::Invisible);
    // Lines are lines however they were sent, in a field of several lines; and nothing else is.
    let pem = [("site", "a"), ("session", "made-up"), ("pem", "-----A\r\nmade up\r\nB-----\r\n")];
    accepts("acme/cookie", &pem, ("pem", "-----A\nmade up\nB-----"), &[]);
    for bad in ["made\rup", "made\tup", "made\0up"] {
        let pem = [("site", "a"), ("session", "made-up"), ("pem", bad)];
        refuses("acme/cookie", &pem, &[("pem", Code::Control)]);
    }
}

#[test]
fn n4_what_is_not_the_value_alone_is_recognised() {
    rootly_refuses(
        &format!("curl -H 'Authorization: Bearer {ROOTLY_KEY}' https://api.rootly.com"),
        Code::Command,
    );
    rootly_refuses(&format!("$ curl \\\n  -H 'Authorization: Bearer {ROOTLY_KEY}'"), Code::Command);
    rootly_refuses(&format!("export ROOTLY_API_KEY={ROOTLY_KEY}"), Code::Command);
    rootly_refuses(&format!("-H \"Authorization: Bearer {ROOTLY_KEY}\""), Code::Command);
    rootly_refuses(&format!("ZSESSIONID: {RALLY_KEY}"), Code::Command);
    rootly_refuses(&format!("X-Api-Key: {ROOTLY_KEY}"), Code::Command);
    // `Bearer Bearer` is sent by nobody.
    rootly_refuses(&format!("Bearer Bearer {ROOTLY_KEY}"), Code::WhiteSpace);
    rootly_refuses("rootly_canarycanary canarycanary", Code::WhiteSpace);
    let twice = [("site", "a"), ("app_key", "ABCD1234"), ("token", "token=token=acme_canarycanary")];
    refuses("acme/token", &twice, &[("token", Code::Mistake)]);
}

#[test]
fn n5_a_key_of_another_service_is_told_before_anything_is_sent() {
    refuses("rally/api_key", &[("api_key", ROOTLY_KEY)], &[("api_key", Code::OtherProvider)]);
    refuses(
        "acme/query",
        &[("site", "a"), ("sign", "x"), ("key", ROOTLY_KEY)],
        &[("key", Code::OtherProvider)],
    );
    // A bare prefix is a hint, no proof.
    let values = [("api_key", RALLY_KEY)];
    accepts("rootly/api_key", &values, ("api_key", RALLY_KEY), &[Code::OtherProvider, Code::Shape]);
    let values = [("site", "a"), ("sign", "x"), ("key", "rootly_short")];
    accepts("acme/query", &values, ("key", "rootly_short"), &[Code::OtherProvider]);
    // What fits its own shape is not looked at twice.
    accepts("rootly/api_key", &[("api_key", ROOTLY_KEY)], ("api_key", ROOTLY_KEY), &[]);
    accepts("rally/api_key", &[("api_key", RALLY_KEY)], ("api_key", RALLY_KEY), &[]);
    // An OAuth token has no shape, and is let through with a warning.
    let oauth = "0123456789-made-up-oauth-token";
    accepts("rootly/api_key", &[("api_key", oauth)], ("api_key", oauth), &[Code::Shape]);
    accepts("rally/api_key", &[("api_key", oauth)], ("api_key", oauth), &[Code::Shape]);
    rootly_refuses("rec_canarycanarycanary", Code::Mistake);
}

/// Shapes are found by their prefixes, and of several services the first one by id is named, never the form's own.
#[test]
fn n5_of_several_services_with_such_keys_the_first_is_named() {
    let rootly = include_str!("../../../providers/rootly/provider.yaml");
    let like = |id: &str, prefix: &str| {
        let text = rootly.replacen("id: rootly", &format!("id: {id}"), 1);
        let text = text.replacen("name: Rootly", &format!("name: Service {id}"), 1);
        text.replacen(
            "prefix: rootly_, charset: hex, length: 71",
            &format!("prefix: {prefix}, charset: hex, length: 12"),
            1,
        )
    };
    let texts = [("a", "ab_"), ("b", "ab_cd_"), ("c", "ab_cd_"), ("d", "ab_cd_0"), ("e", "other_")]
        .map(|(id, prefix)| (id, like(id, prefix)));
    let registry = Registry::from_descriptors(texts.iter().map(|(id, text)| (*id, text.as_str()))).unwrap();
    for (form, value, named) in [
        ("e", "ab_cd_012345", Err("b")),
        ("a", "ab_cd_012345", Err("b")),
        ("b", "ab_cd_012345", Ok(None)),
        ("d", "ab_cd_z12345", Ok(Some("a"))),
        ("e", "ab_cd_z12345", Ok(Some("a"))),
        ("a", "ab_cd_z12345", Ok(Some("b"))),
        ("e", "ab_012345678", Err("a")),
        ("e", "ab", Ok(None)),
    ] {
        let said = |problems: &[FieldProblem]| {
            let mut named = problems.iter().filter(|problem| problem.code == Code::OtherProvider);
            named.next().map(|problem| problem.message.clone())
        };
        let (found, expected) = match (registry.accept(form, None, &submission(&[("api_key", value)])), named)
        {
            (Ok(accepted), Ok(named)) => (said(&accepted.warnings), named),
            (Err(AcceptError::Refused(refused)), Err(named)) => (said(&refused.problems), Some(named)),
            (other, _) => panic!("{value} in the form of {form}: {other:?}"),
        };
        let right = match (&found, expected) {
            (Some(found), Some(expected)) => found.contains(&format!("a key of Service {expected}")),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(right, "{value} in the form of {form}: {found:?}, not {expected:?}");
    }
}

#[test]
fn n6_a_value_has_a_largest_size() {
    let largest = "a".repeat(64 * 1024);
    accepts("rootly/api_key", &[("api_key", &largest)], ("api_key", &largest), &[Code::Shape]);
    rootly_refuses(&"a".repeat(64 * 1024 + 1), Code::TooLong);
    rootly_refuses(&"é".repeat(64 * 1024), Code::TooLong);
}

#[test]
fn n7_what_only_looks_like_a_key_is_refused() {
    for (value, code) in [
        ("rootly＿canarycanary", Code::NotAscii),
        ("rootly_саnаrycanary", Code::NotAscii),
        ("rootly_canary🔑canary", Code::NotAscii),
        ("rootly_canary…canary", Code::NotAscii),
        ("rootly_canary\u{202e}canary", Code::Invisible),
        ("rootly_canary\u{200f}canary", Code::Invisible),
        ("rootly_canary\u{200b}canary", Code::Invisible),
        ("rootly_canary\u{e0041}canary", Code::Invisible),
        ("rootly_canary\u{a0}canary", Code::WhiteSpace),
    ] {
        rootly_refuses(value, code);
    }
    // HTTP Basic carries any text, and a password may have spaces.
    let password = [("site", "a"), ("user", "jo"), ("password", "pässword with spaces")];
    accepts("acme/basic", &password, ("password", "pässword with spaces"), &[]);
}

#[track_caller]
fn refuses_json(target: &str, json: &str, expected: &[(&str, Code)]) {
    let (provider, method) = target.split_once('/').expect("provider/method");
    let submission = Submission::from_json(json.as_bytes()).expect("it is a JSON object");
    let error = REGISTRY.accept(provider, Some(method), &submission).expect_err("it is refused");
    let shown = format!("{error} {error:?} {submission:?}");
    assert!(!shown.contains("CANARY"), "{shown}");
    let AcceptError::Refused(refused) = error else { panic!("{error}") };
    let found: Vec<_> =
        refused.problems.iter().map(|problem| (problem.field.as_str(), problem.code)).collect();
    assert_eq!(found, expected, "{refused}");
}

#[test]
fn n8_what_is_no_text_of_a_known_field_is_refused() {
    for value in ["null", "17", "1.5", "true", "[\"CANARY\"]", "{\"CANARY\":\"CANARY\"}"] {
        refuses_json("rootly/api_key", &format!("{{\"api_key\":{value}}}"), &[("api_key", Code::WrongType)]);
    }
    let deep = format!("{{\"api_key\":{}\"CANARY\"{}}}", "[".repeat(10_000), "]".repeat(10_000));
    refuses_json("rootly/api_key", &deep, &[("api_key", Code::WrongType)]);
    refuses_json(
        "rootly/api_key",
        r#"{"api_key":"CANARY","api_key":"CANARY","api_key":null}"#,
        &[("api_key", Code::Duplicate)],
    );
    refuses_json(
        "rootly/api_key",
        r#"{"apikey":"CANARY","apikey":"CANARY"}"#,
        &[("apikey", Code::UnknownField), ("api_key", Code::Required)],
    );
    // What is no id may be a value in the wrong place.
    refuses_json(
        "rootly/api_key",
        r#"{"rootly_CANARY":"","x y CANARY":"","api_key":"a"}"#,
        &[("(unnamed)", Code::UnknownField)],
    );
    let flood: Vec<String> = (0..10_000).map(|index| format!("\"f{index}\":\"CANARY\"")).collect();
    let flood = Submission::from_json(format!("{{{}}}", flood.join(",")).as_bytes()).expect("an object");
    let (entry, method) = REGISTRY.method("rootly", None).expect("it is known");
    let refused = entry.accept(method, &flood).expect_err("too many");
    assert_eq!(refused.problems[0].code, Code::TooMany);
    let by_hand = (0..300).fold(Submission::new(), |all, index| all.with(format!("f{index}"), "CANARY"));
    assert_eq!(entry.accept(method, &by_hand).expect_err("too many").problems[0].code, Code::TooMany);
    assert!(refused.problems.len() < 40, "they are not all told");
    assert!(!format!("{refused} {refused:?}").contains("CANARY"));
}

#[test]
fn a_former_name_is_a_name() {
    let values = [("subdomain", "a"), ("app_key", "ABCD1234"), ("token", "acme_0123456789abcdefABCD")];
    accepts("acme/token", &values, ("site", "a"), &[]);
    accepts("acme_classic/token", &values, ("site", "a"), &[]);
    accepts("acme/password", &[("site", "a"), ("user", "jo"), ("password", "p")], ("user", "jo"), &[]);
    let both =
        [("site", "a"), ("subdomain", "b"), ("app_key", "ABCD1234"), ("token", "acme_0123456789abcdefABCD")];
    refuses("acme/token", &both, &[("site", Code::Duplicate)]);
}

#[test]
fn n9_a_mask_is_not_a_value() {
    for mask in [
        "••••",
        "●●●●●●●●",
        "********",
        "····",
        "....",
        "…",
        "••••cafe",
        "****cafe",
        "rootly_••••••",
        "[redacted]",
        "rootly_****1Gf3",
        "rootly_...",
        "rootly_…",
        "YOUR_API_KEY",
        "<your-api-key>",
    ] {
        rootly_refuses(mask, Code::Masked);
    }
    for password in ["p***w", "yourturkey", "x.x", "xx"] {
        let values = [("site", "a"), ("user", "*"), ("password", password)];
        accepts("acme/basic", &values, ("password", password), &[]);
    }
}

#[test]
fn all_problems_come_at_once() {
    refuses(
        "acme/token",
        &[
            ("site", "evil.com/"),
            ("region", "mars"),
            ("token", "acmeold_canarycanary"),
            ("app_key", "canarycanary"),
            ("extra", "x"),
        ],
        &[
            ("extra", Code::UnknownField),
            ("site", Code::Host),
            ("region", Code::Choice),
            ("token", Code::Mistake),
            ("app_key", Code::Pattern),
        ],
    );
    refuses(
        "acme/token",
        &[],
        &[("site", Code::Required), ("token", Code::Required), ("app_key", Code::Required)],
    );
    let values = [("site", "a"), ("app_key", "ABCD1234"), ("token", "acme_0123456789abcd==")];
    accepts("acme/token", &values, ("token", "acme_0123456789abcd=="), &[Code::Mistake, Code::Shape]);
}

#[test]
fn a_choice_and_a_default() {
    let token = [("site", "a"), ("app_key", "ABCD1234"), ("token", "acme_0123456789abcdefABCD")];
    accepts("acme/token", &token, ("region", "eu"), &[]);
    for (given, kept) in [("us", "us"), ("US", "us"), (" us ", "us"), ("", "eu")] {
        let values = [token[0], token[1], token[2], ("region", given)];
        accepts("acme/token", &values, ("region", kept), &[]);
    }
    accepts("rally/api_key", &[("api_key", RALLY_KEY)], ("host", "rally1.rallydev.com"), &[]);
    let values = [("api_key", RALLY_KEY), ("host", "https://EU1.rallydev.com")];
    accepts("rally/api_key", &values, ("host", "eu1.rallydev.com"), &[]);
    for host in [
        "sandbox.rallydev.com",
        "evil.example",
        "rally1.rallydev.com.evil.example",
        "rally1.rallydev.com:444",
    ] {
        refuses("rally/api_key", &[("api_key", RALLY_KEY), ("host", host)], &[("host", Code::Choice)]);
    }
}

#[test]
fn n15_a_value_in_a_host_stays_inside_it() {
    const TAKEOVERS: [&str; 22] = [
        "evil.com/",
        "evil.com#",
        "evil.com?",
        "a@evil.com/",
        "evil.com\\",
        "ｅvil",
        "%65vil.com/",
        "0x7f.1/",
        "evil.com:443",
        "evil.com.",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "127.0.0.1",
        "127.1",
        "2130706433.",
        "[::1]",
        "localhost.",
        "http://evil.com",
        "//evil.com",
        "{site}",
    ];
    fn basic(site: &str) -> [(&str, &str); 3] {
        [("user", "jo"), ("password", "made-up"), ("site", site)]
    }
    for host in TAKEOVERS {
        refuses("acme/basic", &basic(host), &[("site", Code::Host)]);
        refuses("onprem/key", &[("key", "made-up"), ("host", host)], &[("host", Code::Host)]);
        refuses("anywhere/key", &[("key", "made-up"), ("server", host)], &[("server", Code::Url)]);
        refuses("rally/api_key", &[("api_key", RALLY_KEY), ("host", host)], &[("host", Code::Choice)]);
    }
    refuses("acme/basic", &basic(&"a".repeat(64)), &[("site", Code::Host)]);
    for server in [
        "http://evil.example",
        "ftp://evil.example",
        "https://u:p@evil.example",
        "https://evil.example/x",
        "https://10.0.0.1",
    ] {
        refuses("anywhere/key", &[("key", "made-up"), ("server", server)], &[("server", Code::Url)]);
    }
    for (target, values, origin) in [
        ("acme/basic", basic("Site-1"), "https://site-1.acme.example"),
        (
            "onprem/key",
            [("key", "made-up"), ("host", "https://Jira.Example.com"), ("", "")],
            "https://jira.example.com",
        ),
        (
            "anywhere/key",
            [("key", "made-up"), ("server", "https://Jira.Example.com:8443/"), ("", "")],
            "https://jira.example.com:8443",
        ),
    ] {
        let (provider, method) = target.split_once('/').expect("provider/method");
        let values: Vec<_> = values.into_iter().filter(|(field, _)| !field.is_empty()).collect();
        let accepted = REGISTRY.accept(provider, Some(method), &submission(&values)).expect("it is accepted");
        assert_eq!(accepted.credential.origins()[0].to_string(), origin);
    }
}

#[test]
fn what_cannot_be_sent_where_it_belongs_is_refused_at_once() {
    let colon = [("site", "a"), ("user", "a:b"), ("password", "made-up")];
    refuses("acme/basic", &colon, &[("user", Code::Colon)]);
    let cookie = |value| [("site", "a"), ("session", value)];
    for value in ["made;up", "made up", "made,up", "made\\up", "made\"up"] {
        refuses("acme/cookie", &cookie(value), &[("session", Code::NotAscii)]);
    }
    accepts("acme/cookie", &cookie("made=up"), ("session", "made=up"), &[]);
}

#[test]
fn a_method_of_another_provider_is_refused() {
    let (rally, _) = REGISTRY.method("rally", None).expect("it is known");
    let (_, method) = REGISTRY.method("rootly", None).expect("it is known");
    let refused = rally.accept(method, &submission(&[("api_key", ROOTLY_KEY)])).expect_err("it is refused");
    assert!(refused.to_string().contains("another provider"), "{refused}");
}

#[test]
fn what_a_form_may_show_again() {
    let (_, method) = REGISTRY.method("acme", Some("token")).expect("it is there");
    let secret = "acme_made0up0canary";
    for (note, shown) in [
        ("eu-west", Some("eu-west")),
        (" eu-west ", Some(" eu-west ")),
        // The secret pasted here too: alone, with more, and a good part of it.
        (secret, None),
        ("  acme_made0up0canary\n", None),
        ("token=acme_made0up0canary", None),
        ("made0up0", None),
        // As it was typed, and in another case.
        ("\"acme_made0up0canary\"", None),
        ("ACME_MADE0UP0CANARY", None),
        // Too short to give anything away.
        ("acme", Some("acme")),
    ] {
        let given = submission(&[("note", note), ("token", secret)]);
        let field = method.field("note").expect("it is there");
        assert_eq!(given.shown(method, field), shown, "{note:?}");
        let field = method.field("token").expect("it is there");
        assert_eq!(given.shown(method, field), None, "a secret");
    }
    // The secret with quotes and its own prefix around it, and once as no text at all.
    let note = method.field("note").expect("it is there");
    let given =
        submission(&[("note", "x acme_made0up0canary y"), ("token", "\"Token acme_made0up0canary\"")]);
    assert_eq!(given.shown(method, note), None);
    let given = Submission::from_json(br#"{"note":"1234567890123456","token":1234567890123456}"#);
    assert_eq!(given.expect("an object").shown(method, note), None);
    // Another one of its form, and nothing in its own input.
    for text in ["acme_made0up0other", "token=acme_made0up0other", "my \"acme_made0up0other\""] {
        assert_eq!(submission(&[("note", text), ("token", "")]).shown(method, note), None, "{text}");
    }
    let site = method.field("site").expect("it is there");
    assert_eq!(submission(&[("subdomain", "eu")]).shown(method, site), Some("eu"), "under its earlier name");
    assert_eq!(submission(&[("site", "a"), ("site", "b")]).shown(method, site), None, "twice");
    assert_eq!(
        submission(&[("subdomain", "a"), ("site", "b")]).shown(method, site),
        None,
        "under both names"
    );
    assert_eq!(submission(&[]).shown(method, site), None);
}
