//! A file on its way from its owner: one sink writes it, any number of sources read it from the disk while it grows.
//!
//! ```text
//!  Begun ──sink opened──► Arriving ──finished──► Arrived ──verified──► Whole
//!    │                      │  ▲ the next owner, compared with what is there
//!    │                      └──┘ its owner is lost
//!    └───────── given up ───┴──────── given up ─────┴──► Failed
//! ```
//! Where its hash was announced, what is given up before it is whole stays in the store as a part, and the next read of the file goes on from
//! there; the next owner of this read is asked for the rest as well.
//!
//! It knows no connection and no rule of the exchange. Whoever reads gets all bytes but the last one as they come, and that one only when
//! the file has arrived whole with the length that was announced: what is not the file never looks like it.
//!
//! Everything here blocks and belongs on threads that may; the bytes are in the store, memory is one buffer of each transfer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mvrx_message::FileUuid;
use mvrx_store::{Expect, PartOf, Pending, ReadError, Store, StoredFile, Wait, Writer, is_whole_archive};
use mvrx_transport::{BoxError, FileSink, FileSource, SourceRead};

use super::sending::Stop;

/// The file of one read, shared by all who work on it.
#[derive(Debug)]
pub(super) struct Growing {
    /// The FileSize announced, if any.
    expected: Option<u64>,
    /// Where it ends is not sure.
    doubted: bool,
    /// Which bytes it has, where that was announced: it can be gone on with when it broke off.
    of: Option<PartOf>,
    /// Bytes of it that are here.
    here: AtomicU64,
    /// Somebody sent the rest of what was here: that may have been of another file.
    gone_on: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    reader: Option<StoredFile>,
    /// With nobody while a sink has it.
    writer: Option<Box<dyn Writer>>,
    /// A sink is at work.
    taken: bool,
    arrived: Option<Box<dyn Pending>>,
    length: Option<u64>,
    /// Whether what arrived is a whole archive; looked at where its length is not the announced one, or doubted.
    archive: bool,
    verified: bool,
    failed: Option<String>,
    fault: Option<Fault>,
}

/// Why a sink could not take what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: String,
    /// Whether our own disk is to blame, and not who sent it.
    pub(super) local: bool,
}

impl Growing {
    pub(super) fn new(expected: Option<u64>, doubted: bool, of: Option<PartOf>) -> Arc<Self> {
        let (here, gone_on) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self {
            expected,
            doubted,
            of,
            here,
            gone_on,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// How much of this file is here, if it is this one and can be gone on with: never all of it.
    pub(super) fn part(&self, of: &PartOf) -> Option<u64> {
        let here = self.here.load(Ordering::Acquire).min(of.length.saturating_sub(1));
        (self.of.as_ref() == Some(of)).then_some(here)
    }

    /// Whether what arrived went on from a part, and both together are not the file.
    pub(super) fn part_is_wrong(&self, hash: &[u8; 32]) -> bool {
        self.gone_on.load(Ordering::Acquire) && self.of.is_some_and(|of| of.hash != *hash)
    }

    /// Whether it can be sent already: its length is known.
    pub(super) fn has_length(&self) -> bool {
        self.expected.is_some() || self.lock().verified
    }

    /// The length that it has, once that is sure.
    fn settled_length(&self) -> Option<u64> {
        let state = self.lock();
        state.length.filter(|_| state.verified)
    }

    /// The whole file, to be kept or thrown away. `None`: somebody took it, or it did not arrive.
    pub(super) fn take_arrived(&self) -> Option<Box<dyn Pending>> {
        self.lock().arrived.take()
    }

    /// Length and hash of what arrived, and whether it is a whole archive where that matters.
    pub(super) fn measure(&self) -> Option<(u64, [u8; 32], bool)> {
        let state = self.lock();
        state.arrived.as_ref().map(|pending| (pending.length(), pending.hash(), state.archive))
    }

    /// What arrived is the file: its last byte may go out.
    pub(super) fn verify(&self) {
        self.lock().verified = true;
        self.changed.notify_all();
    }

    /// Nothing more will come. Gives what is to be dropped on a thread that may block.
    pub(super) fn give_up(&self, why: &str) -> impl Send + 'static {
        let mut state = self.lock();
        state.failed.get_or_insert_with(|| why.to_owned());
        let parts = (state.writer.take(), state.arrived.take());
        drop(state);
        self.changed.notify_all();
        parts
    }

    /// The file that the store keeps a part of when this is given up.
    pub(super) fn leaves_part_of(&self) -> Option<FileUuid> {
        self.of.map(|of| of.file)
    }

    /// Blocks until a sink that was at work when this was given up has let go of it, and a few seconds at most.
    pub(super) fn let_go(&self) {
        let since = Instant::now();
        let mut state = self.lock();
        while state.taken && since.elapsed() < HAND_OVER {
            state = self.wait(state, PATIENCE);
        }
    }

    /// Whether the last sink failed because of our own disk.
    pub(super) fn failed_here(&self) -> bool {
        self.lock().fault.as_ref().is_some_and(|fault| fault.local)
    }

    /// Why the last sink failed, if it said so itself.
    pub(super) fn take_fault(&self) -> Option<Fault> {
        self.lock().fault.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The owner's end of it.
#[derive(Debug)]
pub(super) struct GrowingSink {
    growing: Arc<Growing>,
    writer: Option<Box<dyn Writer>>,
    /// What an earlier owner sent, to be compared.
    before: Option<StoredFile>,
    have: u64,
    at: u64,
    scratch: Vec<u8>,
}

impl GrowingSink {
    /// Makes room for the file, or goes on where an earlier owner was lost; the first `from` bytes of it do not come. Blocks, also until that
    /// owner's bytes are out of the way.
    // req: HDR-13
    pub(super) fn open(growing: &Arc<Growing>, store: &dyn Store, from: u64) -> Result<Self, Fault> {
        let since = Instant::now();
        let mut state = growing.lock();
        while state.taken {
            if since.elapsed() > HAND_OVER {
                return Err(Fault { what: "an earlier transfer of it does not end".to_owned(), local: true });
            }
            state = growing.wait(state, PATIENCE);
        }
        if let Some(why) = &state.failed {
            return Err(Fault { what: why.clone(), local: true });
        }
        if state.reader.is_none() {
            let (writer, reader) = begin(store, growing, from).map_err(|what| Fault { what, local: true })?;
            (state.writer, state.reader) = (Some(writer), Some(reader));
        }
        let here = state.writer.as_ref().map_or(from, |writer| writer.received());
        if from > here {
            return Err(Fault {
                what: format!("only {here} bytes of it are here, and {from} are wanted"),
                local: true,
            });
        }
        state.taken = true;
        let arrived = state.arrived.as_ref().map(|pending| pending.length());
        let writer = state.writer.take();
        let have = arrived.or(writer.as_ref().map(|writer| writer.received())).unwrap_or(0);
        let before = state.reader.clone().filter(|_| have > from);
        drop(state);
        growing.here.store(have, Ordering::Release);
        growing.gone_on.fetch_or(from > 0, Ordering::AcqRel);
        growing.changed.notify_all();
        Ok(Self { growing: Arc::clone(growing), writer, before, have, at: from, scratch: Vec::new() })
    }

    /// Bytes that are here already have to be the same.
    // req: HDR-03
    fn compare(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(before) = &self.before else { return Ok(()) };
        self.scratch.resize(bytes.len(), 0);
        let mut done = 0;
        while done < bytes.len() {
            let room = self.scratch.get_mut(done..).unwrap_or_default();
            let read = before.read_at(self.at + done as u64, room, &Wait::idle_at_most(Duration::ZERO));
            match read {
                Ok(count @ 1..) => done += count,
                Ok(0) => return Err(Fault { what: "its beginning is gone".to_owned(), local: true }),
                Err(error) => return Err(Fault { what: error.to_string(), local: true }),
            }
        }
        if self.scratch.get(..bytes.len()) == Some(bytes) {
            return Ok(());
        }
        let what = "it sent other bytes than the station that began to send this file".to_owned();
        Err(Fault { what, local: false })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let known = usize::try_from(self.have.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let (same, new) = bytes.split_at_checked(known).unwrap_or((bytes, &[]));
        if !same.is_empty() {
            self.compare(same)?;
            self.at += same.len() as u64;
        }
        if new.is_empty() {
            return Ok(());
        }
        let longer = || "it sent more bytes than the station that sent this file before".to_owned();
        let writer = self.writer.as_mut().ok_or_else(|| Fault { what: longer(), local: false })?;
        writer.write(new).map_err(|error| Fault { what: error.to_string(), local: true })?;
        self.at += new.len() as u64;
        self.growing.here.store(self.at, Ordering::Release);
        Ok(())
    }

    fn fail(&self, fault: Fault) -> BoxError {
        let what = fault.what.clone();
        self.growing.lock().fault = Some(fault);
        what.into()
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.at < self.have {
            let what = "it sent fewer bytes than the station that began to send this file".to_owned();
            return Err(Fault { what, local: false });
        }
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let pending = writer.finish().map_err(|error| Fault { what: error.to_string(), local: true })?;
        // req: HDR-10
        let asked = self.growing.doubted || self.growing.expected != Some(pending.length());
        let archive = asked && is_whole_archive(pending.as_ref());
        let mut state = self.growing.lock();
        state.length = Some(pending.length());
        state.archive = archive;
        if state.failed.is_none() {
            state.arrived = Some(pending);
        }
        Ok(())
    }
}

impl FileSink for GrowingSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.take(bytes).map_err(|fault| self.fail(fault))
    }

    fn finish(mut self: Box<Self>) -> Result<(), BoxError> {
        self.end().map_err(|fault| self.fail(fault))
    }
}

impl Drop for GrowingSink {
    fn drop(&mut self) {
        let mut left = self.writer.take();
        let mut state = self.growing.lock();
        // The next owner goes on with it, unless nobody wants it any more: then it is the store's before another may look there.
        if state.failed.is_none() {
            state.writer = left.take().or(state.writer.take());
        } else {
            drop(state);
            drop(left);
            state = self.growing.lock();
        }
        state.taken = false;
        drop(state);
        self.growing.changed.notify_all();
    }
}

/// One reader's end of it.
#[derive(Debug)]
pub(super) struct GrowingSource {
    growing: Arc<Growing>,
    stop: Stop,
    /// Of the whole file, by what is known.
    length: u64,
    /// Whoever reads it takes a file of any length: nothing on the wire tells it.
    any_length: bool,
    reader: Option<StoredFile>,
}

impl GrowingSource {
    /// Call it when [`Growing::has_length`].
    pub(super) fn new(growing: Arc<Growing>, stop: Stop, any_length: bool) -> Self {
        let settled = growing.settled_length();
        let length = settled.or(growing.expected).unwrap_or(0);
        Self { growing, stop, length, any_length, reader: None }
    }

    /// The file to read from, once there is one.
    fn reader(&mut self) -> Option<StoredFile> {
        if self.reader.is_none() {
            let state = self.growing.lock();
            let state = if state.reader.is_none() { self.growing.wait(state, PATIENCE) } else { state };
            self.reader.clone_from(&state.reader);
        }
        self.reader.clone()
    }

    /// How far may be read: not the last byte before the whole file is known to be right.
    // req: HDR-04
    fn allowed(&self, offset: u64) -> Result<u64, BoxError> {
        let mut state = self.growing.lock();
        let waits = |state: &State| !state.verified && offset.saturating_add(1) >= self.length;
        if waits(&state) && state.failed.is_none() {
            state = self.growing.wait(state, PATIENCE);
        }
        match (&state.failed, state.verified, state.length) {
            (Some(why), false, _) => Err(why.clone().into()),
            (_, true, Some(length)) if length != self.length && !self.any_length => {
                Err(format!("it has {length} bytes and not the {} announced", self.length).into())
            }
            (_, true, _) => Ok(self.length),
            (_, false, _) => Ok(self.length.saturating_sub(1)),
        }
    }
}

impl FileSource for GrowingSource {
    fn length(&self) -> u64 {
        self.length
    }

    fn settled_length(&self) -> Option<u64> {
        self.growing.settled_length().filter(|_| self.any_length)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        if let Some(why) = self.stop.reason() {
            return Err(why.into());
        }
        if let Some(length) = self.growing.settled_length().filter(|settled| *settled != self.length)
            && self.any_length
        {
            // Whoever sends it asks for the length again, before it takes the last byte for the last.
            self.length = length;
            return Ok(SourceRead::NotYet);
        }
        let end = self.allowed(offset)?;
        if self.any_length && self.growing.settled_length().is_some_and(|settled| settled != self.length) {
            return Ok(SourceRead::NotYet);
        }
        let room = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..room).filter(|room| !room.is_empty()) else {
            return Ok(SourceRead::NotYet);
        };
        let Some(reader) = self.reader() else { return Ok(SourceRead::NotYet) };
        match reader.read_at(offset, room, &Wait::idle_at_most(PATIENCE)) {
            // Shorter than announced, and it is not known yet whether that is all.
            Ok(0) if self.any_length && self.growing.settled_length() != Some(self.length) => {
                drop(self.growing.wait(self.growing.lock(), PATIENCE));
                Ok(SourceRead::NotYet)
            }
            Ok(0) => Err(format!("it ends after {offset} of the {} bytes announced", self.length).into()),
            Ok(count) => Ok(SourceRead::Bytes(count)),
            Err(ReadError::NothingArrivedInTime { .. }) => Ok(SourceRead::NotYet),
            Err(error) => Err(error.into()),
        }
    }
}

fn begin(store: &dyn Store, growing: &Growing, from: u64) -> Result<(Box<dyn Writer>, StoredFile), String> {
    let writer = match &growing.of {
        Some(of) => store.begin_part(of, from),
        None => store.begin(growing.expected.map_or(Expect::Unknown, Expect::Announced)),
    };
    let writer = writer.map_err(|error| error.to_string())?;
    let reader = writer.reader().map_err(|error| error.to_string())?;
    Ok((writer, reader))
}

/// Whoever waits looks again after this whether it still has to.
const PATIENCE: Duration = Duration::from_millis(200);
/// The thread of a lost owner lets go within this.
const HAND_OVER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
