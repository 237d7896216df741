//! From what was stored of a credential back to it.

use std::{fmt, sync::Arc};

use crate::{
    Code, Credential, Field, FieldProblem, Id, Kind, Mask, Method, Origin, Provider, Secret,
    accept::{self, Findings, Shapes, Value},
    credential,
};

/// What is stored of a credential: its fields, and the origins that it is bound to.
///
/// # Security
/// It holds every value. `Debug` shows ids and origins alone.
#[derive(Clone)]
pub struct Kept {
    fields: Vec<KeptField>,
    origins: Vec<Origin>,
    elsewhere: bool,
}

/// One field of what is stored.
#[derive(Debug, Clone)]
pub struct KeptField {
    /// The field's id when it was stored.
    pub id: Id,
    /// The value.
    pub value: Secret,
    /// Whether the value is a secret. What was stored as one stays one, whatever the descriptor says later.
    pub secret: bool,
}

impl Kept {
    /// Puts together what was stored. `elsewhere` says that the origins were replaced, and are none of the descriptor's.
    pub fn new(fields: Vec<KeptField>, origins: Vec<Origin>, elsewhere: bool) -> Self {
        Self { fields, origins, elsewhere }
    }

    /// The fields that have a value.
    pub fn fields(&self) -> &[KeptField] {
        &self.fields
    }

    /// Recognises the secrets among the values, wherever they stand.
    pub fn mask(&self) -> Mask {
        Mask::new(self.fields.iter().filter(|field| field.secret).map(|field| &field.value))
    }

    /// The origins that may receive the credential: the provider's own first.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Tells whether the origins were replaced ([`Credential::at_origin`]), and are none of the descriptor's.
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// The fields that were stored under a name that is one of a field's, the one that counts first.
    fn of<'k>(&'k self, field: &'k Field) -> impl Iterator<Item = &'k KeptField> {
        let names = std::iter::once(field.id()).chain(field.formerly());
        names.flat_map(|name| self.fields.iter().filter(move |kept| kept.id == *name))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.fields.iter().map(|field| field.id.as_str()).collect();
        f.debug_struct("Kept")
            .field("fields", &ids)
            .field("origins", &self.origins)
            .field("elsewhere", &self.elsewhere)
            .finish()
    }
}

/// A stored credential, made again.
#[derive(Debug)]
pub struct Restored {
    /// The credential, bound to the stored origins.
    pub credential: Credential,
    /// What the descriptor would refuse today, or does not know any more.
    pub warnings: Vec<FieldProblem>,
}

/// A stored credential cannot be used as its provider is described today: a new key is needed. Nothing was sent.
///
/// Says why to a person, and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotRestored {
    kind: NotRestoredKind,
    message: String,
}

impl NotRestored {
    fn new(kind: NotRestoredKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    fn unfit(problem: &FieldProblem) -> Self {
        Self::new(NotRestoredKind::Unfit, problem.to_string())
    }

    /// Which of the reasons it is.
    pub fn kind(&self) -> NotRestoredKind {
        self.kind
    }
}

/// Why a stored credential cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotRestoredKind {
    /// The method is one of another provider.
    Method,
    /// The descriptor does not allow the stored origins any more.
    Origins,
    /// Requests need a value that was not stored.
    Missing,
    /// A value cannot stand where it goes today.
    Unfit,
}

/// Makes a stored credential again: repeats what safety needs, and warns of the rest.
pub(crate) fn restore(
    provider: &Arc<dyn Provider>,
    method: &Arc<Method>,
    kept: &Kept,
    shapes: &Shapes,
) -> Result<Restored, NotRestored> {
    let descriptor = provider.descriptor();
    if !descriptor.methods().iter().any(|own| Arc::ptr_eq(own, method)) {
        let message = "this method belongs to another provider";
        return Err(NotRestored::new(NotRestoredKind::Method, message));
    }
    let mut warnings: Vec<FieldProblem> = left_out(method, kept).collect();
    let mut values = Vec::with_capacity(method.fields().len());
    for field in method.fields() {
        let place = Reach::of(field, method, kept.elsewhere);
        match kept.of(field).next() {
            Some(stored) => {
                let value = Value::new(&stored.value, stored.secret || field.is_secret());
                if value.text().is_empty() {
                    warnings.extend(missing(field, place, kept)?);
                    continue;
                }
                usable(field, place, &value, kept)?;
                let mut findings = Findings::default();
                accept::check(field, value.text(), Some((shapes, descriptor.id())), &mut findings);
                warnings.extend(findings.into_warnings());
                values.push((field.id().clone(), value));
            }
            // A field that is new. One that was renamed looks alike: where it makes the address, the origins tell.
            None => match field.default_value() {
                Some(default) => values.push((field.id().clone(), Value::Plain(default.to_owned()))),
                None => warnings.extend(missing(field, place, kept)?),
            },
        }
    }
    if !kept.elsewhere {
        let today = credential::origins(method, &values).map_err(|problem| NotRestored::unfit(&problem))?;
        if kept.origins.first() != today.first() || !kept.origins.iter().all(|origin| today.contains(origin))
        {
            return Err(moved(kept, "that is not where its provider's description lets it go today"));
        }
    }
    if kept.origins.is_empty() {
        return Err(NotRestored::new(NotRestoredKind::Origins, "it was stored without an address"));
    }
    let origins = (kept.origins.clone(), kept.elsewhere);
    let credential = Credential::build_for(Arc::clone(provider), Arc::clone(method), values, origins)
        .map_err(|problem| NotRestored::unfit(&problem))?;
    Ok(Restored { credential, warnings })
}

/// What a field's value decides about a request.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Where it goes.
    origin: bool,
    /// What the check asks.
    path: bool,
    /// What is placed in it.
    placed: bool,
}

impl Reach {
    fn of(field: &Field, method: &Method, elsewhere: bool) -> Self {
        Self {
            origin: !elsewhere && method.origins.iter().any(|origin| origin.uses(field.id())),
            path: method.check.uses(field.id()),
            placed: method.placements.uses(field.id()),
        }
    }
}

/// Refuses a value that is not safe where it goes today.
fn usable(field: &Field, reach: Reach, value: &Value, kept: &Kept) -> Result<(), NotRestored> {
    let id = field.id();
    if matches!(value, Value::Secret(_)) && (reach.origin || reach.path) {
        let message = format!("{id}: this was stored as a secret, and would stand in an address today");
        return Err(NotRestored::new(NotRestoredKind::Unfit, message));
    }
    if let Some((code, message)) = accept::unusable(field, value.text()) {
        return Err(NotRestored::unfit(&FieldProblem { field: id.to_string(), code, message }));
    }
    if reach.origin {
        // Which hosts there are is what the descriptor says by choices and by a pattern: no warning is enough here.
        let among = match field.kind() {
            Kind::Choice(choices) => accept::choice(choices, value.text()).is_some(),
            Kind::Text | Kind::Url | Kind::Host => true,
        };
        if !among || field.compiled_pattern().is_some_and(|pattern| !pattern.matches(value.text())) {
            let why = format!("its provider's description does not allow the stored `{id}` any more");
            return Err(moved(kept, &why));
        }
    }
    Ok(())
}

/// A field without a value: a warning, or an error where requests need it.
fn missing(field: &Field, reach: Reach, kept: &Kept) -> Result<Option<FieldProblem>, NotRestored> {
    let id = field.id();
    if reach.origin {
        return Err(moved(kept, &format!("its address depends on `{id}` today, which was not stored")));
    }
    if reach.path || reach.placed {
        let message = format!("{id}: requests need {} today, and it was not stored", field.label());
        return Err(NotRestored::new(NotRestoredKind::Missing, message));
    }
    Ok((!field.is_optional()).then(|| FieldProblem {
        field: id.to_string(),
        code: Code::Required,
        message: format!("{} was not stored, and is asked for today", field.label()),
    }))
}

/// The stored fields that mean none of today's, or one that is stored under a better name too.
fn left_out<'k>(method: &'k Method, kept: &'k Kept) -> impl Iterator<Item = FieldProblem> + 'k {
    kept.fields.iter().filter_map(|stored| {
        let (code, message) = match method.field(stored.id.as_str()) {
            None => {
                let message = "this is no field of the method any more; its value is left out";
                (Code::UnknownField, message.to_owned())
            }
            Some(field) => match kept.of(field).next() {
                Some(counts) if !std::ptr::eq(counts, stored) => {
                    let message =
                        format!("this is `{}` today, and stored twice; one is left out", field.id());
                    (Code::Duplicate, message)
                }
                _ => return None,
            },
        };
        Some(FieldProblem { field: stored.id.to_string(), code, message })
    })
}

/// The stored origins are not allowed. Names them, and no other: they are stored in clear, and values are not shown.
fn moved(kept: &Kept, why: &str) -> NotRestored {
    let origins: Vec<String> = kept.origins.iter().map(ToString::to_string).collect();
    NotRestored::new(NotRestoredKind::Origins, format!("it was stored for {}, and {why}", origins.join(", ")))
}
