//! One at a time, by name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Lets one in at a time for each name.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<Place>>>);

/// What who was in leaves to those who waited: a fingerprint. It is gone with the last of them.
type Place = AsyncMutex<Option<Vec<u8>>>;

/// One's turn, until it is dropped.
pub(crate) type Turn = OwnedMutexGuard<Option<Vec<u8>>>;

impl Turns {
    /// Waits for one's turn. It ends when what is returned is dropped.
    pub(crate) async fn of(&self, name: &str) -> Turn {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(turn) = turns.get(name).and_then(Weak::upgrade) {
                turn
            } else {
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::default();
                turns.insert(name.to_owned(), Arc::downgrade(&turn));
                turn
            }
        };
        turn.lock_owned().await
    }
}
