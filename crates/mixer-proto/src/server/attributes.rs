//! Attributes of a client or a room with the version at which each last changed.

use std::fmt::{self, Write};

use crate::json::{Json, Object, Text, write_text, write_value};

/// Custom attributes: shallow, whole values replaced, no key ever removed.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    object: Object,
    /// Version and written bytes of each key, in the object's order.
    marks: Vec<(u64, usize)>,
    bytes: usize,
}

/// The attributes would take more bytes than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyBytes {
    pub(super) bytes: usize,
    pub(super) allowed: usize,
}

impl Attributes {
    /// Takes over what differs. Whether something did. On error nothing is changed.
    // req: MIX-LIMIT-1
    pub(super) fn update(
        &mut self,
        changes: Object,
        version: u64,
        allowed: usize,
    ) -> Result<bool, TooManyBytes> {
        let mut changed = Vec::new();
        let mut bytes = self.bytes;
        for (key, value) in changes {
            let place = self.object.position(&key);
            let known = place.and_then(|at| self.object.iter().nth(at)).map(|(_, value)| value);
            if known.is_some_and(|known| known.python_eq(&value)) {
                continue;
            }
            let size = kept_bytes(&key, &value);
            bytes += size;
            bytes -= place.and_then(|at| self.marks.get(at)).map_or(0, |(_, size)| *size);
            changed.push((key, value, size));
        }
        if bytes > allowed {
            return Err(TooManyBytes { bytes, allowed });
        }
        self.bytes = bytes;
        let any = !changed.is_empty();
        for (key, value, size) in changed {
            let at = self.object.insert(key, value);
            match self.marks.get_mut(at) {
                Some(mark) => *mark = (version, size),
                None => self.marks.push((version, size)),
            }
        }
        self.object.shrink();
        self.marks.shrink_to_fit();
        Ok(any)
    }

    /// What all of them count.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&self, key: &str) -> Option<&Json> {
        self.object.find(key)
    }

    /// Keys and values that changed after `since`.
    pub(super) fn changed_since(&self, since: u64) -> impl Iterator<Item = (&Text, &Json)> {
        self.object
            .iter()
            .zip(&self.marks)
            .filter(move |(_, (version, _))| *version > since)
            .map(|((key, value), _)| (key, value))
    }
}

/// Writes one object of Python's text style, key by key. Writing to a `String` cannot fail.
#[derive(Debug, Default)]
pub(super) struct ObjectWriter {
    pub(super) text: String,
    started: bool,
}

impl ObjectWriter {
    pub(super) fn start() -> Self {
        Self { text: String::from("{"), started: false }
    }

    pub(super) fn key(&mut self, key: &Text) {
        if self.started {
            self.text.push_str(", ");
        }
        self.started = true;
        let _ = write_text(&mut self.text, key);
        self.text.push_str(": ");
    }

    pub(super) fn value(&mut self, key: &Text, value: &Json) {
        self.key(key);
        let _ = write_value(&mut self.text, value);
    }

    pub(super) fn field(&mut self, key: &str, value: &Json) {
        self.value(&Text::from(key), value);
    }

    /// Begins an object as the value of `key`.
    pub(super) fn open(&mut self, key: &str) {
        self.key(&Text::from(key));
        self.text.push('{');
        self.started = false;
    }

    pub(super) fn close(&mut self) {
        self.text.push('}');
        self.started = true;
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// What an attribute counts: its JSON text, and what its keys and values take in memory besides, which is many times the text of a list of small numbers.
// req: MIX-LIMIT-10
pub(super) fn kept_bytes(key: &Text, value: &Json) -> usize {
    let mut counter = Counter(SEPARATORS);
    let _ = write_text(&mut counter, key);
    let _ = write_value(&mut counter, value);
    counter.0 + KEY + value_bytes(value)
}

/// Values are parsed, so how deep they are is bounded.
fn value_bytes(value: &Json) -> usize {
    VALUE
        + match value {
            Json::Array(items) => items.iter().map(value_bytes).sum(),
            Json::Object(object) => object.iter().map(|(_, value)| KEY + value_bytes(value)).sum(),
            _ => 0,
        }
}

struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 += part.len();
        Ok(())
    }
}

const SEPARATORS: usize = 4;
/// What a value takes besides its text.
const VALUE: usize = 64;
/// What a key takes besides: its place, its part of an index, and when it was changed.
const KEY: usize = 128;

#[cfg(test)]
mod tests {
    use super::{Attributes, TooManyBytes};
    use crate::json::{Json, Object};

    fn object(text: &str) -> Object {
        Json::parse(text).unwrap().as_object().unwrap().clone()
    }

    // proves: MIX-JSON-4
    #[test]
    fn only_what_differs_in_pythons_sense_is_a_change() {
        let mut attributes = Attributes::default();
        assert_eq!(attributes.update(object(r#"{"a": 1, "b": [1.0]}"#), 1, 1000), Ok(true));
        assert_eq!(attributes.update(object(r#"{"a": 1.0, "b": [true]}"#), 2, 1000), Ok(false));
        assert_eq!(attributes.update(object(r#"{"b": [2], "c": 0}"#), 3, 1000), Ok(true));
        let changed: Vec<String> = attributes.changed_since(1).map(|(key, _)| key.to_string()).collect();
        assert_eq!(changed, ["b", "c"]);
    }

    // proves: MIX-LIMIT-1
    #[test]
    fn attributes_at_the_limit_pass_and_one_byte_more_changes_nothing() {
        let mut attributes = Attributes::default();
        // 12 bytes of text, and a key and a value.
        let allowed = 12 + 192;
        assert_eq!(attributes.update(object(r#"{"a": "123"}"#), 1, allowed), Ok(true));
        assert_eq!(
            attributes.update(object(r#"{"a": "1234"}"#), 2, allowed),
            Err(TooManyBytes { bytes: allowed + 1, allowed })
        );
        assert_eq!(attributes.find("a"), Some(&Json::from("123")));
        assert_eq!(attributes.update(object(r#"{"a": "456"}"#), 3, allowed), Ok(true));
        // Each further value counts, and each further key.
        for (text, bytes) in
            [("[1]", 10 + 192 + 64), ("{\"\": 0}", 14 + 192 + 192), ("[[], {}]", 15 + 192 + 128)]
        {
            let update =
                |allowed| Attributes::default().update(object(&format!("{{\"a\": {text}}}")), 1, allowed);
            assert_eq!(update(bytes), Ok(true), "{text}");
            assert_eq!(update(bytes - 1), Err(TooManyBytes { bytes, allowed: bytes - 1 }));
        }
    }
}
