//! The OpenAPI description, made of the table of routes.

use serde_json::{Map, Value, json};

use crate::routes::{self, Body, Field, Parameter, Route, Success};

/// The description of everything that is answered. Nothing of one node is in it.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.as_str().to_ascii_lowercase(), operation(&route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "mvrx: the API of a running node",
            "version": "1",
            "description": "What is told here of each document is told whole in docs/json.md and docs/web.md of mvrx. Fields may be added; read what you know.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer",
                "description": "The text of the file `web-token` in the data directory. On loopback only what changes something needs it; elsewhere everything.",
            } },
            "schemas": { "Error": {
                "type": "object",
                "required": ["schema", "error"],
                "properties": {
                    "schema": { "type": "integer", "const": crate::SCHEMA },
                    "error": { "type": "string", "description": "why not, for a person" },
                },
            } },
            "responses": { "Refused": {
                "description": "It is refused, and says why.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let (status, success) = route.success;
    let mut operation = json!({
        "summary": route.words,
        "parameters": parameters(route),
        "responses": {
            status.to_string(): answer(success),
            "default": { "$ref": "#/components/responses/Refused" },
        },
    });
    if let Some(fields) = operation.as_object_mut() {
        if let Some(body) = route.body {
            fields.insert("requestBody".to_owned(), request(body));
        }
        // Without a name in front of it: it may be needed, or not.
        if route.path != "/health" {
            let reads = route.method == axum::http::Method::GET;
            let security = if reads { json!([{}, { "token": [] }]) } else { json!([{ "token": [] }]) };
            fields.insert("security".to_owned(), security);
        }
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = route.query.iter().map(|(name, kind, words): &Parameter| {
        json!({ "name": name, "in": "query", "description": words, "schema": { "type": kind } })
    });
    in_path.chain(in_query).collect()
}

fn request(body: Body) -> Value {
    let content = match body {
        Body::File => {
            json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } })
        }
        Body::Document(fields) => json!({ "application/json": { "schema": object(fields, false) } }),
    };
    json!({ "required": true, "content": content })
}

fn answer(success: Success) -> Value {
    match success {
        Success::Document(fields) => json!({
            "description": "a document",
            "content": { "application/json": { "schema": object(fields, true) } },
        }),
        Success::Bytes(kind) => json!({ "description": "the bytes", "content": { kind: {} } }),
        Success::Nothing => json!({ "description": "done" }),
    }
}

fn object(fields: &[Field], answers: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if answers {
        properties.insert("schema".to_owned(), json!({ "type": "integer", "const": crate::SCHEMA }));
        required.push("schema");
    }
    for (name, kinds, words) in fields {
        let kinds: Vec<&str> = kinds.split('|').collect();
        let may_miss = !answers && kinds.contains(&"null");
        let kind = match kinds.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        properties.insert((*name).to_owned(), json!({ "type": kind, "description": words }));
        if !may_miss {
            required.push(*name);
        }
    }
    json!({ "type": "object", "required": required, "properties": properties })
}
