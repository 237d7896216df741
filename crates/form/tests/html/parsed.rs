//! A form as a browser's tokenizer sees it, held against what may be in one.

use std::collections::{BTreeMap, BTreeSet};

use html5gum::{Token, Tokenizer};

const ELEMENTS: &str = "a button code div form h1 h2 h3 h4 h5 h6 input label li ol option p section select span strong \
    table tbody td textarea th thead tr ul";
const ATTRIBUTES: &str = "accept-charset action aria-describedby aria-invalid aria-label aria-labelledby autocapitalize \
    autocomplete autocorrect autofocus class cols data-1p-ignore data-bwignore data-form-type data-keyway-hints \
    data-lpignore dir for href id inputmode method name novalidate placeholder rel required role rows scope selected size \
    spellcheck tabindex target type value";
/// What may stand in these is text, so that a browser's tree is the one that is written.
const TEXT_ALONE: [&str; 2] = ["option", "textarea"];
/// These end a paragraph.
const BLOCKS: [&str; 8] = ["div", "form", "ol", "p", "section", "table", "ul", "h3"];

pub(crate) struct Element {
    pub(crate) name: String,
    attributes: BTreeMap<String, String>,
    /// With that of the elements inside.
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

/// Reads pages' fragments, and asserts what holds for all of them: they are well nested, hold nothing but what is listed,
/// lead nowhere but to https, and refer to nothing that is not there.
#[track_caller]
pub(crate) fn parse(html: &str) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                assert!(ELEMENTS.split_whitespace().any(|known| known == name), "<{name}> in {html}");
                if let Some(parent) = open.last().map(|index| elements[*index].name.as_str()) {
                    assert!(!TEXT_ALONE.contains(&parent), "<{name}> in <{parent}>: {html}");
                    assert!(!(parent == "p" && BLOCKS.contains(&name.as_str())), "<{name}> in <p>: {html}");
                }
                let attributes: BTreeMap<String, String> = tag
                    .attributes
                    .iter()
                    .map(|(name, value)| {
                        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                        (text(name), text(value))
                    })
                    .collect();
                for attribute in attributes.keys() {
                    assert!(
                        ATTRIBUTES.split_whitespace().any(|known| known == attribute),
                        "{attribute}: {html}"
                    );
                }
                if name != "input" {
                    open.push(elements.len());
                }
                elements.push(Element { name, attributes, text: String::new() });
            }
            Token::EndTag(tag) => {
                let last = open.pop().map(|index| elements[index].name.clone());
                assert_eq!(last.as_deref().map(str::as_bytes), Some(tag.name.as_slice()), "{html}");
            }
            Token::String(text) => {
                let text = String::from_utf8(text.value.to_vec()).unwrap();
                assert!(!open.is_empty(), "`{text}` outside of all: {html}");
                for index in &open {
                    elements[*index].text += &text;
                }
            }
            other => panic!("{other:?} in {html}"),
        }
    }
    assert!(open.is_empty(), "not closed: {html}");
    check_references(&elements, html);
    elements
}

#[track_caller]
fn check_references(elements: &[Element], html: &str) {
    let all: Vec<&str> = elements.iter().filter_map(|element| element.get("id")).collect();
    let ids: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), ids.len(), "an id stands twice: {html}");
    for element in elements {
        for attribute in ["for", "aria-describedby", "aria-labelledby"] {
            for id in element.get(attribute).into_iter().flat_map(str::split_whitespace) {
                assert!(ids.contains(id), "{attribute} refers to {id}, which is not there: {html}");
            }
        }
        if let Some(target) = element.get("href") {
            let is_there = target.strip_prefix('#').is_some_and(|id| ids.contains(id));
            assert!(is_there || target.starts_with("https://"), "{target}: {html}");
        }
        if matches!(element.name.as_str(), "input" | "select" | "textarea")
            && element.get("type") != Some("hidden")
        {
            let id = element.get("id").unwrap();
            let labels = elements.iter().filter(|label| label.get("for") == Some(id)).count();
            assert_eq!(labels, 1, "the labels of {id}");
        }
    }
}
