//! What of a caller's head is the connection's business and not the request's.

use http::{HeaderMap, HeaderName, header};

/// Headers that belong to one connection (RFC 9110, 7.6.1) or that the sender computes from the request. A caller's
/// value would at best be wrong and at worst make two parties disagree about where a message ends.
const OURS: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes what a caller cannot say: [`OURS`], `Proxy-Connection`, and the headers that `Connection` names.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in named.iter().chain(&OURS) {
        headers.remove(name);
    }
    headers.remove("proxy-connection");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connections_headers_go_and_the_others_stay() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("connection", " ,x-other-hop ,authorization,\u{b5}"),
            ("x-hop", "1"),
            ("x-other-hop", "1"),
            ("x-other-hop", "2"),
            ("authorization", "Bearer of-the-caller"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eDp5"),
            ("te", "trailers"),
            ("trailer", "x-checksum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
            ("content-length", "3"),
            ("content-length", "4"),
            ("host", "evil.example"),
            ("expect", "100-continue"),
            ("accept", "text/html"),
            ("forwarded", "for=192.0.2.1"),
            ("x-kept", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "forwarded", "x-kept"]);
    }
}
