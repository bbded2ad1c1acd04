//! The tests that every [`Store`] passes, and the disk that makes it hard for them.
//!
//! A [`Subject`] makes fresh stores; [`store_battery!`](crate::store_battery) turns it into one test per promise.
//! [`SimDisk`] is a disk in memory that fails where it is told to and forgets what was not synced.
//!
//! ```no_run
//! # use std::{path::PathBuf, sync::Arc};
//! # use mvrx_store::{battery::Subject, Clock, Limits, MemStore, Store};
//! struct Mine(tempfile::TempDir);
//!
//! impl Subject for Mine {
//!     fn fresh() -> Self {
//!         Self(tempfile::tempdir().unwrap())
//!     }
//!     fn store(&self, limits: Limits) -> Arc<dyn Store> {
//!         Arc::new(MemStore::with(limits, Clock::default()))
//!     }
//!     fn folder(&self) -> PathBuf {
//!         self.0.path().to_path_buf()
//!     }
//! }
//!
//! mvrx_store::store_battery!(Mine);
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "tests panic to fail, and their names are their documentation"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mvrx_message::{Commit, FileUuid, MvrVersion, StationUuid};

use crate::{Expect, Limits, Pending, Store, StoredCommit, StoredFile, Wait};

pub mod arriving;
pub mod importing;
pub mod listing;
pub mod putting_away;
mod sim_disk;

pub use sim_disk::{Failure, SimDisk};

/// What a battery is run on.
pub trait Subject: 'static {
    /// A subject that shares nothing with another.
    fn fresh() -> Self
    where
        Self: Sized;

    /// An empty store.
    fn store(&self, limits: Limits) -> Arc<dyn Store>;

    /// A folder of the user that exists and is empty at first; the store imports from there and puts away to there.
    fn folder(&self) -> PathBuf;

    /// Writes a file of the user, an existing one in place.
    fn write(&self, path: &Path, bytes: &[u8]) {
        let mut file = fs::File::options().write(true).create(true).truncate(false).open(path).unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    }

    /// Makes a file of the user look as if it had been written an hour ago, so that the next write shows.
    fn age(&self, path: &Path) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
    }

    /// The bytes of a file of the user.
    fn bytes(&self, path: &Path) -> Vec<u8> {
        fs::read(path).unwrap()
    }

    /// The names in a folder of the user, sorted.
    fn names(&self, folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// A commit of the file with this number.
#[must_use]
pub fn commit(number: u8) -> Commit {
    Commit {
        file: file(number),
        station: StationUuid::from_bytes([number.max(1); 16]),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: 77,
        for_stations: StationUuid::from_bytes([9; 16]).into_iter().collect(),
        comment: format!("re-hung LX{number} – \"now\"\nwith two lines"),
        file_name: format!("rig {number}.mvr"),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

/// The file with this number.
#[must_use]
pub fn file(number: u8) -> FileUuid {
    FileUuid::from_random_bytes([number; 16])
}

/// `length` bytes that differ from those of every other seed.
#[must_use]
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    (0..length).map(|_| (sim_disk::next_random(&mut state) >> 56) as u8).collect()
}

/// BLAKE3 of `bytes`.
#[must_use]
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// Lets `bytes` arrive, up to where they could be published.
pub fn arrive(store: &dyn Store, bytes: &[u8]) -> Box<dyn Pending> {
    let mut writer = store.begin(Expect::Unknown).unwrap();
    for piece in bytes.chunks(100_000) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

/// Publishes `bytes` as the file with this number.
pub fn publish(store: &dyn Store, number: u8, bytes: &[u8]) -> StoredCommit {
    arrive(store, bytes).publish(&commit(number), "Default").unwrap()
}

/// Everything of `file`, from its start to its end.
#[must_use]
pub fn read_all(file: &StoredFile) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 70_001];
    loop {
        let count = file.read_at(all.len() as u64, &mut buffer, &Wait::until_settled()).unwrap();
        if count == 0 {
            return all;
        }
        all.extend_from_slice(&buffer[..count]);
    }
}

/// One test for each promise of a store, for the type of a [`Subject`].
#[macro_export]
macro_rules! store_battery {
    ($subject:ty) => {
        $crate::store_battery!($subject: listing
            lists_commits_in_the_order_of_arrival
            lists_nothing_before_it_is_published
            remembers_what_was_withdrawn
            keeps_every_field_of_a_commit
            gives_each_reader_the_bytes_at_its_position
            publishing_the_same_file_twice_gives_the_first_commit
            refuses_other_content_for_a_listed_file
            refuses_content_that_is_not_the_commits
            removed_commits_are_gone_and_their_readers_read_on
            never_uses_a_sequence_number_twice
            lists_each_of_many_commits_published_at_once
            only_one_content_of_a_file_wins_at_once
            holds_as_many_commits_as_allowed_and_not_one_more
            holds_as_many_bytes_as_allowed_and_not_one_more
            refuses_a_record_one_byte_over_the_limit
        );
        $crate::store_battery!($subject: arriving
            hashes_and_counts_what_arrives
            takes_an_empty_file
            refuses_a_file_shorter_than_required
            refuses_a_file_longer_than_required
            reports_a_length_other_than_announced
            refuses_a_file_one_byte_over_the_limit
            gives_back_the_bytes_of_what_is_given_up
            hashes_bytes_that_were_moved_into_the_file
            refuses_more_bytes_told_than_are_there
            many_readers_follow_a_growing_file_to_its_end
            readers_see_what_arrived_and_the_reason_why_no_more_comes
            readers_are_told_that_the_writer_is_gone
            readers_of_a_silent_file_give_up_in_time
            readers_of_a_silent_file_are_cancelled
            readers_go_on_while_the_file_is_published
            tells_the_length_before_the_end_only_when_it_is_required
            nothing_is_taken_after_an_error
        );
        $crate::store_battery!($subject: importing
            takes_in_a_file_and_tells_its_progress
            later_edits_of_the_original_change_nothing
            names_what_cannot_be_imported
            refuses_a_source_that_changes_while_it_is_copied
            refuses_a_source_that_is_replaced_by_other_bytes_of_the_same_length
            a_cancelled_import_leaves_nothing
            refuses_an_import_over_a_limit
        );
        $crate::store_battery!($subject: putting_away
            saves_under_a_safe_name
            never_overwrites_but_numbers
            gives_the_same_file_again_instead_of_a_second_copy
            hostile_names_stay_in_the_folder
            refuses_a_folder_that_does_not_exist
            gives_up_when_all_names_are_taken
            a_cancelled_save_leaves_nothing
            many_saves_at_once_make_one_file
            saves_of_different_files_at_once_overwrite_nothing
        );
    };
    ($subject:ty: $part:ident $($case:ident)+) => {
        mod $part {
            #[allow(unused_imports, reason = "the subject may be named by any path")]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::battery::$part::$case(&<$subject as $crate::battery::Subject>::fresh());
                }
            )+
        }
    };
}
