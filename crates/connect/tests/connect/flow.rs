//! The flow from a link to a connection, as an end user goes through it.

use std::sync::atomic::Ordering;

use keyway_connect::{NewSession, Purpose, Status};
use keyway_vault::{ConnectionId, Tenant};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    provider::Provider,
    stage::{Browser, ROOTLY, ROOTLY_REVOKED, Stage},
    walk::{OTHER, Walk, ada, connect, linked, reconnect},
};

/// Another service account of Ada's organisation: that of the fixtures.
const TEAM: &str = "rootly_5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a5e2a";

#[tokio::test]
async fn a_key_becomes_a_connection() {
    let stage = Stage::new().await;
    let new = NewSession::new("user-1", connect())
        .parent_origin("https://app.example.com")
        .return_url("https://app.example.com/back?x=1#top");
    let mut walk = Walk::of(&stage, new).await;
    let chooser = walk.get("").await;
    assert_eq!(chooser.status, StatusCode::OK);
    assert!(chooser.text.contains("/providers/rootly") && chooser.text.contains("/providers/rally"));
    let (answer, page) = walk.rootly(ROOTLY).await;
    let csrf = page.csrf();
    assert_eq!(answer.location(&walk.at), walk.at);
    assert!(page.text.contains("[Acme Rockets] Ada Lovelace"), "{}", page.text);
    let answer = walk.confirm(&[("name", "Rockets")]).await;
    assert_eq!((answer.status, answer.location(&walk.at)), (StatusCode::SEE_OTHER, walk.at.clone()));
    let done = walk.get("").await;
    assert_eq!(done.status, StatusCode::OK);
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    let [one] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!(one.name.as_deref(), Some("Rockets"));
    assert_eq!(one.end_user.as_deref(), Some("user-1"));
    assert_eq!(one.account.as_ref().unwrap().id(), "2001");
    let back = format!(
        "https://app.example.com/back?x=1&amp;connection_id={}&amp;session_id={}&amp;status=connected#top",
        one.id,
        walk.id()
    );
    assert!(done.text.contains(&back), "{}", done.text);
    // What the page that opened it gets to know, and nothing else.
    let result = walk.browser.get(&format!("{}/result", walk.link)).await;
    let known = json!({ "status": "connected", "ended": true, "connection_id": one.id.as_str(), "provider": "rootly" });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&result.text).unwrap(), known);
    // What is done stays done: back, refresh, another key.
    for path in ["", "/providers", "/providers/rootly", "/providers/rally/api_key"] {
        let page = walk.get(path).await;
        assert!(path.is_empty() || page.location(&walk.at) == walk.at, "{path}");
    }
    let kept = walk.kept().await.1.to_string();
    for (path, field) in [
        ("/providers/rootly", ("api_key", OTHER)),
        ("/confirm", ("name", "x")),
        ("/again", ("x", "y")),
        ("/cancel", ("x", "y")),
    ] {
        let answer = walk.browser.post(&format!("{}{path}", walk.at), &[("csrf", &csrf), field]).await;
        assert_eq!(answer.location(&walk.at), walk.at, "{path}");
    }
    assert_eq!(walk.kept().await.1.to_string(), kept);
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_without_script_finds_by_name_summary_and_category() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    for (words, rootly, rally) in [
        ("rootly", true, false),
        ("RALLY", false, true),
        ("incident%20management", true, false),
        ("project", false, true),
        ("", true, true),
        ("nothing+like+it", false, false),
        ("%3Cscript%3Ealert(1)%3C/script%3E", false, false),
    ] {
        let page = walk.get(&format!("?q={words}")).await;
        assert_eq!(page.status, StatusCode::OK);
        let leads = |id: &str| page.text.contains(&format!("/providers/{id}\""));
        assert_eq!((leads("rootly"), leads("rally")), (rootly, rally), "{words}");
        assert!(!page.text.contains("<script>alert"));
    }
}

#[tokio::test]
async fn only_what_is_offered_can_be_chosen() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, Purpose::Connect { providers: vec!["rally".to_owned()] }).await;
    let answer = walk.get("").await;
    assert!(answer.location(&walk.at).ends_with("/providers/rally"), "the only one needs no choice");
    assert_eq!(walk.get("/providers/rally").await.status, StatusCode::OK);
    for path in
        ["/providers/rootly", "/providers/rootly/api_key", "/providers/rally/nothing", "/providers/nothing"]
    {
        let page = walk.get(path).await;
        assert_eq!(page.location(&walk.at), walk.at, "{path}");
        let answer = walk.post(path, &[("api_key", ROOTLY)]).await;
        assert_eq!(answer.location(&walk.at), walk.at, "{path}");
    }
    assert_eq!(walk.kept().await.1["attempts"], 0);
}

#[tokio::test]
async fn what_is_wrong_by_itself_is_told_beside_its_field_and_asked_of_nobody() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let path = "/providers/rally/api_key";
    let long = "x".repeat(70_000);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("api_key", "")], "missing"),
        (&[("api_key", "_two words")], "is a space"),
        (&[("api_key", ROOTLY)], "Rootly"),
        (&[("api_key", "_a"), ("api_key", "_b")], "twice"),
        (&[("api_key", "_a"), ("other", "x")], "no such field"),
        (&[("api_key", "••••")], ""),
        (&[("api_key", &long)], "64 KiB"),
    ];
    for (fields, word) in cases {
        let page = walk.post(path, fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(page.text.contains("name=\"api_key\"") && page.text.contains(word), "{word}: {}", page.text);
        assert!(!page.text.contains("two words") && !page.text.contains(ROOTLY), "{fields:?}");
    }
    let flood: Vec<(&str, &str)> = vec![("x", "y"); 10_000];
    assert_eq!(walk.post(path, &flood).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let host = [("host", "eu1.rallydev.com"), ("api_key", "")];
    let page = walk.post(path, &host).await;
    assert!(
        page.text.contains("value=\"eu1.rallydev.com\" selected"),
        "what is no secret stays: {}",
        page.text
    );
    assert_eq!(walk.kept().await.1["attempts"], 0);
}

#[tokio::test]
async fn i5_a_key_is_good_on_proof_alone_and_each_verdict_is_told() {
    let stage = Stage::new().await;
    let rootly = |word: &str| format!("rootly_{}", word.repeat(64 / word.len()));
    let cases = [
        (rootly("dead"), "invalid"),
        (rootly("f0bd"), "forbidden"),
        (rootly("de0d"), "invalid"),
        (rootly("e0ed"), "invalid"),
        (rootly("d00d"), "invalid"),
        (rootly("0404"), "unknown"),
        (rootly("0429"), "rate_limited"),
        (rootly("0415"), "unknown"),
        (rootly("0500"), "unavailable"),
        (rootly("0502"), "unavailable"),
        (rootly("0adf"), "unknown"),
        (rootly("0bad"), "unknown"),
        (rootly("0204"), "unknown"),
        (rootly("05ee"), "unavailable"),
        ("rootly_nobody_knows_it".to_owned(), "unknown"),
    ];
    let walks = cases.iter().map(async |(key, verdict)| {
        let mut walk = Walk::new(&stage, connect()).await;
        let path = "/providers/rootly/api_key";
        let csrf = walk.csrf().await;
        let answer =
            walk.browser.post(&format!("{}{path}", walk.at), &[("csrf", &csrf), ("api_key", key)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{key}: {}", answer.text);
        let told = walk.told().await;
        if *verdict == "unknown" && key.ends_with("knows_it") {
            assert!(["unknown", "invalid"].contains(&&*told), "{told}");
        } else {
            assert_eq!(told, *verdict, "{key}");
        }
        assert_eq!(walk.step().await, "asking", "{key}");
        let page = walk.get(path).await;
        assert!(page.text.contains(&format!("data-verdict=\"{told}\"")), "{key}: {}", page.text);
        assert!(!page.text.contains(key.as_str()), "{key}");
        // Nothing can be confirmed.
        assert_eq!(walk.confirm(&[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(walk.step().await, "asking", "{key}");
    });
    for walk in walks.collect::<Vec<_>>() {
        walk.await;
    }
    assert!(stage.scope("acme").list(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_typed_into_other_fields_is_there_again() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let revoked = "_madeUpRevoked00000000000000000000000000000";
    let (_, page) = walk.key("rally", &[("host", "eu1.rallydev.com"), ("api_key", revoked)]).await;
    assert!(page.text.contains("value=\"eu1.rallydev.com\" selected"), "{}", page.text);
    assert!(!page.text.contains(revoked));
    let other = walk.get("/providers/rootly").await;
    assert!(!other.text.contains("data-verdict"), "what was said of one is not said of another");
}

#[tokio::test]
async fn a_session_asks_so_often_and_no_more() {
    let stage = Stage::with(|builder| {
        let mut limits = keyway_connect::Limits::default();
        limits.attempts = 2;
        builder.limits(limits)
    })
    .await;
    let mut walk = Walk::new(&stage, connect()).await;
    for told in ["invalid", "invalid", "too_many"] {
        walk.rootly(ROOTLY_REVOKED).await;
        assert_eq!(walk.told().await, told);
    }
    walk.rootly(ROOTLY).await;
    assert_eq!((walk.told().await, walk.step().await), ("too_many".to_owned(), "asking".to_owned()));
}

#[tokio::test]
async fn a_reconnect_keeps_the_connection_and_refuses_another_account() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    let refused = |key: &'static str, other_account: bool| {
        let (stage, one) = (&stage, &one);
        async move {
            let mut walk = Walk::new(stage, reconnect(one, other_account)).await;
            let answer = walk.get("").await;
            assert!(answer.location(&walk.at).ends_with("/providers/rootly/api_key"), "no choice");
            walk.rootly(key).await;
            (walk.told().await, walk.step().await, walk)
        }
    };
    // Another organisation's.
    let (told, step, _) = refused(OTHER, false).await;
    assert_eq!((told.as_str(), step.as_str()), ("other_account", "asking"));
    // The same account.
    let (_, step, mut walk) = refused(ROOTLY, false).await;
    assert_eq!(step, "checked");
    assert_eq!(walk.kept().await.1["step"]["other"], json!(null));
    walk.confirm(&[("name", "not taken")]).await;
    assert_eq!(walk.step().await, "done");
    assert_eq!(walk.kept().await.1["happened"][0]["reconnected"], true);
    // Another account of the same organisation: somebody has to say so.
    let (_, step, mut walk) = refused(TEAM, false).await;
    assert_eq!(step, "checked");
    assert_eq!(walk.kept().await.1["step"]["other"], "alike");
    walk.confirm(&[]).await;
    assert_eq!(walk.step().await, "done");
    // Anybody's, where the platform allows it.
    let (_, step, mut walk) = refused(OTHER, true).await;
    assert_eq!(step, "checked");
    assert_eq!(walk.kept().await.1["step"]["other"], "allowed");
    walk.confirm(&[]).await;
    assert_eq!(walk.step().await, "done");
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].id.clone(), list[0].account.as_ref().unwrap().id()), (one.id.clone(), "3001"));
    assert_eq!(list[0].name, one.name);
    assert_eq!(list[0].end_user, one.end_user);
    assert_eq!(stage.audited("connection.replaced").await, 3);
}

#[tokio::test]
async fn a_connection_that_is_removed_meanwhile_is_not_made_again() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    let mut walk = Walk::new(&stage, reconnect(&one, false)).await;
    walk.rootly(ROOTLY).await;
    let csrf = walk.csrf().await;
    stage.scope("acme").remove(&one.id).await.unwrap();
    let answer = walk.browser.post(&format!("{}/confirm", walk.at), &[("csrf", &csrf)]).await;
    assert_eq!(answer.location(&walk.at), walk.at);
    assert_eq!(walk.step().await, "gone");
    assert!(stage.scope("acme").list(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_account_again_is_noticed_and_can_be_updated() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    linked(&stage, "user-2", ROOTLY).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let (_, page) = walk.rootly(ROOTLY).await;
    assert_eq!(walk.kept().await.1["step"]["same"], json!([one.id.as_str()]), "somebody else's is not shown");
    assert!(page.text.contains(one.id.as_str()), "{}", page.text);
    // Only what was offered can be updated.
    let foreign = ConnectionId::random();
    walk.confirm(&[("update", foreign.as_str())]).await;
    assert_eq!(walk.step().await, "checked");
    walk.confirm(&[("update", one.id.as_str())]).await;
    assert_eq!(walk.step().await, "done");
    let now = stage.scope("acme").get(&one.id).await.unwrap();
    assert!(now.credential_version() > one.credential_version());
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap().len(), 2);
    // And it can be linked once more.
    linked(&stage, "user-1", ROOTLY).await;
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_name_that_cannot_be_is_asked_for_again() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    let long = "x".repeat(101);
    let holds = format!("my key is {ROOTLY}");
    for name in [long.as_str(), "two\nlines", "turned\u{202e}around", ROOTLY, &holds] {
        let page = walk.confirm(&[("name", name)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(page.text.contains("Ada Lovelace") && !page.text.contains(ROOTLY), "{}", page.text);
        assert_eq!(walk.step().await, "checked");
    }
    let page = walk.confirm(&[("name", "  Rockets  ")]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list[0].name.as_deref(), Some("Rockets"));
}

#[tokio::test]
async fn another_key_forgets_the_one_before() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    let answer = walk.post("/again", &[]).await;
    assert!(answer.location(&walk.at).ends_with("/providers/rootly/api_key"));
    let kept = walk.kept().await.1;
    assert_eq!(kept["step"], json!({ "at": "asking" }), "nothing of the key is left");
    walk.rootly(OTHER).await;
    walk.confirm(&[]).await;
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list[0].account.as_ref().unwrap().id(), "3001");
}

#[tokio::test]
async fn two_tabs_confirm_what_they_show() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let (_, ada) = walk.rootly(ROOTLY).await;
    walk.rootly(OTHER).await;
    // The first tab still shows Ada.
    let answer = walk.browser.post(&format!("{}/confirm", walk.at), &[("csrf", &ada.csrf())]).await;
    assert_eq!(answer.location(&walk.at), walk.at);
    assert_eq!(walk.step().await, "checked", "nothing is saved that the page did not show");
    assert!(walk.get("").await.text.contains("Grace Hopper"));
    walk.confirm(&[]).await;
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list[0].account.as_ref().unwrap().id(), "3001");
}

#[tokio::test]
async fn two_sessions_of_one_browser_do_not_meet() {
    let stage = Stage::new().await;
    let mut one = Walk::new(&stage, connect()).await;
    let link = stage.start(NewSession::new("user-2", connect())).await.link.expose().to_owned();
    let mut two = Walk { stage: &stage, browser: one.browser.clone(), at: String::new(), link: link.clone() };
    two.at = two.browser.open(&link).await;
    assert_eq!(one.browser.cookie, two.browser.cookie, "one cookie is enough");
    let csrf = one.csrf().await;
    let answer = two
        .browser
        .post(&format!("{}/providers/rootly", two.at), &[("csrf", &csrf), ("api_key", ROOTLY)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a token is of one session");
    one.rootly(ROOTLY).await;
    two.rootly(OTHER).await;
    one.confirm(&[]).await;
    two.confirm(&[]).await;
    for (user, account) in [("user-1", "2001"), ("user-2", "3001")] {
        let list = stage.scope("acme").list_of(user, None, 10).await.unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].account.as_ref().unwrap().id(), account);
    }
}

#[tokio::test]
async fn a_cookie_of_a_frame_beside_one_of_a_page_is_no_stranger() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let mut other = Browser::new();
    other.get(stage.start(NewSession::new("user-2", connect())).await.link.expose()).await;
    let both = format!("{}; {}", other.cookie.as_ref().unwrap(), walk.browser.cookie.as_ref().unwrap());
    walk.browser.cookie = Some(both);
    assert_eq!(walk.get("").await.status, StatusCode::OK);
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    assert_eq!(walk.step().await, "done");
}

#[tokio::test]
async fn who_says_no_links_nothing() {
    let stage = Stage::new().await;
    let new = NewSession::new("user-1", connect()).return_url("https://app.example.com/back");
    let mut walk = Walk::of(&stage, new).await;
    let csrf = {
        walk.rootly(ROOTLY).await;
        walk.csrf().await
    };
    let answer = walk.browser.post(&format!("{}/cancel", walk.at), &[("csrf", &csrf)]).await;
    assert_eq!(answer.location(&walk.at), walk.at);
    assert_eq!(walk.kept().await.1["step"], json!({ "at": "cancelled" }));
    walk.browser.post(&format!("{}/confirm", walk.at), &[("csrf", &csrf)]).await;
    assert_eq!(walk.step().await, "cancelled");
    assert_eq!(walk.get("").await.status, StatusCode::OK);
    let result = walk.browser.get(&format!("{}/result", walk.link)).await;
    assert_eq!(result.text, r#"{"status":"cancelled","ended":true}"#);
    assert!(stage.scope("acme").list(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_slow_provider_is_shown_and_its_answer_kept_though_nobody_waits() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    let send = |walk: &Walk<'_>| {
        let body = format!("csrf={csrf}&api_key={ROOTLY}");
        let request = walk.browser.client().post(format!("{}/providers/rootly", walk.at));
        let request =
            request.header("origin", &stage.origin).header("cookie", walk.browser.cookie.clone().unwrap());
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
    };
    // The page begins before there is an answer, and ends with where to go on.
    let mut answer = send(&walk).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let first = answer.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("<h1"));
    provider.leave.add_permits(1);
    let mut rest = String::new();
    while let Some(part) = answer.chunk().await.unwrap() {
        rest.push_str(&String::from_utf8_lossy(&part));
    }
    assert!(rest.contains(&format!("0;url=/connect/{}", walk.id())) && rest.ends_with("</html>"), "{rest}");
    assert_eq!(walk.step().await, "checked");
    // The browser goes away.
    walk.post("/again", &[]).await;
    let csrf = walk.csrf().await;
    let before = provider.count.load(Ordering::SeqCst);
    let body = format!("csrf={csrf}&api_key={ROOTLY}");
    let request = walk.browser.client().post(format!("{}/providers/rootly", walk.at));
    let request =
        request.header("origin", &stage.origin).header("cookie", walk.browser.cookie.clone().unwrap());
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let gone = tokio::spawn(request.send());
    while provider.count.load(Ordering::SeqCst) == before {
        provider.asked.notified().await;
    }
    gone.abort();
    let _ = gone.await;
    provider.leave.add_permits(1);
    // Its turn ends when the answer is kept: the next one waits for that, and does not ask.
    while walk.step().await != "checked" {
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.count.load(Ordering::SeqCst), before + 1);
}

#[tokio::test]
async fn a_provider_that_is_down_is_no_ones_fault() {
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let origin = format!("http://{}", closed.local_addr().unwrap());
    let origin = keyway_core::Origin::parse_loopback(&origin).unwrap();
    let stage = Stage::with(|builder| builder.stand_in(origin)).await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    assert_eq!((walk.told().await, walk.step().await), ("unavailable".to_owned(), "asking".to_owned()));
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_saves_is_finished_by_the_next() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    // As it is after the first of two writes.
    let connection = ConnectionId::random();
    let checked = walk.kept().await.1["step"].clone();
    walk.saving(&checked, None, &connection).await;
    assert_eq!(walk.get("").await.status, StatusCode::OK);
    assert_eq!(walk.step().await, "done");
    // As it is when the connection was saved, and nobody wrote that down.
    walk.saving(&checked, None, &connection).await;
    walk.get("").await;
    assert_eq!(walk.step().await, "done");
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].id, connection);
    assert_eq!(stage.audited("connection.created").await, 1);
    // The same of a connection that gets another key: it gets it once.
    let mut walk = Walk::new(&stage, reconnect(&list[0], false)).await;
    walk.rootly(ROOTLY).await;
    let checked = walk.kept().await.1["step"].clone();
    let before = list[0].credential_version();
    for _ in 0..3 {
        walk.saving(&checked, Some(before), &connection).await;
        walk.get("").await;
        assert_eq!(walk.step().await, "done");
    }
    assert_eq!(stage.audited("connection.replaced").await, 1);
}

#[tokio::test]
async fn a_new_key_that_comes_too_late_is_told_as_that_and_changes_nothing() {
    let stage = Stage::new().await;
    let one = linked(&stage, "user-1", OTHER).await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    let checked = walk.kept().await.1["step"].clone();
    // Removed meanwhile; another key by now.
    let before = one.credential_version() - 1;
    for (id, told) in [(ConnectionId::random(), "removed"), (one.id.clone(), "replaced")] {
        walk.saving(&checked, Some(before), &id).await;
        let form = walk.get("").await.location(&walk.at);
        assert_eq!((walk.told().await.as_str(), walk.step().await.as_str()), (told, "asking"));
        assert!(walk.browser.get(&form).await.text.contains(&format!("data-verdict=\"{told}\"")));
    }
    assert_eq!(stage.scope("acme").list(None, 10).await.unwrap(), [one]);
}

#[tokio::test]
async fn a_key_that_stands_in_a_name_is_told_as_that() {
    let stage = Stage::new().await;
    let mut walk = Walk::of(&stage, NewSession::new(format!("user {ROOTLY}"), connect())).await;
    let (_, page) = walk.rootly(ROOTLY).await;
    assert_eq!((walk.told().await.as_str(), walk.step().await.as_str()), ("spilled", "asking"));
    assert!(!page.text.contains(ROOTLY));
}

#[tokio::test]
async fn a_way_to_sign_in_that_is_gone_leaves_another() {
    let stage = Stage::new().await;
    let descriptor = keyway_rootly::REGISTRATION.descriptor;
    let before = descriptor.replacen("\n  api_key:", "\n  former_key:", 1);
    assert_ne!(before, descriptor);
    let registry = keyway_core::Registry::from_descriptors([("rootly.yaml", before.as_str())]).unwrap();
    let submission = keyway_core::Submission::new().with("api_key", ROOTLY);
    let credential = registry.accept("rootly", None, &submission).unwrap().credential;
    let one = stage.scope("acme").save(keyway_vault::New::connection(&credential)).await.unwrap().connection;
    assert_eq!(one.method, "former_key");
    let mut walk = Walk::new(&stage, reconnect(&one, false)).await;
    assert!(walk.get("").await.location(&walk.at).ends_with("/providers/rootly/api_key"));
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    assert_eq!(stage.scope("acme").get(&one.id).await.unwrap().method, "api_key");
}

#[tokio::test]
async fn a_form_says_where_its_key_is_sent() {
    let stage = Stage::new().await;
    let page = Walk::new(&stage, connect()).await.get("/providers/rootly").await;
    let (_, fate) = page.text.split_once("Your key is sent to").unwrap();
    let (fate, _) = fate.split_once("</p>").unwrap();
    assert!(fate.contains(&stage.stand_ins.origin().to_string()) && !fate.contains("rootly.com"), "{fate}");
}

#[tokio::test]
async fn a_platform_in_rust_sees_and_ends_its_sessions() {
    let stage = Stage::new().await;
    let [acme, other] = ["acme", "other"].map(|name| Tenant::parse(name).unwrap());
    let mut walk = Walk::new(&stage, connect()).await;
    let id = walk.id().to_owned();
    let session = async || stage.connect.session(&acme, &id).await.unwrap();
    assert_eq!(session().await.unwrap().status(), Status::Opened);
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    let done = session().await.unwrap();
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!((done.status(), done.connection()), (Status::Connected, Some((list[0].id.clone(), "rootly"))));
    for (tenant, id) in [(&other, &*id), (&acme, "ses_"), (&acme, "\n")] {
        assert!(stage.connect.session(tenant, id).await.unwrap().is_none());
    }
    stage.connect.end(&done).await.unwrap();
    assert!(session().await.is_none());
    assert_eq!(walk.get("").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_cookie_lasts_from_the_newest_link_on() {
    let stage = Stage::new().await;
    let link = stage.start(NewSession::new("user-1", connect())).await.link.expose().to_owned();
    let mut browser = Browser::new();
    browser.get(&link).await;
    let cookie = browser.cookie.clone().unwrap();
    let again = browser.get(&link).await;
    assert!(again.headers["set-cookie"].to_str().unwrap().starts_with(&format!("{cookie}; ")));
    // A frame's beside a page's: neither takes the other's place.
    let mut other = Browser::new();
    other.get(&link).await;
    browser.cookie = Some(format!("{cookie}; {}", other.cookie.unwrap()));
    assert!(!browser.get(&link).await.headers.contains_key("set-cookie"));
}
