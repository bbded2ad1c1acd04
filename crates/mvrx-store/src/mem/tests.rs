use std::path::PathBuf;

use super::*;
use crate::Store;
use crate::battery::Subject;

struct InMemory(tempfile::TempDir);

impl Subject for InMemory {
    fn fresh() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn store(&self, limits: Limits) -> Arc<dyn Store> {
        Arc::new(MemStore::with(limits, Clock::default()))
    }

    fn folder(&self) -> PathBuf {
        self.0.path().to_path_buf()
    }
}

crate::store_battery!(InMemory);

#[test]
fn reads_across_the_edges_of_blocks() {
    let file = Arc::new(MemFile::default());
    let bytes = crate::battery::content(1, 2 * BLOCK_BYTES + 5);
    let mut writer = MemWriter(Arc::clone(&file));
    for piece in bytes.chunks(BLOCK_BYTES - 3) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(file.length(), bytes.len() as u64);
    for offset in [0, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES - 2, bytes.len() - 1] {
        let mut buffer = [0; 4];
        let count = file.read_at(offset as u64, &mut buffer).unwrap();
        assert!(count > 0);
        assert_eq!(buffer[..count], bytes[offset..offset + count]);
    }
    assert_eq!(file.read_at(bytes.len() as u64, &mut [0; 4]).unwrap(), 0);
    assert_eq!(file.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
}
