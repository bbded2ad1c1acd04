//! Moves file payload: from a source to a link, from a link to a sink, in constant memory.
//!
//! | | blocking (unix sockets) | portable (every link) |
//! |---|---|---|
//! | socket | the thread polls a second handle of it | the task reads and writes it |
//! | source, sink | the same thread | short jobs on blocking threads |
//!
//! Either takes one buffer of memory; the system's own socket buffers let disk and network overlap.
//! It knows nothing of packages or frames: see [`framing`]. Whoever drops the future breaks
//! the link off (`stream::BreakOff`), which is what wakes a thread that waits for the peer.

#[cfg(unix)]
mod blocking;
mod feed;
mod framing;
mod pace;
mod portable;
mod transfer;

use std::sync::Arc;

pub(crate) use framing::{Framing, Package, Payload, Piece, Unframing};
pub(crate) use transfer::{Arrived, Transfer};

use crate::error::{ReceiveError, SendFileError};
use crate::file::{FileSource, Progress};
use crate::stream::{Link, Shared};

/// How file payload moves between a socket and a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FilePump {
    /// A thread per transfer does everything with large reads and writes. Where a link has no socket that a thread
    /// can wait for (not unix, in memory, no descriptor left), this is [`FilePump::Portable`].
    #[default]
    Blocking,
    /// The runtime moves the network's bytes, and blocking jobs the disk's.
    Portable,
}

/// Sends one file.
// req: TRA-04
pub(crate) async fn send<L: Link, F: Framing>(
    shared: &Arc<Shared<L>>,
    source: Box<dyn FileSource>,
    framing: F,
    progress: Progress,
) -> Result<u64, SendFileError> {
    #[cfg(unix)]
    if let Some(socket) = socket_for_thread(shared) {
        return blocking::send(shared, socket, source, framing, progress).await;
    }
    portable::send(shared, source, framing, progress).await
}

/// Takes from the link what `unframing` wants. The last bytes of it may still be in the transfer's buffer after.
pub(crate) async fn receive<L: Link, U: Unframing>(
    shared: &Arc<Shared<L>>,
    transfer: Transfer,
    unframing: U,
) -> Result<(Transfer, U, Arrived), ReceiveError> {
    #[cfg(unix)]
    if let Some(socket) = socket_for_thread(shared) {
        return blocking::receive(shared, socket, transfer, unframing).await;
    }
    portable::receive(shared, transfer, unframing).await
}

/// Takes bytes that came with a header.
pub(crate) async fn keep(mut transfer: Transfer, mut held: &[u8]) -> Result<Transfer, ReceiveError> {
    loop {
        held = transfer.take_from(held);
        if held.is_empty() {
            return Ok(transfer);
        }
        transfer = on_thread(transfer, Transfer::write_out).await?;
    }
}

/// Hands the last bytes to the sink and tells it that all were there.
pub(crate) async fn finish(transfer: Transfer) -> Result<(), ReceiveError> {
    let received = transfer.arrived();
    let job = tokio::task::spawn_blocking(move || transfer.finish());
    job.await.unwrap_or(Err(ReceiveError::WorkerEnded { received }))
}

/// Runs a job of the transfer on a thread that may block.
async fn on_thread(
    mut transfer: Transfer,
    job: impl FnOnce(&mut Transfer) -> Result<(), ReceiveError> + Send + 'static,
) -> Result<Transfer, ReceiveError> {
    let received = transfer.arrived();
    let job = tokio::task::spawn_blocking(move || job(&mut transfer).map(|()| transfer));
    job.await.unwrap_or(Err(ReceiveError::WorkerEnded { received }))
}

#[cfg(unix)]
fn socket_for_thread<L: Link>(shared: &Shared<L>) -> Option<std::net::TcpStream> {
    match shared.pump {
        FilePump::Blocking => shared.link.socket(),
        FilePump::Portable => None,
    }
}
