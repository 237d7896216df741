//! A page as a browser's tokenizer sees it, and what holds for all of them.

use std::collections::{BTreeMap, BTreeSet};

use html5gum::{Token, Tokenizer};

const ELEMENTS: &str = "a bdi body button code div form h1 h2 h3 head header html img input label li link main meta nav ol \
    option p path script section select span strong svg table tbody td textarea th thead time title tr ul";
const ATTRIBUTES: &str = "accept-charset action alt aria-current aria-describedby aria-hidden aria-invalid aria-label \
    aria-labelledby autocapitalize autocomplete autocorrect autofocus charset class cols content d data-1p-ignore data-auto \
    data-busy data-bwignore data-connection data-count data-empty data-filter data-form-type data-group data-keyway-hints \
    data-lpignore data-origin data-parent data-result data-tell data-verdict data-waiting data-words datetime defer dir focusable for height \
    hidden href http-equiv id inputmode lang maxlength method name novalidate placeholder rel required role rows scope selected \
    size spellcheck src tabindex target title type value viewbox width";
const EMPTY: [&str; 4] = ["img", "input", "link", "meta"];
/// These end a paragraph.
const BLOCKS: [&str; 12] =
    ["div", "form", "h1", "h2", "h3", "header", "nav", "ol", "p", "section", "table", "ul"];

struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    /// With that of the elements inside.
    text: String,
    parent: Option<usize>,
}

pub(super) struct Document {
    page: String,
    elements: Vec<Element>,
    /// Each text, and the element that it is in.
    texts: Vec<(usize, String)>,
}

impl Document {
    /// Reads a page, and asserts that it is well nested and holds nothing but what is listed.
    #[track_caller]
    pub(super) fn parse(page: &str, html: &str) -> Self {
        let mut document = Self { page: page.to_owned(), elements: Vec::new(), texts: Vec::new() };
        let mut open: Vec<usize> = Vec::new();
        for token in Tokenizer::new(html) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let name = text(&tag.name);
                    assert!(
                        ELEMENTS.split_whitespace().any(|known| known == name),
                        "<{name}> in {page}: {html}"
                    );
                    let parent = open.last().copied();
                    let within = parent.map(|index| document.elements[index].name.as_str());
                    assert!(
                        !(within == Some("p") && BLOCKS.contains(&name.as_str())),
                        "<{name}> in <p> of {page}: {html}"
                    );
                    let attributes: BTreeMap<String, String> =
                        tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
                    for attribute in attributes.keys() {
                        let is_known = ATTRIBUTES.split_whitespace().any(|known| known == attribute);
                        assert!(is_known, "{attribute} in {page}: {html}");
                    }
                    let is_closed = EMPTY.contains(&name.as_str()) || tag.self_closing;
                    let index = document.elements.len();
                    document.elements.push(Element { name, attributes, text: String::new(), parent });
                    if !is_closed {
                        open.push(index);
                    }
                }
                Token::EndTag(tag) => {
                    let last = open.pop().map(|index| document.elements[index].name.clone());
                    assert_eq!(last, Some(text(&tag.name)), "{page}: {html}");
                }
                Token::String(string) => {
                    let string = text(&string.value);
                    assert!(!open.is_empty(), "`{string}` outside of all of {page}");
                    for index in &open {
                        document.elements[*index].text += &string;
                    }
                    document.texts.push((*open.last().unwrap(), string));
                }
                Token::Doctype(_) => assert!(document.elements.is_empty(), "{page}"),
                other => panic!("{other:?} in {page}: {html}"),
            }
        }
        assert!(open.is_empty(), "not closed: {page}: {html}");
        document
    }

    /// What a person can count on, on every page.
    #[track_caller]
    pub(super) fn check(&self) {
        let page = &self.page;
        let count = |name: &str| self.elements.iter().filter(|element| element.name == name).count();
        for name in ["html", "head", "title", "body", "main", "h1"] {
            assert_eq!(count(name), 1, "<{name}> in {page}");
        }
        let mut level = 1;
        for element in &self.elements {
            if let Some(next) = element.name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok()) {
                // A notice above the form begins anew.
                assert!(next <= level + 1, "h{level} is followed by h{next} in {page}");
                assert!(!element.text.trim().is_empty(), "an empty heading in {page}");
                level = next;
            }
            if element.name == "button" || (element.name == "a" && element.get("href").is_some()) {
                assert!(!element.text.trim().is_empty(), "a button without a name in {page}");
            }
            if element.name == "form" && element.get("method") == Some("post") {
                let own = |input: &&Element| input.get("name") == Some("csrf") && self.is_in(input, element);
                assert_eq!(self.elements.iter().filter(own).count(), 1, "a form without a token in {page}");
            }
            if element.name == "img" {
                assert!(element.get("alt").is_some() && element.get("width").is_some(), "{page}");
            }
            if element.get("target") == Some("_blank") {
                assert!(element.get("rel").is_some_and(|rel| rel.contains("noopener")), "{page}");
            }
        }
        self.check_references();
    }

    #[track_caller]
    fn check_references(&self) {
        let page = &self.page;
        let all: Vec<&str> = self.elements.iter().filter_map(|element| element.get("id")).collect();
        let ids: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), ids.len(), "an id stands twice in {page}");
        for element in &self.elements {
            for attribute in ["for", "aria-describedby", "aria-labelledby"] {
                for id in element.get(attribute).into_iter().flat_map(str::split_whitespace) {
                    assert!(ids.contains(id), "{attribute} refers to {id}, which is not in {page}");
                }
            }
            if let Some(target) = element.get("href") {
                let is_there = target.strip_prefix('#').is_none_or(|id| ids.contains(id));
                let is_fine = target.starts_with(['#', '/']) && !target.starts_with("//");
                assert!(is_there && (is_fine || target.starts_with("https://")), "{target} in {page}");
            }
            let is_control = matches!(element.name.as_str(), "input" | "select" | "textarea");
            if is_control && element.get("type") != Some("hidden") {
                let id = element.get("id").unwrap();
                let labels = self.elements.iter().filter(|label| label.get("for") == Some(id)).count();
                assert_eq!(labels, 1, "the labels of {id} in {page}");
            }
        }
    }

    /// A text of another direction turns nothing around it: it stands in an element of its own.
    #[track_caller]
    pub(super) fn check_isolated(&self, character: char) {
        for (index, text) in &self.texts {
            if !text.contains(character) {
                continue;
            }
            let mut at = Some(*index);
            let is_isolated = loop {
                let Some(element) = at.map(|index| &self.elements[index]) else { break false };
                if element.name == "bdi" || element.get("dir") == Some("auto") {
                    break true;
                }
                // What these hold is one text, and nothing stands beside it.
                if ["title", "option", "textarea"].contains(&element.name.as_str()) {
                    break true;
                }
                at = element.parent;
                if element.name == "body" {
                    break false;
                }
            };
            assert!(is_isolated, "{text:?} stands among other text in {}", self.page);
        }
    }

    /// Elements and the names of their attributes: what no text may change.
    pub(super) fn skeleton(&self) -> Vec<String> {
        let one = |element: &Element| {
            let names: Vec<&str> = element.attributes.keys().map(String::as_str).collect();
            format!("{} {}", element.name, names.join(" "))
        };
        self.elements.iter().map(one).collect()
    }

    pub(super) fn title(&self) -> String {
        self.elements.iter().find(|element| element.name == "title").unwrap().text.clone()
    }

    /// All that can be read.
    pub(super) fn text(&self) -> String {
        self.elements[0].text.clone()
    }

    /// What a browser loads by itself.
    pub(super) fn loaded(&self) -> impl Iterator<Item = &str> {
        self.elements
            .iter()
            .filter_map(|element| element.get(if element.name == "link" { "href" } else { "src" }))
    }

    /// The text of the element that has an attribute, each block on a line.
    pub(super) fn text_of(&self, attribute: &str) -> String {
        let at = self.elements.iter().position(|element| element.get(attribute).is_some()).unwrap();
        let blocks = self.elements.iter().filter(|element| element.parent == Some(at));
        blocks.map(|block| format!("  {}", block.text.trim())).collect::<Vec<_>>().join("\n")
    }

    fn is_in(&self, inner: &Element, outer: &Element) -> bool {
        let mut at = inner.parent;
        while let Some(element) = at.map(|index| &self.elements[index]) {
            if std::ptr::eq(element, outer) {
                return true;
            }
            at = element.parent;
        }
        false
    }
}

impl Element {
    fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
