//! What stands around every page.

use maud::{DOCTYPE, Markup, html};

use super::Chrome;
use crate::Direction;

/// A whole document.
pub(super) fn document(chrome: &Chrome, title: &str, main: &Markup) -> Markup {
    let direction = match chrome.direction {
        Direction::Ltr => "ltr",
        Direction::Rtl => "rtl",
    };
    html! {
        (DOCTYPE)
        html lang="en" dir=(direction) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body { main { h1 { (title) } (main) } }
        }
    }
}

/// The beginning of a page that is shown while a key is checked. What follows is sent once the answer is there.
pub(crate) fn checking(chrome: &Chrome, name: &str) -> String {
    let page =
        document(chrome, &format!("Checking with {name}"), &html! { p role="status" { "One moment." } });
    page.into_string().replace("</main></body></html>", "")
}

/// The end of that page: it leads to `next`.
pub(crate) fn checking_end(next: &str) -> String {
    html! { meta http-equiv="refresh" content={ "0;url=" (next) }; p { a href=(next) { "Go on" } } }
        .into_string()
        + "</main></body></html>"
}
