//! The longest keys and sessions: a document has at most 256 KiB.

use keyway_connect::{Look, NewSession, Purpose};
use reqwest::StatusCode;

use crate::{
    provider::Provider,
    stage::Stage,
    walk::{Walk, connect},
};

/// What Rally answers to whom it knows.
const ADA: &str =
    r#"{"User":{"ObjectUUID":"u-7","UserName":"ada","DisplayName":"Ada","Errors":[],"Subscription":{}}}"#;

#[tokio::test]
async fn i10_a_key_that_is_too_long_to_wait_for_confirmation_is_refused_and_the_session_goes_on() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{ADA}",
        ADA.len()
    );
    let provider = Provider::answering(answer).await;
    provider.leave.add_permits(1000);
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    for (letter, count, step) in
        [("\\", 60_000, "asking"), ("\"", 60_000, "asking"), ("x", 60_000, "checked"), ("x", 20, "checked")]
    {
        let key = format!("_{}", letter.repeat(count));
        let fields = [("host", "rally1.rallydev.com"), ("api_key", key.as_str())];
        let csrf = walk.get("/providers/rally").await.csrf();
        let fields = [&[("csrf", csrf.as_str())], &fields[..]].concat();
        let path = format!("{}/providers/rally", walk.at);
        let answer = walk.browser.post(&path, &fields).await;
        assert!(
            [StatusCode::OK, StatusCode::SEE_OTHER].contains(&answer.status),
            "{letter}: {}",
            answer.text
        );
        assert_eq!(walk.step().await, step, "{letter} {count}");
        if step == "asking" {
            assert_eq!(walk.told().await, "unsuited", "{letter}");
            let page = walk.get("/providers/rally/api_key").await;
            assert!(page.text.contains("the key is too long to be kept here"), "{}", page.text);
        }
    }
}

/// What is held of a key has at most 192 KiB in its session.
#[tokio::test]
async fn i10_the_largest_session_leaves_room_for_the_largest_key() {
    let stage = Stage::new().await;
    let mut look = Look::default();
    look.name = Some("\"".repeat(60));
    let picture = format!("<svg>{}", " ".repeat(32 * 1024 - 5));
    let base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, picture);
    look.logo = Some(format!("data:image/svg+xml;base64,{base64}"));
    look.accent = Some("#123456".to_owned());
    look.accent_dark.clone_from(&look.accent);
    look.background.clone_from(&look.accent);
    look.background_dark.clone_from(&look.accent);
    let end_user = "❤".repeat(128);
    let providers = vec!["rootly".to_owned(); 100];
    let address = |more: &str| format!("https://{}", more.repeat(2000));
    let new = NewSession::new(end_user, Purpose::Connect { providers }).look(look);
    let new = new.return_url(format!("https://a.example/?{}", "\\".repeat(2000)));
    let walk = Walk::of(&stage, new.parent_origin(address("a"))).await;
    let (document, kept) = walk.kept().await;
    assert!(kept["return_url"].as_str().unwrap().len() > 2000);
    // The ids of providers may be longer, a hundred connections may have the same account, and both have names.
    let more = 100 * (48 - 6) + 100 * 27 + 2 * 200 * 4 + 1000;
    let left = 256 * 1024 - document.text.len() - more;
    assert!((192 * 1024 + 100..200 * 1024).contains(&left), "{left}");
}
