//! What arrives at the provider is exact, whatever the caller says.

use crate::support::{ROOTLY_KEY, Server, answer, keyway_with, rally, rootly};

const RALLY_KEY: &str = "_madeUpGood00000000000000000000000000000000";

/// Headers with which a caller would like to keep, change or smuggle something.
const HOSTILE: [&str; 26] = [
    "Authorization: Bearer of-the-caller",
    "AUTHORIZATION: Basic b2Y6Y2FsbGVy",
    "ZSESSIONID: _of-the-caller",
    "zsessionid: _of-the-caller-too",
    "Cookie: JSESSIONID=of-the-caller",
    "Proxy-Authorization: Basic b2Y6Y2FsbGVy",
    "Host: evil.example",
    "Content-Length: 7",
    "Transfer-Encoding: chunked",
    "Connection: authorization, zsessionid, x-hop",
    "X-Hop: dropped with the connection",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: x",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "Proxy-Connection: keep-alive",
    "Content-Type: text/plain",
    "Accept-Encoding: gzip, br",
    "accept-encoding: zstd",
    "Accept: */*",
    "Accept: text/html",
    "User-Agent: of the caller",
    "X-RallyIntegrationName: of the caller",
    "X-Own: one",
    "X-Own: two",
];

fn send(id: &str, verb: &str, path: &str, headers: &[&str], data: Option<&str>) -> Server {
    let server = Server::giving(answer("200 OK", &[], "{}"));
    let origin = server.origin();
    let values = std::env::temp_dir().join(format!(
        "keyway-arrives-{}-{:?}.json",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&values, if id == "rally" { rally("valid") } else { rootly() }).unwrap();
    let mut args = vec!["request", id, verb, path, "--origin", &origin, "--values", values.to_str().unwrap()];
    for header in headers {
        args.extend(["--header", header]);
    }
    if data.is_some() {
        args.extend(["--data", "-"]);
    }
    let run = keyway_with(&args, data.unwrap_or_default());
    std::fs::remove_file(&values).unwrap();
    assert_eq!(run.code, 0, "{}", run.stderr);
    server
}

/// The headers that arrived; `host` names the server.
fn headers(server: &Server) -> Vec<(String, String)> {
    let (_, headers, _) = server.only();
    let host = server.origin().replace("http://", "");
    let told = headers.into_iter().map(|(name, value)| {
        let value = if value == host { "the server".to_owned() } else { value };
        (name, value.replace(env!("CARGO_PKG_VERSION"), "VERSION"))
    });
    told.collect()
}

#[track_caller]
fn assert_headers(server: &Server, expected: &[(&str, &str)]) {
    let arrived = headers(server);
    let arrived: Vec<(&str, &str)> =
        arrived.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(arrived, expected);
}

/// All that arrives at Rootly of a request without a body.
fn bare_of_rootly(bearer: &str) -> [(&str, &str); 5] {
    [
        ("accept", "application/vnd.api+json"),
        ("accept-encoding", "identity"),
        ("authorization", bearer),
        ("host", "the server"),
        ("user-agent", "keyway/VERSION"),
    ]
}

#[test]
fn a_plain_request_of_rootly() {
    let bearer = format!("Bearer {ROOTLY_KEY}");
    assert_headers(&send("rootly", "GET", "/v1/incidents", &[], None), &bare_of_rootly(&bearer));
}

#[test]
fn a_plain_request_of_rally() {
    assert_headers(
        &send("rally", "GET", "/slm/webservice/v2.0/user", &[], None),
        &[
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("host", "the server"),
            ("user-agent", "keyway/VERSION"),
            ("x-rallyintegrationname", "Keyway"),
            ("x-rallyintegrationvendor", "Keyway"),
            ("x-rallyintegrationversion", "VERSION"),
            ("zsessionid", RALLY_KEY),
        ],
    );
}

#[test]
fn a_hostile_request_of_rootly() {
    let server = send("rootly", "POST", "/v1/incidents", &HOSTILE, Some("{\"data\":{}}"));
    let bearer = format!("Bearer {ROOTLY_KEY}");
    assert_headers(
        &server,
        &[
            ("accept", "*/*"),
            ("accept", "text/html"),
            ("accept-encoding", "identity"),
            ("authorization", &bearer),
            ("content-length", "11"),
            ("content-type", "application/vnd.api+json"),
            ("host", "the server"),
            ("user-agent", "of the caller"),
            ("x-own", "one"),
            ("x-own", "two"),
            ("x-rallyintegrationname", "of the caller"),
        ],
    );
    assert_eq!(server.only().2, "{\"data\":{}}");
}

#[test]
fn a_hostile_request_of_rally() {
    let path = "/slm/webservice/v2.0/defect/create?key=of-the-caller&fetch=Name&KEY=kept";
    let server = send("rally", "POST", path, &HOSTILE, Some("{\"Defect\":{}}"));
    let (line, _, body) = server.only();
    assert_eq!(line, "POST /slm/webservice/v2.0/defect/create?fetch=Name&KEY=kept HTTP/1.1");
    assert_eq!(body, "{\"Defect\":{}}");
    let arrived = headers(&server);
    let of = |name: &str| -> Vec<&str> {
        arrived.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(of("zsessionid"), [RALLY_KEY]);
    assert_eq!(of("content-length"), ["13"]);
    assert_eq!(of("accept-encoding"), ["identity"]);
    assert_eq!(of("host"), ["the server"]);
    assert_eq!(of("x-own"), ["one", "two"]);
    for name in ["authorization", "cookie", "proxy-authorization", "transfer-encoding", "connection", "x-hop"]
    {
        assert!(of(name).is_empty(), "{name}: {arrived:?}");
    }
}

#[test]
fn the_check_is_exact_too() {
    let server = Server::giving(answer("401 No", &[], ""));
    let run = keyway_with(&["connect", "rootly", "--values", "-", "--origin", &server.origin()], &rootly());
    assert_eq!(run.code, 3);
    let bearer = format!("Bearer {ROOTLY_KEY}");
    assert_eq!(server.only().0, "GET /v1/users/me HTTP/1.1");
    assert_headers(&server, &bare_of_rootly(&bearer));
}

#[test]
fn what_is_pasted_around_a_key_does_not_arrive() {
    for pasted in
        ["  KEY\n", "Bearer KEY", "bearer KEY", "\"KEY\"", "Authorization: Bearer KEY", "\u{a0}KEY\u{2003}"]
    {
        let server = Server::giving(answer("401 No", &[], ""));
        let values = serde_json::json!({ "api_key": pasted.replace("KEY", ROOTLY_KEY) }).to_string();
        let run = keyway_with(&["connect", "rootly", "--values", "-", "--origin", &server.origin()], &values);
        assert_eq!(run.code, 3, "{pasted:?}: {run:?}");
        let (_, headers, _) = server.only();
        let sent: Vec<&str> = headers
            .iter()
            .filter(|(name, _)| name == "authorization")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(sent, [format!("Bearer {ROOTLY_KEY}")], "{pasted:?}");
    }
}
