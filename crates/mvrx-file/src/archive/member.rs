//! Unpacks one member as a stream and holds it to what the directory declared.

use std::fmt;
use std::io::{self, Read, Seek};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use rawzip::ZipReader;

use super::section::Section;
use super::{Member, STORE};
use crate::error::MemberError;

/// The unpacked content of a member; an error of [`MemberError`] travels inside the [`io::Error`].
pub struct MemberReader<'a, R: Read + Seek> {
    source: Source<'a, R>,
    declared: u64,
    crc: u32,
    unpacked: u64,
    sum: Crc,
}

enum Source<'a, R: Read + Seek> {
    Stored(ZipReader<&'a Section<R>>),
    Deflated(Box<DeflateDecoder<ZipReader<&'a Section<R>>>>),
}

impl<'a, R: Read + Seek> MemberReader<'a, R> {
    pub(super) fn new(packed: ZipReader<&'a Section<R>>, member: &Member) -> Self {
        let source = if member.method == STORE {
            Source::Stored(packed)
        } else {
            Source::Deflated(Box::new(DeflateDecoder::new(packed)))
        };
        Self { source, declared: member.size, crc: member.crc32, unpacked: 0, sum: Crc::new() }
    }

    /// Unpacks everything that is left into memory.
    ///
    /// # Errors
    /// [`MemberError`], at the first byte that contradicts the directory.
    pub fn read_all(mut self) -> Result<Vec<u8>, MemberError> {
        let mut content = Vec::new();
        self.read_to_end(&mut content).map_err(MemberError::from_io)?;
        Ok(content)
    }

    /// Unpacks everything that is left and forgets it, to see whether size and checksum are right.
    ///
    /// # Errors
    /// [`MemberError`], at the first byte that contradicts the directory.
    pub fn verify(mut self) -> Result<(), MemberError> {
        io::copy(&mut self, &mut io::sink()).map_err(MemberError::from_io)?;
        Ok(())
    }
}

impl<R: Read + Seek> Read for MemberReader<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.source {
            Source::Stored(reader) => reader.read(buf)?,
            Source::Deflated(reader) => reader.read(buf).map_err(|error| inflate_error(error).into_io())?,
        };
        self.unpacked += count as u64;
        if self.unpacked > self.declared || (count == 0 && self.unpacked < self.declared) {
            return Err(
                MemberError::SizeDiffers { unpacked: self.unpacked, declared: self.declared }.into_io()
            );
        }
        self.sum.update(buf.get(..count).unwrap_or_default());
        if count == 0 && self.sum.sum() != self.crc {
            return Err(MemberError::ChecksumDiffers { found: self.sum.sum(), declared: self.crc }.into_io());
        }
        Ok(count)
    }
}

impl<R: Read + Seek> fmt::Debug for MemberReader<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberReader")
            .field("declared", &self.declared)
            .field("unpacked", &self.unpacked)
            .finish_non_exhaustive()
    }
}

/// The decoder reports damage as `InvalidInput` and a cut stream as `UnexpectedEof`; anything else came from below.
fn inflate_error(error: io::Error) -> MemberError {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            MemberError::DeflateDamaged
        }
        _ => MemberError::Io(error),
    }
}
