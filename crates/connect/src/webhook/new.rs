//! An endpoint that is to be set up.

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyway_core::{Secret, TransportErrorKind};
use keyway_http::HttpTransport;
use keyway_vault::{ConnectionId, Documents, Error, NewDocument, Tenant, Vault};
use url::Url;
use zeroize::Zeroizing;

use super::{
    endpoint::{Endpoints, NewEndpoint},
    kept::{KIND, Kept, Stored},
};
use crate::event::{EventType, Place};

/// An endpoint cannot be set up, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The URL cannot be sent to; it is not repeated, since it may hold a token.
    #[error("`url` {0}")]
    Url(&'static str),
    /// There are as many as there may be.
    #[error("there are {0} webhooks already, which is the most; remove one first")]
    TooMany(usize),
    /// There is none with this id.
    #[error("there is no such webhook")]
    NotFound,
    /// The vault did not do it.
    #[error(transparent)]
    Vault(#[from] Error),
}

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// Checks a URL, and writes it as it is sent to.
fn checked(transport: &HttpTransport, text: &str) -> Result<String, EndpointError> {
    let wrong = |why| Err(EndpointError::Url(why));
    if text.len() > MAX_URL {
        return wrong("is longer than 2,048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return wrong("is no URL: https://host/path") };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user's name or password; the receiver knows us by the signature");
    }
    if url.fragment().is_some() {
        return wrong("has a fragment, which is never sent");
    }
    match transport.check_url(&url) {
        Ok(()) => Ok(url.into()),
        Err(TransportErrorKind::Scheme) => wrong("is not https"),
        Err(TransportErrorKind::Address) => wrong("names an address that is not public"),
        Err(_) => wrong("is no URL: https://host/path"),
    }
}

impl Endpoints {
    /// Sets one up. It gets what happens from now on. `types` are what it gets; none named: everything.
    pub async fn create(&self, url: &str, types: &[EventType]) -> Result<NewEndpoint, EndpointError> {
        let url = checked(&self.shared.webhooks, url)?;
        let mut key = Zeroizing::new(vec![0; 32]);
        rand::fill(&mut key).map_err(|_| Error::Invalid("there are no random bytes".to_owned()))?;
        let secret = Secret::new(format!("whsec_{}", STANDARD.encode(&key)));
        let mut types = types.to_vec();
        types.sort_unstable_by_key(|kind| kind.as_str());
        types.dedup();
        let kept = Kept {
            url,
            types,
            key,
            place: place(&self.shared.vault).await?,
            skipped: 0,
            tries: 0,
            retry_at: None,
            failing_since: None,
            disabled: false,
            last: None,
        };
        let stored = self.insert(&kept).await?;
        self.wake(stored.id());
        Ok(NewEndpoint { secret, endpoint: stored.shown() })
    }

    /// Keeps it in a place that is free. Each place has a mark of its own, which no two documents have: so there are never more
    /// than there are places, however many are set up at once.
    async fn insert(&self, kept: &Kept) -> Result<Stored, EndpointError> {
        let (documents, owner) = (self.documents(), self.owner.as_ref());
        let most = self.shared.limits.deliveries.endpoints;
        let taken = documents.each(KIND, Some(owner), None, 1000).await?;
        let text = kept.text()?;
        for number in 0..most {
            let mark = mark(&documents, owner, number);
            if taken.iter().any(|(_, one)| one.as_ref().is_ok_and(|one| one.mark.as_deref() == Some(&mark))) {
                continue;
            }
            let id = format!("whk_{}", &ConnectionId::random().as_str()[4..]);
            let new = NewDocument {
                kind: KIND,
                id: &id,
                tenant: owner,
                mark: Some(&mark),
                expires_at: None,
                text: &text,
            };
            if documents.insert(new).await? {
                return Stored::of(&documents, &id).await?.ok_or(EndpointError::NotFound);
            }
        }
        Err(EndpointError::TooMany(most))
    }
}

/// Where the audit log stands.
async fn place(vault: &Vault) -> Result<Place, Error> {
    Ok(Place::behind(vault.anchor().await?.seq()))
}

fn mark(documents: &Documents, owner: Option<&Tenant>, number: usize) -> [u8; 32] {
    let number = number.to_be_bytes();
    match owner {
        Some(tenant) => documents.sign("a tenant's webhook", &[tenant.as_str().as_bytes(), &number]),
        None => documents.sign("a platform's webhook", &[&number]),
    }
}
