//! The platform's logo: a file, as the pages have it.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::file;

/// The largest in bytes, so that it fits into the 32 KiB of a look.
const MOST: usize = 24_000;

/// A picture as a `data:` URL. What it is, is known by what is in it.
pub(super) fn data_url(path: &Path) -> Result<String, String> {
    let bytes = file::bytes(path)?;
    let Some(kind) = kind(&bytes) else { return Err("it is neither an SVG nor a PNG picture".to_owned()) };
    if bytes.len() > MOST {
        return Err(format!("it is larger than {MOST} bytes"));
    }
    Ok(format!("data:{kind};base64,{}", BASE64_STANDARD.encode(bytes)))
}

fn kind(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    let text = str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    // An XML declaration, comments and the like may stand before the element.
    let is_svg = text.starts_with("<svg") || (text.starts_with(['<']) && text.contains("<svg"));
    (is_svg && !text.to_ascii_lowercase().starts_with("<!doctype html")).then_some("image/svg+xml")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_logo_is_a_picture_by_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logo");
        let large = format!("<svg>{}</svg>", " ".repeat(MOST));
        for (bytes, said) in [
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>" as &[u8], Ok("data:image/svg+xml;base64,PHN2")),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- A -->\n<svg/>", Ok("data:image/svg+xml;base64,77u/")),
            (b"\x89PNG\r\n\x1a\n...", Ok("data:image/png;base64,iVBORw0KGgo")),
            (b"<!DOCTYPE html><p><svg/>", Err("neither an SVG nor a PNG")),
            (b"GIF89a", Err("neither an SVG nor a PNG")),
            (b"sk_CANARY <svg/>", Err("neither an SVG nor a PNG")),
            (b"", Err("neither an SVG nor a PNG")),
            (large.as_bytes(), Err("larger than 24000 bytes")),
        ] {
            fs::write(&path, bytes).unwrap();
            match (data_url(&path), said) {
                (Ok(url), Ok(start)) => assert!(url.starts_with(start), "{url}"),
                (Err(why), Err(part)) => assert!(why.contains(part) && !why.contains("CANARY"), "{why}"),
                (came, said) => panic!("{came:?}, not {said:?}"),
            }
        }
        assert_eq!(data_url(&folder.path().join("none")).unwrap_err(), "there is no such file");
    }
}
