//! The application's answer to "your current state".

use std::path::PathBuf;

use mvrx_message::MvrVersion;

/// Makes a file of the application's current state when another station asks for it without naming a file (Table 74). The file is then
/// committed to everybody else as well.
///
/// `export` runs on a thread of its own and may take its time; the asker waits for up to a minute (its own patience may be shorter).
pub trait Exporter: Send + Sync + 'static {
    /// Writes a fresh .mvr and says where it lies. It is copied at once and not touched afterwards.
    ///
    /// # Errors
    /// A reason in words, for the log; the asker then gets the newest commit instead, or a refusal.
    fn export(&self) -> Result<CommitDraft, String>;
}

/// A file that is to be committed, and what is said about it.
#[derive(Debug, Clone)]
pub struct CommitDraft {
    pub(crate) path: PathBuf,
    pub(crate) comment: String,
    pub(crate) file_name: Option<String>,
    pub(crate) for_stations: Vec<mvrx_message::StationUuid>,
    pub(crate) version: Option<MvrVersion>,
    pub(crate) any_file: bool,
}

impl CommitDraft {
    /// A file on disk, for everybody, without a comment. It is copied (or reflinked) when it is committed: later edits change nothing.
    #[must_use]
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            comment: String::new(),
            file_name: None,
            for_stations: Vec::new(),
            version: None,
            any_file: false,
        }
    }

    /// What changed, for people. Longer texts are cut at 1,000 bytes on the wire.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = comment.into();
        self
    }

    /// The name that receivers may store it under; without one, the file's own.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Only for these stations; nobody else is told of it or given it.
    #[must_use]
    pub fn for_stations(mut self, stations: impl IntoIterator<Item = mvrx_message::StationUuid>) -> Self {
        self.for_stations = stations.into_iter().collect();
        self
    }

    /// Commits it also if it is no whole zip archive.
    #[must_use]
    pub fn any_file(mut self, any: bool) -> Self {
        self.any_file = any;
        self
    }

    /// The MVR version of the file; without it, that of the file's root element where it can be read, 1.6 else.
    #[must_use]
    pub fn version(mut self, version: MvrVersion) -> Self {
        self.version = Some(version);
        self
    }
}
