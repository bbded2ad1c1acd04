//! The pump for every link and system: the task moves the network's bytes, short blocking jobs the disk's.
//!
//! Waits are tokio's, so it runs with a paused clock.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lan_net::deadline::Deadline;
use tokio::time::{Instant, sleep};

use super::feed::{Dry, Feed};
use super::on_thread;
use super::pace::Pace;
use super::transfer::{Arrived, Transfer};
use crate::error::{ReadError, ReceiveError, SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::stream::{Link, Shared};

pub(super) async fn send<L: Link>(
    shared: &Arc<Shared<L>>,
    source: Box<dyn FileSource>,
    progress: Progress,
) -> Result<u64, SendFileError> {
    let limits = shared.limits;
    let mut feed = run(0, move || Ok(Feed::new(source, &limits))).await?;
    loop {
        feed = fill(shared, feed).await?;
        write(shared, &mut feed, &progress).await?;
        if feed.written() {
            return Ok(feed.length());
        }
    }
}

async fn fill<L: Link>(shared: &Shared<L>, mut feed: Feed) -> Result<Feed, SendFileError> {
    let pace = Pace::new(&shared.limits, Instant::now());
    loop {
        let sent = feed.sent(0);
        let filled: Result<bool, Dry>;
        (feed, filled) = run(sent, move || {
            let filled = feed.fill();
            Ok((feed, filled))
        })
        .await?;
        match filled {
            Ok(true) => return Ok(feed),
            Ok(false) => {}
            Err(dry) => return Err(feed.dried_up(dry)),
        }
        if pace.is_over(Instant::now()) {
            return Err(feed.source_stalled(&pace));
        }
        sleep(NOT_YET).await;
    }
}

async fn write<L: Link>(
    shared: &Shared<L>,
    feed: &mut Feed,
    progress: &Progress,
) -> Result<(), SendFileError> {
    let mut pace = Pace::new(&shared.limits, Instant::now());
    let mut written = 0;
    while let Some(rest) = feed.bytes().get(written..).filter(|rest| !rest.is_empty()) {
        let write = poll_fn(|cx| shared.link.poll_write(cx, rest));
        match deadline(&pace).limit(write).await {
            Ok(_) if shared.is_broken() => return Err(SendFileError::Unusable(WriteError::ConnectionBroken)),
            Ok(Ok(count)) => {
                let before = feed.sent(written);
                written += count;
                progress.add(feed.sent(written).saturating_sub(before));
                pace.moved(count as u64, Instant::now());
            }
            Ok(Err(error)) => return Err(feed.network(written, error)),
            Err(_) => return Err(feed.peer_not_reading(written, &pace)),
        }
    }
    Ok(())
}

pub(super) async fn receive<L: Link>(
    shared: &Arc<Shared<L>>,
    mut transfer: Transfer,
    on_socket: u64,
) -> Result<(Transfer, Arrived), ReceiveError> {
    let mut remaining = on_socket;
    while remaining > 0 {
        if !transfer.has_room() {
            transfer = write_out(transfer).await?;
        }
        let due = deadline(&transfer.pace);
        let read =
            due.limit(poll_fn(|cx| read_what_is_there(&shared.link, cx, &mut transfer, remaining))).await;
        let received = transfer.arrived();
        match read {
            Ok(_) if shared.is_broken() => {
                return Err(ReceiveError::Stream { received, error: ReadError::ConnectionBroken });
            }
            Ok(Ok(0)) => return Ok((transfer, Arrived::StreamEnded)),
            Ok(Ok(count)) => remaining = remaining.saturating_sub(count),
            Ok(Err(error)) => {
                return Err(ReceiveError::Stream { received, error: ReadError::Network(error) });
            }
            Err(_) => return Err(transfer.stalled()),
        }
        if remaining > 0 {
            transfer = write_out(transfer).await?;
        }
    }
    Ok((transfer, Arrived::Everything))
}

/// Reads until the buffer is full or the link has no more for now, so that one job for the disk takes much. What
/// goes wrong after the first byte shows at the next call.
fn read_what_is_there<L: Link>(
    link: &L,
    cx: &mut Context<'_>,
    transfer: &mut Transfer,
    most: u64,
) -> Poll<std::io::Result<u64>> {
    let mut total = 0;
    while total < most && transfer.has_room() {
        match link.poll_read(cx, transfer.room(most - total)) {
            Poll::Ready(Ok(count)) if count > 0 => {
                transfer.put(count, Instant::now());
                total += count as u64;
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
