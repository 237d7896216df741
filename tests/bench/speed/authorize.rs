//! Authorising in place, beside the same work by hand and beside reqsign.

use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};
use keyway_core::{BodyAccess, Credential, Registry, Submission};

use crate::{
    by_hand::{Rally, Rootly},
    race::{Contender, SHORT, race},
    reqsign,
};

pub(crate) const ROOTLY_KEY: &str = "rootly_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const RALLY_KEY: &str = "_madeUpGood00000000000000000000000000000000";

/// What every caller sends.
const USUAL: [(HeaderName, &str); 3] =
    [(header::USER_AGENT, "bench"), (header::ACCEPT_ENCODING, "identity"), (header::ACCEPT_LANGUAGE, "en")];

fn head(uri: &str, more: &[(&'static str, &'static str)], room: usize) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri.parse().expect("a URI");
    let mut headers = HeaderMap::with_capacity(room);
    if room > 0 {
        for (name, value) in USUAL {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    for (name, value) in more {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    parts.headers = headers;
    parts
}

const ALL: &[(&str, &str)] = &[
    ("authorization", "Bearer of-the-caller"),
    ("proxy-authorization", "Basic b2Y6Y2FsbGVy"),
    ("host", "api.example"),
    ("cookie", "session=1"),
    ("accept", "*/*"),
    ("content-type", "text/plain"),
];

const ALL_RALLY: &[(&str, &str)] = &[
    ("authorization", "Bearer of-the-caller"),
    ("proxy-authorization", "Basic b2Y6Y2FsbGVy"),
    ("host", "api.example"),
    ("cookie", "session=1"),
    ("accept", "*/*"),
    ("content-type", "text/plain"),
    ("zsessionid", "of-the-caller"),
    ("x-rallyintegrationname", "caller"),
    ("x-rallyintegrationvendor", "caller"),
    ("x-rallyintegrationversion", "1"),
];

pub(crate) fn rows() {
    let registry = Registry::linked().expect("the built-in providers are sound");
    let accept = |provider: &str, key: &str| -> Credential {
        let submission = Submission::new().with("api_key", key);
        registry.accept(provider, None, &submission).expect("a key of the usual form").credential
    };
    let rootly = accept("rootly", ROOTLY_KEY);
    let rally = accept("rally", RALLY_KEY);
    let rootly_hand = Rootly::new(ROOTLY_KEY);
    let rally_hand = Rally::new(RALLY_KEY);
    let signer = reqsign::google();
    let azure = reqsign::azure();
    let rootly_uri = "https://api.rootly.com/v1/incidents?page=1";
    let rally_uri = "https://rally1.rallydev.com/slm/webservice/v2.0/defect?fetch=Name&pagesize=20";

    for (name, more, room) in [("none", &[][..], 32), ("all", ALL, 32), ("empty map", &[], 0)] {
        let race = race(
            SHORT,
            || head(rootly_uri, more, room),
            &[
                Contender::new(|parts| rootly.authorize(parts, BodyAccess::Empty)),
                Contender::new(|parts| rootly_hand.authorize(parts)),
                Contender::new(|parts| rootly_hand.bare(parts)),
                Contender::new(|parts: &mut Parts| {
                    parts.headers.insert(header::AUTHORIZATION, rootly_hand.key.clone())
                }),
                Contender::new(|parts| reqsign::sign(&signer, parts)),
                Contender::new(|parts| reqsign::sign_azure(&azure, parts)),
            ],
        );
        println!(
            "rootly {name}: ours {:.0} hand {:.0} bare {:.0} insert {:.0} google {:.0} azure {:.0}; ratio {:.2} bare {:.2} reqsign {:.2} allocs {:?}",
            race.time(0),
            race.time(1),
            race.time(2),
            race.time(3),
            race.time(4),
            race.time(5),
            race.ratio(0, 1),
            race.ratio(0, 2),
            race.ratio(4, 0),
            (0..6).map(|i| race.allocations(i)).collect::<Vec<_>>()
        );
    }
    for (name, more, room) in [("none", &[][..], 32), ("all", ALL_RALLY, 32), ("empty map", &[], 0)] {
        let race = race(
            SHORT,
            || head(rally_uri, more, room),
            &[
                Contender::new(|parts| rally.authorize(parts, BodyAccess::Empty)),
                Contender::new(|parts| rally_hand.authorize(parts)),
                Contender::new(|parts| rally_hand.bare(parts)),
                Contender::new(|parts: &mut Parts| {
                    parts.headers.insert(&rally_hand.header, rally_hand.key.clone())
                }),
                Contender::new(|parts| reqsign::sign(&signer, parts)),
            ],
        );
        println!(
            "rally {name}: ours {:.0} hand {:.0} bare {:.0} insert {:.0} google {:.0}; ratio {:.2} bare {:.2} reqsign {:.2} allocs {:?}",
            race.time(0),
            race.time(1),
            race.time(2),
            race.time(3),
            race.time(4),
            race.ratio(0, 1),
            race.ratio(0, 2),
            race.ratio(4, 0),
            (0..5).map(|i| race.allocations(i)).collect::<Vec<_>>()
        );
    }
}
pub(crate) fn exp() {
    let rally_uri = "https://rally1.rallydev.com/slm/webservice/v2.0/defect?fetch=Name&pagesize=20";
    let shared: Vec<(HeaderName, HeaderValue)> =
        ["zsessionid", "x-rallyintegrationname", "x-rallyintegrationvendor", "x-rallyintegrationversion"]
            .iter()
            .map(|n| {
                let n: HeaderName = n.parse().unwrap();
                drop(n.clone());
                let v: HeaderValue = "Keyway".parse().unwrap();
                drop(v.clone());
                (n, v)
            })
            .collect();
    let statics: Vec<(HeaderName, HeaderValue)> =
        ["zsessionid", "x-rallyintegrationname", "x-rallyintegrationvendor", "x-rallyintegrationversion"]
            .iter()
            .map(|n| (HeaderName::from_static(n), HeaderValue::from_static("Keyway")))
            .collect();
    let race = race(
        SHORT,
        || head(rally_uri, &[], 32),
        &[
            Contender::new(|parts: &mut Parts| {
                for (n, v) in &shared {
                    parts.headers.insert(n, v.clone());
                }
            }),
            Contender::new(|parts: &mut Parts| {
                for (n, v) in &statics {
                    parts.headers.insert(n, v.clone());
                }
            }),
            Contender::new(|parts: &mut Parts| {
                for (n, v) in &shared {
                    parts.headers.append(n, v.clone());
                }
            }),
            Contender::new(|parts: &mut Parts| {
                for (n, v) in &shared {
                    parts.headers.insert(n.clone(), v.clone());
                }
            }),
            Contender::new(|parts: &mut Parts| {
                for (n, _) in &shared {
                    parts.headers.contains_key(n);
                }
            }),
            Contender::new(|_: &mut Parts| {
                for (n, v) in &shared {
                    std::hint::black_box((n.clone(), v.clone()));
                }
            }),
            Contender::new(|_: &mut Parts| ()),
        ],
    );
    println!("{:?}", (0..7).map(|i| race.time(i)).collect::<Vec<_>>());
}
