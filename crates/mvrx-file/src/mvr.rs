//! An opened .mvr: the directory of its archive and its scene, everything else still packed.
//!
//! It knows where a name in the scene leads in the archive, and nothing about what should be there. Opening reads the zip directory
//! and the root file; no other member is touched until asked for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::archive::Archive;
use crate::error::OpenError;
use crate::limits::Limits;
use crate::scene::Scene;
use crate::scene::parse::read_scene;
use crate::version::root_file;

/// An .mvr that could be read.
#[derive(Debug)]
pub struct MvrFile<R> {
    archive: Archive<R>,
    scene: Scene,
    names: HashMap<String, usize>,
    bytes: u64,
    limits: Limits,
}

/// Where a `GDTFSpec` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceMember {
    /// To a member of exactly that name.
    Exact(usize),
    /// To a member with `.gdtf` added, as one product leaves it out.
    EndingAdded(usize),
    /// Nowhere.
    Missing,
}

impl MvrFile<File> {
    /// Opens the .mvr at `path` within the default limits.
    ///
    /// # Errors
    /// [`OpenError`], when the file is no MVR or exceeds a limit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::read(File::open(path).map_err(OpenError::Io)?, &Limits::default())
    }
}

impl<R: Read + Seek> MvrFile<R> {
    /// Opens the .mvr that `reader` holds from its beginning to its end.
    ///
    /// # Errors
    /// [`OpenError`], when it is no MVR or exceeds a limit.
    pub fn read(mut reader: R, limits: &Limits) -> Result<Self, OpenError> {
        let bytes = reader.seek(SeekFrom::End(0)).map_err(OpenError::Io)?;
        let archive = Archive::open(reader, limits)?;
        Self::of_archive(archive, bytes, limits).map_err(|refused| refused.1)
    }

    /// The archive comes back when its root file is the problem, as everything else in it can still be judged.
    pub(crate) fn of_archive(
        archive: Archive<R>,
        bytes: u64,
        limits: &Limits,
    ) -> Result<Self, Box<(Archive<R>, OpenError)>> {
        let scene = match scene_of(&archive, limits) {
            Ok(scene) => scene,
            Err(error) => return Err(Box::new((archive, error))),
        };
        let mut names = HashMap::with_capacity(archive.members().len());
        for (place, member) in archive.members().iter().enumerate() {
            names.entry(member.name.clone()).or_insert(place);
        }
        Ok(Self { archive, scene, names, bytes, limits: *limits })
    }

    /// The archive.
    pub fn archive(&self) -> &Archive<R> {
        &self.archive
    }

    /// The scene.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Size of the whole file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Place of the member with exactly this name.
    pub(crate) fn member(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Place of the member that a `GDTFSpec` leads to.
    pub(crate) fn device_member(&self, spec: &str) -> DeviceMember {
        // req: MVR-GDTFSPEC-ENDING
        if let Some(place) = self.member(spec) {
            return DeviceMember::Exact(place);
        }
        match self.member(&format!("{spec}.gdtf")) {
            Some(place) => DeviceMember::EndingAdded(place),
            None => DeviceMember::Missing,
        }
    }

    /// Place of the member that a `Geometry3D` leads to; without an ending it means a 3DS (MVR table 39).
    pub(crate) fn mesh_member(&self, name: &str) -> Option<usize> {
        self.member(name).or_else(
            || {
                if name.contains('.') { None } else { self.member(&format!("{name}.3ds")) }
            },
        )
    }
}

fn scene_of<R: Read + Seek>(archive: &Archive<R>, limits: &Limits) -> Result<Scene, OpenError> {
    let root = root_file(archive)?;
    let content = archive.unpack(root, limits.xml_bytes).map_err(OpenError::RootFile)?;
    Ok(read_scene(content, limits)?)
}
