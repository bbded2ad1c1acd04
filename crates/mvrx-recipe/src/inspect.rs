//! Tells what a recipe is for and what it takes, without its base.

use crate::block::{Block, Next, STRETCHES};
use crate::error::RebuildError;
use crate::format::{DESCRIPTION, FrameReader, take_section};
use crate::limits::Limits;
use crate::numbers::Numbers;
use crate::source::Source;

/// What a recipe says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspected {
    /// Bytes of the whole file that it needs.
    pub base_length: u64,
    /// Their hash (BLAKE3).
    pub base: [u8; 32],
    /// Bytes of the file that it gives.
    pub length: u64,
    /// Their hash (BLAKE3).
    pub hash: [u8; 32],
    /// Bytes of the recipe.
    pub recipe_bytes: u64,
    /// Parts of the recipe.
    pub parts: u64,
    /// Bytes that are copied from the base as they are.
    pub copied: u64,
    /// The largest window that a part needs, in bytes.
    pub window: u32,
}

/// What a recipe is made over, and what it gives: by its first 122 bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needs {
    /// Bytes of the whole file that it needs.
    pub base_length: u64,
    /// Their hash (BLAKE3).
    pub base: [u8; 32],
    /// Bytes of the file that it gives.
    pub length: u64,
    /// Their hash (BLAKE3).
    pub hash: [u8; 32],
}

/// Reads the beginning of a recipe. Whether the rest is there and right is not looked at.
///
/// # Errors
/// What [`rebuild`](crate::rebuild) says of what is cut there, damaged or no recipe.
pub fn needs<R: Source>(recipe: &R) -> Result<Needs, RebuildError> {
    let header = FrameReader::begin(recipe)?.header();
    Ok(Needs {
        base_length: header.base_length,
        base: header.base,
        length: header.target_length,
        hash: header.target,
    })
}

/// Reads a recipe through: every checksum in it is compared, and nothing is carried out.
///
/// # Errors
/// What [`rebuild`](crate::rebuild) says of a recipe that is cut, damaged or none.
pub fn inspect<R: Source>(recipe: &R, limits: &Limits) -> Result<Inspected, RebuildError> {
    let mut frames = FrameReader::begin(recipe)?;
    let header = frames.header();
    let mut inspected = Inspected {
        base_length: header.base_length,
        base: header.base,
        length: header.target_length,
        hash: header.target,
        recipe_bytes: 0,
        parts: 0,
        copied: 0,
        window: 0,
    };
    let mut given = 0_u64;
    loop {
        let at = frames.at();
        let Some(frame) = frames.next(limits.allowed_window_bytes)? else { break };
        let damaged = |what| RebuildError::Damaged { at, what };
        let block = take_section(&mut Numbers(&frame.body), DESCRIPTION)
            .and_then(|bytes| Block::from_bytes(&bytes, STRETCHES))
            .ok_or(damaged("a part cannot be unpacked"))?;
        let copies = block.output.iter().map(|next| match next {
            Next::Copy { length, .. } => *length,
            Next::New { .. } => 0,
        });
        inspected.copied = copies.fold(inspected.copied, u64::saturating_add);
        inspected.parts += 1;
        inspected.window = inspected.window.max(frame.dictionary).max(frame.material);
        given = given.saturating_add(frame.length);
    }
    if given != inspected.length {
        return Err(RebuildError::WholeDiffers);
    }
    inspected.recipe_bytes = frames.at();
    Ok(inspected)
}
