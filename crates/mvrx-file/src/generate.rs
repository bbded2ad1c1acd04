//! Turns a seed into a valid .mvr: for demonstrations, tests and benches, so that no real show has to be shipped.
//!
//! It deliberately knows nothing of reading: the reader is tested against it and against real files. The same [`Recipe`] gives the
//! same bytes everywhere. [`Recipe::revised`] gives the revision that another export of the same show would produce: some
//! fixtures re-addressed, moved and removed, all dates and the order of the directory new, member contents unchanged.
//! Size is bounded by the recipe; a payload of any size is streamed in blocks of 64 KiB.
//!
//! ```
//! use mvrx_file::generate::{Changes, Recipe};
//! let first = Recipe::new(7).fixtures(40).trusses(2);
//! let second = first.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
//! assert_ne!(first.to_bytes(), second.to_bytes());
//! assert_eq!(first.to_bytes(), first.to_bytes());
//! ```

use std::io::{self, Write};

use self::random::Random;
pub use self::zip::{MemberOptions, ZipWriter};

mod gdtf;
mod mesh;
mod random;
mod scene;
mod zip;

/// What to put into a generated .mvr.
#[derive(Debug, Clone)]
pub struct Recipe {
    seed: u64,
    fixtures: u32,
    trusses: u32,
    meshes: u32,
    payload_bytes: u64,
    deflate: bool,
    uuids: UuidStyle,
    changes: Option<Changes>,
}

/// How many fixtures the next revision changes, each in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// Fixtures that start one universe later.
    pub readdressed: u32,
    /// Fixtures that hang half a metre further along their truss.
    pub moved: u32,
    /// Fixtures that are gone.
    pub removed: u32,
}

/// How the exporting application treats UUIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UuidStyle {
    /// Persistent and in lower case.
    Lower,
    /// The same ones in upper case.
    Upper,
    /// Fixtures get new ones on every export, as some applications do.
    Regenerated,
}

impl Recipe {
    /// A show of 12 fixtures on one truss, with 12 boxes for a stage.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            fixtures: 12,
            trusses: 1,
            meshes: 12,
            payload_bytes: 0,
            deflate: false,
            uuids: UuidStyle::Lower,
            changes: None,
        }
    }

    /// How many fixtures hang on the trusses.
    #[must_use]
    pub fn fixtures(self, fixtures: u32) -> Self {
        Self { fixtures, ..self }
    }

    /// How many trusses of 12 m there are.
    #[must_use]
    pub fn trusses(self, trusses: u32) -> Self {
        Self { trusses, ..self }
    }

    /// How many boxes the stage is made of; each is a member of its own.
    #[must_use]
    pub fn meshes(self, meshes: u32) -> Self {
        Self { meshes, ..self }
    }

    /// Adds a stored member of this many bytes that no compression can shrink, for transfer tests.
    #[must_use]
    pub fn payload_bytes(self, payload_bytes: u64) -> Self {
        Self { payload_bytes, ..self }
    }

    /// Packs members with DEFLATE instead of storing them; the payload is always stored.
    #[must_use]
    pub fn deflate(self, deflate: bool) -> Self {
        Self { deflate, ..self }
    }

    /// How UUIDs are written.
    #[must_use]
    pub fn uuids(self, uuids: UuidStyle) -> Self {
        Self { uuids, ..self }
    }

    /// The next revision of the same show. Changes beyond the number of fixtures are left out.
    #[must_use]
    pub fn revised(self, changes: Changes) -> Self {
        Self { changes: Some(changes), ..self }
    }

    /// Writes the .mvr and returns what was given.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn write<W: Write>(&self, out: W) -> io::Result<W> {
        let mut members = Vec::with_capacity(8 + self.meshes as usize);
        for kind in gdtf::TYPES {
            members.push((kind.file.to_owned(), kind.to_bytes()?));
        }
        members.push(("truss_12m.glb".to_owned(), mesh::box_glb([12.0, 0.3, 0.3])));
        for index in 0..self.meshes as usize {
            // A millimetre of difference in height makes every member's checksum its own.
            let height = 0.2 + 0.001 * (index % 1000) as f32 + 0.000_01 * (index / 1000) as f32;
            members.push((mesh_name(index), mesh::box_glb([0.98, 0.98, height])));
        }
        let root = (ROOT.to_owned(), scene::root_file(self).into_bytes());
        if self.changes.is_some() {
            members.reverse();
            members.push(root);
        } else {
            members.insert(0, root);
        }
        let options = self.member_options();
        let mut zip = ZipWriter::new(out);
        for (name, data) in &members {
            zip.add(name.as_bytes(), data, &options)?;
        }
        if self.payload_bytes > 0 {
            zip.add_streamed(PAYLOAD_NAME.as_bytes(), self.payload_bytes, &options, || {
                let mut random = Random::new(self.seed ^ 0x5061_796c_6f61_6421);
                move |bytes: &mut [u8]| random.fill(bytes)
            })?;
        }
        zip.finish()
    }

    /// The .mvr in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing into a vector cannot fail.
        self.write(Vec::new()).unwrap_or_default()
    }

    fn member_options(&self) -> MemberOptions {
        let mut options = if self.deflate { MemberOptions::deflate() } else { MemberOptions::default() };
        if self.changes.is_some() {
            options.dos_time += (1 << 16) | (3 << 11);
            options.flags = 1 << 11;
            options.made_by = (3 << 8) | 30;
        }
        options
    }
}

fn mesh_name(index: usize) -> String {
    format!("deck_{:04}.glb", index + 1)
}

/// The member that [`Recipe::payload_bytes`] makes.
pub const PAYLOAD_NAME: &str = "backdrop.mov";
const ROOT: &str = crate::ROOT_FILE;

/// A mesh to try the reader of meshes on.
#[cfg(test)]
pub(crate) fn test_box(size: [f32; 3]) -> Vec<u8> {
    mesh::box_glb(size)
}
