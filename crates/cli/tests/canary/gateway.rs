//! The gateway: requests with a grant for a made-up key, and requests with the key where it does not belong.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    server::answer,
    situations::{Circumstance, Sent, Situation, written},
    story::{made, run},
    subject::Subject,
};

/// A vault with a grant in it, and the gateway over it, which is asked and answered in all ways.
pub(crate) fn through(subject: &Subject) -> Vec<Situation> {
    let every: Vec<String> = subject.secrets().flat_map(written).collect();
    let lines: Vec<String> =
        every.iter().enumerate().map(|(index, text)| format!("x-{index}: {text}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let echo = |status: &str| answer(status, &lines, every.join("\n").as_bytes());
    let [good, none] = [granted, astray].map(|requests| requests(subject));
    let served = |requests: &[Vec<u8>]| {
        run(&["serve"])
            .under(Circumstance::Gateway(requests.to_vec()))
            .where_("KEYWAY_LISTEN", "127.0.0.1:0")
            .where_("KEYWAY_CONTROL", "127.0.0.1:0")
            .where_("KEYWAY_CONNECT_LISTEN", "none")
            .where_("KEYWAY_UPSTREAM_ALLOW_LOOPBACK", "true")
            .where_("KEYWAY_LOG_REQUESTS", "true")
            .where_("KEYWAY_LOG_LEVEL", "trace")
    };
    let there: &[&str] = &["location: {elsewhere}/stolen"];
    let garbled = format!("HTTP/1.1 {}\r\n\r\n", subject.secret()).into_bytes();
    let mut all = made(subject);
    all.extend([
        run(&["serve", "--check"]),
        served(&none).called("nobody is let in"),
        served(&good).called("echo 200").answering([echo("200 OK")]).sending(Sent::EachTime),
        served(&good).called("echo 404").answering([echo("404 No")]).sending(Sent::EachTime),
        served(&good).called("led away").answering([answer("302 There", there, b"")]).sending(Sent::EachTime),
        served(&good).called("no HTTP").answering([garbled]).sending(Sent::EachTime),
        served(&good).called("no answer").answering([Vec::new()]).sending(Sent::EachTime),
        served(&good)
            .called("strictly")
            .where_("KEYWAY_AUDIT", "strict")
            .where_("KEYWAY_LOG_FORMAT", "json")
            .answering([echo("200 OK")])
            .sending(Sent::EachTime),
        // Then it is checked, and may need a new key.
        served(&good).called("echo 401").answering([echo("401 No")]).sending(Sent::EachTime),
        run(&["audit"]),
        run(&["vault", "verify"]),
    ]);
    all.into_iter().map(|one| one.told_of(subject, "gateway")).collect()
}

fn request(line: &str, more: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n").into_bytes()
}

/// Requests that are sent on.
fn granted(subject: &Subject) -> Vec<Vec<u8>> {
    let grant = "keyway-grant: {token}\r\n";
    let mut all = vec![
        request("GET /c/{connection}/x/y?z=1", grant),
        request("HEAD /c/{connection}/x", grant),
        [request("POST /c/{connection}/x", &format!("{grant}content-length: 4\r\n")), b"body".to_vec()]
            .concat(),
    ];
    // As a client of the provider does.
    match subject.header() {
        Some("authorization") => all.push(request("GET /x", "authorization: Bearer {token}\r\n")),
        Some(name) => all.push(request("GET /x", &format!("{name}: {{token}}\r\n"))),
        None => {}
    }
    all
}

/// Requests with the key itself, or with no grant that there is: nothing is sent.
fn astray(subject: &Subject) -> Vec<Vec<u8>> {
    let secret = subject.secret();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
    let name = subject.header().unwrap_or("x-key");
    vec![
        request("GET /x", ""),
        request("GET /x", &format!("authorization: Bearer {secret}\r\n")),
        request("GET /x", &format!("{name}: {secret}\r\n")),
        request("GET /x", &format!("keyway-grant: {secret}\r\n")),
        request("GET /x", &format!("cookie: session={secret}\r\n")),
        request(&format!("GET /{percent}?k={percent}"), ""),
        request(&format!("GET /c/{percent}/x"), ""),
        request(&format!("GET /@{percent}/x"), ""),
        request(&format!("{percent} /x"), ""),
        [request("POST /x", &format!("content-length: {}\r\n", secret.len())), secret.as_bytes().to_vec()]
            .concat(),
        format!("{secret}\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\n{secret}\r\n\r\n").into_bytes(),
        // As a provider's keys and ours begin.
        request("GET /x", &format!("keyway-grant: kwg_{secret}\r\n")),
    ]
}
