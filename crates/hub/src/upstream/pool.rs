//! Connections that wait for the next request.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Connection;
use crate::route::PoolKey;

/// The connections of one worker that wait: by tenant and origin, the one that waited least first.
#[derive(Debug)]
pub(crate) struct Pool {
    waiting: Mutex<HashMap<PoolKey, Vec<Connection>>>,
    most: usize,
    longest: Duration,
}

impl Pool {
    pub(crate) fn new(most: usize, longest: Duration) -> Self {
        Self { waiting: Mutex::default(), most, longest }
    }

    /// One that is still open; for a request that must not be made twice, one that waited a short time alone, since the
    /// other side closes what waits long.
    pub(crate) fn take(&self, key: &PoolKey, longest: Duration, now: Instant) -> Option<Connection> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let list = waiting.get_mut(key)?;
        while let Some(mut connection) = list.pop() {
            if now.saturating_duration_since(connection.since) > longest.min(self.longest) {
                // All others waited longer.
                return None;
            }
            if connection.source.is_quiet() {
                connection.reused = true;
                return Some(connection);
            }
        }
        None
    }

    /// Keeps one for the next request, unless bytes are left that nobody asked for: they would be taken for its answer.
    pub(crate) fn put(&self, key: &PoolKey, mut connection: Connection, now: Instant) {
        if !connection.source.buffer.is_empty() {
            return;
        }
        connection.source.rest();
        connection.since = now;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(key) {
            Some(list) if list.len() >= self.most => {}
            Some(list) => list.push(connection),
            None => drop(waiting.insert(key.clone(), vec![connection])),
        }
    }

    /// Closes those that waited too long, or that the other side closed.
    pub(crate) fn tidy(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for list in waiting.values_mut() {
            list.retain_mut(|one| one.since.elapsed() <= self.longest && one.source.is_quiet());
        }
        waiting.retain(|_, list| !list.is_empty());
    }
}
