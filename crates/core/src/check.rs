//! The live check: what is asked, and what the answer means.

mod account;

use std::borrow::Cow;

use http::Method as HttpMethod;

use crate::{
    Answer, Field, Id, Reason, ReasonCode, Verdict, VerdictKind,
    pointer::Pointer,
    rate::RateHeaders,
    rule::{CONTENT_TYPE, CONTENT_TYPE_SAYS, Reading, Rule, STATUS, VALUE},
    target,
    template::Template,
    yaml::{At, Holds, Key, Like, MAX_ENTRIES, MapView, Names, Node, Together, Words, words_of},
};

pub(crate) use account::is_fit;

use account::{ACCOUNT, AccountRule};

pub(crate) static CHECK: Words = Words {
    noun: "a check",
    keys: &[
        Key::need(
            "request",
            Holds::Like(&REQUEST),
            "`GET /path?query`: the cheapest one that says whose key it is, and needs no permission",
            &["GET /v1/users/me"],
        ),
        Key::need(
            "valid",
            Holds::Words(&VALID),
            "the proof that a key is good",
            &["{ status: 200, body: { /data/id: { exists: true } } }"],
        ),
        Key::need(
            "account",
            Holds::Words(&ACCOUNT),
            "whose key it is",
            &["{ id: /data/id, label: [\"{/data/name} ({/data/email})\", \"{/data/email}\"] }"],
        ),
        Key::may(
            "verdicts",
            Holds::List(&Holds::Words(&VERDICT), 0),
            "a list of rules tried before `valid`, from top to bottom",
            &[
                "[{ status: 400, body: { /error: { contains: expired } }, is: invalid, say: the key has expired }]",
            ],
        ),
    ],
    together: &[],
};
static VALID: Words = Words {
    noun: "the proof of a valid key",
    keys: &[
        Key::may(
            "status",
            Holds::Either(&[
                Holds::Number(200, 299),
                Holds::Word(&["2xx"]),
                Holds::List(&Holds::Either(&[Holds::Number(200, 299), Holds::Word(&["2xx"])]), 0),
            ]),
            "a number from 200 to 299, the class `2xx`, or a list of such",
            &["200"],
        ),
        Key::may("content_type", CONTENT_TYPE, CONTENT_TYPE_SAYS, &["json"]),
        Key::need(
            "body",
            Holds::Map(&Names { like: &Pointer::LIKE, never: &[], count: (1, MAX_ENTRIES) }, &VALUE),
            "what only a good key's answer holds: a value or a condition by JSON pointer",
            &["{ /data/type: users, /data/id: { exists: true }, /errors: [] }"],
        ),
    ],
    together: &[],
};
static VERDICT: Words = Words {
    noun: "a verdict",
    keys: &[
        Key::may(
            "status",
            STATUS,
            "a number, a class (`5xx`), or a list of such",
            &["401", "5xx", "[400, 410]"],
        ),
        Key::may("content_type", CONTENT_TYPE, CONTENT_TYPE_SAYS, &["json"]),
        Key::may(
            "body",
            Holds::Map(&Names { like: &Pointer::LIKE, never: &[], count: (0, MAX_ENTRIES) }, &VALUE),
            "what the answer holds: a value or a condition by JSON pointer",
            &["{ \"/*/errors\": { contains: Invalid key } }"],
        ),
        Key::need(
            "is",
            Holds::Word(&words_of(&KINDS)),
            "`invalid`, `forbidden`, `rate_limited`, `unavailable` or `unknown`",
            &["invalid"],
        ),
        Key::may(
            "say",
            Holds::Line,
            "what to tell whoever gave the key",
            &["the key is good, and lacks the permission for this"],
        ),
    ],
    together: &[Together::AnyOf(&["status", "content_type", "body"])],
};

static REQUEST: Like = Like { noun: "`GET /path`", pattern: r"^GET /([^{}\n]|\{[a-z][a-z0-9_]*\})*$" };

const KINDS: [(&str, VerdictKind); 5] = [
    ("invalid", VerdictKind::Invalid),
    ("forbidden", VerdictKind::Forbidden),
    ("rate_limited", VerdictKind::RateLimited),
    ("unavailable", VerdictKind::Unavailable),
    ("unknown", VerdictKind::Unknown),
];

/// The live check of a method.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) path: Template,
    valid: Rule,
    account: AccountRule,
    verdicts: Vec<(Rule, VerdictKind, Option<String>)>,
}

impl Check {
    /// The method of a check's request: a check has no side effects.
    pub(crate) const METHOD: HttpMethod = HttpMethod::GET;

    pub(crate) fn read(at: &At<'_>, node: &Node, ids: &[Id], fields: &[Field]) -> Option<Self> {
        let map = MapView::open(node, at, &CHECK);
        let path = map.need("request", |at, node| read_request(at, at.line(node)?, ids, fields));
        let valid = map.need("valid", |at, node| {
            let map = MapView::open(node, at, &VALID);
            let rule = Rule::read(&map);
            let all_read = match map.get("body") {
                Some(Node::Map(entries)) => rule.has_conditions(entries.len()),
                other => other.is_none(),
            };
            if all_read && !rule.proves() {
                let help = "say under `body` what only a good key's answer holds".to_owned();
                at.key_fault("a status alone proves nothing", help);
            }
            if !rule.is_of_success() {
                at.key("status").fault("only an answer of 200 to 299 says that a key is good", None);
            }
            Some(rule)
        });
        let account = map.need("account", AccountRule::read);
        let verdicts = map.list("verdicts", |at, node| {
            let map = MapView::open(node, at, &VERDICT);
            let rule = Rule::read(&map);
            if rule.is_empty() {
                at.key_fault("a verdict needs a condition", "`status`, `content_type` or `body`".to_owned());
            }
            let kind = map.need("is", |at, node| at.word(node, &KINDS));
            Some((rule, kind?, map.text("say")))
        });
        Some(Self { path: path?, valid: valid?, account: account?, verdicts })
    }

    /// Tells whether the check's path needs a field's value.
    pub(crate) fn uses(&self, field: &Id) -> bool {
        self.path.uses(field)
    }

    /// What an answer means: the descriptor's verdicts from top to bottom, then the proof, then what HTTP says.
    pub(crate) fn judge(&self, answer: &Answer, rate: &RateHeaders) -> Verdict {
        if answer.is_encoded() {
            return unknown(
                ReasonCode::Encoded,
                "the answer came compressed although it was asked for plain",
            );
        }
        let reading = Reading::new(answer);
        for (rule, kind, say) in &self.verdicts {
            if rule.holds(&reading) {
                let say = say.clone().map_or(Cow::Borrowed("the provider's answer says so"), Cow::Owned);
                return verdict(*kind, Reason::new(ReasonCode::Rule, say), answer, rate);
            }
        }
        if answer.status().is_success() && self.valid.holds(&reading) {
            return match reading.json().and_then(|json| self.account.find(json)) {
                Some(account) => Verdict::Valid(account),
                None => unknown(ReasonCode::NoProof, "the answer does not say whose key this is"),
            };
        }
        by_status(&reading, rate)
    }

    /// The first thing of the descriptor that keeps an answer from proving that a key is good; `None` where it proves it.
    pub(crate) fn doubt(&self, answer: &Answer) -> Option<String> {
        if answer.is_encoded() {
            return Some("the answer is compressed".to_owned());
        }
        let reading = Reading::new(answer);
        if let Some(at) = self.verdicts.iter().position(|(rule, ..)| rule.holds(&reading)) {
            return Some(format!("the answer meets number {} of `verdicts`", at + 1));
        }
        if !answer.status().is_success() {
            return Some(format!("the answer's status is {}", answer.status().as_u16()));
        }
        if let Some(unmet) = self.valid.unmet(&reading) {
            return Some(format!("in `valid`, {unmet}"));
        }
        let account = reading.json().and_then(|json| self.account.find(json));
        account.is_none().then(|| self.account.wants())
    }
}

/// What HTTP itself says, where the descriptor says nothing.
fn by_status(reading: &Reading<'_>, rate: &RateHeaders) -> Verdict {
    let answer = reading.answer();
    let (kind, code, text) = match answer.status().as_u16() {
        401 => {
            (VerdictKind::Invalid, ReasonCode::Unauthorized, "the provider does not accept this key (401)")
        }
        403 => (
            VerdictKind::Forbidden,
            ReasonCode::Forbidden,
            "the provider refuses what the check asks for (403)",
        ),
        404 => {
            let text = "the provider answers \"not found\" (404), which says nothing about the key";
            (VerdictKind::Unknown, ReasonCode::NoProof, text)
        }
        429 => (VerdictKind::RateLimited, ReasonCode::Rule, ""),
        500..=599 => (
            VerdictKind::Unavailable,
            ReasonCode::ServerError,
            "the provider is out of order (a server error)",
        ),
        300..=399 => (
            VerdictKind::Unknown,
            ReasonCode::Redirect,
            "the provider redirects to nowhere that can be followed",
        ),
        200..=299 if reading.json().is_none() => (
            VerdictKind::Unknown,
            ReasonCode::NoProof,
            "the answer is not the provider's API speaking (no JSON)",
        ),
        _ => (VerdictKind::Unknown, ReasonCode::NoProof, "the answer proves nothing about the key"),
    };
    verdict(kind, Reason::new(code, text), answer, rate)
}

fn verdict(kind: VerdictKind, reason: Reason, answer: &Answer, rate: &RateHeaders) -> Verdict {
    match kind {
        VerdictKind::Invalid => Verdict::Invalid(reason),
        VerdictKind::Forbidden => Verdict::Forbidden(reason),
        VerdictKind::RateLimited => Verdict::RateLimited {
            retry_after: rate
                .retry_after(answer)
                .or_else(|| rate.limits(answer.headers(), answer.received_at()).reset_after),
        },
        VerdictKind::Unavailable => Verdict::Unavailable { retry_after: rate.retry_after(answer), reason },
        // `valid` is no word of a rule: it is said on proof alone.
        VerdictKind::Valid | VerdictKind::Unknown => Verdict::Unknown(reason),
    }
}

pub(crate) fn unknown(code: ReasonCode, text: &'static str) -> Verdict {
    Verdict::Unknown(Reason::new(code, text))
}

fn read_request(at: &At<'_>, text: &str, ids: &[Id], fields: &[Field]) -> Option<Template> {
    let Some(path) = text.strip_prefix("GET ").filter(|path| path.starts_with('/')) else {
        at.fault(
            "a check is `GET /path`",
            "it has no side effects, and stays on the provider's own origin".to_owned(),
        );
        return None;
    };
    let template = Template::read(at, path, ids)?;
    if let Some(secret) = fields.iter().find(|field| field.is_secret() && template.uses(field.id())) {
        let help = "a path stands in every log; place it under `authorize`".to_owned();
        at.fault(format!("`{{{}}}` is a secret, and cannot stand in a path", secret.id()), help);
    }
    if let Err(error) = target::encode(&template.render(|_| Some("x".into()))?) {
        at.fault(error.to_string(), None);
    }
    Some(template)
}
