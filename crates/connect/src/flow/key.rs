//! The form of a method, and the key that is sent with it.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use keyway_core::{Entry, Method, Submission};
use keyway_form::Form;
use keyway_vault::Connection;

use super::{
    answer::{Answered, Halt, onward},
    check::{self, Asked},
    progress::progress,
    visit::{Sent, Visit},
};
use crate::{
    page::{self, Key},
    session::Told,
    shared::Shared,
};

/// `GET /connect/{session}/providers/{provider}/{method}`; without a method, of the first one.
pub(super) async fn page(visit: Visit) -> Answered {
    let Some(Chosen { entry, method, target }) = chosen(&visit).await? else {
        return Ok(onward(&visit.base()));
    };
    let told = told(&visit, entry, method);
    let values = told.map(|told| told.values.as_slice()).unwrap_or_default();
    let values = values.iter().fold(Submission::new(), |values, (name, value)| values.with(name, value));
    let form = Form::new(entry.descriptor(), method).with_values(&values);
    Ok(draw(&visit, entry, &form, target.as_ref()))
}

/// `POST` to the same address: the key is looked at, and the provider asked.
pub(super) async fn submit(sent: Sent) -> Answered {
    let Sent { visit, fields, .. } = sent;
    let Some(Chosen { entry, method, target }) = chosen(&visit).await? else {
        return Ok(onward(&visit.base()));
    };
    let submission = fields.submission();
    let accepted = match entry.accept(method, &submission) {
        Ok(accepted) => accepted,
        Err(refused) => {
            let form = Form::new(entry.descriptor(), method).refused(&submission, &refused);
            return Ok(draw(&visit, entry, &form, target.as_ref()));
        }
    };
    if let Some(problem) = Shared::misplaced(&accepted.credential) {
        let form = Form::new(entry.descriptor(), method).with_values(&submission).with_errors(&[problem]);
        return Ok(draw(&visit, entry, &form, target.as_ref()));
    }
    let plain = method
        .fields()
        .iter()
        .filter_map(|field| Some((field.id().to_string(), submission.shown(method, field)?.to_owned())));
    let asked = Asked {
        provider: entry.descriptor().id().to_string(),
        method: method.id().to_string(),
        credential: visit.shared().placed(accepted.credential),
        plain: plain.collect(),
        hints: accepted.warnings.into_iter().map(|warning| warning.message).collect(),
    };
    let form = asked.form(&visit.session);
    let checking = check::check(visit.connect.clone(), visit.session.clone(), asked);
    Ok(progress(&visit, entry.descriptor().name(), checking, form).await)
}

/// What an address names.
struct Chosen<'v> {
    entry: &'v Entry,
    method: &'v Arc<Method>,
    /// The connection that gets a new key.
    target: Option<Connection>,
}

/// What an address names, where it may be used; none where the session is somewhere else.
async fn chosen(visit: &Visit) -> Result<Option<Chosen<'_>>, Halt> {
    if visit.session.is_over() {
        return Ok(None);
    }
    let registry = &visit.shared().registry;
    let provider = visit.part("provider").unwrap_or_default();
    let Ok((entry, method)) = registry.method(provider, visit.part("method")) else { return Ok(None) };
    let id = entry.descriptor().id();
    let target = visit.target().await?;
    let may_be_used = match &target {
        Some(target) => registry.get(&target.provider).is_ok_and(|own| own.descriptor().id() == id),
        None => visit.offered().iter().any(|own| own.descriptor().id() == id),
    };
    Ok(may_be_used.then_some(Chosen { entry, method, target }))
}

fn draw(visit: &Visit, entry: &Entry, form: &Form<'_>, target: Option<&Connection>) -> Response {
    // What was just refused is newer than what was told of the key before it.
    let told = if form.is_refused() { None } else { told(visit, entry, form.method()) };
    let status = if form.is_refused() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let can_go_back = target.is_none() && visit.offered().len() > 1;
    let stand_in = visit.shared().stand_in.as_ref().map(ToString::to_string);
    let host = stand_in.as_deref().or(form.method().host());
    let page = Key { form, entry, told, target, host, can_go_back };
    visit.shown(status, page::key(&visit.chrome(), &page))
}

/// What was said of the last key of a method.
fn told<'v>(visit: &'v Visit, entry: &Entry, method: &Method) -> Option<&'v Told> {
    let told = visit.session.kept.told.as_ref();
    told.filter(|told| {
        entry.descriptor().id().as_str() == told.provider && method.id().as_str() == told.method
    })
}
