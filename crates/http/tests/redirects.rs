//! Redirects, with a credential in either of the headers of the providers we ship: nothing arrives anywhere but at the
//! credential's own origins. The servers are real, so what is asserted is bytes that did not arrive.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use keyway_core::{Answer, MAX_HOPS, Reason, ReasonCode, Transport, VerdictKind};
use keyway_http::{Client, HttpTransport};

use common::{
    Arrived, Server, answer,
    credential::{KEY, PLACES, credential, credential_at},
    fake::{Fake, reply},
};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

fn client() -> Client {
    HttpTransport::builder().allow_loopback().build().unwrap().into()
}

/// Sends a request with everything in it that could leak.
async fn send(client: &Client, header: &str, origin: &str, method: &Method) -> Answer {
    let body = if *method == Method::POST { "canary-body" } else { "" };
    let request = Request::builder()
        .method(method)
        .uri(format!("{origin}/start?x=canary-query"))
        .header("cookie", "canary=cookie")
        .header("content-type", "text/canary")
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap();
    client.send(&credential_at(header, origin), request).await.unwrap()
}

/// A server that redirects its first path by these `Location` lines, and answers every other path.
async fn redirecting(status: u16, locations: Vec<String>) -> Server {
    Server::answering(move |arrived| {
        if !arrived.line.contains(" /start") && !arrived.line.contains(" /v1/me") {
            return answer(200, &[], "arrived");
        }
        let mut headers = vec![("set-cookie", "session=1; path=/")];
        headers.extend(locations.iter().map(|location| ("location", &**location)));
        answer(status, &headers, "redirected")
    })
    .await
}

/// Redirects to `locations`, in which `A` is the own port and `B` that of somebody else, end there.
async fn ends(locations: &[&str]) {
    let client = client();
    let other = Server::saying(answer(200, &[], "stolen")).await;
    for status in STATUSES {
        for (header, value) in PLACES {
            for method in [Method::GET, Method::POST] {
                let case = format!("{status} {header} {method} {locations:?}");
                // The own port is known only when the server runs: the location comes from the `Host` that was asked.
                let templates: Vec<String> =
                    locations.iter().map(|text| text.replace('B', &other.port().to_string())).collect();
                let server = Server::answering(move |arrived| {
                    let port = arrived.header("host")[0].rsplit(':').next().unwrap();
                    let locations: Vec<String> =
                        templates.iter().map(|text| text.replace('A', port)).collect();
                    let headers: Vec<_> =
                        locations.iter().map(|location| ("location", &**location)).collect();
                    answer(status, &headers, "redirected")
                })
                .await;
                let answer = send(&client, header, &server.origin(), &method).await;
                assert_eq!(
                    (answer.status().as_u16(), &answer.body()[..]),
                    (status, &b"redirected"[..]),
                    "{case}"
                );
                assert_eq!(server.only().header(header), [value], "{case}");
            }
        }
    }
    assert!(other.arrived().is_empty(), "{locations:?}: {:#?}", other.arrived());
}

#[tokio::test]
async fn n25_n26_to_another_host_or_port() {
    for location in [
        "http://127.0.0.1:B/x",
        "http://localhost:B/x",
        "http://sub.localhost:B/x",
        "http://127.0.0.2:B/x",
        "http://[::1]:B/x",
        // The own port under another name is another origin.
        "http://localhost:A/x",
        "http://127.0.0.2:A/x",
        "http://127.0.0.1/x",
    ] {
        ends(&[location]).await;
    }
}

#[tokio::test]
async fn n31_to_another_host_by_a_relative_reference() {
    for location in [
        "//127.0.0.1:B/x",
        "///127.0.0.1:B/x",
        "/\\127.0.0.1:B/x",
        "\\\\127.0.0.1:B/x",
        "http:\\\\127.0.0.1:B/x",
    ] {
        ends(&[location]).await;
    }
    for location in ["/\t/127.0.0.1:B/x", "//localhost:B", "http:////127.0.0.1:B/x", "http:/\\127.0.0.1:B/x"]
    {
        ends(&[location]).await;
    }
}

#[tokio::test]
async fn n31_with_user_information() {
    for location in [
        "http://user@127.0.0.1:A/x",
        "http://user:pass@127.0.0.1:A/x",
        "http://127.0.0.1:A@127.0.0.1:B/x",
        "http://127.0.0.1:A%2F@127.0.0.1:B/x",
        "//user@127.0.0.1:A/x",
    ] {
        ends(&[location]).await;
    }
}

#[tokio::test]
async fn n27_n31_to_another_scheme() {
    for location in
        ["https://127.0.0.1:A/x", "https://127.0.0.1:B/x", "ftp://127.0.0.1:B/x", "ws://127.0.0.1:A/x"]
    {
        ends(&[location]).await;
    }
    for location in [
        "file:///etc/passwd",
        "data:text/plain,x",
        "javascript:alert(1)",
        "mailto:a@b",
        "gopher://127.0.0.1:B/_x",
    ] {
        ends(&[location]).await;
    }
}

#[tokio::test]
async fn n31_with_no_usable_location() {
    ends(&[]).await;
    ends(&["/x", "/x"]).await;
    ends(&["/x", "http://127.0.0.1:B/x"]).await;
    ends(&["http://127.0.0.1:B/x", "/x"]).await;
    for location in ["http://", "http://[::1", "http://127.0.0.1:99999/", "http://a b/", "http://%/"] {
        ends(&[location]).await;
    }
}

#[tokio::test]
async fn n32_inside_the_origin_each_hop_is_authorised_anew() {
    let client = client();
    for status in STATUSES {
        for (header, value) in PLACES {
            for (method, location) in [
                (Method::GET, "/next?z=1"),
                (Method::POST, "/next?z=1"),
                (Method::GET, "next?z=1#fragment"),
                (Method::POST, "./next?z=1"),
                (Method::GET, "http://127.0.0.1:A/next?z=1"),
                (Method::GET, "HTTP://127.0.0.1:A/next?z=1"),
            ] {
                let server = Server::answering(move |arrived| {
                    let port = arrived.header("host")[0].rsplit(':').next().unwrap();
                    if arrived.line.contains("/next") {
                        return answer(200, &[], "arrived");
                    }
                    let headers =
                        [("location", &*location.replace('A', port)), ("set-cookie", "session=1; path=/")];
                    answer(status, &headers, "")
                })
                .await;
                let case = format!("{status} {header} {method} {location}");
                assert_eq!(
                    send(&client, header, &server.origin(), &method).await.body(),
                    "arrived",
                    "{case}"
                );
                let [_, next]: [Arrived; 2] = server.arrived().try_into().unwrap();

                let kept = method == Method::GET || matches!(status, 307 | 308);
                let line = format!("{} /next?z=1 HTTP/1.1", if kept { &method } else { &Method::GET });
                assert_eq!(next.line, line, "{case}");
                assert_eq!(next.header(header), [value], "{case}");
                let body = if kept && method == Method::POST { "canary-body" } else { "" };
                assert_eq!(next.body, body, "{case}");
                assert_eq!(next.header("content-type").is_empty(), !kept, "{case}");
                assert!(next.header("cookie").is_empty(), "{case}");
                assert!(next.header("referer").is_empty(), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn n31_there_are_at_most_ten_hops() {
    let client = client();
    for (header, value) in PLACES {
        for (last, expected) in [(MAX_HOPS, 200), (MAX_HOPS + 1, 302)] {
            let server = Server::answering(move |arrived| {
                let hop: usize =
                    arrived.line.split(['/', ' ']).find_map(|part| part.parse().ok()).unwrap_or(0);
                if hop == last {
                    answer(200, &[], "")
                } else {
                    answer(302, &[("location", &format!("/{}", hop + 1))], "")
                }
            })
            .await;
            assert_eq!(send(&client, header, &server.origin(), &Method::GET).await.status(), expected);
            let arrived = server.arrived();
            assert_eq!(arrived.len(), MAX_HOPS + 1);
            assert!(arrived.iter().all(|request| request.header(header) == [value]));
        }
        // Loops of one and of two.
        for paths in [["/start", "/start"], ["/a", "/b"]] {
            let server = Server::answering(move |arrived| {
                let next = if arrived.line.contains(paths[0]) { paths[1] } else { paths[0] };
                answer(302, &[("location", next)], "")
            })
            .await;
            assert_eq!(send(&client, header, &server.origin(), &Method::GET).await.status(), 302);
            assert!(server.arrived().len() <= MAX_HOPS + 1);
        }
    }
}

#[tokio::test]
async fn n29_a_hop_inside_may_be_followed_by_one_that_leaves() {
    let client = client();
    let other = Server::saying(answer(200, &[], "stolen")).await;
    for (header, value) in PLACES {
        let away = format!("{}/x", other.origin());
        let server = Server::answering(move |arrived| {
            let next = if arrived.line.contains("/start") { "/second" } else { &*away };
            answer(307, &[("location", next)], "")
        })
        .await;
        assert_eq!(send(&client, header, &server.origin(), &Method::POST).await.status(), 307);
        assert_eq!(server.arrived().len(), 2);
        assert!(server.arrived().iter().all(|request| request.header(header) == [value]));
    }
    assert!(other.arrived().is_empty());
}

#[tokio::test]
async fn a_check_that_is_led_away_is_unknown() {
    let client = client();
    let other =
        Server::saying(answer(200, &[("content-type", "application/json")], r#"{"id": "stolen"}"#)).await;
    for status in STATUSES {
        for (header, value) in PLACES {
            let server = redirecting(status, vec![format!("{}/login", other.origin())]).await;
            let verdict = client.check(&credential_at(header, &server.origin())).await;
            assert_eq!(verdict.kind(), VerdictKind::Unknown, "{status} {header}");
            assert_eq!(
                verdict.reason().map(Reason::code),
                Some(ReasonCode::RedirectLeaves),
                "{status} {header}"
            );
            assert_eq!(server.only().header(header), [value]);
        }
    }
    assert!(other.arrived().is_empty());
}

/// Sends to `https://api.test.example/start` through a transport that redirects as `hops` says, and gives back the URIs
/// that were asked.
async fn asked(
    header: &'static str,
    value: &str,
    status: u16,
    hops: &'static [(&'static str, &'static str)],
) -> Vec<String> {
    let transport = Fake::new(move |_, request| {
        let asked = request.uri().to_string();
        let location = hops.iter().find(|(from, _)| **from == asked);
        Ok(match location {
            Some((_, to)) => reply(status, &[("location", to)], ""),
            None => reply(200, &[], ""),
        })
    });
    let client = Client::over(Arc::clone(&transport) as Arc<dyn Transport>);
    let request =
        Request::post("https://api.test.example/start").body(Bytes::from_static(b"canary-body")).unwrap();
    client.send(&credential(header), request).await.unwrap();
    let sent = transport.sent();
    for request in &sent {
        assert_eq!(request.headers().get_all(header).iter().collect::<Vec<_>>(), [value]);
        assert!(request.headers()[header].is_sensitive());
        assert!(!request.uri().to_string().contains(KEY));
    }
    sent.iter().map(|request| request.uri().to_string()).collect()
}

#[tokio::test]
async fn n28_to_n30_from_host_to_host() {
    const START: &str = "https://api.test.example/start";
    for status in STATUSES {
        for (header, value) in PLACES {
            for (hops, expected) in [
                // Into the other origin of the credential, and on there: each hop is authorised anew.
                (
                    &[(START, "https://files.test.example/b"), ("https://files.test.example/b", "/c")]
                        as &[_],
                    &[START, "https://files.test.example/b", "https://files.test.example/c"] as &[_],
                ),
                (
                    &[
                        (START, "https://files.test.example/b"),
                        ("https://files.test.example/b", "https://api.test.example/a"),
                    ],
                    &[START, "https://files.test.example/b", "https://api.test.example/a"],
                ),
                (&[(START, "https://API.test.example:443/a")], &[START, "https://api.test.example/a"]),
                // Out of the other origin.
                (
                    &[
                        (START, "https://files.test.example/b"),
                        ("https://files.test.example/b", "https://evil.example/c"),
                    ],
                    &[START, "https://files.test.example/b"],
                ),
                // Another host, and back: nobody is asked who could send us back.
                (&[(START, "https://evil.example/b"), ("https://evil.example/b", START)], &[START]),
                // Another port, scheme, a name above, below or beside the own one.
                (&[(START, "https://api.test.example:8443/")], &[START]),
                (&[(START, "http://api.test.example/start")], &[START]),
                (&[(START, "http://api.test.example:443/start")], &[START]),
                (&[(START, "https://test.example/")], &[START]),
                (&[(START, "https://x.api.test.example/")], &[START]),
                (&[(START, "https://evilapi.test.example/")], &[START]),
                (&[(START, "https://api.test.example.evil.example/")], &[START]),
                (&[(START, "https://api.test.example./")], &[START]),
                (&[(START, "https://api.test.example@evil.example/")], &[START]),
                (&[(START, "https://api.test.example%2F@evil.example/")], &[START]),
                (&[(START, "https://api.test.example%2Fevil.example/")], &[START]),
                (&[(START, "//evil.example/")], &[START]),
                (&[(START, "\\\\evil.example/")], &[START]),
            ] {
                assert_eq!(asked(header, value, status, hops).await, expected, "{status} {header}");
            }
        }
    }
}
