//! What a caller sends in the credential's place, or beside it.

use keyway_vault::Terms;

use crate::stage::{RALLY, ROOTLY, Stage, Upstream, header, secret};

/// How often a header stands in a request.
fn count(request: &str, name: &str) -> usize {
    let head = request.split("\r\n\r\n").next().unwrap();
    head.lines()
        .filter(|line| line.split(':').next().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        .count()
}

#[tokio::test]
async fn n50_the_provider_sees_one_credential_and_nothing_of_the_callers() {
    let stage = Stage::new().await;
    for (provider, header_name, value) in
        [("rootly", "authorization", format!("Bearer {ROOTLY}")), ("rally", "zsessionid", RALLY.to_owned())]
    {
        let upstream = Upstream::json("{}").await;
        let token = stage.token(provider, &upstream).await;
        let mut sent = 0;
        for (headers, problem) in [
            ("keyway-grant: TOKEN\r\nauthorization: Bearer of-the-caller\r\n", None),
            (
                "keyway-grant: TOKEN\r\nZSESSIONID: _of-the-caller\r\nzsessionId: _another\r\n",
                Some("grant-twice"),
            ),
            ("keyway-grant: TOKEN\r\nauthorization: a\r\nAuthorization: b\r\n", Some("grant-twice")),
            ("keyway-grant: TOKEN\r\nauthorization: Bearer TOKEN\r\n", None),
            ("keyway-grant: TOKEN\r\nzsessionid: _of-the-caller\r\nx-api-key: of-the-caller\r\n", None),
            ("keyway-grant: TOKEN\r\nkeyway-grant: TOKEN\r\n", Some("grant-twice")),
            (
                "authorization: Bearer TOKEN\r\ncookie: ZSESSIONID=_of-the-caller; a=b\r\ncookie: c=d\r\n",
                None,
            ),
            ("authorization: Bearer TOKEN\r\nproxy-authorization: Basic b2YtdGhlLWNhbGxlcg==\r\n", None),
            ("authorization: Bearer TOKEN\r\nproxy_authorization: of-the-caller\r\n", None),
            ("ZSESSIONID: TOKEN\r\nAUTHORIZATION: Basic b2YtdGhlLWNhbGxlcg==\r\n", None),
            ("authorization: Bearer TOKEN\r\nconnection: authorization, zsessionid\r\n", None),
        ] {
            let answer = stage.get("/v1/x", &headers.replace("TOKEN", &token)).await;
            assert_eq!(answer.header("keyway-problem"), problem, "{provider}: {headers}: {answer:?}");
            let requests = upstream.requests();
            if problem.is_some() {
                assert_eq!(requests.len(), sent, "{headers}");
                continue;
            }
            sent += 1;
            let request = &requests[sent - 1];
            assert_eq!(header(request, header_name), Some(&*value), "{headers}");
            assert_eq!(count(request, header_name), 1, "{headers}");
            for none in ["of-the-caller", "b2YtdGhlLWNhbGxlcg", "kwg_", "cookie", "proxy"] {
                assert!(
                    !request.to_ascii_lowercase().contains(&none.to_ascii_lowercase()),
                    "{none}: {request}"
                );
            }
            let others = if provider == "rootly" { "zsessionid" } else { "authorization" };
            assert_eq!(count(request, others), 0, "{request}");
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn a_grant_stands_wherever_a_method_places_its_key() {
    let stage = Stage::new().await;
    for (provider, line, headers, sent) in [
        ("query", "/me?a=b&api_key=TOKEN&c=d", "", "GET /me?a=b&c=d&api_key="),
        ("cookie", "/me", "cookie: session=TOKEN\r\n", "cookie: session="),
        ("basic", "/me", "authorization: Basic BASIC\r\n", "authorization: Basic "),
        ("also", "/me", "X-API-Key: TOKEN\r\n", "x-api-key: "),
    ] {
        let upstream = Upstream::json("{}").await;
        let token = stage.token(provider, &upstream).await;
        let basic = base64(&format!("{token}:"));
        let write = |text: &str| text.replace("TOKEN", &token).replace("BASIC", &basic);
        let answer = stage.get(&write(line), &write(headers)).await;
        assert_eq!(answer.status(), 200, "{provider}: {answer:?}");
        let request = upstream.request();
        assert!(request.contains(sent) && !request.contains("kwg_"), "{provider}: {request}");
        assert!(
            request.contains(RALLY) || request.contains(&base64(&format!("{RALLY}:"))),
            "{provider}: {request}"
        );
    }
    stage.end().await;
}

#[tokio::test]
async fn a_token_with_the_providers_own_prefix_is_taken_too() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let id = stage.connect("acme", &stage.credential("rootly", &upstream.origin())).await;
    let terms = Terms::builder().prefix("rootly_").build(std::time::SystemTime::now()).unwrap();
    let token = secret(&stage.grant("acme", &id, terms).await);
    assert!(token.starts_with("rootly_kwg_"));
    assert_eq!(stage.get("/v1/x", &format!("authorization: bearer {token}\r\n")).await.status(), 200);
    stage.end().await;
}

#[tokio::test]
async fn i8_another_tenants_connection_is_as_one_that_does_not_exist() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let theirs = stage.connect("other", &stage.credential("rootly", &upstream.origin())).await;
    let mut answers = Vec::new();
    for id in [theirs.as_str(), "con_00000000000000000000", "con_x", "con_"] {
        let mut answer = stage.get(&format!("/c/{id}/v1/x"), &format!("keyway-grant: {token}\r\n")).await;
        answer.closed = false;
        answers.push((answer.head, answer.body));
    }
    assert!(
        answers[0].0.starts_with("HTTP/1.1 404 ")
            && answers[0].0.contains("keyway-problem: connection-unknown")
    );
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(upstream.requests(), [""; 0]);
    stage.end().await;
}

#[tokio::test]
async fn n51_n52_what_is_the_connections_or_tells_of_the_caller_is_not_passed_on() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let headers = "te: trailers\r\ntrailer: x\r\nupgrade: websocket\r\nkeep-alive: timeout=5\r\n\
        connection: keep-alive, x-hop, upgrade\r\nx-hop: 1\r\nproxy-connection: x\r\nhttp2-settings: AAMAAABk\r\n\
        x-forwarded-for: 192.0.2.1\r\nx-forwarded-host: evil.example\r\nx_forwarded_for: 192.0.2.1\r\n\
        forwarded: for=192.0.2.1\r\nx-real-ip: 192.0.2.1\r\nvia: 1.1 x\r\nrange: bytes=0-9\r\nif-range: x\r\naccept-encoding: gzip, br\r\n\
        keyway-anything: x\r\nx-request-id: kept\r\nuser-agent: made-up/1\r\n";
    let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n{headers}")).await;
    assert_eq!(answer.status(), 200);
    let request = upstream.request();
    let head = request.split("\r\n\r\n").next().unwrap();
    let mut names: Vec<&str> = head.lines().skip(1).map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "authorization", "host", "user-agent", "x-request-id"]);
    assert_eq!(header(&request, "accept-encoding"), Some("identity"));
    for override_header in [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: PUT",
        "x_method_override: PUT",
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
    ] {
        let answer =
            stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n{override_header}\r\n")).await;
        assert_eq!((answer.status(), answer.problem()), (400, "method-overridden"), "{override_header}");
    }
    assert_eq!(upstream.requests().len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_grant_is_not_sent_on_from_where_nobody_looks() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    for (path, headers, problem) in [
        ("/v1/x", "referer: https://gw/v1?api_key=TOKEN\r\n", None),
        ("/v1/x", "x-token: TOKEN\r\n", Some("grant-spilled")),
        ("/v1/x", "user-agent: TOKEN\r\n", Some("grant-spilled")),
        ("/v1/x?token=TOKEN", "", Some("grant-spilled")),
        ("/v1/TOKEN", "", Some("grant-spilled")),
        ("/v1/x?api_key=TOKEN", "", None),
    ] {
        let before = upstream.requests().len();
        let headers = format!("authorization: Bearer {token}\r\n{headers}").replace("TOKEN", &token);
        let answer = stage.get(&path.replace("TOKEN", &token), &headers).await;
        assert_eq!(answer.header("keyway-problem"), problem, "{path} {headers}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), before + usize::from(problem.is_none()), "{path} {headers}");
        assert!(requests.iter().all(|request| !request.contains("kwg_")), "{requests:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn what_a_trusted_proxy_says_of_the_address_is_believed_and_nobody_else() {
    let trusted = vec!["127.0.0.0/8".parse().unwrap()];
    let behind = Stage::with(|builder| builder.trusted_proxies(trusted), None).await;
    let open = Stage::new().await;
    let said = "HTTP/1.1 302 Found\r\nlocation: ORIGIN/v1/y\r\ncontent-length: 0\r\n\r\n";
    for (stage, headers, expected) in [
        (
            &behind,
            "x-forwarded-proto: https\r\nx-forwarded-host: keyway.example\r\n",
            "https://keyway.example/v1/y",
        ),
        (&behind, "x-forwarded-host: a\", b\r\n", "http://gw.example/v1/y"),
        (&open, "x-forwarded-proto: https\r\nx-forwarded-host: evil.example\r\n", "http://gw.example/v1/y"),
    ] {
        let upstream = Upstream::saying(&[said]).await;
        let token = stage.token("rootly", &upstream).await;
        let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n{headers}")).await;
        assert_eq!(answer.header("location"), Some(expected), "{headers}");
        assert!(!upstream.request().contains("forwarded"));
    }
    behind.end().await;
    open.end().await;
}

#[tokio::test]
async fn n57_a_header_that_is_no_text_is_denied() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let head = format!("GET /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\nx-name: ");
    for (value, status) in [(&b"M\xfcller"[..], 400), (b"\xff\xfe", 400), ("Müller".as_bytes(), 200)] {
        let answer = stage.send([head.as_bytes(), value, b"\r\n\r\n"].concat()).await;
        assert_eq!(answer.status(), status, "{value:?}: {answer:?}");
    }
    assert_eq!(upstream.requests().len(), 1);
    stage.end().await;
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
