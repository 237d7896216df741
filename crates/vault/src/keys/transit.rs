//! The Transit engine of HashiCorp Vault and OpenBao, as a key service.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use keyway_core::{Answer, Bytes, Origin, Secret, Transport};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{KEY_LENGTH, KeyError, Kms, MasterKey};

/// The largest answer that is read, in bytes: a wrapped key takes some hundred.
const LIMIT: usize = 64 * 1024;
/// The longest wrapped key, in bytes.
const WRAPPED_LIMIT: usize = 4096;
/// The longest mount, name or namespace, in characters.
const NAME_LIMIT: usize = 256;

/// The Transit secrets engine of HashiCorp Vault or OpenBao, as a [`Kms`].
///
/// The key there is one of a type that takes associated data, such as `aes256-gcm96` (the default), and is not a derived one.
/// The token needs `update` on `{mount}/encrypt/{name}` and `{mount}/decrypt/{name}`, and nothing else: with `create`, a name
/// that is not there would become a key.
///
/// The transport sends one request and follows nothing, within limits of its own. A server of one's own usually stands in a
/// private network, which a transport for providers refuses: give this one its own.
///
/// After the documentation of the API: <https://developer.hashicorp.com/vault/api-docs/secret/transit> (encrypt, decrypt),
/// <https://developer.hashicorp.com/vault/api-docs> (headers, namespaces, statuses, errors) and
/// <https://openbao.org/api-docs/secret/transit/> (`associated_data`).
#[derive(Clone)]
pub struct Transit {
    transport: Arc<dyn Transport>,
    origin: Origin,
    mount: Box<str>,
    name: Box<str>,
    token: HeaderValue,
    namespace: Option<HeaderValue>,
}

impl Transit {
    /// The key `name` of the engine that is mounted at `mount` (`transit`, `teams/keyway/transit`).
    ///
    /// # Errors
    /// [`KeyError::Setup`] when mount or name is anything but letters, digits and `_ . -` (and `/` in a mount), or the token
    /// is not visible ASCII.
    pub fn new(
        transport: Arc<dyn Transport>,
        origin: Origin,
        mount: &str,
        name: &str,
        token: &Secret,
    ) -> Result<Self, KeyError> {
        let setup = |what: &str| KeyError::Setup(what.to_owned());
        if !mount.split('/').all(is_segment) || mount.len() > NAME_LIMIT {
            return Err(setup(
                "the mount is not segments of letters, digits, `_`, `.`, `-` with `/` between them",
            ));
        }
        if !is_segment(name) || name.len() > NAME_LIMIT {
            return Err(setup("the key's name is not letters, digits, `_`, `.`, `-`"));
        }
        let token = visible(token.expose())
            .ok_or_else(|| setup("the token is empty, or holds something other than visible ASCII"))?;
        Ok(Self { transport, origin, mount: mount.into(), name: name.into(), token, namespace: None })
    }

    /// Asks in a namespace (`X-Vault-Namespace`).
    ///
    /// # Errors
    /// [`KeyError::Setup`] when it is empty or not visible ASCII.
    pub fn in_namespace(self, namespace: &str) -> Result<Self, KeyError> {
        let value = visible(namespace).filter(|_| namespace.len() <= NAME_LIMIT).ok_or_else(|| {
            KeyError::Setup("the namespace is empty, too long, or not visible ASCII".to_owned())
        })?;
        Ok(Self { namespace: Some(value), ..self })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        task: &'static str,
        question: &Question<'_>,
    ) -> Result<T, KeyError> {
        let path = format!("{}/{task}/{}", self.mount, self.name);
        let mut body = Zeroizing::new(Vec::with_capacity(2 * WRAPPED_LIMIT));
        serde_json::to_writer(&mut *body, question)
            .map_err(|_| self.error("the request cannot be written"))?;
        let mut request = Request::post(format!("{}/v1/{path}", self.origin))
            .header(header::CONTENT_TYPE, "application/json")
            // Without it, a proxy of the server's may refuse: `require_request_header`.
            .header("x-vault-request", "true")
            .body(Bytes::from_owner(body))
            .map_err(|_| self.error("the request cannot be made"))?;
        request.headers_mut().insert(TOKEN, self.token.clone());
        if let Some(namespace) = &self.namespace {
            request.headers_mut().insert(NAMESPACE, namespace.clone());
        }
        let answer =
            self.transport.send(request).await.map_err(|error| self.error(&error.kind().to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(self.error(&why(&answer, &path)));
        }
        if answer.body().len() > LIMIT || answer.is_encoded() {
            return Err(self.error("the answer is too large, or compressed"));
        }
        match serde_json::from_slice::<Reply<T>>(answer.body()) {
            Ok(reply) => Ok(reply.data),
            // The library's own words quote the answer.
            Err(_) => Err(self.error("the answer is not what the Transit engine says")),
        }
    }

    fn error(&self, what: &str) -> KeyError {
        KeyError::Service(format!("{}: {what}", self.describe()))
    }
}

#[async_trait]
impl Kms for Transit {
    fn describe(&self) -> String {
        format!(
            "the key `{}` of HashiCorp Vault's Transit engine `{}` at {}",
            self.name, self.mount, self.origin
        )
    }

    async fn wrap(&self, key: &[u8; KEY_LENGTH], context: &str) -> Result<Vec<u8>, KeyError> {
        let plaintext = Zeroizing::new(STANDARD.encode(key));
        let associated_data = STANDARD.encode(context);
        let question =
            Question { plaintext: Some(&plaintext), ciphertext: None, associated_data: &associated_data };
        let reply: Encrypted = self.ask("encrypt", &question).await?;
        if !is_wrapped(&reply.ciphertext) {
            return Err(self.error("the answer holds no ciphertext of the form `vault:v1:…`"));
        }
        Ok(reply.ciphertext.into_bytes())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &str) -> Result<MasterKey, KeyError> {
        let ciphertext = str::from_utf8(wrapped).ok().filter(|text| is_wrapped(text));
        if ciphertext.is_none() {
            return Err(self.error(
                "what the database keeps is no ciphertext of the form `vault:v1:…`; nothing was asked",
            ));
        }
        let associated_data = STANDARD.encode(context);
        let question = Question { plaintext: None, ciphertext, associated_data: &associated_data };
        let reply: Decrypted = self.ask("decrypt", &question).await?;
        let plaintext = Zeroizing::new(reply.plaintext);
        let bytes = STANDARD.decode(plaintext.as_bytes()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| MasterKey::from_bytes(&bytes).ok());
        key.ok_or_else(|| self.error("what it unwrapped is no key of 32 bytes"))
    }
}

impl fmt::Debug for Transit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transit")
            .field("origin", &self.origin)
            .field("mount", &self.mount)
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

#[derive(Serialize)]
struct Question<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext: Option<&'a str>,
    associated_data: &'a str,
}

#[derive(Deserialize)]
struct Reply<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// What the engine says with 400, by a part of it, and what that means here. Nothing else of a body is ever shown.
const REFUSALS: [(&str, &str); 8] = [
    ("message authentication failed", "the wrapped key was changed, or another key or database wrapped it"),
    ("encryption key not found", "there is no key of this name; make one, of the type `aes256-gcm96`"),
    (
        "disallowed by policy (too old)",
        "the key's `min_decryption_version` shuts out the version that wrapped this; lower it, rotate, and raise it again",
    ),
    ("version is too new", "the key is older than what it wrapped: was it put back from a backup?"),
    ("for key derivation", "the key is a derived one; make one without `derived`"),
    ("non-AEAD", "the key's type takes no associated data; make one of the type `aes256-gcm96`"),
    (
        "not supported for key type",
        "the key's type is not for encryption; make one of the type `aes256-gcm96`",
    ),
    ("invalid ciphertext", "it does not take the wrapped key for its own"),
];

/// Why there is no good answer, in words for a person.
fn why(answer: &Answer, path: &str) -> String {
    let status = answer.status();
    let said: Vec<String> = (answer.body().len() <= LIMIT)
        .then(|| serde_json::from_slice::<Errors>(answer.body()).ok())
        .flatten()
        .map_or_else(Vec::new, |body| body.errors);
    let says = |part: &str| said.iter().any(|text| text.contains(part));
    match status.as_u16() {
        400 => match REFUSALS.iter().find(|(part, _)| says(part)) {
            Some((_, meaning)) => (*meaning).to_owned(),
            None => "it takes the request for a wrong one (400)".to_owned(),
        },
        403 => format!("it refuses (403): the token is wrong or has expired, or may not `update` {path}"),
        404 => {
            format!("there is nothing at {path} (404): is the engine mounted there, and the namespace right?")
        }
        412 => "this node is behind the others (412); try again".to_owned(),
        429 => "it is asked too often, or is a standby (429); try again later".to_owned(),
        472 | 473 => format!("it is a standby ({status}); ask the active node", status = status.as_u16()),
        501 => "it is not initialised (501)".to_owned(),
        503 if says(" is sealed") => "it is sealed (503); somebody has to unseal it".to_owned(),
        503 => "it is sealed or under maintenance (503)".to_owned(),
        300..=399 => "it answers with a redirect, which is not followed; name the active node".to_owned(),
        500..=599 => format!("it failed ({}); try again later", status.as_u16()),
        other => format!("it answers with the status {other}, which the engine does not use here"),
    }
}

/// Tells whether a text is a ciphertext of the engine: `vault:v`, the key's version, `:`, and base64.
fn is_wrapped(text: &str) -> bool {
    let parts = text.strip_prefix("vault:v").and_then(|rest| rest.split_once(':'));
    text.len() <= WRAPPED_LIMIT
        && parts.is_some_and(|(version, data)| {
            version.parse::<u32>().is_ok_and(|number| number > 0)
                && version.bytes().all(|byte| byte.is_ascii_digit())
                && !data.is_empty()
                && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        })
}

/// Tells whether a text is one segment of a path, as it stands. The server refuses one that ends in a period.
fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && !text.ends_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// A header's value that no log of a client's shows.
fn visible(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(value)
}
