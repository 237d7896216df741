//! A provider whose method has to see a request's body, as one that signs it does.

use std::time::Duration;

use keyway_core::{Credential, Descriptor, Draft, Error, Provider, Registration, Secret};
use keyway_hub::Limits;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::stage::{PATIENCE, RALLY, Stage, Upstream, answer, header};

/// Signs by counting: made up.
#[derive(Debug)]
struct Signing(Descriptor);

pub(crate) const REGISTRATION: Registration = Registration {
    package: "signing",
    descriptor: r#"
version: 1
id: signing
name: Acme
summary: Made up.
links: { docs: "https://docs.acme.example", keys: "https://acme.example/keys" }
seen_live: never
api: { origin: "https://api.acme.example" }
methods:
  api_key:
    label: API key
    guide: [Make one.]
    fields: { api_key: { label: API key } }
    authorize: { headers: { x-api-key: "{api_key}" } }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/id}"] }
"#,
    fixtures: "",
    logo: "",
    build: |descriptor| Box::new(Signing(descriptor)),
};

impl Provider for Signing {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn authorize(&self, credential: &Credential, draft: &mut Draft<'_>) -> Result<(), Error> {
        let count = draft.body()?.iter().map(|byte| usize::from(*byte == b'a')).sum::<usize>();
        draft.header(http::HeaderName::from_static("x-signature"), &Secret::new(format!("count-{count}")))?;
        draft.place(credential)
    }
}

#[tokio::test]
async fn a_body_that_a_method_has_to_see_is_read_first_and_no_other_is() {
    let mut limits = Limits::default();
    limits.seen_body = 1000;
    let stage = Stage::limited(limits).await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("signing", &upstream).await;
    let head = format!("POST /v1/x HTTP/1.1\r\nhost: gw\r\nx-api-key: {token}\r\n");
    for (framing, body, count) in [
        ("content-length: 4\r\n", "aaba".to_owned(), 3),
        ("content-length: 900\r\n", "a".repeat(900), 900),
        ("transfer-encoding: chunked\r\n", "3\r\naab\r\n2\r\naa\r\n0\r\n\r\n".to_owned(), 4),
        ("content-length: 0\r\n", String::new(), 0),
    ] {
        for expects in [false, true] {
            let before = upstream.requests().len();
            let mut stream = stage.connection().await;
            let expect = if expects && !body.is_empty() { "expect: 100-continue\r\n" } else { "" };
            stream.write_all(format!("{head}{framing}{expect}\r\n").as_bytes()).await.unwrap();
            if !expect.is_empty() {
                let mut told = [0; 25];
                let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut told);
                timeout(PATIENCE, read).await.unwrap().unwrap();
                assert!(told.starts_with(b"HTTP/1.1 100 "));
            }
            for piece in body.as_bytes().chunks(100) {
                stream.write_all(piece).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(answer(&mut stream).await.status(), 200, "{framing}");
            let request = upstream.requests().remove(before);
            assert_eq!(header(&request, "x-signature"), Some(&*format!("count-{count}")), "{request}");
            assert_eq!(header(&request, "x-api-key"), Some(RALLY));
            assert!(header(&request, "transfer-encoding").is_none(), "its length is known by now");
        }
    }
    let before = upstream.requests().len();
    for (framing, body) in [
        ("content-length: 1001\r\n", "a".repeat(1001)),
        ("transfer-encoding: chunked\r\n", format!("3e9\r\n{}\r\n0\r\n\r\n", "a".repeat(1001))),
    ] {
        // So that not all of it is there with the head.
        let mut stream = stage.connection().await;
        stream.write_all(format!("{head}{framing}\r\n").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert_eq!((answer.status(), answer.problem()), (413, "body-too-large"), "{framing}");
    }
    assert_eq!(upstream.requests().len(), before);
    stage.end().await;
}
