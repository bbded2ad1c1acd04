//! Runs the table of cases against a product.
// req: CNF-01, CNF-05

use std::fmt;
use std::time::Duration;

use crate::case::{Case, Consent, Probe, Subject, cases};
use crate::discover::Announced;
use crate::mixer;
use crate::mvr;
use crate::report::{Judged, Report};
use crate::target::Target;
use crate::transcript::Transcript;
use crate::verdict::{Finding, Outcome, Verdict, not_offered};
use crate::visit::{Identities, Visit};
use crate::wire::Wire;

/// How a product is judged.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long any one answer may take; 5 s by default.
    pub wait: Duration,
    /// How long nothing has to come where nothing may come; 500 ms by default.
    pub quiet: Duration,
    /// What the operator consents to; nothing by default.
    pub consent: Vec<Consent>,
    /// Only the cases whose id contains one of these; all where there are none.
    pub only: Vec<String>,
    /// What is read at most.
    pub limits: Limits,
}

/// What is read of a product at most, so that a broken one cannot fill the judge's memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one message; 4 MiB by default. A longer one is a failure.
    pub message: usize,
    /// Bytes of one file; 64 MiB by default. A larger one is not fetched.
    pub file: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 4 << 20, file: 64 << 20 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(5),
            quiet: Duration::from_millis(500),
            consent: Vec::new(),
            only: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Why nothing could be judged.
#[derive(Debug)]
#[non_exhaustive]
pub enum JudgeError {
    /// Nobody answers at the address.
    Unreachable {
        /// What the system says.
        reason: String,
    },
    /// The system gives no random numbers.
    NoRandomness {
        /// What the system says.
        reason: String,
    },
}

impl fmt::Display for JudgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { reason } => write!(f, "nothing can be judged there: {reason}"),
            Self::NoRandomness { reason } => write!(f, "the system gives no random numbers: {reason}"),
        }
    }
}

impl std::error::Error for JudgeError {}

/// A product and how it is to be judged.
#[derive(Debug)]
pub struct Judge {
    target: Target,
    options: Options,
    announced: Option<Announced>,
}

impl Judge {
    /// Nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(target: Target, options: Options) -> Self {
        Self { target, options, announced: None }
    }

    /// A station that discovery found, by what it announces as well; none where it announces no address.
    #[must_use]
    pub fn of_announced(announced: Announced, options: Options) -> Option<Self> {
        let host = announced.addresses.first()?.to_string();
        let target = Target::Tcp { host, port: announced.port };
        Some(Self { target, options, announced: Some(announced) })
    }

    /// The cases that will be tried or, for want of consent, told as not asked.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        let only = &self.options.only;
        let mut all = Vec::new();
        if self.announced.is_some() {
            all.extend(cases(Subject::Announced));
        }
        all.extend(cases(Subject::of(&self.target)));
        let mut cases = all;
        cases.retain(|case| only.is_empty() || only.iter().any(|part| case.id.contains(part.as_str())));
        cases
    }

    /// What is about to happen to the product, in words for its operator.
    #[must_use]
    pub fn announcement(&self) -> String {
        let cases = self.cases();
        let asked = cases.iter().filter(|case| self.missing(case).is_empty()).count();
        let (does, rough) = match self.target {
            Target::Mixer { .. } => (mixer::DOES, mixer::ROUGH),
            _ => (mvr::DOES, mvr::ROUGH),
        };
        let mut words = format!("{asked} of {} cases at {}. {does}", cases.len(), self.target);
        for (consent, with, without) in [
            (Consent::Commits, mvr::COMMITS, "It commits nothing"),
            (Consent::Rough, rough, "It sends nothing broken"),
            (Consent::Moves, mvr::MOVES, "It proposes no move"),
        ] {
            if cases.iter().any(|case| case.needs.contains(&consent)) {
                words.push(' ');
                if self.options.consent.contains(&consent) {
                    words.push_str(with);
                } else {
                    words.push_str(&format!("{without} ({} would).", consent.option()));
                }
            }
        }
        words
    }

    /// Tries every case; `told` is called with each finding as it is made. Ends after at most a few [`Options::wait`] for each case.
    ///
    /// # Errors
    /// [`JudgeError::Unreachable`] where no connection can be made at all before the first case.
    pub fn run(&self, told: &mut dyn FnMut(&Judged)) -> Result<Report, JudgeError> {
        let unreachable = |reason: String| JudgeError::Unreachable { reason };
        let addresses = self.target.addresses().map_err(|error| unreachable(error.to_string()))?;
        drop(Wire::connect(&addresses, self.options.wait).map_err(unreachable)?);
        let ids =
            Identities::new().map_err(|error| JudgeError::NoRandomness { reason: error.to_string() })?;
        let mut judged = Vec::new();
        for case in self.cases() {
            let finding = self.judge(case, &ids);
            told(&finding);
            judged.push(finding);
        }
        let last = self.visit(&ids, Transcript::default());
        match self.target {
            Target::Mixer { .. } => mixer::farewell(&last),
            _ => mvr::farewell(&last),
        }
        Ok(Report::new(self.target.to_string(), Subject::of(&self.target), judged))
    }

    fn judge(&self, case: Case, ids: &Identities) -> Judged {
        let missing = self.missing(&case);
        if !missing.is_empty() {
            let words = format!("needs {}", missing.join(" and "));
            return Judged { case, verdict: Verdict::NotAsked, words, seen: Vec::new() };
        }
        let transcript = Transcript::default();
        let mut visit = self.visit(ids, transcript.clone());
        let Finding { verdict, words } = match ask(&case, &mut visit) {
            Ok(()) => Finding { verdict: Verdict::Pass, words: String::new() },
            Err(finding) => finding,
        };
        // Only what the specification demands can fail.
        let binds = case.binding == crate::Binding::Must;
        let verdict = if verdict == Verdict::Fail && !binds { Verdict::Tolerated } else { verdict };
        let seen = if verdict == Verdict::Pass { Vec::new() } else { transcript.take() };
        Judged { case, verdict, words, seen }
    }

    fn visit<'a>(&'a self, ids: &'a Identities, transcript: Transcript) -> Visit<'a> {
        Visit {
            target: &self.target,
            options: &self.options,
            ids,
            announced: self.announced.as_ref(),
            transcript,
        }
    }

    // req: CNF-02
    fn missing(&self, case: &Case) -> Vec<&'static str> {
        let consent = &self.options.consent;
        case.needs.iter().filter(|need| !consent.contains(need)).map(|need| need.option()).collect()
    }
}

fn ask(case: &Case, visit: &mut Visit<'_>) -> Outcome {
    match case.probe {
        Probe::Ask(probe) => probe(visit),
        Probe::Watch(_) => not_offered("it is for a scripted station"),
    }
}
