//! A validator of the JSON Schema keywords that the record's schema uses. Any other keyword panics, so that the whole
//! schema is checked.

use serde_json::{Map, Value};

/// The first violation of `schema` in `value`, with its place.
pub(super) fn fault(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if *schema == Value::Bool(false) {
        return Some(format!("{at}: there should be none"));
    }
    let none = Map::new();
    let object = value.as_object();
    schema
        .as_object()
        .unwrap()
        .iter()
        .find_map(|(keyword, rule)| {
            let (holds, inner) = match keyword.as_str() {
                "$schema" | "title" | "description" => (true, None),
                "type" => (
                    one_or_more(rule).any(|name| is_a(name.as_str().unwrap(), value)),
                    None,
                ),
                "enum" => (rule.as_array().unwrap().contains(value), None),
                "const" => (rule == value, None),
                "minimum" => (
                    value
                        .as_f64()
                        .is_none_or(|number| number >= rule.as_f64().unwrap()),
                    None,
                ),
                "maximum" => (
                    value
                        .as_f64()
                        .is_none_or(|number| number <= rule.as_f64().unwrap()),
                    None,
                ),
                "format" => (
                    rule == "date-time" && value.as_str().is_none_or(is_date_time),
                    None,
                ),
                "minLength" | "maxLength" => {
                    let limit = rule.as_u64().unwrap();
                    let length = value.as_str().map(|text| text.chars().count() as u64);
                    let holds = |length| match keyword.as_str() {
                        "minLength" => length >= limit,
                        _ => length <= limit,
                    };
                    (length.is_none_or(holds), None)
                }
                "items" => {
                    let mut items = value.as_array().into_iter().flatten();
                    let faults = items.find_map(|item| fault(rule, item, &format!("{at}/item")));
                    (faults.is_none(), faults)
                }
                "required" => {
                    let keys = rule.as_array().unwrap();
                    (
                        object.is_none_or(|fields| {
                            keys.iter()
                                .all(|key| fields.contains_key(key.as_str().unwrap()))
                        }),
                        None,
                    )
                }
                "additionalProperties" => {
                    let known = schema["properties"].as_object().unwrap_or(&none);
                    let mut others = object.into_iter().flatten();
                    let faults = others.find_map(|(key, value)| match known.contains_key(key) {
                        true => None,
                        false => fault(rule, value, &format!("{at}/{key}")),
                    });
                    (faults.is_none(), faults)
                }
                "properties" => {
                    let faults = rule.as_object().unwrap().iter().find_map(|(key, rule)| {
                        fault(rule, object?.get(key)?, &format!("{at}/{key}"))
                    });
                    (faults.is_none(), faults)
                }
                "oneOf" => {
                    let holding = rule
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|rule| fault(rule, value, at).is_none());
                    (holding.count() == 1, None)
                }
                other => panic!("this validator does not know {other:?}"),
            };
            (!holds).then(|| {
                inner.unwrap_or_else(|| format!("{at}: {keyword} {rule} does not hold for {value}"))
            })
        })
}

/// The names of a `type`, which may be one or a list.
pub(super) fn one_or_more(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.as_array()
        .map_or(std::slice::from_ref(rule), Vec::as_slice)
        .iter()
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}

fn is_date_time(text: &str) -> bool {
    text.ends_with('Z') && humantime::parse_rfc3339(text).is_ok()
}
