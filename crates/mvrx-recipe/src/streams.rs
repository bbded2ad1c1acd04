//! Contents as shows have them, and streams of them, for the tests of [`crate::packing`] and [`crate::tokens`].

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A stream of this content.
pub(crate) fn packed(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A description of so many fixtures.
pub(crate) fn text(fixtures: u32) -> Vec<u8> {
    let line =
        |n: u32| format!("<Fixture uuid='{:08x}' at='{}'/>\n", n.wrapping_mul(2_654_435_761), n * 7 % 512);
    (0..fixtures).flat_map(|n| line(n).into_bytes()).collect()
}
