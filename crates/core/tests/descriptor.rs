//! Descriptors: every fault is told with file, line, column, the text at fault and what to write instead, and all of
//! them at once (SECURITY.md, N10 to N14, N18). Each snapshot shows what was written and what is said of it.

use std::{fmt::Write as _, time::Instant};

use keyway_core::{Descriptor, LoadError, Registry};

const BASE: &str = r#"version: 1
id: acme
name: Acme
summary: It exists in tests only.
links: { docs: https://acme.example/docs }
seen_live: never
api:
  origin: https://api.acme.example
methods:
  key:
    label: Key
    guide: [Copy the key.]
    fields:
      site: { label: Site, secret: false }
      key: { label: Key }
    authorize:
      headers: { x-key: "{key}" }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/name}"] }
"#;

/// The sound descriptor with one line replaced, and what is said of it.
fn case(line: &str, by: &str) -> String {
    let place = BASE.lines().position(|known| known == line).unwrap_or_else(|| panic!("no line `{line}`"));
    let text: Vec<&str> =
        BASE.lines().enumerate().map(|(at, known)| if at == place { by } else { known }).collect();
    let text = text.join("\n");
    let said = match Descriptor::parse("acme.yaml", &text) {
        Ok(_) => "(nothing)".to_owned(),
        Err(error) => {
            for problem in error.problems() {
                assert!(problem.line() >= 1 && problem.column() >= 1, "{problem}");
            }
            error.to_string()
        }
    };
    format!("{}\n=> {}\n\n", by.replace('\t', "\\t"), said.replace('\n', "\n   "))
}

/// What is said when `line` is replaced by each of a list.
fn cases(line: &str, list: &[&str]) -> String {
    list.iter().fold(String::new(), |all, by| all + &case(line, by))
}

#[test]
fn the_base_is_sound() {
    assert!(case("version: 1", "version: 1").contains("(nothing)"));
}

#[test]
fn categories_are_as_they_were_written() {
    for (line, expected) in [
        ("", &[][..]),
        ("categories: []", &[]),
        ("categories: [Space travel, Rockets, Kites & kings]", &["Space travel", "Rockets", "Kites & kings"]),
    ] {
        let text = BASE.replace("links:", &format!("{line}\nlinks:"));
        assert_eq!(Descriptor::parse("acme.yaml", &text).expect(line).categories(), expected, "{line}");
    }
}

/// N10.
#[test]
fn yaml() {
    insta::assert_snapshot!(cases(
        "version: 1",
        &[
            "version: &v 1",
            "version: *v",
            "version: !!int 1",
            "version: !v 1",
            "---\nversion: 1\n---",
            "version: 1\n...",
            "version: 1\nversion: 1",
            "version: \"1",
            "version: [1",
            "\tversion: 1",
            "[a]: b\nversion: 1",
            "<<: { version: 1 }",
            "version: 1\n\u{feff}more: 1",
            "version: **1**",
        ],
    ));
}

#[test]
fn n10_scalars_are_text_as_it_was_written_or_a_fault() {
    for (scalar, is_text) in [
        ("NO", true),
        ("on", true),
        ("yes", true),
        ("0123", true),
        ("0x1F", true),
        ("1_000", true),
        ("2024-01-01", true),
        ("12:30:00", true),
        ("1e3", false),
        ("1.10", false),
        ("12", false),
        ("true", false),
        ("~", false),
    ] {
        let text = BASE.replace("name: Acme", &format!("name: {scalar}"));
        match Descriptor::parse("acme.yaml", &text) {
            Ok(descriptor) => assert!(is_text && descriptor.name() == scalar, "{scalar}"),
            Err(error) => {
                let problem = &error.problems()[0];
                assert!(!is_text && problem.line() == 3, "{scalar}: {error}");
                assert!(problem.message().starts_with("text is expected here"), "{scalar}: {error}");
            }
        }
    }
}

#[test]
fn what_a_provider_says_of_itself() {
    let mut all = cases("version: 1", &["version: 2", "version: one", "version:", "# none"]);
    for by in ["id: Acme", "id: ../acme", "id: acme-one", "id: 7up", "id: 17", "id:", "# none"] {
        all += &case("id: acme", by);
    }
    all += &cases(
        "name: Acme",
        &[
            "name: ''",
            "name: |\n  Ac\n  me",
            "name: \"A\\e[31mcme\"",
            "name: \"A\\u202Ecme\"",
            "name: [Acme]",
            "name: true",
        ],
    );
    let long = format!("summary: x\ncategories: [{}]", "x".repeat(41));
    all += &cases(
        "summary: It exists in tests only.",
        &[
            "summary: x\ncategories: []",
            "summary: x\ncategories: [Rockets, Space travel, \"Kites & kings\"]",
            "summary: x\ncategories: [a, b, c, d]",
            "summary: x\ncategories: [\" a\", a, b]",
            "summary: x\ncategories: [a, a, \"\"]",
            "summary: x\ncategories: [\"a\\nb\", \"a\\u202Eb\", 7]",
            "summary: x\ncategories: Rockets",
            &long,
            "summary: x\ncategory: [Rockets]",
        ],
    );
    let links = "links: { docs: https://acme.example/docs }";
    all += &cases(
        links,
        &[
            "links: {}",
            "links: { docs: http://acme.example }",
            "links: { docs: \"javascript:alert(1)\", key: https://acme.example }",
            "links: https://acme.example",
        ],
    );
    all += &cases(
        "seen_live: never",
        &[
            "seen_live: 2026-02-30",
            "seen_live: 2026-13-01",
            "seen_live: yesterday",
            "seen_live: 2026-2-3",
            "seen_live: 2026-11-21\nformerly: [acme, old, old]",
        ],
    );
    insta::assert_snapshot!(all);
}

#[test]
fn unknown_words_are_suggested() {
    let mut all =
        cases("name: Acme", &["nmae: Acme", "name: Acme\nsumary: again", "name: Acme\nwhatever: x"]);
    all += &case("    label: Key", "    lable: Key");
    all += &case(
        "      site: { label: Site, secret: false }",
        "      site: { label: Site, secrets: false, kind: hots }",
    );
    all += &case("      headers: { x-key: \"{key}\" }", "      header: { x-key: \"{key}\" }");
    all += &case(
        "      valid: { status: 200, body: { /id: { exists: true } } }",
        "      valid: { status: 200, body: { /id: { exist: true } } }",
    );
    insta::assert_snapshot!(all);
}

#[test]
fn n14_origins() {
    let line = "  origin: https://api.acme.example";
    let mut all = cases(
        line,
        &[
            "  origin: http://api.acme.example",
            "  origin: ftp://api.acme.example",
            "  origin: file:///etc/passwd",
            "  origin: https://user@api.acme.example",
            "  origin: https://api.acme.example#x",
            "  origin: https://api.acme.example?x",
            "  origin: https://api.acme.example/v1",
            "  origin: https://api.acme.example:22",
            "  origin: https://api.acme.example:99999",
            "  origin: \"https://api.acme.example:\"",
            "  origin: https://api.acme.example.",
            "  origin: https://bücher.example",
            "  origin: https://10.0.0.1",
            "  origin: https://0x7f.1",
            "  origin: https://localhost",
            "  origin: api.acme.example",
            "  origin: 17",
            "  also: []",
            "  origin: https://api.acme.example\n  also: [https://api.acme.example/x, http://x.example]",
        ],
    );
    // Values in host position.
    all += &cases(
        line,
        &[
            "  origin: https://{key}.acme.example",
            "  origin: https://{sit}.acme.example",
            "  origin: https://{site}",
            "  origin: \"{site}\"",
            "  origin: https://{site}acme.example",
            "  origin: https://{site}.com",
            "  origin: https://acme.{site}",
            "  origin: https://{site}.acme.example:{site}",
            "  origin: https://x.{site}.acme.example/x",
            "  origin: https://{site}.acme.example",
        ],
    );
    insta::assert_snapshot!(all);
}

#[test]
fn an_origin_that_several_methods_use_is_told_once() {
    let methods = BASE.split_once("methods:\n").expect("methods").1;
    let text = BASE.replace("https://api.acme.example", "http://api.acme.example")
        + &methods.replace("  key:\n    label", "  other:\n    label");
    let error = Descriptor::parse("acme.yaml", &text).expect_err("plain http");
    assert_eq!(error.problems().len(), 1, "{error}");
    assert_eq!((error.problems()[0].line(), error.problems()[0].column()), (8, 11));
}

#[test]
fn the_api() {
    let line = "  origin: https://api.acme.example";
    let list = [
        "media_type: json",
        "media_type: application/json; charset=utf-8",
        "media_type: application/json\n  accept: text/plain",
        "cookies: sometimes",
        "headers: { authorization: Basic Zm9v }",
        "headers: { x-key: fixed }",
        "headers: { X-Client: keyway }",
        "headers: { x-client: \"keyw\u{e4}y\" }",
        "headers: { host: evil.example, content-length: \"0\", accept: text/plain }",
        "strip: { headers: [X-Debug, \"a b\"], query: [\"\"], cookies: [x] }",
        "rate_limit: { limit: X-Limit, reset: { header: x-reset, as: minutes } }",
        "rate_limit: { reset: x-reset }",
        "concurrency: 0",
        "concurrency: 10001",
        "concurrency: many",
    ];
    let list: Vec<String> = list.iter().map(|more| format!("{line}\n  {more}")).collect();
    insta::assert_snapshot!(list.iter().fold(String::new(), |all, by| all + &case(line, by)));
}

#[test]
fn fields() {
    let line = "      site: { label: Site, secret: false }";
    let list = [
        "Site: { label: Site, secret: false }",
        "site: { secret: false }",
        "site: {}",
        "site: Site",
        "site: { label: Site, secret: \"no\" }",
        "api_token: { label: Token, secret: false }",
        "site: { label: Site, reason: because }",
        "site: { label: Site, default: x }",
        "site: { label: Site, choices: [a, b] }",
        "site: { label: Site, secret: false, choices: [] }",
        "site: { label: Site, secret: false, choices: [a, a, { value: b, name: B }], default: c }",
        "site: { label: Site, secret: false, choices: [a], kind: host }",
        "site: { label: Site, secret: false, kind: choice }",
        "site: { label: Site, secret: false, kind: url, default: \"http://x.example\" }",
        "site: { label: Site, secret: false, kind: host, default: X }",
        "site: { label: Site, secret: false, default: a, optional: true }",
        "site: { label: Site, secret: false, otherwise: x }",
        "site: { label: Site, secret: false, step: 0 }",
        "site: { label: Site, secret: false, step: 2 }",
        "site: { label: Site, secret: false, step: -1 }",
        "site: { label: Site, secret: false, formerly: [key, site, old, old, X] }",
        "site: { label: Site, spaces: sometimes }",
        "site: { label: Site, help: \"a **b\" }",
        "site: { label: Site, help: \"[a](http://a.example)\" }",
        "site: { label: Site, shape: {} }",
        "site: { label: Site, shape: { prefix: abc, length: 3 } }",
        "site: { label: Site, shape: { charset: hexa } }",
        "site: { label: Site, mistakes: [{ is: refuse, say: x }, { prefix: x, is: warned }] }",
        "site: { label: Site, strip: [\"\"] }",
        "site: { label: Site, strip: x }",
        // N11
        "site: { label: Site, pattern: \"((a{100}){100}){100}\" }",
        "site: { label: Site, pattern: \"(\" }",
        "site: { label: Site, pattern: \"a)|(?:b\" }",
        "site: { label: Site, pattern: \"(?=a)b\" }",
    ];
    let list: Vec<String> = list.iter().map(|field| format!("      {field}")).collect();
    insta::assert_snapshot!(list.iter().fold(String::new(), |all, by| all + &case(line, by)));
}

#[test]
fn n12_n18_placements() {
    let line = "      headers: { x-key: \"{key}\" }";
    let list = [
        "headers: { x-key: \"{kye}\" }",
        "headers: { x-key: \"{key\" }",
        "headers: { x-key: \"key}\" }",
        "headers: { x-key: \"{}\" }",
        "headers: { x-key: \"{{key}}\" }",
        "headers: { x-key: fixed }",
        "headers: { x-key: \"Bearer\\n{key}\" }",
        "headers: { x-key: \"Schlüssel {key}\" }",
        "headers: { x-key: \" {key}\" }",
        "headers: { x-key: \"{key} \" }",
        "headers: { \"x-key\\r\\nevil\": \"{key}\", \"x key\": \"{key}\", \"x:key\": \"{key}\", \"\": \"{key}\" }",
        "headers: { X-Key: \"{key}\" }",
        "headers: { host: \"{key}\", content-length: \"{key}\", transfer-encoding: \"{key}\", connection: \"{key}\", cookie: \"{key}\", accept: \"{key}\", te: \"{key}\" }",
        "headers: {}",
        "headers: x-key",
        "query: { \"a&b\": \"{key}\", \"\": \"{key}\" }",
        "cookies: { \"a;b\": \"{key}\", sid: \"a b{key}\" }",
        "basic: { user: \"{key}\" }",
        "basic: { user: \"a:{key}\", password: \"{key}\" }",
        "basic: { user: a, password: b }",
        "basic: { user: \"{key}\", password: \"\" }",
        "basic: { user: \"{key}\", password: \"\" }\n      headers: { authorization: \"{key}\" }",
    ];
    let list: Vec<String> = list.iter().map(|more| format!("      {more}")).collect();
    let mut all = list.iter().fold(String::new(), |all, by| all + &case(line, by));
    all += &case("      key: { label: Key }", "      key: { label: Key, optional: true, multiline: true }");
    insta::assert_snapshot!(all);
}

#[test]
fn checks() {
    let mut all = cases(
        "      request: GET /me",
        &[
            "      request: POST /me",
            "      request: GET https://evil.example/me",
            "      request: GET me",
            "      request: GET /../me",
            "      request: GET /{key}",
            "      request: GET /me?key={key}&x={kye}",
            "      request: GET //me",
        ],
    );
    all += &cases(
        "      valid: { status: 200, body: { /id: { exists: true } } }",
        &[
            "      valid: { status: 200 }",
            "      valid: { status: 200, body: { /id: { exists: false } } }",
            "      valid: { status: 401, body: { /id: { exists: true } } }",
            "      valid: { status: [200, 5xx], body: { /id: { exists: true } } }",
            "      valid: { status: 99, body: { id: { exists: true }, /x: { exists: true, contains: y } } }",
            "      valid: { status: OK, content_type: xml, body: { /a~3: 1 } }",
            "      valid: { status: 200, body: { /id: { one_of: x }, /x: { one_of: [{ a: 1, a: 2 }] }, /y: { contains: 3 } } }",
        ],
    );
    all += &cases(
        "      account: { id: /id, label: [\"{/name}\"] }",
        &[
            "      account: { id: id, label: [\"{name}\", \"{/name\", \"\"] }",
            "      account: { id: /id }",
            "      account: { id: /id, label: \"{/name}\" }",
            "      account: /id",
        ],
    );
    let same_by = [
        "/id",
        "{}",
        "{ pointer: /id }",
        "{ pointer: id }",
        "{ pointer: \"\" }",
        "{ pointer: /id, betwen: [a, b] }",
        "{ pointer: /id, between: [\"[\", \"]\"] }",
        "{ pointer: /id, between: [a] }",
        "{ pointer: /id, between: [a, b, c] }",
        "{ pointer: /id, between: [\"\", 7] }",
        "{ pointer: /id, between: a }",
        "{ between: [a, b] }",
    ];
    for same_by in same_by {
        all += &case(
            "      account: { id: /id, label: [\"{/name}\"] }",
            &format!("      account: {{ id: /id, label: [\"{{/name}}\"], same_by: {same_by} }}"),
        );
    }
    all += &case(
        "      account: { id: /id, label: [\"{/name}\"] }",
        "      account: { id: /id, label: [\"{/name}\"], same_as: { pointer: /id } }",
    );
    all += &cases(
        "      request: GET /me",
        &[
            "      request: GET /me\n      verdicts: [{ is: invalid }, { status: 400, is: valid }, { status: 400 }, { status: 400, is: invalid, say: \"\" }]",
        ],
    );
    insta::assert_snapshot!(all);
}

#[test]
fn methods_and_guides() {
    let mut all = cases("  key:", &["  Key:", "  1key:", "  key:\n    formerly: [key, old]"]);
    all += &cases(
        "    guide: [Copy the key.]",
        &[
            "    guide: []",
            "    guide: { steps: [] }",
            "    guide: { needs: [x] }",
            "    guide: Copy the key.",
            "    guide: [\"| a |\", \"[a](javascript:x)\", \"`a\"]",
            "# none",
        ],
    );
    let mut empty = BASE.split_once("methods:").expect("methods").0.to_owned();
    for methods in ["methods: {}\n", "methods: []\n", ""] {
        let _ = writeln!(
            all,
            "{}\n=> {}\n",
            methods.trim(),
            Descriptor::parse("acme.yaml", &(empty.clone() + methods)).expect_err("no methods")
        );
    }
    empty.clear();
    for text in ["", "~", "[]", "just text", "{}"] {
        let _ = writeln!(
            all,
            "{text}\n=> {}\n",
            Descriptor::parse("acme.yaml", text).expect_err("no descriptor")
        );
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_broken_field_is_no_unknown_field() {
    let text = BASE.replace("key: { label: Key }", "key: { lable: Key }");
    let error = Descriptor::parse("acme.yaml", &text).expect_err("a missing label");
    assert!(!error.to_string().contains("not a field"), "{error}");
}

#[test]
fn everything_at_once_with_positions() {
    insta::assert_snapshot!(
        Descriptor::parse(
            "acme.yaml",
            &BASE
                .replace("version: 1", "version: 3")
                .replace("https://api", "http://api")
                .replace("summary:", "sumary:")
                .replace("{key}", "{kye}")
                .replace("GET /me", "PUT /me")
                .replace("status: 200", "status: ok"),
        )
        .expect_err("six problems")
    );
}

/// Is refused, with few problems; quickly, for what is quadratic or worse takes minutes.
#[track_caller]
fn refuses_quickly(name: &str, text: &str) {
    let start = Instant::now();
    let error = Descriptor::parse("f.yaml", text).expect_err(name);
    assert!(start.elapsed().as_secs() < 20, "{name} took {:?}", start.elapsed());
    assert!(error.problems().len() <= 101, "{name}: {} problems", error.problems().len());
    assert!(error.to_string().len() < 200_000, "{name}");
}

#[test]
fn n10_n11_hostile_texts_are_refused_quickly() {
    let method = |index: usize| {
        format!(
            "  m{index}: {{ label: x, guide: [x], authorize: {{}}, fields: {{ a: {{ label: x, pattern: '[a-z]{{400}}' }} }} }}\n"
        )
    };
    let flood = |number, one: &dyn Fn(usize) -> String| (0..number).map(one).collect::<Vec<_>>().concat();
    let patterns = flood(30, &|index| format!("      f{index}: {{ label: x, pattern: '[a-z]{{350}}' }}\n"));
    for (name, text) in [
        ("many keys", flood(20_000, &|key| format!("k{key}: 1\n"))),
        ("long keys", format!("{}: 1\n", "k".repeat(200_000))),
        ("one key often", "k: 1\n".repeat(40_000)),
        ("many methods", format!("methods:\n{}", flood(2000, &method))),
        ("a list of faults", format!("formerly: [{}]", "X,".repeat(100_000))),
        ("links that do not end", BASE.replace("Copy the key.", &format!("\"{}\"", "[a](".repeat(50_000)))),
        ("a table of bars", BASE.replace("Copy the key.", &format!("\"{}\"", "|".repeat(200_000)))),
        ("stars", BASE.replace("Copy the key.", &format!("\"{}\"", "**".repeat(100_001)))),
        ("braces", BASE.replace("{key}", &"{".repeat(200_000))),
        ("names", BASE.replace("{key}", &"{a}".repeat(60_000))),
        (
            "a well of conditions",
            BASE.replace("/id: { exists: true }", &format!("/id: {}1{}", "[".repeat(40), "]".repeat(40))),
        ),
        ("patterns", BASE.replace("    fields:\n", &format!("    fields:\n{patterns}      X: 1\n"))),
        (
            "a pattern",
            BASE.replace("label: Site", &format!("label: Site, pattern: '{}'", "(a|b){1,90}".repeat(15_000))),
        ),
        ("50 MB", "x".repeat(50_000_000)),
    ] {
        refuses_quickly(name, &text);
    }
}

#[test]
fn a_byte_order_mark_and_crlf_are_let_through() {
    assert!(Descriptor::parse("f", &format!("\u{feff}{BASE}")).is_ok());
    assert!(Descriptor::parse("f", &BASE.replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_load_error_names_every_file() {
    let broken = BASE.replace("version: 1", "version: 2");
    let error: LoadError =
        Registry::from_descriptors([("b.yaml", broken.as_str()), ("a.yaml", broken.as_str())])
            .expect_err("both are broken");
    let files: Vec<&str> = error.problems().iter().map(keyway_core::Problem::file).collect();
    assert_eq!(files, ["a.yaml", "b.yaml"]);
}
