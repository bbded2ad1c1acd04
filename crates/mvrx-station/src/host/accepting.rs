//! Connections that come in, told to the driver of a host: those that are taken, those that are refused, and that the system has no more to give.

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::StationUuid;
use mvrx_transport::{AcceptError, Connection, Listener, NotTaken};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::driver::Done;

/// What became of somebody who connected.
#[derive(Debug)]
pub(crate) enum Knock {
    Accepted(Connection),
    Refused(SocketAddr, Option<StationUuid>, String),
    /// The system gives no more connections, for want of descriptors for instance; why. Told once until it does again.
    NoneLeft(String),
    /// It does again.
    SomeAgain,
}

/// Accepts until the host is gone.
pub(super) async fn accept(mut listener: Box<dyn Listener>, done: mpsc::Sender<Done>) {
    // When the system gave none for the last time.
    let mut none_left: Option<Instant> = None;
    loop {
        let knock = match listener.accept().await {
            Ok(connection) => Knock::Accepted(connection),
            Err(error) if error.is_final() => return,
            // A flood of them must not fill a disk with words.
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                match (error.peer(), &error) {
                    (Some(peer), _) => Knock::Refused(peer, error.station(), error.to_string()),
                    // req: HDR-15
                    (None, AcceptError::NotTaken(NotTaken::AcceptFailed { error, pause, .. }))
                        if !pause.is_zero() =>
                    {
                        if none_left.replace(Instant::now()).is_some() {
                            continue;
                        }
                        Knock::NoneLeft(error.to_string())
                    }
                    _ => continue,
                }
            }
        };
        let came = matches!(knock, Knock::Accepted(_));
        if done.send(Done::Knock(knock)).await.is_err() {
            return;
        }
        // Where connections come and go at the limit of the system, it fails again at once.
        if came && none_left.is_some_and(|at| at.elapsed() >= CALM) {
            none_left = None;
            if done.send(Done::Knock(Knock::SomeAgain)).await.is_err() {
                return;
            }
        }
    }
}

/// So long the system has had connections to give when it is told that it has.
const CALM: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use mvrx_transport::{Endpoint, MemoryNetwork, Transport};

    use super::*;

    /// What happens one after another, and how long it takes.
    #[derive(Debug)]
    struct Script(VecDeque<(u64, Result<Connection, AcceptError>)>);

    impl Listener for Script {
        fn local_addr(&self) -> SocketAddr {
            SocketAddr::from(([127, 0, 0, 1], 9))
        }

        fn accept(&mut self) -> mvrx_transport::BoxFuture<'_, Result<Connection, AcceptError>> {
            Box::pin(async move {
                let (after, next) = self.0.pop_front().unwrap_or((0, Err(AcceptError::NetworkGone)));
                tokio::time::sleep(Duration::from_secs(after)).await;
                next
            })
        }
    }

    fn fails() -> Result<Connection, AcceptError> {
        let pause = Duration::from_millis(10);
        Err(NotTaken::AcceptFailed { error: io::Error::from_raw_os_error(24), failures: 1, pause }.into())
    }

    async fn comes() -> Result<Connection, AcceptError> {
        let network = MemoryNetwork::new();
        let mut listener =
            network.station([10, 0, 0, 1]).listen(SocketAddr::from(([10, 0, 0, 1], 9))).await.unwrap();
        let dialing = network.station([10, 0, 0, 2]);
        let (dialed, accepted) =
            tokio::join!(dialing.dial(Endpoint::Address(listener.local_addr())), listener.accept());
        drop(dialed);
        accepted
    }

    #[tokio::test(start_paused = true)]
    // proves: HDR-15
    async fn that_the_system_gives_no_more_connections_is_told_once_and_that_it_does_again_when_it_lasts() {
        let gone = || NotTaken::AcceptFailed {
            error: io::ErrorKind::ConnectionAborted.into(),
            failures: 0,
            pause: Duration::ZERO,
        };
        let script = [
            (0, Err(gone().into())),
            (0, comes().await),
            (0, fails()),
            (1, fails()),
            (9, comes().await),
            (1, fails()),
            (10, comes().await),
            (10, comes().await),
            (1, fails()),
        ];
        let (done, mut told) = mpsc::channel(16);
        accept(Box::new(Script(script.into())), done).await;
        let mut all = Vec::new();
        while let Some(done) = told.recv().await {
            all.push(match done {
                Done::Knock(Knock::Accepted(_)) => "came",
                Done::Knock(Knock::NoneLeft(why)) if why.contains("24") => "none left",
                Done::Knock(Knock::SomeAgain) => "some again",
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(all, ["came", "none left", "came", "came", "some again", "came", "none left"]);
    }
}
