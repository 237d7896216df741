//! The REST API: what it does, and what it refuses.

mod document;
mod idempotency;
mod key;
mod refusals;
mod tenants;
mod uses;

use keyway_vault::{ApiScope, Tenant};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Page, ROOTLY, Stage, actor};

/// A platform's backend: it shows a token.
struct Backend {
    client: reqwest::Client,
    origin: String,
    token: String,
}

impl Backend {
    /// With everything of a tenant.
    async fn of(stage: &Stage, tenant: &str) -> Self {
        Self::with(stage, stage.token(tenant).await)
    }

    /// With some scopes of a tenant, or of the platform.
    async fn scoped(stage: &Stage, tenant: Option<&str>, scopes: &[ApiScope]) -> Self {
        let tenant = tenant.map(|tenant| Tenant::parse(tenant).unwrap());
        let made = stage.vault.tokens(&actor()).create(tenant.as_ref(), None, scopes, None).await.unwrap();
        Self::with(stage, made.secret.expose().to_owned())
    }

    fn with(stage: &Stage, token: String) -> Self {
        Self { client: reqwest::Client::new(), origin: stage.origin.clone(), token }
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method.clone(), format!("{}{path}", self.origin));
        request.bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Page {
        send(self.request(&Method::GET, path)).await
    }

    async fn delete(&self, path: &str) -> Page {
        send(self.request(&Method::DELETE, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Page {
        send(with(self.request(&Method::POST, path), body)).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Page {
        send(with(self.request(&Method::PATCH, path), body)).await
    }

    /// A connection, made of the good key of a fixture.
    async fn connection(&self) -> String {
        let made = self.post("/v1/connections", &connection()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

impl Page {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's stable word.
    #[track_caller]
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        problem["type"].as_str().unwrap().strip_prefix("urn:keyway:problem:").unwrap().to_owned()
    }
}

async fn send(request: RequestBuilder) -> Page {
    Page::read(request.send().await.unwrap()).await
}

/// A request with a body of JSON.
fn with(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

fn connection() -> Value {
    json!({"provider": "rootly", "values": {"api_key": ROOTLY}, "end_user": "user-1", "name": "Production"})
}

fn session() -> Value {
    json!({"end_user": "user-1", "purpose": "connect"})
}
