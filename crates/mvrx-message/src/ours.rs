//! [`Ours`]: the mark by which our own stations know each other, the version of the `mvrx` object.
//!
//! The object is one additional key, `"mvrx"`, in JOIN, JOIN_RET and COMMIT. Other products ignore it, and nothing of the
//! specification depends on it. It only ever grows: a reader ignores what it does not know, so that its version tells what a peer
//! can do and never forbids reading.
//!
//! | in | key | meaning |
//! |---|---|---|
//! | all | `v` | [`Ours::version`] |
//! | COMMIT | `blake3` | the file's BLAKE3, 64 hexadecimal digits |
//! | all | `mvr` | the MVR version where it is not the 1.6 that must be written, as `"1.5"` |

/// The mark of our own stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Ours {
    /// The version of what the peer adds to the protocol.
    pub version: u32,
}

impl Ours {
    /// What this edition of the crate writes.
    pub const CURRENT: Self = Self { version: 1 };
}

impl Default for Ours {
    fn default() -> Self {
        Self::CURRENT
    }
}
