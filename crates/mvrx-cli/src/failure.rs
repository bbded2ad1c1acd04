//! Why a command failed: words for a person, a number for a script.

use std::process::ExitCode;

use serde_json::json;

use crate::show;

/// What a command that judges found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing to report: exit code 0.
    Fine,
    /// Errors, or a difference: exit code 1.
    Findings,
}

/// A failure with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    words: String,
    /// A JSON document that tells of it is written already.
    told: bool,
}

/// This machine: a disk, a port, a directory in use.
const LOCAL: u8 = 1;
/// The command was not used rightly.
const USAGE: u8 = 2;
/// The file is missing, empty, unreadable, or no whole zip archive.
const BAD_FILE: u8 = 3;
/// A peer or the network.
const PEER: u8 = 4;
/// Nobody is there, or nobody has it.
const NOBODY: u8 = 5;
/// This machine, where 1 means findings or a difference.
const LOCAL_BESIDE_VERDICT: u8 = 70;
/// A signal ended it, as shells count: 128 and the signal's number.
const SIGNALLED: u8 = 128;

impl Failure {
    pub(crate) fn local(words: impl Into<String>) -> Self {
        Self::new(LOCAL, words)
    }

    pub(crate) fn usage(words: impl Into<String>) -> Self {
        Self::new(USAGE, words)
    }

    pub(crate) fn bad_file(words: impl Into<String>) -> Self {
        Self::new(BAD_FILE, words)
    }

    pub(crate) fn peer(words: impl Into<String>) -> Self {
        Self::new(PEER, words)
    }

    pub(crate) fn nobody(words: impl Into<String>) -> Self {
        Self::new(NOBODY, words)
    }

    /// The user or the system ended the command before it was done.
    pub(crate) fn stopped(signal: u8) -> Self {
        Self::new(SIGNALLED.saturating_add(signal), "stopped")
    }

    fn new(code: u8, words: impl Into<String>) -> Self {
        Self { code, words: words.into(), told: false }
    }

    /// For a command whose exit code 1 is a verdict: no failure may be taken for it.
    pub(crate) fn beside_verdict(self) -> Self {
        let code = if self.code == LOCAL { LOCAL_BESIDE_VERDICT } else { self.code };
        Self { code, ..self }
    }

    /// For a command that has written its JSON document already.
    pub(crate) fn after_document(self) -> Self {
        Self { told: true, ..self }
    }

    /// Whether it may be another matter a moment later: somebody has to come first.
    pub(crate) fn is_nobody(&self) -> bool {
        self.code == NOBODY
    }

    /// Whether the command has to be given otherwise.
    pub(crate) fn is_usage(&self) -> bool {
        self.code == USAGE
    }

    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Says it on standard error, and to programs on standard output too.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json && !self.told {
            show::document(&json!({
                "schema": show::SCHEMA, "event": "error", "error": self.words, "exit_code": self.code,
            }));
        }
        show::note(&format!("mvrx: {}", self.words));
        ExitCode::from(self.code)
    }
}

impl From<mvrx_station::Stopped> for Failure {
    fn from(stopped: mvrx_station::Stopped) -> Self {
        Self::local(stopped.to_string())
    }
}

impl From<mvrx_node::share::ShareError> for Failure {
    fn from(error: mvrx_node::share::ShareError) -> Self {
        match error {
            mvrx_node::share::ShareError::File { .. } => Self::bad_file(error.to_string()),
            _ => Self::local(error.to_string()),
        }
    }
}

impl From<mvrx_node::node::NodeError> for Failure {
    fn from(error: mvrx_node::node::NodeError) -> Self {
        Self::local(error.to_string())
    }
}
