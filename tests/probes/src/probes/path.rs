//! Paths that lead out of where a caller may go.

use percent_encoding::percent_decode_str;

use crate::suite::Bench;

/// What a caller may use that may use `/v1/` alone, and what not.
const OUTSIDE: [&str; 15] = [
    "/admin/x",
    "/v1/../admin/x",
    "/v1/a/../../admin/x",
    "/v1/./../admin/x",
    "/v1//../../admin/x",
    "/v1/%2e%2e/admin/x",
    "/v1/.%2E/admin/x",
    "/v1/..%2fadmin/x",
    "/v1%2f..%2fadmin/x",
    "/v1/..%5cadmin/x",
    "/v1/..\\admin/x",
    "/v1/..;/admin/x",
    "/v1/..;a=b/admin/x",
    "/v1/%252e%252e/admin/x",
    "/v1/..%252fadmin/x",
];

/// Whatever arrives lies below `/v1/`, for a server that reads it in the most generous way too.
pub(super) fn outside(bench: &Bench<'_>) -> Result<String, String> {
    let Some(limited) = &bench.setup.limited else {
        return Err("not tried: there is no grant that is limited to /v1/".to_owned());
    };
    let exchange = bench.ask(limited, "GET", "/v1/probes/12", &[]);
    if exchange.arrived.len() != 1 {
        return Err(format!("not tried: the limited grant does not reach /v1/ ({})", exchange.status()));
    }
    let mut statuses = Vec::new();
    for path in OUTSIDE {
        let exchange = bench.ask(limited, "GET", path, &[]);
        for request in &exchange.arrived {
            let read = generously(request.target());
            if !read.starts_with("/v1/") {
                return Err(format!("{path} arrived as {}", request.target()));
            }
        }
        statuses.push(exchange.status());
    }
    statuses.sort_unstable();
    statuses.dedup();
    Ok(format!("{} paths answered with {}", OUTSIDE.len(), statuses.join(", ")))
}

/// The path as a server reads it that undoes escapes again and again, takes `\` for `/`, drops what stands behind `;` in a
/// segment, and follows dots.
fn generously(target: &str) -> String {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let mut path = path.split('?').next().unwrap_or_default().to_owned();
    loop {
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let path = path.replace('\\', "/");
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_lead_outside() {
        for path in OUTSIDE {
            let read = generously(path);
            assert!(!read.starts_with("/v1/"), "{path} is read as {read}");
        }
        assert_eq!(generously("http://a.example/v1/./b%20c?d=../e"), "/v1/b c");
    }
}
