//! A connection may be the stations whose password it came with, and no other; and it moves no faster than its station may.

use mvrx_core::ConnId;
use mvrx_core::host::{Event, Input};
use mvrx_message::{Join, Reply, StationUuid};

use super::driver::{HostDriver, POLICY};
use super::link::Link;

impl HostDriver {
    /// Looks at a JOIN before the host does; whether it is of a station that this connection may not be, which ends it.
    // req: PWD-08
    pub(super) fn is_another(&mut self, conn: ConnId, join: &Join) -> bool {
        let Some(link) = self.links.get(&conn).filter(|link| !link.may_be(join.station)) else {
            return false;
        };
        let address = link.peer();
        let why = if link.is_of_certain() { OF_ANOTHER } else { HAS_ITS_OWN };
        let message = why.to_owned();
        self.on_event(Event::JoinRefused { station: join.station, address, message });
        self.answer_join(conn, Reply::refused(why));
        self.part(conn, POLICY, why);
        self.step(Input::Closed { conn, what: why.to_owned() });
        true
    }
}

impl HostDriver {
    /// A connection that is closed for a rule, and whose station is no more of the session, is told of.
    // req: AUD-01
    pub(super) fn told_policy(&mut self, conn: ConnId, code: u16, why: &str) {
        if let Some(peer) = self.links.get(&conn).filter(|_| code == POLICY).map(Link::peer) {
            self.refused(peer, self.host.waits_to_be(conn), format!("closed: {why}"));
        }
    }

    /// A connection counts for the station whose it is.
    // req: QUO-01, QUO-02
    pub(super) fn set_pace(&mut self, conn: ConnId) {
        if let (Some(link), Some(station)) = (self.links.get(&conn), self.host.station(conn)) {
            self.paces.belongs(link.pace(), station);
        }
    }

    /// The same of a station whose JOIN was answered later than it came.
    pub(super) fn set_paces(&mut self, station: StationUuid) {
        let its: Vec<ConnId> =
            self.links.keys().filter(|conn| self.host.station(**conn) == Some(station)).copied().collect();
        for conn in its {
            self.set_pace(conn);
        }
    }

    /// A station is made to wait, the first time since it came.
    pub(super) fn slowed(&mut self, conn: ConnId, by: &str) {
        let (Some(link), Some(station)) = (self.links.get(&conn), self.host.station(conn)) else { return };
        let address = link.peer();
        let per_second = match by {
            "messages" => Some(self.options.messages_each.per_second),
            _ => self.options.bytes_each.map(|rate| rate.per_second),
        };
        let per_second = per_second.unwrap_or_default();
        let what = format!("more than {per_second} {by} a second: it waits, and nobody else");
        self.on_event(Event::StationSlowed { station, address, what });
    }
}

/// To who said the password of certain stations, or said the session's in the JOIN of one: that is good for this one alone.
const OF_ANOTHER: &str = "the password was said on this connection for another StationUUID: this one joins on a connection of its own";
/// To who said the session's password.
const HAS_ITS_OWN: &str =
    "this StationUUID has a password of its own, and another one was said on this connection";
