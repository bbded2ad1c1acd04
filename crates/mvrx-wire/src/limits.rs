//! What a peer may ask of one connection's decoder.

/// How much one connection may claim. Checked on the header, before any payload is waited for.
///
/// The limits are inclusive: a message of exactly `json_bytes` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one JSON message, all its packages together. Also the most a decoder, or the caller's read buffer,
    /// ever has to hold besides a header. Default 1 MiB.
    pub json_bytes: usize,
    /// Bytes of one file, all its packages together. Default 16 GiB.
    pub file_bytes: u64,
    /// Packages of one message. Bounds how long a peer can keep a message open with empty packages. Default 65,536; 0 means 1.
    pub packages_per_message: u32,
    /// Refuse every package version but 1. Default off: a product in wide use sends uninitialised memory there.
    pub strict_version: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1 << 20,
            file_bytes: 16 << 30,
            packages_per_message: 1 << 16,
            strict_version: false,
        }
    }
}
