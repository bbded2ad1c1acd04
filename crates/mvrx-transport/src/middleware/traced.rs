//! Every transaction as a `tracing` event and as a call of the application's own log.

use std::fmt;

use super::observed::{Observed, Observer, Record, What};
use crate::traits::Transport;

/// Tells `tracing` (failures at WARN, messages and files at DEBUG) and `log` of everything that passes.
pub fn traced<T: Transport>(inner: T, log: impl Fn(&Record<'_>) + Send + Sync + 'static) -> Observed<T> {
    Observed::new(inner, Trace { log })
}

struct Trace<F> {
    log: F,
}

impl<F> fmt::Debug for Trace<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

impl<F: Fn(&Record<'_>) + Send + Sync + 'static> Observer for Trace<F> {
    fn observe(&self, record: &Record<'_>) {
        let Record { connection, peer, direction, what } = record;
        let (direction, peer) = (direction.name(), peer.map(tracing::field::display));
        match what {
            What::Message { message, quirks, bytes, .. } => {
                let quirks = quirks.iter().count();
                tracing::debug!(connection, peer, direction, kind = message.kind(), bytes, quirks, "message");
            }
            What::Malformed { error, bytes } => {
                tracing::warn!(connection, peer, direction, bytes, %error, "malformed message");
            }
            What::FileBegins { length } => {
                tracing::debug!(connection, peer, direction, length, "file begins");
            }
            What::FileMoved { length } => {
                tracing::debug!(connection, peer, direction, length, "file moved");
            }
            What::Failed { error } => {
                tracing::warn!(connection, peer, direction, %error, "failed");
            }
            What::Tolerated { deviation } => {
                tracing::debug!(connection, peer, direction, %deviation, "tolerated");
            }
            What::Connected | What::Closed => {
                tracing::debug!(connection, peer, direction, "{}", what.name());
            }
        }
        (self.log)(record);
    }
}
