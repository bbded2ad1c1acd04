//! Turns Mixer's JSON, which is Python's, into JSON that every program reads.
//!
//! What only Python knows is told as a string: NaN, the infinities, integers beyond 64 bits. A lone surrogate becomes replacement characters.

use mixer::{Integer, Json, Object, RoomInfo};
use serde_json::{Map, Number, Value};

/// A value.
#[must_use]
pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Int(Integer::Small(number)) => Value::from(*number),
        Json::Int(Integer::Big(digits)) => {
            digits.parse::<u64>().map_or_else(|_| Value::from(digits.as_ref()), Value::from)
        }
        Json::Float(number) => {
            Number::from_f64(*number).map_or_else(|| Value::from(json.to_string()), Value::Number)
        }
        Json::Text(text) => Value::from(text.to_string()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(fields) => object(fields),
    }
}

/// Attributes.
#[must_use]
pub fn object(fields: &Object) -> Value {
    Value::Object(fields.iter().map(|(key, field)| (key.to_string(), value(field))).collect::<Map<_, _>>())
}

/// A room: its attributes, and its name, which the reference does not list among them.
#[must_use]
pub fn room(room: &RoomInfo) -> Value {
    let mut attributes = object(&room.attributes);
    if let Some(fields) = attributes.as_object_mut() {
        fields.insert("name".to_owned(), room.name.as_str().into());
    }
    attributes
}

#[cfg(test)]
mod tests {
    use mixer::Json;

    use super::value;

    #[test]
    fn what_only_python_knows_is_a_string() {
        let json = r#"{"a": [NaN, -Infinity, 1.5, 1e400, 18446744073709551615, 99999999999999999999, null, true], "b\ud800": "x"}"#;
        assert_eq!(
            value(&Json::parse(json).unwrap()).to_string(),
            r#"{"a":["NaN","-Infinity",1.5,"Infinity",18446744073709551615,"99999999999999999999",null,true],"b���":"x"}"#
        );
    }
}
