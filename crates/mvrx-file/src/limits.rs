//! What a reader of a foreign .mvr is willing to spend on it.
//!
//! Every limit here is hit with a named error and nothing else: no reader of this crate allocates in proportion to a
//! number that a file merely *declares*. The defaults let every file pass that a real show produced so far, with an order of
//! magnitude to spare, and keep the memory of one open file below a few hundred MiB for the most hostile one.

/// Upper bounds for reading one .mvr file; see each field for its unit and default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members in the zip directory (65,536).
    pub members: usize,
    /// Bytes of all member names together (8 MiB).
    pub name_bytes: usize,
    /// Inflated bytes of the root file (256 MiB); read as a stream, never held.
    pub xml_bytes: u64,
    /// Depth of nested XML elements (256).
    pub xml_depth: usize,
    /// Bytes of one XML token (1 MiB): a longer tag is refused, a longer text or comment is cut and told.
    pub xml_token_bytes: usize,
    /// Objects in the scene, that is nodes in all `ChildList`s (1,000,000).
    pub objects: usize,
    /// Bytes kept in memory for one scene: objects and their strings (256 MiB).
    pub scene_bytes: usize,
    /// Inflated bytes of one other member that is looked into: a GDTF or a mesh (64 MiB).
    pub member_bytes: u64,
    /// Inflated bytes of all members that one operation unpacks (8 GiB).
    pub inflated_bytes: u64,
    /// Inflated bytes of all GDTFs that are looked into, with what is in them (256 MiB).
    pub gdtf_bytes: u64,
    /// How many times larger than its packed form a member may be, if it is larger than 4 MiB (250).
    pub compression_ratio: u64,
    /// Findings that one check keeps; further ones are only counted (10,000).
    pub findings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: 65_536,
            name_bytes: 8 << 20,
            xml_bytes: 256 * MIB,
            xml_depth: 256,
            xml_token_bytes: 1 << 20,
            objects: 1_000_000,
            scene_bytes: 256 << 20,
            member_bytes: 64 * MIB,
            inflated_bytes: 8 * 1024 * MIB,
            gdtf_bytes: 256 * MIB,
            compression_ratio: 250,
            findings: 10_000,
        }
    }
}

/// Below this inflated size no compression ratio is suspicious.
pub(crate) const RATIO_FREE_BYTES: u64 = 4 * MIB;

const MIB: u64 = 1024 * 1024;
