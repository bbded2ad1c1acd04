//! The pump that gives each transfer a thread of its own, with a second handle of the socket.
//!
//! The handle shares the socket's nonblocking mode, so the thread waits in poll(2) and the runtime's halves stay
//! usable. Breaking the link off shuts the socket down, which ends that wait.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::time::Instant;

use super::feed::Feed;
use super::pace::Pace;
use super::transfer::{Arrived, Transfer};
use crate::error::{ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::stream::{Link, Shared};

pub(super) async fn send<L: Link>(
    shared: &Arc<Shared<L>>,
    socket: TcpStream,
    source: Box<dyn FileSource>,
    progress: Progress,
) -> Result<u64, SendFileError> {
    let shared = Arc::clone(shared);
    let counted = progress.clone();
    let before = progress.moved();
    let job = tokio::task::spawn_blocking(move || {
        let feed = Feed::new(source, &shared.limits);
        Sending { shared: &shared, socket: &socket, feed, progress: &progress }.run()
    });
    let sent = || counted.moved().saturating_sub(before);
    job.await.unwrap_or_else(|_| Err(SendFileError::WorkerEnded { sent: sent() }))
}

pub(super) async fn receive<L: Link>(
    shared: &Arc<Shared<L>>,
    socket: TcpStream,
    mut transfer: Transfer,
    on_socket: u64,
) -> Result<(Transfer, Arrived), ReceiveError> {
    let shared = Arc::clone(shared);
    let received = transfer.arrived();
    let job = tokio::task::spawn_blocking(move || {
        let arrived = take(&shared, &socket, &mut transfer, on_socket)?;
        Ok((transfer, arrived))
    });
    job.await.unwrap_or(Err(ReceiveError::WorkerEnded { received }))
}

struct Sending<'a, L> {
    shared: &'a Shared<L>,
    socket: &'a TcpStream,
    feed: Feed,
    progress: &'a Progress,
}

impl<L: Link> Sending<'_, L> {
    fn run(mut self) -> Result<u64, SendFileError> {
        loop {
            self.fill()?;
            self.write()?;
            if self.feed.written() {
                return Ok(self.feed.length());
            }
        }
    }

    fn fill(&mut self) -> Result<(), SendFileError> {
        let pace = Pace::new(&self.shared.limits, now());
        loop {
            match self.feed.fill() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(dry) => return Err(self.feed.dried_up(dry)),
            }
            if self.shared.is_broken() {
                return Err(SendFileError::Unusable(WriteError::ConnectionBroken));
            }
            if pace.is_over(now()) {
                return Err(self.feed.source_stalled(&pace));
            }
            std::thread::sleep(NOT_YET);
        }
    }

    fn write(&mut self) -> Result<(), SendFileError> {
        let mut pace = Pace::new(&self.shared.limits, now());
        let mut written = 0;
        while let Some(rest) = self.feed.bytes().get(written..).filter(|rest| !rest.is_empty()) {
            match (&mut &*self.socket).write(rest) {
                Ok(count) => {
                    let before = self.feed.sent(written);
                    written += count;
                    self.progress.add(self.feed.sent(written).saturating_sub(before));
                    pace.moved(count as u64, now());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !wait(self.socket, PollFlags::OUT, &pace) {
                        return Err(self.feed.peer_not_reading(written, &pace));
                    }
                }
                Err(error) => return Err(self.feed.network(written, error)),
            }
            if self.shared.is_broken() {
                return Err(SendFileError::Unusable(WriteError::ConnectionBroken));
            }
        }
        Ok(())
    }
}

fn take<L: Link>(
    shared: &Shared<L>,
    mut socket: &TcpStream,
    transfer: &mut Transfer,
    on_socket: u64,
) -> Result<Arrived, ReceiveError> {
    let mut remaining = on_socket;
    while remaining > 0 {
        if !transfer.has_room() {
            write_out(transfer)?;
        }
        let read = socket.read(transfer.room(remaining));
        if shared.is_broken() {
            let received = transfer.arrived();
            return Err(ReceiveError::Stream { received, error: ReadError::ConnectionBroken });
        }
        match read {
            Ok(0) => return Ok(Arrived::StreamEnded),
            Ok(count) => {
                transfer.put(count, now());
                remaining = remaining.saturating_sub(count as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The disk gets what is here before the thread waits: whoever reads along sees it at once.
            Err(error) if error.kind() == ErrorKind::WouldBlock && !transfer.is_empty() => {
                write_out(transfer)?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !wait(socket, PollFlags::IN, &transfer.pace) {
                    return Err(transfer.stalled());
                }
            }
            Err(error) => {
                let received = transfer.arrived();
                return Err(ReceiveError::Stream { received, error: ReadError::Network(error) });
            }
        }
    }
    Ok(Arrived::Everything)
}

fn write_out(transfer: &mut Transfer) -> Result<(), ReceiveError> {
    let from = now();
    let written = transfer.write_out();
    transfer.pace.excuse(from, now());
    written
}

/// Waits until the socket is ready, broken or shut down; `false` if the pace is over before.
fn wait(socket: &TcpStream, flags: PollFlags, pace: &Pace) -> bool {
    loop {
        let left = pace.until().map(|until| until.saturating_duration_since(now()));
        // A deadline that poll cannot express is further away than anybody waits.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(socket, flags)], timeout.as_ref()) {
            Ok(0) if pace.is_over(now()) => return false,
            Ok(0) | Err(Errno::INTR) => {}
            // Anything that is wrong with the socket shows in the next read or write.
            Ok(_) | Err(_) => return true,
        }
    }
}

/// This thread waits on the system's clock, also where a test pauses tokio's.
fn now() -> Instant {
    Instant::from_std(StdInstant::now())
}

/// How long to wait at least before a growing source is asked again.
const NOT_YET: Duration = Duration::from_millis(5);
