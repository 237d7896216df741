#![doc = include_str!("../README.md")]

mod id;
mod secret;
mod text;

mod problem;
mod yaml;

mod markup;
mod origin;
mod pointer;
mod template;

mod api;
mod check;
mod descriptor;
mod field;
mod guide;
mod header;
mod host;
mod kind;
mod method;
mod mistake;
mod pattern;
mod place;
mod placement;
mod rate;
mod rule;
mod shape;

mod accept;
mod restore;
mod submission;

mod credential;
mod draft;
mod error;
mod hop;
mod mask;
mod target;

mod answer;
mod transport;
mod verdict;

mod loader;
mod provider;
mod registration;
mod registry;

pub use accept::{Accepted, Code, FieldProblem, Refused};
pub use answer::Answer;
pub use credential::Credential;
pub use descriptor::{Descriptor, Links};
pub use draft::{BodyAccess, Draft};
pub use error::Error;
pub use field::{Characters, Field};
pub use guide::Guide;
pub use hop::{Hop, MAX_HOPS};
pub use id::Id;
pub use kind::{Choice, Kind};
pub use markup::{Block, Inline, Markup};
pub use mask::{Mask, MaskStream};
pub use method::Method;
pub use mistake::Mistake;
pub use origin::{Origin, OriginError};
pub use place::Place;
pub use problem::{LoadError, Problem};
pub use provider::Provider;
pub use rate::{RateHeaders, RateLimit};
pub use registration::Registration;
pub use registry::{AcceptError, Entry, NotFound, Registry};
pub use restore::{Kept, KeptField, NotRestored, NotRestoredKind, Restored};
pub use secret::Secret;
pub use shape::{Charset, Shape};
pub use submission::{Submission, SubmissionError};
pub use transport::{Transport, TransportError, TransportErrorKind};
pub use verdict::{Account, Reason, ReasonCode, Verdict, VerdictKind};

// What implementing `Transport` and naming a request takes, in the versions that core speaks.
#[doc(no_inline)]
pub use {async_trait::async_trait, bytes::Bytes};

/// What [`provider!`] expands to needs it, and what Keyway's own crates share; nobody else does.
#[doc(hidden)]
pub mod __private {
    pub use crate::text::{hides, is_invisible};
    pub use inventory;
}
