//! The stations that this user keeps on this machine, running or not.

use std::path::{Path, PathBuf};

use mvrx_message::StationUuid;

use crate::data;

#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) directory: PathBuf,
    pub(super) station: StationUuid,
    pub(super) running: bool,
}

/// Those in this directory, or in the user's own. Nothing is created, and what cannot be read is passed over.
pub(super) fn stations(given: Option<&Path>) -> Vec<Own> {
    let directories = data::directories(given).unwrap_or_default();
    directories.into_iter().filter(|directory| directory.join(LOCK).exists()).filter_map(own).collect()
}

fn own(directory: PathBuf) -> Option<Own> {
    let running = data::is_in_use(&directory).unwrap_or(false);
    let station = mvrx_station::load(&directory).ok()??;
    Some(Own { directory, station, running })
}

/// Only a directory in which a station ran has it.
const LOCK: &str = "mvrx.lock";

#[cfg(test)]
mod tests {
    use mvrx_store::FsOptions;

    use super::*;

    #[test]
    fn a_station_is_known_by_its_directory_and_runs_while_it_is_locked() {
        let directory = tempfile::tempdir().unwrap();
        assert!(stations(Some(directory.path())).is_empty());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is created");
        let held = data::open(Some(directory.path()), "A", &FsOptions::default(), false).unwrap();
        let seen = stations(Some(directory.path()));
        assert_eq!((seen.len(), seen[0].station, seen[0].running), (1, held.station, true));
        drop(held);
        assert!(!stations(Some(directory.path()))[0].running);
    }
}
