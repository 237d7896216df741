//! One way to authenticate to a provider.

use std::sync::Arc;

use crate::{
    Answer, Field, Guide, Id, Kind, Place, RateHeaders, Verdict, accept,
    api::Api,
    check::{CHECK, Check},
    field::FIELD,
    guide::GUIDE,
    host,
    placement::{AUTHORIZE, Placements, Strips},
    template::{Part, Template},
    yaml::{At, Holds, Key, MapView, Names, Node, Words},
};

pub(crate) static METHOD: Words = Words {
    noun: "a method",
    keys: &[
        Key::need("label", Holds::Line, "what a person reads when there are several", &["API key"]),
        Key::need(
            "guide",
            Holds::Either(&[Holds::List(&Holds::Text, 1), Holds::Words(&GUIDE)]),
            "how to get a key: a list of steps, or a map of `needs`, `steps`, and `warnings`. A step with a comma stands on a line of its own, not in `[…]`. The markup is `**bold**`, `` `code` ``, `[text](https://…)`, and tables of `| cells |`",
            &[
                "[Open **Settings**., Copy the key.]",
                "{ needs: [An administrator.], steps: [Open **Keys**.] }",
            ],
        ),
        Key::need(
            "fields",
            Holds::Map(&Names { like: &Id::LIKE, never: &[], count: (1, MAX_FIELDS) }, &Holds::Words(&FIELD)),
            "what it asks for, by id",
            &["{ api_key: { label: API key, step: 2 } }"],
        ),
        Key::need(
            "authorize",
            Holds::Words(&AUTHORIZE),
            "where it goes, in templates: text with `{field}` in it",
            &["{ headers: { authorization: \"Bearer {api_key}\" } }"],
        ),
        Key::need(
            "check",
            Holds::Words(&CHECK),
            "how a key is checked",
            &[r#"
request: GET /me
valid: { status: 200, body: { /id: { exists: true } } }
account: { id: /id, label: ["{/name}"] }
"#],
        ),
        Key::may("formerly", Id::FORMERLY, Id::FORMERLY_SAYS, &["[password]"]),
    ],
    together: &[],
};
/// The most fields of one method.
const MAX_FIELDS: usize = 32;

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
    pub(crate) strips: Strips,
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

    /// The places in which its requests have a secret value.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.placements.places(&self.fields)
    }

    /// The host that receives a value first, where it is the same for everybody; `None` where a field says which.
    pub fn host(&self) -> Option<&str> {
        match self.origins.first()?.parts() {
            [Part::Literal(origin)] => origin.strip_prefix("https://"),
            _ => None,
        }
    }

    /// The headers in which the provider tells its limits.
    pub fn rate_headers(&self) -> &RateHeaders {
        &self.api.rate
    }

    /// The most requests of one account that the provider serves at the same time, where it says so.
    pub fn concurrency(&self) -> Option<u32> {
        self.api.concurrency
    }

    /// What the descriptor says of an answer to the check.
    pub fn judge(&self, answer: &Answer) -> Verdict {
        self.check.judge(answer, &self.api.rate)
    }

    /// Why an answer to the check does not prove that a key is good, in words for whoever writes the descriptor: the first of
    /// its conditions that the answer does not meet, and nothing of what the answer holds. `None` where it proves it.
    pub fn doubt(&self, answer: &Answer) -> Option<String> {
        self.check.doubt(answer)
    }

    pub(crate) fn read(
        at: &At<'_>,
        name: &str,
        node: &Node,
        api: &Arc<Api>,
        api_node: Option<(&At<'_>, &Node)>,
    ) -> Option<Self> {
        let id = at.key_id(name);
        let map = MapView::open(node, at, &METHOD);
        let label = map.need_text("label");
        let guide = map.need("guide", Guide::read);
        let (ids, mut fields) = read_fields(&map);
        let placements = map.need("authorize", |at, node| Some(Placements::read(at, node, &ids, api)));
        let check = map.need("check", |at, node| Check::read(at, node, &ids, &fields));
        let origins =
            api_node.map(|(at, node)| host::read_origins(at, node, &ids, &fields)).unwrap_or_default();
        let formerly = map.formerly();
        let placements = placements?;
        let fields_at = at.key("fields");
        for field in &mut fields {
            field.place = placements.place(field.id());
            field.place.label =
                *field.kind() == Kind::Text && origins.iter().any(|origin| origin.uses(field.id()));
            for prefix in placements.before(field).map(str::to_owned).collect::<Vec<_>>() {
                field.also_strip(prefix);
            }
            let steps = guide.as_ref().map(|guide| guide.steps().len());
            let needed =
                placements.uses(field.id()) || check.as_ref().is_some_and(|check| check.uses(field.id()));
            check_field(&fields_at.key(field.id().as_str()), field, steps, needed);
        }
        let strips = placements.strips(api);
        Some(Self {
            id: id?,
            label: label?,
            guide: guide?,
            fields,
            formerly,
            api: Arc::clone(api),
            origins,
            placements,
            check: check?,
            strips,
        })
    }
}

/// The ids that stand under `fields`, also those of broken fields: what uses them is not at fault. And the fields.
fn read_fields(map: &MapView<'_, '_>) -> (Vec<Id>, Vec<Field>) {
    let entries = match map.need("fields", |_, node| Some(node)) {
        Some(Node::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    let at = map.at().key("fields");
    if entries.is_empty() && matches!(map.get("fields"), Some(Node::Map(_))) {
        at.key_fault("a method asks for at least one thing", None);
    }
    if entries.len() > MAX_FIELDS {
        at.key_fault(format!("a method has at most {MAX_FIELDS} fields"), None);
        return (Vec::new(), Vec::new());
    }
    let ids = entries.iter().filter_map(|(name, _)| Id::parse(name)).collect();
    let fields = map.map("fields", Field::read);
    for field in &fields {
        for (index, former) in field.formerly().iter().enumerate() {
            let others = fields.iter().filter(|other| !std::ptr::eq(*other, field));
            let twice = field.formerly()[..index].contains(former) || field.id() == former;
            if twice || others.into_iter().any(|other| other.is_called(former.as_str())) {
                let message =
                    format!("`{former}` names {} too", if twice { "this field" } else { "another field" });
                at.key(field.id().as_str()).key("formerly").item(index).fault(message, None);
            }
        }
    }
    (ids, fields)
}

/// What holds of a field only in the light of all the rest.
fn check_field(at: &At<'_>, field: &Field, steps: Option<usize>, needed: bool) {
    // A missing value is an error and never an empty header: so a value that may be missing cannot be placed.
    if field.is_optional() && needed {
        let help = "give it a default, or make a second method without it".to_owned();
        at.key("optional").key_fault("a field that requests need cannot be left out", help);
    }
    if field.is_multiline() && (field.place.raw || field.place.label) {
        at.key("multiline")
            .key_fault("a value of several lines cannot stand in a header, a query or a cookie", None);
    }
    if let (Some(step), Some(steps)) = (field.step(), steps)
        && (step == 0 || step > steps)
    {
        at.key("step").fault("the guide has no such step", format!("it has steps 1 to {steps}"));
    }
    if let Some(default) = field.default_value()
        && let Some(message) = accept::refusal(field, default)
        && (field.choices().is_empty() || field.choices().iter().any(|choice| choice.value() == default))
    {
        at.key("default").fault("the default would be refused", message);
    }
    for (index, choice) in field.choices().iter().enumerate() {
        if let Some(message) = accept::refusal(field, choice.value()) {
            at.key("choices").item(index).fault("this choice would be refused", message);
        }
        if field.choices()[..index].iter().any(|other| other.value() == choice.value()) {
            at.key("choices").item(index).fault("this choice stands here twice", None);
        }
    }
}
