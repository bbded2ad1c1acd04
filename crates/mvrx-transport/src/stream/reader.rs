//! The incoming half.
//!
//! ```text
//!            message, malformed message                          end of the stream
//!   OPEN ─────────────────────────────► OPEN       OPEN ────────────────────────────► CLOSED (for ever)
//!     │ header of a file                              └── violation, deadline, I/O error ──► FAILED (for ever)
//!     ▼
//!   FILE BEGUN ──receive_file──► (receiving) ──finished──► OPEN
//!                                     └──any other end, also a dropped future──► FAILED, connection broken off
//! ```
//! Each state's timer stands in the table of `timers`.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use lan_net::deadline::Deadline;
use mvrx_message::{Message, MessageType};
use mvrx_wire::{Decoder, Step};

use super::buffer::ReadBuffer;
use super::link::{Link, Shared};
use super::timers::{Place, Timers};
use crate::error::{ReadError, ReceiveError};
use crate::file::{FileSink, Progress};
use crate::pump::{self, Arrived, Payload, Transfer};
use crate::traits::{Between, BoxFuture, Incoming, MessageReader};

#[derive(Debug)]
pub(super) struct Reader<L: Link> {
    shared: Arc<Shared<L>>,
    decoder: Decoder,
    buffer: ReadBuffer,
    timers: Timers,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    FileBegun { length: Option<u64> },
    Closed,
    Failed,
}

impl<L: Link> MessageReader for Reader<L> {
    fn next(&mut self) -> BoxFuture<'_, Result<Incoming, ReadError>> {
        Box::pin(self.next_incoming())
    }

    fn receive_file<'a>(
        &'a mut self,
        sink: Box<dyn FileSink>,
        _expected: Option<u64>,
        _between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>> {
        Box::pin(self.receive(sink, progress))
    }
}

impl<L: Link> Reader<L> {
    pub(super) fn new(shared: Arc<Shared<L>>) -> Self {
        let decoder = Decoder::new(shared.limits.wire());
        Self { shared, decoder, buffer: ReadBuffer::default(), timers: Timers::default(), state: State::Open }
    }

    async fn next_incoming(&mut self) -> Result<Incoming, ReadError> {
        match self.state {
            State::Open if self.shared.is_broken() => return Err(ReadError::ConnectionBroken),
            State::Open => {}
            State::FileBegun { .. } => return Err(ReadError::FileNotReceived),
            State::Closed => return Ok(Incoming::Closed),
            State::Failed => return Err(ReadError::ConnectionBroken),
        }
        let outcome = self.read_on().await;
        match &outcome {
            Ok(Incoming::File { length }) => self.state = State::FileBegun { length: *length },
            Ok(Incoming::Closed) => self.state = State::Closed,
            Ok(_) => {}
            Err(_) => self.state = State::Failed,
        }
        outcome
    }

    // req: TRA-01, TRA-02
    async fn read_on(&mut self) -> Result<Incoming, ReadError> {
        loop {
            match self.decode()? {
                Decoded::Incoming(incoming) => {
                    self.timers.message_done();
                    return Ok(incoming);
                }
                Decoded::Incomplete { missing } => {
                    if self.fill(missing).await? == 0 {
                        self.decoder.finish()?;
                        return Ok(Incoming::Closed);
                    }
                }
            }
        }
    }

    fn decode(&mut self) -> Result<Decoded, ReadError> {
        let (consumed, step) = self.decoder.decode(self.buffer.filled())?;
        let decoded = match step {
            Step::Incomplete { missing } => Decoded::Incomplete { missing },
            Step::Json(json) => Decoded::Incoming(understand(json, &self.shared.limits.message)),
            Step::FileStart { length, .. } => Decoded::Incoming(Incoming::File { length }),
            Step::FilePayload { .. } | Step::FileEnd { .. } => return Err(ReadError::FileNotReceived),
        };
        self.buffer.consume(consumed);
        Ok(decoded)
    }

    /// Waits for bytes, as long as the place in the stream allows. Cancel-safe: bytes are taken from the link and
    /// noted in one go.
    async fn fill(&mut self, missing: usize) -> Result<usize, ReadError> {
        loop {
            let place = Place::of(&self.decoder);
            let deadline = self.timers.deadline(place, &self.shared);
            let link = &self.shared.link;
            let buffer = &mut self.buffer;
            let read = poll_fn(|cx| link.poll_read(cx, buffer.room(missing)));
            match deadline.limit(read).await {
                Ok(Ok(count)) => {
                    self.buffer.put(count);
                    self.timers.read();
                    return Ok(count);
                }
                Ok(Err(_)) if self.shared.is_broken() => return Err(ReadError::ConnectionBroken),
                Ok(Err(error)) => return Err(ReadError::Network(error)),
                Err(_) => {
                    if let Some(error) = self.timers.passed(place, self.buffer.filled().len(), &self.shared) {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn receive(&mut self, sink: Box<dyn FileSink>, progress: Progress) -> Result<u64, ReceiveError> {
        let State::FileBegun { length } = self.state else { return Err(ReceiveError::NoFileBegan) };
        self.state = State::Failed;
        let guard = self.shared.guard();
        let transfer = Transfer::new(sink, length, progress, &self.shared.limits);
        let length = self.move_file(transfer).await?;
        guard.all_went_well();
        self.timers.message_done();
        self.timers.read();
        self.state = State::Open;
        Ok(length)
    }

    async fn move_file(&mut self, mut transfer: Transfer) -> Result<u64, ReceiveError> {
        loop {
            let received = transfer.arrived();
            let broken = |error: ReadError| ReceiveError::Stream { received, error };
            let (consumed, step) =
                self.decoder.decode(self.buffer.filled()).map_err(|error| broken(error.into()))?;
            match step {
                Step::FilePayload { held, on_socket } => {
                    transfer = pump::keep(transfer, held).await?;
                    self.buffer.consume(consumed);
                    self.timers.message_done();
                    transfer = self.move_payload(transfer, on_socket).await?;
                }
                Step::FileEnd { length } => {
                    self.buffer.consume(consumed);
                    pump::finish(transfer).await?;
                    return Ok(length);
                }
                Step::Incomplete { missing } => {
                    self.buffer.consume(consumed);
                    // The header of a split file's next package; a peer may not take a header's time for each.
                    let due = transfer.overdue_at().map_or_else(Deadline::never, Deadline::until);
                    let filled = due.limit(self.fill(missing)).await.map_err(|_| transfer.stalled())?;
                    if filled.map_err(broken)? == 0 {
                        self.decoder.finish().map_err(|error| broken(error.into()))?;
                    }
                }
                Step::FileStart { .. } | Step::Json(_) => {
                    return Err(broken(ReadError::Network(io::ErrorKind::InvalidData.into())));
                }
            }
        }
    }

    async fn move_payload(&mut self, transfer: Transfer, on_socket: u64) -> Result<Transfer, ReceiveError> {
        if on_socket == 0 {
            return Ok(transfer);
        }
        let before = transfer.arrived();
        let (transfer, _, arrived) = pump::receive(&self.shared, transfer, Payload(on_socket)).await?;
        let received = transfer.arrived();
        let broken = |error| ReceiveError::Stream { received, error };
        let moved = self.decoder.file_bytes_moved(received.saturating_sub(before));
        moved.map_err(|error| broken(ReadError::Network(io::Error::other(error))))?;
        match arrived {
            Arrived::Everything => Ok(transfer),
            Arrived::StreamEnded => {
                self.decoder.finish().map_err(|error| broken(error.into()))?;
                Err(broken(ReadError::ConnectionBroken))
            }
        }
    }
}

#[allow(clippy::large_enum_variant, reason = "one at a time, and nearly all of them are messages")]
enum Decoded {
    Incoming(Incoming),
    Incomplete { missing: usize },
}

pub(crate) fn understand(json: &[u8], limits: &mvrx_message::Limits) -> Incoming {
    let bytes = json.len();
    match Message::parse_with(json, limits) {
        Ok(parsed) => Incoming::Message { parsed, bytes },
        Err(error) => {
            let kind = error.message_type().or_else(|| MessageType::guess(json));
            Incoming::Malformed { error, kind, bytes }
        }
    }
}
