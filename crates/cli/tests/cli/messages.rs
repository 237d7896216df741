//! Every message that a person can see.

use crate::support::{Run, Server, answer, keyway, keyway_with, linked, rally, rootly};

fn assert(name: &str, title: &str, run: &Run) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_suffix(name);
    let shown = run.shown(title).replace(&linked().join(", "), "(all that are linked)");
    settings.bind(|| insta::assert_snapshot!("message", shown));
}

#[test]
fn verdicts_of_the_sandbox() {
    for verdict in ["valid", "invalid", "forbidden", "rate_limited", "unavailable", "unknown"] {
        let title = format!("keyway connect rally --sandbox, with a key that is {verdict}");
        let run = keyway_with(&["connect", "rally", "--sandbox", "--values", "-"], &rally(verdict));
        assert(&format!("sandbox_{verdict}"), &title, &run);
    }
}

/// Answers of a provider, for which nothing is said about a sandbox.
#[test]
fn verdicts_of_a_server() {
    let json = "content-type: application/json";
    let good = r#"{"data":{"id":"7","type":"users","attributes":{"email":"ada@acme.example"}}}"#;
    for (name, given) in [
        ("valid", answer("200 OK", &[json], good)),
        ("invalid", answer("401 No", &[], "")),
        ("forbidden", answer("403 No", &[], "")),
        ("not_found", answer("404 No", &[], "")),
        ("media_type", answer("415 No", &[], "")),
        ("rate_limited", answer("429 Wait", &["retry-after: 3600"], "")),
        ("server_error", answer("503 Oh", &["retry-after: 90"], "")),
        ("silence", Vec::new()),
        ("login_page", answer("200 OK", &["content-type: text/html"], "<html>")),
        ("no_account", answer("200 OK", &[json], r#"{"data":{"type":"users","id":null}}"#)),
        ("encoded", answer("200 OK", &[json, "content-encoding: gzip"], good)),
        ("teapot", answer("418 Teapot", &[], "")),
        ("redirect_leaves", answer("302 Found", &["location: https://evil.example/"], "")),
        ("redirect_nowhere", answer("302 Found", &[], "")),
        ("not_http", b"SSH-2.0-server\r\n\r\n".to_vec()),
    ] {
        let server = Server::giving(given);
        let run =
            keyway_with(&["connect", "rootly", "--values", "-", "--origin", &server.origin()], &rootly());
        assert(&format!("server_{name}"), &format!("keyway connect rootly: {name}"), &run);
    }
}

#[test]
fn a_403_of_rally() {
    let server = Server::giving(answer("403 No", &[], ""));
    let args = ["connect", "rally", "--values", "-", "--origin", &server.origin()];
    assert("rally_forbidden", "keyway connect rally: 403", &keyway_with(&args, &rally("valid")));
}

/// A server that does not speak TLS, and one that nobody listens at.
#[test]
fn no_connection() {
    let server = Server::speaking_first("220 no TLS\r\n");
    let origin = server.origin().replace("http:", "https:");
    let tls = ["--values", "-", "--origin", &origin];
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let origin = format!("http://{}", closed.local_addr().unwrap());
    let nobody = ["--values", "-", "--origin", &origin];
    for (name, args) in [("tls", tls), ("closed_port", nobody)] {
        let connect = keyway_with(&[&["connect", "rootly"], &args[..]].concat(), &rootly());
        assert(&format!("server_{name}"), &format!("keyway connect rootly: {name}"), &connect);
        let request = keyway_with(&[&["request", "rootly", "GET", "/v1"], &args[..]].concat(), &rootly());
        assert(&format!("request_{name}"), &format!("keyway request: {name}"), &request);
    }
}

#[test]
fn not_sent() {
    let args = ["connect", "rootly", "--values", "-", "--origin", "https://10.0.0.1"];
    assert("not_sent", "keyway connect rootly, at a private address", &keyway_with(&args, &rootly()));
}

#[test]
fn refusals_and_warnings() {
    let server = Server::giving(answer("401 No", &[], ""));
    let origin = server.origin();
    for (name, id, values) in [
        ("empty", "rally", "{}"),
        ("everything", "rally", r#"{"host":"sandbox.rallydev.com","api_key":17,"key":"x","Not An Id":"x"}"#),
        ("wrong_api", "rootly", r#"{"api_key":"rec_0000"}"#),
        ("mask", "rootly", r#"{"api_key":"••••••••"}"#),
        ("command", "rootly", r#"{"api_key":"curl -H 'Authorization: Bearer x' https://api.rootly.com"}"#),
        ("twice", "rootly", r#"{"api_key":"x","api_key":"y"}"#),
        ("inner_space", "rootly", r#"{"api_key":"rootly_00 00"}"#),
        ("warning", "rally", r#"{"api_key":"no-underscore"}"#),
        ("two_warnings", "rally", r#"{"api_key":"no=underscore"}"#),
    ] {
        let run = keyway_with(&["connect", id, "--values", "-", "--origin", &origin], values);
        assert(&format!("values_{name}"), &format!("keyway connect {id} --values -: {values}"), &run);
    }
}

#[test]
fn requests() {
    let silent = Server::giving("");
    let with = |args: &[&str], server: &Server| {
        let origin = server.origin();
        let mut all = vec!["request", "rootly"];
        all.extend(args);
        all.extend(["--values", "-", "--origin", &origin]);
        keyway_with(&all, &rootly())
    };
    assert("request_silence", "keyway request: silence", &with(&["GET", "/v1"], &silent));
    assert(
        "request_path",
        "keyway request: a path of another origin",
        &with(&["GET", "https://evil.example"], &silent),
    );
    assert("request_dots", "keyway request: dots", &with(&["GET", "/v1/../x"], &silent));
    assert("request_method", "keyway request: no method", &with(&["G T", "/v1"], &silent));
    assert("request_header", "keyway request: no header", &with(&["GET", "/v1", "--header", "x"], &silent));
    assert(
        "request_stdin_twice",
        "keyway request: stdin twice",
        &with(&["GET", "/v1", "--data", "-"], &silent),
    );
    let inline = ["GET", "/v1", "--data", "{\"a\":1}"];
    assert("request_data_inline", "keyway request: the body itself", &with(&inline, &silent));
    for (name, given) in [
        ("not_http", b"SSH-2.0-server\r\n\r\n".to_vec()),
        ("too_large", b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec()),
        ("encoded", answer("200 OK", &["content-encoding: gzip"], "compressed")),
        ("redirect", answer("302 Found", &["location: https://login.example/?from=api"], "moved")),
    ] {
        let run = with(&["GET", "/v1"], &Server::giving(given));
        assert(&format!("request_{name}"), &format!("keyway request: {name}"), &run);
    }
    let args = ["request", "rootly", "GET", "/v1", "--values", "-", "--origin", "https://10.0.0.1"];
    assert("request_private", "keyway request: a private address", &keyway_with(&args, &rootly()));
}

#[test]
fn failures() {
    for (name, args) in [
        ("no_terminal", &["connect", "rally"] as &[&str]),
        ("no_terminal_sandbox", &["connect", "rootly", "--sandbox"]),
        ("provider", &["connect", "acme"]),
        ("method", &["connect", "rally", "--method", "oauth"]),
        ("origin", &["connect", "rally", "--origin", "http://example.com"]),
        ("origin_without_scheme", &["connect", "rally", "--origin", "127.0.0.1:8080"]),
        ("no_file", &["connect", "rally", "--values", "nowhere.json"]),
        ("values_inline", &["connect", "rally", "--values", "{}"]),
        ("surplus", &["connect", "rally", "_madeUp"]),
        ("flag", &["connect", "rally", "--jsn"]),
        ("flag_key", &["connect", "rally", "--api-key", "KEY"]),
        ("flag_value", &["connect", "rally", "--json=KEY"]),
        ("flag_method", &["request", "rally", "-X", "POST", "/v1"]),
        ("command", &["conect"]),
        ("port", &["sandbox", "--port", "KEY"]),
        ("shell", &["completions", "KEY"]),
        ("verb_to_method", &["request", "rally", "--method", "POST", "GET", "/x"]),
        ("verb_to_method_alone", &["request", "rally", "--method", "POST", "/x"]),
        ("both", &["connect", "rally", "--sandbox", "--origin", "https://a.example"]),
    ] {
        assert(&format!("failure_{name}"), &format!("keyway {}", args.join(" ")), &keyway(args));
    }
    let not_json = keyway_with(&["connect", "rally", "--values", "-"], "{\n  api_key: x\n}");
    assert("failure_not_json", "keyway connect rally --values -: {\\n  api_key: x\\n}", &not_json);
    let a_list = keyway_with(&["connect", "rally", "--values", "-"], "[]");
    assert("failure_not_an_object", "keyway connect rally --values -: []", &a_list);
}
