//! Providers, and the forms of their methods.

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use keyway_core::{Descriptor, Entry, Links, Method};
use keyway_form::Form;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::{List, of_kind, ok},
    call::Call,
    path::Named,
    problem::Problem,
};

/// A provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(super) struct ProviderView {
    #[schema(example = "rootly")]
    id: String,
    #[schema(example = "Rootly")]
    name: String,
    #[schema(example = "Incident management.")]
    summary: String,
    /// What kinds of service it is.
    #[schema(example = json!(["Incident management"]))]
    categories: Vec<String>,
    links: LinksView,
    methods: Vec<MethodView>,
}

type Providers = List<ProviderView>;

/// Where a person reads more.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderLinks)]
pub(super) struct LinksView {
    /// The documentation of its API.
    #[schema(required = true, example = "https://docs.example.com")]
    docs: Option<String>,
    /// Where keys are made and revoked.
    #[schema(required = true, example = "https://example.com/keys")]
    keys: Option<String>,
    /// Where to ask for help.
    #[schema(required = true, example = "https://example.com/help")]
    support: Option<String>,
}

/// A way to authenticate.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderMethod)]
pub(super) struct MethodView {
    #[schema(example = "api_key")]
    id: String,
    #[schema(example = "API key")]
    label: String,
}

/// How a form is drawn: as plain data, as JSON Schema, in the words of react-jsonschema-form, or as HTML.
#[derive(ToSchema)]
#[schema(as = FormKind, rename_all = "kebab-case")]
#[expect(dead_code, reason = "it describes the words of a parameter")]
pub(super) enum FormKind {
    Model,
    JsonSchema,
    UiSchema,
    Html,
}

/// Lists providers
///
/// All of them, sorted by id.
#[utoipa::path(
    get, path = "/v1/providers", tag = "Providers", operation_id = "listProviders",
    security(("token" = [])),
    responses((status = 200, description = "The providers", body = Providers)),
)]
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    call.query(&[])?;
    let entries = call.connect.0.registry.entries();
    let data = entries.iter().map(Entry::descriptor).map(ProviderView::of).collect();
    Ok(ok(&List { data, next: None }))
}

/// Shows a provider
///
///
#[utoipa::path(
    get, path = "/v1/providers/{id}", tag = "Providers", operation_id = "getProvider",
    security(("token" = [])),
    params(("id" = String, Path, description = "The provider", example = "rootly")),
    responses((status = 200, description = "The provider", body = ProviderView)),
)]
pub(super) async fn get(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.query(&[])?;
    Ok(ok(&ProviderView::of(find(&call, &id)?.descriptor())))
}

/// Shows a provider's logo
///
/// An SVG picture.
#[utoipa::path(
    get, path = "/v1/providers/{id}/logo", tag = "Providers", operation_id = "getLogo",
    security(("token" = [])),
    params(("id" = String, Path, description = "The provider", example = "rootly")),
    responses((status = 200, description = "The logo", body = String, content_type = "image/svg+xml")),
)]
pub(super) async fn logo(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.query(&[])?;
    let logo = find(&call, &id)?.logo().ok_or_else(Problem::not_found)?;
    Ok(sandboxed("image/svg+xml", logo.to_owned()))
}

/// Shows the form of a method
///
/// For a form of your own: send what it asks for as the `values` of a new connection.
#[utoipa::path(
    get, path = "/v1/providers/{id}/methods/{method}/form", tag = "Providers", operation_id = "getForm",
    security(("token" = [])),
    params(
        ("id" = String, Path, description = "The provider", example = "rootly"),
        ("method" = String, Path, description = "The method", example = "api_key"),
        ("as" = Option<FormKind>, Query, description = "How it is drawn; as `model` without it"),
    ),
    responses((status = 200, description = "The form", content(
        (serde_json::Map<String, serde_json::Value> = "application/json", example = json!({"type": "object"})),
        (String = "text/html", example = json!("<form>…</form>")),
    ))),
)]
pub(super) async fn form(
    call: Call,
    Named((id, method)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let query = call.query(&["as"])?;
    let descriptor = find(&call, &id)?.descriptor();
    let method = descriptor.method(&method).ok_or_else(Problem::not_found)?;
    let form = Form::new(descriptor, method);
    match query.get("as").unwrap_or("model") {
        "model" => Ok(ok(&form)),
        "json-schema" => Ok(ok(&form.json_schema())),
        "ui-schema" => Ok(ok(&form.ui_schema())),
        "html" => Ok(sandboxed("text/html; charset=utf-8", form.html().to_string())),
        _ => Err(Problem::parameter("as", "choice", "`model`, `json-schema`, `ui-schema` or `html`")),
    }
}

fn find<'c>(call: &'c Call, id: &str) -> Result<&'c Entry, Problem> {
    call.connect.0.registry.get(id).map_err(|_| Problem::not_found())
}

/// What a descriptor's author wrote does nothing, even where a browser shows it as a page of its own.
fn sandboxed(kind: &'static str, text: String) -> Response {
    let mut answer = of_kind(kind, Body::from(text));
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; frame-ancestors 'none'",
    );
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    answer
}

impl ProviderView {
    fn of(descriptor: &Descriptor) -> Self {
        Self {
            id: descriptor.id().to_string(),
            name: descriptor.name().to_owned(),
            summary: descriptor.summary().to_owned(),
            categories: descriptor.categories().to_vec(),
            links: LinksView::of(descriptor.links()),
            methods: descriptor.methods().iter().map(|method| MethodView::of(method)).collect(),
        }
    }
}

impl LinksView {
    fn of(links: &Links) -> Self {
        Self { docs: links.docs.clone(), keys: links.keys.clone(), support: links.support.clone() }
    }
}

impl MethodView {
    fn of(method: &Method) -> Self {
        Self { id: method.id().to_string(), label: method.label().to_owned() }
    }
}
