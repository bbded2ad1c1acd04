//! The outgoing half.
//!
//! ```text
//!   OPEN ──send, send_file──► (writing) ──all written──► OPEN
//!     │                           ├──the source failed before the first byte──► OPEN
//!     │                           └──any other end, also a dropped future─────► BROKEN (for ever)
//!     └──close──► CLOSED (for ever): our close frame is out
//! ```
//! Writing is timed: a message by `write_idle`, a file by `file_idle` and `file_idle_bytes`. The peer's close frame
//! is answered when this half closes or is dropped, so whoever was told of it should do that soon.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};

use lan_net::deadline::Deadline;
use mvrx_message::{Dialect, Message, Scope};

use super::files::FileFrames;
use super::frame::{FrameHead, LONGEST_HEAD, Opcode, mask};
use super::outbox::Outbox;
use super::part;
use crate::error::{SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::pump;
use crate::stream::{Busy, Link, Shared};
use crate::traits::{Aside, AskAlive, BoxFuture, FileStyle, MessageWriter};

#[derive(Debug)]
pub(super) struct Writer<L: Link> {
    shared: Arc<Shared<L>>,
    outbox: Arc<Outbox>,
    style: FileStyle,
    /// The frame that is being written; kept for the next one.
    frame: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Broken,
}

impl<L: Link> MessageWriter for Writer<L> {
    fn send<'a>(
        &'a mut self,
        message: &'a Message,
        dialect: &'a Dialect,
    ) -> BoxFuture<'a, Result<usize, WriteError>> {
        Box::pin(self.write_message(message, dialect))
    }

    fn send_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> BoxFuture<'_, Result<u64, SendFileError>> {
        Box::pin(self.write_file(source, progress))
    }

    fn set_file_style(&mut self, style: FileStyle) {
        self.style = style;
    }

    fn aside(&self) -> Option<Box<dyn Aside>> {
        let (shared, outbox) = (Arc::downgrade(&self.shared), Arc::downgrade(&self.outbox));
        Some(Box::new(WsAside { shared, outbox }))
    }

    fn life(&self) -> Option<Box<dyn AskAlive>> {
        let (shared, outbox) = (Arc::downgrade(&self.shared), Arc::downgrade(&self.outbox));
        Some(Box::new(WsLife { shared, outbox }))
    }

    fn close(&mut self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(self.write_close(GOING_WELL, ""))
    }

    fn close_with<'a>(&'a mut self, code: u16, reason: &'a str) -> BoxFuture<'a, Result<(), WriteError>> {
        Box::pin(self.write_close(code, reason))
    }
}

impl<L: Link> Writer<L> {
    pub(super) fn new(shared: Arc<Shared<L>>, outbox: Arc<Outbox>) -> Self {
        Self { shared, outbox, style: FileStyle::default(), frame: Vec::new(), state: State::Open }
    }

    // req: WSK-13
    async fn write_message(&mut self, message: &Message, dialect: &Dialect) -> Result<usize, WriteError> {
        self.usable()?;
        let allowed = self.shared.limits.json_bytes;
        let mut text = std::mem::take(&mut self.frame);
        let (start, length) = frame_text(message, dialect, allowed, &self.outbox, &mut text)?;
        let mut first = Vec::new();
        self.state = State::Broken;
        self.outbox.begin(&mut first);
        self.write(&first).await?;
        self.write(text.get(start..).unwrap_or_default()).await?;
        self.write_what_waits().await?;
        self.state = State::Open;
        if text.capacity() <= KEPT {
            self.frame = text;
        }
        Ok(length)
    }

    /// Everything that others queued while this half was busy.
    async fn write_what_waits(&self) -> Result<(), WriteError> {
        let mut more = Vec::new();
        while self.outbox.end(&mut more) {
            self.write(&more).await?;
            more.clear();
        }
        Ok(())
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let allowed = self.shared.limits.write_idle;
        let length = bytes.len();
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let write = poll_fn(|cx| self.shared.link.poll_write(cx, rest));
            match Deadline::after(allowed).limit(write).await {
                Ok(Ok(0)) => return Err(WriteError::Network(io::ErrorKind::WriteZero.into())),
                Ok(Ok(count)) => written += count,
                Ok(Err(_)) if self.shared.is_broken() => return Err(WriteError::ConnectionBroken),
                Ok(Err(error)) => return Err(WriteError::Network(error)),
                Err(_) => return Err(WriteError::PeerNotReading { written, length, allowed }),
            }
        }
        self.shared.note_write();
        Ok(())
    }

    // req: WSK-14
    async fn write_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> Result<u64, SendFileError> {
        self.usable().map_err(SendFileError::Unusable)?;
        self.state = State::Broken;
        let guard = self.shared.guard();
        let _busy = Busy::mark(&self.shared);
        let mut first = Vec::new();
        self.outbox.begin(&mut first);
        self.write(&first).await.map_err(SendFileError::Unusable)?;
        // What goes between is to pass what the system holds, too; and what it holds is still in the cache.
        self.shared.link.hold_little();
        let frames = FileFrames::new(Arc::clone(&self.outbox), self.style);
        let outcome = pump::send(&self.shared, source, frames, progress).await;
        if outcome.as_ref().err().is_none_or(|error| error.scope() == Scope::Message) {
            self.write_what_waits().await.map_err(SendFileError::Unusable)?;
            guard.all_went_well();
            self.state = State::Open;
        }
        outcome
    }

    // req: WSK-11
    async fn write_close(&mut self, code: u16, reason: &str) -> Result<(), WriteError> {
        self.usable()?;
        self.outbox.close(code, reason);
        self.state = State::Broken;
        let mut last = Vec::new();
        self.outbox.begin(&mut last);
        self.write(&last).await?;
        self.write_what_waits().await?;
        self.state = State::Closed;
        self.outbox.flush_now(&self.shared.link);
        Ok(())
    }

    fn usable(&self) -> Result<(), WriteError> {
        match self.state {
            State::Open if !self.shared.is_broken() => Ok(()),
            State::Closed => Err(WriteError::AlreadyClosed),
            State::Open | State::Broken => Err(WriteError::ConnectionBroken),
        }
    }
}

impl<L: Link> Drop for Writer<L> {
    fn drop(&mut self) {
        match self.state {
            State::Open if !self.shared.is_broken() => {
                self.outbox.close(GOING_AWAY, "");
                self.outbox.flush_now(&self.shared.link);
            }
            State::Broken => {
                let _ = self.shared.link.finish_writing();
            }
            State::Open | State::Closed => {}
        }
        part(&self.shared, &self.outbox);
    }
}

/// Keeps no connection open.
#[derive(Debug)]
struct WsAside<L: Link> {
    shared: Weak<Shared<L>>,
    outbox: Weak<Outbox>,
}

// req: WSK-17
impl<L: Link> Aside for WsAside<L> {
    fn send(&self, message: &Message, dialect: &Dialect) -> Result<usize, WriteError> {
        let (Some(shared), Some(outbox)) = (self.shared.upgrade(), self.outbox.upgrade()) else {
            return Err(WriteError::ConnectionBroken);
        };
        if shared.is_broken() {
            return Err(WriteError::ConnectionBroken);
        }
        let allowed = shared.limits.json_bytes;
        let mut text = Vec::new();
        let (start, length) = frame_text(message, dialect, allowed, &outbox, &mut text)?;
        let most = allowed.saturating_add(LONGEST_HEAD).saturating_mul(2);
        outbox.text(text.get(start..).unwrap_or_default(), most)?;
        outbox.flush_now(&shared.link);
        Ok(length)
    }
}

/// Keeps no connection open.
#[derive(Debug)]
struct WsLife<L: Link> {
    shared: Weak<Shared<L>>,
    outbox: Weak<Outbox>,
}

// req: WSK-24
impl<L: Link> AskAlive for WsLife<L> {
    fn ask(&self) -> BoxFuture<'static, bool> {
        let asked =
            self.shared.upgrade().zip(self.outbox.upgrade()).filter(|(shared, _)| !shared.is_broken());
        let answered = asked.map(|(shared, outbox)| {
            let answered = outbox.ask();
            outbox.flush_now(&shared.link);
            answered
        });
        Box::pin(async move {
            match answered {
                Some(answered) => answered.await.is_ok(),
                None => false,
            }
        })
    }
}

/// One text frame, from the returned place in `text` on, and the bytes of its JSON.
fn frame_text(
    message: &Message,
    dialect: &Dialect,
    allowed: usize,
    outbox: &Outbox,
    text: &mut Vec<u8>,
) -> Result<(usize, usize), WriteError> {
    text.clear();
    text.resize(LONGEST_HEAD, 0);
    message.append_json(dialect, text);
    let length = text.len().saturating_sub(LONGEST_HEAD);
    if length > allowed {
        return Err(WriteError::MessageLongerThanLimit { length, allowed });
    }
    let key = outbox.key();
    let (head, json) = text.split_at_mut(LONGEST_HEAD);
    if let Some(key) = key {
        mask(json, key);
    }
    let mut bytes = [0; LONGEST_HEAD];
    let head_length =
        FrameHead { opcode: Opcode::Text, fin: true, mask: key, length: length as u64 }.write(&mut bytes);
    let start = LONGEST_HEAD.saturating_sub(head_length);
    if let (Some(to), Some(from)) = (head.get_mut(start..), bytes.get(..head_length)) {
        to.copy_from_slice(from);
    }
    Ok((start, length))
}

/// Larger frames are not kept for the next one.
const KEPT: usize = 64 << 10;
/// The connection has done what it was for.
const GOING_WELL: u16 = 1000;
/// This end is leaving.
const GOING_AWAY: u16 = 1001;
