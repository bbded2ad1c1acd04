//! Large buffers that are used again: fresh pages cost more than the copy they are for.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// A few buffers that wait for their next use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers {
    free: Arc<Mutex<Vec<Box<[u8]>>>>,
}

/// A buffer of [`BUFFER_BYTES`], given back when dropped. Its content is whatever the last user left.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    home: Buffers,
}

impl Buffers {
    pub(crate) fn take(&self) -> Buffer {
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = kept.unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice());
        Buffer { bytes, home: self.clone() }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// One piece of a copy. Larger ones measured no better, smaller ones cost system calls.
pub(crate) const BUFFER_BYTES: usize = 1024 * 1024;
/// How many idle buffers a store keeps.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_a_returned_buffer_again_and_keeps_only_a_few() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        first[0] = 7;
        drop(first);
        assert_eq!(buffers.take()[0], 7);
        let many: Vec<Buffer> = (0..KEPT + 3).map(|_| buffers.take()).collect();
        drop(many);
        assert_eq!(buffers.free.lock().unwrap().len(), KEPT);
    }
}
