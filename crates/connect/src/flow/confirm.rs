//! What an end user says to the account that was found.

use axum::response::{IntoResponse as _, Response};
use keyway_vault::ConnectionId;

use super::{
    answer::{Answered, onward},
    save::{self, Ended, told_at},
    stand,
    visit::{Sent, Visit},
};
use crate::session::{Checked, Session, Step};

/// The longest name, in characters, as the vault has it: a longer one is not even written down.
const MAX_NAME: usize = 100;

/// `POST /connect/{session}/confirm`: that is my account. Once is enough, and more changes nothing (N67).
pub(super) async fn confirm(sent: Sent) -> Answered {
    let Sent { mut visit, mut fields, is_current } = sent;
    let base = visit.base();
    // Another key may have been checked since the page was drawn, in another tab: the page of that one is shown first.
    let Step::Checked(checked) = &visit.session.kept.step else { return Ok(onward(&base)) };
    if !is_current {
        return Ok(onward(&base));
    }
    let checked = checked.clone();
    let given = fields.take("name").unwrap_or_default();
    let name = given.trim();
    if name.chars().count() > MAX_NAME {
        let why = "a connection's name has 1 to 100 characters on one line";
        // It is not shown again: the key itself may stand in it.
        return stand::confirm(&visit, &checked, Some((why, ""))).await;
    }
    let update = fields.take("update").filter(|update| !update.is_empty());
    let replaces = match replaced(&visit, &checked, update.as_ref().map(|update| update.as_str())).await? {
        Replaced::Nothing => None,
        Replaced::One(id, version) => Some((id, version)),
        Replaced::Gone => return Ok(onward(&base)),
    };
    let (connection, replaces) = match replaces {
        Some((id, version)) => (id, Some(version)),
        None => (ConnectionId::random(), None),
    };
    let name = Some(name).filter(|name| !name.is_empty() && replaces.is_none()).map(str::to_owned);
    let saving = Step::Saving { checked, connection: connection.to_string(), name, replaces };
    match begun(&visit, saving).await {
        Ok(Some(session)) => visit.session = session,
        // Somebody was first.
        Ok(None) => return Ok(onward(&base)),
        Err(halt) => return Ok(halt),
    }
    // It goes on when the browser does not wait.
    let (connect, session) = (visit.connect.clone(), visit.session.clone());
    let saved = tokio::spawn(async move { save::finish(&connect, session).await });
    match saved.await {
        Ok(Ok(Ended::Name { session, name, why })) => named_again(visit, session, &name, &why).await,
        Ok(Ok(Ended::Refused(session))) => Ok(onward(&told_at(&session))),
        Ok(Ok(Ended::Late(session))) => stand::late(visit, session).await,
        Ok(Ok(Ended::Saved(_) | Ended::Gone)) | Err(_) => Ok(onward(&base)),
        Ok(Err(error)) => Err(visit.failed(&error)),
    }
}

/// What the key is saved in place of.
enum Replaced {
    Nothing,
    /// A connection, and the version of its key.
    One(ConnectionId, i64),
    /// Something that is not there any more, or never was.
    Gone,
}

async fn replaced(
    visit: &Visit,
    checked: &Checked,
    update: Option<&str>,
) -> Result<Replaced, super::answer::Halt> {
    if let Some(target) = visit.target().await? {
        return Ok(Replaced::One(target.id.clone(), target.credential_version()));
    }
    let Some(update) = update else { return Ok(Replaced::Nothing) };
    let known = checked.same.iter().find(|id| *id == update);
    let Some(id) = known.and_then(|id| ConnectionId::parse(id).ok()) else { return Ok(Replaced::Gone) };
    Ok(match visit.connection(&id).await? {
        Some(one) => Replaced::One(id, one.credential_version()),
        None => Replaced::Gone,
    })
}

/// Begins to save, unless somebody did, or the session is not as it was shown.
async fn begun(visit: &Visit, step: Step) -> Result<Option<Session>, Response> {
    let mut kept = visit.session.kept.clone();
    kept.step = step;
    let begun = visit.shared().desk.replace(&visit.session, kept).await;
    begun.map_err(|error| visit.failed(&error).into_response())
}

async fn named_again(mut visit: Visit, session: Session, name: &str, why: &str) -> Answered {
    visit.session = session;
    let Step::Checked(checked) = visit.session.kept.step.clone() else { return Ok(onward(&visit.base())) };
    stand::confirm(&visit, &checked, Some((why, name))).await
}

/// `POST /connect/{session}/again`: that is not my account, or not this key. The key is forgotten.
pub(super) async fn again(sent: Sent) -> Answered {
    let visit = sent.visit;
    let mut form = visit.base();
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| {
        let Step::Checked(checked) = &kept.step else { return false };
        form = format!("{}/providers/{}/{}", visit.base(), checked.held.provider(), checked.method);
        (kept.step, kept.told) = (Step::Asking, None);
        true
    });
    match changed.await {
        Ok(_) => Ok(onward(&form)),
        Err(error) => Err(visit.failed(&error)),
    }
}

/// `POST /connect/{session}/cancel`: I link nothing. Who looks after accounts goes back to them.
pub(super) async fn cancel(sent: Sent) -> Answered {
    let visit = sent.visit;
    let is_manage = visit.session.is_manage();
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| {
        if kept.is_over() {
            return false;
        }
        let step = if is_manage { Step::Asking } else { Step::Cancelled };
        (kept.step, kept.told) = (step, None);
        if is_manage {
            kept.target = None;
        }
        true
    });
    match changed.await {
        Ok(_) if is_manage => Ok(onward(&format!("{}/accounts", visit.base()))),
        Ok(_) => Ok(onward(&visit.base())),
        Err(error) => Err(visit.failed(&error)),
    }
}
