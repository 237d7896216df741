//! Every page in every state, read as a browser's tokenizer reads it.

mod gallery;
mod parsed;

use std::{collections::BTreeMap, fs, path::Path};

use self::{
    gallery::{Gallery, Texts},
    parsed::Document,
};
use super::{asset, look_css};
use crate::Direction;

/// What breaks out of an element, an attribute, a script, a template, where nobody escapes.
const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "</title></script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "\" autofocus onfocus=alert(1) x=\"",
    "</main></form><form action=//evil.example>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<!-- ",
    "&lt;script&gt;&#60;b&#62;",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "\u{202e}gnp.evil\u{2066}",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} <b",
];

#[tokio::test]
async fn every_page_is_whole_in_every_state() {
    let gallery = Gallery::new(&Texts::plain()).await;
    let pages = gallery.pages();
    assert!(pages.len() > 40, "{}", pages.len());
    for (name, html) in &pages {
        let document = Document::parse(name, html);
        document.check();
        for loaded in document.loaded() {
            assert!(loaded.starts_with('/') && !loaded.starts_with("//"), "{name} loads {loaded}");
        }
        assert!(html.contains(" – Acme Cloud</title>"), "{name}");
    }
    // Two pages of one session have one title only where they are one page in two states.
    let titles: BTreeMap<String, Vec<&str>> = pages.iter().fold(BTreeMap::new(), |mut all, (name, html)| {
        let kind = name.split('-').next().unwrap_or(name);
        let kinds = all.entry(Document::parse(name, html).title()).or_insert_with(Vec::new);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        all
    });
    for (title, kinds) in titles {
        assert_eq!(kinds.len(), 1, "{title}: {kinds:?}");
    }
    draw(&pages, &gallery);
}

#[tokio::test]
async fn n63_hostile_texts_are_inert_wherever_they_stand() {
    let plain = Gallery::new(&Texts::all("plain")).await.pages();
    for text in HOSTILE {
        let hostile = Gallery::new(&Texts::all(text)).await.pages();
        for ((name, plain), (_, hostile)) in plain.iter().zip(&hostile) {
            let (plain, hostile) = (Document::parse(name, plain), Document::parse(name, hostile));
            assert_eq!(hostile.skeleton(), plain.skeleton(), "{text} in {name}");
            hostile.check();
            hostile.check_isolated('\u{202e}');
        }
    }
}

#[tokio::test]
async fn each_verdict_says_what_it_is_and_how_to_go_on() {
    let gallery = Gallery::new(&Texts::plain()).await;
    let mut said = String::new();
    for (name, html) in gallery.pages() {
        if let Some(kind) = name.strip_prefix("verdict-") {
            let text = Document::parse(&name, &html).text_of("data-verdict");
            said.extend([kind, "\n", &text, "\n\n"]);
        }
    }
    insta::assert_snapshot!("verdicts", said);
}

#[tokio::test]
async fn a_page_without_a_look_names_nobody() {
    let mut gallery = Gallery::new(&Texts::plain()).await;
    gallery.chrome.look = crate::Look::default();
    for (name, html) in gallery.pages() {
        assert!(!html.contains("Acme Cloud") && !html.contains("<header"), "{name}");
        assert!(!html.contains("look.css") && !html.contains("base/logo"), "{name}");
        // Rally's own guide says what a key of its may do for Keyway.
        let said = Document::parse(&name, &html).text().replace("if Keyway is to", "");
        assert!(!said.to_lowercase().contains("keyway"), "a name of ours in {name}: {said}");
    }
}

#[tokio::test]
async fn a_page_is_light() {
    let files: usize = ["connect.css", "connect.js", "form.js"]
        .iter()
        .map(|name| asset(super::asset::address(name).strip_prefix("/assets/").unwrap()).unwrap().1.len())
        .sum();
    let gallery = Gallery::new(&Texts::plain()).await;
    for (name, html) in gallery.pages() {
        let all = html.len() + files + look_css(&gallery.chrome.look).len();
        assert!(all < 45 * 1024, "{name}: {all} bytes");
    }
}

#[tokio::test]
async fn the_checking_page_is_whole_once_it_ends() {
    let gallery = Gallery::new(&Texts::plain()).await;
    let pages = gallery.pages();
    let (_, begun) = pages.iter().find(|(name, _)| name == "checking").unwrap();
    let (_, ended) = pages.iter().find(|(name, _)| name == "checking-end").unwrap();
    assert!(ended.starts_with(begun.strip_suffix("</main></body></html>").unwrap()));
    assert!(ended.contains(r#"<meta http-equiv="refresh" content="0;url=/connect/ses_1">"#), "{ended}");
    assert!(ended.contains(r#"<a class="button" href="/connect/ses_1">"#));
}

/// Writes the pages to a folder that `KEYWAY_PAGES` names, to be looked at.
fn draw(pages: &[(String, String)], gallery: &Gallery) {
    let Some(folder) = std::env::var_os("KEYWAY_PAGES") else { return };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    for name in ["connect.css", "connect.js", "form.js", "icon.svg"] {
        write(name, asset(super::asset::address(name).strip_prefix("/assets/").unwrap()).unwrap().1);
    }
    write("look.css", look_css(&gallery.chrome.look).as_bytes());
    write("logo.svg", &gallery.chrome.look.logo().unwrap().1);
    for (id, svg) in gallery.logos() {
        write(&format!("{id}.svg"), svg.as_bytes());
    }
    for (direction, suffix) in [(Direction::Ltr, ""), (Direction::Rtl, "-rtl")] {
        for (name, html) in pages {
            let mut html = html.clone();
            if direction == Direction::Rtl {
                html = html.replace("dir=\"ltr\"><head>", "dir=\"rtl\"><head>");
            }
            for name in ["connect.css", "connect.js", "form.js", "icon.svg"] {
                html = html.replace(&super::asset::address(name), name);
            }
            for base in ["/connect/ses_1", "/link/kwl_1"] {
                html = html
                    .replace(&format!("{base}/look.css"), "look.css")
                    .replace(&format!("{base}/logo"), "logo.svg");
            }
            html = html.replace("src=\"/providers/", "src=\"").replace("/logo.svg\"", ".svg\"");
            write(&format!("{name}{suffix}.html"), html.as_bytes());
        }
    }
}
