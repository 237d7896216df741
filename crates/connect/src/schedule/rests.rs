//! Who is left alone for a time.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::lane::Done;

/// Providers that rest, and connections that are left out; both until a time.
#[derive(Debug, Default)]
pub(crate) struct Rests {
    providers: HashMap<String, Instant>,
    connections: HashMap<String, Instant>,
}

impl Rests {
    /// Forgets those whose time is over.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        self.providers.retain(|_, until| *until > now);
        self.connections.retain(|_, until| *until > now);
    }

    /// The providers that rest.
    pub(super) fn providers(&self) -> impl Iterator<Item = &String> {
        self.providers.keys()
    }

    pub(super) fn leaves_out(&self, connection: &str) -> bool {
        self.connections.contains_key(connection)
    }

    pub(super) fn leave_out(&mut self, connection: String, time: Duration) {
        self.connections.insert(connection, Instant::now() + time);
    }

    /// What came of a provider's lane.
    pub(super) fn add(&mut self, provider: String, done: Done) {
        if let Some(time) = done.rests {
            self.providers.insert(provider, Instant::now() + time);
        }
        for (connection, time) in done.left_out {
            self.leave_out(connection.to_string(), time);
        }
    }
}

#[cfg(test)]
mod tests {
    use keyway_vault::ConnectionId;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_left_alone_for_ever() {
        let (mut rests, id) = (Rests::default(), ConnectionId::random());
        let seconds = Duration::from_secs;
        rests.add(
            "rally".to_owned(),
            Done { rests: Some(seconds(60)), left_out: vec![(id.clone(), seconds(90))] },
        );
        rests.add("rootly".to_owned(), Done::default());
        for (after, rest, is_left_out) in
            [(0, vec!["rally"], true), (59, vec!["rally"], true), (2, vec![], true), (30, vec![], false)]
        {
            tokio::time::advance(seconds(after)).await;
            rests.end();
            assert_eq!(rests.providers().collect::<Vec<_>>(), rest);
            assert_eq!(rests.leaves_out(id.as_str()), is_left_out);
        }
    }
}
