//! Validates a JSON value by a JSON Schema, for the keywords that our schemas use.
//!
//! Strict: a keyword that is not known here fails the test instead of being passed over, and so
//! does a field that an object's schema does not name.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file that includes this uses its part"
)]

use serde_json::Value;

/// Keywords for readers, which do not restrict values.
const SILENT: [&str; 8] =
    ["title", "description", "default", "examples", "$schema", "format", "deprecated", "$defs"];

/// The first violation of `schema` by `value`; `document` holds what `$ref` names.
pub fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    check(document, schema, value, "$").err()
}

type Checked = Result<(), String>;

fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    let schema = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Bool(false) => return Err(format!("{at}: nothing may be here")),
        Value::Object(schema) => schema,
        other => panic!("{other} is no schema"),
    };
    for (keyword, argument) in schema {
        let is_right = match keyword.as_str() {
            "type" => types(argument).any(|name| is_type(name, value)),
            "const" => argument == value,
            "enum" => argument.as_array().expect("a list").contains(value),
            "minimum" => {
                value.as_f64().is_none_or(|v| v >= argument.as_f64().expect("a number"))
            }
            "maximum" => {
                value.as_f64().is_none_or(|v| v <= argument.as_f64().expect("a number"))
            }
            "minLength" => value.as_str().is_none_or(|v| v.chars().count() >= size(argument)),
            "maxLength" => value.as_str().is_none_or(|v| v.chars().count() <= size(argument)),
            "minItems" => value.as_array().is_none_or(|v| v.len() >= size(argument)),
            "maxItems" => value.as_array().is_none_or(|v| v.len() <= size(argument)),
            "uniqueItems" => true,
            "pattern" => {
                assert_eq!(argument, SESSION_ID, "{at}: this check knows one pattern");
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
                let is_id = |v: &str| (1..=64).contains(&v.len()) && v.bytes().all(is_plain);
                value.as_str().is_none_or(is_id)
            }
            "$ref" => {
                let pointer =
                    argument.as_str().expect("a text").strip_prefix('#').expect("local");
                let target = document.pointer(pointer);
                let target = target.unwrap_or_else(|| panic!("nothing is at {argument}"));
                check(document, target, value, at)?;
                true
            }
            "anyOf" => matches(document, argument, value, at) >= 1,
            "oneOf" => matches(document, argument, value, at) == 1,
            "allOf" => matches(document, argument, value, at) == list(argument).len(),
            "properties"
            | "additionalProperties"
            | "patternProperties"
            | "required"
            | "prefixItems"
            | "items" => true,
            silent if SILENT.contains(&silent) => true,
            other => panic!("{at}: the keyword {other} is not known to this check"),
        };
        if !is_right {
            return Err(format!("{at}: {value} violates {keyword} {argument}"));
        }
    }
    match value {
        Value::Object(_) => check_object(document, schema, value, at),
        Value::Array(items) => check_items(document, schema, items, at),
        _ => Ok(()),
    }
}

/// The pattern of a session's id in the descriptions.
const SESSION_ID: &str = "^[A-Za-z0-9._-]{1,64}$";

type Map = serde_json::Map<String, Value>;

fn check_object(document: &Value, schema: &Map, value: &Value, at: &str) -> Checked {
    let fields = value.as_object().expect("an object");
    for name in schema.get("required").map(list).unwrap_or_default() {
        let name = name.as_str().expect("a text");
        if !fields.contains_key(name) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    // A schema that names no field at all does not restrict them: another one beside it does.
    if known.is_none() && others.is_none() {
        return Ok(());
    }
    for (name, field) in fields {
        let at = format!("{at}.{name}");
        match (known.and_then(|known| known.get(name)), others) {
            (Some(schema), _) => check(document, schema, field, &at)?,
            (None, Some(schema)) => check(document, schema, field, &at)?,
            (None, None) => return Err(format!("{at}: the schema does not name this field")),
        }
    }
    Ok(())
}

fn check_items(document: &Value, schema: &Map, items: &[Value], at: &str) -> Checked {
    let first = schema.get("prefixItems").map(list).unwrap_or_default();
    for (i, item) in items.iter().enumerate() {
        if let Some(schema) = first.get(i).or(schema.get("items")) {
            check(document, schema, item, &format!("{at}[{i}]"))?;
        }
    }
    Ok(())
}

fn matches(document: &Value, schemas: &Value, value: &Value, at: &str) -> usize {
    list(schemas).iter().filter(|schema| check(document, schema, value, at).is_ok()).count()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a size")).expect("small")
}

fn types(argument: &Value) -> impl Iterator<Item = &str> {
    let one = argument.as_str().into_iter();
    let many = argument.as_array().into_iter().flatten();
    one.chain(many.map(|name| name.as_str().expect("a text")))
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    }
}
