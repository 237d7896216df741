//! The Transit engine, as its documentation has it: each request is held against a record, whole, and answered from it.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use keyway_core::{
    Answer, Bytes, Origin, Secret, Transport, TransportError, TransportErrorKind, async_trait,
};
use keyway_vault::{KeyError, KeySource as _, Kms as _, KmsKeys, KnownKey, Transit};

use crate::{ONE, TWO, assert_silent, id, key, told};

const ORIGIN: &str = "https://vault.example.internal:8200";
const TOKEN: &str = "hvs.canary-made-up-token";
const CIPHERTEXT: &str = "vault:v1:XjsPWPjqPrBi1N2Ms2s1QM798YyFWnO4TR4lsFA=";
const CONTEXT: &str = "keyway/v1/master-key/0123456789abcdef";

type Answering = dyn Fn(&Request<Bytes>) -> Result<Answer, TransportErrorKind> + Send + Sync;

/// A transport that sends nothing, and remembers what would have gone out.
struct Recorded {
    answer: Box<Answering>,
    requests: Mutex<Vec<String>>,
}

impl Recorded {
    fn new(
        answer: impl Fn(&Request<Bytes>) -> Result<Answer, TransportErrorKind> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), requests: Mutex::default() })
    }

    fn saying(status: u16, body: impl Into<String>) -> Arc<Self> {
        let answer = answer(status, body.into());
        Self::new(move |_| Ok(answer.clone()))
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Recorded {
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        assert!(request.headers()["x-vault-token"].is_sensitive(), "a client's log would show the token");
        let mut headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        let body = str::from_utf8(request.body()).unwrap();
        let whole = format!("{} {}\n{}\n\n{body}", request.method(), request.uri(), headers.join("\n"));
        self.requests.lock().unwrap().push(whole);
        (self.answer)(&request).map_err(|kind| TransportError::new(kind, "vault.example.internal"))
    }
}

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer::new(status, HeaderMap::new(), body.into(), SystemTime::UNIX_EPOCH)
}

/// What surrounds the data of an answer.
fn envelope(data: &str) -> String {
    format!(
        r#"{{"request_id":"ab00ba0f-9e45-0aca-e3c1-7765fd83fc3c","lease_id":"","renewable":false,"lease_duration":0,
        "data":{data},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"transit"}}"#
    )
}

fn encrypted(ciphertext: &str) -> String {
    envelope(&format!(r#"{{"ciphertext":"{ciphertext}","key_version":1}}"#))
}

fn decrypted(plaintext: &[u8]) -> String {
    envelope(&format!(r#"{{"plaintext":"{}"}}"#, STANDARD.encode(plaintext)))
}

fn transit(transport: Arc<Recorded>) -> Transit {
    let origin = Origin::parse(ORIGIN).unwrap();
    Transit::new(transport, origin, "transit", "keyway", &Secret::new(TOKEN)).unwrap()
}

fn bytes(digits: &str) -> [u8; 32] {
    let bytes: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

#[tokio::test]
async fn wrapping_is_the_request_to_encrypt() {
    let transport = Recorded::saying(200, encrypted(CIPHERTEXT));
    let wrapped = transit(Arc::clone(&transport)).wrap(&bytes(ONE), CONTEXT).await.unwrap();
    assert_eq!(wrapped, CIPHERTEXT.as_bytes());
    assert_eq!(
        transport.requests(),
        ["POST https://vault.example.internal:8200/v1/transit/encrypt/keyway\n\
          content-type: application/json\n\
          x-vault-request: true\n\
          x-vault-token: hvs.canary-made-up-token\n\n\
          {\"plaintext\":\"wP/uAcD/7gLA/+4DwP/uBMD/7gXA/+4GwP/uB8D/7gg=\",\
          \"associated_data\":\"a2V5d2F5L3YxL21hc3Rlci1rZXkvMDEyMzQ1Njc4OWFiY2RlZg==\"}"]
    );
}

#[tokio::test]
async fn unwrapping_is_the_request_to_decrypt() {
    let transport = Recorded::saying(200, decrypted(&bytes(ONE)));
    let transit = transit(Arc::clone(&transport)).in_namespace("teams/keyway/").unwrap();
    let key = transit.unwrap(CIPHERTEXT.as_bytes(), CONTEXT).await.unwrap();
    assert_eq!(key.id(), id(ONE));
    assert_eq!(
        transport.requests(),
        ["POST https://vault.example.internal:8200/v1/transit/decrypt/keyway\n\
          content-type: application/json\n\
          x-vault-namespace: teams/keyway/\n\
          x-vault-request: true\n\
          x-vault-token: hvs.canary-made-up-token\n\n\
          {\"ciphertext\":\"vault:v1:XjsPWPjqPrBi1N2Ms2s1QM798YyFWnO4TR4lsFA=\",\
          \"associated_data\":\"a2V5d2F5L3YxL21hc3Rlci1rZXkvMDEyMzQ1Njc4OWFiY2RlZg==\"}"]
    );
}

/// A server that answers as the engine does, with what it was given as the ciphertext.
#[tokio::test]
async fn a_source_over_the_engine() {
    let transport = Recorded::new(|request| {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let bound = text("associated_data");
        Ok(match request.uri().path() {
            "/v1/teams/a/transit/encrypt/keyway" => {
                let sealed = STANDARD.encode(format!("{bound} {}", text("plaintext")));
                answer(200, encrypted(&format!("vault:v12:{sealed}")))
            }
            "/v1/teams/a/transit/decrypt/keyway" => {
                let ciphertext = text("ciphertext");
                let sealed = STANDARD.decode(ciphertext.strip_prefix("vault:v12:").unwrap()).unwrap();
                let sealed = String::from_utf8(sealed).unwrap();
                match sealed.split_once(' ').filter(|(context, _)| *context == bound) {
                    Some((_, plaintext)) => answer(200, decrypted(&STANDARD.decode(plaintext).unwrap())),
                    None => answer(400, r#"{"errors":["cipher: message authentication failed"]}"#),
                }
            }
            other => panic!("{other}"),
        })
    });
    let origin = Origin::parse_loopback("http://127.0.0.1:8200").unwrap();
    let transit = Transit::new(transport, origin, "teams/a/transit", "keyway", &Secret::new(TOKEN)).unwrap();
    let source = KmsKeys::new(Arc::new(transit));
    assert_eq!(
        source.describe(),
        "the key `keyway` of HashiCorp Vault's Transit engine `teams/a/transit` at http://127.0.0.1:8200"
    );
    let new = source.fresh(&[]).await.unwrap();
    let known = KnownKey { id: new.key.id(), wrapped: new.wrapped };
    assert_eq!(source.keys(std::slice::from_ref(&known)).await.unwrap()[0].id(), new.key.id());

    let moved = KnownKey { id: id(ONE), ..known };
    assert_eq!(
        told(&source.keys(&[moved]).await.unwrap_err()),
        "the key service did not do it: the key `keyway` of HashiCorp Vault's Transit engine `teams/a/transit` at \
         http://127.0.0.1:8200: the wrapped key was changed, or another key or database wrapped it"
    );
    assert_silent(&format!("{source:?}"));
}

/// What is asked of both directions, and the words of the error that each gives: the same, as the answer is.
#[track_caller]
fn words(error: &KeyError) -> String {
    let KeyError::Service(_) = error else { panic!("{error:?}") };
    let text = told(error);
    let head = format!(
        "the key service did not do it: the key `keyway` of HashiCorp Vault's Transit engine `transit` at {ORIGIN}: "
    );
    text.strip_prefix(&head).unwrap().to_owned()
}

async fn both(answer: Result<Answer, TransportErrorKind>) -> (String, String) {
    let transit = transit(Recorded::new(move |_| answer.clone()));
    let wrapped = transit.wrap(&bytes(ONE), CONTEXT).await.unwrap_err();
    let unwrapped = transit.unwrap(CIPHERTEXT.as_bytes(), CONTEXT).await.unwrap_err();
    (words(&wrapped), words(&unwrapped))
}

#[tokio::test]
async fn refusals_in_words_for_a_person_and_none_of_the_servers() {
    let authentic = "the wrapped key was changed, or another key or database wrapped it";
    let derived = "the key is a derived one; make one without `derived`";
    let path = |said: &str, task: &str| said.replace("{task}", task);
    for (status, error, expected) in [
        (400, "cipher: message authentication failed", authentic),
        (400, "invalid ciphertext: cipher: message authentication failed", authentic),
        (
            400,
            "encryption key not found",
            "there is no key of this name; make one, of the type `aes256-gcm96`",
        ),
        (
            400,
            "ciphertext or signature version is disallowed by policy (too old)",
            "the key's `min_decryption_version` shuts out the version that wrapped this; lower it, rotate, and raise it again",
        ),
        (
            400,
            "invalid ciphertext: version is too new",
            "the key is older than what it wrapped: was it put back from a backup?",
        ),
        (
            400,
            "missing 'context' for key derivation; the key was created using a derived key, which means additional, \
             per-request information must be included in order to perform operations with the key",
            derived,
        ),
        (
            400,
            "'[0].associated_data' provided for non-AEAD cipher suite rsa-2048",
            "the key's type takes no associated data; make one of the type `aes256-gcm96`",
        ),
        (
            400,
            "message encryption not supported for key type ed25519",
            "the key's type is not for encryption; make one of the type `aes256-gcm96`",
        ),
        (400, "invalid ciphertext: no prefix", "it does not take the wrapped key for its own"),
        (400, "hvs.canary-made-up-token wP/uAcD/7gLA", "it takes the request for a wrong one (400)"),
        (
            403,
            "permission denied",
            "it refuses (403): the token is wrong or has expired, or may not `update` transit/{task}/keyway",
        ),
        (
            404,
            "no handler for route 'transit/encrypt/canary'",
            "there is nothing at transit/{task}/keyway (404): is the engine mounted there, and the namespace right?",
        ),
        (405, "unsupported operation", "it answers with the status 405, which the engine does not use here"),
        (412, "required index state not present", "this node is behind the others (412); try again"),
        (
            429,
            "request path rate limit quota exceeded",
            "it is asked too often, or is a standby (429); try again later",
        ),
        (473, "", "it is a standby (473); ask the active node"),
        (500, "internal error: canary", "it failed (500); try again later"),
        (501, "Vault is not initialized", "it is not initialised (501)"),
        (502, "canary", "it failed (502); try again later"),
        (503, "Vault is sealed", "it is sealed (503); somebody has to unseal it"),
        (503, "canary", "it is sealed or under maintenance (503)"),
        (204, "", "it answers with the status 204, which the engine does not use here"),
        (401, "canary", "it answers with the status 401, which the engine does not use here"),
    ] {
        let body = format!(r#"{{"errors":["{error}"]}}"#);
        let (wrapped, unwrapped) = both(Ok(answer(status, body))).await;
        assert_eq!((wrapped, unwrapped), (path(expected, "encrypt"), path(expected, "decrypt")), "{status}");
    }
    // Whatever stands in between may answer in a way of its own.
    for body in ["", "<html>canary</html>", r#"{"errors":"canary"}"#, r#"{"errors":[]}"#] {
        let (wrapped, _) = both(Ok(answer(400, body))).await;
        assert_eq!(wrapped, "it takes the request for a wrong one (400)", "{body}");
    }
    let endless = format!(r#"{{"errors":["Vault is sealed{}"]}}"#, "!".repeat(65 * 1024));
    assert_eq!(both(Ok(answer(503, endless))).await.0, "it is sealed or under maintenance (503)");
}

#[tokio::test]
async fn redirects_are_errors() {
    for status in [301, 302, 303, 307, 308] {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("https://evil.example/v1/canary"));
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer::new(status, headers, Bytes::new(), SystemTime::UNIX_EPOCH);
        let expected = "it answers with a redirect, which is not followed; name the active node";
        let transport = Recorded::new(move |_| Ok(answer.clone()));
        let error = transit(Arc::clone(&transport)).wrap(&bytes(ONE), CONTEXT).await.unwrap_err();
        assert_eq!((words(&error), transport.requests().len()), (expected.to_owned(), 1));
    }
}

#[tokio::test]
async fn no_answer() {
    for (kind, expected) in [
        (TransportErrorKind::Timeout, "the answer took too long"),
        (TransportErrorKind::Connect, "no connection to the host"),
        (TransportErrorKind::Tls, "the secure connection failed"),
        (TransportErrorKind::Address, "the host is, or resolves to, an address that must not be dialled"),
        (TransportErrorKind::TooLarge, "the answer is too large"),
    ] {
        assert_eq!(both(Err(kind)).await, (expected.to_owned(), expected.to_owned()));
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    let strange = "the answer is not what the Transit engine says";
    let form = "the answer holds no ciphertext of the form `vault:v1:…`";
    let large = "the answer is too large, or compressed";
    for (body, expected) in [
        (String::new(), strange),
        ("<html>canary</html>".to_owned(), strange),
        ("[]".to_owned(), strange),
        (r#"{"data":null}"#.to_owned(), strange),
        (envelope("{}"), strange),
        (envelope(r#"{"ciphertext":42}"#), strange),
        (envelope(r#"{"ciphertext":null}"#), strange),
        (encrypted(CIPHERTEXT).replace('}', ""), strange),
        ("{\"data\":".repeat(100_000)[..60_000].to_owned(), strange),
        (encrypted(""), form),
        (encrypted("wP/uAcD/7gLA"), form),
        (encrypted("vault:wP/uAcD/7gLA"), form),
        (encrypted("vault:v0:wP/uAcD/7gLA"), form),
        (encrypted("vault:v+1:wP/uAcD/7gLA"), form),
        (encrypted("vault:v1:"), form),
        (encrypted("vault:v1:wP/u canary"), form),
        (encrypted("vault:v99999999999:wP/u"), form),
        (encrypted(&format!("vault:v1:{}", "a".repeat(4096))), form),
        (encrypted(&format!("vault:v1:{}", "a".repeat(70_000))), large),
    ] {
        let transport = Recorded::saying(200, body.clone());
        let error = transit(transport).wrap(&bytes(ONE), CONTEXT).await.unwrap_err();
        assert_eq!(words(&error), expected, "{}", &body[..body.len().min(80)]);
    }
    let no_key = "what it unwrapped is no key of 32 bytes";
    for (body, expected) in [
        (envelope(r#"{"plaintext":["canary"]}"#), strange),
        (envelope(r#"{"plaintext":"not base64: canary"}"#), no_key),
        (decrypted(b""), no_key),
        (decrypted(&bytes(ONE)[1..]), no_key),
        (decrypted(&[&bytes(ONE)[..], b"\n"].concat()), no_key),
        (decrypted(&[0; 32]), no_key),
    ] {
        let transport = Recorded::saying(200, body);
        let error = transit(transport).unwrap(CIPHERTEXT.as_bytes(), CONTEXT).await.unwrap_err();
        assert_eq!(words(&error), expected);
    }
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    let body = Bytes::from(encrypted(CIPHERTEXT));
    let compressed = Answer::new(StatusCode::OK, headers, body, SystemTime::UNIX_EPOCH);
    assert_eq!(both(Ok(compressed)).await.0, large);
}

/// What the database keeps may have been edited: nothing of it goes into a request unless it has the form.
#[tokio::test]
async fn what_is_no_ciphertext_is_not_sent() {
    let transport = Recorded::saying(200, decrypted(&bytes(ONE)));
    let transit = transit(Arc::clone(&transport));
    let long = format!("vault:v1:{}", "a".repeat(4096));
    for wrapped in [&b""[..], b"\xff\xfe", b"vault:v1", b"vault:v1:\"}", b"aws:v1:AAAA", long.as_bytes()] {
        let error = transit.unwrap(wrapped, CONTEXT).await.unwrap_err();
        assert_eq!(
            words(&error),
            "what the database keeps is no ciphertext of the form `vault:v1:…`; nothing was asked"
        );
    }
    assert!(transport.requests().is_empty());
}

#[test]
fn i2_settings_that_cannot_be_and_no_token_in_any_text() {
    let make = |mount: &str, name: &str, token: &str| {
        let origin = Origin::parse(ORIGIN).unwrap();
        Transit::new(Recorded::saying(200, ""), origin, mount, name, &Secret::new(token))
            .map_err(|error| told(&error))
    };
    let good = make("teams/a/transit", "keyway.v1_x-y", TOKEN).unwrap().in_namespace("ns1/").unwrap();
    assert_silent(&format!("{good:?} {good:#?} {}", good.describe()));
    assert_silent(&format!("{:?}", KmsKeys::new(Arc::new(good.clone()))));

    let setup = |what: &str| format!("the key service is not set up: {what}");
    let mount = setup("the mount is not segments of letters, digits, `_`, `.`, `-` with `/` between them");
    for bad in [
        "",
        "/transit",
        "transit/",
        "a//b",
        "..",
        "a/../b",
        "a.",
        "a b",
        "a%2fb",
        "a?b",
        "ä",
        &"x".repeat(257),
    ] {
        assert_eq!(make(bad, "keyway", TOKEN).unwrap_err(), mount, "{bad}");
    }
    let name = setup("the key's name is not letters, digits, `_`, `.`, `-`");
    for bad in ["", "a/b", ".", "..", "a?b", "a#b", "a b", &"x".repeat(257)] {
        assert_eq!(make("transit", bad, TOKEN).unwrap_err(), name, "{bad}");
    }
    let token = setup("the token is empty, or holds something other than visible ASCII");
    for bad in ["", " ", "hvs.canary\n", "hvs.canary hvs", "hvs.canäry", "hvs.\u{200b}canary"] {
        assert_eq!(make("transit", "keyway", bad).unwrap_err(), token);
    }
    for bad in ["", "a b", "a\r\nx: y", &"x".repeat(257)] {
        let error = good.clone().in_namespace(bad).unwrap_err();
        assert_eq!(told(&error), setup("the namespace is empty, too long, or not visible ASCII"));
    }
    // What the tests look for is there to be found.
    let _ = key(TWO);
    assert!(STANDARD.encode(bytes(ONE)).contains("wP/u") && STANDARD.encode(bytes(TWO)).contains("3sre"));
}
