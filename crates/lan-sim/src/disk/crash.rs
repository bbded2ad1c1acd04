//! What a loss of power leaves.

use super::state::{Durable, Inode, State};
use crate::content::{Bulk, Content};
use crate::rng::Rng;

impl State {
    /// Undoes what was not durable: names to a point in the order of their changes, bytes file by file.
    pub(super) fn lose_power(&mut self) {
        let changes = std::mem::take(&mut self.journal);
        let surviving = usize::try_from(self.rng.between(0, changes.len() as u64)).unwrap_or(0);
        self.counts.torn += (changes.len() - surviving) as u64;
        for change in changes.iter().take(surviving) {
            change.apply(&mut self.durable_names);
        }
        self.names = self.durable_names.clone();
        // In the order of the inodes, so that the draws are the same in every run.
        for inode in self.inodes.values_mut() {
            if inode.survive(&mut self.rng) {
                self.counts.torn += 1;
            }
        }
        self.kill();
    }
}

impl Inode {
    /// Leaves what a loss of power leaves; returns whether anything was lost.
    fn survive(&mut self, rng: &mut Rng) -> bool {
        if self.is_durable() {
            self.dirty = false;
            return false;
        }
        let durable = self.durable();
        let left = match rng.below(4) {
            0 => durable,
            1 => self.content.clone(),
            2 => torn(&durable, &self.content, rng),
            _ => {
                // The length was written and the blocks were not.
                let mut left = torn(&durable, &self.content, rng);
                left.push_bulk(Bulk::zeros(self.content.len().saturating_sub(left.len())));
                left
            }
        };
        let lost = left != self.content;
        self.durable = Durable::Beginning(left.len());
        self.content = left;
        self.dirty = false;
        self.version += 1;
        lost
    }
}

/// The old bytes with the new ones over them up to a random place. Bytes that were appended exist only up to
/// there.
fn torn(old: &Content, new: &Content, rng: &mut Rng) -> Content {
    let same = old.first_difference(new).unwrap_or(old.len());
    let at = rng.between(same, old.len().max(new.len()));
    let mut torn = new.part(0, at);
    if torn.len() < old.len() {
        torn.push_content(&old.part(torn.len(), u64::MAX));
    }
    torn
}
