//! Answers that are no problems.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use keyway_core::Secret;
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type},
    },
};

/// A part of a list, and how to get the next one.
#[derive(Serialize)]
pub(super) struct List<T> {
    /// The entries; there may be fewer than asked for, or none, before the end.
    pub(super) data: Vec<T>,
    /// What to send as `after` for the next part; none: this is the end.
    pub(super) next: Option<String>,
}

/// The derived one would repeat the whole entry: to a generator that is another type than the entry's own.
impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let entries = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("The entries; there may be fewer than asked for, or none, before the end."));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("What to send as `after` for the next part; null: this is the end."));
        ObjectBuilder::new()
            .description(Some("A part of a list, and how to get the next one."))
            .property("data", entries)
            .property("next", next)
            .required("data")
            .required("next")
            .into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// A secret that is shown this once.
pub(super) struct Shown(pub(super) Secret);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

/// Goes with an answer that holds for the moment alone, so that nobody keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing;

/// An answer of 200.
pub(super) fn ok(view: &impl Serialize) -> Response {
    json(StatusCode::OK, view)
}

/// An answer of 201, with the address of what was made.
pub(super) fn created(location: &str, view: &impl Serialize) -> Response {
    let mut answer = json(StatusCode::CREATED, view);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// An answer of 204.
pub(super) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// An answer of a kind of its own.
pub(super) fn of_kind(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body.into()).into_response()
}

fn json(status: StatusCode, view: &impl Serialize) -> Response {
    let mut answer = of_kind("application/json", serde_json::to_vec(view).unwrap_or_default());
    *answer.status_mut() = status;
    answer
}
