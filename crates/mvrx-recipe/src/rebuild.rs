//! Carries a recipe out.

use std::io::{self, Write};

use crate::block::{Block, Form, Next, STRETCHES, Stretch};
use crate::delta::apply;
use crate::error::RebuildError;
use crate::format::{DESCRIPTION, Frame, FrameReader, Header, take_section};
use crate::limits::Limits;
use crate::numbers::Numbers;
use crate::source::{PIECE, Source, read_exact, read_vec};

/// A file that a recipe gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// Its bytes.
    pub length: u64,
    /// Their hash (BLAKE3), as it was when the recipe was made.
    pub hash: [u8; 32],
}

/// Writes the file that `recipe` gives over `base`. The base is hashed first, then each part and the whole are checked against their
/// hashes as they are written. `go_on` is called with the bytes handled so far, at least once for each quarter MiB; `false` ends it. What
/// was written when it fails is not the file, and is the caller's to throw away.
///
/// # Errors
/// See [`RebuildError`]; [`RebuildError::is_damage`] tells whether trying again can help.
// req: HISTORY-BYTES, HISTORY-HOSTILE
pub fn rebuild<B, R>(
    base: &B,
    recipe: &R,
    out: &mut dyn Write,
    limits: &Limits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Rebuilt, RebuildError>
where
    B: Source,
    R: Source,
{
    let mut frames = FrameReader::begin(recipe)?;
    let Header { target_length: length, target: hash, .. } = frames.header();
    if length > limits.file_bytes {
        return Err(RebuildError::FileAboveLimit { length, allowed: limits.file_bytes });
    }
    let mut done = 0;
    accept_base(base, &frames.header(), &mut done, go_on)?;
    let mut output = Output {
        out,
        whole: blake3::Hasher::new(),
        part: blake3::Hasher::new(),
        left: length,
        done,
        go_on,
        buffer: vec![0; PIECE],
    };
    let mut part = 0;
    loop {
        let at = frames.at();
        let Some(frame) = frames.next(limits.allowed_window_bytes)? else { break };
        output.block(base, &frame, limits).map_err(|fault| fault.at(at, part))?;
        part += 1;
    }
    if output.left != 0 || output.whole.finalize().as_bytes() != &hash {
        return Err(RebuildError::WholeDiffers);
    }
    Ok(Rebuilt { length, hash })
}

/// Whether `recipe` gives its file back over `base`: [`rebuild`] without keeping what it gives.
///
/// # Errors
/// As of [`rebuild`].
pub fn verify<B, R>(
    base: &B,
    recipe: &R,
    limits: &Limits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Rebuilt, RebuildError>
where
    B: Source,
    R: Source,
{
    rebuild(base, recipe, &mut io::sink(), limits, go_on)
}

fn accept_base(
    base: &dyn Source,
    header: &Header,
    done: &mut u64,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), RebuildError> {
    let length = base.length().map_err(RebuildError::Base)?;
    if length != header.base_length {
        return Err(RebuildError::BaseDiffers);
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PIECE];
    while *done < length {
        let count = usize::try_from(length - *done).unwrap_or(PIECE).min(PIECE);
        let (now, _) = buffer.split_at_mut(count);
        read_exact(base, *done, now).map_err(RebuildError::Base)?;
        hasher.update(now);
        *done += count as u64;
        if !go_on(*done) {
            return Err(RebuildError::Stopped);
        }
    }
    if hasher.finalize().as_bytes() != &header.base {
        return Err(RebuildError::BaseDiffers);
    }
    Ok(())
}

/// What is wrong with a block.
enum Fault {
    /// It says what no recipe of ours says.
    Says(&'static str),
    /// Its output has another hash.
    Differs,
    Other(RebuildError),
}

impl Fault {
    fn at(self, at: u64, part: u64) -> RebuildError {
        match self {
            Self::Says(what) => RebuildError::Damaged { at, what },
            Self::Differs => RebuildError::PartDiffers { part },
            Self::Other(error) => error,
        }
    }
}

struct Output<'a> {
    out: &'a mut dyn Write,
    whole: blake3::Hasher,
    part: blake3::Hasher,
    /// Bytes of the file that are still to come.
    left: u64,
    done: u64,
    go_on: &'a mut dyn FnMut(u64) -> bool,
    buffer: Vec<u8>,
}

impl Output<'_> {
    fn block(&mut self, base: &dyn Source, frame: &Frame, limits: &Limits) -> Result<(), Fault> {
        if frame.length == 0 || frame.length > self.left {
            return Err(Fault::Says("a part is empty, or longer than what is left of the file"));
        }
        let (block, steps, new) = sections(frame).ok_or(Fault::Says("a part cannot be unpacked"))?;
        let dictionary = dictionary(base, &block.dictionary, frame.dictionary, limits)?;
        let material = usize::try_from(frame.material)
            .ok()
            .and_then(|length| apply(&dictionary, &steps, &new, length))
            .ok_or(Fault::Says("its steps do not fit what they are carried out on"))?;
        drop(dictionary);
        self.part.reset();
        let end = self.left - frame.length;
        let mut material = Numbers(&material);
        for next in &block.output {
            match *next {
                Next::Copy { from, length } => self.copy(base, from, length, end)?,
                Next::New { length, form } => self.new_bytes(&mut material, length, form, end, limits)?,
            }
        }
        if !material.0.is_empty() || self.left != end {
            return Err(Fault::Says("a part gives fewer bytes than it says"));
        }
        if self.part.finalize().as_bytes() != &frame.hash {
            return Err(Fault::Differs);
        }
        Ok(())
    }

    fn copy(&mut self, base: &dyn Source, from: u64, length: u64, end: u64) -> Result<(), Fault> {
        if length == 0 || length > self.left - end {
            return Err(TOO_LONG);
        }
        let base_length = base.length().map_err(|error| Fault::Other(RebuildError::Base(error)))?;
        let until = from.checked_add(length).filter(|until| *until <= base_length).ok_or(OUTSIDE)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut at = from;
        while at < until {
            let count = usize::try_from(until - at).unwrap_or(PIECE).min(buffer.len());
            let (now, _) = buffer.split_at_mut(count);
            read_exact(base, at, now).map_err(|error| Fault::Other(RebuildError::Base(error)))?;
            self.write(now)?;
            at += count as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn new_bytes(
        &mut self,
        material: &mut Numbers<'_>,
        length: u64,
        form: Form,
        end: u64,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let taken = usize::try_from(length)
            .ok()
            .filter(|length| *length > 0)
            .and_then(|length| material.bytes(length));
        let bytes = taken.ok_or(Fault::Says("it takes bytes that its steps do not give"))?;
        let allowed = usize::try_from(self.left - end).unwrap_or(usize::MAX);
        if form == Form::Raw {
            if bytes.len() > allowed {
                return Err(TOO_LONG);
            }
            return bytes.chunks(PIECE).try_for_each(|piece| self.write(piece));
        }
        let bytes = form.back(bytes.to_vec(), allowed.min(limits.allowed_window_bytes)).ok_or(TOO_LONG)?;
        bytes.chunks(PIECE).try_for_each(|piece| self.write(piece))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.out.write_all(bytes).map_err(|error| Fault::Other(RebuildError::Write(error)))?;
        self.whole.update(bytes);
        self.part.update(bytes);
        self.left -= bytes.len() as u64;
        self.done = self.done.saturating_add(bytes.len() as u64);
        if (self.go_on)(self.done) { Ok(()) } else { Err(Fault::Other(RebuildError::Stopped)) }
    }
}

/// What a frame's body holds: its description, steps and new bytes.
fn sections(frame: &Frame) -> Option<(Block, Vec<u8>, Vec<u8>)> {
    let material = usize::try_from(frame.material).ok()?;
    let mut body = Numbers(&frame.body);
    let block = Block::from_bytes(&take_section(&mut body, DESCRIPTION)?, STRETCHES)?;
    // A step gives a byte at least, and no program of ours writes steps that take more bytes than they give, but for the last one.
    let steps = take_section(&mut body, material.saturating_add(LAST_STEP))?;
    let new = take_section(&mut body, material)?;
    body.0.is_empty().then_some((block, steps, new))
}

fn dictionary(
    base: &dyn Source,
    stretches: &[Stretch],
    length: u32,
    limits: &Limits,
) -> Result<Vec<u8>, Fault> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let base_length = base.length().map_err(|error| Fault::Other(RebuildError::Base(error)))?;
    let mut dictionary = Vec::new();
    for stretch in stretches {
        let inside = stretch.from.checked_add(stretch.length).is_some_and(|end| end <= base_length);
        let left = length - dictionary.len();
        let count = usize::try_from(stretch.length).ok().filter(|_| inside).ok_or(OUTSIDE)?;
        if stretch.length == 0 || count > limits.allowed_window_bytes {
            return Err(TOO_LONG);
        }
        let bytes =
            read_vec(base, stretch.from, count).map_err(|error| Fault::Other(RebuildError::Base(error)))?;
        dictionary.extend(stretch.form.known(bytes, left).ok_or(TOO_LONG)?);
    }
    if dictionary.len() != length {
        return Err(Fault::Says("it is made over fewer bytes than it says"));
    }
    Ok(dictionary)
}

const TOO_LONG: Fault = Fault::Says("a stretch is empty, or longer than what there is room for");
const OUTSIDE: Fault = Fault::Says("a stretch lies outside the whole file");
/// Bytes of one step: three numbers.
const LAST_STEP: usize = 30;
