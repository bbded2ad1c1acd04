//! The incoming half.
//!
//! ```text
//!            text, control frame                                   close frame of the peer
//!   OPEN ─────────────────────────► OPEN            OPEN ────────────────────────────► CLOSED (for ever)
//!     │ binary message begins                          └── violation, deadline, end ──► FAILED (for ever)
//!     ▼
//!   PEEKING (its first 28 bytes) ──they are a file's──► FILE BEGUN ──receive_file──► (receiving) ──► OPEN
//!     └── a package header and JSON behind it: OPEN         any other end, also a dropped future ──► FAILED
//! ```
//! Each state's timer stands in the table of `timers`. A violation is told to the peer by a close frame with the
//! right code, and the link then lives on for a moment so that the peer can read it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use lan_net::deadline::Deadline;
use mvrx_wire::{HEADER_LEN, MAGIC, PackageHeader, PackageType};
use tokio::time::Instant;

use super::files::{FileStream, Stop};
use super::frame::{FrameDecoder, FrameError, Place, Role, Step};
use super::outbox::Outbox;
use super::timers::{Due, Timers};
use super::zip_end::ZipEnd;
use super::{linger, part};
use crate::error::{ReadError, ReceiveError};
use crate::file::{FileSink, Progress};
use crate::pump::{self, Transfer};
use crate::stream::{Link, ReadBuffer, Shared, understand};
use crate::traits::{Between, BoxFuture, Deviation, FileEnding, Incoming, MessageReader};

#[derive(Debug)]
pub(super) struct Reader<L: Link> {
    shared: Arc<Shared<L>>,
    outbox: Arc<Outbox>,
    role: Role,
    decoder: FrameDecoder,
    raw: ReadBuffer,
    /// The beginning of a binary message, unmasked.
    head: Vec<u8>,
    /// What was found together with what was told before.
    next: Option<Incoming>,
    timers: Timers,
    ending: FileEnding,
    /// Bytes of a message; less than usual for a stranger.
    text_bytes: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Peeking,
    /// Whether the message has ended already.
    FileBegun {
        ended: bool,
    },
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
        expected: Option<u64>,
        between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>> {
        Box::pin(self.receive(sink, expected, between, progress))
    }

    fn set_file_ending(&mut self, ending: FileEnding) {
        self.ending = ending;
    }

    fn set_text_bytes(&mut self, most: usize) {
        self.text_bytes = most;
        self.decoder.set_text_bytes(most);
    }
}

impl<L: Link> Reader<L> {
    /// `early` came behind the handshake.
    pub(super) fn new(shared: Arc<Shared<L>>, outbox: Arc<Outbox>, role: Role, early: &[u8]) -> Self {
        let decoder = FrameDecoder::new(role, shared.limits.frames());
        let text_bytes = shared.limits.json_bytes;
        let mut raw = ReadBuffer::default();
        raw.append(early);
        let (head, mut timers, ending) = (Vec::new(), Timers::default(), FileEnding::default());
        if !early.is_empty() {
            timers.read();
        }
        let (next, state) = (None, State::Open);
        Self { shared, outbox, role, decoder, raw, head, next, timers, ending, text_bytes, state }
    }

    async fn next_incoming(&mut self) -> Result<Incoming, ReadError> {
        if let Some(next) = self.next.take() {
            return Ok(next);
        }
        match self.state {
            State::Open | State::Peeking if self.shared.is_broken() => {
                return Err(ReadError::ConnectionBroken);
            }
            State::Open | State::Peeking => {}
            State::FileBegun { .. } => return Err(ReadError::FileNotReceived),
            State::Closed => return Ok(Incoming::Closed),
            State::Failed => return Err(ReadError::ConnectionBroken),
        }
        let outcome = self.read_on().await;
        match &outcome {
            Ok(Incoming::Closed) => self.state = State::Closed,
            Ok(_) => {}
            Err(error) => self.fail(close_code(error), &error.to_string()),
        }
        outcome
    }

    async fn read_on(&mut self) -> Result<Incoming, ReadError> {
        loop {
            match self.decode()? {
                Decoded::Incoming(incoming) => {
                    self.timers.message_done();
                    return Ok(incoming);
                }
                Decoded::Nothing => {}
                Decoded::Incomplete => {
                    if self.fill().await? == 0 {
                        self.decoder.finish(self.raw.filled().len())?;
                        return Ok(Incoming::Closed);
                    }
                }
            }
        }
    }

    fn decode(&mut self) -> Result<Decoded, ReadError> {
        let raw = self.raw.filled_mut();
        let (consumed, step) = self.decoder.decode(raw)?;
        let decoded = match step {
            Step::Incomplete => Decoded::Incomplete,
            Step::Text(text) => Decoded::Incoming(understand(text.as_bytes(), &self.shared.limits.message)),
            Step::Ping(payload) => {
                self.outbox.pong(payload);
                self.timers.control_done();
                Decoded::Nothing
            }
            Step::Pong(payload) => {
                self.outbox.ponged(payload);
                self.timers.control_done();
                Decoded::Nothing
            }
            Step::BinaryBegins { .. } => {
                self.state = State::Peeking;
                self.head.clear();
                Decoded::Nothing
            }
            Step::Payload(count) => {
                let payload = raw.get(consumed.saturating_sub(count)..consumed).unwrap_or_default();
                self.head.extend_from_slice(payload);
                self.raw.consume(consumed);
                return self.peek(false);
            }
            Step::BinaryEnds => {
                self.raw.consume(consumed);
                return self.peek(true);
            }
            Step::Close { code, reason } => {
                let reason = reason.to_owned();
                self.raw.consume(consumed);
                return self.closed(code, reason).map(Decoded::Incoming);
            }
        };
        self.raw.consume(consumed);
        Ok(decoded)
    }

    /// What a binary message is, by its first bytes.
    // req: WSK-16
    fn peek(&mut self, ended: bool) -> Result<Decoded, ReadError> {
        let magic = MAGIC.to_be_bytes();
        let header = self.head.first_chunk::<HEADER_LEN>();
        let looks_so = self.head.iter().zip(&magic).all(|(byte, magic)| byte == magic);
        if looks_so && header.is_none() && !ended {
            return Ok(Decoded::Nothing);
        }
        let header = header.filter(|_| looks_so).and_then(|bytes| PackageHeader::parse(bytes).ok());
        let Some(header) = header else {
            self.state = State::FileBegun { ended };
            return Ok(Decoded::Incoming(Incoming::File { length: None }));
        };
        let limits = &self.shared.limits;
        if header.package_type == PackageType::File {
            self.head.drain(..HEADER_LEN);
            self.state = State::FileBegun { ended };
            self.next = Some(Incoming::File { length: None });
        } else if ended {
            let json = self.head.split_off(HEADER_LEN);
            self.state = State::Open;
            self.head = Vec::new();
            self.next = Some(understand(&json, &limits.message));
        } else {
            let (length, allowed) = (self.head.len().saturating_sub(HEADER_LEN), self.text_bytes);
            if length > allowed {
                return Err(FrameError::TextLongerThanLimit { length: length as u64, allowed }.into());
            }
            return Ok(Decoded::Nothing);
        }
        Ok(Decoded::Incoming(Incoming::Tolerated(Deviation::PackageHeaderInWebSocket)))
    }

    // req: WSK-11
    fn closed(&mut self, code: Option<u16>, reason: String) -> Result<Incoming, ReadError> {
        self.outbox.peer_closed(code);
        self.outbox.flush_now(&self.shared.link);
        if self.decoder.is_in_message() {
            return Err(FrameError::StreamEndedInMessage.into());
        }
        match code {
            None | Some(1000) => Ok(Incoming::Closed),
            // Nothing is wrong, but there is something to say.
            Some(1001 | 1012 | 1013) if reason.is_empty() => Ok(Incoming::Closed),
            Some(code) => Err(ReadError::ClosedByPeer { code, reason }),
        }
    }

    /// Waits for bytes, as long as the place in the stream allows; what waits to be written goes out meanwhile.
    /// Cancel-safe: bytes are taken from the link and noted in one go.
    async fn fill(&mut self) -> Result<usize, ReadError> {
        loop {
            let unconsumed = self.raw.filled().len();
            let place = self.decoder.place(unconsumed);
            let stands = (place, unconsumed, self.decoder.missing());
            let (deadline, due) = self.timers.due(stands, self.outbox.closing(), &self.shared);
            let (link, outbox, raw) = (&self.shared.link, &self.outbox, &mut self.raw);
            let read = poll_fn(|cx| {
                // A link that cannot be written shows it in what is read.
                let _ = outbox.poll_flush(link, cx);
                link.poll_read(cx, raw.room(1))
            });
            match deadline.limit(read).await {
                Ok(Ok(count)) => {
                    self.raw.put(count);
                    self.timers.read();
                    return Ok(count);
                }
                Ok(Err(_)) if self.shared.is_broken() => return Err(ReadError::ConnectionBroken),
                Ok(Err(error)) => return Err(ReadError::Network(error)),
                Err(_) => match due {
                    // A file may have begun to go out meanwhile.
                    Due::End(error) if place != Place::BetweenMessages || !self.shared.is_sending_file() => {
                        return Err(error);
                    }
                    Due::Ping => {
                        self.outbox.ping();
                        self.timers.pinged();
                    }
                    Due::End(_) | Due::Nothing => {}
                },
            }
        }
    }

    /// Nothing more is read. The peer is told why, if there is a code for it and the link is ours to write.
    // req: WSK-09
    fn fail(&mut self, code: Option<u16>, why: &str) {
        self.state = State::Failed;
        match code {
            Some(code) if !self.outbox.is_busy() && !self.shared.is_broken() => {
                self.outbox.close(code, why);
                self.shared.give_up();
                tokio::spawn(linger(Arc::clone(&self.shared), Arc::clone(&self.outbox)));
            }
            Some(_) => self.shared.break_off(),
            None => {}
        }
    }

    async fn receive(
        &mut self,
        sink: Box<dyn FileSink>,
        expected: Option<u64>,
        between: Between<'_>,
        progress: Progress,
    ) -> Result<u64, ReceiveError> {
        let State::FileBegun { ended } = self.state else { return Err(ReceiveError::NoFileBegan) };
        if self.next.is_some() {
            return Err(ReceiveError::NoFileBegan);
        }
        self.state = State::Failed;
        let guard = self.shared.guard();
        let transfer = Transfer::new(sink, None, progress, &self.shared.limits);
        match self.move_file(transfer, expected, ended, between).await {
            Ok(length) => {
                guard.all_went_well();
                self.timers.read();
                Ok(length)
            }
            Err(error) => {
                if let Some(code) = receive_code(&error) {
                    guard.all_went_well();
                    self.fail(Some(code), &error.to_string());
                }
                Err(error)
            }
        }
    }

    async fn move_file(
        &mut self,
        transfer: Transfer,
        expected: Option<u64>,
        ended: bool,
        between: Between<'_>,
    ) -> Result<u64, ReceiveError> {
        let mut stream = FileStream {
            decoder: FrameDecoder::new(self.role, self.shared.limits.frames()),
            outbox: Arc::clone(&self.outbox),
            came: 0,
            expected,
            ending: self.ending,
            zip: ZipEnd::new(),
            allowed: self.shared.limits.file_bytes,
            stop: None,
        };
        let mut transfer = self.take_up(transfer, &mut stream, ended).await?;
        loop {
            if stream.stop.is_none() {
                (transfer, stream) = self.move_on(transfer, stream).await?;
            }
            let received = transfer.arrived();
            let broken = |error: ReadError| ReceiveError::Stream { received, error };
            match stream.stop.take() {
                Some(Stop::Whole) => {
                    self.put_down(&mut transfer, stream.decoder);
                    break;
                }
                Some(Stop::Perhaps) => {
                    let fresh = FrameDecoder::new(self.role, self.shared.limits.frames());
                    self.put_down(&mut transfer, std::mem::replace(&mut stream.decoder, fresh));
                    let Some(ended) = self.more_of_it(between).await else { break };
                    self.state = State::Failed;
                    // Each byte more is no reason to wait for ever.
                    if transfer.is_overdue() {
                        return Err(transfer.stalled());
                    }
                    transfer = self.take_up(transfer, &mut stream, ended).await?;
                }
                Some(Stop::Text(json)) => {
                    let from = Instant::now();
                    between(understand(&json, &self.shared.limits.message)).await;
                    transfer.excuse_since(from);
                }
                Some(Stop::TooLong) => {
                    return Err(ReceiveError::FileLongerThanLimit { received, allowed: stream.allowed });
                }
                Some(Stop::Failed(error)) => return Err(broken(error.into())),
                Some(Stop::Closed(code)) => {
                    self.outbox.peer_closed(code);
                    return Err(broken(FrameError::StreamEndedInMessage.into()));
                }
                None => {
                    let ended = stream.decoder.finish(transfer.unframed().len());
                    let error = ended.err().unwrap_or(FrameError::StreamEndedInMessage);
                    return Err(broken(error.into()));
                }
            }
        }
        pump::finish(transfer).await?;
        Ok(stream.came)
    }

    /// The stream reads from now on, beginning with what this reader has of the file.
    async fn take_up(
        &mut self,
        transfer: Transfer,
        stream: &mut FileStream,
        ended: bool,
    ) -> Result<Transfer, ReceiveError> {
        let head = std::mem::take(&mut self.head);
        let mut transfer = pump::keep(transfer, &head).await?;
        transfer.put_back(self.raw.filled());
        self.raw.consume(usize::MAX);
        std::mem::swap(&mut self.decoder, &mut stream.decoder);
        stream.came_before(&head, ended);
        Ok(transfer)
    }

    /// This reader reads again.
    fn put_down(&mut self, transfer: &mut Transfer, decoder: FrameDecoder) {
        self.raw.append(&transfer.take_unframed());
        self.decoder = decoder;
        self.state = State::Open;
    }

    /// A file has the length that was told for it, and may be longer. Waits a moment for the rest of it: whether the message has ended
    /// that it begins with. `None`: nothing came, so that was all. Nobody asks this peer for another file meanwhile, so it is no other one.
    // req: WSK-20
    async fn more_of_it(&mut self, between: Between<'_>) -> Option<bool> {
        let until = Deadline::after(self.shared.limits.file_more);
        loop {
            match until.limit(self.read_on()).await {
                Err(_) => return None,
                Ok(Ok(Incoming::File { .. })) => {
                    return if let State::FileBegun { ended } = self.state { Some(ended) } else { None };
                }
                Ok(Ok(Incoming::Closed)) => {
                    self.state = State::Closed;
                    return None;
                }
                // A header of a package begins a file of its own, or holds a message.
                Ok(Ok(Incoming::Tolerated(_))) => match self.next.take() {
                    Some(next @ Incoming::File { .. }) => {
                        self.next = Some(next);
                        return None;
                    }
                    Some(message) => between(message).await,
                    None => {}
                },
                Ok(Ok(message)) => between(message).await,
                Ok(Err(error)) => {
                    self.fail(close_code(&error), &error.to_string());
                    return None;
                }
            }
        }
    }

    /// Moves bytes until the stream stops; what waits to be written goes out meanwhile.
    async fn move_on(
        &self,
        transfer: Transfer,
        stream: FileStream,
    ) -> Result<(Transfer, FileStream), ReceiveError> {
        let mut moving = pin!(pump::receive(&self.shared, transfer, stream));
        let (transfer, stream, _) = poll_fn(|cx| {
            let _ = self.outbox.poll_flush(&self.shared.link, cx);
            moving.as_mut().poll(cx)
        })
        .await?;
        Ok((transfer, stream))
    }
}

impl<L: Link> Drop for Reader<L> {
    fn drop(&mut self) {
        part(&self.shared, &self.outbox);
    }
}

#[allow(clippy::large_enum_variant, reason = "one at a time, and nearly all of them are messages")]
enum Decoded {
    Incoming(Incoming),
    Nothing,
    Incomplete,
}

fn close_code(error: &ReadError) -> Option<u16> {
    match error {
        ReadError::Frame(error) => error.close_code(),
        ReadError::HeaderTooSlow { .. }
        | ReadError::JsonStalled { .. }
        | ReadError::JsonTooSlow { .. }
        | ReadError::NothingAfterConnecting { .. }
        | ReadError::Idle { .. } => Some(POLICY),
        // Both ends know.
        ReadError::ClosedByPeer { .. } => Some(1000),
        _ => None,
    }
}

fn receive_code(error: &ReceiveError) -> Option<u16> {
    match error {
        ReceiveError::Stream { error, .. } => close_code(error),
        ReceiveError::FileLongerThanLimit { .. } => Some(TOO_BIG),
        _ => None,
    }
}

/// The peer broke a rule of ours rather than of the protocol.
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
