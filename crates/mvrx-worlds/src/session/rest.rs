//! Files of owners that broke off and go on.

use lan_sim::{Content, HostCtx};
use mvrx_core::ConnId;
use mvrx_core::host::Input;
use mvrx_core::parts::Going;
use mvrx_message::{Message, PartOf, Request};

use super::SessionHost;
use crate::parts::says;

impl SessionHost {
    pub(super) fn ask_for_the_rest(&mut self, conn: ConnId, request: &mut Request) {
        let behind = self.host.owes_other_answers(conn);
        let announced = request.file.and_then(|file| self.host.commit(file)).filter(|_| !behind).cloned();
        let mut parts = std::mem::take(&mut self.parts);
        let under_way = |of: &PartOf| {
            let mut same = self.relays.values().filter(|growing| growing.of == Some(*of));
            same.next().map_or(0, |growing| growing.content_of(self).len())
        };
        parts.ask(conn, request, announced.as_ref(), under_way);
        self.parts = parts;
    }

    /// Whether a message says from where on a file comes; where that was not asked for, its connection ends.
    pub(super) fn says_where(&mut self, conn: ConnId, message: &Message, net: &mut HostCtx<'_>) -> bool {
        if self.parts.is_answer(conn, message) {
            return true;
        }
        let says = says(message).is_some();
        if says {
            self.ended(conn, "it sends a part that was not asked for", net);
        }
        says
    }

    /// The file that begins on a connection, and its first bytes, which do not come; `before`: what an earlier owner gave to this read.
    pub(super) fn first_of(&mut self, conn: ConnId, before: &Content) -> (Option<Going>, Content) {
        let Some((going, kept)) = self.parts.begins(conn) else { return (None, Content::default()) };
        if going.from > 0 {
            self.setup.ledger.borrow_mut().tally.resumed += 1;
        }
        let first = if before.len() >= going.from { before.part(0, going.from) } else { kept };
        (Some(going), first)
    }

    /// What came behind a part is not its file; the host is told.
    pub(super) fn is_wrong(&mut self, conn: ConnId, hash: [u8; 32], net: &mut HostCtx<'_>) -> bool {
        let Some(going) = self.parts.ends(conn) else { return false };
        self.parts.is_over(&going.of);
        let wrong = going.from > 0 && hash != going.of.hash;
        if wrong {
            self.step(Input::PartWrong { conn }, net);
        }
        wrong
    }
}
