//! Files of owners that broke off and go on: what [`crate::resume`] does for stations, of what the host reads.

use mvrx_core::ConnId;
use mvrx_core::host::Input;
use mvrx_message::{Message, Reply, Request};

use super::driver::{HostDriver, POLICY};

impl HostDriver {
    /// A REQUEST to an owner asks for what is not here of the file: of a read under way, or of one that broke off earlier.
    // req: HDR-13
    pub(super) fn ask_for_the_rest(&mut self, conn: ConnId, request: &mut Request) {
        let Some(file) = request.file else { return };
        self.asked.insert(conn, file);
        let announced = self.host.commit(file).filter(|_| !self.host.owes_other_answers(conn));
        let under_way = |of: &_| self.growing.values().find_map(|growing| growing.part(of));
        self.parts.ask(conn, request, announced, |of| under_way(of).unwrap_or_else(|| self.store.part(of)));
    }

    /// Whether a message says from where on the file behind it comes. Where it is not the answer to what was asked last, nothing could tell
    /// what that file is, and the connection ends.
    pub(super) fn says_where(&mut self, conn: ConnId, message: &Message) -> bool {
        if self.parts.is_answer(conn, message) {
            return true;
        }
        if let Message::RequestRet(Reply { ok: true, from: Some(from), .. }) = message {
            let what = format!("it sends a file from byte {from} on, which was not asked for");
            self.part(conn, POLICY, &what);
            self.step(Input::Closed { conn, what });
            return true;
        }
        false
    }
}
