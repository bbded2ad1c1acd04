//! Files that go on where they broke off. How much of one is kept, and from where on it comes, is the caller's; here is only what becomes of a
//! read whose beginning was not of the file that its end is of, and of which connection no rest may be asked.

use super::link::Taking;
use super::{Host, RelayEvent};
use crate::ConnId;

impl Host {
    /// Whether a connection still owes other answers than that to its newest REQUEST: nothing but their length and hash tells files apart
    /// then, and the rest of one would be taken for none of them.
    #[must_use]
    pub fn owes_other_answers(&self, conn: ConnId) -> bool {
        self.links.get(&conn).is_some_and(|link| !link.late.is_nothing())
    }

    /// What came went on from a part, and both together are not the file: either may be wrong. It is asked for whole, of the same station,
    /// whose answer has no part to blame then.
    // req: HST-27
    pub(super) fn on_part_wrong(&mut self, conn: ConnId) {
        let taken = self.links.get_mut(&conn).and_then(|link| link.taking.take());
        if let Some(Taking::For(id)) = taken {
            let why =
                "what was here of it, and what came, are not the file that was announced (BLAKE3 differs)";
            self.stop_readers(id, why);
            self.read(id, RelayEvent::PartWrong, why);
        }
    }
}
