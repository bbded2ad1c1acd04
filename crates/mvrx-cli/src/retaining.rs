//! Words for which commits a running station lets go: by number, age and bytes of each group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mvrx_node::retaining::Retaining;
use mvrx_store::{Keep, Retention};

use crate::commands::history::prune;
use crate::commands::host;

/// A limit, of one group or of each.
type Of<T> = (Option<String>, T);

/// What of the history is kept while the station runs; all of it, unless something is said here.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(group(clap::ArgGroup::new("limits").args(["keep_newest", "keep_age", "keep_bytes"]).multiple(true)))]
pub(crate) struct Retained {
    /// Keep so many of the newest commits of each group and let older ones go, or with GROUP=N of that group (may be repeated). Those with a
    /// tag stay, the newest of each group, and what was committed from here
    #[arg(long, value_name = "[GROUP=]N", value_parser = newest)]
    keep_newest: Vec<Of<usize>>,
    /// Keep those that came within this time, as 12h, 30d or 8w; with GROUP= of that group
    #[arg(long, value_name = "[GROUP=]AGE", value_parser = age)]
    keep_age: Vec<Of<Duration>>,
    /// Keep the newest of each group that take so much on the disk together, as 500M or 20G; with GROUP= of that group
    #[arg(long, value_name = "[GROUP=]SIZE", value_parser = bytes)]
    keep_bytes: Vec<Of<u64>>,
    /// Let go what was committed from here as well: perhaps nobody else has it
    #[arg(long, requires = "limits")]
    drop_own: bool,
}

impl Retained {
    /// Whether what was committed from here stays.
    pub(crate) fn spares_own(&self) -> bool {
        !self.drop_own && !self.retention().is_everything()
    }

    /// What carries it out.
    pub(crate) fn retaining(&self) -> Retaining {
        Retaining::new(self.retention())
    }

    /// The groups that have limits of their own, but for this one.
    pub(crate) fn other_groups(&self, group: &str) -> Vec<String> {
        self.retention().groups.into_keys().filter(|other| other != group).collect()
    }

    /// The limits of each group, and of those that have their own; what is not said of one is as of each. Said twice, the last counts.
    fn retention(&self) -> Retention {
        let each = self.of(None, Keep::default());
        let named = |group: &Option<String>| group.clone();
        let newest = self.keep_newest.iter().filter_map(|(group, _)| named(group));
        let age = self.keep_age.iter().filter_map(|(group, _)| named(group));
        let bytes = self.keep_bytes.iter().filter_map(|(group, _)| named(group));
        let groups: BTreeSet<String> = newest.chain(age).chain(bytes).collect();
        let groups: BTreeMap<String, Keep> = groups
            .into_iter()
            .map(|group| {
                let keep = self.of(Some(&group), each);
                (group, keep)
            })
            .collect();
        Retention { each, groups, ..Retention::default() }
    }

    fn of(&self, group: Option<&str>, each: Keep) -> Keep {
        Keep {
            newest: last(&self.keep_newest, group).or(each.newest),
            age: last(&self.keep_age, group).or(each.age),
            bytes: last(&self.keep_bytes, group).or(each.bytes),
        }
    }
}

fn last<T: Copy>(said: &[Of<T>], group: Option<&str>) -> Option<T> {
    said.iter().rfind(|(of, _)| of.as_deref() == group).map(|(_, limit)| *limit)
}

fn newest(text: &str) -> Result<Of<usize>, String> {
    of_group(text, |text| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a number from 1 on".to_owned()),
    })
}

fn age(text: &str) -> Result<Of<Duration>, String> {
    of_group(text, prune::age)
}

fn bytes(text: &str) -> Result<Of<u64>, String> {
    of_group(text, host::bytes)
}

/// A group's name may have the sign in it, a limit has not.
fn of_group<T>(text: &str, limit: impl Fn(&str) -> Result<T, String>) -> Result<Of<T>, String> {
    match text.rsplit_once('=') {
        Some(("", _)) => Err("a group's name before the =".to_owned()),
        Some((group, text)) => Ok((Some(group.to_owned()), limit(text)?)),
        None => Ok((None, limit(text)?)),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn said(words: &[&str]) -> Result<Retained, clap::Error> {
        let command = Retained::augment_args(clap::Command::new("up").no_binary_name(true));
        Retained::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    #[test]
    fn limits_are_of_each_group_and_a_group_may_have_others() {
        assert!(said(&[]).unwrap().retention().is_everything() && !said(&[]).unwrap().spares_own());
        let words =
            ["--keep-newest", "10", "--keep-newest", "A=B=3", "--keep-age=30d", "--keep-bytes=Tour=2G"];
        let retained = said(&words).unwrap();
        let Retention { each, groups, .. } = retained.retention();
        let month = Some(Duration::from_secs(30 * 86_400));
        assert_eq!(each, Keep { newest: Some(10), age: month, bytes: None });
        assert_eq!(groups["A=B"], Keep { newest: Some(3), age: month, bytes: None });
        assert_eq!(groups["Tour"], Keep { newest: Some(10), age: month, bytes: Some(2_000_000_000) });
        assert!(groups.len() == 2 && retained.spares_own());
        assert!(!said(&["--keep-newest", "10", "--drop-own"]).unwrap().spares_own());
        let last = said(&["--keep-newest", "10", "--keep-newest", "4"]).unwrap();
        assert_eq!(last.retention().each.newest, Some(4));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for wrong in ["0", "-1", "", "=3", "Tour=", "Tour=x", "x"] {
            said(&["--keep-newest", wrong]).unwrap_err();
        }
        said(&["--keep-age", "Tour=30"]).unwrap_err();
        said(&["--keep-bytes", "Tour=many"]).unwrap_err();
        said(&["--drop-own"]).unwrap_err();
        for limit in ["--keep-newest=2", "--keep-age=2d", "--keep-bytes=2G"] {
            assert!(!said(&["--drop-own", limit, "--keep-newest=3"]).unwrap().spares_own(), "{limit}");
        }
    }
}
