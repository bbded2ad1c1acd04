//! What making and reading recipes may spend.

/// Upper bounds; see each field for its unit and default.
///
/// Memory while a recipe is made is at most sixteen times [`window_bytes`](Self::window_bytes) and 2 MiB, for files of nothing but small
/// changes; usually it is what differs, eight times. While it is carried out it is at most ten times the window that it was made with where
/// deflated members are packed again, and four times elsewhere. Beside that there are the directories of two archives (see
/// [`mvrx_file::Limits`]) and 100 bytes for each [stretch](Self::stretches). None of that depends on how long the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that are compared at a time, of each of the two files (8 MiB; at least 1 KiB and at most 1 GiB are taken). What differs in
    /// longer stretches than half of this is first looked through for long common stretches, and then compared in windows.
    pub window_bytes: usize,
    /// The largest window of a recipe that is carried out (64 MiB).
    pub allowed_window_bytes: usize,
    /// The longest file that a recipe may give (1 TiB).
    pub file_bytes: u64,
    /// The longest recipe worth having, in thousandths of the file's length (750).
    pub worth_permille: u32,
    /// Stretches of a recipe that are held at a time (65,536): a part ends when it has as many.
    pub stretches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window_bytes: 8 << 20,
            allowed_window_bytes: 64 << 20,
            file_bytes: 1 << 40,
            worth_permille: 750,
            stretches: 65_536,
        }
    }
}

impl Limits {
    /// The window that is used.
    // req: HISTORY-MEMORY
    pub(crate) fn window(&self) -> usize {
        self.window_bytes.clamp(1 << 10, 1 << 30)
    }
}
