//! The configuration file: what is to hold for every start, in TOML.
//!
//! ```toml
//! group = "Main stage"
//!
//! [up]
//! get = "all"
//! dir = "~/shows"
//! ```
//!
//! `[[fetch]]` are [rules](crate::rules) for what is fetched, `[[exec]]` [commands](crate::exec) that are run when something happens.
//!
//! Keys outside of a section hold for every command that knows them, keys in a section for the command of its name. Which keys there are,
//! and what form their values have, says the [`Vocabulary`] of whoever reads the file; what a value means, nobody here knows. A key that is
//! not in it is an error that names the line, never passed over: a typing mistake would otherwise be found on the day of the show.
//!
//! Paths in the file may begin with `~/`; one that is not absolute is meant from the file's own folder, wherever a command is started.
//!
//! A file is read whole or not at all: there is no configuration of which a part holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exec::Hook;
use crate::rules::Rule;

mod alike;
mod lists;
mod parse;

#[cfg(test)]
mod tests;

/// What may stand in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The keys outside of sections.
    pub everywhere: BTreeMap<String, Shape>,
    /// The sections, with their keys.
    pub sections: BTreeMap<String, BTreeMap<String, Shape>>,
    /// What somebody may take for a key, as an option has another name than its key: that name, and the key.
    pub other_names: BTreeMap<String, String>,
    /// The events at which commands can be run; empty: of any name.
    pub events: BTreeSet<String>,
    /// Those that there are, and at which none is run: they tell what became of a command.
    pub events_of_commands: BTreeSet<String>,
    /// Those at which they are, where nothing is said.
    pub usual_events: BTreeSet<String>,
}

/// The form of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// Texts or numbers.
    Values {
        /// So many make one; a list has to have a multiple of them.
        each: usize,
        /// Whether there may be several, as a list.
        several: bool,
        /// Which of `each` are paths.
        paths: Vec<bool>,
    },
    /// It does not belong into a file, for this reason (a clause).
    Refused(String),
}

impl Shape {
    /// One text or number.
    #[must_use]
    pub fn one() -> Self {
        Self::Values { each: 1, several: false, paths: Vec::new() }
    }
}

/// What stands in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where the file is; `None`: there is none.
    pub path: Option<PathBuf>,
    /// Its keys, in the order of their lines.
    pub settings: Vec<Setting>,
    /// Its rules for fetching (`[[fetch]]`), in the order in which they count.
    pub fetch: Vec<Rule>,
    /// Its commands (`[[exec]]`).
    pub exec: Vec<Command>,
}

/// A command that is run when something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is run, and when.
    pub hook: Hook,
    /// The line in which it stands, from 1.
    pub line: usize,
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The section; `None`: outside of all.
    pub section: Option<String>,
    /// The key.
    pub key: String,
    /// The value, each of a list as text; of a flag `true` or `false`. Paths are ready for use.
    pub values: Vec<String>,
    /// The line of the key, from 1.
    pub line: usize,
}

/// Why there is no configuration. Its words are for whoever wrote the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is not there, though somebody said that it is, or cannot be read.
    #[error("the configuration file {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, as a clause.
        why: String,
    },
    /// Something in it is wrong.
    #[error("{}, line {line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What, as a clause.
        what: String,
    },
}

impl Config {
    /// Reads the file at `path`, which has to be there.
    ///
    /// # Errors
    /// Where it is not, is larger than [`LARGEST`], or says anything that `known` does not have.
    pub fn read(path: &Path, known: &Vocabulary) -> Result<Self, ConfigError> {
        let unreadable = |why: String| ConfigError::Unreadable { path: path.to_owned(), why };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
        if bytes.len() as u64 > LARGEST {
            return Err(unreadable(format!("it has more than {LARGEST} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            ConfigError::Wrong { path: path.to_owned(), line, what: "this is no UTF-8 text".to_owned() }
        })?;
        Self::parse(text.strip_prefix('\u{feff}').unwrap_or(&text), path, known)
    }

    /// The same for a text that was read. `path` is where relative paths begin, and what errors name.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path, known: &Vocabulary) -> Result<Self, ConfigError> {
        parse::parse(text, path, known)
    }

    /// What holds for the command of this section: its own keys, and of those outside all that it does not have itself.
    pub fn for_section<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a Setting> {
        let own = move |setting: &&Setting| setting.section.as_deref() == Some(section);
        let has_own = move |key: &str| self.settings.iter().filter(own).any(|setting| setting.key == key);
        let outside = move |setting: &&Setting| setting.section.is_none() && !has_own(&setting.key);
        self.settings.iter().filter(move |setting| own(setting) || outside(setting))
    }
}

/// Where the file of this user is: `config.toml` in `~/.config/mvrx` (or `$XDG_CONFIG_HOME/mvrx`) on Linux, in
/// `~/Library/Application Support/mvrx` on macOS, in `%APPDATA%\mvrx\config` on Windows. `None` for a user without a home.
#[must_use]
pub fn usual_path() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "mvrx").map(|dirs| dirs.config_dir().join("config.toml"))
}

/// So long a command may take for which nothing else is said: 30 s.
pub const COMMAND_LIMIT: Duration = lists::LIMIT;

/// Bytes that a file may have.
pub const LARGEST: u64 = 1 << 20;
