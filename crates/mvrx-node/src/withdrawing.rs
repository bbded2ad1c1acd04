//! What `mvrx withdraw` notes in the data directory of a running station is carried out by that station, within half a second.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use mvrx_message::FileUuid;
use mvrx_station::{Station, WithdrawError};
use mvrx_store::Withdrawals;
use tokio::task::AbortHandle;

/// Looks into a data directory until it is dropped.
#[derive(Debug)]
pub struct Withdrawing(AbortHandle);

impl Withdrawing {
    /// Begins to look.
    #[must_use]
    pub fn begin(running: &Station, data: &Path) -> Self {
        let (running, withdrawals) = (running.clone(), Withdrawals::of(data));
        let task = tokio::spawn(async move {
            let mut known = HashSet::new();
            while pass(&running, &withdrawals, &mut known).await.is_ok() {
                tokio::time::sleep(LOOK).await;
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for Withdrawing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is new there. What was withdrawn before is no news to the station.
async fn pass(
    running: &Station,
    withdrawals: &Withdrawals,
    known: &mut HashSet<FileUuid>,
) -> Result<(), WithdrawError> {
    // A folder that cannot be read now: the next time.
    let looking = withdrawals.clone();
    let listed = tokio::task::spawn_blocking(move || looking.list()).await;
    for file in listed.ok().and_then(Result::ok).unwrap_or_default() {
        if known.contains(&file) {
            continue;
        }
        match running.withdraw(file).await {
            Err(WithdrawError::Stopped) => return Err(WithdrawError::Stopped),
            // The store does not answer now: the next time.
            Err(WithdrawError::List(_) | WithdrawError::Store(_)) => {}
            // Of another station it says that this one has withdrawn it: there is nothing to do.
            _ => drop(known.insert(file)),
        }
    }
    Ok(())
}

/// As long as the output of `mvrx withdraw` says.
const LOOK: Duration = Duration::from_millis(500);
