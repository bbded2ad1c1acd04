//! Reads an .mvr file: summary, check, difference of two revisions, rig plan.
#![forbid(unsafe_code)]

pub use self::archive::{Archive, Member, MemberReader};
pub use self::diff::Diff;
pub use self::error::{ArchiveError, MemberError, OpenError, SceneError};
pub use self::limits::Limits;
pub use self::mvr::MvrFile;
pub use self::plan::Plan;
pub use self::rule::{Rule, Severity};
pub use self::summary::Summary;
pub use self::version::{Version, version_of, version_of_reader};

mod archive;
pub mod check;

pub mod diff;
mod error;
pub mod gdtf;
pub mod generate;
mod limits;
mod mesh;
mod mvr;
mod patch;
pub mod plan;
mod rule;
pub mod scene;
pub mod summary;
mod text;
mod version;
mod xml;

/// Name of the member that makes a zip archive an MVR.
pub const ROOT_FILE: &str = "GeneralSceneDescription.xml";
