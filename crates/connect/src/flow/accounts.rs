//! The accounts that an end user linked already.

use std::time::Duration;

use axum::{extract::RawQuery, http::StatusCode};
use keyway_core::{Reason, ReasonCode, Verdict, VerdictKind};
use keyway_vault::{Connection, ConnectionId, Error};
use url::form_urlencoded;

use super::{
    answer::{Answered, Halt, onward},
    check::verdict,
    progress::progress,
    stand::{NO_ACCOUNT, NO_SERVICE},
    visit::{Sent, Visit, label, return_url},
};
use crate::{
    Connect, page,
    session::{Session, Step},
    shared::log_damaged,
};

/// The accounts that are shown.
const MOST: usize = 1000;
/// For how long what a check said is not asked for again.
const FRESH: Duration = Duration::from_secs(10);

/// `GET /connect/{session}/accounts`.
pub(super) async fn page(visit: Visit, RawQuery(query): RawQuery) -> Answered {
    if !is_open(&visit) {
        return Ok(onward(&visit.base()));
    }
    list(&visit, query.as_deref()).await
}

/// The list, with what came of what was asked for last.
pub(super) async fn list(visit: &Visit, query: Option<&str>) -> Answered {
    let page = visit.scope().page_of(visit.session.end_user(), None, MOST).await;
    let page = page.map_err(|error| visit.failed(&error))?;
    log_damaged(&page.damaged);
    let list = page.whole;
    let notice = query.and_then(|query| notice(visit, query, &list));
    let kept = &visit.session.kept;
    let linked = kept.happened.last().map(|happened| happened.connection.as_str());
    // A page around this one is told first.
    let back = if kept.parent_origin.is_none() { return_url(visit, linked) } else { None };
    let registry = &visit.shared().registry;
    let page = page::accounts(&visit.chrome(), &list, registry, notice.as_deref(), back.as_deref());
    Ok(visit.shown(StatusCode::OK, page))
}

/// `POST …/accounts/{connection}/check`.
pub(super) async fn check(sent: Sent) -> Answered {
    let visit = sent.visit;
    let one = own(&visit).await?;
    let registry = &visit.shared().registry;
    let name =
        registry.get(&one.provider).map_or(&*one.provider, |entry| entry.descriptor().name()).to_owned();
    let checking = checked(visit.connect.clone(), visit.session.clone(), one.id);
    let list = format!("{}/accounts", visit.base());
    Ok(progress(&visit, &name, checking, list).await)
}

async fn checked(connect: Connect, session: Session, id: ConnectionId) -> Result<String, Error> {
    let shared = &*connect.0;
    let said = |word: &str| Ok(format!("{}/accounts?{word}={id}", session.base()));
    let _turn = shared.turn_to_check(&id).await;
    let scope = shared.scope_of(&session);
    match scope.get(&id).await {
        // Whoever presses again, or in another tab, sees what was said a moment ago.
        Ok(one) if is_fresh(&one) => return said("checked"),
        Ok(_) => {}
        Err(Error::NotFound) => return Ok(format!("{}/accounts", session.base())),
        Err(error) => return Err(error),
    }
    let opened = match scope.open(&id, &shared.registry).await {
        Err(Error::NeedsKey { .. } | Error::Invalid(_)) => return said("unusable"),
        Err(Error::NotFound) => return Ok(format!("{}/accounts", session.base())),
        opened => opened?,
    };
    let verdict = verdict(shared, &opened.credential).await;
    let (mut word, mut written) = ("checked", scope.checked(&opened.connection, &verdict).await);
    if let Err(Error::OtherAccount) = written {
        // Nothing was written down, and so it would be asked again at once.
        let reason = Reason::new(ReasonCode::NoProof, "the key is of another account than before");
        (word, written) = ("other", scope.checked(&opened.connection, &Verdict::Unknown(reason)).await);
    }
    match written {
        Ok(_) | Err(Error::Replaced) => said(word),
        Err(Error::NotFound) => Ok(format!("{}/accounts", session.base())),
        Err(error) => Err(error),
    }
}

/// Whether what was said of a connection's key is new enough not to ask again.
fn is_fresh(one: &Connection) -> bool {
    let age = one.checked_at.and_then(|at| at.elapsed().ok());
    one.verdict.is_some() && age.is_some_and(|age| age < FRESH)
}

/// `POST …/accounts/{connection}/reconnect`.
pub(super) async fn reconnect(sent: Sent) -> Answered {
    let visit = sent.visit;
    let one = own(&visit).await?;
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| {
        if kept.is_over() {
            return false;
        }
        (kept.step, kept.told) = (Step::Asking, None);
        kept.target = Some(one.id.to_string());
        true
    });
    match changed.await {
        Ok(_) => Ok(onward(&visit.base())),
        Err(error) => Err(visit.failed(&error)),
    }
}

/// `GET …/accounts/{connection}/remove`: whether it is meant.
pub(super) async fn ask(visit: Visit) -> Answered {
    let one = own(&visit).await?;
    let name = called(&visit, &one);
    Ok(visit.shown(StatusCode::OK, page::remove(&visit.chrome(), &one, &name)))
}

/// `POST …/accounts/{connection}/remove`.
pub(super) async fn remove(sent: Sent) -> Answered {
    let visit = sent.visit;
    let one = own(&visit).await?;
    match visit.scope().remove(&one.id).await {
        Ok(()) | Err(Error::NotFound) => {}
        Err(error) => return Err(visit.failed(&error)),
    }
    // Nobody is told any more that it is linked, and it is not asked for a new key.
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| kept.forget(one.id.as_str()));
    match changed.await {
        Ok(_) => Ok(onward(&format!("{}/accounts?removed=1", visit.base()))),
        Err(error) => Err(visit.failed(&error)),
    }
}

/// `POST /connect/{session}/leave`: that is all. Who opened the session is told what came of it last.
pub(super) async fn leave(sent: Sent) -> Answered {
    let visit = sent.visit;
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| {
        let may_leave = is_open(&visit) && !kept.is_over();
        if may_leave {
            (kept.step, kept.target, kept.told) = (Step::Left, None, None);
        }
        may_leave
    });
    match changed.await {
        Ok(_) => Ok(onward(&visit.base())),
        Err(error) => Err(visit.failed(&error)),
    }
}

/// Whether the list may be seen and used now.
fn is_open(visit: &Visit) -> bool {
    visit.session.is_manage() && !visit.session.is_over()
}

/// The connection that an address names, of this end user, in a session for looking after them. Of everything else (I8), and of what
/// was removed meanwhile, it leads to the list.
async fn own(visit: &Visit) -> Result<Connection, Halt> {
    if !is_open(visit) {
        return Err(visit.missing());
    }
    let id = visit.part("connection").and_then(|id| ConnectionId::parse(id).ok());
    let one = match id {
        Some(id) => visit.connection(&id).await?,
        None => None,
    };
    one.ok_or_else(|| onward(&format!("{}/accounts", visit.base())).into())
}

/// What somebody calls a connection.
fn called(visit: &Visit, one: &Connection) -> String {
    let provider = visit.shared().registry.get(&one.provider);
    let provider = provider.map_or(&*one.provider, |entry| entry.descriptor().name());
    match one.name.as_deref().or(label(one)) {
        Some(name) => format!("{name} ({provider})"),
        None => provider.to_owned(),
    }
}

/// What came of what was asked for last, of a connection as it is now. The address says what that was, and no more.
fn notice(visit: &Visit, query: &str, list: &[Connection]) -> Option<String> {
    let (what, id) = form_urlencoded::parse(query.as_bytes()).next()?;
    if what == "removed" {
        return Some("The account was removed, with its key.".to_owned());
    }
    let one = list.iter().find(|one| one.id.as_str() == id);
    if what == "gone" && one.is_none() {
        return Some(NO_ACCOUNT.to_owned());
    }
    let one = one?;
    let name = called(visit, one);
    let said = match (&*what, one.verdict) {
        ("gone", _) => NO_SERVICE,
        ("other", _) => "its key belongs to another account by now. Reconnect it with one of this account.",
        ("unusable", _) => "its key cannot be used any more. Reconnect it with a new one.",
        ("checked", Some(VerdictKind::Valid)) => "the key works.",
        ("checked", Some(VerdictKind::Invalid)) => {
            "the key is not accepted any more. Reconnect it with a new one."
        }
        ("checked", Some(VerdictKind::Forbidden)) => "the key is good, and lacks a permission.",
        ("checked", Some(VerdictKind::RateLimited)) => "it was asked too often. Try again in a while.",
        ("checked", Some(VerdictKind::Unavailable)) => "it could not be reached. Try again in a while.",
        ("checked", _) => {
            "the answer did not prove that the key works, for this account. Try again in a while."
        }
        _ => return None,
    };
    Some(format!("{name}: {said}"))
}
