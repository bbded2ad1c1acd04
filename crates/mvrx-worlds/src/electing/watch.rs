//! What is looked at all the time while a world of candidates runs: hosts that nothing keeps from each other, and who must not host.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lan_sim::{Fault, HostId, Step, Time, World};
use mvrx_core::election::ElectionPhase;

use super::Candidacy;
use crate::crew::Among;
use crate::{Act, Ledger, Node};

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Until when something kept each machine from others.
    kept: BTreeMap<HostId, Time>,
    /// Faults to come.
    steps: Vec<(Time, Vec<HostId>, Duration)>,
    /// Two hosts may be there for so long.
    pub(crate) meeting: Duration,
    looked: Time,
    /// This one hosts on.
    pub(crate) incumbent: Option<HostId>,
    /// These do not.
    pub(crate) clients: BTreeSet<HostId>,
}

impl Watch {
    pub(super) fn new(steps: &[Step<Act>], hosts: &[HostId], meeting: Duration) -> Self {
        let mut faults: Vec<_> = steps
            .iter()
            .filter_map(|step| match &step.deed {
                lan_sim::Deed::Fault(fault) => Some((step, fault)),
                lan_sim::Deed::Command(_) => None,
            })
            .map(|(step, fault)| {
                let (whom, span) = keeps(fault, hosts);
                (step.at, whom, span)
            })
            .collect();
        faults.reverse();
        Self { steps: faults, meeting, ..Self::default() }
    }

    /// A fault to come, the latest first.
    pub(crate) fn expects(&mut self, at: Time, whom: Vec<HostId>, span: Duration) {
        self.steps.push((at, whom, span));
    }

    /// Nothing keeps anybody from anybody from now on.
    pub(crate) fn keeps_all(&mut self, hosts: &[HostId], until: Time) {
        for host in hosts {
            let at = self.kept.entry(*host).or_default();
            *at = until.max(*at);
        }
    }

    /// Looks, if it did not a moment ago.
    pub(crate) fn look(&mut self, world: Among<'_>, ledger: &RefCell<Ledger>) {
        let now = world.now();
        while let Some((at, whom, span)) = self.steps.pop_if(|(at, ..)| *at <= now) {
            self.keeps_all(&whom, at + span);
        }
        if now < self.looked + EVERY {
            return;
        }
        self.looked = now;
        let hosting: Vec<(HostId, Time)> =
            world.nodes().filter_map(|(host, node)| Some((host, node.candidate()?.hosts_since()?))).collect();
        // Who asked a host to move its session gets the answers first.
        let asks = |host| world.node(host).and_then(Node::candidate).is_some_and(Candidacy::asks_to_go);
        let asking: Vec<HostId> = hosting.iter().map(|(host, _)| *host).filter(|host| asks(*host)).collect();
        self.keeps_all(&asking, now);
        let group_of = |host| world.node(host).and_then(Node::candidate).map(Candidacy::group);
        let free = |host: HostId, since: Time| self.kept.get(&host).map_or(since, |kept| since.max(*kept));
        for (n, (one, since)) in hosting.iter().enumerate() {
            for (other, other_since) in hosting.iter().skip(n + 1) {
                if group_of(*one) != group_of(*other) {
                    continue;
                }
                let both = free(*one, *since).max(free(*other, *other_since));
                let span = now.since_start().saturating_sub(both.since_start());
                let mut ledger = ledger.borrow_mut();
                ledger.tally.split = ledger.tally.split.max(span);
                if span > self.meeting {
                    let text =
                        format_args!("{one} and {other} host for {span:?}, and nothing is between them");
                    ledger.violate(TWO_HOSTS, text);
                }
            }
        }
        self.looks_at_roles(world, ledger);
    }

    fn looks_at_roles(&self, world: Among<'_>, ledger: &RefCell<Ledger>) {
        let hosts = |host: HostId| {
            let candidate = world.node(host).and_then(Node::candidate);
            candidate.is_some_and(|candidate| candidate.host().is_some())
        };
        if let Some(incumbent) = self.incumbent.filter(|incumbent| !hosts(*incumbent)) {
            let phase = world.node(incumbent).and_then(Node::candidate).map(Candidacy::phase);
            let text = format_args!("{incumbent} hosts no longer, it is {phase:?}");
            ledger.borrow_mut().violate(INCUMBENT, text);
        }
        if let Some(client) = self.clients.iter().find(|client| hosts(**client)) {
            let text = format_args!("{client} hosts beside {:?}", self.incumbent);
            ledger.borrow_mut().violate(RETURNING, text);
        }
    }
}

/// Whom a fault keeps from others, and for how long.
pub(crate) fn keeps(fault: &Fault, all: &[HostId]) -> (Vec<HostId>, Duration) {
    match fault {
        Fault::Partition { span, .. } => (all.to_vec(), *span),
        Fault::Silence { host, .. } => (vec![*host], GONE_SILENT),
        Fault::Stall { host, span, .. }
        | Fault::Pause { host, span }
        | Fault::AddressDown { host, span, .. }
        | Fault::Trouble { host, span, .. }
        | Fault::Deaf { host, span }
        | Fault::Mute { host, span }
        | Fault::Disk { host, span, .. } => (vec![*host], *span),
        Fault::Crash { host, down, .. } => (vec![*host], down.unwrap_or_default()),
        Fault::Reset { host, .. } | Fault::HalfOpen { host, .. } | Fault::StaleSighting { host, .. } => {
            (vec![*host], Duration::ZERO)
        }
        _ => (Vec::new(), Duration::ZERO),
    }
}

/// Whether one of these is a member of the session that `host` hosts.
pub(super) fn is_of_session(world: &World<Node>, member: HostId, host: HostId) -> bool {
    let Some(candidate) = world.node(member).and_then(Node::candidate) else { return false };
    let Some(there) = world.node(host).and_then(Node::candidate).and_then(Candidacy::host) else {
        return false;
    };
    let role = if member == host { ElectionPhase::Hosting } else { ElectionPhase::Member };
    let me = candidate.station().id();
    candidate.phase() == role
        && crate::quiet::is_at(candidate.station(), there)
        && there.host().stations().any(|view| view.station == me)
}

/// A link that falls silent is noticed within this.
const GONE_SILENT: Duration = Duration::from_secs(3);
pub(crate) const EVERY: Duration = Duration::from_millis(50);
/// Two hosts that nothing keeps from each other become one.
pub(super) const TWO_HOSTS: &str = "two-hosts-become-one";
/// Who comes later displaces nobody.
pub(super) const INCUMBENT: &str = "the-incumbent-stays";
/// A former host is one of its successor's session.
pub(super) const RETURNING: &str = "the-returning-host-joins";
