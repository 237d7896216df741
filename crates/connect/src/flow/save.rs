//! Saving a key that was confirmed: whoever tries saves it once.

use std::borrow::Cow;

use keyway_core::Credential;
use keyway_vault::{Accounts, ConnectionId, Error, New};

use crate::{
    Connect,
    session::{Checked, Happened, Other, Session, Step, Told},
};

/// What came of saving.
pub(super) enum Ended {
    /// It is saved.
    Saved(Session),
    /// It is saved, and the session ended meanwhile: this is how it would be.
    Late(Session),
    /// The name cannot be: it is asked for again.
    Name { session: Session, name: String, why: String },
    /// The connection cannot have this key: another is asked for.
    Refused(Session),
    /// The session is over.
    Gone,
}

/// Saves what a session's end user confirmed, under the id that was made before. Any process may do so, also a second time after one
/// that was killed: a new connection is saved once by its id, and a connection that has the new key already is not given it again.
///
/// # Errors
/// When the vault does not do it. What was confirmed can still be saved then.
pub(super) async fn finish(connect: &Connect, session: Session) -> Result<Ended, Error> {
    let shared = &*connect.0;
    // Of those who come at the same time, the others find it done.
    let _turn = shared.turns.of(&format!("save {}", session.id)).await;
    let Some(session) = shared.desk.session(session.id.as_str()).await? else { return Ok(Ended::Gone) };
    let Step::Saving { checked, connection, name, replaces } = session.kept.step.clone() else {
        return Ok(Ended::Saved(session));
    };
    match save(connect, &session, &checked, &connection, name.as_deref(), replaces).await {
        Ok(()) => {
            let provider = checked.held.provider().to_owned();
            let reconnected = replaces.is_some();
            let is_manage = session.is_manage();
            let mut late = session.clone();
            let saved = shared.desk.change(session, |kept| {
                let is_ours =
                    matches!(&kept.step, Step::Saving { connection: own, .. } if *own == connection);
                if is_ours {
                    let (connection, provider) = (connection.clone(), provider.clone());
                    kept.happened.push(Happened {
                        connection: connection.clone(),
                        provider: provider.clone(),
                        reconnected,
                    });
                    kept.step = Step::Done { connection, provider, reconnected };
                    if is_manage {
                        kept.target = None;
                    }
                    late.kept = kept.clone();
                }
                is_ours
            });
            let saved = saved.await?;
            Ok(saved.map_or(Ended::Late(late), Ended::Saved))
        }
        Err(Stopped::Name { name, why }) => {
            let asked = back(connect, session, &connection, Step::Checked(checked), None).await?;
            Ok(asked.map_or(Ended::Gone, |session| Ended::Name { session, name, why }))
        }
        Err(Stopped::Key(kind)) => {
            let told = Told {
                provider: checked.held.provider().to_owned(),
                method: checked.method.clone(),
                kind: kind.to_owned(),
                say: None,
                retry_after: None,
                values: Vec::new(),
            };
            let asked = back(connect, session, &connection, Step::Asking, Some(told)).await?;
            Ok(asked.map_or(Ended::Gone, Ended::Refused))
        }
        Err(Stopped::Vault(error)) => Err(error),
    }
}

/// Why it is not saved.
enum Stopped {
    /// The name as it may be shown again.
    Name {
        name: String,
        why: String,
    },
    /// What is told of the key.
    Key(&'static str),
    Vault(Error),
}

async fn save(
    connect: &Connect,
    session: &Session,
    checked: &Checked,
    connection: &str,
    name: Option<&str>,
    replaces: Option<i64>,
) -> Result<(), Stopped> {
    let shared = &*connect.0;
    let scope = shared.scope_of(session);
    let unsuited = |error| match error {
        Error::Invalid(_) | Error::NeedsKey { .. } => Stopped::Key("unsuited"),
        Error::NotFound => Stopped::Key("removed"),
        Error::Replaced => Stopped::Key("replaced"),
        Error::OtherAccount => Stopped::Key("other_account"),
        error => Stopped::Vault(error),
    };
    let held = scope.held(&checked.held, session.id.as_str(), &shared.registry);
    let (credential, account) = held.map_err(unsuited)?;
    if spills(&credential, session) {
        return Err(Stopped::Key("spilled"));
    }
    let id = ConnectionId::parse(connection).map_err(|_| Stopped::Key("unsuited"))?;
    let mut new = New::connection(&credential).account(&account).end_user(session.end_user());
    if let Some(name) = name {
        new = new.name(name);
    }
    let saved = match replaces {
        None => scope.save(new.id(&id)).await.map(|_| ()),
        Some(before) => {
            let accounts = match checked.other {
                None => Accounts::Same,
                Some(Other::Alike) => Accounts::Alike,
                Some(Other::Allowed) => Accounts::Any,
            };
            match scope.replace(&id, new.over(before), accounts).await {
                // The newer key may be this very one.
                Err(Error::Replaced) => {
                    let now = scope.get(&id).await.map_err(unsuited)?;
                    let same = scope.alike(&credential, None, now.end_user.as_deref()).await;
                    if same.map_err(unsuited)?.0.contains(&id) { Ok(()) } else { Err(Error::Replaced) }
                }
                saved => saved.map(drop),
            }
        }
    };
    match saved {
        Ok(()) | Err(Error::Exists) => Ok(()),
        Err(Error::Invalid(why)) => Err(match name {
            Some(name) => {
                // The key itself may stand there.
                let is_key = matches!(credential.mask().text(name), Cow::Owned(_));
                Stopped::Name { name: if is_key { String::new() } else { name.to_owned() }, why }
            }
            None => unsuited(Error::Invalid(why)),
        }),
        Err(error) => Err(unsuited(error)),
    }
}

/// Whether a key stands in the name of its session's tenant or end user, which are kept in clear or shown.
pub(super) fn spills(credential: &Credential, session: &Session) -> bool {
    let mask = credential.mask();
    let is_in = |text| matches!(mask.text(text), Cow::Owned(_));
    is_in(session.tenant.as_str()) || is_in(session.end_user())
}

/// The form that says why a key was refused.
pub(super) fn told_at(session: &Session) -> String {
    match &session.kept.told {
        Some(told) => format!("{}/providers/{}/{}", session.base(), told.provider, told.method),
        None => session.base(),
    }
}

/// Takes a session back from saving a connection.
async fn back(
    connect: &Connect,
    session: Session,
    connection: &str,
    step: Step,
    told: Option<Told>,
) -> Result<Option<Session>, Error> {
    let changed = connect.0.desk.change(session, |kept| {
        let is_ours = matches!(&kept.step, Step::Saving { connection: own, .. } if *own == *connection);
        if is_ours {
            (kept.step, kept.told) = (step.clone(), told.clone());
        }
        is_ours
    });
    changed.await
}
