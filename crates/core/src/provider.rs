//! The contract between core and what is particular to a service.

use std::{borrow::Cow, fmt};

use async_trait::async_trait;

use crate::{
    Account, Answer, Credential, Descriptor, Draft, Error, Hop, MAX_HOPS, Method, Reason, ReasonCode,
    Transport, TransportError, TransportErrorKind, Verdict,
    check::{is_fit, unknown},
    text,
};

/// A service with an API, as its descriptor and perhaps a few lines of Rust describe it.
///
/// # Contract
/// - An adapter holds no state besides its descriptor, does no I/O, and asks for no time.
/// - It only ever stages into a [`Draft`]. Core commits, and enforces the contract even when an adapter breaks it.
/// - The live check places the credential with the same [`authorize`](Self::authorize) as every other request.
///
/// Most providers write nothing of this: [`provider!`](crate::provider) does.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The descriptor this provider was built from: its credential schema.
    fn descriptor(&self) -> &Descriptor;

    /// Stages `credential` in `draft`. Pure. Nearly every provider keeps the default, which follows the descriptor.
    ///
    /// # Errors
    /// When the credential cannot be placed. The request is then as it was.
    fn authorize(&self, credential: &Credential, draft: &mut Draft<'_>) -> Result<(), Error> {
        draft.place(credential)
    }

    /// Reads the answer to `method`'s check. Override it where the rule cannot be written as data.
    fn judge(&self, method: &Method, answer: &Answer) -> Verdict {
        method.judge(answer)
    }

    /// Asks the provider whether `credential` works: the descriptor's check, authorised, sent, judged.
    ///
    /// Redirects are followed inside the credential's origins, each hop authorised anew. Nothing is repeated:
    /// retries wrap this.
    async fn validate(&self, credential: &Credential, transport: &dyn Transport) -> Verdict {
        let mut request = match credential.check_request() {
            Ok(request) => request,
            Err(error) => return Verdict::Unknown(Reason::new(ReasonCode::NotSent, error.to_string())),
        };
        for _ in 0..=MAX_HOPS {
            let answer = match transport.send(request.clone()).await {
                Ok(answer) => answer,
                Err(error) => return no_answer(&error),
            };
            match credential.next_hop(&request, &answer) {
                Hop::Follow(next) => request = *next,
                Hop::Leaves => {
                    let text = "the provider redirects to another address; the key was not sent there";
                    return unknown(ReasonCode::RedirectLeaves, text);
                }
                Hop::Done => return masked(self.judge(credential.method(), &answer), credential, &answer),
            }
        }
        unknown(ReasonCode::Redirect, "the provider redirects without an end")
    }
}

fn no_answer(error: &TransportError) -> Verdict {
    let text = error.to_string();
    match error.kind() {
        TransportErrorKind::Address | TransportErrorKind::Scheme => {
            Verdict::Unknown(Reason::new(ReasonCode::NotSent, text))
        }
        // The provider answered, and the answer proves nothing.
        TransportErrorKind::TooLarge | TransportErrorKind::Malformed => {
            Verdict::Unknown(Reason::new(ReasonCode::NoProof, text))
        }
        _ => Verdict::Unavailable { retry_after: None, reason: Reason::new(ReasonCode::NoAnswer, text) },
    }
}

/// The longest account label that is shown, in characters.
const MAX_LABEL: usize = 200;

/// What a verdict says comes from the provider, which may echo the key, and through an adapter, which may hand on what
/// it read: it is masked, and made fit to be shown.
fn masked(verdict: Verdict, credential: &Credential, answer: &Answer) -> Verdict {
    let mask = credential.mask();
    let reason = |reason: Reason| match mask.text(reason.text()) {
        Cow::Borrowed(_) => reason,
        Cow::Owned(text) => Reason::new(reason.code(), text),
    };
    match verdict {
        Verdict::Valid(account) => {
            let label = mask.text(account.label());
            let shown = Account::new(mask.text(account.id()), text::for_person(&label, MAX_LABEL));
            // Masked, the groups of two answers that echo their keys would be one; cut out of such an answer, a part of the
            // key would not be recognised.
            let group = account.group().filter(|group| {
                is_fit(group) && ![group.as_bytes(), answer.body()].iter().any(|bytes| mask.holds(bytes))
            });
            Verdict::Valid(match group {
                Some(group) => shown.with_group(group),
                None => shown,
            })
        }
        Verdict::Invalid(said) => Verdict::Invalid(reason(said)),
        Verdict::Forbidden(said) => Verdict::Forbidden(reason(said)),
        Verdict::Unknown(said) => Verdict::Unknown(reason(said)),
        Verdict::Unavailable { retry_after, reason: said } => {
            Verdict::Unavailable { retry_after, reason: reason(said) }
        }
        Verdict::RateLimited { .. } => verdict,
    }
}
