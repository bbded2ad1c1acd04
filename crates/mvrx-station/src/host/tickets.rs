//! Second connections, for files: who may have one, and how one proves whose it is.
//!
//! ```text
//!  JOIN { files: offered } on the main connection ─► JOIN_RET { ticket }, random, of that station on that connection
//!  JOIN { ticket } on another connection ─► the same ticket of the same station, and its main connection stands: Attached
//! ```
//! A ticket ends with the main connection. A wrong one ends the connection that brought it, and touches nothing else: as a JOIN it would push
//! the station out whose name it uses. One on a connection that has joined already is refused and changes nothing.

use std::collections::HashMap;

use mvrx_core::ConnId;
use mvrx_core::host::{Input, Standing};
use mvrx_message::{Dialect, FilesConnection, Join, Message, Product, Reply, StationUuid, Ticket};

use super::driver::{HostDriver, POLICY};
use crate::identity::random_bytes;

/// The tickets that are out: at most one for each connection.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    given: HashMap<ConnId, (StationUuid, Ticket)>,
}

impl Tickets {
    /// The station can have a second connection. Told again it keeps its ticket.
    pub(super) fn offer(&mut self, conn: ConnId, station: StationUuid) {
        if self.given.get(&conn).is_none_or(|(of, _)| *of != station) {
            self.given.insert(conn, (station, Ticket::from_random_bytes(random_bytes())));
        }
    }

    pub(super) fn withdraw(&mut self, conn: ConnId) {
        self.given.remove(&conn);
    }

    fn of(&self, conn: ConnId) -> Option<Ticket> {
        self.given.get(&conn).map(|(_, ticket)| ticket.clone())
    }

    fn fits(&self, station: StationUuid, ticket: &Ticket) -> bool {
        // Every one is looked at to its end: how long that takes says nothing of any of them.
        let same = |known: &Ticket| {
            let (known, told) = (known.as_str().as_bytes(), ticket.as_str().as_bytes());
            let differences = known.iter().zip(told).fold(0, |all, (a, b)| all | (a ^ b));
            known.len() == told.len() && differences == 0
        };
        self.given.values().fold(false, |found, (of, known)| found | (*of == station && same(known)))
    }
}

impl HostDriver {
    /// Looks at a JOIN before the host does; whether it is the beginning of a second connection, which is settled then.
    // req: HDR-08
    pub(super) fn is_second(&mut self, conn: ConnId, join: &Join) -> bool {
        match &join.files {
            Some(FilesConnection::Of(ticket)) => {
                let standing = self.host.standing(conn);
                if matches!(standing, Some(Standing::Joined | Standing::Left | Standing::Waiting)) {
                    // It stays what it is: a ticket is for a connection that is nothing else yet.
                    self.answer_join(conn, Reply::refused("a second connection is another one than this"));
                } else if self.tickets.fits(join.station, ticket) {
                    self.step(Input::Attached { conn, station: join.station });
                    self.answer_join(conn, Reply::ok());
                } else {
                    self.answer_join(conn, Reply::refused("this ticket is not of this station"));
                    self.part(conn, POLICY, "a wrong ticket for a second connection");
                    let what = "it came with a wrong ticket for a second connection".to_owned();
                    self.step(Input::Closed { conn, what });
                }
                true
            }
            Some(FilesConnection::Offered) => {
                self.tickets.offer(conn, join.station);
                false
            }
            _ => {
                self.tickets.withdraw(conn);
                false
            }
        }
    }

    /// A JOIN_RET of the host gets the ticket of its connection.
    pub(super) fn with_ticket(&self, conn: ConnId, message: &mut Message) {
        if let Message::JoinRet(ret) = message
            && ret.reply.ok
            && ret.answers_join()
        {
            ret.ticket = self.tickets.of(conn);
        }
    }

    pub(super) fn answer_join(&mut self, conn: ConnId, reply: Reply) {
        let ret = self.host.config().join_ret(reply);
        if let Some(link) = self.links.get(&conn) {
            // The first message on its connection always fits.
            let _ = link.send(Box::new(Message::JoinRet(ret)), Dialect::towards(Product::Mvrx));
        }
    }
}
