//! Credentials of a provider that exists in tests only.

use keyway_core::{Credential, Origin, Registry, Submission};

pub(crate) const KEY: &str = "canary-key-1";

/// The descriptor of a provider whose credential goes into `header` as `value`.
pub(crate) fn descriptor(header: &str, value: &str) -> String {
    format!(
        r#"
version: 1
id: test
name: Test
summary: A provider for tests.
links: {{ docs: https://test.example/docs, keys: https://test.example/keys, support: https://test.example/help }}
seen_live: never
api:
  origin: https://api.test.example
  also: [https://files.test.example]
methods:
  api_key:
    label: API key
    guide: {{ steps: [Make a key.] }}
    fields:
      api_key: {{ label: API key }}
    authorize:
      headers: {{ {header}: "{value}" }}
    check:
      request: GET /v1/me?x=canary-query
      valid: {{ status: 200, body: {{ /id: {{ exists: true }} }} }}
      account: {{ id: /id, label: ["{{/id}}"] }}
"#
    )
}

/// The two headers of the providers we ship, with the value that has to arrive in each.
pub(crate) const PLACES: [(&str, &str); 2] =
    [("authorization", "Bearer canary-key-1"), ("zsessionid", "canary-key-1")];

/// A credential that goes into `header`, for `https://api.test.example` and `https://files.test.example`.
pub(crate) fn credential(header: &str) -> Credential {
    let value = if header == "authorization" { "Bearer {api_key}" } else { "{api_key}" };
    let registry = Registry::from_descriptors([("test/provider.yaml", &*descriptor(header, value))]).unwrap();
    registry.accept("test", None, &Submission::new().with("api_key", KEY)).unwrap().credential
}

/// The same for a server on loopback.
pub(crate) fn credential_at(header: &str, origin: &str) -> Credential {
    credential(header).at_origin(Origin::parse_loopback(origin).unwrap())
}
