//! What a form's request has to be, before anybody reads it (N64).

use http::{HeaderMap, header};

/// Why a form's request is refused. Nothing was read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no form.
    Kind,
    /// It does not come from a page of ours.
    Origin,
}

/// Whether a request may change something.
///
/// Browsers say `Origin: null` where a page with `no-referrer` sends a form (the Fetch standard, "append a request Origin
/// header"): that is believed where the browser says besides that page and form are of the same origin.
pub(crate) fn guard(headers: &HeaderMap, origin: &str) -> Result<(), Refused> {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value.to_str().ok()),
            (None, _) => Err(false),
            _ => Err(true),
        }
    };
    let kind = only(header::CONTENT_TYPE).ok().flatten().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refused::Kind);
    }
    let site = match only(http::HeaderName::from_static("sec-fetch-site")) {
        Ok(site) => Some(site.unwrap_or_default()),
        Err(false) => None,
        Err(true) => return Err(Refused::Origin),
    };
    match only(header::ORIGIN) {
        Ok(Some(said)) if said == origin && site.is_none_or(|site| site == "same-origin") => Ok(()),
        Ok(Some("null")) if site == Some("same-origin") => Ok(()),
        _ => Err(Refused::Origin),
    }
}
