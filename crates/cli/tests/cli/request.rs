//! `keyway request`.

use crate::support::{ROOTLY_KEY, Run, Server, answer, keyway, keyway_with, rally, rootly};

fn request(server: &Server, args: &[&str]) -> Run {
    let origin = server.origin();
    let mut all = vec!["request", "rootly"];
    all.extend(args);
    all.extend(["--values", "-", "--origin", &origin]);
    keyway_with(&all, &rootly())
}

#[test]
fn any_answer_is_a_success() {
    for status in ["200 OK", "401 No", "404 No", "418 Teapot", "500 Oh"] {
        let server = Server::giving(answer(status, &[], "the body"));
        let run = request(&server, &["POST", "/v1/incidents"]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "the body", ""), "{status}");
    }
}

#[test]
fn no_answer_is_unavailable() {
    let silent = Server::giving("");
    let run = request(&silent, &["GET", "/v1/incidents"]);
    assert_eq!((run.code, run.stdout.as_str()), (6, ""));
    assert!(run.stderr.contains("No answer came from Rootly."), "{}", run.stderr);
}

#[test]
fn a_redirect_to_another_origin_is_the_answer() {
    let elsewhere = Server::giving(answer("200 OK", &[], ""));
    let location = format!("location: {}/", elsewhere.origin());
    let server = Server::giving(answer("302 Found", &[&location], "moved"));
    let run = request(&server, &["GET", "/v1/incidents"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "moved"));
    assert!(elsewhere.arrived().is_empty());
}

#[test]
fn a_redirect_that_was_not_followed_is_said_without_its_target() {
    let target = format!("https://u:p@evil.example/a/{ROOTLY_KEY}?q=canary#canary");
    for (status, location, said) in [
        ("302 Found", target.as_str(), "to evil.example. It was not followed: the key is not sent there."),
        ("307 Temporary", "//evil.example/canary", "which was not followed."),
        ("301 Moved", "https://127.0.0.1/canary", "to another scheme or port of 127.0.0.1."),
        ("300 Choices", "/canary", "which was not followed."),
        // It leads to itself, until it is followed no more.
        ("302 Found", "/v1/canary", "which was not followed."),
        ("302 Found", "\u{fc}:canary", "which was not followed."),
        (&format!("302 {ROOTLY_KEY}"), "https://[::1]/canary", "to [::1]. It was not followed"),
    ] {
        let server = Server::giving(answer(status, &[&format!("location: {location}")], "moved"));
        let run = request(&server, &["GET", "/v1/incidents"]);
        assert_eq!((run.code, run.stdout.as_str()), (0, "moved"), "{location}");
        assert!(run.stderr.starts_with("This is a redirect"), "{location}: {}", run.stderr);
        assert!(run.stderr.contains(said) && run.stderr.lines().count() == 1, "{location}: {}", run.stderr);
        assert!(!run.stderr.contains("canary") && !run.stderr.contains(ROOTLY_KEY), "{}", run.stderr);
    }
    for (status, headers) in
        [("302 Found", &[] as &[&str]), ("304 Same", &["location: /"]), ("201 Created", &["location: /"])]
    {
        let body = if status.starts_with("304") { "" } else { "moved" };
        let server = Server::giving(answer(status, headers, body));
        let run = request(&server, &["GET", "/v1/incidents"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{status}");
    }
}

#[test]
fn a_body_in_which_the_key_cannot_be_masked_is_not_shown() {
    let encoded = answer("200 OK", &["content-encoding: gzip"], "compressed");
    let run = request(&Server::giving(encoded.clone()), &["GET", "/v1/incidents"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert!(run.stderr.starts_with("The body is not shown: it came compressed"), "{}", run.stderr);
    let run = request(&Server::giving(encoded), &["GET", "/v1/incidents", "--include"]);
    assert_eq!(run.code, 0);
    assert_eq!(
        run.stdout,
        "HTTP/1.1 200 OK\ncontent-length: 10\nconnection: close\ncontent-encoding: gzip\n\n"
    );
    // Nothing is missing where there is nothing.
    let empty = Server::giving(answer("200 OK", &["content-encoding: gzip"], ""));
    let run = request(&empty, &["GET", "/v1/incidents"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
}

#[test]
fn the_key_is_masked_in_head_and_body() {
    let echo = format!("{{\"you sent\":\"Bearer {ROOTLY_KEY}\"}}");
    let head = format!("x-echo: {ROOTLY_KEY}");
    let server = Server::giving(answer("200 OK", &[&head, "set-cookie: session=1"], &echo));
    let run = request(&server, &["GET", "/v1/incidents", "--include"]);
    assert_eq!(
        run.stdout,
        "HTTP/1.1 200 OK\ncontent-length: 93\nconnection: close\nx-echo: [redacted]\n\n\
         {\"you sent\":\"Bearer [redacted]\"}"
    );
    assert!(!run.stderr.contains(ROOTLY_KEY));
}

#[test]
fn a_path_is_encoded_and_stays_on_its_origin() {
    for (path, arrives) in [
        ("/v1/incidents?filter[name]=a b&x=ü", "/v1/incidents?filter[name]=a%20b&x=%C3%BC"),
        ("/a%2Fb%20c", "/a%2Fb%20c"),
        ("/100%", "/100%25"),
        ("//evil.example/x", "//evil.example/x"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("/a#b", "/a%23b"),
        ("/@evil.example", "/@evil.example"),
        ("/{api_key}", "/%7Bapi_key%7D"),
    ] {
        let server = Server::giving(answer("200 OK", &[], ""));
        let run = request(&server, &["GET", path]);
        assert_eq!(run.code, 0, "{path}: {}", run.stderr);
        assert_eq!(server.only().0, format!("GET {arrives} HTTP/1.1"), "{path}");
    }
    for path in ["v1", "", "http://evil.example/", "/a/../b", "/%2e%2E/b", "@evil.example", "?x"] {
        let server = Server::giving(answer("200 OK", &[], ""));
        let run = request(&server, &["GET", path]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{path}");
        assert!(run.stderr.starts_with("error: nothing was sent: the path "), "{path}: {}", run.stderr);
        assert!(server.arrived().is_empty(), "{path}");
    }
}

#[test]
fn the_body_comes_from_a_file() {
    let path = std::env::temp_dir().join(format!("keyway-data-{}.json", std::process::id()));
    std::fs::write(&path, "{\"data\":\u{1}}").unwrap();
    let server = Server::giving(answer("201 Created", &[], ""));
    let run = request(&server, &["post", "/v1/incidents", "--data", path.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let (line, _, body) = server.only();
    assert_eq!((line.as_str(), body.as_str()), ("POST /v1/incidents HTTP/1.1", "{\"data\":\u{1}}"));

    // The body from stdin, the values from a file.
    std::fs::write(&path, rootly()).unwrap();
    let server = Server::giving(answer("201 Created", &[], ""));
    let values = path.to_str().unwrap();
    let origin = server.origin();
    let args = [
        "request",
        "rootly",
        "POST",
        "/v1/incidents",
        "--values",
        values,
        "--data",
        "-",
        "--origin",
        &origin,
    ];
    assert_eq!(keyway_with(&args, "from stdin").code, 0);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(server.only().2, "from stdin");
}

#[test]
fn mistakes_are_usage_errors_and_nothing_is_sent() {
    let server = Server::giving(answer("200 OK", &[], ""));
    for args in [
        &["GET", "/v1", "--data", "-"] as &[&str],
        &["GET", "/v1", "--data", "no such file"],
        &["GET", "/v1", "--header", "sk_canary"],
        &["GET", "/v1", "--header", "a: b", "--header", "x: sk_canary\r\nHost: evil.example"],
        &["GET /", "/v1"],
        &["CONNECT", "/v1"],
        &["TRACE", "/v1"],
        &["trace", "/v1"],
        &["GET", "/v1", "--method", "POST"],
        &["GET", "/v1", "--data", "{\"api_key\":\"sk_canary\"}"],
    ] {
        let run = request(&server, args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
    assert!(server.arrived().is_empty());
}

#[test]
fn without_values_and_without_a_terminal_it_says_how() {
    let run = keyway(&["request", "rally", "GET", "/"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("--values FILE"), "{}", run.stderr);
    assert!(run.stderr.contains(r#"{"host": "rally1.rallydev.com", "api_key": "_…"}"#), "{}", run.stderr);
}

#[test]
fn the_sandbox_says_which_keys_to_try() {
    let args = ["request", "rally", "GET", "/slm/webservice/v2.0/user", "--sandbox"];
    let without = keyway(&args);
    assert_eq!((without.code, without.stdout.as_str()), (1, ""));
    let mut args = args.to_vec();
    args.extend(["--values", "-"]);
    let unknown = keyway_with(&args, r#"{"api_key":"_unlisted"}"#);
    assert_eq!(unknown.code, 0);
    assert!(unknown.stderr.contains("The sandbox does not know this key."), "{}", unknown.stderr);
    assert!(!unknown.stdout.contains("Keys to try"), "{}", unknown.stdout);
    for run in [without, unknown] {
        for word in ["Keys to try in the sandbox", "a good key", "a revoked key", "a key with no permission"]
        {
            assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
        }
    }
    // It knows this one, and that it was revoked.
    let known = keyway_with(&args, &rally("invalid"));
    assert_eq!((known.code, known.stderr.as_str()), (0, ""));
}

#[test]
fn a_method_that_stands_in_the_wrong_place_is_told_where_it_belongs() {
    let run = keyway(&["request", "rally", "--method", "post", "GET", "/x"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("keyway request rally POST /"), "{}", run.stderr);
    // Elsewhere it is nothing but a method that there is not.
    for args in [
        &["request", "rally", "--method", "oauth", "GET", "/x"] as &[&str],
        &["request", "nothing", "--method", "POST", "GET", "/x"],
        &["connect", "rally", "--method", "POST"],
    ] {
        let run = keyway(args);
        assert_eq!(run.code, 1);
        assert!(!run.stderr.contains("way to authenticate"), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn the_sandbox_answers_too() {
    let path = "/slm/webservice/v2.0/defect?query=(State = Open)&fetch=FormattedID,Name";
    let run = keyway_with(&["request", "rally", "GET", path, "--sandbox", "--values", "-"], &rally("valid"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("DE42"), "{}", run.stdout);
}
