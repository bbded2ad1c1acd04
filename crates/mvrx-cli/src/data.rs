//! The data directory as commands name it: [`mvrx_node::data`], with the exit codes of its errors.

use std::path::{Path, PathBuf};

pub(crate) use mvrx_node::data::Data;
use mvrx_node::data::{self, DataError};
use mvrx_store::FsOptions;

use crate::failure::Failure;

/// Opens the given directory, or the user's own; when that one is in use by another station, a sub-directory by our name.
pub(crate) fn open(given: Option<&Path>, name: &str) -> Result<Data, Failure> {
    open_as(given, name, &FsOptions::default())
}

/// The same, with a store that works so.
pub(crate) fn open_as(given: Option<&Path>, name: &str, options: &FsOptions) -> Result<Data, Failure> {
    open_sparing(given, name, options, false)
}

/// The same; with `own` its limits leave alone what the station itself committed.
pub(crate) fn open_sparing(
    given: Option<&Path>,
    name: &str,
    options: &FsOptions,
    own: bool,
) -> Result<Data, Failure> {
    Ok(data::open(given, name, options, own)?)
}

/// The data directories to look into.
pub(crate) fn directories(given: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    Ok(data::directories(given)?)
}

/// The same, for a look at what is kept: one that is named has to be there.
pub(crate) fn with_history(given: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    match given.filter(|path| !path.is_dir()) {
        Some(path) => {
            Err(Failure::bad_file(format!("{} is no folder, so nothing is kept there", path.display())))
        }
        None => directories(given),
    }
}

/// Why nothing can be saved in a folder, if it is none.
pub(crate) fn no_folder(path: &Path) -> Option<String> {
    let shown = path.display();
    match path.metadata() {
        Ok(about) if about.is_dir() => None,
        Ok(_) => Some(format!("{shown} is a file, and a folder is needed")),
        Err(_) => Some(format!("the folder {shown} is not there")),
    }
}

/// Whether a station runs in a directory.
pub(crate) fn is_in_use(directory: &Path) -> Result<bool, Failure> {
    data::is_in_use(directory).map_err(|error| Failure::local(error.to_string()))
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::IsAFile { .. } => Self::usage(error.to_string()),
            error => Self::local(error.to_string()),
        }
    }
}
