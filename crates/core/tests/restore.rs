//! Restoring: a stored credential is what it was, however the descriptor changed, or it is not used (SECURITY.md, I1, I2,
//! I3).

mod common;

use bytes::Bytes;
use common::{REGISTRY, submission};
use http::Request;
use keyway_core::{
    Code, Credential, Id, Kept, KeptField, NotRestored, NotRestoredKind, Origin, Registry, Restored, Secret,
};

/// The descriptor with which everything is stored.
const BEFORE: &str = r#"
version: 1
id: shop
name: Shop
summary: It exists in tests only.
links: { docs: https://shop.example/docs }
seen_live: never
api:
  origin: https://{host}
  also: [https://files.shop.example]
methods:
  key:
    label: Key
    guide: [Copy the key.]
    fields:
      host: { label: Server, secret: false, choices: [eu.shop.example, us.shop.example], default: eu.shop.example }
      app: { label: Application, secret: false }
      note: { label: Note, secret: false, optional: true }
      token: { label: Token }
    authorize:
      headers: { x-token: "{token}" }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/name}"] }
"#;
const HOST: &str = "host: { label: Server, secret: false, choices: [eu.shop.example, us.shop.example], default: eu.shop.example }";
const APP: &str = "app: { label: Application, secret: false }";
const TOKEN: &str = "token: { label: Token }";
const HEADERS: &str = r#"headers: { x-token: "{token}" }"#;
const ALSO: &str = "also: [https://files.shop.example]";
const REQUEST: &str = "request: GET /me";

/// Nothing in it is a default, or any other value of the descriptor.
const VALUES: [(&str, &str); 4] = [
    ("host", "us.shop.example"),
    ("app", "madeup-büro"),
    ("note", "madeup-note"),
    ("token", "shopkey-madeup-0000"),
];

type Edits<'e> = &'e [(&'e str, &'e str)];
type Warned<'w> = &'w [(&'w str, Code)];

fn registry(edits: Edits<'_>) -> Registry {
    let mut text = BEFORE.to_owned();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    Registry::from_descriptors([("shop.yaml", &*text)]).unwrap_or_else(|error| panic!("{error}"))
}

fn stored() -> Kept {
    let accepted = registry(&[]).accept("shop", None, &submission(&VALUES)).expect("it is accepted");
    accepted.credential.keep()
}

/// Restores what was stored as `shop`, `key`. Whatever is shown of it holds no value.
#[track_caller]
fn restore(registry: &Registry, kept: &Kept) -> Result<Restored, NotRestored> {
    let (entry, method) = registry.method("shop", Some("key")).expect("it is known by its former names too");
    let restored = entry.restore(method, kept);
    let mut shown = format!("{kept:?} {kept:#?} {restored:?} {restored:#?}");
    match &restored {
        Ok(restored) => restored.warnings.iter().for_each(|warning| shown.push_str(&warning.to_string())),
        Err(error) => shown.push_str(&error.to_string()),
    }
    assert!(!shown.contains("madeup"), "a value shows: {shown}");
    restored
}

#[track_caller]
fn restores(case: &str, edits: Edits<'_>, warnings: Warned<'_>) -> Credential {
    let restored = restore(&registry(edits), &stored()).unwrap_or_else(|error| panic!("{case}: {error}"));
    let found: Vec<_> = restored.warnings.iter().map(|warning| (&*warning.field, warning.code)).collect();
    assert_eq!(found, warnings, "{case}: {:?}", restored.warnings);
    restored.credential
}

#[track_caller]
fn refuses(case: &str, edits: Edits<'_>, kind: NotRestoredKind, says: &str) {
    let error = restore(&registry(edits), &stored()).expect_err(case);
    assert_eq!(error.kind(), kind, "{case}: {error}");
    assert!(error.to_string().contains(says), "{case}: {error}");
}

/// A request as it goes out: line, and headers in order.
fn shown(request: &Request<Bytes>) -> String {
    let headers: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {value:?} {:?}", value.as_bytes()))
        .collect();
    format!("{} {}\n{}", request.method(), request.uri(), headers.join("\n"))
}

#[track_caller]
fn authorises_alike(case: &str, one: &Credential, other: &Credential) {
    let own = |credential: &Credential| {
        let request = credential.get("/v1/x?y=z").expect("a request");
        shown(&credential.authorize_request(request).expect("it is authorised"))
    };
    let check = |credential: &Credential| shown(&credential.check_request().expect("it is authorised"));
    assert_eq!(own(one), own(other), "{case}");
    assert_eq!(check(one), check(other), "{case}");
    assert_eq!(one.origins(), other.origins(), "{case}");
}

fn origin(text: &str) -> Origin {
    Origin::parse_loopback(text).expect("an origin")
}

fn field(id: &str, value: &str, secret: bool) -> KeptField {
    KeptField { id: Id::parse(id).expect("an id"), value: Secret::new(value), secret }
}

#[test]
fn what_was_accepted_is_kept_and_restored_as_it_was() {
    for (target, values) in [
        ("rootly/api_key", &[("api_key", "Bearer madeup-key")][..]),
        ("rally/api_key", &[("host", "eu1.rallydev.com"), ("api_key", "_madeup-key")]),
        ("rally/api_key", &[("api_key", "_madeup-key")]),
        ("acme/token", &[("site", "Site"), ("token", "madeup-token"), ("app_key", "ABCD1234")]),
        (
            "acme/token",
            &[("subdomain", "b"), ("region", "us"), ("token", "t"), ("app_key", "ABCD1234"), ("note", "ü b")],
        ),
        ("acme/basic", &[("site", "a"), ("user", "madeup"), ("password", "made up: pässword")]),
        ("acme/query", &[("site", "a"), ("key", "made+up&key"), ("sign", "a=b c")]),
        ("acme/cookie", &[("site", "a"), ("session", "madeup"), ("pem", "made\r\nup")]),
        ("onprem/key", &[("host", "https://jira.example.com"), ("key", "madeup-key")]),
        ("anywhere/key", &[("server", "https://Jira.example.com:8443/"), ("key", "madeup-key")]),
    ] {
        let (provider, id) = target.split_once('/').expect("provider/method");
        let (entry, method) = REGISTRY.method(provider, Some(id)).expect("it is known");
        let accepted = entry.accept(method, &submission(values)).expect("it is accepted").credential;
        for before in [accepted.keep().origins()[0].clone(), origin("http://127.0.0.1:8080")] {
            let accepted = entry.accept(method, &submission(values)).expect("it is accepted").credential;
            let moved = before.is_loopback();
            let accepted = if moved { accepted.at_origin(before) } else { accepted };
            let kept = accepted.keep();
            // As a store has it: in parts, origins as text.
            let origins = kept.origins().iter().map(|kept| origin(&kept.to_string())).collect();
            let kept = Kept::new(kept.fields().to_vec(), origins, kept.is_elsewhere());
            let restored = entry.restore(method, &kept).unwrap_or_else(|error| panic!("{target}: {error}"));
            authorises_alike(target, &accepted, &restored.credential);
            assert_eq!(kept.is_elsewhere(), moved, "{target}");
            for field in method.fields() {
                let id = field.id().as_str();
                let secret =
                    |from: &Credential| from.secret(id).ok().map(|secret| secret.expose().to_owned());
                assert_eq!(secret(&accepted), secret(&restored.credential), "{target}: {id}");
                assert_eq!(accepted.plain(id), restored.credential.plain(id), "{target}: {id}");
            }
            let again = restored.credential.keep();
            assert_eq!(format!("{again:?}"), format!("{kept:?}"), "{target}: kept again");
        }
    }
}

#[test]
fn i1_a_stricter_descriptor_warns_and_does_not_lock_out() {
    let required = format!("{TOKEN}\n      team: {{ label: Team }}");
    let needless = format!("{TOKEN}\n      team: {{ label: Team, secret: false, optional: true }}");
    let defaulted = format!("{TOKEN}\n      region: {{ label: Region, secret: false, default: eu }}");
    let cases: [(&str, Edits<'_>, Warned<'_>); 14] = [
        ("nothing changed", &[], &[]),
        (
            "a pattern",
            &[(TOKEN, "token: { label: Token, pattern: \"[0-9]{8}\" }")],
            &[("token", Code::Pattern)],
        ),
        (
            "a shape",
            &[(TOKEN, "token: { label: Token, shape: { prefix: shop_ } }")],
            &[("token", Code::Shape)],
        ),
        (
            "a mistake",
            &[(TOKEN, "token: { label: Token, mistakes: [{ prefix: shopkey-, is: refuse, say: old }] }")],
            &[("token", Code::Mistake)],
        ),
        ("a prefix", &[(TOKEN, "token: { label: Token, strip: [shopkey-] }")], &[("token", Code::Mistake)]),
        (
            "choices that lack the stored one, of what makes no address",
            &[(APP, "app: { label: Application, secret: false, choices: [one, two] }")],
            &[("app", Code::Choice)],
        ),
        ("a new required field that no request needs", &[(TOKEN, &required)], &[("team", Code::Required)]),
        ("a new optional field", &[(TOKEN, &needless)], &[]),
        ("a new field with a default", &[(TOKEN, &defaulted)], &[]),
        (
            "an optional field is required",
            &[("note: { label: Note, secret: false, optional: true }", "note: { label: Note }")],
            &[],
        ),
        ("a field is gone", &[(APP, "")], &[("app", Code::UnknownField)]),
        ("a renamed field, formerly", &[(APP, "team: { label: Team, secret: false, formerly: [app] }")], &[]),
        (
            "a renamed host, formerly, with a default",
            &[
                ("https://{host}", "https://{server}"),
                (HOST, &HOST.replace("host: {", "server: { formerly: [host],")),
            ],
            &[],
        ),
        (
            "another order of the choices",
            &[("[eu.shop.example, us.shop.example]", "[us.shop.example, eu.shop.example]")],
            &[],
        ),
    ];
    for (case, edits, warnings) in cases {
        let credential = restores(case, edits, warnings);
        let request = credential.get("/x").and_then(|request| credential.authorize_request(request));
        let request = request.expect("it is authorised");
        assert_eq!(request.uri(), "https://us.shop.example/x", "{case}");
        assert_eq!(request.headers()["x-token"], "shopkey-madeup-0000", "{case}");
    }
}

#[test]
fn a_new_field_takes_its_default_and_a_stored_one_never_does() {
    let header = (HEADERS, r#"headers: { x-token: "{token}", x-region: "{region}" }"#);
    let renamed = format!("{APP}\n      region: {{ label: Region, secret: false, default: eu }}");
    let credential = restores("new", &[(APP, &renamed), header], &[]);
    assert_eq!(credential.plain("region"), Some("eu"));
    let renamed = "region: { label: Region, secret: false, default: eu, formerly: [note] }";
    let note = ("note: { label: Note, secret: false, optional: true }", renamed);
    let credential = restores("formerly", &[note, header], &[]);
    assert_eq!(credential.plain("region"), Some("madeup-note"));
    // Nothing is no value, and is not replaced either.
    let mut fields: Vec<KeptField> = stored().fields().to_vec();
    fields.iter_mut().filter(|field| field.id == "note").for_each(|field| field.value = Secret::new(""));
    let kept = Kept::new(fields, stored().origins().to_vec(), false);
    let error = restore(&registry(&[note, header]), &kept).expect_err("it is refused");
    assert_eq!(error.kind(), NotRestoredKind::Missing, "{error}");
}

#[test]
fn i1_origins_that_are_no_longer_allowed_need_a_new_key() {
    let renamed = HOST.replace("host:", "server:");
    let bare = "server: { label: Server, secret: false, kind: host }";
    let narrow = "host: { label: Server, secret: false, kind: host, pattern: \".*[.]eu[.]example\" }";
    let cases: [(&str, Edits<'_>, &str); 9] = [
        ("another origin", &[("https://{host}", "https://{host}:8443")], "https://us.shop.example"),
        ("another host", &[("https://{host}", "https://shop.example")], "https://us.shop.example"),
        (
            "a renamed host with a default",
            &[("https://{host}", "https://{server}"), (HOST, &renamed)],
            "today",
        ),
        ("a renamed host", &[("https://{host}", "https://{server}"), (HOST, bare)], "`server`"),
        ("a removed choice", &[("[eu.shop.example, us.shop.example]", "[eu.shop.example]")], "`host`"),
        ("a pattern of hosts", &[(HOST, narrow)], "`host`"),
        ("a removed `also`", &[(ALSO, "")], "https://files.shop.example"),
        ("a changed `also`", &[(ALSO, "also: [https://files2.shop.example]")], "https://files.shop.example"),
        (
            "own and `also` changed places",
            &[("https://{host}", "https://files.shop.example"), (ALSO, "also: [\"https://{host}\"]")],
            "https://us.shop.example",
        ),
    ];
    for (case, edits, says) in cases {
        refuses(case, edits, NotRestoredKind::Origins, says);
    }
    let kept = Kept::new(stored().fields().to_vec(), Vec::new(), false);
    for kept in [Kept::new(kept.fields().to_vec(), Vec::new(), true), kept] {
        let error = restore(&registry(&[]), &kept).expect_err("there is no origin");
        assert_eq!(error.kind(), NotRestoredKind::Origins, "{error}");
    }
}

#[test]
fn i1_an_added_also_is_not_given_to_a_stored_key() {
    let edits = (ALSO, "also: [https://new.shop.example, https://files.shop.example]");
    let credential = restores("an added `also`", &[edits], &[]);
    let origins: Vec<String> = credential.origins().iter().map(ToString::to_string).collect();
    assert_eq!(origins, ["https://us.shop.example", "https://files.shop.example"]);
    let request = Request::get("https://new.shop.example/x").body(Bytes::new()).expect("a request");
    assert!(credential.authorize_request(request).is_err());
}

#[test]
fn i3_a_value_that_requests_need_is_not_made_up() {
    let team = format!("{TOKEN}\n      team: {{ label: Team }}");
    let place = format!("{TOKEN}\n      place: {{ label: Place, secret: false }}");
    let cases: [(&str, Edits<'_>); 3] = [
        ("in a header", &[(TOKEN, &team), (HEADERS, r#"headers: { x-token: "{token}", x-team: "{team}" }"#)]),
        ("in the check's path", &[(TOKEN, &place), (REQUEST, "request: \"GET /{place}\"")]),
        ("a renamed secret", &[(TOKEN, "key: { label: Key }"), ("\"{token}\"", "\"{key}\"")]),
    ];
    for (case, edits) in cases {
        refuses(case, edits, NotRestoredKind::Missing, "was not stored");
    }
}

#[test]
fn n3_n7_a_value_that_cannot_stand_where_it_goes_today_is_not_sent() {
    let raw = (HEADERS, r#"headers: { x-token: "{token}", x-app: "{app}" }"#);
    let user = (HEADERS, r#"basic: { user: "{app}", password: "{token}" }"#);
    let host = ("https://{host}", "https://{app}.shop.example");
    let lines = "app: { label: Application, secret: false, multiline: true }";
    let cases: [(&str, Edits<'_>, &str, &str); 13] = [
        ("raw in a header", &[raw], "madeup-büro", "character 9"),
        (
            "raw in a query",
            &[(HEADERS, r#"query: { t: "{token}", a: "{app}" }"#)],
            "madeup-büro",
            "character 9",
        ),
        (
            "raw in a cookie",
            &[(HEADERS, r#"cookies: { t: "{token}", a: "{app}" }"#)],
            "madeup-büro",
            "character 9",
        ),
        ("a cookie's sign", &[(HEADERS, r#"cookies: { t: "{token}", a: "{app}" }"#)], "madeup;b", "cookie"),
        ("a colon in Basic's user", &[user], "madeup:b", "colon"),
        ("one part of a host", &[host], "madeup.evil.example/", "host's name"),
        (
            "a whole host",
            &[("https://{host}", "https://{app}"), (APP, "app: { label: App, secret: false, kind: host }")],
            "madeup/../x",
            "host",
        ),
        (
            "an address",
            &[("https://{host}", "\"{app}\""), (APP, "app: { label: App, secret: false, kind: url }")],
            "http://madeup.example",
            "https",
        ),
        ("lines where there are none", &[], "madeup\nb", "character 7"),
        ("a line's end where there are lines", &[(APP, lines)], "madeup\rb", "character 7"),
        ("invisible", &[], "madeup\u{200b}b", "character 7"),
        (
            "white space in what became a secret",
            &[(APP, "app: { label: Application }")],
            "madeup b",
            "character 7",
        ),
        ("too long", &[], &"madeup".repeat(11_000), "64 KiB"),
    ];
    for (case, edits, value, says) in cases {
        let mut fields: Vec<KeptField> = stored().fields().to_vec();
        fields
            .iter_mut()
            .filter(|field| field.id == "app")
            .for_each(|field| field.value = Secret::new(value));
        let kept = Kept::new(fields, stored().origins().to_vec(), false);
        let error = restore(&registry(edits), &kept).expect_err(case);
        assert_eq!(error.kind(), NotRestoredKind::Unfit, "{case}: {error}");
        assert!(
            error.to_string().contains(says) && error.to_string().starts_with("app: "),
            "{case}: {error}"
        );
    }
}

#[test]
fn i2_a_secret_is_one_if_it_was_one_or_became_one() {
    let became = restores("it became one", &[(APP, "app: { label: Application }")], &[]);
    assert!(became.secret("app").is_ok() && became.plain("app").is_none());
    assert!(became.keep().fields().iter().any(|field| field.id == "app" && field.secret));
    let open = "token: { label: Token, secret: false, reason: it is public now }";
    let was = restores("it was one", &[(TOKEN, open)], &[]);
    assert!(was.secret("token").is_ok() && was.plain("token").is_none());
    assert!(was.keep().fields().iter().any(|field| field.id == "token" && field.secret));
    // An address is seen by everyone: a stored secret does not become a part of one.
    for (case, place) in [
        ("of the check's path", (REQUEST, "request: \"GET /{token}\"")),
        ("of the origin", ("https://{host}", "https://{token}.shop.example")),
    ] {
        refuses(case, &[(TOKEN, open), place], NotRestoredKind::Unfit, "stored as a secret");
    }
}

#[test]
fn of_two_stored_fields_that_mean_one_the_current_name_counts() {
    let edits = [
        (APP, "app: { label: Application, secret: false, formerly: [area, zone] }"),
        (HEADERS, r#"headers: { x-token: "{token}", x-app: "{app}" }"#),
    ];
    let registry = registry(&edits);
    let others = || [field("host", "us.shop.example", false), field("token", "madeup-token", true)];
    let (zone, area, app) = (
        field("zone", "from-zone", false),
        field("area", "from-area", false),
        field("app", "from-app", false),
    );
    for (stored, counts, left) in [
        (vec![zone.clone(), area.clone(), app.clone()], "from-app", &["zone", "area"][..]),
        (vec![app.clone(), zone.clone()], "from-app", &["zone"]),
        (vec![zone.clone(), area.clone()], "from-area", &["zone"]),
        (vec![zone], "from-zone", &[]),
        (vec![area.clone(), area], "from-area", &["area"]),
    ] {
        let fields = others().into_iter().chain(stored).collect();
        let origins = vec![origin("https://us.shop.example")];
        let restored = restore(&registry, &Kept::new(fields, origins, false)).expect("it is restored");
        assert_eq!(restored.credential.plain("app"), Some(counts));
        let warned: Vec<_> = restored.warnings.iter().map(|it| (&*it.field, it.code)).collect();
        let expected: Vec<_> = left.iter().map(|id| (*id, Code::Duplicate)).collect();
        assert_eq!(warned, expected, "{counts}");
    }
}

#[test]
fn i1_elsewhere_is_where_it_was_stored_for_whatever_the_descriptor_says() {
    let renamed = HOST.replace("host:", "server:");
    for text in [
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "http://localhost",
        "https://10.0.0.1",
        "https://proxy.example:444",
    ] {
        let accepted = registry(&[]).accept("shop", None, &submission(&VALUES)).expect("it is accepted");
        let kept = accepted.credential.at_origin(origin(text)).keep();
        assert!(kept.is_elsewhere());
        for edits in [
            &[][..],
            &[(ALSO, "")],
            &[("[eu.shop.example, us.shop.example]", "[eu.shop.example]")],
            &[("https://{host}", "https://{server}"), (HOST, &renamed)],
        ] {
            let restored = restore(&registry(edits), &kept).expect("it is restored");
            assert_eq!(restored.credential.origins(), [origin(text)]);
            let check = restored.credential.check_request().expect("it is authorised");
            assert_eq!(check.uri().to_string(), format!("{text}/me"));
            assert!(restored.credential.keep().is_elsewhere(), "it stays elsewhere");
        }
        // The same origins, not marked as replaced, are none of the descriptor's.
        let kept = Kept::new(kept.fields().to_vec(), kept.origins().to_vec(), false);
        let error = restore(&registry(&[]), &kept).expect_err("it is refused");
        assert_eq!(error.kind(), NotRestoredKind::Origins, "{error}");
    }
}

#[test]
fn a_provider_and_a_method_are_found_by_the_ids_that_they_had() {
    let renamed = registry(&[
        ("id: shop", "id: store\nformerly: [shop]"),
        ("  key:\n    label: Key", "  token:\n    formerly: [key]\n    label: Key"),
    ]);
    let restored = restore(&renamed, &stored()).expect("it is restored");
    assert_eq!(restored.credential.provider().descriptor().id(), &"store");
    assert_eq!(restored.credential.method().id(), &"token");
    assert_eq!(restored.warnings, []);
    let foreign = registry(&[]);
    let (_, method) = foreign.method("shop", None).expect("it is known");
    let error =
        renamed.get("shop").expect("it is known").restore(method, &stored()).expect_err("it is foreign");
    assert_eq!(error.kind(), NotRestoredKind::Method, "{error}");
}

#[test]
fn an_origin_reads_back_what_it_shows() {
    for text in
        ["https://api.rootly.com", "https://API.example.com:443/", "https://xn--bcher-kva.example:8443"]
    {
        let origin = Origin::parse(text).expect("an origin");
        assert_eq!(Origin::parse(&origin.to_string()), Ok(origin.clone()), "{text}");
        assert_eq!(Origin::parse_loopback(&origin.to_string()), Ok(origin), "{text}");
    }
    for text in [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:80",
        "http://127.1:443",
        "http://[::1]:3000",
        "http://[0:0:0:0:0:0:0:1]",
        "http://LOCALHOST:1",
        "https://10.0.0.1",
        "https://localhost:80",
        "https://a_b.example:22",
    ] {
        let origin = Origin::parse_loopback(text).expect("an origin");
        assert_eq!(Origin::parse_loopback(&origin.to_string()), Ok(origin), "{text}");
    }
}
