//! Turns an .mvr file into what people want to know before they import it: what is in it, what is wrong with it, what changed since the
//! revision before, and where everything hangs.
//!
//! It deliberately knows no network, no runtime and no store: anything that can be read and sought is a file to it. It never writes to
//! disk and never unpacks more than it needs. Everything a stranger's file could blow up is bounded by [`Limits`], and what is
//! refused has a named error ([`OpenError`]). Results are plain structures: [`std::fmt::Display`] shows them to people, `serde` to programs.
//!
//! | to know | use |
//! |---|---|
//! | the version of a file, cheaply | [`version_of`] |
//! | what is in it | [`MvrFile::open`], [`Summary::of`] |
//! | what is wrong with it | [`check::file`], [`check::reader`] |
//! | whether it came whole | [`whole::look`] |
//! | what changed | [`Diff::between`] |
//! | where everything is | [`Plan::of`], [`Plan::of_change`], [`Plan::svg`] |
//! | a file to try things on | [`generate::Recipe`] |
//!
//! ```
//! use mvrx_file::generate::Recipe;
//! use mvrx_file::scene::Kind;
//! use mvrx_file::{MvrFile, Summary};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("show.mvr");
//! # Recipe::new(1).write(std::fs::File::create(&path)?)?;
//! let file = MvrFile::open(&path)?;
//! let summary = Summary::of(&file);
//! assert_eq!(summary.count(Kind::Fixture), 12);
//! println!("{summary}");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub use self::archive::{Archive, Member, MemberReader};
pub use self::diff::Diff;
pub use self::error::{ArchiveError, MemberError, OpenError, SceneError};
pub use self::limits::Limits;
pub use self::mvr::MvrFile;
pub use self::plan::Plan;
pub use self::rule::{Rule, Severity};
pub use self::summary::Summary;
pub use self::text::size;
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
pub mod whole;
mod xml;

/// Name of the member that makes a zip archive an MVR.
pub const ROOT_FILE: &str = "GeneralSceneDescription.xml";
