//! What is said of a product in one case.

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The product does what the sentence asks.
    Pass,
    /// It does not, and the sentence binds.
    Fail,
    /// It does something else that the specification's own examples show, that every known product reads, or that no sentence forbids.
    Tolerated,
    /// It has nothing that the case could look at.
    NotOffered,
    /// The case needs a consent that the operator did not give, so nothing was tried.
    NotAsked,
}

impl Verdict {
    /// All of them, in the order of [`Report::count`](crate::Report::count).
    pub const ALL: [Self; 5] = [Self::Pass, Self::Fail, Self::Tolerated, Self::NotOffered, Self::NotAsked];

    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Tolerated => "tolerated",
            Self::NotOffered => "not-offered",
            Self::NotAsked => "not-asked",
        }
    }
}

/// A verdict with its reason, as a probe gives it.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    pub(crate) words: String,
}

/// What a probe comes to. Steps on the way give their own finding as the error, which ends the probe.
pub(crate) type Outcome<T = ()> = Result<T, Finding>;

pub(crate) fn fail<T>(words: impl Into<String>) -> Outcome<T> {
    Err(Finding { verdict: Verdict::Fail, words: words.into() })
}

pub(crate) fn tolerated<T>(words: impl Into<String>) -> Outcome<T> {
    Err(Finding { verdict: Verdict::Tolerated, words: words.into() })
}

pub(crate) fn not_offered<T>(words: impl Into<String>) -> Outcome<T> {
    Err(Finding { verdict: Verdict::NotOffered, words: words.into() })
}
