//! What a gateway refuses by itself: what changed in the vault, what it cannot know, what it may not ask.

use std::{sync::Arc, time::Duration};

use keyway_core::Registry;
use keyway_http::Dialer;
use keyway_hub::Gateway;
use keyway_vault::{Database, KeyFile, Rate, Status, Terms, Vault};

use crate::stage::{PATIENCE, Stage, Upstream, actor, ok, secret, tenant};

#[tokio::test]
async fn a_revoked_grant_is_refused_from_the_next_request_on() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let id = stage.connect("acme", &stage.credential("rootly", &upstream.origin())).await;
    let scope = stage.vault.tenant(&tenant("acme"), &actor());
    for round in 0..20 {
        let grant = scope.grant(&id, Terms::default()).await.unwrap();
        let header = format!("authorization: Bearer {}\r\n", secret(&grant));
        assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
        scope.revoke(&grant.grant.id).await.unwrap();
        let answer = stage.get("/v1/x", &header).await;
        assert_eq!((answer.status(), answer.problem()), (401, "grant-revoked"), "{round}");
    }
    let grant = scope.grant(&id, Terms::default()).await.unwrap();
    let header = format!("authorization: Bearer {}\r\n", secret(&grant));
    assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
    scope.remove(&id).await.unwrap();
    assert_eq!(stage.get("/v1/x", &header).await.problem(), "grant-unknown");
    assert_eq!(upstream.requests().len(), 21);
    stage.end().await;
}

#[tokio::test]
async fn a_grant_that_another_process_revokes_is_refused_within_a_second() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let id = stage.connect("acme", &stage.credential("rootly", &upstream.origin())).await;
    // Another vault over the same database knows nothing of this one.
    let path = stage.folder.path();
    let store = format!("sqlite:{}", path.join("keyway.db").display()).parse::<Database>().unwrap();
    let key = Arc::new(KeyFile::at(path.join("master.key")));
    let other = Vault::open(store.open().await.unwrap(), key).await.unwrap();
    let mut took = Vec::new();
    // A busy machine may be late now and then: one that does not follow is late each time.
    while took.last().is_none_or(|took| *took >= Duration::from_secs(1)) {
        assert!(took.len() < 5, "it took {took:?}");
        let grant = stage.grant("acme", &id, Terms::default()).await;
        let header = format!("authorization: Bearer {}\r\n", secret(&grant));
        assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
        other.tenant(&tenant("acme"), &actor()).revoke(&grant.grant.id).await.unwrap();
        let revoked = std::time::Instant::now();
        while stage.get("/v1/x", &header).await.status() == 200 {
            assert!(revoked.elapsed() < Duration::from_secs(20), "it is revoked, and still good");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        took.push(revoked.elapsed());
    }
    stage.end().await;
}

#[tokio::test]
async fn what_a_grant_does_not_allow_is_not_sent() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let id = stage.connect("acme", &stage.credential("rootly", &upstream.origin())).await;
    let now = std::time::SystemTime::now();
    let path = |text: &str| keyway_vault::PathPattern::parse(text).unwrap();
    let terms =
        Terms::builder().methods([http::Method::GET]).path(path("/v1/incidents/**")).build(now).unwrap();
    let narrow = secret(&stage.grant("acme", &id, terms).await);
    for (method, path, expected) in [
        ("GET", "/v1/incidents/1?x=y", None),
        ("POST", "/v1/incidents/1", Some((403, "grant-method"))),
        ("DELETE", "/v1/incidents/1", Some((403, "grant-method"))),
        ("GET", "/v1/teams", Some((403, "grant-path"))),
        ("GET", "/v1/incidents%2f1", Some((403, "grant-path"))),
        ("GET", "/v1/incidents/../teams", Some((400, "path-ambiguous"))),
        ("GET", "/v1/incidents/%2e%2e/teams", Some((400, "path-ambiguous"))),
    ] {
        let before = upstream.requests().len();
        let answer = stage
            .send(format!("{method} {path} HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {narrow}\r\ncontent-length: 0\r\n\r\n"))
            .await;
        let problem = answer.header("keyway-problem").map(|problem| (answer.status(), problem));
        assert_eq!(problem, expected, "{method} {path}");
        assert_eq!(upstream.requests().len(), before + usize::from(expected.is_none()), "{method} {path}");
    }
    // Two in an hour, and then none for half of it.
    let rate = Rate { requests: 2, per: Duration::from_secs(3600) };
    let slow = secret(&stage.grant("acme", &id, Terms::builder().rate(rate).build(now).unwrap()).await);
    let header = format!("authorization: Bearer {slow}\r\n");
    for expected in [200, 200, 429, 429] {
        assert_eq!(stage.get("/v1/incidents", &header).await.status(), expected);
    }
    // A change elsewhere in the vault does not begin it anew.
    stage.grant("acme", &id, Terms::default()).await;
    let answer = stage.get("/v1/incidents", &header).await;
    assert_eq!((answer.status(), answer.problem()), (429, "grant-rate"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&wait), "{wait}");
    let soon = now + Duration::from_millis(300);
    let short =
        secret(&stage.grant("acme", &id, Terms::builder().expires_at(soon).build(now).unwrap()).await);
    let header = format!("authorization: Bearer {short}\r\n");
    let expired = async {
        while stage.get("/v1/incidents", &header).await.status() == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, expired).await.unwrap();
    assert_eq!(stage.get("/v1/incidents", &header).await.problem(), "grant-expired");
    stage.end().await;
}

#[tokio::test]
async fn n58_while_the_store_is_down_nothing_is_sent() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let (id, token) = stage.ready("rootly", &upstream).await;
    let fresh = secret(&stage.grant("acme", &id, Terms::default()).await);
    let header = format!("authorization: Bearer {token}\r\n");
    assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
    assert!(stage.gateway.is_ready());
    stage.vault.clone().close().await;
    // What was not read before is refused at once, and what was, as soon as nobody can say that it still holds.
    let answer = stage.get("/v1/x", &format!("authorization: Bearer {fresh}\r\n")).await;
    assert_eq!((answer.status(), answer.problem()), (503, "store-unavailable"));
    let denied = async {
        while stage.get("/v1/x", &header).await.status() == 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, denied).await.expect("it is denied");
    assert_eq!(stage.get("/v1/x", &header).await.problem(), "store-unavailable");
    assert!(!stage.gateway.is_ready());
}

#[tokio::test]
async fn n59_a_credential_that_cannot_be_opened_is_never_sent_bare() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("query", &upstream).await;
    // A gateway that does not know the provider any more.
    let registry = Arc::new(Registry::linked().unwrap());
    let gateway = Gateway::builder(stage.vault.clone(), registry)
        .dialer(Dialer::builder().allow_loopback().build().unwrap())
        .open()
        .await
        .unwrap();
    let listener =
        keyway_hub::Listener::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), None).unwrap();
    let address = listener.address().unwrap();
    let (worker, stop) = (gateway.worker(), keyway_hub::Stop::new());
    let asked = stop.clone();
    let serving = tokio::spawn(async move { worker.serve(listener, asked).await.unwrap() });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let text = format!("GET /me HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.unwrap();
    let answer = crate::stage::answer(&mut stream).await;
    assert_eq!((answer.status(), answer.problem()), (502, "connection-unusable"));
    assert_eq!(upstream.requests(), [""; 0]);
    stop.ask();
    serving.await.unwrap();
    gateway.close().await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn i1_addresses_of_this_machine_are_refused_unless_it_is_said() {
    let stage = Stage::with(|builder| builder.dialer(Dialer::builder().build().unwrap()), None).await;
    let upstream = Upstream::json("{}").await;
    let localhost = format!("http://localhost:{}", upstream.address.port());
    for origin in
        [upstream.origin(), localhost, "https://169.254.169.254".to_owned(), "https://[::1]:8443".to_owned()]
    {
        let id = stage.connect("acme", &stage.credential("rootly", &origin)).await;
        let token = secret(&stage.grant("acme", &id, Terms::default()).await);
        let answer = stage.get("/latest/meta-data", &format!("authorization: Bearer {token}\r\n")).await;
        assert_eq!((answer.status(), answer.problem()), (502, "provider-address"), "{origin}");
    }
    assert_eq!(*upstream.connections.lock().unwrap(), 0);
    stage.end().await;
}

#[tokio::test]
async fn i1_another_host_in_the_path_is_one_of_the_credentials_or_a_part_of_the_path() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("also", &upstream).await;
    let header = format!("x-api-key: {token}\r\n");
    for path in ["/@evil.example/v1", "/@files.acme.example/v1", "/@/v1", "/@user"] {
        assert_eq!(stage.get(path, &header).await.status(), 200);
        let requests = upstream.requests();
        assert!(requests.last().unwrap().starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}");
    }
    let own = format!("/@{}/v1/x", upstream.address);
    assert_eq!(stage.get(&own, &header).await.status(), 200);
    assert!(upstream.requests().last().unwrap().starts_with("GET /v1/x HTTP/1.1\r\n"));
    stage.end().await;
}

#[tokio::test]
async fn a_refusal_leads_to_one_check_and_its_verdict_counts() {
    let stage = Stage::new().await;
    // 401 to the client's requests and to the check: the key is bad.
    let refusal =
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let bad = Upstream::saying(&[refusal]).await;
    let (id, token) = stage.ready("rootly", &bad).await;
    let header = format!("authorization: Bearer {token}\r\n");
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (address, header) = (stage.address, header.clone());
        asking.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let text = format!("GET /v1/incidents HTTP/1.1\r\nhost: gw\r\n{header}\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.unwrap();
            crate::stage::answer(&mut stream).await.status()
        });
    }
    assert_eq!(asking.join_all().await, [401; 10], "the provider's own answer is the client's");
    let scope = stage.vault.tenant(&tenant("acme"), &actor());
    let marked = async {
        while scope.get(&id).await.unwrap().status != Status::NeedsKey {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, marked).await.unwrap();
    let checks = bad.requests().iter().filter(|request| request.starts_with("GET /v1/users/me ")).count();
    assert_eq!(checks, 1);

    // 401 for one thing alone: the check finds the key good, and nothing changes.
    let good = r#"{"data":{"id":"1","type":"users","attributes":{"email":"ada@example.com"}}}"#;
    let upstream = Upstream::saying(&[refusal, &ok(good)]).await;
    let (id, token) = stage.ready("rootly", &upstream).await;
    let answer = stage.get("/v1/incidents", &format!("authorization: Bearer {token}\r\n")).await;
    assert_eq!(answer.status(), 401);
    let checked = async {
        while scope.get(&id).await.unwrap().checked_at.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, checked).await.unwrap();
    assert_eq!(scope.get(&id).await.unwrap().status, Status::Active);
    stage.end().await;
}

#[tokio::test]
async fn the_providers_own_limit_is_obeyed_for_its_connection() {
    let stage = Stage::new().await;
    let said =
        "HTTP/1.1 200 OK\r\nx-limit: 100\r\nx-remaining: 0\r\nx-reset: 60\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::saying(&[said]).await;
    let (id, token) = stage.ready("limits", &upstream).await;
    let other = secret(&stage.grant("acme", &id, Terms::default()).await);
    assert_eq!(stage.get("/v1/x", &format!("x-api-key: {token}\r\n")).await.status(), 200);
    for token in [token, other] {
        let answer = stage.get("/v1/x", &format!("x-api-key: {token}\r\n")).await;
        assert_eq!((answer.status(), answer.problem()), (429, "provider-limit"));
        let number = |name: &str| answer.header(name).unwrap().parse::<u64>().unwrap();
        assert_eq!((number("x-limit"), number("x-remaining")), (100, 0));
        assert!((50..=60).contains(&number("retry-after")) && (50..=60).contains(&number("x-reset")));
    }
    assert_eq!(upstream.requests().len(), 1);
    // Another connection has a limit of its own.
    let another = Upstream::json("{}").await;
    let token = stage.token("limits", &another).await;
    assert_eq!(stage.get("/v1/x", &format!("x-api-key: {token}\r\n")).await.status(), 200);
    let busy =
        Upstream::saying(&["HTTP/1.1 429 Too Many\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}"]).await;
    let header = format!("authorization: Bearer {}\r\n", stage.token("rootly", &busy).await);
    let first = stage.get("/v1/x", &header).await;
    assert_eq!((first.status(), first.header("keyway-problem")), (429, None), "the provider's own");
    let second = stage.get("/v1/x", &header).await;
    assert_eq!((second.status(), second.problem()), (429, "provider-limit"));
    let wait: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=7).contains(&wait), "{wait}");
    stage.end().await;
}

#[tokio::test]
async fn a_provider_is_asked_as_many_things_at_once_as_it_takes() {
    let stage = Stage::new().await;
    let slow: Vec<Vec<u8>> = vec![Vec::new(); 30].into_iter().chain([ok("{}").into_bytes()]).collect();
    let upstream = Upstream::scripted(vec![slow]).await;
    let header = format!("x-api-key: {}\r\n", stage.token("limits", &upstream).await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (address, header) = (stage.address, header.clone());
        asking.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let text = format!("GET /v1/x HTTP/1.1\r\nhost: gw\r\n{header}\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.unwrap();
            crate::stage::answer(&mut stream).await.status()
        });
    }
    assert_eq!(asking.join_all().await, [200; 6]);
    // Two at once need no third connection.
    assert_eq!(*upstream.connections.lock().unwrap(), 2);
    stage.end().await;
}

#[tokio::test]
async fn every_request_is_in_the_audit_log_with_what_came_of_it() {
    for strict in [false, true] {
        let set = |builder: keyway_hub::GatewayBuilder| if strict { builder.strict_audit() } else { builder };
        let stage = Stage::with(set, None).await;
        let upstream =
            Upstream::saying(&[&ok("{}"), "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", ""]).await;
        let (id, token) = stage.ready("rootly", &upstream).await;
        let header = format!("authorization: Bearer {token}\r\n");
        for path in ["/v1/incidents/4711?x=y", "/v1/teams", "/v1/services"] {
            stage.get(path, &header).await;
        }
        let (vault, _folder) = stage.end().await;
        let entries = vault.audit(0, 1000).await.unwrap();
        let uses: Vec<_> = entries.iter().flat_map(|entry| entry.what.uses.clone()).collect();
        let outcomes: Vec<_> = uses
            .iter()
            .filter(|used| !used.intended)
            .map(|used| {
                (used.path.as_str(), used.status, used.connection == id.as_str() && used.grant.is_some())
            })
            .collect();
        assert_eq!(
            outcomes,
            [
                ("/v1/incidents/{}", Some(200), true),
                ("/v1/teams", Some(404), true),
                ("/v1/services", None, true)
            ]
        );
        assert_eq!(uses.iter().filter(|used| used.intended).count(), if strict { 3 } else { 0 });
        assert!(vault.verify(&[]).await.unwrap().problems.is_empty());
    }
}
