//! A station's files that broke off and go on.

use lan_sim::{Content, HostCtx};
use mvrx_core::{ConnId, Input};
use mvrx_message::{Message, PartOf};

use super::Station;
use super::link::Receiving;
use crate::shelf::Incoming;

impl Station {
    pub(super) fn ask_for_the_rest(&mut self, conn: ConnId, message: &mut Message) {
        let Message::Request(request) = message else { return };
        let of = |file| self.core.commits().map(|view| view.commit).find(|commit| commit.file == file);
        let announced = request.file.and_then(of);
        self.parts.ask(conn, request, announced, |_| 0);
    }

    /// The first bytes of the file that begins on a connection, which do not come.
    pub(super) fn first_of(&mut self, conn: ConnId) -> Content {
        let begun = self.parts.begins(conn);
        if begun.as_ref().is_some_and(|(going, _)| going.from > 0) {
            self.setup.ledger.borrow_mut().tally.resumed += 1;
        }
        begun.map(|(_, first)| first).unwrap_or_default()
    }

    /// A whole file came; `false`: it is not what was kept of it and came behind that, and the core was told.
    pub(super) fn is_the_file(&mut self, conn: ConnId, receiving: &Receiving, net: &mut HostCtx<'_>) -> bool {
        let Some(going) = self.parts.ends(conn) else { return true };
        self.parts.is_over(&going.of);
        let whole = receiving.incoming.finish();
        let wrong = going.from > 0 && whole.is_ok_and(|(_, hash)| hash != going.of.hash);
        if wrong {
            self.shelf.drop_file(&receiving.incoming);
            self.step(Input::PartWrong { request: receiving.request }, net);
        }
        !wrong
    }

    /// A file did not come to its end: what came of it is kept where it can be gone on with; how much, if it is more than before.
    pub(super) fn keep_part(&mut self, conn: ConnId, receiving: &Receiving) -> Option<u64> {
        let going = self.parts.ends(conn);
        let came = going.and_then(|going| self.broke_off(going.of, &receiving.incoming));
        self.shelf.drop_file(&receiving.incoming);
        came
    }

    fn broke_off(&mut self, of: PartOf, incoming: &Incoming) -> Option<u64> {
        self.parts.broke(of, &incoming.contents().ok()?)
    }
}
