//! Equality as Python sees it, which decides whether an attribute has changed.

use super::{Integer, Json, Object};

impl Json {
    /// Whether Python's `==` would hold between the two values, each freshly read by `json.loads`.
    ///
    /// `1`, `1.0` and `True` are equal; objects are equal whatever the order of their keys. `NaN` differs from itself, but two
    /// *containers* that hold it at the same place are equal, because Python's reader yields one NaN object for all and containers look at
    /// identity first.
    // req: MIX-JSON-4
    pub fn python_eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Array(one), Self::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same_or_equal(one, two))
            }
            (Self::Object(one), Self::Object(two)) => objects_equal(one, two),
            _ => numbers_equal(self, other),
        }
    }
}

fn same_or_equal(one: &Json, two: &Json) -> bool {
    let both_nan = matches!((one, two), (Json::Float(one), Json::Float(two)) if one.is_nan() && two.is_nan());
    both_nan || one.python_eq(two)
}

fn objects_equal(one: &Object, two: &Object) -> bool {
    one.len() == two.len()
        && one.iter().enumerate().all(|(at, (key, value))| {
            // Most updates keep the order, so look at the same place before searching.
            match two.iter().nth(at) {
                Some((same, other)) if same == key => same_or_equal(value, other),
                _ => two
                    .position(key)
                    .and_then(|at| two.iter().nth(at))
                    .is_some_and(|(_, other)| same_or_equal(value, other)),
            }
        })
}

fn numbers_equal(one: &Json, two: &Json) -> bool {
    match (number(one), number(two)) {
        (Some(Number::Int(one)), Some(Number::Int(two))) => one == two,
        (Some(Number::Float(one)), Some(Number::Float(two))) => one == two,
        (Some(Number::Int(int)), Some(Number::Float(float)))
        | (Some(Number::Float(float)), Some(Number::Int(int))) => integer_equals_float(&int, float),
        _ => false,
    }
}

enum Number {
    Int(Integer),
    Float(f64),
}

fn number(value: &Json) -> Option<Number> {
    match value {
        Json::Bool(value) => Some(Number::Int(Integer::Small(i64::from(*value)))),
        Json::Int(int) => Some(Number::Int(int.clone())),
        Json::Float(float) => Some(Number::Float(*float)),
        _ => None,
    }
}

/// Python compares exactly, without rounding the integer to a float.
fn integer_equals_float(int: &Integer, float: f64) -> bool {
    if !float.is_finite() || float.fract() != 0.0 {
        return false;
    }
    // Rust writes the exact decimal value of an integral float.
    let float = if float == 0.0 { "0".to_owned() } else { format!("{float:.0}") };
    match int {
        Integer::Small(number) => number.to_string() == float,
        Integer::Big(digits) => **digits == *float,
    }
}
