//! Looking after accounts: a session that goes on until its end user says that it is over.

use std::time::Duration;

use keyway_connect::{NewSession, Purpose};
use keyway_vault::{Status, Tenant};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    provider::Provider,
    stage::{ROOTLY, Stage},
    walk::{OTHER, Walk, ada, linked, manage},
};

const PARENT: &str = "https://app.example.com";

async fn result(walk: &mut Walk<'_>) -> Value {
    let url = format!("{}/result", walk.link);
    serde_json::from_str(&walk.browser.get(&url).await.text).unwrap()
}

#[tokio::test]
async fn there_is_always_a_way_back_to_the_list() {
    let stage = Stage::new().await;
    for (providers, has_choice) in [(vec![], true), (vec!["rootly".to_owned()], false)] {
        let mut walk = Walk::new(&stage, Purpose::Manage { providers }).await;
        // Before and after something is linked.
        for is_linked in [false, true] {
            let form = walk.get("/providers/rootly").await;
            assert!(form.text.contains("/accounts\"") && form.text.contains("Linked accounts"));
            assert_eq!(form.text.contains("All services"), has_choice);
            let answer = walk.post("/cancel", &[]).await;
            assert_eq!(answer.location(&walk.at), format!("{}/accounts", walk.at), "{is_linked}");
            let list = walk.get("/accounts").await;
            assert_eq!((list.status, walk.step().await.as_str()), (StatusCode::OK, "asking"));
            assert_eq!(list.text.contains("Ada Lovelace"), is_linked, "{}", list.text);
            let said = result(&mut walk).await;
            let status = if is_linked { "connected" } else { "opened" };
            assert_eq!((&said["status"], &said["ended"]), (&json!(status), &json!(false)));
            walk.rootly(ROOTLY).await;
            walk.confirm(&[]).await;
        }
        let list = stage.scope("acme").list(None, 10).await.unwrap();
        for one in list {
            stage.scope("acme").remove(&one.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn who_is_done_says_so_and_the_opener_hears_what_came_of_it() {
    let stage = Stage::new().await;
    for (parent, links) in [(Some(PARENT), true), (Some(PARENT), false), (None, true), (None, false)] {
        let new = NewSession::new("user-1", manage()).return_url("https://app.example.com/back");
        let new = if let Some(parent) = parent { new.parent_origin(parent) } else { new };
        let mut walk = Walk::of(&stage, new).await;
        if links {
            walk.rootly(ROOTLY).await;
            walk.confirm(&[("name", "Rockets")]).await;
        }
        let linked = result(&mut walk).await["connection_id"].clone();
        assert_eq!(linked.is_string(), links);
        // Without a page around it, the way back is at the list.
        let list = walk.get("/accounts").await.text;
        assert_eq!(list.contains("https://app.example.com/back"), parent.is_none(), "{list}");
        assert_eq!(list.contains("/leave\""), parent.is_some());
        assert_eq!(walk.post("/leave", &[]).await.location(&walk.at), walk.at);
        let (status, said) =
            if links { ("connected", "keyway.connected") } else { ("cancelled", "keyway.cancelled") };
        let after = result(&mut walk).await;
        assert_eq!((&after["status"], &after["ended"]), (&json!(status), &json!(true)));
        assert_eq!(after["connection_id"], linked);
        let page = walk.get("").await.text;
        assert_eq!(page.contains(&format!("data-tell=\"{said}\"")), parent.is_some(), "{page}");
        assert!(page.contains("https://app.example.com/back"));
        if let Some(id) = linked.as_str() {
            assert!(page.contains(&format!("connection_id={id}")), "{page}");
        }
        // It is over.
        for path in ["/accounts", "/providers", "/providers/rootly"] {
            assert_eq!(walk.get(path).await.location(&walk.at), walk.at, "{path}");
        }
        assert_eq!(walk.step().await, "left");
    }
}

#[tokio::test]
async fn what_is_removed_again_is_not_told_as_linked() {
    let stage = Stage::new().await;
    let new = NewSession::new("user-1", manage()).return_url("https://app.example.com/back");
    let mut walk = Walk::of(&stage, new).await;
    let mut linked = Vec::new();
    for key in [ROOTLY, OTHER] {
        walk.rootly(key).await;
        walk.confirm(&[]).await;
        linked.push(result(&mut walk).await["connection_id"].as_str().unwrap().to_owned());
    }
    // The second is to get a new key in one tab, and is removed in another.
    walk.post(&format!("/accounts/{}/reconnect", linked[1]), &[]).await;
    walk.post(&format!("/accounts/{}/remove", linked[1]), &[]).await;
    let list = walk.get("").await;
    assert!(list.status == StatusCode::OK && list.text.contains(&linked[0]), "{list:?}");
    let said = result(&mut walk).await;
    assert_eq!((&said["status"], &said["connection_id"]), (&json!("connected"), &json!(linked[0])));
    walk.post(&format!("/accounts/{}/remove", linked[0]), &[]).await;
    let said = result(&mut walk).await;
    assert_eq!((&said["status"], said.get("connection_id")), (&json!("opened"), None));
    walk.post("/leave", &[]).await;
    let page = walk.get("").await.text;
    assert!(page.contains("status=cancelled") && !page.contains("connection_id"), "{page}");
}

#[tokio::test]
async fn what_was_linked_is_told_after_the_time_of_its_session() {
    let stage = Stage::new().await;
    for (links, waits) in [(true, false), (true, true), (false, false)] {
        let mut walk = Walk::of(&stage, NewSession::new("user-1", manage()).parent_origin(PARENT)).await;
        if links {
            walk.rootly(ROOTLY).await;
            walk.confirm(&[]).await;
        }
        if waits {
            walk.rootly(OTHER).await;
        }
        let id = walk.id().to_owned();
        let session = stage.connect.session(&Tenant::parse("acme").unwrap(), &id).await.unwrap().unwrap();
        let (document, mut kept) = walk.kept().await;
        // A key that waits to be confirmed is gone with the session.
        let is_kept = document.expires_at.unwrap() > session.expires_at + Duration::from_secs(3000);
        assert_eq!(is_kept, links && !waits, "{document:?}");
        if !is_kept {
            continue;
        }
        kept["until"] = 1000.into();
        let text = kept.to_string().into_bytes();
        stage.vault.documents().replace(&document, &text, document.expires_at).await.unwrap().unwrap();
        let said = result(&mut walk).await;
        assert_eq!((&said["status"], &said["ended"]), (&json!("connected"), &json!(true)));
        assert!(said["connection_id"].is_string(), "{said}");
        // Nobody goes on in it.
        for path in ["", "/accounts", "/providers/rootly"] {
            assert_eq!(walk.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        let link = walk.link.clone();
        assert_eq!(walk.browser.get(&link).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn another_account_is_not_the_one_that_was_to_get_a_new_key() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    let mut walk = Walk::new(&stage, manage()).await;
    walk.post(&format!("/accounts/{}/reconnect", one.id), &[]).await;
    walk.rootly(ROOTLY).await;
    let before = walk.kept().await.1;
    for path in ["/providers", "/accounts", "/providers?q=x"] {
        walk.get(path).await;
        assert_eq!(walk.kept().await.1, before, "{path}: what is only looked at changes nothing");
    }
    walk.post("/providers", &[]).await;
    let kept = walk.kept().await.1;
    assert_eq!((kept.get("target"), &kept["step"]), (None, &json!({ "at": "asking" })));
    walk.rootly(ROOTLY).await;
    assert_eq!(walk.kept().await.1["step"]["same"], json!([one.id.as_str()]), "it is linked already");
}

#[tokio::test]
async fn accounts_are_listed_checked_reconnected_and_removed() {
    let stage = Stage::new().await;
    linked(&stage, "user-2", OTHER).await;
    let one = ada(&stage).await;
    let mut walk = Walk::new(&stage, manage()).await;
    let list = walk.get("").await;
    assert!(list.text.contains(one.id.as_str()) && !list.text.contains("Grace Hopper"), "{}", list.text);
    let answer = walk.post(&format!("/accounts/{}/check", one.id), &[]).await;
    let page = walk.browser.get(&answer.location(&walk.at)).await;
    assert!(page.text.contains("the key works"), "{}", page.text);
    assert_eq!(stage.audited("connection.checked").await, 0, "it was checked a moment ago");
    // A new key.
    let answer = walk.post(&format!("/accounts/{}/reconnect", one.id), &[]).await;
    assert_eq!(answer.location(&walk.at), walk.at);
    assert!(walk.get("").await.location(&walk.at).ends_with("/providers/rootly/api_key"));
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    assert_eq!(walk.kept().await.1["happened"][0]["reconnected"], true);
    assert_eq!((walk.get("").await.status, walk.step().await), (StatusCode::OK, "done".to_owned()));
    // And on: another one.
    assert_eq!(walk.get("/providers").await.status, StatusCode::OK);
    walk.rootly(OTHER).await;
    walk.confirm(&[("name", "Kites")]).await;
    assert_eq!(stage.scope("acme").list_of("user-1", None, 10).await.unwrap().len(), 2);
    // Who wants another one does not mean the one that was to be reconnected.
    walk.post(&format!("/accounts/{}/reconnect", one.id), &[]).await;
    assert_eq!(
        walk.get("/providers").await.location(&walk.at),
        walk.at,
        "what is only looked at changes nothing"
    );
    let answer = walk.post("/providers", &[]).await;
    assert!(answer.location(&walk.at).ends_with("/providers"));
    assert_eq!(walk.kept().await.1.get("target"), None);
    // Removed.
    let ask = walk.get(&format!("/accounts/{}/remove", one.id)).await;
    assert_eq!(ask.status, StatusCode::OK);
    let answer = walk.post(&format!("/accounts/{}/remove", one.id), &[]).await;
    let page = walk.browser.get(&answer.location(&walk.at)).await;
    assert!(page.text.contains("removed") && !page.text.contains(one.id.as_str()));
    assert!(stage.scope("acme").get(&one.id).await.is_err());
}

#[tokio::test]
async fn a_check_of_an_account_that_fails_is_told_and_changes_the_status() {
    let provider = Provider::answering(
        "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
    )
    .await;
    provider.leave.add_permits(10);
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let entry = stage.registry.get("rootly").unwrap();
    let submission = keyway_core::Submission::new().with("api_key", ROOTLY);
    let accepted = entry.accept(&entry.descriptor().methods()[0], &submission).unwrap();
    let credential = accepted.credential.at_origin(provider.origin());
    let new = keyway_vault::New::connection(&credential).end_user("user-1");
    let one = stage.scope("acme").save(new).await.unwrap().connection;
    let mut walk = Walk::new(&stage, manage()).await;
    let answer = walk.post(&format!("/accounts/{}/check", one.id), &[]).await;
    let page = walk.browser.get(&answer.location(&walk.at)).await;
    assert!(page.text.contains("not accepted any more"), "{}", page.text);
    assert_eq!(stage.scope("acme").get(&one.id).await.unwrap().status, Status::NeedsKey);
}
