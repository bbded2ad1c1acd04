//! The frame of a recipe: what stands around its blocks, and that every byte is under a checksum. `docs/history.md` has the table.

use std::io::{self, Read, Write};

use crate::error::RebuildError;
use crate::numbers::{Numbers, put};
use crate::source::{Source, read_vec};

/// What a recipe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) base_length: u64,
    pub(crate) base: [u8; 32],
    pub(crate) target_length: u64,
    pub(crate) target: [u8; 32],
}

impl Header {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.base_length.to_le_bytes());
        bytes.extend_from_slice(&self.base);
        bytes.extend_from_slice(&self.target_length.to_le_bytes());
        bytes.extend_from_slice(&self.target);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, RebuildError> {
        let mut fields = Fields(bytes);
        if fields.take::<8>() != Some(*MAGIC) {
            return Err(RebuildError::NotARecipe);
        }
        let version = fields.take().map(u16::from_le_bytes).ok_or(RebuildError::NotARecipe)?;
        let read = |fields: &mut Fields<'_>| {
            Some(Self {
                base_length: u64::from_le_bytes(fields.take()?),
                base: fields.take()?,
                target_length: u64::from_le_bytes(fields.take()?),
                target: fields.take()?,
            })
        };
        let damaged =
            RebuildError::Damaged { at: 0, what: "its first lines are not those that were written" };
        let (header, checked) = (read(&mut fields), bytes.len() - fields.0.len());
        let check = bytes.get(..checked).map(blake3::hash);
        let holds = fields.take::<32>() == check.map(|hash| *hash.as_bytes());
        match header {
            Some(header) if holds && version == VERSION => Ok(header),
            Some(_) if holds => Err(RebuildError::VersionUnknown { version, known: VERSION }),
            // A later version may have another header, of which nothing is known but these two fields.
            _ if version > VERSION => Err(RebuildError::VersionUnknown { version, known: VERSION }),
            _ => Err(damaged),
        }
    }
}

/// One block as it is written.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Bytes of the dictionary.
    pub(crate) dictionary: u32,
    /// Bytes that the steps give.
    pub(crate) material: u32,
    /// Bytes that the block gives.
    pub(crate) length: u64,
    /// Their hash.
    pub(crate) hash: [u8; 32],
    /// The sections, packed.
    pub(crate) body: Vec<u8>,
}

/// Writes header, frames and end, and counts.
pub(crate) struct FrameWriter<'a> {
    out: &'a mut dyn Write,
    written: u64,
    checks: blake3::Hasher,
}

impl<'a> FrameWriter<'a> {
    pub(crate) fn begin(out: &'a mut dyn Write, header: Header) -> io::Result<Self> {
        let bytes = header.to_bytes();
        let mut writer = Self { out, written: 0, checks: blake3::Hasher::new() };
        writer.checks.update(bytes.get(CHECKED..).unwrap_or_default());
        writer.write(&bytes)?;
        Ok(writer)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let length = u32::try_from(frame.body.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = Vec::with_capacity(FRAME);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&frame.dictionary.to_le_bytes());
        bytes.extend_from_slice(&frame.material.to_le_bytes());
        bytes.extend_from_slice(&frame.length.to_le_bytes());
        bytes.extend_from_slice(&frame.hash);
        let check = check(&bytes, &frame.body);
        self.checks.update(&check);
        bytes.extend_from_slice(&check);
        self.write(&bytes)?;
        self.write(&frame.body)
    }

    /// Writes the end; how long the recipe is.
    pub(crate) fn end(mut self) -> io::Result<u64> {
        let mut bytes = [0; 4].to_vec();
        bytes.extend_from_slice(self.checks.finalize().as_bytes());
        self.write(&bytes)?;
        Ok(self.written)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// Reads header, frames and end, each checked before any of it is believed.
pub(crate) struct FrameReader<'a> {
    recipe: &'a dyn Source,
    length: u64,
    at: u64,
    header: Header,
    checks: blake3::Hasher,
}

impl<'a> FrameReader<'a> {
    pub(crate) fn begin(recipe: &'a dyn Source) -> Result<Self, RebuildError> {
        let length = recipe.length().map_err(RebuildError::Recipe)?;
        let there = HEADER.min(usize::try_from(length).unwrap_or(HEADER));
        let bytes = read_vec(recipe, 0, there).map_err(RebuildError::Recipe)?;
        // What is too short to tell is no recipe; what begins like one is a cut one.
        if bytes.len() < HEADER {
            let begun = bytes.len() >= 8 && bytes.starts_with(MAGIC);
            return Err(if begun { RebuildError::Cut { at: length } } else { RebuildError::NotARecipe });
        }
        let header = Header::from_bytes(&bytes)?;
        let mut checks = blake3::Hasher::new();
        checks.update(bytes.get(CHECKED..).unwrap_or_default());
        Ok(Self { recipe, length, at: HEADER as u64, header, checks })
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// Where the next frame begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next frame; `None` behind the last one.
    pub(crate) fn next(&mut self, allowed_window: usize) -> Result<Option<Frame>, RebuildError> {
        let at = self.at;
        let length = self.read(4)?;
        let length = Fields(&length).take().map_or(0, u32::from_le_bytes);
        if length == 0 {
            return self.end(at).map(|()| None);
        }
        let rest = self.read(FRAME - 4)?;
        let mut fields = Fields(&rest);
        let mut read = || {
            Some(Frame {
                dictionary: u32::from_le_bytes(fields.take()?),
                material: u32::from_le_bytes(fields.take()?),
                length: u64::from_le_bytes(fields.take()?),
                hash: fields.take()?,
                body: Vec::new(),
            })
        };
        let damaged = RebuildError::Damaged { at, what: "a part is not what was written" };
        let (Some(mut frame), Some(told)) = (read(), fields.take::<32>()) else { return Err(damaged) };
        let body = usize::try_from(length).unwrap_or(usize::MAX);
        // A body takes no more than what it is made from, and what describes that.
        if body > allowed_window.saturating_mul(2).saturating_add(DESCRIPTION) {
            return Err(self.too_long(u64::from(length), allowed_window));
        }
        frame.body = self.read(body)?;
        let fields = [&length.to_le_bytes()[..], rest.get(..FRAME - 4 - 32).unwrap_or_default()].concat();
        if check(&fields, &frame.body) != told {
            return Err(damaged);
        }
        let window = frame.dictionary.max(frame.material);
        if u64::from(window) > allowed_window as u64 {
            return Err(RebuildError::WindowAboveLimit {
                window: window.into(),
                allowed: allowed_window as u64,
            });
        }
        self.checks.update(&told);
        Ok(Some(frame))
    }

    /// A length above the limit that the recipe cannot have is damage, not a limit.
    fn too_long(&self, body: u64, allowed: usize) -> RebuildError {
        if body > self.length.saturating_sub(self.at) {
            return RebuildError::Cut { at: self.length };
        }
        RebuildError::WindowAboveLimit { window: body / 2, allowed: allowed as u64 }
    }

    fn end(&mut self, at: u64) -> Result<(), RebuildError> {
        let told = self.read(32)?;
        if told != self.checks.finalize().as_bytes() {
            return Err(RebuildError::Damaged {
                at,
                what: "the parts before its end are not those that were written",
            });
        }
        if self.at != self.length {
            return Err(RebuildError::Damaged { at: self.at, what: "something follows its end" });
        }
        Ok(())
    }

    fn read(&mut self, count: usize) -> Result<Vec<u8>, RebuildError> {
        if count as u64 > self.length.saturating_sub(self.at) {
            return Err(RebuildError::Cut { at: self.length });
        }
        let bytes = read_vec(self.recipe, self.at, count).map_err(RebuildError::Recipe)?;
        self.at += count as u64;
        Ok(bytes)
    }
}

fn check(fields: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(fields);
    hasher.update(body);
    *hasher.finalize().as_bytes()
}

/// Appends bytes, packed where that makes them fewer: their length, their packed length (0 where they are as they are), and themselves.
pub(crate) fn put_section(to: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let packed = pack(bytes)?;
    put(to, bytes.len() as u64);
    if packed.len() < bytes.len() {
        put(to, packed.len() as u64);
        to.extend_from_slice(&packed);
    } else {
        put(to, 0);
        to.extend_from_slice(bytes);
    }
    Ok(())
}

/// What [`put_section`] appended, at most `allowed` bytes.
pub(crate) fn take_section(from: &mut Numbers<'_>, allowed: usize) -> Option<Vec<u8>> {
    let length = from.at_most(allowed)?;
    let packed = from.at_most(from.0.len())?;
    if packed == 0 {
        return from.bytes(length).map(<[u8]>::to_vec);
    }
    let mut inflater = flate2::read::DeflateDecoder::new(from.bytes(packed)?).take(length as u64 + 1);
    let mut bytes = Vec::new();
    inflater.read_to_end(&mut bytes).ok()?;
    (bytes.len() == length).then_some(bytes)
}

/// Bytes packed as well as it goes.
pub(crate) fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Takes fields of fixed length off the front of some bytes.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

/// The first bytes of every recipe.
pub(crate) const MAGIC: &[u8; 8] = b"mvrx-rcp";
/// The version that this program writes and reads.
pub(crate) const VERSION: u16 = 1;
/// Bytes of the header.
pub(crate) const HEADER: usize = CHECKED + 32;
/// Of these, those that the checksum at its end covers.
const CHECKED: usize = 8 + 2 + 8 + 32 + 8 + 32;
/// Bytes of a frame before its body.
pub(crate) const FRAME: usize = 4 + 4 + 4 + 8 + 32 + 32;
/// Bytes that the description of a block may take beside its window.
pub(crate) const DESCRIPTION: usize = 24 << 20;
