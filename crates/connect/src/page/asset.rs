//! The files that pages load. Each has a hash of what is in it in its name, so that browsers may keep it for ever.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use keyway_form::FORM_JS;

use super::palette::look_css;
use crate::Look;

const SCRIPT: &str = "text/javascript; charset=utf-8";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: String,
    /// What a browser asks for: `connect.0123456789abcdef.css`.
    hashed: String,
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    let style = look_css(&Look::default()) + include_str!("../assets/connect.css");
    [
        Asset::new("connect.css", "text/css; charset=utf-8", style),
        Asset::new("connect.js", SCRIPT, include_str!("../assets/connect.js").to_owned()),
        Asset::new("form.js", SCRIPT, FORM_JS.to_owned()),
        Asset::new("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg").to_owned()),
    ]
});

impl Asset {
    fn new(name: &'static str, content_type: &'static str, text: String) -> Self {
        let hash = digest(&SHA256, text.as_bytes());
        let hash = hash.as_ref().iter().take(8).fold(0, |hash: u64, byte| hash << 8 | u64::from(*byte));
        let hash = format!("{hash:016x}");
        let hashed = match name.rsplit_once('.') {
            Some((stem, end)) => format!("{stem}.{hash}.{end}"),
            None => hash,
        };
        Self { name, content_type, text, hashed }
    }
}

/// The content type and bytes of `/assets/{name}`.
pub(crate) fn asset(name: &str) -> Option<(&'static str, &'static [u8])> {
    let asset = ASSETS.iter().find(|asset| asset.hashed == name)?;
    Some((asset.content_type, asset.text.as_bytes()))
}

/// Where a page finds a file.
pub(super) fn address(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    format!("/assets/{}", asset.map_or(name, |asset| &asset.hashed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_load_is_there_and_small() {
        let mut all = 0;
        for (name, most) in
            [("connect.css", 14 * 1024), ("connect.js", 6 * 1024), ("form.js", 8 * 1024), ("icon.svg", 512)]
        {
            let (_, bytes) = asset(address(name).strip_prefix("/assets/").unwrap()).unwrap();
            assert!(bytes.len() < most, "{name}: {} bytes", bytes.len());
            all += bytes.len();
            assert!(asset(name).is_none(), "{name} has a name that could be kept too long");
        }
        assert!(all < 30 * 1024);
    }

    #[test]
    fn n65_the_script_tells_nobody_but_who_is_registered() {
        let script = include_str!("../assets/connect.js");
        assert!(!script.contains("\"*\"") && !script.contains("'*'"));
        for banned in
            ["innerHTML", "eval(", "localStorage", "sessionStorage", "document.cookie", "http://", "https://"]
        {
            assert!(!script.contains(banned), "{banned}");
        }
    }

    #[test]
    fn the_style_runs_either_way_and_asks_nobody() {
        let style = include_str!("../assets/connect.css");
        for banned in ["-left", "-right", "left:", "right:", "url(", "@import", "http"] {
            assert!(!style.contains(banned), "{banned}");
        }
    }
}
