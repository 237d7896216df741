//! A vault in which everything happened once.

use std::sync::Arc;

use http::Method;
use keyway_core::{Credential, Registry, Submission, Verdict};
use keyway_vault::{Accounts, By, ConnectionId, GrantId, New, Record, Scope, Terms};

use crate::{
    database::Raw,
    setting::{ACME, Setting, account, actor, checked, tenant},
};

/// Another provider, with a key of the same form: what opens for one must not open for the other.
pub(crate) const BOLT: &str = r#"
version: 1
id: bolt
name: Bolt
summary: Another service that there is not.
links: { docs: https://docs.bolt.example }
seen_live: never
api:
  origin: https://api.bolt.example
  media_type: application/json
methods:
  api_key:
    label: API key
    guide: [Copy the key.]
    fields:
      api_key: { label: API key }
    authorize: { headers: { x-bolt-key: "{api_key}" } }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/name}"] }
"#;

pub(crate) fn registry() -> Registry {
    Registry::from_descriptors([("acme.yaml", ACME), ("bolt.yaml", BOLT)]).unwrap()
}

pub(crate) fn bolt(registry: &Registry, secret: &str) -> Credential {
    registry.accept("bolt", None, &Submission::new().with("api_key", secret)).unwrap().credential
}

/// Two tenants and two providers; grants, one of them revoked; a connection that is gone; uses; two keys.
pub(crate) struct Story {
    pub(crate) setting: Setting,
    pub(crate) registry: Registry,
    /// As what happened before a connection was renamed, and a grant was revoked, is kept as `before`.
    pub(crate) raw: Raw,
    /// Renamed, checked, and with a new key.
    pub(crate) one: ConnectionId,
    /// Of the same tenant and provider.
    pub(crate) two: ConnectionId,
    /// Of the same tenant and another provider.
    pub(crate) other_provider: ConnectionId,
    /// Of another tenant, with the key of `two`.
    pub(crate) other_tenant: ConnectionId,
    pub(crate) removed: ConnectionId,
    /// Of `one`, with its token.
    pub(crate) grant: (GrantId, String),
    pub(crate) revoked: (GrantId, String),
    /// Of the other tenant.
    pub(crate) other_grant: (GrantId, String),
}

impl Story {
    pub(crate) async fn new() -> Self {
        let setting = Setting::new().await;
        let registry = registry();
        let scope = setting.vault.tenant(&tenant("acme"), &actor());
        let other = setting.vault.tenant(&tenant("other"), &actor());
        let save = async |scope: &Scope, credential: Credential, of: &str| {
            let account = account(of);
            scope.save(New::connection(&credential).account(&account)).await.unwrap().connection.id
        };
        let one = save(&scope, setting.credential(1), "u1").await;
        let two = save(&scope, setting.credential(2), "u2").await;
        let other_provider = save(&scope, bolt(&registry, "bolt_madeup00000000001"), "u3").await;
        let other_tenant = save(&other, setting.credential(2), "u2").await;
        let removed = save(&scope, setting.credential(4), "u4").await;
        let grant = async |scope: &Scope, connection: &ConnectionId| {
            let new = scope.grant(connection, Terms::default()).await.unwrap();
            (new.grant.id, new.token.expose().to_owned())
        };
        let revoked = grant(&scope, &one).await;
        let mut raw = Raw::open(&setting.folder).await;
        raw.keep("before").await;
        scope.rename(&one, Some("Production")).await.unwrap();
        checked(&scope, &one, &Verdict::Valid(account("u1"))).await.unwrap();
        let next = setting.credential(3);
        scope.replace(&one, New::connection(&next).account(&account("u1")), Accounts::Same).await.unwrap();
        let kept = grant(&scope, &one).await;
        let other_grant = grant(&other, &other_tenant).await;
        scope.revoke(&revoked.0).await.unwrap();
        scope.remove(&removed).await.unwrap();
        setting.vault.rotate(&actor(), |_| {}).await.unwrap();
        let (recorder, recording) = setting.vault.recorder().await.unwrap();
        let path: Arc<str> = "/me".into();
        let by = By::Grant(kept.0.clone());
        recorder.intend(Record::new(tenant("acme"), one.clone(), by, Method::GET, path)).await.unwrap();
        drop(recorder);
        recording.end().await.unwrap();
        raw.keep("whole").await;
        let grant = kept;
        Self {
            setting,
            registry,
            raw,
            one,
            two,
            other_provider,
            other_tenant,
            removed,
            grant,
            revoked,
            other_grant,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.setting.vault.tenant(&tenant("acme"), &actor())
    }

    pub(crate) fn other(&self) -> Scope {
        self.setting.vault.tenant(&tenant("other"), &actor())
    }

    /// What `verify` finds, as `code what`.
    pub(crate) async fn found(&self) -> Vec<String> {
        let report = self.setting.vault.verify(&[]).await.unwrap();
        report.problems.iter().map(|found| format!("{} {}", found.code, found.what)).collect()
    }
}
