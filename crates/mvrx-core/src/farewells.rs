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

use mvrx_message::{GroupName, StationUuid};

use crate::Core;
use crate::change::Side;
use crate::peer::Peer;

/// The latest of them, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Farewells {
    kept: VecDeque<Farewell>,
}

#[derive(Debug)]
struct Farewell {
    station: StationUuid,
    from: IpAddr,
    until: Duration,
}

impl Farewells {
    /// A LEAVE came; it holds `until` then.
    // req: STA-23
    pub(crate) fn heard(&mut self, station: StationUuid, from: IpAddr, until: Duration) {
        self.kept.retain(|other| (other.station, other.from) != (station, from));
        let of_it = self.kept.iter().filter(|other| other.from == from).count();
        let oldest = if of_it >= OF_ONE_ADDRESS {
            self.kept.iter().position(|other| other.from == from)
        } else {
            (self.kept.len() >= MOST).then_some(0)
        };
        if let Some(oldest) = oldest {
            self.kept.remove(oldest);
        }
        self.kept.push_back(Farewell { station, from, until });
    }

    /// The station came after it.
    pub(crate) fn is_back(&mut self, station: StationUuid) {
        self.kept.retain(|other| other.station != station);
    }

    /// Until when a station that is seen at these addresses for the first time has left already. Told once: seen again later it comes.
    // req: STA-23
    pub(crate) fn left_until(
        &mut self,
        station: StationUuid,
        at: &[SocketAddr],
        now: Duration,
    ) -> Option<Duration> {
        let its = |other: &&Farewell| other.station == station && at.iter().any(|at| at.ip() == other.from);
        let left = self.kept.iter().filter(its).map(|other| other.until).max().filter(|until| *until > now);
        if left.is_some() {
            self.is_back(station);
        }
        left
    }

    /// They were said to another group.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

impl Core {
    /// The group that LEAVE says to a station; `None`: it says none, and is of any.
    pub(crate) fn group_left_to(&self, station: StationUuid) -> Option<GroupName> {
        let reads = self.peers.get(&station).is_some_and(Peer::reads_group_of_leave);
        self.group_said_to(Some(station)).filter(|_| reads)
    }

    /// Whether a LEAVE is of another group than that in which we count its station: it comes late, or was meant for who was here before us.
    // req: STA-24
    pub(crate) fn is_leave_of_another_group(&self, station: StationUuid, group: Option<&GroupName>) -> bool {
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
        farewells.heard(station(1), at(1), until);
        for n in 2..=250 {
            farewells.heard(station(n), at(2), until);
        }
        let seen = |n: u8| [SocketAddr::new(at(n), 42_424)];
        assert_eq!(farewells.kept.len(), 1 + OF_ONE_ADDRESS);
        assert_eq!(farewells.left_until(station(1), &seen(2), Duration::ZERO), None, "said from elsewhere");
        assert_eq!(farewells.left_until(station(1), &seen(1), until), None, "too long ago");
        assert_eq!(farewells.left_until(station(1), &seen(1), Duration::ZERO), Some(until));
        assert_eq!(farewells.left_until(station(1), &seen(1), Duration::ZERO), None, "seen again");
        for n in 1..=250 {
            farewells.heard(station(n), at(n), until);
        }
        assert_eq!(farewells.kept.len(), MOST);
    }
}
