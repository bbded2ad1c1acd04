//! Writes packages in the one form that every product reads: version 1, number 0 of 1, whatever the size.
//!
//! Two products lose a package whose header arrives apart from its payload, so a header and what follows it belong
//! in one write: [`encode_json`] puts both in one buffer; for a file, put [`file_header`] in front of the first piece.

use crate::header::{HEADER_LEN, PackageHeader, PackageType};

/// Appends one JSON package to `out`: header and payload, ready for one write. Nothing in `out` is removed.
// req: PKG-08, PKG-15
pub fn encode_json(payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(HEADER_LEN + payload.len());
    out.extend_from_slice(&json_header(payload.len() as u64));
    out.extend_from_slice(payload);
}

/// The header of a JSON package of `length` bytes, for a caller that writes header and payload as two slices of one
/// vectored write.
pub const fn json_header(length: u64) -> [u8; HEADER_LEN] {
    PackageHeader::single(PackageType::Json, length).to_bytes()
}

/// The header of a file of `length` bytes, sent as one package whatever its size: several products take the first
/// package of a split file for the whole of it.
// req: PKG-08
pub const fn file_header(length: u64) -> [u8; HEADER_LEN] {
    PackageHeader::single(PackageType::File, length).to_bytes()
}
