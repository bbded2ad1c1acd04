//! The pump for every link and system: the task moves the network's bytes, short blocking jobs the disk's.
//!
//! Waits are tokio's, so it runs with a paused clock.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lan_net::deadline::Deadline;
use tokio::time::{Instant, sleep};

use super::feed::{Dry, Feed, Filled};
use super::framing::{Framing, Unframing};
use super::on_thread;
use super::pace::Pace;
use super::transfer::{Arrived, Transfer};
use crate::error::{ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::stream::{Link, Shared};

pub(super) async fn send<L: Link, F: Framing>(
    shared: &Arc<Shared<L>>,
    source: Box<dyn FileSource>,
    framing: F,
    progress: Progress,
) -> Result<u64, SendFileError> {
    let limits = shared.limits;
    let mut feed = run(0, move || Ok(Feed::new(source, framing, &limits))).await?;
    loop {
        feed = fill(shared, feed, &progress).await?;
        let meter = feed.meter();
        write(shared, feed.bytes(), &progress, |written| meter.sent(written)).await?;
        if feed.written() {
            return Ok(feed.length());
        }
    }
}

async fn fill<L: Link, F: Framing>(
    shared: &Shared<L>,
    mut feed: Feed<F>,
    progress: &Progress,
) -> Result<Feed<F>, SendFileError> {
    let mut pace = Pace::of_source(&shared.limits, Instant::now());
    loop {
        let interlude = feed.interlude();
        let sent = feed.sent(0);
        write(shared, &interlude, progress, |_| sent).await?;
        let sent = feed.sent(0);
        let filled: Result<Filled, Dry>;
        let now = Instant::now();
        (feed, filled) = run(sent, move || {
            let filled = feed.fill(now);
            Ok((feed, filled))
        })
        .await?;
        match filled {
            Ok(Filled::Enough) => return Ok(feed),
            Ok(Filled::Some) => {
                pace.restart(Instant::now());
                continue;
            }
            Ok(Filled::Nothing) => {}
            Err(dry) => return Err(feed.dried_up(dry)),
        }
        if pace.is_over(Instant::now()) {
            return Err(feed.source_stalled(&pace));
        }
        sleep(NOT_YET).await;
    }
}

/// Writes bytes; `sent` says how much of the file is out when so many of them are.
async fn write<L: Link>(
    shared: &Shared<L>,
    bytes: &[u8],
    progress: &Progress,
    sent: impl Fn(usize) -> u64,
) -> Result<(), SendFileError> {
    let mut pace = Pace::new(&shared.limits, Instant::now());
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let write = poll_fn(|cx| shared.link.poll_write(cx, rest));
        match deadline(&pace).limit(write).await {
            Ok(_) if shared.is_broken() => return Err(SendFileError::Unusable(WriteError::ConnectionBroken)),
            Ok(Ok(count)) => {
                let before = sent(written);
                written += count;
                progress.add(sent(written).saturating_sub(before));
                pace.moved(count as u64, Instant::now());
            }
            Ok(Err(error)) => return Err(SendFileError::Network { sent: sent(written), error }),
            Err(_) => return Err(pace.peer_not_reading(sent(written))),
        }
    }
    Ok(())
}

pub(super) async fn receive<L: Link, U: Unframing>(
    shared: &Arc<Shared<L>>,
    mut transfer: Transfer,
    mut unframing: U,
) -> Result<(Transfer, U, Arrived), ReceiveError> {
    transfer.unframe(&mut unframing, Instant::now());
    while unframing.wants() > 0 {
        if !transfer.has_room() {
            transfer = write_out(transfer).await?;
        }
        let due = deadline(&transfer.pace);
        let (link, buffer, frames) = (&shared.link, &mut transfer, &mut unframing);
        let read = due.limit(poll_fn(|cx| read_what_is_there(link, cx, buffer, frames))).await;
        let received = transfer.arrived();
        match read {
            Ok(_) if shared.is_broken() => {
                return Err(ReceiveError::Stream { received, error: ReadError::ConnectionBroken });
            }
            Ok(Ok(0)) => {
                // Whoever keeps the beginning of a file gets all that came of it.
                transfer = write_out(transfer).await?;
                return Ok((transfer, unframing, Arrived::StreamEnded));
            }
            // Frames without a byte of the file are no progress, however many come.
            Ok(Ok(_)) if unframing.wants() > 0 && transfer.pace.is_over(Instant::now()) => {
                return Err(transfer.stalled());
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                return Err(ReceiveError::Stream { received, error: ReadError::Network(error) });
            }
            Err(_) => return Err(transfer.stalled()),
        }
        if unframing.wants() > 0 {
            transfer = write_out(transfer).await?;
        }
    }
    Ok((transfer, unframing, Arrived::Everything))
}

/// Reads until the buffer is full or the link has no more for now, so that one job for the disk takes much. What
/// goes wrong after the first byte shows at the next call.
fn read_what_is_there<L: Link>(
    link: &L,
    cx: &mut Context<'_>,
    transfer: &mut Transfer,
    unframing: &mut impl Unframing,
) -> Poll<std::io::Result<usize>> {
    let mut total = 0;
    while unframing.wants() > 0 && transfer.has_room() {
        match link.poll_read(cx, transfer.room(unframing.wants())) {
            Poll::Ready(Ok(count)) if count > 0 => {
                transfer.put(count, unframing, Instant::now());
                total += count;
            }
            _ if total > 0 => break,
            Poll::Ready(ended) => return Poll::Ready(ended.map(|_| 0)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(total))
}

async fn write_out(transfer: Transfer) -> Result<Transfer, ReceiveError> {
    let from = Instant::now();
    let mut transfer = on_thread(transfer, Transfer::write_out).await?;
    transfer.pace.excuse(from, Instant::now());
    Ok(transfer)
}

/// Runs a job of the source on a thread that may block.
async fn run<T: Send + 'static>(
    sent: u64,
    job: impl FnOnce() -> Result<T, SendFileError> + Send + 'static,
) -> Result<T, SendFileError> {
    tokio::task::spawn_blocking(job).await.unwrap_or(Err(SendFileError::WorkerEnded { sent }))
}

fn deadline(pace: &Pace) -> Deadline {
    pace.until().map_or_else(Deadline::never, Deadline::until)
}

/// How long to wait at least before a growing source is asked again.
const NOT_YET: Duration = Duration::from_millis(5);
