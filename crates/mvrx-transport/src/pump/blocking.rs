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

use super::feed::{Feed, Filled};
use super::framing::{Framing, Unframing};
use super::pace::Pace;
use super::transfer::{Arrived, Transfer};
use crate::error::{ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::stream::{Link, Shared};

pub(super) async fn send<L: Link, F: Framing>(
    shared: &Arc<Shared<L>>,
    socket: TcpStream,
    source: Box<dyn FileSource>,
    framing: F,
    progress: Progress,
) -> Result<u64, SendFileError> {
    let shared = Arc::clone(shared);
    let counted = progress.clone();
    let before = progress.moved();
    let job = tokio::task::spawn_blocking(move || {
        let feed = Feed::new(source, framing, &shared.limits);
        Sending { shared: &shared, socket: &socket, feed, progress: &progress }.run()
    });
    let sent = || counted.moved().saturating_sub(before);
    job.await.unwrap_or_else(|_| Err(SendFileError::WorkerEnded { sent: sent() }))
}

pub(super) async fn receive<L: Link, U: Unframing>(
    shared: &Arc<Shared<L>>,
    socket: TcpStream,
    mut transfer: Transfer,
    mut unframing: U,
) -> Result<(Transfer, U, Arrived), ReceiveError> {
    let shared = Arc::clone(shared);
    let received = transfer.arrived();
    let job = tokio::task::spawn_blocking(move || {
        let arrived = take(&shared, &socket, &mut transfer, &mut unframing)?;
        Ok((transfer, unframing, arrived))
    });
    job.await.unwrap_or(Err(ReceiveError::WorkerEnded { received }))
}

struct Sending<'a, L, F> {
    shared: &'a Shared<L>,
    socket: &'a TcpStream,
    feed: Feed<F>,
    progress: &'a Progress,
}

impl<L: Link, F: Framing> Sending<'_, L, F> {
    fn run(mut self) -> Result<u64, SendFileError> {
        loop {
            self.fill()?;
            self.write(None)?;
            if self.feed.written() {
                return Ok(self.feed.length());
            }
        }
    }

    fn fill(&mut self) -> Result<(), SendFileError> {
        let mut pace = Pace::of_source(&self.shared.limits, now());
        loop {
            let interlude = self.feed.interlude();
            self.write(Some(&interlude))?;
            let filled = match self.feed.fill(now()) {
                Ok(Filled::Enough) => return Ok(()),
                Ok(filled) => filled,
                Err(dry) => return Err(self.feed.dried_up(dry)),
            };
            if self.shared.is_broken() {
                return Err(SendFileError::Unusable(WriteError::ConnectionBroken));
            }
            if filled == Filled::Some {
                pace.restart(now());
                continue;
            }
            if pace.is_over(now()) {
                return Err(self.feed.source_stalled(&pace));
            }
            std::thread::sleep(NOT_YET);
        }
    }

    /// Writes the piece that is ready, or bytes that go out before it.
    fn write(&self, interlude: Option<&[u8]>) -> Result<(), SendFileError> {
        let mut pace = Pace::new(&self.shared.limits, now());
        let bytes = interlude.unwrap_or(self.feed.bytes());
        let meter = self.feed.meter();
        let sent = |written: usize| meter.sent(if interlude.is_some() { 0 } else { written });
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match (&mut &*self.socket).write(rest) {
                Ok(count) => {
                    let before = sent(written);
                    written += count;
                    self.progress.add(sent(written).saturating_sub(before));
                    pace.moved(count as u64, now());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !wait(self.socket, PollFlags::OUT, &pace) {
                        return Err(pace.peer_not_reading(sent(written)));
                    }
                }
                Err(error) => return Err(SendFileError::Network { sent: sent(written), error }),
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
    unframing: &mut impl Unframing,
) -> Result<Arrived, ReceiveError> {
    transfer.unframe(unframing, now());
    // Since when the thread has waited for more to hand the disk in one piece.
    let mut held = None;
    while unframing.wants() > 0 {
        if !transfer.has_room() {
            write_out(transfer)?;
            held = None;
        }
        let read = socket.read(transfer.room(unframing.wants()));
        if shared.is_broken() {
            let received = transfer.arrived();
            return Err(ReceiveError::Stream { received, error: ReadError::ConnectionBroken });
        }
        match read {
            Ok(0) => {
                // Whoever keeps the beginning of a file gets all that came of it.
                write_out(transfer)?;
                return Ok(Arrived::StreamEnded);
            }
            Ok(count) => {
                transfer.put(count, unframing, now());
                // Frames without a byte of the file are no progress, however many come.
                if unframing.wants() > 0 && transfer.pace.is_over(now()) {
                    return Err(transfer.stalled());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The disk gets what is here before the thread waits for long: whoever reads along sees it soon.
            Err(error) if error.kind() == ErrorKind::WouldBlock && !transfer.is_empty() => {
                let since = *held.get_or_insert_with(now);
                if now().saturating_duration_since(since) >= HELD || !more_comes_soon(socket) {
                    write_out(transfer)?;
                    held = None;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if !wait(socket, PollFlags::IN, &transfer.pace) {
                    return Err(transfer.stalled());
                }
            }
            Err(error) => {
                let received = transfer.arrived();
                // The network is to blame, whatever the sink says.
                let _ = write_out(transfer);
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

/// The disk takes one large piece faster than many small ones.
fn more_comes_soon(socket: &TcpStream) -> bool {
    let timeout = Timespec::try_from(SOON).ok();
    matches!(poll(&mut [PollFd::new(socket, PollFlags::IN)], timeout.as_ref()), Ok(1..))
}

/// This thread waits on the system's clock, also where a test pauses tokio's.
fn now() -> Instant {
    Instant::from_std(StdInstant::now())
}

/// How long to wait at least before a growing source is asked again.
const NOT_YET: Duration = Duration::from_millis(5);

/// How long bytes may wait for more of them at a time.
const SOON: Duration = Duration::from_millis(2);

/// How long they may wait in all.
const HELD: Duration = Duration::from_millis(20);
