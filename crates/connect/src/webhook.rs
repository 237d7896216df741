//! Webhooks: events are sent to where a tenant, or the platform, asked for them, as <https://www.standardwebhooks.com> has it.

mod attempt;
mod change;
mod deliver;
mod endpoint;
mod kept;
mod new;
mod retry;
mod send;
mod signature;

pub(crate) use self::deliver::deliver;
pub use self::{
    attempt::LastAttempt,
    change::EndpointChange,
    endpoint::{Endpoint, EndpointId, EndpointState, Endpoints, NewEndpoint, Tested},
    new::EndpointError,
    retry::Deliveries,
    signature::signature,
};
