//! Makes a recipe: pairs the two files, and writes one block after the other.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;

use crate::block::{Block, Form, Next, STRETCHES, Stretch};
use crate::coarse::refine;
use crate::delta::{Delta, find};
use crate::error::MakeError;
use crate::format::{Frame, FrameWriter, Header, pack, put_section};
use crate::limits::Limits;
use crate::plan::{Like, Piece, pieces};
use crate::source::{PIECE, Source, read_exact, read_vec};

/// A recipe that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Bytes of the recipe.
    pub recipe_bytes: u64,
    /// Bytes of the file that it gives.
    pub length: u64,
    /// Their hash (BLAKE3).
    pub hash: [u8; 32],
    /// Of these, bytes that are copied from the base as they are.
    pub copied: u64,
}

/// Writes a recipe for `target` over `base`. Both are read several times and must stay as they are. `go_on` is called with the bytes
/// read so far, at least once for each quarter MiB of a file; `false` ends it. It is
/// not asked while stretches are paired and compared, which reads both files once or twice. What was written when it fails is no recipe.
///
/// A recipe is not proof of anything before [`verify`](crate::verify) said so: the caller drops the target only after that.
///
/// # Errors
/// [`MakeError::NoGain`] when it would not be shorter by enough; what cannot be read or written; see [`MakeError`].
// req: HISTORY-ZIP, HISTORY-ANY
pub fn make<B, T>(
    base: &B,
    target: &T,
    out: &mut dyn Write,
    limits: &Limits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Made, MakeError>
where
    B: Source,
    T: Source,
{
    let mut tally = Tally { read: 0, go_on };
    let (base_length, base_hash) = hash_of(base, limits, &mut tally).map_err(|e| e.of(MakeError::Base))?;
    let (length, hash) = hash_of(target, limits, &mut tally).map_err(|e| e.of(MakeError::Target))?;
    let allowed = u128::from(length) * u128::from(limits.worth_permille) / 1000;
    let allowed = u64::try_from(allowed).unwrap_or(u64::MAX);
    let header = Header { base_length, base: base_hash, target_length: length, target: hash };
    let frames = FrameWriter::begin(out, header).map_err(MakeError::Write)?;
    let mut making = Making {
        base,
        target,
        limits: *limits,
        frames,
        allowed,
        tally,
        block: Block::default(),
        listed: HashSet::new(),
        dictionary: 0,
        material: Vec::new(),
        span: 0..0,
        copied: 0,
    };
    for piece in pieces(base, target)? {
        making.piece(piece)?;
    }
    making.end_block()?;
    making.accept_length()?;
    let copied = making.copied;
    let recipe_bytes = making.frames.end().map_err(MakeError::Write)?;
    if recipe_bytes > allowed {
        return Err(MakeError::NoGain { length, allowed });
    }
    Ok(Made { recipe_bytes, length, hash, copied })
}

/// Counts what was read, and asks whether to go on.
struct Tally<'a> {
    read: u64,
    go_on: &'a mut dyn FnMut(u64) -> bool,
}

impl Tally<'_> {
    fn add(&mut self, count: usize) -> bool {
        self.read = self.read.saturating_add(count as u64);
        (self.go_on)(self.read)
    }
}

/// What kept a file from being hashed.
enum Unread {
    Io(std::io::Error),
    Other(MakeError),
}

impl Unread {
    fn of(self, which: fn(std::io::Error) -> MakeError) -> MakeError {
        match self {
            Self::Io(error) => which(error),
            Self::Other(error) => error,
        }
    }
}

fn hash_of(source: &dyn Source, limits: &Limits, tally: &mut Tally<'_>) -> Result<(u64, [u8; 32]), Unread> {
    let length = source.length().map_err(Unread::Io)?;
    if length > limits.file_bytes {
        return Err(Unread::Other(MakeError::FileAboveLimit { length, allowed: limits.file_bytes }));
    }
    let hash = hash_range(source, 0..length, tally)?;
    Ok((length, hash))
}

fn hash_range(source: &dyn Source, range: Range<u64>, tally: &mut Tally<'_>) -> Result<[u8; 32], Unread> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PIECE];
    let mut at = range.start;
    while at < range.end {
        let count = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
        let (now, _) = buffer.split_at_mut(count);
        read_exact(source, at, now).map_err(Unread::Io)?;
        hasher.update(now);
        at += count as u64;
        if !tally.add(count) {
            return Err(Unread::Other(MakeError::Stopped));
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

struct Making<'a> {
    base: &'a dyn Source,
    target: &'a dyn Source,
    limits: Limits,
    frames: FrameWriter<'a>,
    allowed: u64,
    tally: Tally<'a>,
    block: Block,
    /// Stretches that are in the block's dictionary.
    listed: HashSet<Stretch>,
    /// Bytes of the dictionary.
    dictionary: usize,
    material: Vec<u8>,
    /// The block's output, as a stretch of the target.
    span: Range<u64>,
    copied: u64,
}

impl Making<'_> {
    fn piece(&mut self, piece: Piece) -> Result<(), MakeError> {
        let Piece { at, like } = piece;
        match like {
            Like::Same { from } => self.copy(at, from),
            Like::Near { base, form: Form::Raw } => self.near(at, base),
            Like::Near { base, form } => {
                if !self.in_form(&at, &base, form)? {
                    self.near(at, base)?;
                }
                Ok(())
            }
        }
    }

    fn copy(&mut self, at: Range<u64>, from: u64) -> Result<(), MakeError> {
        let length = at.end - at.start;
        self.copied += length;
        self.span.end = at.end;
        if let Some(Next::Copy { from: before, length: so_far }) = self.block.output.last_mut()
            && *before + *so_far == from
        {
            *so_far += length;
            return Ok(());
        }
        self.block.output.push(Next::Copy { from, length });
        self.end_full_block()
    }

    /// What differs: long stretches are first looked through for what they have in common.
    fn near(&mut self, at: Range<u64>, base: Range<u64>) -> Result<(), MakeError> {
        let long = (self.limits.window() / 2) as u64;
        if base.is_empty() || (at.end - at.start <= long && base.end - base.start <= long) {
            return self.windows(at, base);
        }
        for piece in refine((self.base, base), (self.target, at), self.limits.window())? {
            match piece.like {
                Like::Same { from } => self.copy(piece.at, from)?,
                Like::Near { base, .. } => self.windows(piece.at, base)?,
            }
        }
        Ok(())
    }

    /// What differs, window by window, each beside the stretch of the base at the same place.
    fn windows(&mut self, at: Range<u64>, base: Range<u64>) -> Result<(), MakeError> {
        let window = self.limits.window() as u64;
        let mut start = at.start;
        while start < at.end {
            let end = at.end.min(start.saturating_add(window));
            let from = base.end.min(base.start + (start - at.start));
            let until = base.end.min(from.saturating_add(window));
            let length = usize::try_from(end - start).unwrap_or(usize::MAX);
            let fresh = read_vec(self.target, start, length).map_err(MakeError::Target)?;
            let stretch = Stretch { from, length: until - from, form: Form::Raw };
            let room = usize::try_from(until - from).unwrap_or(usize::MAX);
            self.add(&fresh, start..end, stretch, room)?;
            start = end;
        }
        Ok(())
    }

    /// What differs, in a form of its own, where that takes fewer bytes; whether it did.
    fn in_form(&mut self, at: &Range<u64>, base: &Range<u64>, form: Form) -> Result<bool, MakeError> {
        let allowed = self.limits.window();
        let fits =
            |range: &Range<u64>| usize::try_from(range.end - range.start).ok().filter(|n| *n <= allowed);
        let (Some(length), Some(base_length)) = (fits(at), fits(base)) else { return Ok(false) };
        let fresh = read_vec(self.target, at.start, length).map_err(MakeError::Target)?;
        let known = read_vec(self.base, base.start, base_length).map_err(MakeError::Base)?;
        let (Some(words), Some(known)) = (form.of(fresh.clone(), allowed), form.known(known, allowed)) else {
            return Ok(false);
        };
        if form.back(words.clone(), fresh.len()).as_deref() != Some(fresh.as_slice()) {
            return Ok(false);
        }
        if form == Form::Content && cost(&find(&known, &words))? >= cost_of_new(&fresh)? {
            return Ok(false);
        }
        let stretch = Stretch { from: base.start, length: base.end - base.start, form };
        self.add(&words, at.clone(), stretch, known.len())?;
        Ok(true)
    }

    /// Adds `bytes`, which stand for the stretch `at` of the target, and what of the base they are compared with: `room` bytes in its form.
    fn add(&mut self, bytes: &[u8], at: Range<u64>, like: Stretch, room: usize) -> Result<(), MakeError> {
        let window = self.limits.window();
        let listed = room == 0 || self.listed.contains(&like);
        let needed = if listed { 0 } else { room };
        if self.material.len() + bytes.len() > window || self.dictionary + needed > window {
            self.end_block()?;
        }
        self.span.end = at.end;
        if room > 0 && self.listed.insert(like) {
            self.dictionary += room;
            self.block.dictionary.push(like);
        }
        self.material.extend_from_slice(bytes);
        let length = bytes.len() as u64;
        match self.block.output.last_mut() {
            Some(Next::New { length: so_far, form: Form::Raw }) if like.form == Form::Raw => {
                *so_far += length;
            }
            _ => self.block.output.push(Next::New { length, form: like.form }),
        }
        self.end_full_block()
    }

    fn end_full_block(&mut self) -> Result<(), MakeError> {
        let allowed = self.limits.stretches.clamp(1, STRETCHES);
        if self.block.output.len() >= allowed || self.block.dictionary.len() >= allowed {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), MakeError> {
        if self.span.is_empty() {
            return Ok(());
        }
        let hash = hash_range(self.target, self.span.clone(), &mut self.tally)
            .map_err(|error| error.of(MakeError::Target))?;
        let mut dictionary = Vec::with_capacity(self.dictionary);
        for stretch in &self.block.dictionary {
            let length = usize::try_from(stretch.length).unwrap_or(usize::MAX);
            let bytes = read_vec(self.base, stretch.from, length).map_err(MakeError::Base)?;
            let changed = || MakeError::Base(std::io::ErrorKind::InvalidData.into());
            dictionary.extend(stretch.form.known(bytes, self.limits.window()).ok_or_else(changed)?);
        }
        let delta = find(&dictionary, &self.material);
        let mut body = Vec::new();
        for section in [&self.block.to_bytes(), &delta.steps, &delta.new] {
            put_section(&mut body, section).map_err(MakeError::Write)?;
        }
        let fit = |count: usize| {
            u32::try_from(count).map_err(|_| MakeError::Write(std::io::ErrorKind::FileTooLarge.into()))
        };
        let frame = Frame {
            dictionary: fit(dictionary.len())?,
            material: fit(self.material.len())?,
            length: self.span.end - self.span.start,
            hash,
            body,
        };
        self.frames.frame(&frame).map_err(MakeError::Write)?;
        self.block = Block::default();
        self.listed.clear();
        self.dictionary = 0;
        self.material.clear();
        self.span.start = self.span.end;
        self.accept_length()
    }

    // req: HISTORY-GAIN
    fn accept_length(&self) -> Result<(), MakeError> {
        if self.frames.written() > self.allowed {
            let length = self.target.length().map_err(MakeError::Target)?;
            return Err(MakeError::NoGain { length, allowed: self.allowed });
        }
        Ok(())
    }
}

/// Bytes that steps and new bytes take in a recipe.
fn cost(delta: &Delta) -> Result<usize, MakeError> {
    Ok(cost_of_new(&delta.steps)? + cost_of_new(&delta.new)?)
}

fn cost_of_new(bytes: &[u8]) -> Result<usize, MakeError> {
    Ok(pack(bytes).map_err(MakeError::Write)?.len().min(bytes.len()))
}
