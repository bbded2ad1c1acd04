//! Who hosts when this host is gone: told by an elected host to its own kind, so that they need nobody to ask when it is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use mvrx_message::{Roster, StationUuid, Successor};

use super::Host;

impl Host {
    /// The candidates of the session, the first first: by priority, then by StationUUID; but of one address the second comes after the first of each
    /// other one, so that one program that joins under many names keeps nobody out. Where each would host we know from its connection and the
    /// port that it told. `None`: we were not elected.
    // req: ELE-05
    pub(super) fn succession(&self) -> Option<Vec<Successor>> {
        let beside = self.config.elected?;
        let mut all: Vec<(IpAddr, Successor)> = self
            .members
            .iter()
            .filter(|(station, member)| **station != beside && member.ours)
            .filter_map(|(station, member)| {
                let candidate = member.candidate?;
                let mut at = self.links.get(&member.conn)?.peer;
                at.set_ip(at.ip().to_canonical());
                at.set_port(candidate.port);
                let (station, priority) = (*station, candidate.priority);
                Some((at.ip(), Successor { station, priority, url: format!("ws://{at}/") }))
            })
            .collect();
        all.sort_by_key(|(_, next)| Reverse((next.priority, next.station)));
        let mut before: BTreeMap<IpAddr, usize> = BTreeMap::new();
        let mut in_turn: Vec<(usize, Successor)> = all
            .into_iter()
            .map(|(ip, next)| {
                let turn = before.entry(ip).or_default();
                *turn += 1;
                (*turn, next)
            })
            .collect();
        in_turn.sort_by_key(|(turn, _)| *turn);
        let all = in_turn.into_iter().map(|(_, next)| next);
        Some(self.successor.iter().cloned().chain(all).take(Roster::SUCCESSORS).collect())
    }

    /// Tells it to everybody, if it is another one than was told last.
    // req: ELE-05
    pub(super) fn tell_succession(&mut self) {
        let succession = self.succession();
        if self.ended || succession == self.succession_told {
            return;
        }
        self.succession_told.clone_from(&succession);
        let ours = self.members.iter().filter(|(_, member)| member.ours);
        let to: Vec<StationUuid> = ours.map(|(to, _)| *to).collect();
        self.tell_news(&to, &Roster { news: true, succession, ..Roster::default() });
    }

    /// The session goes on elsewhere: its stations are told where, and it ends.
    // req: ELE-06
    pub(super) fn end_for(&mut self, next: Successor) {
        self.successor = Some(next);
        self.tell_succession();
        self.end();
    }
}
