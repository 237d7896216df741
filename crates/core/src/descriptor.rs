//! All of a provider that data can say.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    Id, LoadError, Method,
    api::{API, Api},
    markup::{self, LINK},
    method::METHOD,
    yaml::{self, At, Faults, Holds, Key, Like, MapView, Names, Node, Words},
};

static DESCRIPTOR: Words = Words {
    noun: "a descriptor",
    keys: &[
        Key::need("version", Holds::Number(VERSION, VERSION), "the language's version: `1`", &["1"]),
        Key::need("id", Holds::Like(&Id::LIKE), "the id: names folder and package", &["rally"]),
        Key::need("name", Holds::Line, "what a person calls the service", &["Rally"]),
        Key::need(
            "summary",
            Holds::Line,
            "one sentence about it",
            &["Agile project management by Broadcom, formerly CA Agile Central."],
        ),
        Key::may(
            "categories",
            Holds::Few(&Holds::Like(&CATEGORY), 0, MAX_CATEGORIES),
            "what kinds of service it is, as a list of at most 3: a person who chooses a provider narrows the choice by them",
            &["[Project management]"],
        ),
        Key::need(
            "links",
            Holds::Words(&LINKS),
            "where a person reads more; all `https`",
            &["{ docs: https://docs.acme.example, keys: https://acme.example/settings/keys }"],
        ),
        Key::need(
            "seen_live",
            Holds::Like(&DAY),
            "the day on which it was last seen to work against the live service (`2026-11-21`), or `never`. Be honest",
            &["never", "2026-11-21"],
        ),
        Key::may("formerly", Id::FORMERLY, Id::FORMERLY_SAYS, &["[acme_classic]"]),
        Key::need(
            "api",
            Holds::Words(&API),
            "what holds for every request",
            &["{ origin: https://api.acme.example, media_type: application/json }"],
        ),
        Key::need(
            "methods",
            Holds::Map(
                &Names { like: &Id::LIKE, never: &[], count: (1, MAX_METHODS) },
                &Holds::Words(&METHOD),
            ),
            "the ways to authenticate, by id; the first is the usual one",
            &[r#"
api_key:
  label: API key
  guide: [Open **Settings**., Copy the key.]
  fields: { api_key: { label: API key, step: 2 } }
  authorize: { headers: { x-api-key: "{api_key}" } }
  check:
    request: GET /me
    valid: { status: 200, body: { /id: { exists: true } } }
    account: { id: /id, label: ["{/name}"] }
"#],
        ),
    ],
    together: &[],
};
static LINKS: Words = Words {
    noun: "links",
    keys: &[
        Key::need("docs", Holds::Like(&LINK), "the API's documentation", &["https://docs.acme.example/api"]),
        Key::may(
            "keys",
            Holds::Like(&LINK),
            "where keys are made and revoked",
            &["https://acme.example/settings/keys"],
        ),
        Key::may("support", Holds::Like(&LINK), "where to ask for help", &["https://acme.example/support"]),
    ],
    together: &[],
};

static CATEGORY: Like =
    Like { noun: "text of 1 to 40 characters without spaces around it", pattern: r"^\S(.{0,38}\S)?$" };
static DAY: Like = Like {
    noun: "`never`, or a day like 2026-11-21,",
    pattern: "^(never|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))$",
};

/// The version of the language that this core reads.
const VERSION: i64 = 1;
/// The most categories of one provider, and the most characters of one.
const MAX_CATEGORIES: usize = 3;
const MAX_CATEGORY: usize = 40;
/// The most methods of one provider.
const MAX_METHODS: usize = 16;

/// All of a provider that data can say: parsed, checked, and compiled.
#[derive(Debug)]
pub struct Descriptor {
    id: Id,
    name: String,
    summary: String,
    categories: Vec<String>,
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

    /// The language of descriptors as a JSON Schema (draft 07), with a description and examples for every key: editors
    /// complete and explain with it. What a schema cannot say, only [`Descriptor::parse`] knows.
    pub fn json_schema() -> Value {
        let mut schema = DESCRIPTOR.schema();
        schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
        schema["title"] = json!("A provider of Keyway");
        schema["description"] = json!("All of a provider that data can say: `provider.yaml`");
        // Another crate of a program may switch on serde_json's insertion order.
        schema.sort_all_objects();
        schema
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
        let categories = read_categories(&map);
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
            categories,
            links: links?,
            seen_live: seen_live?,
            formerly,
            methods,
        })
    }

    /// The version of the descriptors' language that it is written in.
    pub fn version(&self) -> i64 {
        VERSION
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

    /// What kinds of service it is, for a person who chooses; at most three, each on one line.
    pub fn categories(&self) -> &[String] {
        &self.categories
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

fn read_categories(map: &MapView<'_, '_>) -> Vec<String> {
    let mut categories: Vec<String> = Vec::new();
    if let Some(Node::List(items)) = map.get("categories")
        && items.len() > MAX_CATEGORIES
    {
        let message = format!("a provider has at most {MAX_CATEGORIES} categories");
        map.at().key("categories").key_fault(message, None);
        return categories;
    }
    map.list("categories", |at, node| {
        let text = at.line(node)?;
        if text.trim() != text || text.chars().count() > MAX_CATEGORY {
            let message = format!("a category has 1 to {MAX_CATEGORY} characters, and no spaces around them");
            at.fault(message, None);
        } else if categories.iter().any(|known| known == text) {
            at.fault("this category stands here twice", "remove one of the two".to_owned());
        } else {
            categories.push(text.to_owned());
        }
        Some(())
    });
    categories
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
