//! Asking a provider about a key, and what is kept of what it says.

use std::time::Duration;

use keyway_core::{Account, Credential, Reason, ReasonCode, Verdict, VerdictKind};
use keyway_vault::{Connection, Error, StoreErrorKind};
use tokio::time::{Instant, sleep, timeout};

use super::save::spills;
use crate::{
    Connect,
    session::{Checked, Kept, Other, Session, Step, Told},
    shared::Shared,
};

/// A key that is to be checked.
pub(super) struct Asked {
    pub(super) provider: String,
    pub(super) method: String,
    pub(super) credential: Credential,
    /// What was typed into fields that are no secret, and may be shown again.
    pub(super) plain: Vec<(String, String)>,
    /// What looks odd in it, and may be right.
    pub(super) hints: Vec<String>,
}

/// What came of asking.
enum Outcome {
    Good(Box<Checked>),
    Bad(Told),
}

/// For how long what a check said is tried to be kept.
const KEEPS_TRYING: Duration = Duration::from_secs(30);
/// The longest check. The client's own bound is below it; a transport of an embedder's may have none.
const LONGEST: Duration = Duration::from_secs(45);

impl Asked {
    /// Where its form is.
    pub(super) fn form(&self, session: &Session) -> String {
        format!("{}/providers/{}/{}", session.base(), self.provider, self.method)
    }

    /// A keyed fingerprint of all that was entered, and for what; none where it cannot be kept.
    fn mark(&self, shared: &Shared, session: &Session) -> Option<Vec<u8>> {
        let secrets = shared.scope(&session.tenant).fingerprint(&self.credential).ok()?;
        let plain = self.plain.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let parts: Vec<_> =
            [&*secrets, self.provider.as_bytes(), self.method.as_bytes()].into_iter().chain(plain).collect();
        Some(shared.desk.documents().sign("checked", &parts).to_vec())
    }

    fn told(&self, kind: &str) -> Told {
        Told {
            provider: self.provider.clone(),
            method: self.method.clone(),
            kind: kind.to_owned(),
            label: None,
            hints: Vec::new(),
            say: None,
            retry_after: None,
            values: self.plain.clone(),
        }
    }
}

/// Asks a provider about a key. Returns where to go on: a good key is held for confirmation, and of any other nothing is kept but what
/// was said of it (N68). One at a time for a session: whoever waited while the same key was found good does not ask again (N67), and of several keys the one
/// that was sent last is meant.
pub(super) async fn check(connect: Connect, session: Session, asked: Asked) -> Result<String, Error> {
    let shared = &*connect.0;
    let (base, form, seen) = (session.base(), asked.form(&session), session.version());
    let mut turn = shared.turns.of(session.id.as_str()).await;
    let Some(now) = shared.desk.session(session.id.as_str()).await? else { return Ok(base) };
    let mark = asked.mark(shared, &session);
    let is_asked_again = mark.is_some() && *turn == mark;
    let was_found = match now.kept.step {
        // Another key than that one was sent later, and is meant.
        Step::Checked(_) => is_asked_again || mark.is_none(),
        Step::Done { .. } => true,
        _ => false,
    };
    let target = &session.kept.target;
    if now.is_over() || now.kept.target != *target || (was_found && now.version() != seen) {
        return Ok(base);
    }
    // Whoever waited while the very same key was refused is told the same.
    if is_asked_again && now.kept.told.as_ref().is_some_and(|told| told.kind != Told::UNFINISHED) {
        return Ok(form);
    }
    let mut may_ask = false;
    let begun = shared.desk.change(now, |kept| {
        may_ask = kept.attempts < shared.limits.attempts && !kept.is_over();
        if may_ask {
            kept.attempts += 1;
            // Said to whoever looks meanwhile, and after a process that is gone.
            kept.told = Some(asked.told(Told::UNFINISHED));
        }
        may_ask
    });
    let Some(now) = begun.await? else { return Ok(base) };
    let outcome =
        if may_ask { ask(shared, &now, &asked).await? } else { Outcome::Bad(asked.told("too_many")) };
    let is_good = matches!(outcome, Outcome::Good(_));
    let mut is_kept = false;
    let mut keep = |kept: &mut Kept| {
        // In another tab another connection may be meant by now: the verdict is of none of its keys.
        is_kept = !kept.is_over() && kept.target == *target;
        if is_kept {
            match &outcome {
                // A good key that waits for confirmation is not lost over it.
                Outcome::Bad(_) if !may_ask && matches!(kept.step, Step::Checked(_)) => is_kept = false,
                Outcome::Good(checked) => (kept.step, kept.told) = (Step::Checked(checked.clone()), None),
                Outcome::Bad(told) => (kept.step, kept.told) = (Step::Asking, Some(told.clone())),
            }
        }
        is_kept
    };
    // The key would have to be entered again: a vault that is away for a while is waited for.
    let until = Instant::now() + KEEPS_TRYING;
    while let Err(error) = shared.desk.change(now.clone(), &mut keep).await {
        if !is_passing(&error) || Instant::now() > until {
            return Err(error);
        }
        sleep(Duration::from_secs(1)).await;
    }
    *turn = mark.filter(|_| may_ask);
    // What another one found, or the end user said meanwhile, stands.
    Ok(if is_kept && !is_good { form } else { base })
}

/// Whether the vault may do later what it does not do now.
fn is_passing(error: &Error) -> bool {
    use StoreErrorKind::{Busy, Unavailable, Uncertain};
    matches!(error, Error::Store(error) if matches!(error.kind(), Busy | Unavailable | Uncertain))
}

/// What a provider says of a credential, within a time.
pub(super) async fn verdict(shared: &Shared, credential: &Credential) -> Verdict {
    timeout(LONGEST, shared.client.check(credential)).await.unwrap_or_else(|_| Verdict::Unavailable {
        retry_after: None,
        reason: Reason::new(ReasonCode::NoAnswer, "the check took too long"),
    })
}

async fn ask(shared: &Shared, session: &Session, asked: &Asked) -> Result<Outcome, Error> {
    let verdict = verdict(shared, &asked.credential).await;
    let Some(account) = verdict.account() else {
        let say = verdict.reason().filter(|reason| reason.code() == ReasonCode::Rule);
        return Ok(Outcome::Bad(Told {
            say: say.map(|reason| reason.text().to_owned()).filter(|text| !text.is_empty()),
            retry_after: verdict.retry_after().map(|wait| wait.as_secs()),
            hints: if verdict.kind() == VerdictKind::Invalid { asked.hints.clone() } else { Vec::new() },
            ..asked.told(verdict.kind().as_str())
        }));
    };
    if spills(&asked.credential, session) {
        return Ok(Outcome::Bad(asked.told("spilled")));
    }
    let scope = shared.scope(&session.tenant);
    let (mut other, mut same) = (None, Vec::new());
    if let Some(target) = session.target() {
        let target = match scope.get(&target).await {
            Err(Error::NotFound) => return Ok(Outcome::Bad(asked.told("removed"))),
            target => target?,
        };
        let Ok(confirm) = compared(&target, account, session) else {
            let label = Some(account.label().to_owned());
            return Ok(Outcome::Bad(Told { label, ..asked.told("other_account") }));
        };
        other = confirm;
    } else {
        let alike = scope.alike(&asked.credential, Some(account), Some(session.end_user())).await;
        let (_, alike) = match alike {
            Err(Error::Invalid(_)) => return Ok(Outcome::Bad(asked.told("unsuited"))),
            alike => alike?,
        };
        same.extend(alike.iter().map(ToString::to_string));
    }
    let held = match scope.hold(&asked.credential, account, session.id.as_str()) {
        Err(Error::Invalid(_)) => return Ok(Outcome::Bad(asked.told("unsuited"))),
        held => held?,
    };
    Ok(Outcome::Good(Box::new(Checked {
        held,
        method: asked.method.clone(),
        label: account.label().to_owned(),
        same,
        other,
    })))
}

/// Whether a connection may have a key of an account, and what has to be confirmed for it.
fn compared(target: &Connection, account: &Account, session: &Session) -> Result<Option<Other>, ()> {
    let Some(known) = &target.account else { return Ok(None) };
    if known.id() == account.id() {
        Ok(None)
    } else if known.group().is_some() && known.group() == account.group() {
        Ok(Some(Other::Alike))
    } else if session.allows_other_account() {
        Ok(Some(Other::Allowed))
    } else {
        Err(())
    }
}
