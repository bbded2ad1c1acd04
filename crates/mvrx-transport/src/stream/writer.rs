//! The outgoing half.
//!
//! ```text
//!   OPEN ──send, send_file──► (writing) ──all written──► OPEN
//!     │                           ├──the source failed before the first byte──► OPEN
//!     │                           └──any other end, also a dropped future─────► BROKEN (for ever)
//!     └──close──► CLOSED (for ever)
//! ```
//! Writing is timed: a message by `write_idle`, a file by `file_idle` and `file_idle_bytes`.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use lan_net::deadline::Deadline;
use mvrx_message::{Dialect, Message, Scope};
use mvrx_wire::{HEADER_LEN, json_header};

use super::link::{Link, Shared};
use crate::error::{SendFileError, WriteError};
use crate::file::{FileSource, Progress};
use crate::pump::{self, Package};
use crate::traits::{BoxFuture, MessageWriter};

#[derive(Debug)]
pub(super) struct Writer<L: Link> {
    shared: Arc<Shared<L>>,
    /// The package that is being written; kept for the next one.
    package: Vec<u8>,
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

    fn close(&mut self) -> BoxFuture<'_, Result<(), WriteError>> {
        Box::pin(std::future::ready(self.finish()))
    }
}

impl<L: Link> Writer<L> {
    pub(super) fn new(shared: Arc<Shared<L>>) -> Self {
        Self { shared, package: Vec::new(), state: State::Open }
    }

    // req: TRA-03
    async fn write_message(&mut self, message: &Message, dialect: &Dialect) -> Result<usize, WriteError> {
        self.usable()?;
        self.package.clear();
        self.package.resize(HEADER_LEN, 0);
        message.append_json(dialect, &mut self.package);
        let length = self.package.len().saturating_sub(HEADER_LEN);
        let allowed = self.shared.limits.json_bytes;
        if length > allowed {
            self.package = Vec::new();
            return Err(WriteError::MessageLongerThanLimit { length, allowed });
        }
        if let Some(header) = self.package.first_chunk_mut() {
            *header = json_header(length as u64);
        }
        self.state = State::Broken;
        self.write_package().await?;
        self.state = State::Open;
        if self.package.capacity() > KEPT {
            self.package = Vec::new();
        }
        Ok(length)
    }

    async fn write_package(&mut self) -> Result<(), WriteError> {
        let allowed = self.shared.limits.write_idle;
        let length = self.package.len();
        let mut written = 0;
        while let Some(rest) = self.package.get(written..).filter(|rest| !rest.is_empty()) {
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

    // req: TRA-06, TRA-10
    async fn write_file(
        &mut self,
        source: Box<dyn FileSource>,
        progress: Progress,
    ) -> Result<u64, SendFileError> {
        self.usable().map_err(SendFileError::Unusable)?;
        self.state = State::Broken;
        let guard = self.shared.guard();
        let _busy = Busy::mark(&self.shared);
        let outcome = pump::send(&self.shared, source, Package, progress).await;
        let usable = outcome.as_ref().err().is_none_or(|error| error.scope() == Scope::Message);
        if usable {
            guard.all_went_well();
            self.state = State::Open;
        }
        outcome
    }

    fn finish(&mut self) -> Result<(), WriteError> {
        self.usable()?;
        self.state = State::Closed;
        self.shared.link.finish_writing().map_err(WriteError::Network)
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
        if self.state != State::Closed {
            let _ = self.shared.link.finish_writing();
        }
    }
}

/// Tells the reader that the silence of the peer means nothing while a file goes out.
pub(crate) struct Busy<L: Link> {
    shared: Arc<Shared<L>>,
}

impl<L: Link> Busy<L> {
    pub(crate) fn mark(shared: &Arc<Shared<L>>) -> Self {
        shared.set_sending_file(true);
        Self { shared: Arc::clone(shared) }
    }
}

impl<L: Link> Drop for Busy<L> {
    fn drop(&mut self) {
        self.shared.set_sending_file(false);
    }
}

/// Larger packages are not kept for the next one.
const KEPT: usize = 64 << 10;
