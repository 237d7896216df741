//! An end user who goes through a session.

use keyway_connect::{NewSession, Purpose};
use keyway_vault::{Connection, ConnectionId, Document};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Browser, Page, ROOTLY, Stage};

/// The key of somebody of another organisation than Ada's: that of the fixtures.
pub(crate) const OTHER: &str = "rootly_07e207e207e207e207e207e207e207e207e207e207e207e207e207e207e207e2";

/// Somebody in a session of theirs.
pub(crate) struct Walk<'s> {
    pub(crate) stage: &'s Stage,
    pub(crate) browser: Browser,
    /// Where the session is.
    pub(crate) at: String,
    pub(crate) link: String,
}

pub(crate) fn connect() -> Purpose {
    Purpose::Connect { providers: Vec::new() }
}

pub(crate) fn manage() -> Purpose {
    Purpose::Manage { providers: Vec::new() }
}

pub(crate) fn reconnect(one: &Connection, other_account: bool) -> Purpose {
    Purpose::Reconnect { connection: one.id.to_string(), other_account }
}

impl<'s> Walk<'s> {
    pub(crate) async fn new(stage: &'s Stage, purpose: Purpose) -> Self {
        Self::of(stage, NewSession::new("user-1", purpose)).await
    }

    pub(crate) async fn of(stage: &'s Stage, new: NewSession) -> Self {
        Self::at(stage, stage.start(new).await.link.expose()).await
    }

    /// Opens a link.
    pub(crate) async fn at(stage: &'s Stage, link: &str) -> Self {
        let mut browser = Browser::new();
        let at = browser.open(link).await;
        Self { stage, browser, at, link: link.to_owned() }
    }

    pub(crate) fn id(&self) -> &str {
        self.at.rsplit('/').next().unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.browser.get(&format!("{}{path}", self.at)).await
    }

    /// Sends a form with the token of the page where the session stands.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf().await;
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        self.browser.post(&format!("{}{path}", self.at), &fields).await
    }

    /// A token for the session as it is now.
    pub(crate) async fn csrf(&mut self) -> String {
        let mut page = self.get("").await;
        for _ in 0..3 {
            if page.status == StatusCode::SEE_OTHER {
                page = self.browser.get(&page.location(&self.at)).await;
            } else if !page.text.contains("name=\"csrf\"") {
                page = self.get("/providers/rootly").await;
            }
        }
        page.csrf()
    }

    /// Gives a key to Rootly; returns the answer, and the page that it leads to.
    pub(crate) async fn rootly(&mut self, key: &str) -> (Page, Page) {
        self.key("rootly", &[("api_key", key)]).await
    }

    pub(crate) async fn key(&mut self, provider: &str, fields: &[(&str, &str)]) -> (Page, Page) {
        let path = format!("/providers/{provider}");
        let csrf = self.get(&path).await.csrf();
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        let answer = self.browser.post(&format!("{}{path}", self.at), &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let next = answer.location(&self.at);
        let page = self.browser.get(&next).await;
        (answer, page)
    }

    /// Presses the button of the page of an account.
    pub(crate) async fn confirm(&mut self, fields: &[(&str, &str)]) -> Page {
        self.post("/confirm", fields).await
    }

    /// What is kept of the session.
    pub(crate) async fn kept(&self) -> (Document, Value) {
        let document = self.stage.vault.documents().get("session", self.id()).await.unwrap().unwrap();
        let value = serde_json::from_slice(&document.text).unwrap();
        (document, value)
    }

    /// What was said of the last key.
    pub(crate) async fn told(&self) -> String {
        self.kept().await.1["told"]["kind"].as_str().unwrap_or("nothing").to_owned()
    }

    /// Has the session be as it is after the first of the two writes with which a key is saved.
    pub(crate) async fn saving(&self, checked: &Value, replaces: Option<i64>, id: &ConnectionId) {
        let (document, mut kept) = self.kept().await;
        let mut checked = checked.clone();
        checked.as_object_mut().unwrap().remove("at");
        kept["step"] = json!({ "at": "saving", "checked": checked, "connection": id.as_str() });
        if let Some(version) = replaces {
            kept["step"]["replaces"] = version.into();
        }
        let text = kept.to_string().into_bytes();
        self.stage.vault.documents().replace(&document, &text, document.expires_at).await.unwrap().unwrap();
    }

    pub(crate) async fn step(&self) -> String {
        self.kept().await.1["step"]["at"].as_str().unwrap().to_owned()
    }
}

/// A connection to Rootly of a user's, made through a session.
pub(crate) async fn linked(stage: &Stage, user: &str, key: &str) -> Connection {
    let mut walk = Walk::of(stage, NewSession::new(user, connect())).await;
    walk.rootly(key).await;
    let answer = walk.confirm(&[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let id = walk.kept().await.1["happened"][0]["connection"].as_str().unwrap().to_owned();
    stage.scope("acme").get(&keyway_vault::ConnectionId::parse(&id).unwrap()).await.unwrap()
}

/// Ada's, with the key of the fixtures.
pub(crate) async fn ada(stage: &Stage) -> Connection {
    linked(stage, "user-1", ROOTLY).await
}
