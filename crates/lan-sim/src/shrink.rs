//! From a failing run to a short one that fails in the same way.
//!
//! [`shrink`] first leaves steps out, in halves, quarters, eighths and finally one by one (delta debugging,
//! Zeller and Hildebrandt 2002), then replaces single steps by simpler ones ([`Simpler`]), and begins again
//! while that helps. A try counts as failing only if the same checker fails. The number of tries is bounded,
//! so that a run of any length ends in time; [`Shrunk::is_minimal`] says whether the bound cut it short.

use std::time::Duration;

use crate::fault::{Crash, DiskFate, Fault};
use crate::host::HostId;
use crate::steps::{Deed, Outcome, Step};
use crate::time::Time;

/// Things that may have simpler forms.
pub trait Simpler: Sized {
    /// Simpler forms, the simplest first; none of them may lead back to this one. None by default.
    fn simpler(&self) -> Vec<Self> {
        Vec::new()
    }
}

/// A shrunk run.
#[derive(Clone, Debug)]
pub struct Shrunk<S> {
    /// The shortest failing list found.
    pub steps: Vec<S>,
    /// How it fails.
    pub outcome: Outcome,
    /// How many runs it took.
    pub tries: usize,
    /// Whether no step can be left out nor made simpler; otherwise the tries were used up.
    pub is_minimal: bool,
}

/// Shrinks a failing run in at most `tries` runs. `None` when it does not fail.
pub fn shrink<S: Clone + Simpler>(
    steps: &[S],
    tries: usize,
    mut run: impl FnMut(&[S]) -> Outcome,
) -> Option<Shrunk<S>> {
    let outcome = run(steps);
    outcome.check()?;
    let mut search = Search { best: steps.to_vec(), outcome, tries: 1, limit: tries.max(1), run };
    let mut is_minimal = false;
    while !is_minimal && !search.is_spent() {
        let removed = search.leave_out();
        let simplified = search.simplify();
        is_minimal = !removed && !simplified && !search.is_spent();
    }
    Some(Shrunk { steps: search.best, outcome: search.outcome, tries: search.tries, is_minimal })
}

/// Shrinks the bytes of a fuzz target the same way: leaves bytes out and makes them smaller.
pub fn shrink_bytes(bytes: &[u8], tries: usize, run: impl FnMut(&[u8]) -> Outcome) -> Option<Shrunk<u8>> {
    shrink(bytes, tries, run)
}

struct Search<S, F> {
    best: Vec<S>,
    outcome: Outcome,
    tries: usize,
    limit: usize,
    run: F,
}

impl<S: Clone + Simpler, F: FnMut(&[S]) -> Outcome> Search<S, F> {
    fn is_spent(&self) -> bool {
        self.tries >= self.limit
    }

    /// Takes `candidate` if it fails as before. Returns whether it does.
    fn try_out(&mut self, candidate: Vec<S>) -> bool {
        if self.is_spent() {
            return false;
        }
        self.tries += 1;
        let outcome = (self.run)(&candidate);
        let same = outcome.check().is_some() && outcome.check() == self.outcome.check();
        if same {
            (self.best, self.outcome) = (candidate, outcome);
        }
        same
    }

    /// Leaves out longer parts first. Returns whether anything was left out.
    fn leave_out(&mut self) -> bool {
        let before = self.best.len();
        let mut part = before.max(1);
        while part > 0 && !self.is_spent() {
            let mut from = 0;
            while from < self.best.len() && !self.is_spent() {
                let mut candidate = self.best.clone();
                candidate.drain(from..(from + part).min(self.best.len()));
                if !self.try_out(candidate) {
                    from += part;
                }
            }
            part /= 2;
        }
        self.best.len() < before
    }

    /// Makes each step as simple as it can be. Returns whether any became simpler.
    fn simplify(&mut self) -> bool {
        let mut any = false;
        for place in 0..self.best.len() {
            while self.simplify_one(place) {
                any = true;
            }
        }
        any
    }

    fn simplify_one(&mut self, place: usize) -> bool {
        let forms = self.best.get(place).map(S::simpler).unwrap_or_default();
        forms.into_iter().any(|form| {
            let mut candidate = self.best.clone();
            if let Some(step) = candidate.get_mut(place) {
                *step = form;
            }
            self.try_out(candidate)
        })
    }
}

impl Simpler for u8 {
    fn simpler(&self) -> Vec<Self> {
        let mut forms = vec![0, self / 2, self.saturating_sub(1)];
        forms.dedup();
        forms.retain(|form| form < self);
        forms
    }
}

impl<C: Clone + Simpler> Simpler for Step<C> {
    /// At a rounder time before, or something simpler at its time. Steps keep their order, so a step never
    /// moves before the one before it only in the list: played, one whose time has passed happens at once.
    fn simpler(&self) -> Vec<Self> {
        let deeds: Vec<Deed<C>> = match &self.deed {
            Deed::Command(command) => command.simpler().into_iter().map(Deed::Command).collect(),
            Deed::Fault(fault) => fault.simpler().into_iter().map(Deed::Fault).collect(),
        };
        let rounder =
            [1_000_000_000, 1_000_000].map(|unit| Time::from_nanos(self.at.as_nanos() / unit * unit));
        let times =
            rounder.into_iter().filter(|at| *at < self.at).map(|at| Self { at, deed: self.deed.clone() });
        deeds.into_iter().map(|deed| Self { at: self.at, deed }).chain(times).collect()
    }
}

impl Simpler for Fault {
    fn simpler(&self) -> Vec<Self> {
        let mut forms = Vec::new();
        match *self {
            Self::Reset { host, nth, keep } => {
                forms.extend(smaller(keep).map(|keep| Self::Reset { host, nth, keep }));
                forms.extend(smaller(nth).map(|nth| Self::Reset { host, nth, keep }));
            }
            Self::Silence { host, nth } => forms.extend(smaller(nth).map(|nth| Self::Silence { host, nth })),
            Self::HalfOpen { host, nth } => {
                forms.extend(smaller(nth).map(|nth| Self::HalfOpen { host, nth }));
            }
            Self::Stall { host, nth, span } => {
                forms.extend(shorter(span).map(|span| Self::Stall { host, nth, span }));
                forms.extend(smaller(nth).map(|nth| Self::Stall { host, nth, span }));
            }
            Self::Partition { ref hosts, span, breaks } => {
                let part = |hosts, breaks, span| Self::Partition { hosts, span, breaks };
                forms.extend(fewer(hosts).into_iter().map(|hosts| part(hosts, breaks, span)));
                forms.extend(shorter(span).map(|span| part(hosts.clone(), breaks, span)));
                if breaks {
                    forms.push(part(hosts.clone(), false, span));
                }
            }
            Self::Crash { host, how, down, disk } => {
                let crash = |how, down, disk| Self::Crash { host, how, down, disk };
                if disk == DiskFate::Wiped {
                    forms.push(crash(how, down, DiskFate::Kept));
                }
                if how == Crash::Power {
                    forms.push(crash(Crash::Process, down, disk));
                }
                forms.extend(down.into_iter().flat_map(shorter).map(|down| crash(how, Some(down), disk)));
            }
            Self::Pause { host, span } => forms.extend(shorter(span).map(|span| Self::Pause { host, span })),
            Self::AddressDown { host, nth, span } => {
                forms.extend(shorter(span).map(|span| Self::AddressDown { host, nth, span }));
                forms.extend(smaller(nth).map(|nth| Self::AddressDown { host, nth, span }));
            }
            Self::Trouble { host, trouble, span } => {
                forms.extend(shorter(span).map(|span| Self::Trouble { host, trouble, span }));
            }
            Self::Deaf { host, span } => forms.extend(shorter(span).map(|span| Self::Deaf { host, span })),
            Self::Mute { host, span } => forms.extend(shorter(span).map(|span| Self::Mute { host, span })),
            Self::StaleSighting { host, nth } => {
                forms.extend(smaller(nth).map(|nth| Self::StaleSighting { host, nth }));
            }
            Self::Disk { host, trouble, span } => {
                forms.extend(shorter(span).map(|span| Self::Disk { host, trouble, span }));
            }
            Self::ClockJump { .. } => {}
        }
        forms
    }
}

/// 0, and half of it.
fn smaller(number: u32) -> impl Iterator<Item = u32> {
    [0, number / 2].into_iter().filter(move |form| *form < number)
}

/// Round spans that are shorter.
fn shorter(span: Duration) -> impl Iterator<Item = Duration> {
    [1, 100, 1_000, 10_000].map(Duration::from_millis).into_iter().filter(move |form| *form < span)
}

/// Either half of the hosts, or all but one.
fn fewer(hosts: &[HostId]) -> Vec<Vec<HostId>> {
    if hosts.len() < 2 {
        return Vec::new();
    }
    let (first, second) = hosts.split_at(hosts.len() / 2);
    let without = |left_out: &HostId| hosts.iter().filter(|host| *host != left_out).copied().collect();
    let mut forms = vec![first.to_vec(), second.to_vec()];
    if hosts.len() > 2 {
        forms.extend(hosts.iter().map(without));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails_with(needed: &'static [u8]) -> impl FnMut(&[u8]) -> Outcome {
        move |bytes| {
            let mut rest = needed.iter().peekable();
            for byte in bytes {
                rest.next_if(|needed| *needed <= byte);
            }
            if rest.peek().is_none() {
                Outcome::failed("needed", format!("{bytes:?}"))
            } else {
                Outcome::Passed
            }
        }
    }

    #[test]
    fn finds_the_few_steps_that_matter_and_their_smallest_form() {
        let bytes: Vec<u8> = (0..2_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
        let shrunk = shrink_bytes(&bytes, 10_000, fails_with(&[200, 3, 90])).unwrap();
        assert_eq!(shrunk.steps, [200, 3, 90]);
        assert!(shrunk.is_minimal);
    }

    #[test]
    fn stops_when_the_tries_are_used_up() {
        let bytes = vec![9; 1_000];
        let shrunk = shrink_bytes(&bytes, 20, fails_with(&[1; 500])).unwrap();
        assert_eq!((shrunk.tries, shrunk.is_minimal), (20, false));
        assert!(shrunk.outcome.check().is_some());
    }

    #[test]
    fn a_run_that_passes_is_not_shrunk() {
        assert!(shrink_bytes(&[1, 2], 100, |_| Outcome::Passed).is_none());
    }

    #[test]
    fn does_not_slip_into_another_failure() {
        let run = |bytes: &[u8]| match bytes {
            [] => Outcome::failed("the empty bug", ""),
            bytes if bytes.contains(&7) => Outcome::failed("the seven bug", ""),
            _ => Outcome::Passed,
        };
        assert_eq!(shrink_bytes(&[1, 7, 2], 100, run).unwrap().steps, [7]);
    }

    #[test]
    fn simpler_faults_end_somewhere() {
        let plan = crate::FaultPlan::everything(Duration::from_secs(1));
        let faults = plan.draw(&mut crate::Choices::seeded(1), 6, Time::ZERO, Duration::from_secs(20));
        for (_, fault) in faults {
            let mut chain = 0;
            let mut form = Some(fault.clone());
            while let Some(next) = form {
                form = next.simpler().pop();
                chain += 1;
                assert!(chain < 100, "{fault:?} gets simpler for ever");
            }
        }
    }
}
