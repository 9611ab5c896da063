//! The OpenAPI description, made from the table that also makes the router: they cannot differ.

use axum::{
    Router,
    handler::Handler,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{access::Authenticator, refused::RefusedBody};
use crate::store::Role;

/// Makes the schema of one type.
type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// One endpoint: role, parameters, body, answer and handler.
pub(crate) struct Endpoint<S> {
    method: Method,
    path: &'static str,
    summary: &'static str,
    role: Option<Role>,
    query: Option<SchemaFn>,
    body: Option<SchemaFn>,
    answer: Option<SchemaFn>,
    status: u16,
    refusals: &'static [u16],
    route: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Endpoint<S> {
    fn new<H, T>(method: Method, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a usual method");
        let route = on(filter, handler);
        Endpoint {
            method,
            path,
            summary,
            role: None,
            query: None,
            body: None,
            answer: None,
            status: 200,
            refusals: &[],
            route,
        }
    }

    /// GET; open to every client unless [`Endpoint::needs`] restricts it.
    pub(crate) fn get<H: Handler<T, S>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Endpoint::new(Method::GET, path, summary, handler)
    }

    /// POST.
    pub(crate) fn post<H: Handler<T, S>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Endpoint::new(Method::POST, path, summary, handler)
    }

    /// PATCH.
    pub(crate) fn patch<H: Handler<T, S>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Endpoint::new(Method::PATCH, path, summary, handler)
    }

    /// DELETE.
    pub(crate) fn delete<H: Handler<T, S>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Endpoint::new(Method::DELETE, path, summary, handler)
    }

    /// Requires a token of this role, or an operator's.
    pub(crate) fn needs(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// The query parameters.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// The JSON body of the request.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// The JSON body of the answer.
    pub(crate) fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(|schemas| schemas.subschema_for::<T>());
        self
    }

    /// The status of success, if not 200.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Statuses of refusals, in addition to those of every such request.
    pub(crate) fn refuses(mut self, refusals: &'static [u16]) -> Self {
        self.refusals = refusals;
        self
    }
}

/// The router of every endpoint, each behind its role.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(
    endpoints: Vec<Endpoint<S>>,
    authenticator: &Authenticator,
) -> Router<S> {
    endpoints.into_iter().fold(Router::new(), |router, endpoint| {
        let route = match endpoint.role {
            None => endpoint.route,
            Some(role) => authenticator.guard(role, endpoint.route),
        };
        router.route(endpoint.path, route)
    })
}

/// The text of a description as an answer.
pub(crate) fn json_text(text: &str) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::OK, json, text.to_owned()).into_response()
}

/// The description of every endpoint.
pub(crate) fn document<S>(endpoints: &[Endpoint<S>]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let operations = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        let method = endpoint.method.as_str().to_ascii_lowercase();
        operations[method] = operation(endpoint, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "boothd",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Times are ms since 1970 unless stated otherwise. null means: \
                cannot be known. The live side is described at /api/v1/asyncapi.json.",
        },
        // Where this document is, less its own path: also right under a reverse proxy's prefix.
        "servers": [{ "url": "../.." }],
        "paths": paths,
        "components": {
            "schemas": schemas.into_definitions(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation<S>(endpoint: &Endpoint<S>, schemas: &mut Schemas) -> Value {
    let mut operation = json!({ "summary": endpoint.summary });
    if let Some(role) = endpoint.role {
        operation["description"] = format!("Needs the role {}.", role.name()).into();
        operation["security"] = json!([{ "token": [] }]);
    }
    let parameters: Vec<Value> = path_parameters(endpoint.path)
        .chain(endpoint.query.into_iter().flat_map(|query| schemas.parameters(query)))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = endpoint.body {
        let schema = schemas.taken(body);
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation["responses"] = responses(endpoint, schemas);
    operation
}

fn responses<S>(endpoint: &Endpoint<S>, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    let mut done = json!({ "description": "Done." });
    if let Some(answer) = endpoint.answer {
        let schema = schemas.answered(answer);
        done["content"] = json!({ "application/json": { "schema": schema } });
    }
    responses.insert(endpoint.status.to_string(), done);
    let of_role = if endpoint.role.is_some() { &[401, 403, 429][..] } else { &[] };
    let of_body = if endpoint.body.is_some() { &[400, 413, 415][..] } else { &[] };
    for status in [of_role, of_body, endpoint.refusals].concat() {
        let schema = schemas.answered(|schemas| schemas.subschema_for::<RefusedBody<'_>>());
        let refused = json!({
            "description": "Refused.",
            "content": { "application/json": { "schema": schema } },
        });
        responses.insert(status.to_string(), refused);
    }
    responses.into()
}

/// `{id}` of a path.
fn path_parameters(path: &'static str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
    })
}

/// The schemas of requests and of answers: a field that is optional in a request is never left
/// out of an answer.
struct Schemas {
    taken: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let answered = settings.clone().for_serialize().into_generator();
        Schemas { taken: settings.for_deserialize().into_generator(), answered }
    }

    fn taken(&mut self, shape: SchemaFn) -> Value {
        shape(&mut self.taken).into()
    }

    fn answered(&mut self, shape: SchemaFn) -> Value {
        shape(&mut self.answered).into()
    }

    /// The fields of a query's type, one parameter each.
    fn parameters(&mut self, query: SchemaFn) -> Vec<Value> {
        let mut own = self.taken.settings().clone().with(|s| s.inline_subschemas = true);
        own.definitions_path = "/components/schemas".into();
        let schema: Value = query(&mut own.into_generator()).into();
        let fields = schema["properties"].as_object().cloned().unwrap_or_default();
        let parameter =
            |(name, schema)| json!({ "name": name, "in": "query", "schema": schema });
        fields.into_iter().map(parameter).collect()
    }

    /// Every named schema. A type in both requests and answers must have one schema, or one name
    /// would mean two things.
    fn into_definitions(mut self) -> Value {
        let mut all = self.answered.take_definitions(true);
        for (name, schema) in self.taken.take_definitions(true) {
            let other = all.insert(name.clone(), schema.clone());
            assert!(
                other.is_none_or(|other| other == schema),
                "{name} differs between requests and answers"
            );
        }
        all.into()
    }
}
