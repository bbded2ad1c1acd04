//! Turns Mixer's JSON text into ordered values and back, as Python's `json` module would.
//!
//! Mixer peers are Python programs: what they emit and accept is Python's dialect, not RFC 8259. `NaN`, `Infinity` and
//! `-Infinity` are numbers, integers have any length, a string may hold half a surrogate pair, an object keeps the order in
//! which its keys came and the last of two equal keys wins in the place of the first. Text is written in ASCII with `", "`
//! and `": "`, because one existing client parses with regular expressions that want the blank.
//!
//! It deliberately knows nothing of attributes, rooms or clients.
//!
//! - What protects it: [`MAX_DEPTH`] bounds nesting, [`MAX_INTEGER_DIGITS`] the length of an integer (Python's own bound); the
//!   size of a text is bounded by the frame that carries it.
//! - Two values are compared with [`Json::python_eq`], never with `==`, where the protocol asks "has it changed?".
//!
//! ```
//! use mixer_proto::json::Json;
//! let value = Json::parse(r#"{"b":NaN,"a":[1,2.0]}"#).unwrap();
//! assert_eq!(value.to_string(), r#"{"b": NaN, "a": [1, 2.0]}"#);
//! ```

mod compare;
mod parse;
mod text;
mod value;
mod write;

pub use parse::ParseJsonError;
pub use text::Text;
pub use value::{Integer, Json, Object};
pub(crate) use write::{write_text, write_value};

/// The deepest nesting of arrays and objects that is accepted.
pub const MAX_DEPTH: usize = 128;
/// The most digits an integer may have; Python refuses longer ones too.
pub const MAX_INTEGER_DIGITS: usize = 4300;

#[cfg(test)]
mod tests;
