//! Sources and sinks that tell what was done with them.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use crate::{BoxError, FileSink, FileSource, SourceRead};

/// The bytes of a file of any length, without the file: a table again and again, of a length that divides no buffer's.
#[derive(Debug, Clone)]
pub struct Pattern {
    table: Vec<u8>,
}

impl Pattern {
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let table = (0..65_521).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        });
        Self { table: table.collect() }
    }

    /// The bytes from `offset` on.
    pub fn fill(&self, offset: u64, mut buffer: &mut [u8]) {
        let mut at = usize::try_from(offset % self.table.len() as u64).expect("less than the table");
        while !buffer.is_empty() {
            let piece = &self.table[at..];
            let count = piece.len().min(buffer.len());
            let (now, later) = buffer.split_at_mut(count);
            now.copy_from_slice(&piece[..count]);
            (buffer, at) = (later, 0);
        }
    }
}

/// A source that makes its bytes up, and can misbehave.
#[derive(Debug)]
pub struct Source {
    pub pattern: Pattern,
    /// What it announces.
    pub length: u64,
    /// Where it ends.
    pub ends_at: u64,
    /// Where it fails.
    pub fails_at: Option<u64>,
    /// Where it panics.
    pub panics_at: Option<u64>,
    /// It has so many bytes at a time and nothing every other time.
    pub trickle: Option<usize>,
    pub(super) had_nothing: bool,
    pub(super) read: Arc<Notify>,
    pub(super) gone: Option<oneshot::Sender<()>>,
}

impl Source {
    pub fn new(length: u64) -> Self {
        Self {
            pattern: Pattern::new(length),
            length,
            ends_at: u64::MAX,
            fails_at: None,
            panics_at: None,
            trickle: None,
            had_nothing: false,
            read: Arc::default(),
            gone: None,
        }
    }

    /// Tells of every read, and (with an error) of the drop.
    pub fn watch(&mut self) -> (Arc<Notify>, oneshot::Receiver<()>) {
        let (gone, is_gone) = oneshot::channel();
        self.gone = Some(gone);
        (Arc::clone(&self.read), is_gone)
    }
}

impl FileSource for Source {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        self.read.notify_one();
        if self.trickle.is_some() {
            self.had_nothing = !self.had_nothing;
            if self.had_nothing {
                return Ok(SourceRead::NotYet);
            }
        }
        if self.fails_at.is_some_and(|at| at <= offset) {
            return Err("the disk of the source is broken".into());
        }
        assert!(self.panics_at.is_none_or(|at| at > offset), "the source panics, as it was told to");
        let stops = [Some(self.ends_at), self.fails_at, self.panics_at].into_iter().flatten().min();
        let until_stop = stops.unwrap_or(u64::MAX).saturating_sub(offset);
        let most = usize::try_from(until_stop).unwrap_or(usize::MAX);
        let count = buffer.len().min(most).min(self.trickle.unwrap_or(usize::MAX));
        self.pattern.fill(offset, &mut buffer[..count]);
        Ok(if count == 0 { SourceRead::End } else { SourceRead::Bytes(count) })
    }
}

/// A sink that compares, and can misbehave.
#[derive(Debug)]
pub struct Sink {
    pattern: Pattern,
    seen: Arc<Mutex<Counts>>,
    first: Arc<Notify>,
    #[expect(dead_code, reason = "its drop tells")]
    gone: oneshot::Sender<()>,
    /// Where it fails.
    pub fails_at: Option<u64>,
    /// It takes every byte, and then cannot finish.
    pub cannot_finish: bool,
}

/// What a [`Sink`] saw.
#[derive(Debug)]
pub struct Seen {
    seen: Arc<Mutex<Counts>>,
    /// Notified at every write.
    pub written: Arc<Notify>,
    /// Ready, with an error, when the sink is dropped.
    pub gone: oneshot::Receiver<()>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: u64,
    finished: bool,
}

impl Sink {
    /// A sink that expects the bytes of a [`Source`] of this length.
    pub fn of(source_length: u64) -> (Self, Seen) {
        let (gone, is_gone) = oneshot::channel();
        let (seen, first) = (Arc::<Mutex<Counts>>::default(), Arc::<Notify>::default());
        let sink = Self {
            pattern: Pattern::new(source_length),
            seen: Arc::clone(&seen),
            first: Arc::clone(&first),
            gone,
            fails_at: None,
            cannot_finish: false,
        };
        (sink, Seen { seen, written: first, gone: is_gone })
    }
}

impl Seen {
    pub fn bytes(&self) -> u64 {
        self.seen.lock().expect("no sink panicked").bytes
    }

    pub fn finished(&self) -> bool {
        self.seen.lock().expect("no sink panicked").finished
    }
}

impl FileSink for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        let mut seen = self.seen.lock().expect("no sink panicked");
        assert!(!bytes.is_empty(), "an empty write");
        let mut expected = vec![0; bytes.len()];
        self.pattern.fill(seen.bytes, &mut expected);
        if bytes != expected {
            return Err(format!("other bytes than were sent, after {}", seen.bytes).into());
        }
        if self.fails_at.is_some_and(|at| at < seen.bytes + bytes.len() as u64) {
            return Err("the disk is full".into());
        }
        seen.bytes += bytes.len() as u64;
        self.first.notify_one();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        if self.cannot_finish {
            return Err("the disk did not sync".into());
        }
        self.seen.lock().expect("no sink panicked").finished = true;
        Ok(())
    }
}
