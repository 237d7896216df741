//! What goes through.

use crate::stage::{RALLY, ROOTLY, Stage, Upstream, header};

#[tokio::test]
async fn a_client_calls_each_provider_with_a_grant_where_its_key_would_be() {
    let stage = Stage::new().await;
    for (provider, place, sent) in [
        ("rootly", "authorization: Bearer TOKEN", format!("authorization: Bearer {ROOTLY}")),
        ("rally", "ZSESSIONID: TOKEN", format!("zsessionid: {RALLY}")),
    ] {
        let upstream = Upstream::json(r#"{"made":"up"}"#).await;
        let (id, token) = stage.ready(provider, &upstream).await;
        let answer =
            stage.get("/v1/things?page[size]=1", &format!("{}\r\n", place.replace("TOKEN", &token))).await;
        assert_eq!((answer.status(), answer.text().as_str()), (200, r#"{"made":"up"}"#), "{answer:?}");
        let request = upstream.request();
        assert!(request.starts_with("GET /v1/things?page[size]=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&sent) && !request.contains("kwg_"), "{request}");
        assert_eq!(header(&request, "host"), Some(&*upstream.address.to_string()));

        let explicit = stage.get(&format!("/c/{id}/v1/things"), &format!("keyway-grant: {token}\r\n")).await;
        assert_eq!(explicit.status(), 200, "{explicit:?}");
        let request = upstream.requests().remove(1);
        assert!(request.starts_with("GET /v1/things HTTP/1.1\r\n") && request.contains(&sent), "{request}");
        assert_eq!(*upstream.connections.lock().unwrap(), 1, "the connection was kept");
    }
    stage.end().await;
}
