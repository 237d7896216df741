//! One way to authenticate to a provider.

use std::sync::Arc;

use http::{HeaderName, header};

use crate::{
    Answer, Field, Guide, Id, Kind, Origin, Verdict,
    api::{Api, placeable_header},
    check::Check,
    template::{Part, Template},
    yaml::{At, MapView, Node, Words},
};

static METHOD: Words =
    Words { noun: "a method", keys: &["label", "guide", "fields", "authorize", "check", "formerly"] };
static AUTHORIZE: Words = Words { noun: "how to authorize", keys: &["headers", "query", "cookies", "basic"] };
static BASIC: Words = Words { noun: "HTTP Basic", keys: &["user", "password"] };

/// One way to authenticate to a provider: what it asks for, where that goes, and how it is checked.
#[derive(Debug)]
pub struct Method {
    id: Id,
    label: String,
    guide: Guide,
    fields: Vec<Field>,
    formerly: Vec<Id>,
    pub(crate) api: Arc<Api>,
    /// The provider's own origin, then those under `also`.
    pub(crate) origins: Vec<Template>,
    pub(crate) placements: Placements,
    pub(crate) check: Check,
    /// Removed from every request, and not set again by the descriptor.
    pub(crate) strip_headers: Vec<HeaderName>,
    /// Removed from every request's query.
    pub(crate) strip_query: Vec<String>,
}

/// Where values go.
#[derive(Debug, Default)]
pub(crate) struct Placements {
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) cookies: Vec<(String, Template)>,
    pub(crate) basic: Option<(Template, Template)>,
}

impl Method {
    /// The id.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// What a person reads when there are several.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How a person gets a key.
    pub fn guide(&self) -> &Guide {
        &self.guide
    }

    /// What it asks for, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field by its id, or by one that it had.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_called(id))
    }

    /// Earlier ids.
    pub fn formerly(&self) -> &[Id] {
        &self.formerly
    }

    /// What the descriptor says of an answer to the check.
    pub fn judge(&self, answer: &Answer) -> Verdict {
        self.check.judge(answer, &self.api.rate)
    }

    pub(crate) fn read(
        at: &At<'_>,
        name: &str,
        node: &Node,
        api: &Arc<Api>,
        api_node: Option<(&At<'_>, &Node)>,
    ) -> Option<Self> {
        let id = at.parse_id(name);
        let map = MapView::open(node, at, &METHOD);
        let label = map.need_text("label");
        let guide = map.need("guide", Guide::read);
        let mut fields =
            map.need("fields", |_, _| Some(())).map(|()| map.map("fields", Field::read)).unwrap_or_default();
        check_names(&map, &fields);
        let ids: Vec<&Id> = fields.iter().map(Field::id).collect();
        let placements = map.need("authorize", |at, node| Some(Placements::read(at, node, &ids)));
        let check = map.need("check", |at, node| Check::read(at, node, &ids));
        let origins = api_node.map(|(at, node)| read_origins(at, node, &fields)).unwrap_or_default();
        let placements = placements?;
        for field in &fields {
            placements.check_optional(at, field);
            if let (Some(step), Some(guide)) = (field.step(), &guide)
                && (step == 0 || step > guide.steps().len())
            {
                let at = at.key("fields");
                let at = at.key(field.id().as_str());
                at.key("step").fault(
                    "the guide has no such step",
                    format!("it has steps 1 to {}", guide.steps().len()),
                );
            }
        }
        for field in &mut fields {
            let name = field.id().as_str().to_owned();
            field.place = placements.place(&name);
            field.place.label = *field.kind() == Kind::Text
                && origins.iter().any(|origin| origin.names().any(|used| used == name));
        }
        let (strip_headers, strip_query) = placements.strips(api);
        Some(Self {
            id: id?,
            label: label?,
            guide: guide?,
            fields,
            formerly: map.formerly(),
            api: Arc::clone(api),
            origins,
            placements,
            check: check?,
            strip_headers,
            strip_query,
        })
    }
}

/// Ids and former ids of fields are told apart.
fn check_names(map: &MapView<'_, '_>, fields: &[Field]) {
    if fields.is_empty() && map.get("fields").is_some() {
        map.at().key("fields").key_fault("a method asks for at least one thing", None);
    }
    for (index, field) in fields.iter().enumerate() {
        for former in field.formerly() {
            if fields
                .iter()
                .enumerate()
                .any(|(other, field)| other != index && field.is_called(former.as_str()))
            {
                let at = map.at().key("fields");
                let at = at.key(field.id().as_str());
                at.key("formerly").fault(format!("`{former}` names another field too"), None);
            }
        }
    }
}

impl Placements {
    fn read(at: &At<'_>, node: &Node, fields: &[&Id]) -> Self {
        let map = MapView::open(node, at, &AUTHORIZE);
        let template = |at: &At<'_>, node: &Node| Template::read(at, at.text(node)?, fields);
        let token = |at: &At<'_>, name: &str| {
            let ok = !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.[]".contains(&byte));
            if !ok {
                at.key_fault(
                    "this name cannot stand there",
                    "letters, digits, `-`, `_`, `.`, `[` and `]`".to_owned(),
                );
            }
            ok.then(|| name.to_owned())
        };
        let placements = Self {
            headers: map.map("headers", |at, name, node| {
                let name = placeable_header(at, name);
                Some((name?, template(at, node)?))
            }),
            query: map.map("query", |at, name, node| {
                let name = token(at, name);
                Some((name?, template(at, node)?))
            }),
            cookies: map.map("cookies", |at, name, node| {
                let name = token(at, name);
                Some((name?, template(at, node)?))
            }),
            basic: map.read("basic", |at, node| {
                let map = MapView::open(node, at, &BASIC);
                let user = map.need("user", template);
                // Stripe and others take the key as the user's name, and an empty password.
                let password = match map.get("password") {
                    Some(Node::Text(text)) if text.is_empty() => Template::parse("").ok(),
                    _ => map.need("password", template),
                };
                Some((user?, password?))
            }),
        };
        if placements.all().next().is_none() && at_is_clean(&map) {
            at.key_fault(
                "a method places a value somewhere",
                "`headers`, `query`, `cookies` or `basic`".to_owned(),
            );
        }
        for template in placements.all() {
            if template.names().next().is_none() && !template.parts().is_empty() {
                at.fault(
                    "a placement holds at least one `{field}`",
                    "put fixed headers under `api.headers`".to_owned(),
                );
            }
        }
        if placements.basic.is_some()
            && placements.headers.iter().any(|(name, _)| name == header::AUTHORIZATION)
        {
            at.key("basic").key_fault("`basic` sets `authorization`, and so does `headers`", None);
        }
        placements
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        let named = self.query.iter().chain(&self.cookies).map(|(_, template)| template);
        self.headers
            .iter()
            .map(|(_, template)| template)
            .chain(named)
            .chain(self.basic.iter().flat_map(|(user, password)| [user, password]))
    }

    /// A missing value is an error and never an empty header: so a value that may be missing cannot be placed.
    fn check_optional(&self, at: &At<'_>, field: &Field) {
        if field.is_optional()
            && self.all().any(|template| template.names().any(|name| name == field.id().as_str()))
        {
            let at = at.key("fields");
            let at = at.key(field.id().as_str());
            let help = "give it a default, or make a second method without it".to_owned();
            at.key("optional").key_fault("a field that is placed in requests cannot be left out", help);
        }
    }

    fn place(&self, field: &str) -> crate::accept::place::Place {
        let uses = |template: &Template| template.names().any(|name| name == field);
        let named = |list: &[(String, Template)]| list.iter().any(|(_, template)| uses(template));
        crate::accept::place::Place {
            raw: self.headers.iter().any(|(_, template)| uses(template))
                || named(&self.query)
                || named(&self.cookies),
            label: false,
            basic_user: self.basic.as_ref().is_some_and(|(user, _)| uses(user)),
        }
    }

    /// What is removed from every request before anything is placed, and is not replaced by placing.
    fn strips(&self, api: &Api) -> (Vec<HeaderName>, Vec<String>) {
        let mut headers = vec![header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::HOST];
        if !api.keep_cookies {
            headers.push(header::COOKIE);
        }
        headers.extend(api.strip_headers.iter().cloned());
        let set = |name: &HeaderName| {
            self.headers.iter().any(|(own, _)| own == name)
                || (self.basic.is_some() && *name == header::AUTHORIZATION)
        };
        let mut seen = Vec::new();
        headers.retain(|name| {
            !set(name) && !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        let query = self.query.iter().map(|(name, _)| name).chain(&api.strip_query).cloned().collect();
        (headers, query)
    }
}

/// Tells whether nothing was written under any word, so that "places nothing" is the whole truth.
fn at_is_clean(map: &MapView<'_, '_>) -> bool {
    AUTHORIZE.keys.iter().all(|key| map.get(key).is_none())
}

fn read_origins(at: &At<'_>, node: &Node, fields: &[Field]) -> Vec<Template> {
    static ORIGINS: Words = Words { noun: "an api", keys: &["origin", "also"] };
    let Node::Map(_) = node else { return Vec::new() };
    let map = MapView::peek(node, at, &ORIGINS);
    let read = |at: &At<'_>, node: &Node| read_origin(at, at.text(node)?, fields);
    let own = map.need("origin", read);
    let also = map.list("also", read);
    own.into_iter().chain(also).collect()
}

fn read_origin(at: &At<'_>, text: &str, fields: &[Field]) -> Option<Template> {
    let ids: Vec<&Id> = fields.iter().map(Field::id).collect();
    let template = Template::read(at, text, &ids)?;
    let used: Vec<&Field> =
        fields.iter().filter(|field| template.names().any(|name| name == field.id().as_str())).collect();
    for field in &used {
        let id = field.id();
        let help = match field.kind() {
            _ if field.is_secret() => Some(format!("`{id}` is a secret, and a host is seen by everyone")),
            _ if field.is_optional() => Some(format!("`{id}` may be left out: give it a default")),
            Kind::Url if template.sole_name().is_none() => {
                Some(format!("`{id}` is a whole origin: write \"{{{id}}}\""))
            }
            Kind::Text | Kind::Choice(_) | Kind::Host if template.sole_name().is_some() => {
                Some(format!("write \"https://{{{id}}}\""))
            }
            Kind::Host | Kind::Text if (*field.kind() == Kind::Host) != is_whole_host(&template) => Some(
                "a `host` field stands for the whole host, a `text` field for a part between dots".to_owned(),
            ),
            _ => None,
        };
        if help.is_some() {
            at.fault(format!("`{{{id}}}` cannot stand here"), help);
            return None;
        }
    }
    let longest = used.iter().map(|field| field.choices().len()).max().unwrap_or(0).max(1);
    for round in 0..longest {
        let sample = template.render(|name| {
            let field = used.iter().find(|field| field.id().as_str() == name)?;
            Some(match field.kind() {
                Kind::Choice(choices) => {
                    choices.get(round.min(choices.len().checked_sub(1)?))?.value().into()
                }
                Kind::Url => "https://host.example".into(),
                Kind::Host => "host.example".into(),
                Kind::Text => "label".into(),
            })
        })?;
        if let Err(error) = Origin::parse(&sample) {
            at.fault(error.to_string(), None);
            return None;
        }
    }
    Some(template)
}

/// `https://{host}`, perhaps with a port.
fn is_whole_host(template: &Template) -> bool {
    match template.parts() {
        [Part::Literal(scheme), Part::Name(_), rest @ ..] => {
            &**scheme == "https://"
                && match rest {
                    [] => true,
                    [Part::Literal(port)] => port.starts_with(':'),
                    _ => false,
                }
        }
        _ => false,
    }
}
