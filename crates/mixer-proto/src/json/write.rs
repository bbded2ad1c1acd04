//! Writing values as `json.dumps` does: ASCII, `", "` and `": "`, shortest floats.

use std::fmt::{self, Write};

use super::{Integer, Json, Text};

/// Writes the value as `json.dumps` would.
// req: MIX-JSON-2, MIX-INV-5
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, self)
    }
}

pub(crate) fn write_value(out: &mut impl Write, value: &Json) -> fmt::Result {
    match value {
        Json::Null => out.write_str("null"),
        Json::Bool(true) => out.write_str("true"),
        Json::Bool(false) => out.write_str("false"),
        Json::Int(Integer::Small(number)) => write!(out, "{number}"),
        Json::Int(Integer::Big(digits)) => out.write_str(digits),
        Json::Float(number) => write_float(out, *number),
        Json::Text(text) => write_text(out, text),
        Json::Array(items) => {
            out.write_char('[')?;
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.write_str(", ")?;
                }
                write_value(out, item)?;
            }
            out.write_char(']')
        }
        Json::Object(object) => {
            out.write_char('{')?;
            for (at, (key, value)) in object.iter().enumerate() {
                if at > 0 {
                    out.write_str(", ")?;
                }
                write_text(out, key)?;
                out.write_str(": ")?;
                write_value(out, value)?;
            }
            out.write_char('}')
        }
    }
}

pub(crate) fn write_text(out: &mut impl Write, text: &Text) -> fmt::Result {
    out.write_char('"')?;
    for point in text.code_points() {
        match char::from_u32(point) {
            Some('"') => out.write_str("\\\"")?,
            Some('\\') => out.write_str("\\\\")?,
            Some('\n') => out.write_str("\\n")?,
            Some('\r') => out.write_str("\\r")?,
            Some('\t') => out.write_str("\\t")?,
            Some('\u{8}') => out.write_str("\\b")?,
            Some('\u{c}') => out.write_str("\\f")?,
            Some(plain @ ' '..='~') => out.write_char(plain)?,
            Some(other) => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            None => write!(out, "\\u{point:04x}")?,
        }
    }
    out.write_char('"')
}

/// Python's `repr`: the shortest digits that read back as the same float, with an exponent below 1e-4 and from 1e16 on.
fn write_float(out: &mut impl Write, number: f64) -> fmt::Result {
    if number.is_nan() {
        return out.write_str("NaN");
    }
    if number.is_infinite() {
        return out.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return write!(out, "{number:?}");
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    write!(out, "{digits}e{sign}{exponent:0>2}")
}
