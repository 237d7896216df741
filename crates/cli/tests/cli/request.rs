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
fn the_sandbox_answers_too() {
    let path = "/slm/webservice/v2.0/defect?query=(State = Open)&fetch=FormattedID,Name";
    let run = keyway_with(&["request", "rally", "GET", path, "--sandbox", "--values", "-"], &rally("valid"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("DE42"), "{}", run.stdout);
}
