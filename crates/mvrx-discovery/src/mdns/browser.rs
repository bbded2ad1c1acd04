//! One service type that is looked for, asked again on a schedule.
//!
//! mdns-sd asks by itself less and less often, up to once an hour, and has no call to ask now. To browse the same type again makes it ask at
//! once: the new stream of events takes the place of the old one and begins with everything cached. The old stream is read to its end
//! first, so nothing is lost or comes out of order.

use std::collections::VecDeque;
use std::future;
use std::time::Duration;

use mdns_sd::{Error, Receiver, ServiceDaemon, ServiceEvent};
use tokio::time::Instant;

use super::options::Requery;

#[derive(Debug)]
pub(super) struct Browser {
    service_type: String,
    /// Oldest first, each with the generation in which it was begun. Only the last one is alive.
    streams: VecDeque<(u64, Stream)>,
    requery: Requery,
    fast_until: Instant,
    ask_at: Instant,
}

struct Stream(Receiver<ServiceEvent>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Stream").field(&self.0.len()).finish()
    }
}

impl Browser {
    /// Will ask as soon as it is [told](Self::ask).
    pub(super) fn new(service_type: String, requery: Requery) -> Self {
        let now = Instant::now();
        let fast_until = now + requery.fast_for;
        Self { service_type, streams: VecDeque::new(), requery, fast_until, ask_at: now }
    }

    pub(super) fn service_type(&self) -> &str {
        &self.service_type
    }

    /// When to ask next.
    pub(super) fn ask_at(&self) -> Instant {
        self.ask_at
    }

    /// Whether it asks more often now.
    pub(super) fn is_fast(&self) -> bool {
        Instant::now() < self.fast_until
    }

    /// Asks who is there, now.
    pub(super) fn ask(&mut self, daemon: &ServiceDaemon, generation: u64) -> Result<(), Error> {
        let now = Instant::now();
        self.ask_at = now + if self.is_fast() { self.requery.fast_every } else { self.requery.every };
        match daemon.browse(&self.service_type) {
            Ok(stream) => {
                self.streams.push_back((generation, Stream(stream)));
                Ok(())
            }
            Err(Error::Again) => {
                self.ask_at = now + BUSY;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Has the daemon forget all it knows of this type and asks who is there. Tells whether it forgot.
    pub(super) fn ask_anew(&mut self, daemon: &ServiceDaemon, generation: u64) -> Result<bool, Error> {
        match daemon.stop_browse(&self.service_type) {
            Ok(()) => {}
            Err(Error::Again) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.fast_until = Instant::now() + self.requery.fast_for;
        self.ask(daemon, generation)?;
        Ok(true)
    }

    /// The next event and the generation of its stream. `None`: the daemon closed the stream and has to be [asked](Self::ask) again.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(u64, ServiceEvent)> {
        loop {
            let Some((generation, stream)) = self.streams.front() else {
                // Asked too early; the schedule knows when to try again.
                return future::pending().await;
            };
            let generation = *generation;
            match stream.0.recv_async().await {
                Ok(event) => return Some((generation, event)),
                Err(_) => {
                    self.streams.pop_front();
                    if self.streams.is_empty() {
                        return None;
                    }
                }
            }
        }
    }
}

/// The daemon's queue of commands was full; it drains it in no time.
const BUSY: Duration = Duration::from_millis(100);
