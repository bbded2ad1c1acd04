//! What a store does with the history while the station runs, as news beside all other news.
//!
//! The store tells it on a thread of its own. What nobody reads waits, up to [`WAITING`] rounds; later ones are let go.

use mvrx_store::{HistoryListener, HistoryRound};
use tokio::sync::mpsc;

/// Rounds that wait to be read.
#[derive(Debug)]
pub struct Rounds(mpsc::Receiver<HistoryRound>);

/// A listener for the options of a store, and what it hears.
#[must_use]
pub fn rounds() -> (HistoryListener, Rounds) {
    let (tell, told) = mpsc::channel(WAITING);
    let listener = HistoryListener::new(move |round: &HistoryRound| {
        if tell.try_send(round.clone()).is_err() {
            tracing::info!("a round over the history is not told: nobody reads");
        }
    });
    (listener, Rounds(told))
}

impl Rounds {
    /// The next; waits for ever where the store is closed. Cancel-safe.
    pub async fn next(&mut self) -> HistoryRound {
        match self.0.recv().await {
            Some(round) => round,
            None => std::future::pending().await,
        }
    }
}

/// Rounds that wait to be read. There is one after a commit, at most.
pub const WAITING: usize = 256;
