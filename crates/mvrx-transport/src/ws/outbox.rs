//! What goes out beside the writer's own frames: pongs, pings, the close frame, and messages sent aside. And whether a ping was answered.
//!
//! ```text
//!   FREE ──writer begins──► BUSY (with the writer, who writes what waits at the ends of its own frames)
//!    │  ◄── nothing waits any more ──┘      └── a write that was dropped in the middle: BUSY for ever, broken
//!    └── the reader, while it waits for bytes, writes what waits
//! ```
//! Both halves share it. A frame that is partly out is continued by whoever writes next, so nothing is lost when a
//! read is dropped. It holds a few control frames and, of messages sent aside, twice the longest message.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::frame::{Opcode, Role, append_close_with, append_frame};
use crate::error::WriteError;
use crate::stream::Link;

#[derive(Debug)]
pub(super) struct Outbox {
    role: Role,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whole frames; the first `written` bytes are out already.
    frames: Vec<u8>,
    written: usize,
    /// Messages that wait for the end of one.
    texts: Vec<u8>,
    /// The payload of the latest ping that was not answered for want of room.
    late_pong: Option<Vec<u8>>,
    /// Who wants to know whether the peer is there.
    asked: Option<Question>,
    /// How many questions there were.
    questions: u64,
    busy: bool,
    /// When our close frame was queued.
    closing: Option<Instant>,
    /// The peer's close frame, and its code.
    closed_by_peer: Option<Option<u16>>,
    finished: bool,
    reader: Option<Waker>,
}

/// A ping whose answer is told.
#[derive(Debug)]
struct Question {
    /// Told by no other ping of ours.
    payload: [u8; 8],
    answer: oneshot::Sender<()>,
}

impl Outbox {
    pub(super) fn new(role: Role) -> Self {
        Self { role, state: Mutex::default() }
    }

    /// A key for the next frame, where frames are masked.
    pub(super) fn key(&self) -> Option<[u8; 4]> {
        match self.role {
            Role::Server => None,
            Role::Client => Some(random_key()),
        }
    }

    // req: WSK-10
    pub(super) fn pong(&self, payload: &[u8]) {
        let mut state = self.lock();
        if state.frames.len() > MOST_CONTROL {
            // The peer pings faster than it reads: the latest is answered.
            state.late_pong = Some(payload.to_vec());
        } else if state.closing.is_none() {
            append_frame(Opcode::Pong, true, self.key(), payload, &mut state.frames);
        }
        state.wake();
    }

    pub(super) fn ping(&self) {
        self.lock().ping(self);
    }

    /// Pings, and tells when this ping is answered. An earlier question ends without an answer.
    // req: WSK-24
    pub(super) fn ask(&self) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        if state.closing.is_none() {
            state.questions = state.questions.wrapping_add(1);
            let payload = state.questions.to_be_bytes();
            state.asked = Some(Question { payload, answer });
            state.ping(self);
            state.wake();
        }
        answered
    }

    /// A pong came.
    pub(super) fn ponged(&self, payload: &[u8]) {
        let mut state = self.lock();
        if state.asked.as_ref().is_some_and(|question| question.payload == payload)
            && let Some(question) = state.asked.take()
        {
            // Nobody may wait for it any more.
            let _ = question.answer.send(());
        }
    }

    /// Queues a text that was framed before; `most` may wait.
    pub(super) fn text(&self, frame: &[u8], most: usize) -> Result<(), WriteError> {
        let mut state = self.lock();
        if state.closing.is_some() {
            return Err(WriteError::AlreadyClosed);
        }
        let held = state.frames.len().saturating_sub(state.written);
        let waiting = held.saturating_add(state.texts.len()).saturating_add(frame.len());
        if waiting > most {
            return Err(WriteError::TooMuchWaits { waiting, allowed: most });
        }
        state.texts.extend_from_slice(frame);
        state.wake();
        Ok(())
    }

    /// Queues our close frame, once, with the peer's code if it closed before. Says whether it is queued now.
    // req: WSK-11, WSK-21
    pub(super) fn close(&self, code: u16, reason: &str) -> bool {
        let mut state = self.lock();
        if state.closing.is_some() {
            return false;
        }
        let mut last = Vec::new();
        state.drain_late(true, self, &mut last);
        state.frames.append(&mut last);
        let (code, reason) = state.closed_by_peer.map_or((Some(code), reason), |theirs| (theirs, ""));
        append_close_with(code, reason, self.key(), &mut state.frames);
        state.closing = Some(Instant::now());
        state.wake();
        true
    }

    pub(super) fn peer_closed(&self, code: Option<u16>) {
        self.lock().closed_by_peer = Some(code);
    }

    /// When our close frame was queued, if it was.
    pub(super) fn closing(&self) -> Option<Instant> {
        self.lock().closing
    }

    /// Whether our close frame is queued or out, and the peer's did not come.
    pub(super) fn waits_for_peer(&self) -> bool {
        let state = self.lock();
        state.closing.is_some() && state.closed_by_peer.is_none()
    }

    /// The writer has frames of its own to write: what waits goes out first, `into` its bytes.
    pub(super) fn begin(&self, into: &mut Vec<u8>) {
        let mut state = self.lock();
        state.busy = true;
        state.drain(true, self, into);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.lock().busy
    }

    /// What waits, while the writer is between two of its frames; texts only if no message is open.
    pub(super) fn between(&self, no_message_open: bool) -> Vec<u8> {
        let mut out = Vec::new();
        self.lock().drain(no_message_open, self, &mut out);
        out
    }

    /// The writer has written its frames: it writes `into` too, or is done (`false`).
    pub(super) fn end(&self, into: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        state.drain(true, self, into);
        state.busy = !into.is_empty();
        state.busy
    }

    /// Writes what waits, unless the writer will. Ready when nothing waits here. Wakes `cx` when something new does.
    pub(super) fn poll_flush(&self, link: &impl Link, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if !state.reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        if state.busy {
            return Poll::Ready(Ok(()));
        }
        loop {
            if state.frames.len() == state.written {
                let mut next = Vec::new();
                state.drain(true, self, &mut next);
                if next.is_empty() {
                    break;
                }
                state.frames = next;
            }
            let rest = state.frames.get(state.written..).unwrap_or_default();
            match ready!(link.poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => state.written += count,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        state.finish(link);
        Poll::Ready(Ok(()))
    }

    /// As much of [`Outbox::poll_flush`] as goes at once; the reader does the rest.
    pub(super) fn flush_now(&self, link: &impl Link) {
        let reader = self.lock().reader.take();
        let flushed = self.poll_flush(link, &mut Context::from_waker(Waker::noop()));
        let mut state = self.lock();
        state.reader = reader;
        if flushed.is_pending() {
            // The link may have forgotten the reader for this poll.
            state.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A peer may answer the latest of several pings alone, so each one carries the question that is open.
    fn ping(&mut self, outbox: &Outbox) {
        if self.closing.is_none() && self.frames.len() <= MOST_CONTROL {
            let payload = self.asked.as_ref().map(|question| question.payload);
            let payload = payload.as_ref().map_or(&[][..], |payload| payload);
            append_frame(Opcode::Ping, true, outbox.key(), payload, &mut self.frames);
        }
    }

    fn drain(&mut self, texts: bool, outbox: &Outbox, into: &mut Vec<u8>) {
        into.extend_from_slice(self.frames.get(self.written..).unwrap_or_default());
        (self.frames, self.written) = (Vec::new(), 0);
        self.drain_late(texts, outbox, into);
    }

    /// What stands behind the frames. After our close frame there is nothing.
    fn drain_late(&mut self, texts: bool, outbox: &Outbox, into: &mut Vec<u8>) {
        if let Some(payload) = self.late_pong.take().filter(|_| self.closing.is_none()) {
            append_frame(Opcode::Pong, true, outbox.key(), &payload, into);
        }
        if texts {
            into.append(&mut self.texts);
        }
    }

    /// After both close frames nothing more goes out; the system tells the peer so.
    fn finish(&mut self, link: &impl Link) {
        if self.closing.is_some() && self.closed_by_peer.is_some() && !self.finished {
            self.finished = true;
            let _ = link.finish_writing();
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Unpredictable, so that nobody can make us write bytes of their choice. Where the system has no randomness to
/// give, the standard library's hash seed has.
// req: WSK-04
fn random_key() -> [u8; 4] {
    let key = getrandom::u32().unwrap_or_else(|_| {
        use std::hash::BuildHasher;
        let bytes = std::hash::RandomState::new().hash_one(Instant::now()).to_ne_bytes();
        u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    });
    key.to_ne_bytes()
}

/// Control frames that may wait, in bytes.
const MOST_CONTROL: usize = 4 << 10;
