#![doc = include_str!("../../../README.md")]
// A dependency that no source names is not linked, and its provider would be missing without a word.
// (The unit tests' build sees the dev-dependencies too, which only doctests name.)
#![cfg_attr(not(test), deny(unused_crate_dependencies))]

#[doc(inline)]
pub use keyway_core::*;

#[cfg(feature = "form")]
#[doc(inline)]
pub use keyway_form as form;
#[cfg(feature = "http")]
#[doc(inline)]
pub use keyway_http as http;
#[cfg(feature = "vault")]
#[doc(inline)]
pub use keyway_vault as vault;
#[cfg(feature = "watch")]
#[doc(inline)]
pub use keyway_watch as watch;

// A provider: `pub use keyway_<id> as <id>;` links it, and a line of `PROVIDERS` lists it.
#[cfg(feature = "rally")]
#[doc(inline)]
pub use keyway_rally as rally;
#[cfg(feature = "rootly")]
#[doc(inline)]
pub use keyway_rootly as rootly;

/// The providers that the features switch on, sorted by id.
///
/// [`Registry::linked`] finds the same ones by itself; where constructors are dropped, as in some static libraries,
/// [`Registry::from_registrations`] takes this list instead.
pub const PROVIDERS: &[Registration] = &[
    #[cfg(feature = "rally")]
    rally::REGISTRATION,
    #[cfg(feature = "rootly")]
    rootly::REGISTRATION,
];
