//! The OpenAPI 3.1 document, made of the list of operations and the registry of settings: it cannot say anything else
//! than what is served.
//! Knows: the document's form. Must not: know one operation or setting.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answers::{Format, Shape};
use super::operations::{Body, Method, Operation, operations};
use super::tokens::Role;
use crate::admin::settings::{Default, Kind, Setting, Type};

/// The whole document.
pub fn document() -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations() {
        let path = paths.entry(format!("/api/v1{}", operation.path)).or_default();
        path.insert(method(operation.method).to_owned(), described(&operation));
    }
    let mut schemas = Map::new();
    for kind in Kind::ALL {
        schemas.insert(new_name(kind), settings_schema(kind, Form::New));
        schemas.insert(edits_name(kind), settings_schema(kind, Form::Edits));
    }
    schemas.insert("Object".to_owned(), object_schema());
    schemas.insert("Changed".to_owned(), changed_schema());
    schemas.insert("Refusal".to_owned(), refusal_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ringpost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Administration of a Ringpost node: every object, setting and command.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "paths": paths,
        "security": [{ "token": [] }],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A secret of the file admin-token." },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters = Vec::new();
    if operation.path.contains("{identity}") {
        parameters.push(json!({ "name": "identity", "in": "path", "required": true, "schema": { "type": "string" } }));
    }
    for query in &operation.queries {
        parameters.push(json!({
            "name": query.name, "in": "query", "description": query.meaning, "schema": { "type": "string" },
        }));
    }
    let refusal = |description: &str| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
        })
    };
    let mut responses = Map::new();
    let (status, schema) = match operation.shape {
        Shape::Made => ("201", json!({ "$ref": "#/components/schemas/Changed" })),
        Shape::Changed => ("200", json!({ "$ref": "#/components/schemas/Changed" })),
        Shape::One if operation.kind.is_some() => ("200", json!({ "$ref": "#/components/schemas/Object" })),
        Shape::Many if operation.kind.is_some() => {
            ("200", json!({ "type": "array", "items": { "$ref": "#/components/schemas/Object" } }))
        }
        Shape::Many | Shape::Trace => ("200", json!({ "type": "array", "items": { "type": "object" } })),
        Shape::One | Shape::Done => ("200", json!({ "type": "object" })),
    };
    let mut content = json!({ "application/json": { "schema": schema } });
    for format in operation.formats().iter().filter(|format| **format != Format::Json) {
        content[format.content_type()] = json!({ "schema": { "type": "string" } });
    }
    responses.insert(status.to_owned(), json!({ "description": "Done", "content": content }));
    responses.insert("401".to_owned(), refusal("No token, or one that is not known"));
    if operation.role == Role::Manage {
        responses.insert("403".to_owned(), refusal("The token is for reading"));
    }
    responses.insert("404".to_owned(), refusal("There is no such object"));
    responses.insert("409".to_owned(), refusal("It exists, is in use, or the files changed meanwhile"));
    responses.insert("422".to_owned(), refusal("Something given is not allowed; problems says what"));
    responses.insert("501".to_owned(), refusal("That part is not built yet"));
    responses.insert("503".to_owned(), refusal("The node does not answer"));
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
        "x-role": if operation.role == Role::Read { "read" } else { "manage" },
    });
    if let Some(schema) = body(operation.body) {
        described["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    described
}

fn body(body: Body) -> Option<Value> {
    match body {
        Body::None => None,
        Body::New(kind) => Some(json!({ "$ref": format!("#/components/schemas/{}", new_name(kind)) })),
        Body::Edits(kind) => Some(json!({ "$ref": format!("#/components/schemas/{}", edits_name(kind)) })),
        Body::Keys { keys, needed } => {
            let of = |(name, meaning): &(&str, &str)| {
                let of = match () {
                    () if meaning.contains("(a boolean)") => "boolean",
                    () if meaning.contains("(a number)") => "integer",
                    () => "string",
                };
                ((*name).to_owned(), json!({ "type": of, "description": meaning }))
            };
            let properties: Map<String, Value> = keys.iter().map(of).collect();
            let required: Vec<_> = keys.iter().take(needed).map(|(name, _)| *name).collect();
            Some(json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
            }))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    New,
    Edits,
}

fn settings_schema(kind: Kind, form: Form) -> Value {
    let settings = kind.working().filter(|setting| !setting.key.is_empty());
    let settings = settings.filter(|setting| form == Form::New || !setting.fixed);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for setting in settings {
        let needed = setting.default == Default::Needed;
        let schema = match form {
            Form::New => schema_of(setting),
            Form::Edits => edit_of(setting, needed),
        };
        properties.insert(setting.key.to_owned(), schema);
        if needed && form == Form::New {
            required.push(setting.key);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn schema_of(setting: &Setting) -> Value {
    let mut schema = match setting.of {
        Type::Switch => json!({ "type": "boolean" }),
        Type::Number { least, most: i64::MAX } => json!({ "type": "integer", "minimum": least }),
        Type::Number { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Type::Minutes { .. } | Type::Seconds { .. } => json!({ "type": "string", "examples": ["5s", "30m", "1h30m"] }),
        Type::Choice(names) => json!({ "type": "string", "enum": names }),
        Type::Reference(_) | Type::Text(_) => json!({ "type": "string" }),
        Type::References(_) | Type::List(_) => json!({ "type": "array", "items": { "type": "string" } }),
    };
    let mut description = format!("{}; allowed: {}", setting.meaning, setting.allowed());
    if !setting.parameter.is_empty() {
        description += &format!("; in Exchange: {}", setting.parameter);
    }
    schema["description"] = json!(description);
    match setting.default {
        Default::Number(number) => schema["default"] = json!(number),
        Default::Switch(switch) => schema["default"] = json!(switch),
        Default::Text(text) if !setting.is_list() => schema["default"] = json!(text),
        _ => {}
    }
    schema
}

/// What PATCH takes: the value, `null` for the default, and for lists what comes in and goes.
fn edit_of(setting: &Setting, needed: bool) -> Value {
    let mut choices = vec![schema_of(setting)];
    if setting.is_list() {
        let members = json!({ "type": "array", "items": { "type": "string" } });
        let properties = json!({ "add": members, "remove": members });
        choices.push(json!({ "type": "object", "properties": properties, "additionalProperties": false }));
    }
    if !needed {
        choices.push(json!({ "type": "null", "description": "back to the default" }));
    }
    json!({ "anyOf": choices })
}

fn object_schema() -> Value {
    json!({
        "type": "object",
        "description": "An object as it is configured, with what is not given filled in",
        "properties": {
            "kind": { "type": "string", "enum": Kind::ALL.map(Kind::noun) },
            "identity": { "type": "string" },
            "file": { "type": "string" },
            "values": { "type": "object" },
            "defaults": { "type": "array", "items": { "type": "string" } },
        },
        "required": ["kind", "identity", "file", "values", "defaults"],
    })
}

fn changed_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "done": { "type": "array", "items": { "type": "string" } },
            "files": { "type": "array", "items": { "type": "string" } },
            "what_if": { "type": "boolean" },
            "force": { "description": "unchanged, now with the generation, or later with the reason" },
        },
        "required": ["done", "files", "what_if", "force"],
    })
}

fn refusal_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "reason": { "type": "string" },
            "message": { "type": "string" },
            "problems": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "key": { "type": "string" },
                        "message": { "type": "string" },
                        "place": { "type": "string" },
                    },
                },
            },
        },
        "required": ["reason", "message", "problems"],
    })
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    }
}

/// `get_dial_plan_one`, `post_workers_recycle`.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.replace("{identity}", "one").replace(['/', '-'], "_");
    format!("{}{path}", method(operation.method))
}

fn new_name(kind: Kind) -> String {
    format!("New{}", kind.exchange())
}

fn edits_name(kind: Kind) -> String {
    format!("Set{}", kind.exchange())
}
