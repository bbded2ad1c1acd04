//! A group is joined while the core of the place that we left before is still saying so: whom both have to do with.
//!
//! Two cores talk to one station then, each on connections of its own, which nothing orders. So whom the new place meets is not told any more that
//! we left the old one, and a LEAVE that comes to the old one counts in the new one as if it had come there.

use mvrx_message::{Leave, Product, StationUuid};

use crate::exchange::Purpose;
use crate::inbound::Inbound;
use crate::peer::Target;
use crate::{Core, ExchangePhase, Input, Membership, Presence};

impl Core {
    /// Whom the new place meets again is not told that we left: told after our JOIN, it would put us out.
    // req: MOV-07
    pub(super) fn spare_who_is_met_again(&mut self) {
        let Some(parting) = self.moving.parting.as_ref() else { return };
        let Some(there) = self.there().filter(|there| !there.in_session()) else { return };
        if parting.in_session() || parting.presence != Presence::Leaving {
            return;
        }
        let met = there.peers.iter().filter(|(_, peer)| peer.membership != Membership::Left);
        let met = met.map(|(station, _)| *station).filter(|station| parting.is_to_tell(*station));
        let met: Vec<StationUuid> = met.collect();
        if met.is_empty() {
            return;
        }
        if let Some(parting) = self.moving.parting.as_mut() {
            met.into_iter().for_each(|station| parting.tells_no_more(station));
        }
        self.step_parting(Input::Tick);
    }

    /// Whether a LEAVE to it is still to be said. One that is out is on a connection made before that of any JOIN which is dialed now.
    fn is_to_tell(&self, station: StationUuid) -> bool {
        let to_it = |target| matches!(target, Target::Station(of) | Target::Former(of) if of == station);
        self.peers.get(&station).is_some_and(|peer| peer.lane.leave)
            || self.former.get(&station).is_some_and(|former| !former.is_running())
            || self.exchanges.values().any(|exchange| {
                exchange.purpose == Purpose::Leave
                    && exchange.phase == ExchangePhase::Dialing
                    && to_it(exchange.target)
            })
    }

    fn tells_no_more(&mut self, station: StationUuid) {
        self.stop_lane(Target::Station(station));
        self.is_no_longer_former(station);
        self.check_departed();
    }

    /// A LEAVE came on a connection of the place that was left.
    // req: STA-23
    pub(super) fn hears_leave_in_new_place(&mut self, leave: &Leave, old: &Self, on: &Inbound) {
        let now = self.now;
        let there = self.moving.ride.as_mut().and_then(|ride| ride.there.as_mut());
        let Some(there) = there.filter(|there| !there.in_session()) else { return };
        // Ours say none where they leave every group; with others it is that of the place in which we knew them.
        let ours = old.peers.get(&leave.station).is_some_and(|peer| peer.product == Product::Mvrx);
        let group = leave.group.clone().or_else(|| old.group_said_to(None).filter(|_| !ours));
        there.now = there.now.max(now);
        let first = on.messages == 0;
        let leave = Leave { group, ..leave.clone() };
        there.leave_came(&leave, on.peer, on.station, first.then_some(on.order));
        self.step_there(Input::Tick);
    }
}
