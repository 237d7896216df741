//! A browser: the cookie by which it is known again, and tokens against forged requests.

use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use keyway_vault::Documents;

/// A browser, known by a cookie of 32 random bytes. What is kept of it is a hash.
#[derive(Clone)]
pub(crate) struct Browser {
    cookie: String,
    hash: String,
}

const BYTES: usize = 32;
/// The cookies of ours that a request may have.
const MOST: usize = 4;
/// Half a day: longer than any session, and no reason to know somebody again tomorrow.
const AGE: u32 = 12 * 60 * 60;

impl Browser {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).expect("the operating system has random bytes");
        Self::of(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Those that a request may be of. They are two where the same site holds a frame and a page of ours: a browser keeps a cookie for
    /// each, and sends both. Who knows the token or the session tells which it is.
    pub(crate) fn read(headers: &HeaderMap, is_secure: bool) -> Vec<Self> {
        let name = name(is_secure);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let found = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let is_ours = |cookie: &&str| URL_SAFE_NO_PAD.decode(cookie).is_ok_and(|bytes| bytes.len() == BYTES);
        found.filter(is_ours).take(MOST).map(|cookie| Self::of(cookie.to_owned())).collect()
    }

    fn of(cookie: String) -> Self {
        let hash = digest::digest(&digest::SHA256, cookie.as_bytes());
        Self { hash: URL_SAFE_NO_PAD.encode(hash), cookie }
    }

    /// What is kept of it: SHA-256 of the cookie, in base64.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// The header that sets the cookie. In a frame of another site a browser takes it in a jar of that site alone.
    pub(crate) fn set_cookie(&self, is_secure: bool, is_framed: bool) -> HeaderValue {
        let (name, cookie) = (name(is_secure), &self.cookie);
        let site = match (is_secure, is_framed) {
            (true, true) => "; Secure; SameSite=None; Partitioned",
            (true, false) => "; Secure; SameSite=Lax",
            (false, _) => "; SameSite=Lax",
        };
        let line = format!("{name}={cookie}; Path=/; Max-Age={AGE}; HttpOnly{site}");
        let mut value = HeaderValue::try_from(line).expect("a cookie is ASCII");
        value.set_sensitive(true);
        value
    }

    /// A token that stands in a form of this browser's for a purpose and a thing.
    pub(crate) fn token(&self, documents: &Documents, purpose: &str, thing: &str) -> String {
        URL_SAFE_NO_PAD.encode(documents.sign(purpose, &[self.cookie.as_bytes(), thing.as_bytes()]))
    }

    /// Whether a token is that.
    pub(crate) fn has_token(&self, documents: &Documents, purpose: &str, thing: &str, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        documents.is_signed(purpose, &[self.cookie.as_bytes(), thing.as_bytes()], &token)
    }
}

/// `__Host-` binds a cookie to this host over TLS. On loopback there is none.
fn name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-keyway" } else { "keyway" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_bound_to_this_host_and_to_the_page_around_it() {
        let browser = Browser::new();
        for (is_secure, is_framed, name, end) in [
            (true, false, "__Host-keyway", "; HttpOnly; Secure; SameSite=Lax"),
            (true, true, "__Host-keyway", "; HttpOnly; Secure; SameSite=None; Partitioned"),
            (false, false, "keyway", "; HttpOnly; SameSite=Lax"),
            (false, true, "keyway", "; HttpOnly; SameSite=Lax"),
        ] {
            let value = browser.set_cookie(is_secure, is_framed);
            assert!(value.is_sensitive());
            let line = value.to_str().unwrap();
            assert!(line.starts_with(&format!("{name}=")) && line.ends_with(end), "{line}");
            assert!(line.contains("; Path=/; ") && !line.contains("Domain"), "{line}");
            let sent = line.split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, format!("a=b; {sent}; c=d").parse().unwrap());
            let hashes: Vec<_> = Browser::read(&headers, is_secure).into_iter().map(|one| one.hash).collect();
            assert_eq!(hashes, [browser.hash()]);
            assert!(Browser::read(&headers, !is_secure).is_empty(), "a name without its prefix is another");
        }
    }

    #[test]
    fn what_is_no_cookie_of_ours_is_nobody() {
        let flood = format!("{}=x", vec!["keyway=AAAA"; 1000].join("; "));
        for text in ["", "keyway", "keyway=", "keyway=short", "keyway=\"x\"", "=", ";;;", "keyway2=x", &flood]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            assert!(Browser::read(&headers, false).is_empty(), "{text}");
        }
    }
}
