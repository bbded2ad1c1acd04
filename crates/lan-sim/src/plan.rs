//! Fault plans: which faults happen when, drawn from a seed or from bytes.

use std::time::Duration;

use crate::choices::Choices;
use crate::fault::{Crash, DiskFate, DiskTrouble, Fault, FaultKind, LinkTrouble};
use crate::host::HostId;
use crate::rng::Chance;
use crate::time::{Time, nanos};

/// How often each kind of fault is to happen in the whole world, and for how long faults last.
///
/// The plan only writes a list of faults; what it breaks is seen when the list is played. So the list can be
/// shown, cut and shrunk.
///
/// ```
/// use std::time::Duration;
/// use lan_sim::{Choices, FaultKind, FaultPlan, Time};
/// let plan = FaultPlan::calm().every(FaultKind::Reset, Duration::from_secs(2)).every(FaultKind::PowerLoss, Duration::from_secs(30));
/// let faults = plan.draw(&mut Choices::seeded(1), 20, Time::ZERO, Duration::from_mins(5));
/// assert!(faults.windows(2).all(|pair| pair[0].0 <= pair[1].0));
/// assert!(faults.len() > 100);
/// ```
#[derive(Clone, Debug)]
pub struct FaultPlan {
    every: Vec<(FaultKind, Duration)>,
    longest: Duration,
    wipes: Chance,
}

impl FaultPlan {
    /// No faults.
    pub const fn calm() -> Self {
        Self { every: Vec::new(), longest: Duration::from_secs(30), wipes: Chance::percent(10) }
    }

    /// Each kind once in `interval` on the average.
    pub fn everything(interval: Duration) -> Self {
        FaultKind::ALL.into_iter().fold(Self::calm(), |plan, kind| plan.every(kind, interval))
    }

    /// That kind once in `interval` on the average, in the whole world. Zero is never.
    #[must_use]
    pub fn every(mut self, kind: FaultKind, interval: Duration) -> Self {
        self.every.retain(|(other, _)| *other != kind);
        if !interval.is_zero() {
            self.every.push((kind, interval));
        }
        self
    }

    /// How long faults with an end last at most. 30 seconds without this.
    #[must_use]
    pub const fn longest(mut self, span: Duration) -> Self {
        self.longest = span;
        self
    }

    /// How likely a host that stops finds its disk empty afterwards. 10 % without this.
    #[must_use]
    pub const fn wipes(mut self, chance: Chance) -> Self {
        self.wipes = chance;
        self
    }

    /// Draws the faults of a world of `hosts` hosts, from `start` on, in the order of time. Drawn from bytes,
    /// the list ends with the bytes.
    pub fn draw(
        &self,
        choices: &mut Choices<'_>,
        hosts: u32,
        start: Time,
        span: Duration,
    ) -> Vec<(Time, Fault)> {
        let end = start + span;
        let mut faults = Vec::new();
        let rates: u64 = self.every.iter().map(|(_, interval)| rate(*interval)).sum();
        let mut at = start;
        while rates > 0 && hosts > 0 && !choices.is_spent() {
            // Between nothing and twice the average: no logarithm, which not every machine computes alike.
            at += choices.span(Duration::from_nanos(RATE_UNIT / rates * 2)).max(Duration::from_micros(1));
            if at >= end {
                break;
            }
            if let Some(kind) = self.draw_kind(choices, rates) {
                faults.push((at, self.draw_fault(kind, choices, hosts)));
            }
        }
        faults
    }

    /// A kind as often as its rate says. Two bytes when drawn from bytes, however many kinds there are.
    fn draw_kind(&self, choices: &mut Choices<'_>, rates: u64) -> Option<FaultKind> {
        let drawn = choices.below(1 << 16);
        let mut mark = (u128::from(rates) * u128::from(drawn)) >> 16;
        for (kind, interval) in &self.every {
            let rate = u128::from(rate(*interval));
            if mark < rate {
                return Some(*kind);
            }
            mark -= rate;
        }
        None
    }

    fn draw_fault(&self, kind: FaultKind, choices: &mut Choices<'_>, hosts: u32) -> Fault {
        let host = HostId(small(choices.below(hosts.into())));
        let nth = small(choices.below(1 << 16));
        let span = self.draw_span(choices);
        let disk = |trouble| Fault::Disk { host, trouble, span };
        match kind {
            FaultKind::Reset => Fault::Reset { host, nth, keep: small(choices.below(2_000)) },
            FaultKind::Silence => Fault::Silence { host, nth },
            FaultKind::HalfOpen => Fault::HalfOpen { host, nth },
            FaultKind::Stall => Fault::Stall { host, nth, span },
            FaultKind::Partition => {
                let part =
                    choices.pick(&[Chance::percent(10), Chance::percent(50)]).copied().unwrap_or_default();
                let mut side: Vec<_> = (0..hosts).filter(|_| choices.hits(part)).map(HostId).collect();
                if side.is_empty() {
                    side.push(host);
                }
                Fault::Partition { hosts: side, span, breaks: choices.below(2) == 1 }
            }
            FaultKind::ProcessCrash => self.draw_crash(choices, host, Crash::Process, span),
            FaultKind::PowerLoss => self.draw_crash(choices, host, Crash::Power, span),
            FaultKind::Pause => Fault::Pause { host, span },
            FaultKind::ClockJump => {
                let seconds = i64::try_from(choices.below(86_400)).unwrap_or(0) - 43_200;
                Fault::ClockJump { host, seconds }
            }
            FaultKind::AddressDown => Fault::AddressDown { host, nth, span },
            FaultKind::Trouble => {
                let trouble = choices.pick(&TROUBLES).copied().unwrap_or(LinkTrouble::Slow);
                Fault::Trouble { host, trouble, span }
            }
            FaultKind::Deaf => Fault::Deaf { host, span },
            FaultKind::Mute => Fault::Mute { host, span },
            FaultKind::StaleSighting => Fault::StaleSighting { host, nth },
            FaultKind::DiskFailing => disk(DiskTrouble::Failing),
            FaultKind::DiskFull => disk(DiskTrouble::Full),
            FaultKind::DiskSlow => disk(DiskTrouble::Slow),
        }
    }

    fn draw_crash(&self, choices: &mut Choices<'_>, host: HostId, how: Crash, span: Duration) -> Fault {
        let disk = if choices.hits(self.wipes) { DiskFate::Wiped } else { DiskFate::Kept };
        Fault::Crash { host, how, down: Some(span), disk }
    }

    /// Short spans as often as long ones: timers far apart are both to be hit.
    fn draw_span(&self, choices: &mut Choices<'_>) -> Duration {
        let longest = nanos(self.longest);
        let most = longest >> choices.below(12);
        choices.span(Duration::from_nanos(most)).max(Duration::from_millis(1))
    }
}

/// How often something happens that happens once in `interval`.
fn rate(interval: Duration) -> u64 {
    (RATE_UNIT / nanos(interval).max(1)).max(1)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Rates are counted in events per so many nanoseconds, about three years: fine enough for kinds that hardly
/// ever happen.
const RATE_UNIT: u64 = 100_000_000_000_000_000;

const TROUBLES: [LinkTrouble; 8] = [
    LinkTrouble::Slow,
    LinkTrouble::Laggy,
    LinkTrouble::Bytewise,
    LinkTrouble::TinyWindow,
    LinkTrouble::Breaking,
    LinkTrouble::Silencing,
    LinkTrouble::RefusedDials,
    LinkTrouble::LostDials,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_every_kind_about_as_often_as_asked() {
        let plan = FaultPlan::everything(Duration::from_secs(1));
        let faults = plan.draw(&mut Choices::seeded(3), 5, Time::ZERO, Duration::from_secs(500));
        for kind in FaultKind::ALL {
            let count = faults.iter().filter(|(_, fault)| fault.kind() == kind).count();
            assert!((400..600).contains(&count), "{kind:?} happens {count} times");
        }
    }

    #[test]
    fn equal_bytes_give_equal_faults_and_no_bytes_give_none() {
        let plan = FaultPlan::everything(Duration::from_secs(10));
        let bytes: Vec<u8> = (0..=255).collect();
        let draw =
            |bytes| plan.draw(&mut Choices::from_bytes(bytes), 5, Time::ZERO, Duration::from_secs(100));
        assert_eq!(draw(&bytes), draw(&bytes));
        assert!(!draw(&bytes).is_empty());
        assert_eq!(draw(&[]), []);
    }

    #[test]
    fn a_world_without_hosts_has_no_faults() {
        let plan = FaultPlan::everything(Duration::from_secs(1));
        assert_eq!(plan.draw(&mut Choices::seeded(1), 0, Time::ZERO, Duration::from_secs(9)), []);
    }
}
