//! A provider to examine: the smallest whole one, and its kin.

use keyway_core::{Descriptor, Provider, Registration};

/// The smallest whole provider. It is what CONTRIBUTING.md starts from, so it stays small.
pub(crate) const DESCRIPTOR: &str = r#"
version: 1
id: acme
name: Acme
summary: Rockets.
links: { docs: "https://docs.acme.example/api", keys: "https://acme.example/keys" }
seen_live: never
api: { origin: "https://api.acme.example" }
methods:
  api_key:
    label: API key
    guide: [Open **Settings**., Copy the key.]
    fields:
      api_key: { label: API key, help: From the settings., step: 2, shape: { prefix: acme_ } }
    authorize: { headers: { x-api-key: "{api_key}" } }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/name}"], same_by: { pointer: /team } }
"#;

pub(crate) const FIXTURES: &str = r#"
version: 1
methods:
  api_key:
    secrets: { api_key: [header x-api-key] }
    request: |
      GET https://api.acme.example/me
      accept-encoding: identity
      x-api-key: {api_key}
    checks:
      - { name: good, values: { api_key: acme_made_up_good }, answer: { status: 200, body: { id: 7, name: Ada, team: Moon } }, verdict: valid, account: { id: "7", label: Ada, group: Moon }, source: docs }
      - { name: revoked, values: { api_key: acme_made_up_revoked }, answer: { status: 401 }, verdict: invalid, source: docs }
      - { name: forbidden, values: { api_key: acme_made_up_forbidden }, answer: { status: 403 }, verdict: forbidden, source: inferred }
      - { name: not found, values: { api_key: acme_made_up_404 }, answer: { status: 404 }, verdict: unknown, source: inferred }
      - { name: limited, values: { api_key: acme_made_up_429 }, answer: { status: 429, headers: { retry-after: "30" } }, verdict: rate_limited, retry_after: 30, source: inferred }
      - { name: broken, values: { api_key: acme_made_up_500 }, answer: { status: 500 }, verdict: unavailable, source: inferred }
      - { name: page, values: { api_key: acme_made_up_page }, answer: { status: 200, headers: { content-type: text/html }, body: <html> }, verdict: unknown, source: inferred }
      - { name: silence, values: { api_key: acme_made_up_silence }, verdict: unavailable, source: inferred }
    calls:
      - name: list the rockets
        send: |
          GET /rockets?key=x
        arrives: |
          GET https://api.acme.example/rockets?key=x
          x-api-key: {api_key}
        answer: { status: 200, body: [] }
        source: docs
"#;

pub(crate) const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

#[derive(Debug)]
struct Plain {
    descriptor: Descriptor,
}

impl Provider for Plain {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }
}

pub(crate) fn registration(descriptor: &str, fixtures: &str) -> Registration {
    Registration {
        package: "keyway-acme",
        // A registration is constant data; a test's may as well live until the end.
        descriptor: descriptor.to_owned().leak(),
        fixtures: fixtures.to_owned().leak(),
        logo: LOGO,
        build: |descriptor| Box::new(Plain { descriptor }),
    }
}
