//! Looking at a vault that somebody may have changed so that it does not open.

use std::sync::Arc;

use crate::{
    Anchor, Error, Finding, KeyId, KeySource, KnownKey, Report, Vault,
    seal::{Ring, key_of},
    state::{State, roots_of, unlock},
    store::Store,
};

impl Vault {
    /// As [`verify`](Self::verify), also of a vault that [`open`](Self::open) refuses: one whose keys' rows, or whose end of
    /// the audit log, are not as they were written. Nothing can be done with it but to look. With the
    /// right key, tables that an older version made become those of today, as when it is opened.
    ///
    /// # Errors
    /// When there is no vault, or its key is missing or another one. A root that does not open with the right key is a
    /// finding, and the only one: nothing can be told from what is true without it.
    pub async fn inspect(
        store: Arc<dyn Store>,
        source: Arc<dyn KeySource>,
        anchors: &[Anchor],
    ) -> Result<Report, Error> {
        let state = State::read(&*store).await?;
        let (state, ring) = match unlock(&*store, &*source, state).await {
            Ok((state, ring)) => (state, Some(ring)),
            Err(error @ (Error::Key(_) | Error::Tampered { .. })) => {
                let state = State::read(&*store).await?;
                let ring = ring_at_hand(&*source, &state, error).await?;
                (state, ring)
            }
            Err(error) => return Err(error),
        };
        let opened = ring.and_then(|ring| Some((roots_of(&ring, &state.row).ok()?, ring)));
        let Some((roots, ring)) = opened else { return Ok(unopened()) };
        store.upgrade().await?;
        Self::new(store, source, state.row, roots, (state.keys, ring), state.head).verify(anchors).await
    }
}

fn unopened() -> Report {
    let message =
        "it does not open: it was changed, or the vault's id or time was. Nothing else can be looked at";
    let (what, message) = ("the vault's root".to_owned(), message.to_owned());
    Report { problems: vec![Finding { code: "sealed", tenant: None, what, message }], ..Report::default() }
}

/// The keys that the source still gives, whatever the keys' rows say; `None` where the root says of no key that it is under
/// it.
///
/// # Errors
/// The one that there was, when none of them is this vault's.
async fn ring_at_hand(source: &dyn KeySource, state: &State, error: Error) -> Result<Option<Ring>, Error> {
    let Ok(root) = key_of(&state.row.root) else { return Ok(None) };
    let mut masters = source.keys(&[]).await.unwrap_or_default();
    for row in &state.keys {
        // One at a time: a single one that a key service refuses would take all others with it. And also as the root's: the
        // id may be what was changed.
        for id in KeyId::parse(&row.id).into_iter().chain([root]) {
            if !masters.iter().any(|key| key.id() == id) {
                let known = KnownKey { id, wrapped: row.wrapped.clone() };
                masters.extend(source.keys(&[known]).await.unwrap_or_default());
            }
        }
    }
    let has = |id: Option<KeyId>| masters.iter().any(|key| Some(key.id()) == id);
    let in_use = || state.keys.iter().filter(|row| row.is_in_use()).map(|row| KeyId::parse(&row.id));
    // A root under a key that no row knows, while that of a row is there, was changed. Else it is the key that is missing.
    let is_changed = !in_use().any(|id| id == Some(root)) && in_use().any(has);
    if !has(Some(root)) && !is_changed && matches!(error, Error::Key(_)) {
        return Err(error);
    }
    Ok(Some(Ring::new(&masters, root)))
}
