//! The ordered value type.

use std::collections::HashMap;

use super::Text;

/// A JSON value in Python's sense.
///
/// `==` compares the written form of things: `1` and `1.0` differ. [`Json::python_eq`] compares as Python does.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`, Python's `None`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent, of any length.
    Int(Integer),
    /// A number with fraction or exponent, `NaN`, `Infinity` or `-Infinity`.
    Float(f64),
    /// A string, lone surrogates included.
    Text(Text),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order its keys came.
    Object(Object),
}

impl Json {
    /// The object, when it is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The string as UTF-8, when it is one and holds no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_str(),
            _ => None,
        }
    }

    /// The integer, when it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(Integer::Small(number)) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements, when it is an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Int(Integer::Small(value))
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Int(Integer::from(value))
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::Text(Text::from(value))
    }
}

impl From<Text> for Json {
    fn from(value: Text) -> Self {
        Self::Text(value)
    }
}

impl From<Object> for Json {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}

impl From<Vec<Json>> for Json {
    fn from(value: Vec<Json>) -> Self {
        Self::Array(value)
    }
}

/// An integer of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integer {
    /// One that fits into 64 bits.
    Small(i64),
    /// One that does not: its decimal digits, with a leading `-` when negative, without leading zeros.
    Big(Box<str>),
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Big(value.to_string().into()), Self::Small)
    }
}

/// An object that keeps the order in which keys first came.
#[derive(Clone, Default)]
pub struct Object {
    entries: Vec<(Text, Json)>,
    /// Positions by key, kept only above [`INDEXED_FROM`] entries: small objects are the rule, long ones must not be quadratic.
    #[allow(clippy::box_collection)] // it would make every value twice as large
    index: Option<Box<HashMap<Text, usize>>>,
}

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn find(&self, key: &str) -> Option<&Json> {
        self.position(&Text::from(key)).and_then(|at| self.entries.get(at)).map(|(_, value)| value)
    }

    /// Sets a key: a known one keeps its place, a new one comes last. Returns the place.
    pub fn insert(&mut self, key: Text, value: Json) -> usize {
        if let Some(at) = self.position(&key) {
            if let Some(entry) = self.entries.get_mut(at) {
                entry.1 = value;
            }
            return at;
        }
        let at = self.entries.len();
        self.entries.push((key, value));
        match (&mut self.index, self.entries.last()) {
            (Some(index), Some((key, _))) => drop(index.insert(key.clone(), at)),
            _ => self.build_index(),
        }
        at
    }

    fn build_index(&mut self) {
        let keys = || self.entries.iter().enumerate().map(|(at, (key, _))| (key.clone(), at));
        self.index = (self.entries.len() > INDEXED_FROM).then(|| Box::new(keys().collect()));
    }

    /// Gives back memory that was set aside for more.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Takes a key out; those behind it move up.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let at = self.position(&Text::from(key))?;
        let (_, value) = self.entries.remove(at);
        self.build_index();
        Some(value)
    }

    /// The value of a key, to be changed.
    pub fn find_mut(&mut self, key: &Text) -> Option<&mut Json> {
        let at = self.position(key)?;
        self.entries.get_mut(at).map(|(_, value)| value)
    }

    /// The place of a key, counted from the first.
    pub fn position(&self, key: &Text) -> Option<usize> {
        if let Some(index) = &self.index {
            return index.get(key).copied();
        }
        self.entries.iter().position(|(known, _)| known == key)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Json)> {
        self.entries.iter()
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(key, value)| (key, value))).finish()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = &'a (Text, Json);
    type IntoIter = std::slice::Iter<'a, (Text, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = (Text, Json);
    type IntoIter = std::vec::IntoIter<(Text, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl FromIterator<(Text, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Text, Json)>>(pairs: I) -> Self {
        let mut object = Self::new();
        for (key, value) in pairs {
            object.insert(key, value);
        }
        object
    }
}

const INDEXED_FROM: usize = 12;
