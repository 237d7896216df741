//! Every message that is more than a line: written for the person who pasted the key. None holds a value.

use std::time::Duration;

use keyway::{
    Account, Descriptor, FieldProblem, Method, Reason, ReasonCode, Refused, TransportError,
    TransportErrorKind, Verdict,
    form::{
        Form,
        terminal::{self, paragraph, sentence},
    },
};
use owo_colors::OwoColorize as _;

use crate::{exit::Failure, place::Place};

/// Why a check ended in `rate_limited`.
pub(crate) const TOO_MANY: &str =
    "the provider counts too many requests with this key or from this address, and asks to wait";

/// What a message is about.
#[derive(Clone, Copy)]
pub(crate) struct Topic<'t> {
    pub(crate) descriptor: &'t Descriptor,
    pub(crate) method: &'t Method,
    pub(crate) place: &'t Place,
}

/// Why the command did not do what it is for.
pub(crate) fn failure(failure: &Failure) -> String {
    match failure {
        Failure::Because(text) | Failure::Damaged(text) => format!("{} {text}", "error:".red().bold()),
        Failure::NeedsKey(text) => format!(
            "{} {text}\nNothing was sent. `keyway connect ID --save --connection …` gives it one.",
            "error:".red().bold()
        ),
        Failure::Cancelled => "Cancelled; nothing was sent.".to_owned(),
    }
}

impl<'t> Topic<'t> {
    /// The method as a form.
    pub(crate) fn form(&self) -> Form<'t> {
        Form::new(self.descriptor, self.method)
    }

    /// The guide, and the other ways that there are.
    pub(crate) fn guide(&self) -> String {
        let mut out = terminal::guide(&self.form());
        let others = self.descriptor.methods().iter().filter(|other| other.id() != self.method.id());
        let others: Vec<String> =
            others.map(|other| format!("{} (--method {})", other.label(), other.id())).collect();
        if !others.is_empty() {
            out += &format!("\nOther ways: {}\n", others.join(", "));
        }
        out
    }

    /// Values look odd, and may be right.
    pub(crate) fn warnings(&self, warnings: &[FieldProblem]) -> String {
        terminal::warnings(&self.form().with_warnings(warnings))
    }

    /// Values were refused, and nothing was sent.
    pub(crate) fn refused(&self, refused: &Refused) -> String {
        let form = self.form().with_errors(&refused.problems).with_warnings(&refused.warnings);
        let mut out = bad("Nothing was sent: this must change first.") + &terminal::errors(&form);
        if form.inputs().iter().any(|input| input.field().is_secret() && !input.errors().is_empty()) {
            out += "\n";
            out += &self.keys_link();
        }
        let warnings = terminal::warnings(&form);
        if !warnings.is_empty() {
            out += "\n";
            out += &warnings;
        }
        out
    }

    /// What the provider said of the credential, and what to do next.
    pub(crate) fn verdict(&self, verdict: &Verdict) -> String {
        let name = self.descriptor.name();
        let mut out = match verdict {
            Verdict::Valid(account) => self.valid(account),
            Verdict::Invalid(reason) => self.invalid(reason),
            Verdict::Forbidden(reason) => self.forbidden(reason),
            Verdict::RateLimited { retry_after } => {
                let wait = format!("This says nothing about the key. {}", again(*retry_after, "in a minute"));
                pending(&format!("{name} asks to wait.")) + &lines(&[&sentence(TOO_MANY), &wait])
            }
            Verdict::Unavailable { retry_after, reason } => self.unavailable(*retry_after, reason),
            Verdict::Unknown(reason) => self.unknown(reason),
            other => pending(&format!("{name} said something new: {}.", other.kind())),
        };
        out += &self.who_was_asked(verdict);
        out
    }

    fn valid(&self, account: &Account) -> String {
        format!(
            "{}  Account  {}\n  Id       {}\n",
            good(&format!("{} accepts this key.", self.descriptor.name())),
            account.label().bold(),
            account.id()
        )
    }

    fn invalid(&self, reason: &Reason) -> String {
        let head = bad("This key does not work.");
        let next = "Copy the whole key again, or make a new one:";
        head + &lines(&[&sentence(reason.text()), next]) + &self.steps() + &self.keys_link()
    }

    /// Not with the step that shows the key: copying it again would not help.
    fn forbidden(&self, reason: &Reason) -> String {
        let head = bad("This key lacks a permission.");
        let doubt = match reason.code() {
            // A provider says of its own words what they mean.
            ReasonCode::Rule => "",
            _ => "The key itself is good, unless a proxy in between refuses.",
        };
        let next = format!(
            "Ask whoever administers your {} account, or make a key with more rights.",
            self.descriptor.name()
        );
        head + &lines(&[&sentence(reason.text()), doubt, &next]) + &self.keys_link()
    }

    fn unavailable(&self, retry_after: Option<Duration>, reason: &Reason) -> String {
        let head = pending(&format!("{} could not be asked.", self.descriptor.name()));
        let wait = format!("This says nothing about the key. {}", again(retry_after, "in a few minutes"));
        // A reason has no kinds below its code; its text is that of the transport's error.
        let is_tls = reason.text().starts_with(&TransportErrorKind::Tls.to_string());
        let next = match (reason.code(), &self.descriptor.links().support) {
            (ReasonCode::NoAnswer, _) => format!("If it stays like this, see {}.", self.what_to_see(is_tls)),
            (_, Some(support)) => format!("If it stays like this, ask at {support}"),
            (_, None) => String::new(),
        };
        head + &lines(&[&sentence(reason.text()), &wait, &next])
    }

    fn unknown(&self, reason: &Reason) -> String {
        let name = self.descriptor.name();
        let head = pending("It is not known whether this key is good.");
        let next = match reason.code() {
            ReasonCode::NotSent => {
                "Check the server that you chose; keyway asks public addresses over https only.".to_owned()
            }
            ReasonCode::RedirectLeaves | ReasonCode::Redirect => {
                "Check the server that you chose, and whether a proxy or a login page stands in between."
                    .to_owned()
            }
            _ => match &self.descriptor.links().support {
                Some(support) => format!(
                    "Try again. If it stays like this, a proxy may stand in between, or {name} has changed: \
                     {support}"
                ),
                None => "Try again. If it stays like this, a proxy may stand in between.".to_owned(),
            },
        };
        head + &lines(&[&sentence(reason.text()), &next])
    }

    /// What to look at when no answer came.
    fn what_to_see(&self, is_tls: bool) -> &'static str {
        match (self.place, is_tls) {
            (Place::Sandbox, _) => "whether this machine lets its programs talk to 127.0.0.1",
            (Place::Other(origin), true) if origin.is_loopback() => {
                "whether your test server speaks https, with a certificate that this machine trusts"
            }
            (Place::Other(origin), false) if origin.is_loopback() => "whether your test server runs",
            (_, true) => {
                "whether the server's certificate is one that this machine trusts, and whether a proxy stands in \
                 between"
            }
            (_, false) => "whether this machine reaches the internet",
        }
    }

    /// No answer came to a request, or none that can be used.
    pub(crate) fn no_answer(&self, error: &TransportError) -> String {
        let name = self.descriptor.name();
        let kind = error.kind();
        let head = match kind {
            TransportErrorKind::TooLarge | TransportErrorKind::Malformed => {
                format!("The answer of {name} could not be used.")
            }
            _ => format!("No answer came from {name}."),
        };
        let next = match kind {
            TransportErrorKind::Dns | TransportErrorKind::Connect | TransportErrorKind::Tls => {
                let what = self.what_to_see(kind == TransportErrorKind::Tls);
                format!("Nothing was sent. See {what}, and try again.")
            }
            TransportErrorKind::Address | TransportErrorKind::Scheme => {
                "Nothing was sent. Check the server: keyway asks public addresses over https only.".to_owned()
            }
            _ => {
                "The request may have arrived: look before you repeat one that changes something.".to_owned()
            }
        };
        pending(&head) + &lines(&[&sentence(&error.to_string()), &next])
    }

    /// There is no terminal to ask on, and no values were given. `example` is what they look like, and `keys` are those
    /// of the sandbox.
    pub(crate) fn no_terminal(&self, example: &str, keys: Option<&str>) -> String {
        let keys = keys.map(|keys| format!("\n\n{keys}")).unwrap_or_default();
        format!(
            "there is no terminal to ask on; give the values as a JSON object, in a file with\n--values FILE or on \
             stdin with --values -\n\n  {example}\n\n`keyway connect {}` in a terminal shows how to get them; \
             `keyway providers\n--json` lists the fields.{keys}",
            self.descriptor.id(),
        )
    }

    /// Where somebody makes the secrets: the guide's steps in which they are seen.
    fn steps(&self) -> String {
        let steps = self.method.fields().iter().filter(|field| field.is_secret());
        steps.filter_map(|field| terminal::step(self.method, field, "  ")).collect()
    }

    fn keys_link(&self) -> String {
        let link = self.descriptor.links().keys.as_deref();
        link.map(|link| paragraph(&format!("Make and manage keys: {link}"), "  ")).unwrap_or_default()
    }

    /// A stand-in's word is not the provider's.
    fn who_was_asked(&self, verdict: &Verdict) -> String {
        let name = self.descriptor.name();
        let text = match self.place {
            Place::Provider => return String::new(),
            Place::Sandbox if verdict.account().is_some() => {
                format!("This was the sandbox, not {name} itself.")
            }
            Place::Sandbox => format!(
                "This was the sandbox, not {name} itself; `keyway sandbox --list` shows the keys that it knows."
            ),
            Place::Other(origin) => format!("This was about {origin}, not about {name} itself."),
        };
        format!("\n{}", paragraph(&text, "  "))
    }
}

/// The longest wait that is told, in seconds: nobody waits for the hour of a longer one.
const DAY: u64 = 24 * 60 * 60;

/// So many of something.
pub(crate) fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A wait in whole seconds, rounded up.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn again(wait: Option<Duration>, otherwise: &str) -> String {
    let Some(wait) = wait else { return format!("Try again {otherwise}.") };
    let (count, unit) = match seconds(wait) {
        0 => return "Try again now.".to_owned(),
        wait @ 1..120 => (wait, "second"),
        3600 => (1, "hour"),
        wait @ 120..7200 => (wait.div_ceil(60), "minute"),
        wait @ 7200..=DAY => (wait.div_ceil(3600), "hour"),
        _ => return "Try again in more than a day.".to_owned(),
    };
    format!("Try again in {count} {unit}{}.", if count == 1 { "" } else { "s" })
}

fn good(text: &str) -> String {
    format!("{} {}\n", "✓".green().bold(), text.bold())
}

fn bad(text: &str) -> String {
    format!("{} {}\n", "✗".red().bold(), text.bold())
}

fn pending(text: &str) -> String {
    format!("{} {}\n", "?".yellow().bold(), text.bold())
}

fn lines(texts: &[&str]) -> String {
    texts.iter().filter(|text| !text.is_empty()).map(|text| paragraph(text, "  ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ways_are_named() {
        let method = |id: &str, label: &str| {
            format!(
                "  {id}:\n    label: {label}\n    guide: [Copy it.]\n    fields: {{ key: {{ label: Key }} }}\n    \
                 authorize: {{ headers: {{ x-key: '{{key}}' }} }}\n    check: {{ request: GET /, valid: {{ body: {{ /id: \
                 1 }} }}, account: {{ id: /id, label: ['{{/id}}'] }} }}\n"
            )
        };
        let text = format!(
            "version: 1\nid: acme\nname: Acme\nsummary: Rockets.\nlinks: {{ docs: 'https://a.example/' }}\nseen_live: \
             never\napi: {{ origin: 'https://a.example' }}\nmethods:\n{}{}",
            method("api_key", "API key"),
            method("token", "Token")
        );
        let descriptor = Descriptor::parse("acme.yaml", &text).unwrap();
        let topic =
            Topic { descriptor: &descriptor, method: &descriptor.methods()[0], place: &Place::Provider };
        assert!(topic.guide().ends_with("\nOther ways: Token (--method token)\n"), "{:?}", topic.guide());
    }

    #[test]
    fn a_wait_is_rounded_up_and_told_in_fitting_units() {
        for (millis, text) in [
            (0, "now"),
            (1, "in 1 second"),
            (30_000, "in 30 seconds"),
            (119_001, "in 2 minutes"),
            (3_600_000, "in 1 hour"),
            (86_400_000, "in 24 hours"),
            (86_400_001, "in more than a day"),
            (u64::MAX, "in more than a day"),
        ] {
            let wait = Some(Duration::from_millis(millis));
            assert_eq!(again(wait, "later"), format!("Try again {text}."), "{millis}");
        }
        assert_eq!(again(None, "later"), "Try again later.");
    }
}
