//! A digest over the bytes of a content, equal for equal bytes however they are held. 256 bits, not
//! cryptographic.

use std::collections::HashMap;

use super::{Bulk, Content};
use crate::hash;

/// The digest of a string of bytes.
pub type Digest = [u8; 32];

impl Content {
    /// The digest of the bytes. Bulk is made for it: about a second per 4 GiB in an optimised build; see
    /// [`DigestMemo`].
    pub fn digest(&self) -> Digest {
        let mut lanes = [1, 2, 3, 4].map(|lane| hash::word(lane, self.len()));
        let mut block = [0; BLOCK];
        let mut at = 0;
        while at < self.len() {
            let read = self.read_at(at, &mut block);
            at += read as u64;
            let (padded, rest) = block.split_at_mut(read.next_multiple_of(32));
            if let Some(padding) = padded.get_mut(read..) {
                padding.fill(0);
            }
            debug_assert!(rest.is_empty() || at == self.len(), "only the last block is short");
            for eights in padded.as_chunks::<8>().0.as_chunks::<4>().0 {
                for (lane, eight) in lanes.iter_mut().zip(eights) {
                    *lane = hash::word(*lane, u64::from_le_bytes(*eight));
                }
            }
        }
        let all = lanes.into_iter().fold(0, hash::word);
        let mut digest = [0; 32];
        for (places, lane) in digest.chunks_mut(8).zip(lanes) {
            for (place, byte) in places.iter_mut().zip(hash::word(lane, all).to_le_bytes()) {
                *place = byte;
            }
        }
        digest
    }
}

/// Digests of contents that are one run of bulk, each computed once: twenty hosts that receive one big file
/// cost one pass over it.
#[derive(Clone, Debug, Default)]
pub struct DigestMemo {
    known: HashMap<Bulk, Digest>,
}

impl DigestMemo {
    /// None known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Content::digest`].
    pub fn digest(&mut self, content: &Content) -> Digest {
        match content.as_bulk() {
            Some(bulk) => *self.known.entry(bulk).or_insert_with(|| content.digest()),
            None => content.digest(),
        }
    }
}

const BLOCK: usize = 64 * 1024;
