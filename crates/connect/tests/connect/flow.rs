//! The flow from a link to a connection, as an end user goes through it.

use reqwest::StatusCode;

use crate::stage::{ROOTLY, Stage};

#[tokio::test]
async fn a_key_becomes_a_connection() {
    let stage = Stage::new().await;
    let (mut browser, at) = stage.opened().await;
    let chooser = browser.get(&at).await;
    assert_eq!(chooser.status, StatusCode::OK);
    assert!(chooser.text.contains("/providers/rootly") && chooser.text.contains("/providers/rally"));
    let form = browser.get(&format!("{at}/providers/rootly")).await;
    assert_eq!(form.status, StatusCode::OK);
    let sent = [("csrf", form.csrf()), ("api_key", ROOTLY.to_owned())];
    let answer = browser.post(&format!("{at}/providers/rootly/api_key"), &pairs(&sent)).await;
    assert_eq!((answer.status, answer.location(&at)), (StatusCode::SEE_OTHER, at.clone()), "{}", answer.text);
    let confirm = browser.get(&at).await;
    assert!(confirm.text.contains("[Acme Rockets] Ada Lovelace"), "{}", confirm.text);
    let sent = [("csrf", confirm.csrf()), ("name", "Rockets".to_owned())];
    let answer = browser.post(&format!("{at}/confirm"), &pairs(&sent)).await;
    assert_eq!((answer.status, answer.location(&at)), (StatusCode::SEE_OTHER, at.clone()), "{}", answer.text);
    let done = browser.get(&at).await;
    assert_eq!(done.status, StatusCode::OK);
    let list = stage.scope("acme").list(None, 10).await.unwrap();
    assert_eq!(list.len(), 1);
    let one = &list[0];
    assert_eq!(one.name.as_deref(), Some("Rockets"));
    assert_eq!(one.end_user.as_deref(), Some("user-1"));
    assert!(done.text.contains(one.id.as_str()), "{}", done.text);
}

fn pairs<'p>(list: &'p [(&'p str, String)]) -> Vec<(&'p str, &'p str)> {
    list.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
