//! What a JOIN says to show that its station knows the session's password: the `Password` that issue 258 and pull request 264 of the
//! specification propose.

use std::fmt;

/// A JOIN's `Password`, as it was written; which text is the right one is its host's matter. It is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinPassword(String);

impl JoinPassword {
    /// The longest text that is kept, in bytes; a longer one is cut, and is nobody's.
    pub const BYTES: usize = 128;

    /// The text of a JOIN.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(crate::file_name::cut(text, Self::BYTES).to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinPassword(..)")
    }
}
