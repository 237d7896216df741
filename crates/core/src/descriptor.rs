//! All of a provider that data can say.

use std::sync::Arc;

use crate::{
    Id, LoadError, Method,
    api::Api,
    markup,
    yaml::{self, At, Faults, MapView, Node, Words},
};

static DESCRIPTOR: Words = Words {
    noun: "a descriptor",
    keys: &["version", "id", "name", "summary", "links", "seen_live", "formerly", "api", "methods"],
};
static LINKS: Words = Words { noun: "links", keys: &["docs", "keys", "support"] };

/// The version of the language that this core reads.
const VERSION: i64 = 1;
/// The most methods of one provider.
const MAX_METHODS: usize = 16;

/// All of a provider that data can say: parsed, checked, and compiled.
#[derive(Debug)]
pub struct Descriptor {
    id: Id,
    name: String,
    summary: String,
    links: Links,
    seen_live: Option<String>,
    formerly: Vec<Id>,
    methods: Vec<Arc<Method>>,
}

/// Where a person reads more. All are `https`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Links {
    /// The API's documentation.
    pub docs: Option<String>,
    /// The page where keys are made and revoked.
    pub keys: Option<String>,
    /// Where to ask for help.
    pub support: Option<String>,
}

impl Descriptor {
    /// Reads a descriptor. `file` is named in errors.
    ///
    /// # Errors
    /// All that is wrong, each with line, column, the text at fault and, where there is one, a suggestion.
    pub fn parse(file: &str, text: &str) -> Result<Self, LoadError> {
        let node = yaml::parse(file, text).map_err(LoadError::new)?;
        let faults = Faults::default();
        let descriptor = Self::read(&At::root(&faults), &node);
        match descriptor {
            Some(descriptor) if faults.is_empty() => Ok(descriptor),
            _ => Err(LoadError::new(yaml::locate(file, text, faults))),
        }
    }

    fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let map = MapView::open(node, at, &DESCRIPTOR);
        map.need("version", |at, node| {
            if *node != Node::Int(VERSION) {
                at.fault(
                    "this version of the language is not known",
                    format!("this Keyway reads version {VERSION}, a number without quotes"),
                );
            }
            Some(())
        });
        let id = map.need("id", read_id);
        let name = map.need_text("name");
        let summary = map.need_text("summary");
        let links = map.need("links", Links::read);
        let seen_live = map.need("seen_live", read_seen_live);
        let api = Arc::new(map.need("api", |at, node| Some(Api::read(at, node))).unwrap_or_default());
        let api_at = at.key("api");
        let api_node = map.get("api").map(|node| (&api_at, node));
        let methods = match map.need("methods", |_, node| Some(node)) {
            Some(Node::Map(entries)) if entries.is_empty() => {
                at.key("methods").key_fault("a provider has at least one method", None);
                Vec::new()
            }
            Some(Node::Map(entries)) if entries.len() > MAX_METHODS => {
                at.key("methods").key_fault(format!("a provider has at most {MAX_METHODS} methods"), None);
                Vec::new()
            }
            _ => map
                .map("methods", |at, name, node| Method::read(at, name, node, &api, api_node).map(Arc::new)),
        };
        check_names(at, &methods);
        let formerly = map.formerly();
        for (index, former) in formerly.iter().enumerate() {
            if id.as_ref() == Some(former) || formerly[..index].contains(former) {
                at.key("formerly").item(index).fault(format!("`{former}` names this provider already"), None);
            }
        }
        Some(Self {
            id: id?,
            name: name?,
            summary: summary?,
            links: links?,
            seen_live: seen_live?,
            formerly,
            methods,
        })
    }

    /// The id.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// The name that a person reads.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One sentence about the service.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Where a person reads more.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The day (`2026-11-21`) on which the provider was last seen to work against the live service; `None` for never.
    pub fn seen_live(&self) -> Option<&str> {
        self.seen_live.as_deref()
    }

    /// Earlier ids.
    pub fn formerly(&self) -> &[Id] {
        &self.formerly
    }

    /// The methods; the first is the usual one.
    pub fn methods(&self) -> &[Arc<Method>] {
        &self.methods
    }

    /// A method by its id, or by one that it had.
    pub fn method(&self, id: &str) -> Option<&Arc<Method>> {
        let formerly = |method: &&Arc<Method>| method.formerly().iter().any(|former| former.as_str() == id);
        self.methods
            .iter()
            .find(|method| method.id().as_str() == id)
            .or_else(|| self.methods.iter().find(formerly))
    }
}

/// Ids and former ids of methods are told apart.
fn check_names(at: &At<'_>, methods: &[Arc<Method>]) {
    for (index, method) in methods.iter().enumerate() {
        for (place, former) in method.formerly().iter().enumerate() {
            let twice = method.id() == former || method.formerly()[..place].contains(former);
            let taken = methods.iter().enumerate().any(|(other, method)| {
                other != index && (method.id() == former || method.formerly().contains(former))
            });
            if twice || taken {
                let at = at.key("methods");
                let message =
                    format!("`{former}` names {} too", if twice { "this method" } else { "another method" });
                at.key(method.id().as_str()).key("formerly").item(place).fault(message, None);
            }
        }
    }
}

impl Links {
    fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let map = MapView::open(node, at, &LINKS);
        let link = |at: &At<'_>, node: &Node| {
            let text = at.line(node)?;
            markup::link(text).map_err(|message| at.fault(message, None)).ok()
        };
        let docs = map.need("docs", link);
        let (keys, support) = (map.read("keys", link), map.read("support", link));
        Some(Self { docs: Some(docs?), keys, support })
    }
}

fn read_id(at: &At<'_>, node: &Node) -> Option<Id> {
    at.id(node)
}

/// Tells whether a text is a day that there was or will be, as `2026-11-21`.
fn is_day(text: &str) -> bool {
    let number = |part: Option<&str>, digits: usize| -> Option<u32> {
        let part = part?;
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let mut parts = text.split('-');
    let (year, month, day) = (number(parts.next(), 4), number(parts.next(), 2), number(parts.next(), 2));
    let (Some(year), Some(month), Some(day), None) = (year, month, day, parts.next()) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `never`, or a day. `Some(None)` is never.
#[expect(clippy::option_option, reason = "the outer one is a fault, the inner one the word `never`")]
fn read_seen_live(at: &At<'_>, node: &Node) -> Option<Option<String>> {
    let text = at.text(node)?;
    if text == "never" {
        return Some(None);
    }
    if !is_day(text) {
        at.fault("this is not a day", "write `never`, or a day like 2026-11-21".to_owned());
        return None;
    }
    Some(Some(text.to_owned()))
}
