//! What describes the API: OpenAPI 3.1, made of the handlers and what they read and write.

use std::sync::LazyLock;

use axum::response::Response;
use http::Method;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Ref, RefOr, Required, ResponseBuilder,
        header::HeaderBuilder,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{answer::of_kind, connections, events, grants, key, problem, providers, sessions, webhooks};
use crate::EventType;

/// The document, as it is served: indented JSON, with a line's end.
pub(crate) static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keyway",
        version = "1",
        description = "Takes users' API keys for other services, checks, keeps and uses them.\n\nEvery error is a problem as RFC 9457 describes it, and repeats no value. A token of a tenant acts for that tenant; one of the platform says in `Keyway-Tenant` for which. What is another tenant's is not there: the answer is that of an id that nobody has.\n\nA `POST` with an `Idempotency-Key` is done once: sent again within 24 hours, with the same body, it has the same answer, also where that shows a secret, and says `Idempotency-Replayed: true`. An error of 500 and above, and what a provider says of itself and not of a key, is not kept: sent again, it is tried again. After a crash in the midst of it a connection is still made once, and gets its new key once; anything else may be there twice.\n\nThe scope `sessions` makes links for any of a tenant's end users, and whoever opens one with `manage` or `reconnect` sees, checks, reconnects and removes that user's connections: within its tenant a token with it can do what one with `connections:write` can.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        sessions::create, sessions::get, sessions::end,
        connections::list, connections::create, connections::get, connections::rename, connections::remove,
        connections::check, key::replace, sessions::reconnect,
        grants::create, grants::list, grants::revoke,
        providers::list, providers::get, providers::logo, providers::form,
        events::list,
        webhooks::create, webhooks::list, webhooks::get, webhooks::remove, webhooks::test,


    ),
    components(schemas(problem::Said, problem::Detail, providers::FormKind, connections::StatusWord, EventType)),
    modifiers(&Common),
    tags(
        (name = "Sessions", description = "Links that end users open"),
        (name = "Connections", description = "What is linked"),
        (name = "Grants", description = "Rights to use a connection through the gateway"),
        (name = "Providers", description = "What can be linked, and its forms"),
        (name = "Events", description = "What happened to connections"),
        (name = "Webhooks", description = "Where events are sent"),
    ),
)]
struct Api;

/// Serves the document, to anybody.
pub(super) async fn show() -> Response {
    of_kind("application/json", TEXT.as_str())
}

/// What all operations have in common.
struct Common;

/// The problems that an operation can have, and when.
const PROBLEMS: [(u16, &str); 14] = [
    (400, "The request cannot be read: a parameter, a header, or JSON that is none"),
    (401, "No good token was shown"),
    (403, "The token lacks the scope, or is of another tenant"),
    (404, "There is nothing of this name for this tenant"),
    (408, "The body did not come in time"),
    (409, "It clashes with what is being done, or with what the connection is"),
    (410, "What stood at `after` is gone: the database was put back to an earlier state"),
    (413, "The body is too large"),
    (415, "The body is not said to be JSON"),
    (422, "The request was read, and cannot be done as it is; `errors` or `verdict` says why"),
    (429, "Too many tokens that are none came from this address"),
    (500, "Something kept is not as it was written, and is not used"),
    (503, "The vault cannot be asked now"),
    (504, "The provider took too long"),
];

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the API: `kwa_…`"))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
        for (path, item) in &mut document.paths.paths {
            let methods = [
                (Method::GET, &mut item.get),
                (Method::POST, &mut item.post),
                (Method::PATCH, &mut item.patch),
                (Method::DELETE, &mut item.delete),
            ];
            for (method, operation) in methods {
                if let Some(operation) = operation {
                    complete(operation, &method, path);
                }
            }
        }
    }
}

fn complete(operation: &mut Operation, method: &Method, path: &str) {
    let has_body = operation.request_body.is_some();
    if let (true, Some(RefOr::T(body))) = (path.ends_with("/reconnect"), &mut operation.request_body) {
        // It may be left out.
        body.required = Some(Required::False);
    }
    let asks_provider = path == "/v1/connections" || path.ends_with("/check") || path.ends_with("/key");
    let parameters = operation.parameters.get_or_insert_default();
    let header = |name: &str, says: &str, most: usize, pattern: &str| {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(most))
            .pattern(Some(pattern))
            .build();
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(says))
            .schema(Some(schema))
            .build()
    };
    if !path.starts_with("/v1/providers") {
        let says = "The tenant; needed with a token of the platform alone";
        parameters.push(RefOr::T(header("Keyway-Tenant", says, 128, "^[A-Za-z0-9._:@-]+$")));
    }
    if method == Method::POST {
        let says = "A name for this request, so that sending it again does it once";
        parameters.push(RefOr::T(header("Idempotency-Key", says, 255, "^[!-~]+$")));
        for (status, answer) in &mut operation.responses.responses {
            if let (true, RefOr::T(answer)) = (status.starts_with('2'), answer) {
                let replayed = HeaderBuilder::new()
                    .schema(Some(
                        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"])).build(),
                    ))
                    .description(Some("The request was done before, and this is its answer"))
                    .build();
                answer.headers.insert("Idempotency-Replayed".to_owned(), RefOr::T(replayed));
            }
        }
    }
    for (status, says) in PROBLEMS {
        let can_be = match status {
            404 => path.contains('{') || path == "/v1/grants",
            408 | 413 | 422 => method == Method::POST || has_body,
            409 => matches!(*method, Method::POST | Method::PATCH | Method::DELETE),
            410 => path == "/v1/events",
            415 => has_body,
            504 => asks_provider && method == Method::POST,
            _ => true,
        };
        if can_be {
            let mut answer = ResponseBuilder::new().description(says).content(
                "application/problem+json",
                Content::new(Some(RefOr::<utoipa::openapi::Schema>::Ref(Ref::from_schema_name("Problem")))),
            );
            let header = |says: &str, kind| {
                let schema = ObjectBuilder::new().schema_type(kind).build();
                HeaderBuilder::new().schema(Some(schema)).description(Some(says)).build()
            };
            if status == 401 {
                answer = answer.header("WWW-Authenticate", header("How to authenticate", Type::String));
            }
            if matches!(status, 429 | 503) {
                answer =
                    answer.header("Retry-After", header("In how many seconds to try again", Type::Integer));
            }
            operation.responses.responses.insert(status.to_string(), RefOr::T(answer.build()));
        }
    }
}
