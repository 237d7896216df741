//! The twelve probes.

mod address;
mod caller;
mod echo;
mod path;
mod redirect;
mod request;

use crate::suite::Bench;

/// One of the twelve.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// What must hold.
    pub title: &'static str,
    /// Says what was seen, as an error when it does not hold.
    pub(crate) probe: fn(&Bench<'_>) -> Result<String, String>,
}

/// All of them, in their order.
pub const PROBES: &[Probe; 12] = &[
    Probe { title: "the caller must authenticate", probe: caller::authenticates },
    Probe { title: "a credential works for its owner only", probe: caller::owns },
    Probe { title: "an echoed secret is masked in headers and body", probe: echo::plain },
    Probe { title: "so it is gzipped, in base64 and in hex", probe: echo::encoded },
    Probe { title: "an unusual method arrives as it was sent", probe: request::method },
    Probe { title: "headers named in Connection are dropped", probe: request::named_by_connection },
    Probe { title: "TE and the caller's Proxy-Authorization are dropped", probe: request::hop_by_hop },
    Probe { title: "the caller's Cookie is dropped", probe: request::cookie },
    Probe { title: "a redirect is relayed, not followed", probe: redirect::relayed },
    Probe { title: "the secret never reaches another origin", probe: redirect::other_origin },
    Probe { title: "loopback and metadata addresses are refused", probe: address::refused },
    Probe { title: "/v1/../admin is normalised or refused", probe: path::outside },
];
