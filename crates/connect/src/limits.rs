//! Every limit has a number.

use std::time::Duration;

use crate::Deliveries;

/// The control plane's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Clients that are connected at once, to all listeners together. More wait. 4,096.
    pub connections: usize,
    /// The time for a request's head. 10 seconds.
    pub head_time: Duration,
    /// How long a connection may have nothing to do. 75 seconds: proxies keep theirs for 60 as a rule.
    pub keep_alive: Duration,
    /// The bytes of a request's head. 32 KiB.
    pub head: usize,
    /// The time for a request's body. 20 seconds.
    pub body_time: Duration,
    /// How long an answer waits for its client to read on. A minute.
    pub answer_time: Duration,
    /// The bytes of a form that an end user sends. 512 KiB: a value has at most 64 KiB, and each byte may take three.
    pub form: usize,
    /// The bytes of a request of the REST API. 512 KiB.
    pub json: usize,
    /// How long a session lasts at most. 30 minutes.
    pub session: Duration,
    /// How long its link can be opened at most. 10 minutes.
    pub link: Duration,
    /// How many keys may be checked in a session. 30.
    pub attempts: u32,
    /// How many look-ups that fail an address has in a minute: of links, sessions and API tokens. 60. Those that succeed are not
    /// counted, so nobody behind a shared address is kept out.
    pub guesses: u32,
    /// How long what is in flight may take at the end. 30 seconds.
    pub shutdown: Duration,
    /// How webhooks are sent.
    pub deliveries: Deliveries,
    /// How many idle connections are checked in a minute. 60, which are 86,400 a day: of more, each is checked less often than it
    /// should be.
    pub checks_per_minute: u32,
    /// For how long a process that sends webhooks, or checks, is believed to be there without a word of it. 15 seconds.
    pub lead: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head_time: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            head: 32 * 1024,
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(60),
            form: 512 * 1024,
            json: 512 * 1024,
            session: Duration::from_secs(30 * 60),
            link: Duration::from_secs(10 * 60),
            attempts: 30,
            guesses: 60,
            shutdown: Duration::from_secs(30),
            deliveries: Deliveries::default(),
            checks_per_minute: 60,
            lead: Duration::from_secs(15),
        }
    }
}
