//! Where a key is not, once it was sent.

use crate::{
    stage::{ROOTLY, ROOTLY_REVOKED, Stage},
    walk::{Walk, connect, manage},
};

#[tokio::test]
async fn n68_a_key_that_fails_is_kept_nowhere() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let wrong = "_notForThisProvider000000000000000000000000";
    walk.rootly(ROOTLY_REVOKED).await;
    walk.post("/providers/rootly", &[("api_key", "rootly_two words")]).await;
    walk.post("/providers/rally", &[("api_key", wrong), ("host", wrong)]).await;
    let limited = format!("rootly_{}", "0429".repeat(16));
    let csrf = walk.csrf().await;
    walk.browser
        .post(&format!("{}/providers/rootly", walk.at), &[("csrf", &csrf), ("api_key", &limited)])
        .await;
    assert_eq!(walk.told().await, "rate_limited");
    let mut sinks = vec![walk.kept().await.0.text.to_vec()];
    for file in std::fs::read_dir(stage.folder.path()).unwrap() {
        sinks.push(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(sinks.len() >= 3, "the database, its log, the master key");
    for path in ["", "/providers/rootly", "/providers/rally"] {
        sinks.push(walk.get(path).await.text.into_bytes());
    }
    for value in [ROOTLY_REVOKED, "two words", wrong, &limited] {
        for needle in encodings(value) {
            for sink in &sinks {
                assert!(!sink.windows(needle.len()).any(|part| part == needle), "{value}");
            }
        }
    }
    // The search finds what is there.
    let planted = [b"x".as_slice(), &encodings(wrong)[2], b"y"].concat();
    assert!(encodings(wrong).iter().any(|needle| planted.windows(needle.len()).any(|part| part == *needle)));
}

/// A value as it is, in base64 at each of three offsets, in hex, and escaped.
fn encodings(value: &str) -> Vec<Vec<u8>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
    let mut all = vec![value.as_bytes().to_vec()];
    for offset in 0..3 {
        let text = STANDARD_NO_PAD.encode([&b"   "[..offset], value.as_bytes()].concat());
        // The first and last characters hold bits of their neighbours.
        let text = &text[offset.div_ceil(1) + usize::from(offset > 0)..text.len() - 2];
        all.push(text.as_bytes().to_vec());
    }
    let hex = value.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    all.push(hex.to_uppercase().into_bytes());
    all.push(hex.into_bytes());
    let escaped: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    all.push(escaped.into_bytes());
    all
}

#[tokio::test]
async fn n69_a_key_is_in_no_answer_once_it_is_sent() {
    let stage = Stage::new().await;
    for key in [ROOTLY, ROOTLY_REVOKED] {
        let mut walk = Walk::new(&stage, manage()).await;
        let (answer, page) = walk.rootly(key).await;
        let mut pages = vec![answer, page];
        for path in ["", "/providers/rootly", "/providers/rootly/api_key", "/accounts", "/providers"] {
            pages.push(walk.get(path).await);
        }
        if key == ROOTLY {
            pages.push(walk.confirm(&[("name", key)]).await);
            pages.push(walk.confirm(&[]).await);
            pages.push(walk.get("").await);
        }
        pages.push(walk.post("/providers/rally", &[("api_key", key), ("host", key)]).await);
        for page in pages {
            assert_eq!(page.headers["cache-control"], "no-store");
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
            let all = format!("{:?} {}", page.headers, page.text);
            for needle in encodings(key) {
                let needle = String::from_utf8(needle).unwrap();
                assert!(!all.contains(&needle), "{needle}: {all}");
            }
        }
    }
}
