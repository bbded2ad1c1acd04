//! Why a command failed: words for a person, a number for a script.

use std::process::ExitCode;

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
    kind: Kind,
    words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// This machine: a disk, a port, a directory in use. The same number as findings of `check` and `diff`, which never fail so.
    Local = 1,
    /// The command was not used rightly.
    Usage = 2,
    /// The file is missing or no .mvr.
    BadFile = 3,
    /// A peer or the network.
    Peer = 4,
    /// Nobody is there, or nobody has it.
    Nobody = 5,
}

impl Failure {
    pub(crate) fn local(words: impl Into<String>) -> Self {
        Self { kind: Kind::Local, words: words.into() }
    }

    pub(crate) fn usage(words: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, words: words.into() }
    }

    pub(crate) fn bad_file(words: impl Into<String>) -> Self {
        Self { kind: Kind::BadFile, words: words.into() }
    }

    pub(crate) fn peer(words: impl Into<String>) -> Self {
        Self { kind: Kind::Peer, words: words.into() }
    }

    pub(crate) fn nobody(words: impl Into<String>) -> Self {
        Self { kind: Kind::Nobody, words: words.into() }
    }

    /// Says it on standard error.
    #[allow(clippy::print_stderr, reason = "this is the place that complains")]
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("mvrx: {}", self.words);
        ExitCode::from(self.kind as u8)
    }
}

impl From<mvrx_station::Stopped> for Failure {
    fn from(stopped: mvrx_station::Stopped) -> Self {
        Self::local(stopped.to_string())
    }
}
