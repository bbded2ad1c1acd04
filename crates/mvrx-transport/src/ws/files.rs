//! A file's bytes into binary messages and out of them.

use std::sync::Arc;

use super::frame::{FrameDecoder, FrameError, FrameHead, LONGEST_HEAD, Opcode, Step, mask};
use super::outbox::Outbox;
use super::zip_end::ZipEnd;
use crate::pump::{Framing, Piece, Unframing};
use crate::traits::{FileEnding, FileStyle};

/// Going out.
#[derive(Debug)]
pub(super) struct FileFrames {
    outbox: Arc<Outbox>,
    style: FileStyle,
    /// A message is open: its first frame is out, its last is not.
    open: bool,
}

impl FileFrames {
    pub(super) fn new(outbox: Arc<Outbox>, style: FileStyle) -> Self {
        Self { outbox, style, open: false }
    }
}

impl Framing for FileFrames {
    const HEAD: usize = LONGEST_HEAD;

    fn most(&self) -> usize {
        match self.style {
            FileStyle::OneMessage => usize::MAX,
            FileStyle::Messages { most } => most.max(LEAST),
        }
    }

    fn least(&self) -> usize {
        SMALL_FRAME
    }

    // req: WSK-13, WSK-14
    fn wrap(&mut self, piece: Piece, head: &mut [u8], payload: &mut [u8]) -> usize {
        let fin = piece.last || self.style != FileStyle::OneMessage;
        let opcode = if self.open { Opcode::Continuation } else { Opcode::Binary };
        self.open = !fin;
        let key = self.outbox.key();
        let mut bytes = [0; LONGEST_HEAD];
        let length = FrameHead { opcode, fin, mask: key, length: payload.len() as u64 }.write(&mut bytes);
        if let Some(key) = key {
            mask(payload, key);
        }
        let end = head.len();
        if let (Some(to), Some(from)) = (head.get_mut(end.saturating_sub(length)..), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        length
    }

    fn tells_length(&self) -> bool {
        self.style != FileStyle::OneMessage
    }

    fn interlude(&mut self) -> Vec<u8> {
        self.outbox.between(!self.open)
    }
}

/// Coming in.
#[derive(Debug)]
pub(super) struct FileStream {
    pub(super) decoder: FrameDecoder,
    pub(super) outbox: Arc<Outbox>,
    /// Bytes of the file that came.
    pub(super) came: u64,
    /// Where the file ends, if that is known.
    pub(super) expected: Option<u64>,
    pub(super) ending: FileEnding,
    pub(super) zip: ZipEnd,
    pub(super) allowed: u64,
    pub(super) stop: Option<Stop>,
}

/// Why a file's stream stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file is whole.
    Whole,
    /// It has the expected length. More of it may come, though.
    Perhaps,
    /// A text came between two of its messages.
    Text(Vec<u8>),
    /// The peer closed in the middle.
    Closed(Option<u16>),
    /// The file is longer than allowed.
    TooLong,
    Failed(FrameError),
}

impl FileStream {
    /// These bytes came outside the stream.
    pub(super) fn came_before(&mut self, bytes: &[u8], ended: bool) {
        self.zip.pass(bytes);
        self.came = self.came.saturating_add(bytes.len() as u64);
        self.stop = if ended { self.at_message_end() } else { None };
    }

    /// A message has ended: whether the file has, too.
    // req: WSK-15, WSK-20
    fn at_message_end(&self) -> Option<Stop> {
        let reached = self.expected.is_none_or(|expected| self.came >= expected);
        match self.ending {
            FileEnding::WithMessage => Some(Stop::Whole),
            FileEnding::AtLength if reached => Some(Stop::Whole),
            FileEnding::AtLength | FileEnding::WhenQuiet if self.zip.is_whole() => Some(Stop::Whole),
            FileEnding::WhenQuiet if reached => Some(Stop::Perhaps),
            FileEnding::AtLength | FileEnding::WhenQuiet => None,
        }
    }

    /// One step: how many bytes it took, how many of the last of them are file, and whether there may be more.
    fn step(&mut self, raw: &mut [u8]) -> (usize, usize, bool) {
        let (consumed, step) = match self.decoder.decode(raw) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.stop = Some(Stop::Failed(error));
                return (0, 0, false);
            }
        };
        let (mut file, mut more) = (0, true);
        match step {
            Step::Payload(count) => {
                file = count;
                self.zip.pass(raw.get(consumed.saturating_sub(count)..consumed).unwrap_or_default());
            }
            Step::Ping(payload) => self.outbox.pong(payload),
            Step::Pong(payload) => self.outbox.ponged(payload),
            Step::Text(text) => self.stop = Some(Stop::Text(text.as_bytes().to_vec())),
            Step::Close { code, .. } => self.stop = Some(Stop::Closed(code)),
            Step::BinaryEnds => self.stop = self.at_message_end(),
            Step::BinaryBegins { .. } => {}
            Step::Incomplete => more = false,
        }
        self.came = self.came.saturating_add(file as u64);
        if self.came > self.allowed && self.stop.is_none() {
            self.stop = Some(Stop::TooLong);
        }
        (consumed, file, more)
    }
}

impl Unframing for FileStream {
    fn wants(&self) -> u64 {
        if self.stop.is_some() {
            return 0;
        }
        match self.decoder.missing() {
            // The next head comes last in its read, so that hardly a byte has to close up to what was before it.
            frame if frame >= WORTH_A_READ => frame.saturating_add(LONGEST_HEAD as u64),
            _ => u64::MAX,
        }
    }

    // req: WSK-15
    fn unwrap(&mut self, raw: &mut [u8]) -> (usize, usize) {
        let (mut moved, mut read, mut more) = (0, 0, true);
        while more && self.stop.is_none() {
            let (consumed, file);
            (consumed, file, more) = self.step(raw.get_mut(read..).unwrap_or_default());
            read += consumed;
            if moved < read - file && file > 0 {
                raw.copy_within(read - file..read, moved);
            }
            moved += file;
        }
        (moved, read)
    }
}

/// Smaller messages would be nothing but heads.
const LEAST: usize = 1 << 10;

/// Frames of a file that grows while it is sent are not smaller than this, as long as it grows fast enough.
const SMALL_FRAME: usize = 256 << 10;

/// So much of a frame is read by itself; small frames come many at a time.
const WORTH_A_READ: u64 = 64 << 10;
