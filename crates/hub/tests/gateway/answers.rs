//! What a provider answers, and what of it a client gets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyway_hub::{Limits, PublicUrl};
use keyway_vault::Terms;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stage::{Answer, ROOTLY, Script, Stage, Upstream, ok, secret};

async fn through(stage: &Stage, script: Script) -> (Answer, Upstream) {
    let upstream = Upstream::scripted(vec![script]).await;
    let token = stage.token("rootly", &upstream).await;
    let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
    (answer, upstream)
}

fn each(write: impl Fn(u8) -> String) -> String {
    ROOTLY.bytes().map(write).collect()
}

#[tokio::test]
async fn n60_a_key_that_the_provider_echoes_is_masked_however_it_is_written_and_cut() {
    let stage = Stage::new().await;
    let forms = [
        ROOTLY.to_owned(),
        format!("Bearer {ROOTLY}"),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        STANDARD.encode(ROOTLY),
        STANDARD.encode(format!("a{ROOTLY}")),
        STANDARD.encode(format!("ab{ROOTLY}b")),
        each(|byte| format!("\\u{byte:04x}")),
    ];
    for form in &forms {
        let body = format!("{{\"you_sent\":\"{form}\",\"n\":1}}");
        let whole = ok(&body);
        let at = whole.find(form.as_str()).unwrap();
        let mut scripts: Vec<Script> = vec![vec![whole.clone().into_bytes()]];
        for cut in [at + 1, at + form.len() / 2, at + form.len() - 1] {
            scripts.push(vec![whole.as_bytes()[..cut].to_vec(), whole.as_bytes()[cut..].to_vec()]);
            // Across the borders of chunks, which arrive one by one.
            let (first, second) = body.split_at(cut - (whole.len() - body.len()));
            let chunk = |piece: &str| format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes();
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
            scripts.push(vec![head.to_vec(), chunk(first), chunk(second), b"0\r\n\r\n".to_vec()]);
        }
        for script in scripts {
            let (answer, _upstream) = through(&stage, script).await;
            let text = answer.text();
            assert_eq!(answer.status(), 200, "{answer:?}");
            assert!(text.contains("[redacted]") && text.ends_with("\"n\":1}"), "{form}: {text}");
            assert!(!text.contains(&form[form.len() / 3..form.len() * 2 / 3]), "{form}: {text}");
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nx-echo: a {form} b\r\nx-other: 1\r\ncontent-length: 0\r\n\r\n");
        let (answer, _upstream) = through(&stage, vec![head.into_bytes()]).await;
        assert!(answer.header("x-echo").unwrap().contains("[redacted]"), "{answer:?}");
        assert_eq!(answer.header("x-other"), Some("1"));
    }
    let metrics = stage.gateway.metrics();
    assert!(metrics.contains("keyway_masked_total{provider=\"rootly\"} 80"), "{metrics}");
    stage.end().await;
}

#[tokio::test]
async fn n60_an_encoded_body_is_looked_into_or_not_passed_on() {
    use std::io::Write as _;
    let stage = Stage::new().await;
    let body = format!("{{\"you_sent\":\"{ROOTLY}\"}}");
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let deflate = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let answer_of = |encoding: &str, bytes: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        );
        vec![[head.as_bytes(), bytes].concat()]
    };
    for (encoding, bytes) in
        [("gzip", &gzip), ("x-gzip", &gzip), ("deflate", &deflate), ("identity", &body.clone().into_bytes())]
    {
        let (answer, upstream) = through(&stage, answer_of(encoding, bytes)).await;
        assert_eq!(answer.text(), r#"{"you_sent":"[redacted]"}"#, "{encoding}");
        assert!(answer.header("content-encoding").is_none_or(|value| value == "identity"), "{answer:?}");
        assert!(upstream.request().contains("accept-encoding: identity\r\n"));
    }
    for (encoding, bytes) in [
        ("br", &gzip),
        ("zstd", &gzip),
        ("gzip, gzip", &gzip),
        ("gzip", &deflate),
        ("gzip", &gzip[..gzip.len() / 2].to_vec()),
    ] {
        let (answer, _upstream) = through(&stage, answer_of(encoding, bytes)).await;
        assert_eq!((answer.status(), answer.problem()), (502, "provider-encoding"), "{encoding}: {answer:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn n36_what_inflates_without_end_is_cut_off() {
    use std::io::Write as _;
    let mut limits = Limits::default();
    limits.answer_body = 1 << 20;
    let stage = Stage::limited(limits).await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let (answer, _upstream) = through(&stage, vec![[head.as_bytes(), &bomb].concat()]).await;
    assert!(
        answer.status() == 502 || answer.closed && answer.body.len() <= 2 << 20,
        "{} bytes",
        answer.body.len()
    );
    stage.end().await;
}

#[tokio::test]
async fn n61_what_binds_a_browser_to_the_provider_or_is_the_connections_is_not_passed_on() {
    let stage = Stage::new().await;
    let head = "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nalt-svc: h3=\":443\"\r\n\
        strict-transport-security: max-age=1\r\naccess-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n\
        keep-alive: timeout=5\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nproxy-authenticate: Basic\r\ntrailer: x\r\n\
        keyway-problem: forged\r\nclear-site-data: \"*\"\r\nx-request-id: kept\r\netag: \"1\"\r\nwww-authenticate: Bearer\r\n\
        content-length: 2\r\n\r\n{}";
    let (answer, _upstream) = through(&stage, vec![head.as_bytes().to_vec()]).await;
    let mut names: Vec<&str> =
        answer.head.trim_end().lines().skip(1).map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "etag", "www-authenticate", "x-request-id"]);
    stage.end().await;
}

#[tokio::test]
async fn n25_a_redirect_is_the_clients_to_follow_and_ours_stays_inside() {
    let stage = Stage::new().await;
    for status in [301, 302, 303, 307, 308] {
        for (location, expected) in [
            ("https://evil.example/x", "https://evil.example/x"),
            ("ORIGIN/v1/y?z", "http://gw.example/v1/y?z"),
            ("/v1/y", "/v1/y"),
            ("ORIGIN.evil.example/", "ORIGIN.evil.example/"),
        ] {
            let said = "HTTP/1.1 STATUS Moved\r\nlocation: LOCATION\r\ncontent-length: 0\r\n\r\n";
            let said = said.replace("STATUS", &status.to_string()).replace("LOCATION", location);
            let upstream = Upstream::saying(&[&said]).await;
            let token = stage.token("rootly", &upstream).await;
            let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.header("location"), Some(&*expected.replace("ORIGIN", &upstream.origin())));
            assert_eq!(upstream.requests().len(), 1, "somebody followed");
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn the_providers_own_urls_lead_to_the_gateway() {
    let public = PublicUrl::parse("https://keyway.example/gate/").unwrap();
    let plain = Stage::new().await;
    let behind = Stage::with(|builder| builder.public_url(public), None).await;
    for (stage, base) in [(&plain, "http://gw.example"), (&behind, "https://keyway.example/gate")] {
        let body = r#"{"links":{"next":"ORIGIN/v1/x?page[number]=2","self":"ESCAPED\/v1\/x"},"other":"https://other.example/v1","n":"ORIGIN.evil.example/"}"#;
        let head = "HTTP/1.1 200 OK\r\nlink: <ORIGIN/v1/x?page=2>; rel=next, </v1>; rel=up\r\ncontent-location: ORIGIN/v1/x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let upstream = Upstream::chunked(head, body).await;
        let origin = upstream.origin();
        let body = body.replace("ORIGIN", &origin).replace("ESCAPED", &origin.replace('/', "\\/"));
        let (id, token) = stage.ready("rootly", &upstream).await;
        for (path, prefix) in
            [("/v1/x".to_owned(), String::new()), (format!("/c/{id}/v1/x"), format!("/c/{id}"))]
        {
            let answer = stage.get(&path, &format!("authorization: Bearer {token}\r\n")).await;
            let expected = body.replace(&format!("{origin}/v1"), &format!("{base}{prefix}/v1")).replace(
                &format!("{}\\/v1", origin.replace('/', "\\/")),
                &format!("{}\\/v1", format!("{base}{prefix}").replace('/', "\\/")),
            );
            assert_eq!(answer.text(), expected, "{path}");
            assert_eq!(answer.header("content-location"), Some(&*format!("{base}{prefix}/v1/x")));
            let link = answer.header("link").unwrap();
            assert!(link.starts_with(&format!("<{base}{prefix}/v1/x?page=2>; rel=next")), "{link}");
        }
        // Whoever does not want it says so in the grant.
        let terms = Terms::builder().keep_urls().build(std::time::SystemTime::now()).unwrap();
        let token = secret(&stage.grant("acme", &id, terms).await);
        let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
        assert_eq!(answer.text(), body);
    }
    plain.end().await;
    behind.end().await;
}

#[tokio::test]
async fn n41_answers_that_are_no_http_are_the_providers_fault() {
    let stage = Stage::new().await;
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000) + &ok("{}");
    let headers = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(10_000));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(100_000));
    for (said, status, problem) in [
        ("", 502, "provider-closed"),
        ("HTTP/1.1 200 OK\r\ncontent-le", 502, "provider-closed"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}", 502, "provider-closed"),
        ("<html>\r\n\r\n", 502, "provider-malformed"),
        ("HTTP/1.1 200 OK\n\n", 502, "provider-malformed"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", 502, "provider-malformed"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
            502,
            "provider-malformed",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, "provider-malformed"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 502, "provider-malformed"),
        (&flood, 502, "provider-malformed"),
        (&headers, 502, "provider-malformed"),
        (&long, 502, "provider-malformed"),
    ] {
        let (answer, _upstream) = through(&stage, vec![said.as_bytes().to_vec(), Vec::new()]).await;
        assert_eq!((answer.status(), answer.header("keyway-problem")), (status, Some(problem)), "{said:.80}");
    }
    // A few interim answers are as the standard has them.
    let said = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(3) + &ok("{}");
    let (answer, _upstream) = through(&stage, vec![said.into_bytes()]).await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "{}"));
    stage.end().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let stage = Stage::new().await;
    let many = "a".repeat(100_000);
    for said in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n{many}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{many}\r\n", many.len()),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{many}\r\nzz\r\n", many.len()),
    ] {
        let upstream = Upstream::scripted(vec![vec![said.into_bytes(), Vec::new()]]).await;
        let token = stage.token("rootly", &upstream).await;
        let mut stream = stage.connection().await;
        let text = format!("GET /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = tokio::time::timeout(crate::stage::PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
        assert!(!bytes.ends_with(b"0\r\n\r\n"), "it was ended as if it were whole");
    }
    stage.end().await;
}

#[tokio::test]
async fn answers_without_a_body_and_those_without_a_length() {
    let stage = Stage::new().await;
    for (method, said, status, length, body) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\n",
            200,
            Some("7"),
            "",
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, None, ""),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 5\r\n\r\n", 304, None, ""),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, Some("0"), ""),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nto the end", 200, None, "to the end"),
        ("GET", "HTTP/1.0 200 OK\r\n\r\nto the end", 200, None, "to the end"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            200,
            Some("3"),
            "abc",
        ),
    ] {
        let upstream = Upstream::saying(&[said]).await;
        let token = stage.token("rootly", &upstream).await;
        let text = format!(
            "{method} /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let mut stream = stage.connection().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{said}: {text}");
        assert_eq!(
            crate::stage::header(head, "content-length"),
            if rest.contains("to the end") { crate::stage::header(head, "content-length") } else { length },
            "{said}"
        );
        let chunked = crate::stage::header(head, "transfer-encoding").is_some();
        let rest = if chunked { crate::stage::unchunked(rest.as_bytes()) } else { rest.as_bytes().to_vec() };
        assert_eq!(String::from_utf8(rest).unwrap(), body, "{said}");
    }
    // HTTP/1.0 knows no chunks.
    let upstream = Upstream::scripted(vec![vec![
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec(),
        b"3\r\ndef\r\n0\r\n\r\n".to_vec(),
    ]])
    .await;
    let token = stage.token("rootly", &upstream).await;
    let answer = stage.send(format!("GET /v1/x HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n")).await;
    assert!(
        answer.closed && answer.text() == "abcdef" && answer.header("transfer-encoding").is_none(),
        "{answer:?}"
    );
    stage.end().await;
}

/// What is held back because it may be the beginning of a key comes out at the end.
#[tokio::test]
async fn n60_a_body_that_ends_like_a_key_begins_is_whole() {
    let stage = Stage::new().await;
    for (size, cut) in [(10, 12), (100_000, 12), (100_000, 70)] {
        let body = format!("{}{}", "a".repeat(size), &ROOTLY[..cut]);
        for said in [
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
            format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ),
        ] {
            let (answer, _upstream) = through(&stage, vec![said.into_bytes()]).await;
            assert!(answer.text() == body, "{size} {cut}: {} of {} bytes", answer.body.len(), body.len());
        }
    }
    stage.end().await;
}

/// Of a short password nothing is looked for in base64 but the pair that it is in.
#[tokio::test]
async fn n60_basic_is_masked_as_it_is_placed() {
    let stage = Stage::new().await;
    let placed = STANDARD.encode("abc123:");
    let upstream = Upstream::json(&format!("{{\"authorization\":\"Basic {placed}\"}}")).await;
    let submission = keyway_core::Submission::new().with("api_key", "abc123");
    let credential = stage.registry.accept("basic", None, &submission).unwrap().credential;
    let origin = keyway_core::Origin::parse_loopback(&upstream.origin()).unwrap();
    let id = stage.connect("acme", &credential.at_origin(origin)).await;
    let token = secret(&stage.grant("acme", &id, Terms::default()).await);
    let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
    assert_eq!(answer.text(), r#"{"authorization":"Basic [redacted]"}"#);
    stage.end().await;
}
