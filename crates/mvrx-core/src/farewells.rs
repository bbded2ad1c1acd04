//! Of which group a LEAVE is, and those of stations that were not known when they came, so that one which is seen only afterwards is not taken
//! for one that comes.
//!
//! LEAVE is sent late, and to whom one has forgotten already; our own kind says in it which group is left, and it counts in no other.
//!
//! Discovery may be later than a message, and may go on showing what is gone. A LEAVE counts from its station's own address alone: it is kept
//! with the address that it came from, and holds for a sighting there. Bounded in number and in time; one address has a share of the places,
//! so that who invents stations costs no other address its own.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mvrx_message::{BridgeMark, GroupName, Leave, Product, StationUuid};

use crate::change::Side;
use crate::peer::{Peer, Target};
use crate::{Core, MembershipEvent, Presence, Timer};

/// The latest of them, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Farewells {
    kept: VecDeque<Farewell>,
}

#[derive(Debug, Clone)]
struct Farewell {
    station: StationUuid,
    from: IpAddr,
    /// The group that was left, where LEAVE said it.
    group: Option<GroupName>,
    until: Duration,
}

impl Farewells {
    /// A LEAVE came; it holds `until` then, in the group that it says, else in the one in which we are.
    // req: STA-23
    pub(crate) fn heard(
        &mut self,
        station: StationUuid,
        from: IpAddr,
        group: Option<GroupName>,
        until: Duration,
    ) {
        let same = |other: &Farewell| (other.station, other.from) == (station, from) && other.group == group;
        self.kept.retain(|other| !same(other));
        let of_it = self.kept.iter().filter(|other| other.from == from).count();
        let oldest = if of_it >= OF_ONE_ADDRESS {
            self.kept.iter().position(|other| other.from == from)
        } else {
            (self.kept.len() >= MOST).then_some(0)
        };
        if let Some(oldest) = oldest {
            self.kept.remove(oldest);
        }
        self.kept.push_back(Farewell { station, from, group, until });
    }

    /// The station came after it, into this group; `None`: into whichever.
    pub(crate) fn is_back(&mut self, station: StationUuid, group: Option<&str>) {
        self.kept.retain(|other| other.station != station || !other.is_of(group));
    }

    /// Until when a station that is seen at these addresses, in this group, for the first time has left already. Told once: seen again later it
    /// comes.
    // req: STA-23, STA-24
    pub(crate) fn left_until(
        &mut self,
        station: StationUuid,
        at: &[SocketAddr],
        group: &str,
        now: Duration,
    ) -> Option<Duration> {
        let its = |other: &&Farewell| {
            other.station == station && other.is_of(Some(group)) && at.iter().any(|at| at.ip() == other.from)
        };
        let left = self.kept.iter().filter(its).map(|other| other.until).max().filter(|until| *until > now);
        if left.is_some() {
            self.is_back(station, Some(group));
        }
        left
    }

    /// We are in another group: those that say none were of the former one. The others hold where they say, if we come back.
    pub(crate) fn group_changed(&mut self) {
        self.kept.retain(|farewell| farewell.group.is_some());
    }
}

impl Farewell {
    fn is_of(&self, group: Option<&str>) -> bool {
        match (&self.group, group) {
            (Some(left), Some(group)) => left.as_str() == group,
            _ => true,
        }
    }
}

impl Core {
    /// A LEAVE came from this address, on a connection on which `said` had told who it is; `first_on`: it is the first message there, and this is
    /// the connection's place in the order in which they were made. Tells whether its station has left; whoever takes it, answers it.
    pub(crate) fn leave_came(
        &mut self,
        leave: &Leave,
        address: SocketAddr,
        said: Option<StationUuid>,
        first_on: Option<u64>,
    ) -> bool {
        let station = leave.station;
        let peer = self.peers.get(&station).filter(|_| station != self.config.station);
        let Some(peer) = peer.filter(|_| !self.is_leave_of_another_group(station, leave.group.as_ref()))
        else {
            // One of another group holds where it says, should we come there.
            self.note_farewell(address, leave);
            return false;
        };
        if said != Some(station) && !peer.may_be_at(address.ip()) {
            // req: STA-22
            self.peer_error(
                address,
                "MVR_LEAVE of a station that is not at this address; it stays".to_owned(),
            );
            return false;
        }
        // Late, of a station that started anew meanwhile: its JOIN came on a connection made after this one. One in use is never outdated.
        if first_on.zip(peer.joined_on).is_some_and(|(order, joined_on)| joined_on > order) {
            return false;
        }
        if self.somebody_else_is_it(leave) {
            return false;
        }
        self.agenda.clear(Timer::Farewell(station));
        self.stop_lane(Target::Station(station));
        self.note_what_it_left(station, leave);
        self.membership(station, MembershipEvent::LeaveReceived);
        self.watch_unseen(station);
        true
    }

    /// A bridge that stood in for a station says LEAVE, and the station itself was heard, or another bridge in its place, which said none: it
    /// stays, and whoever is it is asked, since one that was killed says nothing.
    // req: BRG-24
    fn somebody_else_is_it(&mut self, leave: &Leave) -> bool {
        let Some(peer) = self.peers.get_mut(&leave.station) else { return false };
        let Some(bridge) = leave.bridge.filter(BridgeMark::is_stand_in) else {
            peer.voices.all_left();
            return false;
        };
        let Some(other) = peer.voices.left(bridge) else { return false };
        peer.bridge = other;
        self.membership(leave.station, MembershipEvent::Sighted);
        true
    }

    /// A LEAVE of who is not counted in the group that is left: it is not taken for one that comes, should it be seen there.
    // req: STA-23
    fn note_farewell(&mut self, address: SocketAddr, leave: &Leave) {
        // Where a stand-in has left, its station may be on the way.
        // req: BRG-24
        let stood_in = leave.bridge.is_some_and(|mark| mark.is_stand_in());
        if leave.station != self.config.station && self.presence == Presence::Present && !stood_in {
            let until = self.now + self.config.timers.farewell;
            self.farewells.heard(leave.station, address.ip(), leave.group.clone(), until);
        }
    }

    /// The group that LEAVE says to a station; `None`: it says none, and is of any.
    pub(crate) fn group_left_to(&self, station: StationUuid) -> Option<GroupName> {
        let reads = self.peers.get(&station).is_some_and(Peer::reads_group_of_leave);
        self.group_said_to(Some(station)).filter(|_| reads)
    }

    /// One of ours says which group it leaves where it stays in another. What it is to us that we see nowhere nobody knows.
    // req: STA-24
    fn note_what_it_left(&mut self, station: StationUuid, leave: &Leave) {
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.left_every_group =
                leave.group.is_none() && peer.product == Product::Mvrx && peer.side != Side::Unknown;
        }
    }

    /// Whether a LEAVE is of another group than that in which we count its station: it comes late, or was meant for who was here before us.
    // req: STA-24
    fn is_leave_of_another_group(&self, station: StationUuid, group: Option<&GroupName>) -> bool {
        let Some(group) = group else { return false };
        let counted = self.peers.get(&station).map(|peer| peer.side);
        match (counted, self.side_of(Some(group.as_str()))) {
            (Some(Side::Any), _) => false,
            (_, None) => true,
            (Some(Side::Ours), Some(left)) => left == Side::Next,
            (Some(Side::Next), Some(left)) => left == Side::Ours,
            (Some(Side::Unknown) | None, Some(_)) => false,
        }
    }
}

/// More are not kept.
const MOST: usize = 64;
/// Of one address.
const OF_ONE_ADDRESS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn station(n: u8) -> StationUuid {
        StationUuid::from_random_bytes([n; 16])
    }

    fn at(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    // proves: STA-23
    #[test]
    fn one_address_that_says_farewell_for_many_forgets_its_own_and_no_others() {
        let (mut farewells, until) = (Farewells::default(), Duration::from_secs(600));
        farewells.heard(station(1), at(1), None, until);
        for n in 2..=250 {
            farewells.heard(station(n), at(2), None, until);
        }
        let seen = |n: u8| [SocketAddr::new(at(n), 42_424)];
        assert_eq!(farewells.kept.len(), 1 + OF_ONE_ADDRESS);
        assert_eq!(
            farewells.left_until(station(1), &seen(2), "A", Duration::ZERO),
            None,
            "said from elsewhere"
        );
        assert_eq!(farewells.left_until(station(1), &seen(1), "A", until), None, "too long ago");
        assert_eq!(farewells.left_until(station(1), &seen(1), "A", Duration::ZERO), Some(until));
        assert_eq!(farewells.left_until(station(1), &seen(1), "A", Duration::ZERO), None, "seen again");
        for n in 1..=250 {
            farewells.heard(station(n), at(n), None, until);
        }
        assert_eq!(farewells.kept.len(), MOST);
    }

    // proves: STA-24
    #[test]
    fn a_farewell_holds_in_the_group_that_it_says_and_whoever_comes_into_another_has_still_left_it() {
        let (mut farewells, until) = (Farewells::default(), Duration::from_secs(600));
        let seen = [SocketAddr::new(at(1), 42_424)];
        let said = |farewells: &mut Farewells, group: &str| {
            farewells.heard(station(1), at(1), Some(GroupName::create(group).unwrap()), until);
        };
        said(&mut farewells, "A");
        farewells.group_changed();
        farewells.is_back(station(1), Some("B"));
        assert_eq!(farewells.left_until(station(1), &seen, "B", Duration::ZERO), None);
        assert_eq!(farewells.left_until(station(1), &seen, "A", Duration::ZERO), Some(until));
        assert_eq!(farewells.left_until(station(1), &seen, "A", Duration::ZERO), None);
        said(&mut farewells, "A");
        farewells.is_back(station(1), Some("A"));
        assert_eq!(farewells.left_until(station(1), &seen, "A", Duration::ZERO), None, "it came after it");
        farewells.heard(station(1), at(1), None, until);
        farewells.group_changed();
        assert_eq!(
            farewells.left_until(station(1), &seen, "B", Duration::ZERO),
            None,
            "said in the former one"
        );
    }
}
