//! One thing that a method asks for.

use crate::{
    Choice, Id, Kind, Markup, Mistake, Shape,
    accept::{self, place::Place},
    kind::{CHOICE, KINDS},
    mistake::MISTAKE,
    pattern::Pattern,
    shape::SHAPE,
    yaml::{At, Holds, Key, MapView, Node, Together, Words, words_of},
};

pub(crate) static FIELD: Words = Words {
    noun: "a field",
    keys: &[
        Key::need("label", Holds::Line, "what a person reads beside the input", &["API key"]),
        Key::may(
            "help",
            Holds::Text,
            "an explanation, in the guide's markup",
            &["Begins with an underscore (`_`)."],
        ),
        Key::may("placeholder", Holds::Line, "what an empty input shows", &["acme_…"]),
        Key::may(
            "step",
            Holds::Number(1, i64::MAX),
            "the guide's step, counted from 1, in which a person sees this value: error messages point there",
            &["2"],
        ),
        Key::may("secret", Holds::Flag, "`false` for what is no secret. Everything else is one", &["false"]),
        Key::may(
            "reason",
            Holds::Line,
            "why a field that is called `token`, `key`, `password` or the like is not secret",
            &["the id of a key is public"],
        ),
        Key::may(
            "optional",
            Holds::Flag,
            "`true` for what may be left out. What is placed in requests cannot be",
            &["true"],
        ),
        Key::may("default", Holds::Line, "the value when none is given; never for a secret", &["eu"]),
        Key::may(
            "kind",
            Holds::Word(&words_of(&KINDS)),
            "`text` (as it is when you say nothing), `url` (an https origin), `host` (a host's full name), `choice`",
            &["host"],
        ),
        Key::may(
            "choices",
            Holds::List(&Holds::Either(&[Holds::Line, Holds::Words(&CHOICE)]), 1),
            "a list of values, or of maps with `value` and `label`",
            &["[eu, us]", "[{ value: eu, label: Europe }, { value: us, label: United States }]"],
        ),
        Key::may(
            "otherwise",
            Holds::Line,
            "what to tell somebody whose value is not among the `choices`",
            &["Sandbox servers do not take API keys"],
        ),
        Key::may("multiline", Holds::Flag, "`true` for a value of several lines", &["true"]),
        Key::may(
            "spaces",
            Holds::Word(&words_of(&SPACES)),
            "`allowed`, for a secret with spaces in it",
            &["allowed"],
        ),
        Key::may(
            "shape",
            Holds::Words(&SHAPE),
            "what a value usually looks like. It warns, and never refuses: providers change their keys",
            &["{ prefix: acme_, charset: base62, length: 25 }"],
        ),
        Key::may(
            "pattern",
            Holds::Line,
            "a regular expression that the whole value must match. It refuses, so leave it out unless you are sure",
            &["\"[A-Z0-9]{8}\""],
        ),
        Key::may(
            "strip",
            Holds::List(&Holds::Line, 0),
            "prefixes that people paste along: each is removed once, in any case. What stands before the value in a header's template (`Bearer `) is removed without being named",
            &["[\"ACME_API_KEY=\", \"Authorization:\"]"],
        ),
        Key::may(
            "mistakes",
            Holds::List(&Holds::Words(&MISTAKE), 0),
            "what people paste instead, as a list",
            &["[{ prefix: old_, is: refuse, say: this is a token of the old API }]"],
        ),
        Key::may("formerly", Id::FORMERLY, Id::FORMERLY_SAYS, &["[subdomain]"]),
    ],
    together: &[
        Together::Beside("choices", "secret"),
        Together::Beside("default", "secret"),
        Together::Beside("reason", "secret"),
        Together::Beside("otherwise", "choices"),
        Together::Apart("default", "optional"),
    ],
};
const SPACES: [(&str, ()); 1] = [("allowed", ())];
/// Parts of an id that say "this is a secret".
const SECRET_WORDS: [&str; 7] = ["token", "password", "passwd", "secret", "key", "credential", "passphrase"];

/// One thing that a method asks for; secret unless it says otherwise.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the language, and they are independent")]
pub struct Field {
    id: Id,
    label: String,
    help: Option<Markup>,
    placeholder: Option<String>,
    secret: bool,
    optional: bool,
    default: Option<String>,
    kind: Kind,
    otherwise: Option<String>,
    multiline: bool,
    spaces: bool,
    pattern: Option<Pattern>,
    shape: Option<Shape>,
    strip: Vec<String>,
    mistakes: Vec<Mistake>,
    step: Option<usize>,
    formerly: Vec<Id>,
    pub(crate) place: Place,
}

/// The characters of a value, once it is trimmed. Control characters and invisible ones are in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Characters {
    /// Any.
    Any,
    /// Visible ASCII: the value goes raw into a header, the query or a cookie.
    Ascii,
    /// One part of a host's name: ASCII letters, digits and hyphens, neither first nor last; at most 63.
    HostLabel,
}

impl Field {
    /// The id.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// What a person reads beside the input.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// An explanation.
    pub fn help(&self) -> Option<&Markup> {
        self.help.as_ref()
    }

    /// What an empty input shows.
    pub fn placeholder(&self) -> Option<&str> {
        self.placeholder.as_deref()
    }

    /// Tells whether the value is a secret.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Tells whether the value may be left out.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// The value when none is given.
    pub fn default_value(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// What the value is.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The choice that a value means as it came: with white space or quotes around it, in another case, as a page's address.
    pub fn choice(&self, value: &str) -> Option<&Choice> {
        accept::choice(self.choices(), accept::trim(value, &self.strip))
    }

    /// Tells whether the value may have several lines.
    pub fn is_multiline(&self) -> bool {
        self.multiline
    }

    /// The pattern that the whole value must match, as it is written.
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(Pattern::as_str)
    }

    /// What the value usually looks like.
    pub fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    /// What to tell somebody whose value does not have its [`shape`](Self::shape).
    pub fn unlike(&self) -> Option<String> {
        let shape = self.shape.as_ref()?;
        let usual = match (shape.prefix(), shape.length()) {
            ("", None) => String::new(),
            ("", Some(length)) => format!(": it usually has {length} characters"),
            (prefix, None) => format!(": it usually begins with `{prefix}`"),
            (prefix, Some(length)) => {
                format!(": it usually begins with `{prefix}` and has {length} characters")
            }
        };
        let say = shape.say().unwrap_or("check that you copied all of it");
        Some(format!("this does not look right{usual}; {say}"))
    }

    /// What is removed from the front of a value, in this order, once each, in any case of its letters.
    pub fn strip(&self) -> &[String] {
        &self.strip
    }

    /// What people paste by mistake.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// What to tell somebody whose value is not among the choices.
    pub fn otherwise(&self) -> Option<&str> {
        self.otherwise.as_deref()
    }

    /// The characters that the value may hold.
    pub fn characters(&self) -> Characters {
        if self.place.label {
            Characters::HostLabel
        } else if self.place.raw {
            Characters::Ascii
        } else {
            Characters::Any
        }
    }

    /// Tells whether white space may stand inside the value.
    pub fn allows_spaces(&self) -> bool {
        self.spaces || self.multiline || !(self.secret || self.place.raw)
    }

    /// Tells whether a colon may stand in the value.
    pub fn allows_colon(&self) -> bool {
        !self.place.basic_user
    }

    /// The guide's step, counted from 1, in which a person sees this value.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// Earlier ids.
    pub fn formerly(&self) -> &[Id] {
        &self.formerly
    }

    /// Tells whether a word begins as the field's values usually do.
    pub(crate) fn usually_begins(&self, word: &str) -> bool {
        self.shape
            .as_ref()
            .is_some_and(|shape| !shape.prefix().is_empty() && word.starts_with(shape.prefix()))
    }

    /// Tells whether a name is the field's id, or was.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || self.formerly.iter().any(|former| former.as_str() == name)
    }

    pub(crate) fn choices(&self) -> &[Choice] {
        match &self.kind {
            Kind::Choice(choices) => choices,
            _ => &[],
        }
    }

    /// Tells whether the descriptor says so itself: `spaces: allowed`.
    pub(crate) fn says_spaces(&self) -> bool {
        self.spaces
    }

    pub(crate) fn compiled_pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// Strips this too, where the descriptor does not say so itself.
    pub(crate) fn also_strip(&mut self, prefix: String) {
        if !self.strip.iter().any(|known| known.trim().eq_ignore_ascii_case(prefix.trim())) {
            self.strip.push(prefix);
        }
    }

    pub(crate) fn read(at: &At<'_>, name: &str, node: &Node) -> Option<Self> {
        let id = at.key_id(name);
        let map = MapView::open(node, at, &FIELD);
        let label = map.need_text("label");
        let field = Self {
            help: map.read("help", Markup::read),
            placeholder: map.text("placeholder"),
            secret: map.flag("secret").unwrap_or(true),
            optional: map.flag("optional").unwrap_or(false),
            default: map.text("default"),
            kind: Kind::read(&map),
            otherwise: map.text("otherwise"),
            multiline: map.flag("multiline").unwrap_or(false),
            spaces: map.read("spaces", |at, node| at.word(node, &SPACES)).is_some(),
            pattern: map.read("pattern", Pattern::read),
            shape: map.read("shape", Shape::read),
            strip: map.list("strip", |at, node| at.line(node).map(str::to_owned)),
            mistakes: map.list("mistakes", Mistake::read),
            step: map.number("step"),
            formerly: map.formerly(),
            place: Place::default(),
            // An id or a label that is missing has been reported, and the descriptor is refused.
            id: id?,
            label: label?,
        };
        field.check(&map);
        Some(field)
    }

    fn check(&self, map: &MapView<'_, '_>) {
        let at = map.at();
        let reason = map.text("reason");
        if self.secret {
            if self.default.is_some() {
                at.key("default")
                    .key_fault("a secret has no default", "remove it, or say `secret: false`".to_owned());
            }
            if self.kind != Kind::Text {
                let help = "say `secret: false`, or remove `kind` and `choices`".to_owned();
                at.key_fault("a secret is text: it is neither chosen from a list nor an address", help);
            }
            if reason.is_some() {
                at.key("reason").key_fault("`reason` says why a field is not secret, and this one is", None);
            }
        } else if reason.is_none() && SECRET_WORDS.iter().any(|word| self.id.as_str().contains(word)) {
            let help = "say why in `reason`, or remove `secret: false`".to_owned();
            at.key("secret").fault("a field of this name is a secret elsewhere", help);
        }
        if let Some(default) = &self.default {
            let known = self.choices();
            if !known.is_empty() && !known.iter().any(|choice| choice.value() == default) {
                let help = crate::problem::suggest(default, known.iter().map(Choice::value));
                at.key("default").fault("the default is not one of the choices", help);
            }
            if self.optional {
                at.key("optional")
                    .key_fault("a field with a default is never left out", "remove `optional`".to_owned());
            }
        }
        if self.otherwise.is_some() && self.choices().is_empty() {
            at.key("otherwise").key_fault("`otherwise` is said of a value that is not among `choices`", None);
        }
    }
}
