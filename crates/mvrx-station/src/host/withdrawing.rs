//! The same as [`crate::withdrawing`], for the host of a session.

use std::sync::Arc;

use mvrx_core::host::{Command, Input};
use mvrx_message::FileUuid;

use super::driver::{Done, HostDriver};
use crate::withdrawing::{Told, WithdrawError, mark, remember};

impl HostDriver {
    pub(super) fn withdraw(&self, file: FileUuid, told: Told) {
        let (store, us, done) = (Arc::clone(&self.store), self.host.config().station, self.done.clone());
        tokio::spawn(async move {
            let marked = mark(store, us, file).await;
            // The driver is gone: nobody waits.
            let _ = done.send(Done::Withdrawn(file, marked, told)).await;
        });
    }

    pub(super) fn withdrawn(&mut self, file: FileUuid, marked: Result<bool, WithdrawError>, told: Told) {
        if marked.is_ok() {
            self.step(Input::Command(Command::Withdraw(file)));
        }
        let _ = told.send(marked);
    }

    /// What we have of a commit that its author took back is listed no more after a restart, either.
    // req: STA-33
    pub(super) fn note_withdrawn(&self, file: FileUuid) {
        if self.host.holds(file) {
            remember(Arc::clone(&self.store), file);
        }
    }
}
