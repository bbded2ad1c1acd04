//! What the application hears of its station.

use std::time::SystemTime;

use mvrx_core::Event;
use mvrx_core::host::Event as HostEvent;
use tokio::sync::broadcast;

/// One event with the time at which this machine saw it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Seen {
    /// Our clock; no time of another machine is ever shown.
    pub at: SystemTime,
    /// What happened.
    pub event: Event,
}

/// One event that only the host of a session has, with the time at which this machine saw it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SessionSeen {
    /// Our clock.
    pub at: SystemTime,
    /// What happened.
    pub event: HostEvent,
}

/// The next thing in an event stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// An event.
    Event(Box<Seen>),
    /// An event of the session that we host (see [`crate::Builder::host`]).
    Session(Box<SessionSeen>),
    /// Something keeps stations from finding each other; each is told once, in words. Those already found stay.
    DiscoveryProblem {
        /// What.
        what: String,
    },
    /// Events were missed, because they were not taken fast enough. Read [`crate::Station::stations`] and
    /// [`crate::Station::commits`] again: they are always whole.
    Lagged {
        /// How many were missed.
        missed: u64,
    },
}

/// What the driver tells its listeners.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Seen(Seen),
    Session(SessionSeen),
    DiscoveryProblem { what: String },
}

impl From<Told> for Heard {
    fn from(told: Told) -> Self {
        match told {
            Told::Seen(seen) => Self::Event(Box::new(seen)),
            Told::Session(seen) => Self::Session(Box::new(seen)),
            Told::DiscoveryProblem { what } => Self::DiscoveryProblem { what },
        }
    }
}

/// A bounded stream of events; as many as wanted may exist side by side.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Told>,
}

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Told>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` when the station has stopped. Cancel-safe: a dropped call loses nothing.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.receiver.recv().await {
            Ok(told) => Some(told.into()),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Heard::Lagged { missed }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// An event that has happened already; `None` when none is left to read. What [`Station`](crate::Station) answers may be newer than the
    /// events read so far: after a call returned, this gives those that its answer counted. Never waits.
    pub fn next_at_once(&mut self) -> Option<Heard> {
        match self.receiver.try_recv() {
            Ok(told) => Some(told.into()),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Heard::Lagged { missed }),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }

    /// The next event, for a thread without a runtime. Never call it from asynchronous code.
    pub fn next_blocking(&mut self) -> Option<Heard> {
        match self.receiver.blocking_recv() {
            Ok(told) => Some(told.into()),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Heard::Lagged { missed }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
