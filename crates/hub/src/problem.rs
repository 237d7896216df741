//! What the gateway itself answers when a request goes no further: problem documents (RFC 9457).

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// The header that names a problem. An upstream's is never passed on, so that one of these is always the gateway's own.
pub(crate) const PROBLEM: HeaderName = HeaderName::from_static("keyway-problem");

/// A request that goes no further, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What is particular to this one; never a value of the caller's or the provider's.
    detail: Option<Cow<'static, str>>,
    /// When to try again.
    retry_after: Option<Duration>,
    /// More headers: a provider's own limits.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Whose fault a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Whoever made the request.
    Caller,
    /// The key that was kept, or whoever has to give a new one.
    Connection,
    /// The service behind.
    Provider,
    /// Whoever runs the gateway.
    Gateway,
}

macro_rules! codes {
    ($($variant:ident $code:literal $status:ident $fault:ident $title:literal $help:literal)*) => {
        /// The problems there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Code { $(#[doc = $title] $variant),* }

        impl Code {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable word.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The status that it is answered with.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),* }
            }

            /// Whose fault it is.
            pub(crate) fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault),* }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),* }
            }
        }
    };
}

codes! {
    RequestMalformed "request-malformed" BAD_REQUEST Caller
        "The request is not valid HTTP, or can be read in more than one way"
        "Send one Host, one length, and lines that end in CRLF. The connection is closed."
    HeadTooLarge "head-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE Caller
        "The request's headers are too large"
        "Send fewer or shorter headers, or have the gateway's limit raised."
    TargetTooLong "target-too-long" URI_TOO_LONG Caller
        "The request's path and query are too long"
        "Send a shorter one: much of it may belong into a body."
    HeadTimeout "head-timeout" REQUEST_TIMEOUT Caller
        "The request's headers took too long"
        "Send them at once."
    TargetForm "target-form" BAD_REQUEST Caller
        "The request's target is not a path"
        "Use the gateway's address as the base URL. It is no forward proxy."
    PathAmbiguous "path-ambiguous" BAD_REQUEST Caller
        "The path can be read in more than one way"
        "Send it without dot segments, doubled slashes at its beginning, backslashes and control characters, escaped ones too."
    MethodRefused "method-refused" METHOD_NOT_ALLOWED Caller
        "CONNECT and TRACE are never passed on"
        "Use another method."
    MethodOverridden "method-overridden" BAD_REQUEST Caller
        "A header would make the provider read another method or path than the one that was allowed"
        "Send the method and the path themselves, without an override header."
    HeaderUnreadable "header-unreadable" BAD_REQUEST Caller
        "A header is not text in UTF-8"
        "Send visible ASCII, or UTF-8."
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE Caller
        "The request's body is too large"
        "Send less at once, or have the gateway's limit raised."
    BodyIncomplete "body-incomplete" BAD_REQUEST Caller
        "The request's body did not arrive whole"
        "Send all of it."
    GrantMissing "grant-missing" UNAUTHORIZED Caller
        "The request has no grant"
        "Put a grant (`kwg_…`) where the provider's key would stand, or into the header Keyway-Grant."
    GrantTwice "grant-twice" BAD_REQUEST Caller
        "The request has more than one grant, or one header of its place twice"
        "Send one grant, in one place, once."
    GrantUnknown "grant-unknown" UNAUTHORIZED Caller
        "The grant is not one of this gateway's"
        "Check that all of it was copied. A grant that was removed cannot be used again: have a new one made."
    GrantRevoked "grant-revoked" UNAUTHORIZED Caller
        "The grant was revoked"
        "Have a new one made."
    GrantExpired "grant-expired" UNAUTHORIZED Caller
        "The grant has expired"
        "Have a new one made."
    GrantMethod "grant-method" FORBIDDEN Caller
        "The grant does not allow this method"
        "Use a method that it allows, or have one made that allows more."
    GrantPath "grant-path" FORBIDDEN Caller
        "The grant does not allow this path"
        "Use a path that it allows, or have one made that allows more."
    GrantRate "grant-rate" TOO_MANY_REQUESTS Caller
        "The grant's rate is used up"
        "Wait as long as Retry-After says."
    GrantSpilled "grant-spilled" BAD_REQUEST Caller
        "A grant stands where it would be sent on to the provider"
        "Put it into one place, which the gateway takes it from."
    ConnectionUnknown "connection-unknown" NOT_FOUND Caller
        "There is no such connection for this grant"
        "Use the connection that the grant was made for, or the address without one."
    ConnectionNeedsKey "connection-needs-key" BAD_GATEWAY Connection
        "The connection needs a new key"
        "Whoever connected the account has to give its key again."
    ConnectionUnusable "connection-unusable" BAD_GATEWAY Gateway
        "The connection's key cannot be used"
        "Nothing was sent. Whoever runs the gateway finds the reason in its log, or by `keyway vault verify`."
    ProviderLimit "provider-limit" TOO_MANY_REQUESTS Provider
        "The provider's own limit is reached"
        "Wait as long as Retry-After says: the provider would refuse the request before."
    ConnectionBusy "connection-busy" TOO_MANY_REQUESTS Provider
        "The provider takes no more requests of this account at once"
        "Wait until others have ended."
    ProviderUnreachable "provider-unreachable" BAD_GATEWAY Provider
        "The provider could not be reached"
        "Nothing was sent. Try again."
    ProviderAddress "provider-address" BAD_GATEWAY Gateway
        "The provider's address is one that must not be asked"
        "Nothing was sent. Its name resolves to an address that is private or reserved."
    ProviderClosed "provider-closed" BAD_GATEWAY Provider
        "The provider closed the connection before it answered"
        "The request may have taken effect: look before you repeat it."
    ProviderMalformed "provider-malformed" BAD_GATEWAY Provider
        "The provider's answer is not valid HTTP"
        "The request may have taken effect: look before you repeat it."
    ProviderEncoding "provider-encoding" BAD_GATEWAY Provider
        "The provider's answer is encoded in a way that cannot be looked into"
        "It is not passed on, since a key could stand in it. The request may have taken effect."
    ProviderTimeout "provider-timeout" GATEWAY_TIMEOUT Provider
        "The provider did not answer in time"
        "The request may have taken effect: look before you repeat it."
    StoreUnavailable "store-unavailable" SERVICE_UNAVAILABLE Gateway
        "The gateway cannot reach its database"
        "Nothing was sent. Try again."
    AuditUnavailable "audit-unavailable" SERVICE_UNAVAILABLE Gateway
        "The gateway cannot write its audit log"
        "Nothing was sent, since nothing is sent unseen. Try again."
    GrantMoved "grant-moved" SERVICE_UNAVAILABLE Caller
        "The grant or its connection changed while the request waited"
        "Nothing was sent. Try again: what holds now decides."
    Stopping "stopping" SERVICE_UNAVAILABLE Gateway
        "The gateway is about to stop"
        "Nothing was sent. Try again: another one may answer."
}

impl Code {
    /// Whether nothing went to the provider, though the request was let pass.
    pub(crate) fn is_before_sending(self) -> bool {
        matches!(
            self,
            Self::ProviderUnreachable | Self::ProviderAddress | Self::ConnectionUnusable | Self::GrantMoved
        )
    }
}

impl Fault {
    fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Connection => "connection",
            Self::Provider => "provider",
            Self::Gateway => "gateway",
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self { code, detail: None, retry_after: None, headers: Vec::new() }
    }
}

impl Problem {
    /// Says what is particular to this one. It is shown to the caller: no value of anybody's stands in it.
    #[must_use]
    pub(crate) fn because(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds a provider's own headers.
    #[must_use]
    pub(crate) fn with(mut self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        self.headers = headers;
        self
    }

    /// The headers and the body of the answer.
    pub(crate) fn document(self) -> (HeaderMap, Bytes) {
        let code = self.code;
        let mut document = Map::new();
        document.insert("type".to_owned(), json!(format!("urn:keyway:problem:{}", code.as_str())));
        document.insert("title".to_owned(), json!(code.title()));
        document.insert("status".to_owned(), json!(code.status().as_u16()));
        // A client of the REST API looks there; what is particular to this one, or else what to do.
        document.insert("detail".to_owned(), json!(self.detail.as_deref().unwrap_or(code.help())));
        document.insert("fault".to_owned(), json!(code.fault().as_str()));
        document.insert("help".to_owned(), json!(code.help()));
        let mut headers: HeaderMap = self.headers.into_iter().collect();
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            document.insert("retry_after".to_owned(), json!(seconds));
        }
        let body = Bytes::from(Value::Object(document).to_string());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PROBLEM, HeaderValue::from_static(code.as_str()));
        match code.status() {
            // RFC 9110, 11.6.1 and 15.5.6.
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"keyway\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
                headers.insert(header::ALLOW, methods);
            }
            _ => {}
        }
        (headers, body)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_says_whose_fault_it_is_and_what_to_do() {
        let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len(), "two have one word");
        for code in Code::ALL {
            let (headers, body) = Problem::from(*code).document();
            let document: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(document["type"], format!("urn:keyway:problem:{}", code.as_str()));
            assert_eq!(document["status"], code.status().as_u16());
            assert!(
                ["caller", "connection", "provider", "gateway"]
                    .contains(&document["fault"].as_str().unwrap())
            );
            assert!(document["help"].as_str().unwrap().ends_with('.'), "{code:?}");
            assert_eq!(document["detail"], document["help"], "{code:?}");
            assert_eq!(headers["content-type"], "application/problem+json");
            assert_eq!(headers["keyway-problem"], code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert_eq!(headers.contains_key("www-authenticate"), code.status() == 401);
        }
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let problem = Problem::from(Code::GrantRate).after(Duration::from_millis(1200)).because("made up");
        let (headers, body) = problem.document();
        assert_eq!(headers["retry-after"], "2");
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&document["retry_after"], &document["detail"]), (&json!(2), &json!("made up")));
    }
}
