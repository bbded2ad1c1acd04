//! A store that drops commits by limits of its own asks the running station first: the station lets go of a file before it goes, so that it lists
//! nothing that it cannot give, and keeps what somebody is being sent or waits for.
//!
//! What the store asks, with [`mvrx_store::MayGo`]:
//!
//! | the file | may go |
//! |---|---|
//! | is being sent, waits behind another one, or is being fetched | when that is over |
//! | while the station changes its group or moves | when it has arrived |
//! | is of this group, and the station does not know it yet | when it is listed |
//! | any other | at once; it leaves our list, and our kind of stations are told |

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use mvrx_core::{Command, Input};
use mvrx_store::StoredCommit;
use tokio::sync::mpsc::WeakSender;

use crate::Station;
use crate::driver::Driver;
use crate::orders::Order;

/// Asks a running station to let go of files. It keeps neither the station running nor its store open.
#[derive(Debug, Clone)]
pub struct LetGo {
    orders: WeakSender<Order>,
}

/// Where the answer goes; it never waits.
pub(crate) type Answer = SyncSender<bool>;

impl LetGo {
    /// Whether the store may drop this commit now: `true`, and the station lists and gives it no more from here on. Blocks for `patience` at most:
    /// not to be called on a thread of the runtime. `false`, too, where the station does not answer in time or has stopped.
    // req: STA-37
    #[must_use]
    pub fn ask(&self, going: &StoredCommit, patience: Duration) -> bool {
        let (told, answer) = sync_channel(1);
        let order = Order::LetGo(Box::new(going.clone()), told);
        let asked = self.orders.upgrade().is_some_and(|orders| orders.try_send(order).is_ok());
        // Of an answer that came too late nothing is lost: the station lets go once more.
        asked && answer.recv_timeout(patience).unwrap_or(false)
    }
}

impl Station {
    /// What a store that drops commits asks: for [`mvrx_store::MayGo`].
    #[must_use]
    pub fn let_go(&self) -> LetGo {
        LetGo { orders: self.shared.orders.downgrade() }
    }
}

impl Driver {
    pub(crate) fn let_go(&mut self, going: &StoredCommit, told: &Answer) {
        let goes = self.may_go(going);
        if goes {
            self.step(Input::Command(Command::Release(going.commit.file)));
        }
        // Who asked may have stopped waiting.
        let _ = told.try_send(goes);
    }

    // req: STA-37
    fn may_go(&self, going: &StoredCommit) -> bool {
        let file = going.commit.file;
        let is_of_ours = going.group == self.group || self.keeping.along().has(&self.group, file);
        let is_known = self.core.commit(file).is_some();
        self.changing.is_none()
            && self.core.moving_to().is_none()
            && !self.core.is_in_use(file)
            && (is_known || !is_of_ours)
    }
}
