//! Whether the bytes of a file so far are a whole zip archive, told as they pass.
//!
//! In WebSocket Mode nothing on the wire says how long a file is, and FileSize is second-hand. But an .mvr is a zip archive, and the
//! last record of one says where it stands. Only the first four and the last bytes are held. An archive with a comment behind its last
//! record is not recognised: then the answer is "no", never a wrong "yes".

/// Watches a file pass.
#[derive(Debug, Clone)]
pub(super) struct ZipEnd {
    first: Vec<u8>,
    /// The last bytes, at most [`TAIL`].
    tail: Vec<u8>,
    seen: u64,
}

impl ZipEnd {
    pub(super) fn new() -> Self {
        Self { first: Vec::with_capacity(SIGNATURE), tail: Vec::with_capacity(2 * TAIL), seen: 0 }
    }

    pub(super) fn pass(&mut self, bytes: &[u8]) {
        let missing = SIGNATURE.saturating_sub(self.first.len()).min(bytes.len());
        self.first.extend_from_slice(bytes.get(..missing).unwrap_or_default());
        let last = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        self.tail.extend_from_slice(last);
        let old = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..old);
        self.seen = self.seen.saturating_add(bytes.len() as u64);
    }

    /// Whether an archive ends here: its last record stands at the end and right behind the directory that it tells of.
    pub(super) fn is_whole(&self) -> bool {
        if self.first != LOCAL_FILE && self.first != END {
            return false;
        }
        let at = self.tail.len().saturating_sub(END_LENGTH);
        let (before, end) = self.tail.split_at_checked(at).unwrap_or_default();
        if end.len() != END_LENGTH || !end.starts_with(&END) || !end.ends_with(&[0, 0]) {
            return false;
        }
        let (Some(size), Some(offset)) = (u32_at(end, 12), u32_at(end, 16)) else { return false };
        let end_at = self.seen.saturating_sub(END_LENGTH as u64);
        if u64::from(size) + u64::from(offset) == end_at {
            return true;
        }
        // Zip64: a locator stands before it, and tells where the real record is; that one is right before the locator.
        let locator = before.get(before.len().saturating_sub(LOCATOR_LENGTH)..).unwrap_or_default();
        let record = u64_at(locator, 8).filter(|_| locator.starts_with(&ZIP64_LOCATOR));
        let locator_at = end_at.saturating_sub(LOCATOR_LENGTH as u64);
        record.and_then(|at| at.checked_add(ZIP64_END_LENGTH)).is_some_and(|end| end == locator_at)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

const SIGNATURE: usize = 4;
const LOCAL_FILE: [u8; 4] = *b"PK\x03\x04";
const END: [u8; 4] = *b"PK\x05\x06";
const ZIP64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const END_LENGTH: usize = 22;
const LOCATOR_LENGTH: usize = 20;
/// Without the fields that nobody writes.
const ZIP64_END_LENGTH: u64 = 56;
const TAIL: usize = END_LENGTH + LOCATOR_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(payload: usize, zip64: bool) -> Vec<u8> {
        let mut bytes = LOCAL_FILE.to_vec();
        bytes.resize(30 + payload, 7);
        let directory = u32::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(b"PK\x01\x02");
        bytes.resize(bytes.len() + 42, 1);
        let size = u32::try_from(bytes.len()).unwrap() - directory;
        if zip64 {
            let record = bytes.len() as u64;
            bytes.extend_from_slice(b"PK\x06\x06");
            bytes.resize(bytes.len() + 52, 0);
            bytes.extend_from_slice(&ZIP64_LOCATOR);
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&record.to_le_bytes());
            bytes.extend_from_slice(&[1, 0, 0, 0]);
        }
        bytes.extend_from_slice(&END);
        bytes.extend_from_slice(&[0, 0, 0, 0, 1, 0, 1, 0]);
        let (size, directory) = if zip64 { (u32::MAX, u32::MAX) } else { (size, directory) };
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&directory.to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes
    }

    fn watched(bytes: &[u8], chunk: usize) -> ZipEnd {
        let mut watch = ZipEnd::new();
        bytes.chunks(chunk).for_each(|chunk| watch.pass(chunk));
        watch
    }

    #[test]
    fn an_archive_is_whole_at_its_end_and_nowhere_else() {
        for zip64 in [false, true] {
            let bytes = archive(300, zip64);
            for chunk in [1, 7, 41, 8_192] {
                assert!(watched(&bytes, chunk).is_whole(), "{chunk}");
            }
            for cut in 0..bytes.len() {
                assert!(!watched(&bytes[..cut], 64).is_whole(), "{cut}");
            }
            let longer = [bytes.clone(), vec![0]].concat();
            assert!(!watched(&longer, 64).is_whole());
        }
    }

    #[test]
    fn an_archive_inside_another_one_is_not_its_end() {
        let inner = archive(100, false);
        let mut outer = LOCAL_FILE.to_vec();
        outer.resize(40, 9);
        outer.extend_from_slice(&inner);
        assert!(!watched(&outer, 50).is_whole());
        assert!(!watched(b"not a zip", 3).is_whole());
        assert!(!ZipEnd::new().is_whole());
    }
}
