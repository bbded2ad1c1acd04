//! Finds what to say of a file that was saved.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use mvrx_store::Store;

use super::listing::Look;
use crate::revision;

/// Where the words come from.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) path: &'a Path,
    pub(super) name: &'a str,
    /// The side file whose words a commit has already.
    pub(super) used: Option<Look>,
}

impl Words<'_> {
    /// The comment, and the side file that it comes from or that was used before.
    pub(super) fn find(&self, message: Option<&str>) -> (String, Option<Look>) {
        if let Some(message) = message {
            return (message.to_owned(), self.used);
        }
        let look = side_look(self.path);
        if look.is_some()
            && look != self.used
            && let Some(words) = self.side()
        {
            return (words, look);
        }
        (self.change(), self.used)
    }

    /// What stands in the side file, in one line. Control characters in it say nothing to anybody.
    fn side(&self) -> Option<String> {
        let mut text = Vec::new();
        File::open(side(self.path)).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let words = text.trim_start_matches('\u{feff}').split(|c: char| c.is_whitespace() || c.is_control());
        let words = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(words)
    }

    /// What changed since the last commit of this name.
    fn change(&self) -> String {
        let commits = self.store.commits().unwrap_or_default();
        let Some(last) = revision::last_of_name(commits, self.name, None) else {
            return format!("first commit of {}", self.name);
        };
        let new = File::open(self.path).ok().and_then(revision::read);
        let change = new.and_then(|new| revision::roll_up(self.store, &last, &new));
        change.unwrap_or_else(|| format!("{} was saved", self.name))
    }
}

fn side(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".txt");
    name.into()
}

/// What the side file of `path` looks like, if there is one.
pub(super) fn side_look(path: &Path) -> Option<Look> {
    let about = fs::symlink_metadata(side(path)).ok().filter(Metadata::is_file)?;
    Some(Look::of(&about))
}

/// Bytes of a side file that are read: nobody reads a longer comment.
const LONGEST: u64 = 4_000;
