//! A connection may be the stations whose password it came with, and no other.

use mvrx_core::ConnId;
use mvrx_core::host::{Event, Input};
use mvrx_message::{Join, Reply};

use super::driver::{HostDriver, POLICY};

impl HostDriver {
    /// Looks at a JOIN before the host does; whether it is of a station that this connection may not be, which ends it.
    // req: PWD-08
    pub(super) fn is_another(&mut self, conn: ConnId, join: &Join) -> bool {
        let Some(link) = self.links.get(&conn).filter(|link| !link.may_be(join.station)) else {
            return false;
        };
        let address = link.peer();
        let message = ANOTHER.to_owned();
        self.on_event(Event::JoinRefused { station: join.station, address, message });
        self.answer_join(conn, Reply::refused(ANOTHER));
        self.part(conn, POLICY, ANOTHER);
        self.step(Input::Closed { conn, what: ANOTHER.to_owned() });
        true
    }
}

const ANOTHER: &str = "the password on this connection is not the one of this StationUUID";
