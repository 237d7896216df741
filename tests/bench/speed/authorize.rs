//! Authorising in place, beside the same work by hand and beside reqsign.

use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};
use keyway_core::{BodyAccess, Credential, Registry, Submission};

use crate::{
    by_hand::{self, Rally, Rootly},
    race::{Contender, SHORT, race},
    reqsign,
    table::{Limit, Row},
};

pub(crate) const ROOTLY_KEY: &str = "rootly_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const RALLY_KEY: &str = "_madeUpGood00000000000000000000000000000000";

/// What every caller sends, and no method cares about.
const USUAL: [&str; 3] = ["user-agent", "accept-encoding", "accept-language"];

/// What every method removes or replaces.
const CONCERNED: [&str; 6] =
    ["authorization", "proxy-authorization", "host", "cookie", "accept", "content-type"];

/// The same for Rally, with what it sets where it is missing.
const CONCERNED_RALLY: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "host",
    "cookie",
    "accept",
    "content-type",
    "zsessionid",
    "x-rallyintegrationname",
    "x-rallyintegrationvendor",
    "x-rallyintegrationversion",
];

/// A request's head, whose map has room for whatever is set.
fn head(uri: &str, names: &[&'static str]) -> Parts {
    let mut headers = HeaderMap::with_capacity(24);
    for name in USUAL.iter().chain(names) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("*/*"));
    }
    let mut parts = bare_head(uri);
    parts.headers = headers;
    parts
}

/// A request's head, whose map has nothing, and no room.
fn bare_head(uri: &str) -> Parts {
    Request::get(uri).body(()).expect("a URI").into_parts().0
}

fn credential(registry: &Registry, provider: &str, method: &str, values: &[(&str, &str)]) -> Credential {
    let submission = values.iter().fold(Submission::new(), |all, (field, value)| all.with(*field, *value));
    registry.accept(provider, Some(method), &submission).expect("values of the usual form").credential
}

fn authorize(credential: &Credential, parts: &mut Parts) {
    credential.authorize(parts, BodyAccess::Empty).expect("the request goes to the credential's origin");
}

/// The rows of one provider.
fn rows_of(
    name: &str,
    credential: &Credential,
    uri: &str,
    concerned: &[&'static str],
    by_hand: impl Fn(&mut Parts) -> Result<(), by_hand::Elsewhere>,
    key: (&HeaderName, &HeaderValue),
) -> Vec<Row> {
    let signer = reqsign::signer();
    let host = bare_head(uri).uri.host().expect("an absolute URI").to_owned();
    let none = || head(uri, &[]);
    let all = || head(uri, concerned);
    let nothing = || bare_head(uri);
    let mut rows = Vec::new();
    let requests: [(&str, &dyn Fn() -> Parts); 3] =
        [("caller sends none", &none), ("caller sends all", &all), ("empty map", &nothing)];
    for (what, request) in requests {
        let (mut ours, mut hands) = (request(), request());
        authorize(credential, &mut ours);
        by_hand(&mut hands).expect("it goes where it should");
        assert_eq!(ours.headers, hands.headers, "both do the same");
        let race = race(
            SHORT,
            request,
            &[
                Contender::new(|parts| authorize(credential, parts)),
                Contender::new(|parts| by_hand(parts).expect("it goes where it should")),
                Contender::new(|parts: &mut Parts| parts.headers.insert(key.0, key.1.clone())),
                Contender::new(|parts| {
                    by_hand::key_alone(parts, &host, key).expect("it goes where it should");
                }),
                Contender::new(|parts| reqsign::sign(&signer, parts)),
            ],
        );
        let row = || Row::new(format!("authorise, {name}, {what}"), race.time(0), race.allocations(0));
        let beside = |row: Row, name, which| row.beside(name, race.time(which), race.allocations(which));
        rows.push(
            beside(row(), "by hand", 1).limit(Limit::LongerInPlace { ratio: race.ratio(0, 1), most: 1.5 }),
        );
        rows.push(
            beside(row(), "reqsign, one header", 4)
                .limit(Limit::Faster { ratio: race.ratio(4, 0), least: 5.0 }),
        );
        rows.push(beside(row(), "the key alone by hand", 3).limit(Limit::Ratio(race.ratio(0, 3))));
        rows.push(beside(row(), "its bare insertion", 2));
    }
    rows
}

pub(crate) fn rows() -> Vec<Row> {
    let registry = Registry::linked().expect("the built-in providers are sound");
    let by_hand = Rootly::new(ROOTLY_KEY);
    let mut rows = rows_of(
        "Rootly",
        &credential(&registry, "rootly", "api_key", &[("api_key", ROOTLY_KEY)]),
        "https://api.rootly.com/v1/incidents?page=1",
        &CONCERNED,
        |parts| by_hand.authorize(parts),
        (&header::AUTHORIZATION, &by_hand.key),
    );
    let by_hand = Rally::new(RALLY_KEY);
    rows.extend(rows_of(
        "Rally",
        &credential(&registry, "rally", "api_key", &[("api_key", RALLY_KEY)]),
        "https://rally1.rallydev.com/slm/webservice/v2.0/defect?fetch=Name&pagesize=20",
        &CONCERNED_RALLY,
        |parts| by_hand.authorize(parts),
        (&by_hand.header, &by_hand.key),
    ));
    rows.extend(other_places());
    rows
}

/// The placements that neither Rootly nor Rally uses, for comparison.
fn other_places() -> Vec<Row> {
    let acme = include_str!("../../../crates/core/tests/providers/acme.yaml");
    let registry = Registry::from_descriptors([("acme.yaml", acme)]).expect("a descriptor of core's tests");
    let basic =
        credential(&registry, "acme", "basic", &[("site", "a"), ("user", "u"), ("password", "made up")]);
    let cookie = credential(&registry, "acme", "cookie", &[("site", "a"), ("session", "made-up")]);
    let query =
        credential(&registry, "acme", "query", &[("site", "a"), ("key", "made-up"), ("sign", "made up")]);
    let request = || head("https://a.acme.example/v1/things?page=2", &[]);
    let race = race(
        SHORT,
        request,
        &[
            Contender::new(|parts| authorize(&basic, parts)),
            Contender::new(|parts| authorize(&cookie, parts)),
            Contender::new(|parts| authorize(&query, parts)),
            Contender::new(|parts| by_hand::add_to_query(parts, "api_key=made-up&sign=v1%20made%20up")),
        ],
    );
    let row = |what: &str, which| Row::new(what, race.time(which), race.allocations(which));
    vec![
        row("authorise, HTTP Basic", 0),
        row("authorise, a cookie", 1),
        row("authorise, two query parameters", 2).beside(
            "the new URI by hand",
            race.time(3),
            race.allocations(3),
        ),
    ]
}
