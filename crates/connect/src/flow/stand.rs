//! Where a session stands.

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use keyway_vault::{ConnectionId, Error};

use super::{
    accounts,
    answer::Answered,
    answer::onward,
    choose,
    save::{self, Ended, told_at},
    visit::{Visit, label, return_url},
};
use crate::{
    page::{self, Confirm, Done},
    session::{Checked, Session, Step},
};

/// Why a connection cannot get a new key.
pub(super) const NO_ACCOUNT: &str = "The account that was to get a new key is not linked any more.";
pub(super) const NO_SERVICE: &str = "The service of this account cannot be linked here any more.";

/// `GET /connect/{session}`.
pub(super) async fn page(mut visit: Visit, RawQuery(query): RawQuery) -> Answered {
    if let Step::Saving { .. } = visit.session.kept.step {
        // Somebody confirmed it, and whoever was to save it is gone.
        match save::finish(&visit.connect, visit.session.clone()).await {
            Ok(Ended::Refused(session)) => return Ok(onward(&told_at(&session))),
            Ok(Ended::Saved(session) | Ended::Name { session, .. }) => {
                visit.session = session;
            }
            Ok(Ended::Late(session)) => return late(visit, session).await,
            Ok(Ended::Gone) => return Err(visit.missing()),
            Err(error) => return Err(visit.failed(&error)),
        }
    }
    match &visit.session.kept.step {
        Step::Done { connection, provider, reconnected } => {
            done(&visit, connection, provider, *reconnected, visit.session.is_manage()).await
        }
        Step::Cancelled => Ok(cancelled(&visit, None)),
        Step::Gone => gone(&visit).await,
        Step::Left => Ok(left(&visit)),
        Step::Checked(checked) => confirm(&visit, checked, None).await,
        Step::Saving { .. } => Err(visit.missing()),
        Step::Asking => {
            if let Some(target) = visit.target().await? {
                let registry = &visit.shared().registry;
                let method = registry.method(&target.provider, Some(&target.method));
                // Its way to sign in may be gone: another one can do.
                return Ok(match method.or_else(|_| registry.method(&target.provider, None)) {
                    Ok((entry, method)) => {
                        let provider = entry.descriptor().id();
                        onward(&format!("{}/providers/{provider}/{}", visit.base(), method.id()))
                    }
                    Err(_) => return Err(visit.gone().await),
                });
            }
            if visit.session.is_manage() && query.is_none() {
                return accounts::list(&visit, None).await;
            }
            Ok(choose::choose(&visit, query.as_deref()))
        }
    }
}

/// Whose account it is; with what is wrong with the name that was given, and the name.
pub(super) async fn confirm(visit: &Visit, checked: &Checked, name: Option<(&str, &str)>) -> Answered {
    let registry = &visit.shared().registry;
    let Ok(entry) = registry.get(checked.held.provider()) else { return Err(visit.gone().await) };
    let target = visit.target().await?;
    let mut same = Vec::new();
    for id in &checked.same {
        let Ok(id) = ConnectionId::parse(id) else { continue };
        same.extend(visit.connection(&id).await?);
    }
    let status = if name.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Confirm { entry, checked, same, target: target.as_ref(), name };
    Ok(visit.shown(status, page::confirm(&visit.chrome(), &page)))
}

/// It is saved, and nothing else can be done in the session any more, which is gone.
pub(super) async fn late(mut visit: Visit, session: Session) -> Answered {
    let Step::Done { connection, provider, reconnected } = session.kept.step.clone() else {
        return Err(visit.missing());
    };
    visit.session = session;
    done(&visit, &connection, &provider, reconnected, false).await
}

/// It is saved. `goes_on`: more can be done in the session.
async fn done(visit: &Visit, connection: &str, provider: &str, reconnected: bool, goes_on: bool) -> Answered {
    let entry = visit.shared().registry.get(provider).ok();
    let one = match ConnectionId::parse(connection) {
        // It may be removed by now, which is no reason to say that it was not linked.
        Ok(id) => visit.scope().get(&id).await.ok(),
        Err(_) => None,
    };
    let said = said(reconnected);
    let kept = &visit.session.kept;
    let return_url = return_url(visit, Some(connection));
    let page = Done {
        entry,
        connection,
        label: one.as_ref().and_then(label),
        reconnected,
        // Whoever looks after several accounts goes on after the first: the opener asks what came of it when the page is closed.
        tells: kept.parent_origin.as_deref().filter(|_| !goes_on).map(|origin| (origin, said)),
        return_url: return_url.as_deref(),
        can_go_back: goes_on,
    };
    Ok(visit.shown(StatusCode::OK, page::done(&visit.chrome(), &page)))
}

/// Nothing was linked: the end user said so, or `gone` tells why.
fn cancelled(visit: &Visit, gone: Option<&str>) -> Response {
    let parent = visit.session.kept.parent_origin.as_deref();
    let tells = parent.map(|origin| (origin, "keyway.cancelled"));
    let page = page::cancelled(&visit.chrome(), gone, tells, return_url(visit, None).as_deref());
    visit.shown(StatusCode::OK, page)
}

/// Who looked after their accounts is done.
fn left(visit: &Visit) -> Response {
    let kept = &visit.session.kept;
    let happened = kept.happened.last();
    let connection = happened.map(|happened| happened.connection.as_str());
    let said = happened.map_or("keyway.cancelled", |happened| said(happened.reconnected));
    let tells = kept.parent_origin.as_deref().map(|origin| (origin, said));
    let back = return_url(visit, connection);
    visit.shown(StatusCode::OK, page::left(&visit.chrome(), tells, connection, back.as_deref()))
}

/// What the page around this one is told.
fn said(reconnected: bool) -> &'static str {
    if reconnected { "keyway.reconnected" } else { "keyway.connected" }
}

/// The connection that was to get a new key is gone, or its service is.
async fn gone(visit: &Visit) -> Answered {
    let is_there = match visit.session.target() {
        Some(id) => match visit.scope().get(&id).await {
            Ok(_) => true,
            Err(Error::NotFound) => false,
            Err(error) => return Err(visit.failed(&error)),
        },
        None => false,
    };
    Ok(cancelled(visit, Some(if is_there { NO_SERVICE } else { NO_ACCOUNT })))
}
