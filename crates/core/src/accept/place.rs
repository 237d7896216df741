//! Where a field's value goes, as far as it decides about the characters allowed.

/// Where a field's value goes. Worked out when the descriptor loads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Raw into a header, the query or a cookie: visible ASCII only.
    pub(crate) raw: bool,
    /// A part of a host: one DNS label.
    pub(crate) label: bool,
    /// The user's name of HTTP Basic: no colon (RFC 7617).
    pub(crate) basic_user: bool,
}
