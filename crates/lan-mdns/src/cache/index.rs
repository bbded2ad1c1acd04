//! Entries by a name and kind, and within that by who said them: all of a name, or those of one source alone, without a look at the others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::EntryId;
use crate::Name;
use crate::io::LinkId;
use crate::record::Kind;

/// What entries are filed under.
pub(super) type Key = (LinkId, Name, Kind);

#[derive(Debug, Default)]
pub(super) struct Index(BTreeMap<Key, BTreeSet<(IpAddr, EntryId)>>);

impl Index {
    pub(super) fn insert(&mut self, key: Key, source: IpAddr, id: EntryId) {
        self.0.entry(key).or_default().insert((source, id));
    }

    pub(super) fn remove(&mut self, key: &Key, source: IpAddr, id: EntryId) {
        if let Some(ids) = self.0.get_mut(key) {
            ids.remove(&(source, id));
            if ids.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn all<'a>(&'a self, key: &Key) -> impl Iterator<Item = EntryId> + use<'a> {
        self.0.get(key).into_iter().flatten().map(|(_, id)| *id)
    }

    pub(super) fn of_source<'a>(
        &'a self,
        key: &Key,
        source: IpAddr,
    ) -> impl Iterator<Item = EntryId> + use<'a> {
        let range = (source, EntryId::MIN)..=(source, EntryId::MAX);
        self.0.get(key).into_iter().flat_map(move |ids| ids.range(range.clone())).map(|(_, id)| *id)
    }

    pub(super) fn count(&self, key: &Key) -> usize {
        self.0.get(key).map_or(0, BTreeSet::len)
    }
}
