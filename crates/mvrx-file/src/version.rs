//! Reads the version that an .mvr declares, and nothing else of it.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use serde::Serialize;

use crate::archive::Archive;
use crate::error::{OpenError, SceneError};
use crate::limits::Limits;
use crate::xml::{Node, Tag, XmlReader};

/// `verMajor` and `verMinor` of a root file (MVR table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Version {
    /// `verMajor`.
    pub major: u32,
    /// `verMinor`.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The version of the .mvr at `path`. Reads the zip directory and the first bytes of the root file.
///
/// # Errors
/// [`OpenError`], as for opening the file; damage behind the root element's start tag is not seen.
pub fn version_of(path: impl AsRef<Path>) -> Result<Version, OpenError> {
    version_of_reader(File::open(path).map_err(OpenError::Io)?, &Limits::default())
}

/// The same for anything seekable that holds an .mvr from its beginning to its end.
///
/// # Errors
/// As for [`version_of`].
pub fn version_of_reader<R: Read + Seek>(reader: R, limits: &Limits) -> Result<Version, OpenError> {
    let archive = Archive::open(reader, limits)?;
    let root = root_file(&archive)?;
    let content = archive.unpack(root, limits.xml_bytes).map_err(OpenError::RootFile)?;
    let mut xml = XmlReader::new(content, limits);
    let mut buffer = Vec::new();
    loop {
        match xml.next(&mut buffer)? {
            Node::Start(tag) => return Ok(version_attributes(&tag)?),
            Node::Done | Node::End => return Err(SceneError::RootElementMissing.into()),
            Node::Text(_) | Node::Nothing => {}
        }
    }
}

// req: MVR-ROOT-FILE
/// Where the root file is listed. The name has to match exactly, as member names are case-sensitive.
pub(crate) fn root_file<R: Read + Seek>(archive: &Archive<R>) -> Result<usize, OpenError> {
    let mut places =
        archive.members().iter().enumerate().filter(|(_, member)| member.name == crate::ROOT_FILE);
    match (places.next(), places.count()) {
        (Some((place, _)), 0) => Ok(place),
        (Some(_), more) => Err(OpenError::RootFileNotUnique { count: more + 1 }),
        (None, _) => Err(OpenError::RootFileMissing),
    }
}

/// Reads the version off the root element, whose name is checked too.
pub(crate) fn version_attributes(tag: &Tag<'_>) -> Result<Version, SceneError> {
    let line = tag.line;
    if tag.name() != "GeneralSceneDescription" {
        return Err(SceneError::RootElementDiffers { line });
    }
    let number = |attribute| {
        let text = tag.attribute(attribute);
        text.and_then(|text| text.trim().parse().ok())
            .ok_or(SceneError::VersionUnreadable { line, attribute })
    };
    Ok(Version { major: number("verMajor")?, minor: number("verMinor")? })
}
