//! The driver's part in a change of group: reading the store's commits of the new group, showing what discovery showed of it, telling how
//! it ended. What is joined and left when is the core's affair.

use std::sync::Arc;
use std::time::SystemTime;

use mvrx_core::{Command, ConnId, Event, Input, PlaceId, Sighting};
use mvrx_discovery::Advertisement;
use mvrx_message::{Commit, GroupName, GroupNameError};
use mvrx_store::{ListError, StoredCommit};
use tokio::sync::oneshot;

use crate::commit::{CommitError, Copied};
use crate::driver::{Done, Driver};
use crate::withdrawing::Stored;

/// Who waits for the end of a commit.
pub(crate) type Listing = oneshot::Sender<Result<Commit, CommitError>>;

/// Who waits for the end of a change of group.
pub(crate) type Told = oneshot::Sender<Result<(), ChangeGroupError>>;

/// Why the group was not changed. The station is whole in the group where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeGroupError {
    /// The group's name cannot be one.
    #[error("{group:?} cannot be the name of a group: {error}")]
    GroupName {
        /// The name.
        group: String,
        /// Why.
        error: GroupNameError,
    },
    /// The commits of the new group cannot be read.
    #[error("cannot read the store: {0}")]
    Store(#[from] ListError),
    /// The new group could not be joined.
    #[error("the group {group:?} could not be joined: {why}")]
    NotJoined {
        /// The group.
        group: String,
        /// Why, in words.
        why: String,
    },
    /// The host of a session has no group to change; its session moves in another way.
    #[error("a host of a session is in no group of TCP mode")]
    NotInTcpMode,
    /// The group is being changed already.
    #[error("another change of group is under way")]
    AnotherChange,
    /// The station has stopped.
    #[error("the station has stopped")]
    Stopped,
}

/// The change under way.
#[derive(Debug)]
pub(crate) struct Changing {
    pub(crate) to: GroupName,
    told: Told,
    /// The store was asked what it has of the new group.
    begun: bool,
    /// What is committed meanwhile: only its end tells to which group it belongs.
    commits: Vec<(Copied, Listing)>,
}

impl Driver {
    /// Reads what the store has of that group, then begins.
    pub(crate) fn change_group(&mut self, to: GroupName, told: Told) {
        if self.changing.is_some() || self.core.moving_to().is_some() {
            // Who asked may have stopped waiting.
            let _ = told.send(Err(ChangeGroupError::AnotherChange));
            return;
        }
        self.look_in(&to);
        self.changing = Some(Changing { to, told, begun: false, commits: Vec::new() });
        self.read_new_group();
    }

    /// Reads what the store has of the new group, once nothing is being listed any more: what was committed before is of the old group,
    /// and is told there and nowhere else.
    fn read_new_group(&mut self) {
        match &mut self.changing {
            Some(changing) if self.listing == 0 && !changing.begun => changing.begun = true,
            _ => return,
        }
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        tokio::spawn(async move {
            let listed = tokio::task::spawn_blocking(move || Stored::offered(store.as_ref())).await;
            let listed = listed.unwrap_or_else(|_| Ok(Vec::new()));
            // The driver is gone: nobody waits.
            let _ = done.send(Done::Listed(listed)).await;
        });
    }

    pub(crate) fn begin_change(&mut self, listed: Result<Vec<StoredCommit>, ListError>) {
        let Some(to) = self.changing.as_ref().map(|changing| changing.to.clone()) else { return };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return self.change_ended(Err(error.into())),
        };
        let commits = self.of_group(to.as_str(), listed);
        let sightings = self.shown.values().filter(|shown| shown.is_in(to.as_str()));
        let sightings = sightings.map(|shown| shown.sighting(Some(to.as_str()))).collect();
        self.step(Input::Command(Command::ChangeGroup { to, commits, sightings }));
    }

    fn change_ended(&mut self, result: Result<(), ChangeGroupError>) {
        if let Some(changing) = self.changing.take() {
            // Who asked may have stopped waiting.
            let _ = changing.told.send(result);
            for (copied, told) in changing.commits {
                self.list(copied, told);
            }
        }
    }

    /// A file of ours lies in the store: it is listed now, or when it is known in which group we stay.
    pub(crate) fn copied(&mut self, copied: Copied, told: Listing) {
        match &mut self.changing {
            Some(changing) => changing.commits.push((copied, told)),
            None => match &mut self.held_back {
                Some(held_back) => held_back.push((copied, told)),
                None => self.list(copied, told),
            },
        }
    }

    /// A commit is listed in its group, or could not be.
    pub(crate) fn listed_one(&mut self) {
        self.listing = self.listing.saturating_sub(1);
        self.read_new_group();
    }

    /// What an application exported is committed, of `group`. While the group changes it would be told in the wrong one: who asked gets
    /// the newest file that there is, and the export is known the next time that group is joined.
    pub(crate) fn exported(&mut self, conn: ConnId, group: &str, commit: Option<Commit>) {
        let commit = commit.filter(|_| self.changing.is_none() && group == self.group);
        if let Some(commit) = &commit {
            self.seen.insert(commit.file, SystemTime::now());
        }
        self.step(Input::Exported { conn, commit });
    }

    /// Notes the end of a change, if this is one.
    pub(crate) fn note_change(&mut self, event: &Event) {
        match event {
            Event::GroupChanged { to, .. } => {
                to.as_str().clone_into(&mut self.group);
                self.change_ended(Ok(()));
            }
            Event::GroupNotChanged { to, why } => {
                let (group, why) = (to.as_str().to_owned(), why.clone());
                self.change_ended(Err(ChangeGroupError::NotJoined { group, why }));
            }
            _ => {}
        }
    }

    pub(crate) fn advertise_also(&mut self, station_name: String, group: GroupName) {
        let station = self.core.config().station;
        let also = Advertisement::new(group, station, station_name, self.port)
            .with_candidate(self.core.config().candidate)
            .with_bridge(self.core.config().bridge);
        let input = match self.discovery.advertise_also(&also) {
            Ok(()) => Input::AdvertisedAlso,
            Err(error) => Input::NotAdvertisedAlso { what: error.to_string() },
        };
        self.step(input);
    }

    /// Keeps what discovery shows of all groups, and tells the core.
    pub(crate) fn sighted(&mut self, sighting: mvrx_discovery::Sighting) {
        let place = self.place(&sighting.key);
        let shown = Shown { place, sighting };
        let group = self.core.group_that_counts(shown.groups()).map(str::to_owned);
        let told = shown.sighting(group.as_deref());
        self.shown.insert(place, shown);
        self.step(Input::Sighted(told));
    }
}

/// What discovery shows at the moment.
#[derive(Debug)]
pub(crate) struct Shown {
    place: PlaceId,
    sighting: mvrx_discovery::Sighting,
}

impl Shown {
    fn groups(&self) -> impl Iterator<Item = &str> {
        self.sighting.group.iter().chain(&self.sighting.also_in).map(String::as_str)
    }

    pub(crate) fn is_of_any_group(&self) -> bool {
        self.groups().next().is_none()
    }

    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups().any(|other| other == group)
    }

    pub(crate) fn sighting(&self, group: Option<&str>) -> Sighting {
        let mvrx_discovery::Sighting { station, station_name, addresses, .. } = &self.sighting;
        Sighting {
            place: self.place,
            station: *station,
            station_name: station_name.clone(),
            group: group.map(str::to_owned),
            addresses: addresses.clone(),
        }
    }
}
