//! Which stations may be of the session, which of them may only read, and how large a file may be that they bring.
//!
//! A StationUUID is told to everybody: by itself a list of them is an aid to order, and proves nothing. How a station proves to be the one
//! that it says (a password of its own) is the driver's.

use std::collections::BTreeSet;

use mvrx_message::{Commit, StationUuid};

use super::{Event, Host};

/// Who may be one of a session, and do what. By default everybody may do everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Only these stations may join; `None`: everybody.
    pub stations: Option<BTreeSet<StationUuid>>,
    /// These see and fetch what others commit. What they commit or list is not taken, no file is read from them, they do not move the session
    /// and are not elected to host it.
    pub read_only: BTreeSet<StationUuid>,
}

impl Access {
    pub(super) fn lists(&self, station: StationUuid) -> bool {
        self.stations.as_ref().is_none_or(|stations| stations.contains(&station))
    }

    pub(super) fn only_reads(&self, station: StationUuid) -> bool {
        self.read_only.contains(&station)
    }
}

impl Host {
    /// Why a station may not bring this commit.
    // req: ACC-02, ACC-03
    pub(super) fn unwelcome(&self, from: StationUuid, commit: &Commit) -> Option<String> {
        if self.config.access.only_reads(from) {
            return Some(READS_ONLY.to_owned());
        }
        let most = self.config.limits.largest_file;
        (commit.file_size > most).then(|| {
            format!(
                "this file has {} bytes, and this host takes files of up to {most} bytes",
                commit.file_size
            )
        })
    }

    /// What of a JOIN's list is taken; the first that is not is told.
    pub(super) fn welcome<'a>(&mut self, from: StationUuid, commits: &'a [Commit]) -> Vec<&'a Commit> {
        let mut told = false;
        let mut taken = Vec::new();
        for commit in commits {
            match self.unwelcome(from, commit) {
                None => taken.push(commit),
                Some(message) if !told => {
                    told = true;
                    self.event(Event::CommitNotTaken {
                        file: commit.file,
                        station: from,
                        author: commit.station,
                        message,
                    });
                }
                Some(_) => {}
            }
        }
        taken
    }
}

/// What a station is told that may only read.
pub(super) const READS_ONLY: &str = "this station may only read in this session";
/// What a station is told that is on no list.
pub(super) const NOT_LISTED: &str =
    "this host takes only certain stations, and this StationUUID is none of them";
