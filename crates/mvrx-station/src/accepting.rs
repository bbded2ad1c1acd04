//! Connections that come in, told to the driver of a station.

use mvrx_core::LimitReached;
use mvrx_transport::{AcceptError, Listener, NotTaken};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::driver::Done;

pub(crate) async fn accept(mut listener: Box<dyn Listener>, done: mpsc::Sender<Done>) {
    // Each is told once: a flood of them must not fill a disk with words.
    let mut told = Vec::new();
    // When the system gave none for the last time, as long as that is what was told.
    let mut none_left: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok(connection) => {
                // Where connections come and go at the limit of the system, it fails again at once.
                none_left = none_left.filter(|at| at.elapsed() < CALM);
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
                    // req: STA-38
                    AcceptError::NotTaken(NotTaken::AcceptFailed { pause, .. }) if !pause.is_zero() => {
                        told.retain(|told| *told != LimitReached::System || none_left.is_some());
                        none_left = Some(Instant::now());
                        LimitReached::System
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

/// So long the system has had connections to give when it is told anew that it has none.
const CALM: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;
    use std::net::SocketAddr;

    use mvrx_transport::{BoxFuture, Connection, Endpoint, MemoryNetwork, Transport};

    use super::*;

    /// What happens one after another, and how long it takes.
    #[derive(Debug)]
    struct Script(VecDeque<(u64, Result<Connection, AcceptError>)>);

    impl Listener for Script {
        fn local_addr(&self) -> SocketAddr {
            SocketAddr::from(([127, 0, 0, 1], 9))
        }

        fn accept(&mut self) -> BoxFuture<'_, Result<Connection, AcceptError>> {
            Box::pin(async move {
                let (after, next) = self.0.pop_front().unwrap_or((0, Err(AcceptError::NetworkGone)));
                tokio::time::sleep(Duration::from_secs(after)).await;
                next
            })
        }
    }

    fn fails(kind: io::ErrorKind, pause: u64) -> Result<Connection, AcceptError> {
        let pause = Duration::from_millis(pause);
        Err(NotTaken::AcceptFailed { error: kind.into(), failures: 1, pause }.into())
    }

    async fn comes() -> Result<Connection, AcceptError> {
        let network = MemoryNetwork::new();
        let at = SocketAddr::from(([10, 0, 0, 1], 9));
        let mut listener = network.station([10, 0, 0, 1]).listen(at).await.unwrap();
        let dialing = network.station([10, 0, 0, 2]);
        let (_, accepted) =
            tokio::join!(dialing.dial(Endpoint::Address(listener.local_addr())), listener.accept());
        accepted
    }

    // proves: STA-38
    #[tokio::test(start_paused = true)]
    async fn that_the_system_gives_no_more_connections_is_told_once_and_anew_when_it_gave_some_for_a_while() {
        use io::ErrorKind::{ConnectionAborted, Other};
        let script = [
            (0, fails(ConnectionAborted, 0)),
            (0, fails(Other, 10)),
            (1, fails(Other, 10)),
            (9, comes().await),
            (1, fails(Other, 10)),
            (10, comes().await),
            (1, fails(Other, 10)),
        ];
        let (done, mut told) = mpsc::channel(16);
        accept(Box::new(Script(script.into())), done).await;
        let mut all = Vec::new();
        while let Some(done) = told.recv().await {
            all.push(match done {
                Done::Accepted(_) => "came",
                Done::NotAccepted(LimitReached::System) => "none left",
                _ => "something else",
            });
        }
        assert_eq!(all, ["none left", "came", "came", "none left"]);
    }
}
