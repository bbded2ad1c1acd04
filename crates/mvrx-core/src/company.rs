//! Who is seen on one side of a change of group, and whether they have us: it tells whether the new group is joined, waited for, or empty.
//!
//! It decides nothing, and knows no timers. What a station said in the old group counts for nothing on the new side: it may be shown there by
//! mistake, so it is there when it takes our JOIN, or sends its own, once it is seen there.

use crate::change::Side;
use crate::peer::{Peer, Place};
use crate::{Core, Membership};

impl Core {
    /// Whether somebody that is seen on a side has not answered our JOIN, with yes or no.
    pub(crate) fn waits_for_somebody(&self, on: impl Fn(Side) -> bool) -> bool {
        let mut stations = self.peers.values().filter(|peer| on(peer.side));
        let unheard = |peer: &Peer| match peer.membership {
            Membership::Sighted => true,
            Membership::Member => !peer.has_us(),
            Membership::Refused | Membership::Left => false,
        };
        let unanswered = |peer: &Peer| unheard(peer) && peer.lane.failures == 0;
        let mut places = self.places.values().filter(|place| on(place.side) && place.station.is_none());
        stations.any(|peer| unanswered(peer) && peer.has_address())
            || places.any(|place| place.lane.failures == 0)
    }

    /// Whether nobody is seen on a side. Who has left it is gone, whatever is still shown.
    pub(crate) fn sees_nobody(&self, on: impl Fn(Side) -> bool) -> bool {
        let has_left = |peer: &Peer| peer.membership == Membership::Left;
        let stations = self.peers.values().filter(|peer| !has_left(peer)).map(|peer| peer.side);
        let is_of_one_who_left = |place: &Place| {
            place.station.is_some_and(|station| self.peers.get(&station).is_some_and(has_left))
        };
        let places = self.places.values().filter(|place| !is_of_one_who_left(place)).map(|place| place.side);
        !stations.chain(places).any(on)
    }

    /// Whether one of a side took our JOIN, or sent us its own.
    pub(crate) fn has_joined_somebody(&self, on: impl Fn(Side) -> bool) -> bool {
        self.peers.values().any(|peer| on(peer.side) && peer.has_us())
    }
}

impl Peer {
    /// Whether it is a member of the group of its side, and of no other.
    fn has_us(&self) -> bool {
        self.membership == Membership::Member && (self.side != Side::Next || self.met)
    }
}
