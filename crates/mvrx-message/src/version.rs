//! [`MvrVersion`]: the version of the MVR file format, the `verMajor` and `verMinor` of Tables 68, 69 and 72.

use std::fmt;

/// A version of the MVR file format. `0.0` means that a station does not say; several products send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MvrVersion {
    /// `verMajor`.
    pub major: u32,
    /// `verMinor`.
    pub minor: u32,
}

impl MvrVersion {
    /// 1.6, the version that every known product reads in a message.
    pub const CURRENT: Self = Self { major: 1, minor: 6 };
}

impl fmt::Display for MvrVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
