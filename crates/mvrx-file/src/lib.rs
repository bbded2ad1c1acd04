//! Reads an .mvr file: summary, check, difference of two revisions, rig plan.
#![forbid(unsafe_code)]

pub use self::archive::{Archive, Member, MemberReader};
pub use self::error::{ArchiveError, MemberError, OpenError, SceneError};
pub use self::limits::Limits;
pub use self::version::{Version, version_of, version_of_reader};

mod archive;
mod error;
pub mod generate;
mod limits;
mod version;
mod xml;

/// Name of the member that makes a zip archive an MVR.
pub const ROOT_FILE: &str = "GeneralSceneDescription.xml";
