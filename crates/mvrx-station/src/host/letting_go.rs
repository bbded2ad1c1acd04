//! The same as [`crate::letting_go`], for the host of a session.

use mvrx_core::host::{Command, Input};
use mvrx_store::StoredCommit;

use super::driver::HostDriver;
use crate::letting_go::Answer;

impl HostDriver {
    // req: HDR-14
    pub(super) fn let_go(&mut self, going: &StoredCommit, told: &Answer) {
        let file = going.commit.file;
        let is_known = self.host.knows(file) || going.group != self.group;
        let goes = is_known && !self.host.is_needed(file);
        if goes {
            self.step(Input::Command(Command::Release(file)));
        }
        // Who asked may have stopped waiting.
        let _ = told.try_send(goes);
    }
}
