//! Every limit has a number.

use std::time::Duration;

/// The gateway's limits. Past one, the answer is a problem document that names it, or the connection is closed; either way
/// the gateway goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Clients that are connected at once, for each worker. More wait to be accepted. 20,000.
    pub connections: usize,
    /// The bytes of a request's head. 32 KiB.
    pub head: usize,
    /// The time for a request's head, from its first byte to its last, and for a TLS handshake. 10 seconds.
    pub head_time: Duration,
    /// The time that a client may stay without a request. 75 seconds.
    pub idle: Duration,
    /// The bytes of a request's body. 1 GiB.
    pub request_body: u64,
    /// The bytes of an answer's body, as the client gets it. 4 GiB.
    pub answer_body: u64,
    /// The bytes of a request's body that is kept in memory, where a provider's method has to see it. 1 MiB.
    pub seen_body: usize,
    /// The time between two pieces of a body, in either direction. 60 seconds.
    pub body_time: Duration,
    /// The time until a provider begins to answer. 300 seconds: Rally gives up after five minutes (KB 95713).
    pub answer_time: Duration,
    /// How long a request waits for its turn, where a provider takes only so many at once. 30 seconds.
    pub turn: Duration,
    /// What is kept ready: grants with their opened credentials. 1,024.
    pub routes: usize,
    /// Connections that are kept open to an origin, for each tenant and worker: fewer than are used at once would be opened and closed all
    /// the time. 512.
    pub pool: usize,
    /// How long they are kept without a request. 30 seconds.
    pub pool_idle: Duration,
    /// How long what is in flight may take when the gateway stops. 30 seconds.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            head: 32 * 1024,
            head_time: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            request_body: 1 << 30,
            answer_body: 4 << 30,
            seen_body: 1 << 20,
            body_time: Duration::from_secs(60),
            answer_time: Duration::from_secs(300),
            turn: Duration::from_secs(30),
            routes: 1024,
            pool: 512,
            pool_idle: Duration::from_secs(30),
            shutdown: Duration::from_secs(30),
        }
    }
}
