//! Connections that come in, told to the driver of a station.

use mvrx_core::LimitReached;
use mvrx_transport::{AcceptError, Listener, NotTaken};
use tokio::sync::mpsc;

use crate::driver::Done;

pub(crate) async fn accept(mut listener: Box<dyn Listener>, done: mpsc::Sender<Done>) {
    // Each is told once: a flood of them must not fill a disk with words.
    let mut told = Vec::new();
    loop {
        match listener.accept().await {
            Ok(connection) => {
                if done.send(Done::Accepted(connection)).await.is_err() {
                    return;
                }
            }
            Err(error) if error.is_final() => return,
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                let limit = match error {
                    AcceptError::NotTaken(NotTaken::TooManyConnections { .. }) => LimitReached::Inbound,
                    AcceptError::NotTaken(NotTaken::TooManyConnectionsFromPeer { .. }) => {
                        LimitReached::InboundFromOne
                    }
                    _ => continue,
                };
                if !told.contains(&limit) {
                    told.push(limit);
                    if done.send(Done::NotAccepted(limit)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
