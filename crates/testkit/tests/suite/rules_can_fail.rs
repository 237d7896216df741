//! Every rule of the suite fails for a provider that breaks it: a suite that cannot fail proves nothing.

use std::panic::catch_unwind;

use keyway_core::{Credential, Descriptor, Draft, Error, Provider, Registration, Secret};
use keyway_testkit::{Subject, rules};

use crate::acme::{DESCRIPTOR, FIXTURES, registration};

/// Places the key a second time, where no fixture says so.
#[derive(Debug)]
struct Talkative {
    descriptor: Descriptor,
}

impl Provider for Talkative {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn authorize(&self, credential: &Credential, draft: &mut Draft<'_>) -> Result<(), Error> {
        draft.place(credential)?;
        let twin = Secret::new(credential.secret("api_key")?.expose());
        draft.header(http::HeaderName::from_static("x-debug"), &twin)
    }
}

/// Shows a key in its `Debug`.
struct Leaky {
    descriptor: Descriptor,
}

impl std::fmt::Debug for Leaky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("acme_made_up_good")
    }
}

impl Provider for Leaky {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

#[test]
fn the_smallest_provider_passes() {
    for (name, rule) in rules::ALL {
        let subjects = Subject::all(registration(DESCRIPTOR, FIXTURES), "/somewhere/acme");
        assert_eq!(subjects.iter().try_for_each(rule), Ok(()), "{name}");
    }
}

#[track_caller]
fn breaks(rule: &str, registration: Registration, folder: &str) -> String {
    let (_, run) = rules::ALL.iter().find(|(name, _)| *name == rule).expect("a rule of this name");
    let subjects = Subject::all(registration, folder);
    let said = subjects.iter().try_for_each(run);
    said.expect_err(&format!("`{rule}` holds for a provider that breaks it"))
}

#[test]
fn a_provider_that_breaks_a_rule_fails_it() {
    let text = |descriptor: (&str, &str), fixtures: (&str, &str)| {
        assert!(
            DESCRIPTOR.contains(descriptor.0) && FIXTURES.contains(fixtures.0),
            "{descriptor:?} {fixtures:?}"
        );
        registration(
            &DESCRIPTOR.replace(descriptor.0, descriptor.1),
            &FIXTURES.replace(fixtures.0, fixtures.1),
        )
    };
    let same = ("acme", "acme");
    breaks("id_package_and_folder_are_one_name", text(same, same), "/somewhere/acne");
    breaks("docs_and_guide_help_a_person", text((", keys: \"https://acme.example/keys\"", ""), same), "acme");
    breaks("docs_and_guide_help_a_person", text(("step: 2, ", ""), same), "acme");
    breaks("secrets_are_flagged", text(same, ("{ api_key: [header x-api-key] }", "{}")), "acme");
    let not_secret = ("label: API key, help", "secret: false, reason: none, label: API key, help");
    let not_secret = DESCRIPTOR.replace(not_secret.0, not_secret.1);
    breaks("secrets_are_flagged", registration(&not_secret, FIXTURES), "acme");
    for logo in ["<svg><script/></svg>", "<svg><a href=''/></svg>", "<svg onload='x'/>", "<html>"] {
        breaks(
            "logo_is_small_and_inert",
            Registration { logo, ..registration(DESCRIPTOR, FIXTURES) },
            "acme",
        );
    }
    for status in ["status: 401", "status: 403", "status: 404", "status: 429", "status: 500"] {
        breaks("fixtures_cover_every_kind_of_answer", text(same, (status, "status: 402")), "acme");
    }
    breaks("fixtures_cover_every_kind_of_answer", text(same, ("text/html", "text/plain")), "acme");
    breaks(
        "fixtures_cover_every_kind_of_answer",
        text(same, ("acme_made_up_404", "acme_made_up_429")),
        "acme",
    );
    breaks("fixtures_cover_every_kind_of_answer", text(same, ("source: docs", "source: inferred")), "acme");
    breaks(
        "every_key_of_the_fixtures_is_accepted",
        text(same, ("acme_made_up_404", "acme made up 404")),
        "acme",
    );
    breaks("good_keys_fit_their_shape", text(same, ("acme_made_up_good", "odd_made_up_good")), "acme");
    breaks("the_check_sends_what_the_fixtures_say", text(("x-api-key", "x-other-key"), same), "acme");
    breaks("the_check_sends_what_the_fixtures_say", text(("GET /me", "GET /you"), same), "acme");
    breaks(
        "every_fixture_has_its_verdict",
        text(("/id: { exists: true }", "/no: { exists: true }"), same),
        "acme",
    );
    breaks("every_fixture_has_its_verdict", text(same, ("label: Ada", "label: Eve")), "acme");
    breaks("every_fixture_has_its_verdict", text(same, ("group: Moon", "group: Mars")), "acme");
    breaks("every_fixture_has_its_verdict", text((", same_by: { pointer: /team }", ""), same), "acme");
    breaks("every_fixture_has_its_verdict", text(same, ("retry_after: 30", "retry_after: 31")), "acme");
    breaks("calls_arrive_as_the_fixtures_say", text(("https://api.", "https://ipa."), same), "acme");
    let strips = ("\"https://api.acme.example\"", "\"https://api.acme.example\", strip: { query: [key] }");
    breaks("calls_arrive_as_the_fixtures_say", text(strips, same), "acme");
    let twice = Registration {
        build: |descriptor| Box::new(Talkative { descriptor }),
        ..registration(DESCRIPTOR, FIXTURES)
    };
    breaks("secrets_go_where_the_fixtures_say_and_nowhere_else", twice, "acme");
    breaks("calls_arrive_as_the_fixtures_say", twice, "acme");
    breaks("the_check_sends_what_the_fixtures_say", twice, "acme");
    let leaky = Registration {
        build: |descriptor| Box::new(Leaky { descriptor }),
        ..registration(DESCRIPTOR, FIXTURES)
    };
    breaks("nothing_shows_a_secret", leaky, "acme");
    // `foreign_origins_are_refused`, `refused_requests_are_as_they_were` and
    // `what_the_caller_sent_in_place_of_the_key_is_replaced` hold whatever an adapter does: core sees to it, and core's
    // own tests break them.
}

#[test]
fn fixtures_that_cannot_be_read_say_where() {
    for (text, expected) in [
        ("version: 2\nmethods: {}\n", ": this version is not known"),
        (
            "version: 1\nmethods: { k: { secrets: {}, request: GET, checks: [] } }\n",
            ": k: request: the first line is",
        ),
        ("version: 1\nmethods:\n  k: { secrets: {}, request: GET /, checks: [], cheks: [] }\n", ":3:"),
        (
            "version: 1\nmethods:\n  k: { secrets: [], request: GET /, checks: [] }\n",
            ":3:17: methods.k.secrets: invalid type",
        ),
        (
            &FIXTURES.replace("verdict: valid", "verdict: good"),
            ": api_key: the check `good`: `good` is not a verdict",
        ),
        (
            &FIXTURES.replace("verdict: invalid", "verdict: valid"),
            "the check `revoked`: a valid key has an `account`",
        ),
        (&FIXTURES.replace("status: 404", "status: 4040"), "the check `not found`"),
    ] {
        let error = keyway_testkit::Fixtures::parse("acme/fixtures.yaml", text).expect_err(text).to_string();
        assert!(error.starts_with("acme/fixtures.yaml:") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_method_without_fixtures_is_no_proven_method() {
    let (method, rest) = DESCRIPTOR.split_once("methods:\n").expect("it has methods");
    let twice =
        format!("{method}methods:\n{rest}{}", rest.replace("  api_key:\n    label", "  other:\n    label"));
    let caught = catch_unwind(|| Subject::all(registration(&twice, FIXTURES), "acme"));
    let said = caught.expect_err("the method `other` has none");
    assert_eq!(
        said.downcast_ref::<String>().map(String::as_str),
        Some("\nfixtures.yaml: the method `other` has none\n")
    );
}

/// The descriptor of the root's README and the fixtures of this crate's are one provider.
#[test]
fn the_examples_of_the_two_readmes_fit_each_other() {
    fn example(readme: &'static str, heading: &str) -> &'static str {
        let (_, rest) = readme.split_once(heading).expect("its part");
        let (_, rest) = rest.split_once("```yaml\n").expect("an example");
        rest.split_once("```").expect("its end").0
    }
    let descriptor = example(include_str!("../../../../README.md"), "\n## A provider\n");
    let fixtures = example(include_str!("../../README.md"), "\n## `fixtures.yaml`\n");
    let subjects = Subject::all(registration(descriptor, fixtures), "acme");
    let fixtures = subjects[0].fixtures();
    assert_eq!((subjects.len(), fixtures.checks().len(), fixtures.calls().len()), (1, 3, 1));
    for (name, rule) in rules::ALL {
        let missing = "no check is answered by 401, 403, 404, a server error, HTML with status 200";
        let expected =
            if *name == "fixtures_cover_every_kind_of_answer" { Err(missing.to_owned()) } else { Ok(()) };
        assert_eq!(rule(&subjects[0]), expected, "{name}");
    }
}

/// The first thing that does not hold, for whoever writes the two files.
#[test]
fn what_a_check_lacks_is_named() {
    let text = |from: &str, to: &str| {
        let [descriptor, fixtures] = [DESCRIPTOR, FIXTURES].map(|text| text.replace(from, to));
        registration(&descriptor, &fixtures)
    };
    for (from, to, expected) in [
        (
            "body: { /id: { exists: true } }",
            "body: { /user/id: { exists: true } }",
            "`good`: the verdict is `unknown`, and the fixtures say `valid`: in `valid`, `body` wants `/user/id`, and the answer has \
             no such member",
        ),
        ("{ status: 200, body: { id: 7", "{ status: 401, body: { id: 7", "the answer's status is 401"),
        (
            "id: 7, name",
            "id: [7], name",
            "`account.id` wants a text or a whole number at `/id`, and the answer has none there",
        ),
        (
            "answer: { status: 403 }, verdict: forbidden",
            "answer: { status: 403 }, verdict: invalid",
            "`forbidden`: the verdict is `forbidden`, and the fixtures say `invalid`: the provider refuses what the check asks for",
        ),
        (
            "label: Ada",
            "label: Eve",
            "the account is id \"7\", label \"Ada\", and the fixtures say id \"7\", label \"Eve\"",
        ),
        ("GET /me", "GET /you", "this should have been sent:\nGET https://api.acme.example/me\n"),
        (
            "{ api_key: acme_made_up_good }",
            "{ api_key: acme made up }",
            "the key of `good` is refused: api_key: ",
        ),
    ] {
        let said = breaks("every_fixture_has_its_verdict", text(from, to), "acme");
        assert!(said.contains(expected), "{said}");
    }
}
