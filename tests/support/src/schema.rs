//! Compares a JSON value with a JSON Schema of our descriptions.
//!
//! Strict: a field that an object's schema does not name is a violation.

use serde_json::{Value, json};

/// The first violation of `schema` by `value`; `document` holds what `$ref` names.
pub fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    // The document's own keys are none of JSON Schema's.
    let mut whole = document.clone();
    whole["allOf"] = json!([schema]);
    close(&mut whole);
    let validator = jsonschema::validator_for(&whole).expect("a JSON Schema");
    let error = validator.validate(value).err()?;
    Some(format!("{}: {error}", error.instance_path()))
}

/// Closes every schema that names fields to all others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.get("properties").is_some_and(Value::is_object) {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => (),
    }
}
