//! The order of commits: one for all, and none before what its maker knew of.

use std::collections::{BTreeMap, BTreeSet};

use lan_sim::HostId;
use mvrx_message::FileUuid;

use super::Ledger;

impl Ledger {
    /// A station of ours makes a commit, and knows of these.
    pub(crate) fn knew(&mut self, file: FileUuid, known: BTreeSet<FileUuid>) {
        self.known.insert(file, known);
    }

    /// At rest: what each of ours lists, the earliest first.
    pub(crate) fn is_one_order(&mut self, lists: &[(HostId, Vec<FileUuid>)]) {
        let ours = |list: &[FileUuid]| -> Vec<FileUuid> {
            list.iter().copied().filter(|file| self.known.contains_key(file)).collect()
        };
        let lists: Vec<(HostId, Vec<FileUuid>)> =
            lists.iter().map(|(host, list)| (*host, ours(list))).collect();
        let mut wrong = lists.iter().find_map(|(host, list)| self.comes_too_early(*host, list));
        for (nth, (host, list)) in lists.iter().enumerate() {
            let places: BTreeMap<FileUuid, usize> =
                list.iter().enumerate().map(|(at, file)| (*file, at)).collect();
            for (there, other) in lists.iter().skip(nth + 1) {
                let common: Vec<(usize, FileUuid)> =
                    other.iter().filter_map(|file| Some((*places.get(file)?, *file))).collect();
                let swapped = common.windows(2).find(|pair| matches!(pair, [a, b] if a.0 > b.0));
                if let (None, Some([(_, first), (_, second)])) = (&wrong, swapped) {
                    wrong = Some(format!("{there} has {first} before {second}, {host} after it"));
                }
            }
        }
        if let Some(wrong) = wrong {
            self.violate(ONE_ORDER, format_args!("{wrong}"));
        }
    }

    /// A commit that stands before one that its maker knew of.
    fn comes_too_early(&self, host: HostId, list: &[FileUuid]) -> Option<String> {
        let mut later: BTreeSet<FileUuid> = list.iter().copied().collect();
        list.iter().find_map(|file| {
            later.remove(file);
            let known = self.known.get(file)?;
            let after = known.iter().find(|known| later.contains(*known))?;
            Some(format!("{host} has {file} before {after}, of which its maker knew"))
        })
    }
}

/// Everybody has the same order.
const ONE_ORDER: &str = "order-is-one";
