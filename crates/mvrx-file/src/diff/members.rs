//! Compares the archives by their directories alone.

use std::collections::HashMap;
use std::io::{Read, Seek};

use serde::Serialize;

use crate::archive::{Archive, Member};

/// What changed in the archive. The order of the members, their dates and how they are packed do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemberDiff {
    /// Members of the old file.
    pub old: usize,
    /// Members of the new file.
    pub new: usize,
    /// Same name, size and CRC-32.
    pub unchanged: usize,
    /// Same name, other content.
    pub changed: Vec<ChangedMember>,
    /// Same content under another name.
    pub renamed: Vec<RenamedMember>,
    /// Only in the new file.
    pub added: Vec<String>,
    /// Only in the old file.
    pub removed: Vec<String>,
}

/// A member whose content changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedMember {
    /// Its name.
    pub name: String,
    /// Unpacked bytes before.
    pub old_bytes: u64,
    /// Unpacked bytes now.
    pub new_bytes: u64,
}

/// A member that has another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenamedMember {
    /// Before.
    pub from: String,
    /// Now.
    pub to: String,
}

impl MemberDiff {
    pub(super) fn between<A: Read + Seek, B: Read + Seek>(old: &Archive<A>, new: &Archive<B>) -> Self {
        let (old, new) = (old.members(), new.members());
        let mut diff = Self { old: old.len(), new: new.len(), ..Self::default() };
        let mut before: HashMap<&str, &Member> =
            old.iter().map(|member| (member.name.as_str(), member)).collect();
        let mut added: Vec<&Member> = Vec::new();
        for member in new {
            match before.remove(member.name.as_str()) {
                Some(earlier) if same(earlier, member) => diff.unchanged += 1,
                Some(earlier) => diff.changed.push(ChangedMember {
                    name: member.name.clone(),
                    old_bytes: earlier.size,
                    new_bytes: member.size,
                }),
                None => added.push(member),
            }
        }
        let mut gone: HashMap<(u32, u64), Vec<&Member>> = HashMap::new();
        for member in old.iter().rev().filter(|member| before.contains_key(member.name.as_str())) {
            gone.entry((member.crc32, member.size)).or_default().push(member);
        }
        for member in added {
            match gone.get_mut(&(member.crc32, member.size)).and_then(Vec::pop) {
                Some(earlier) => {
                    diff.renamed.push(RenamedMember { from: earlier.name.clone(), to: member.name.clone() });
                }
                None => diff.added.push(member.name.clone()),
            }
        }
        diff.removed = gone.into_values().flatten().map(|member| member.name.clone()).collect();
        diff.removed.sort_unstable();
        diff
    }

    /// Whether no member differs but the root file, which says nothing by itself.
    pub fn is_same(&self) -> bool {
        let only_root = self.changed.iter().all(|member| member.name == crate::ROOT_FILE);
        only_root && self.renamed.is_empty() && self.added.is_empty() && self.removed.is_empty()
    }
}

fn same(one: &Member, other: &Member) -> bool {
    (one.crc32, one.size) == (other.crc32, other.size)
}
