//! The one place where a reqwest client is set up.

use reqwest::{ClientBuilder, Proxy, redirect};

use crate::{guard::Permit, resolver::CheckedResolver};

/// Makes a reqwest client safe to send authorised requests with.
///
/// It sets what matters last, so that nothing set before undoes it: no redirects, no `Referer`, no proxy (the
/// environment's neither), no repeated requests, https only, certificates checked, nothing decoded, nothing logged, and a
/// resolver that refuses a name as soon as one of its addresses is not public.
///
/// ```
/// # fn main() -> Result<(), reqwest::Error> {
/// let builder = reqwest::Client::builder().user_agent("acme/1.0");
/// let client = keyway_http::harden(builder).build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// Three things stay with the caller. A resolver is not asked about an address that is written out in the URL: call
/// [`check_url`](crate::check_url) before each request, or let an [`AuthorizeLayer`](crate::AuthorizeLayer) do so. What a
/// builder does not let go of cannot be taken back: names that it maps to addresses (`resolve`, `resolve_to_addrs`), Unix
/// sockets, a cookie store, and default headers, which are added after a request was authorised. And a redirect is an
/// answer like any other: [`Credential::next_hop`](keyway_core::Credential::next_hop) says whether it may be followed.
/// [`HttpTransport`](crate::HttpTransport) does all of this.
pub fn harden(builder: ClientBuilder) -> ClientBuilder {
    guarded(builder, CheckedResolver::new(Permit::default()), None).https_only(true)
}

/// Sets everything that every client of ours has. Schemes are left to [`Permit`], which knows about loopback.
pub(crate) fn guarded(
    builder: ClientBuilder,
    resolver: CheckedResolver,
    proxy: Option<Proxy>,
) -> ClientBuilder {
    let builder = builder
        // reqwest drops `Authorization` on its way to another host, and keeps `ZSESSIONID` and `X-Api-Key`.
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .tls_danger_accept_invalid_certs(false)
        .tls_danger_accept_invalid_hostnames(false)
        .tls_sslkeylogfile(false)
        // Somebody else in the same build may switch reqwest's decoders on; a small answer would then inflate.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .no_proxy()
        .dns_resolver(resolver);
    #[expect(clippy::disallowed_methods, reason = "this switches it off: it logs sensitive headers")]
    let builder = builder.connection_verbose(false);
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}
