//! What the gateway does with a request and an answer by itself, without any socket.

use std::{sync::Arc, time::Instant};

use http::{Request, uri::PathAndQuery};
use keyway_core::{Bytes, Mask, MaskStream, Origin, Registry, Submission};
use keyway_hub::Gateway;
use keyway_vault::{Actor, Database, KeyFile, New, Tenant, Terms, Vault};

use crate::KEY;

/// How often each is done, and how often that is measured: the best of them counts.
const TIMES: u32 = 200_000;
const ROUNDS: u32 = 7;

/// Prints nanoseconds for each.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
        let store = store.parse::<Database>().unwrap().create().await.unwrap();
        let key = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
        let actor = Actor::parse("bench").unwrap();
        let vault = Vault::init(store, key, &actor).await.unwrap();
        let registry = Arc::new(Registry::linked().unwrap());
        let accepted = registry.accept("rootly", None, &Submission::new().with("api_key", KEY)).unwrap();
        let origin = Origin::parse_loopback("http://127.0.0.1:1").unwrap();
        let credential = accepted.credential.at_origin(origin);
        let scope = vault.tenant(&Tenant::parse("acme").unwrap(), &actor);
        let connection = scope.save(New::connection(&credential)).await.unwrap().connection.id;
        let grant = scope.grant(&connection, Terms::default()).await.unwrap();
        let gateway = Gateway::builder(vault, registry).open().await.unwrap();

        let target = PathAndQuery::from_static("/v1/incidents?page[size]=10");
        let bearer = format!("Bearer {}", grant.token.expose());
        let request = Request::builder()
            .header("host", "gateway.example")
            .header("user-agent", "made-up/1.0")
            .header("accept", "*/*")
            .header("authorization", bearer);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let copied = best(|| drop(std::hint::black_box(parts.clone())));
        let mut fastest = f64::MAX;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            for _ in 0..TIMES {
                assert!(gateway.__decide(&mut parts.clone(), &target).await);
            }
            fastest = fastest.min(per(began));
        }
        println!(
            "the decision, from headers to a request with its credential   {:>6.0} ns",
            fastest - copied
        );
        println!(
            "answer of 1 KiB JSON, masked                                  {:>6.0} ns",
            mask(credential.mask())
        );
        gateway.close().await.unwrap();
    });
}

fn mask(mask: Mask) -> f64 {
    // The mask is made once, for a grant; what is made for an answer is the stream.
    let mask = Arc::new(mask);
    let line =
        r#"{"id":"4711","title":"It \"broke\"","url":"https:\/\/api.example.com\/v1\/x?a=b&c=%20d","n":1},"#;
    let body = Bytes::from(line.repeat(11));
    let mut out = Vec::with_capacity(4);
    best(|| {
        let mut stream = MaskStream::new(Arc::clone(&mask));
        stream.push(body.clone(), &mut out);
        stream.finish(&mut out);
        out.clear();
    })
}

fn best(mut what: impl FnMut()) -> f64 {
    let mut fastest = f64::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        (0..TIMES).for_each(|_| what());
        fastest = fastest.min(per(began));
    }
    fastest
}

fn per(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}
