//! Second connections, for files: what the driver of a host does for it.

use lan_sim::HostCtx;
use mvrx_core::ConnId;
use mvrx_core::host::Input;
use mvrx_message::{Dialect, FilesConnection, Join, Message, Product, Reply, Ticket};

use super::SessionHost;
use crate::station::random_bytes;

impl SessionHost {
    /// Whether a JOIN is the beginning of a second connection, which is settled then.
    pub(super) fn is_second(&mut self, conn: ConnId, join: &Join, net: &mut HostCtx<'_>) -> bool {
        match &join.files {
            Some(FilesConnection::Of(ticket)) => {
                let fits = self.tickets.values().any(|(of, known)| *of == join.station && known == ticket);
                if fits {
                    self.step(Input::Attached { conn, station: join.station }, net);
                    self.answer_second(conn, Reply::ok(), net);
                } else {
                    self.answer_second(conn, Reply::refused("this ticket is not of this station"), net);
                    self.let_go(conn, net);
                    self.step(Input::Closed { conn, what: "it came with a wrong ticket".to_owned() }, net);
                }
                true
            }
            Some(FilesConnection::Offered) => {
                if self.tickets.get(&conn).is_none_or(|(of, _)| *of != join.station) {
                    let ticket = Ticket::from_random_bytes(random_bytes(net));
                    self.tickets.insert(conn, (join.station, ticket));
                }
                false
            }
            _ => {
                self.tickets.remove(&conn);
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
            ret.ticket = self.tickets.get(&conn).map(|(_, ticket)| ticket.clone());
        }
    }

    fn answer_second(&mut self, conn: ConnId, reply: Reply, net: &mut HostCtx<'_>) {
        let ret = self.host.config().join_ret(reply);
        if let Some(wire) = self.links.get_mut(&conn) {
            wire.link.push_message(&Message::JoinRet(ret).to_json(&Dialect::towards(Product::Mvrx)));
        }
        self.flush(conn, net);
    }
}
