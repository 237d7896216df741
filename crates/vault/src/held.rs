//! A credential that was checked and is not saved yet.

use keyway_core::{Account, Credential, NotFound, Registry};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Error, New, Scope,
    connection::AccountOf,
    draft::{Draft, kept},
    encoding::as_base64,
    error::tampered,
    packed::Packed,
};

/// A credential that was checked and waits to be saved, sealed: whose and for what it is is bound to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    /// The provider's id.
    provider: String,
    #[serde(with = "as_base64")]
    sealed: Vec<u8>,
}

impl Held {
    /// The provider's id.
    pub fn provider(&self) -> &str {
        &self.provider
    }
}

/// The most bytes of it, sealed. As base64 that is three quarters of a document, and the last one is for what is kept beside it.
const MAX_SEALED: usize = 144 * 1024;

/// What is sealed of a credential that waits to be saved.
#[derive(Serialize, Deserialize)]
struct Waiting<T> {
    method: T,
    origins: T,
    elsewhere: bool,
    text: T,
    account: AccountOf,
}

impl Waiting<&str> {
    fn text(draft: &Draft, account: &Account) -> Zeroizing<Vec<u8>> {
        let text = str::from_utf8(&draft.text).expect("JSON is UTF-8");
        let (method, origins, elsewhere) = (draft.method.as_str(), draft.origins.as_str(), draft.elsewhere);
        let waiting = Waiting { method, origins, elsewhere, text, account: AccountOf::new(account) };
        // Escapes can make a text longer: with room for all of them, nothing is copied while it is written.
        let mut json = Zeroizing::new(Vec::with_capacity(text.len() * 6 + origins.len() * 2 + 4096));
        serde_json::to_writer(&mut *json, &waiting).expect("texts are JSON");
        json
    }
}

impl Scope {
    /// Seals a credential that was checked and is not saved yet, with its account, for `context`: it opens nowhere else.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is too long to be kept in a [`Document`](crate::Document): of about 140 KB on, and where it has
    /// quotes or backslashes, which are written in four characters each, of less.
    pub fn hold(&self, credential: &Credential, account: &Account, context: &str) -> Result<Held, Error> {
        let draft = self.draft(&New::connection(credential).account(account))?;
        let json = Waiting::text(&draft, account);
        let sealed = self.vault.0.roots.documents().seal(&self.bound(&draft.provider, context), &json);
        if sealed.len() > MAX_SEALED {
            return Err(Error::Invalid(
                "the key is too long to be kept until somebody confirms it".to_owned(),
            ));
        }
        Ok(Held { provider: draft.provider, sealed })
    }

    /// Opens what [`hold`](Self::hold) sealed, for this tenant and this context.
    ///
    /// # Errors
    /// [`Error::Tampered`] when it was sealed for another one, or changed. [`Error::NeedsKey`] when the provider is described
    /// otherwise by now.
    pub fn held(
        &self,
        held: &Held,
        context: &str,
        registry: &Registry,
    ) -> Result<(Credential, Account), Error> {
        let what = "a held credential";
        let text = self.vault.0.roots.documents().open(&self.bound(&held.provider, context), &held.sealed);
        let text = text.map_err(|_| tampered(what))?;
        // serde's error could quote a value.
        let waiting: Waiting<String> = serde_json::from_slice(&text).map_err(|_| tampered(what))?;
        let text = Zeroizing::new(waiting.text);
        let unknown = |error: NotFound| Error::Invalid(format!("the provider cannot be used here: {error}"));
        let (entry, method) = registry.method(&held.provider, Some(&waiting.method)).map_err(unknown)?;
        let kept = kept(&waiting.origins, waiting.elsewhere, text.as_bytes(), what)?;
        let restored =
            entry.restore(method, &kept).map_err(|error| Error::NeedsKey { why: error.to_string() })?;
        Ok((restored.credential, waiting.account.account()))
    }

    fn bound(&self, provider: &str, context: &str) -> Packed {
        Packed::new("keyway/v1/held").text(self.tenant.as_str()).text(provider).text(context)
    }
}
