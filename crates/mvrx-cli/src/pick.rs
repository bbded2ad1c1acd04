//! Finding what a person means: a station by name or id, a file by its name or the beginning of its id, the latest.

use std::collections::BTreeSet;

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{CommitInfo, StationInfo};

use crate::show;

/// What a text means among what there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant<T> {
    One(T),
    None,
    /// Each in a line for people, so that a person chooses.
    Several(Vec<String>),
}

/// The station meant by a name or the beginning of an id.
pub(crate) fn station(text: &str, stations: &[StationInfo]) -> Meant<StationUuid> {
    let by_name: Vec<&StationInfo> = stations.iter().filter(|s| s.name == text).collect();
    let found = if by_name.is_empty() {
        let text = text.to_lowercase();
        let begins = |s: &StationInfo| !text.is_empty() && s.station.to_string().starts_with(&text);
        stations.iter().filter(|s| begins(s) || s.name.to_lowercase() == text).collect()
    } else {
        by_name
    };
    match found.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one.station),
        several => {
            let line = |s: &&StationInfo| format!("{}  ({})", show::name(&s.name), s.station);
            Meant::Several(several.iter().map(line).collect())
        }
    }
}

/// Whether a text is the word for the latest commit.
pub(crate) fn is_latest(text: &str) -> bool {
    text.eq_ignore_ascii_case("latest")
}

/// Whether some id begins so, but more characters are needed: two commits may share as few by chance.
pub(crate) fn is_too_short(text: &str, commits: &[CommitInfo]) -> bool {
    let text = text.to_lowercase();
    !text.is_empty()
        && text.len() < ID_CHARS
        && commits.iter().any(|c| c.commit.file.to_string().starts_with(&text))
}

/// The commit whose id begins so, or whose file is called so.
pub(crate) fn commit<'a>(
    text: &str,
    commits: &'a [CommitInfo],
    stations: &[StationInfo],
    from: Option<StationUuid>,
) -> Meant<&'a CommitInfo> {
    let lower = text.to_lowercase();
    let with_ending = format!("{lower}.mvr");
    let by_id = |c: &CommitInfo| lower.len() >= ID_CHARS && c.commit.file.to_string().starts_with(&lower);
    let by_name = |c: &CommitInfo| {
        let name = c.commit.file_name.to_lowercase();
        !lower.is_empty() && (name == lower || name == with_ending)
    };
    let found: Vec<&CommitInfo> =
        commits.iter().filter(|c| is_listed(c, from) && (by_id(c) || by_name(c))).collect();
    match found.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one),
        several => Meant::Several(several.iter().map(|c| describe(c, stations)).collect()),
    }
}

/// The latest commit of those that `from` lists, or of all.
///
/// Where all of them are told with their numbers ([`mvrx_message::Commit::order`]), the one with the highest is the latest. Otherwise, among
/// other products, who has just come to a group knows no order between the commits of different stations, and no clock is trusted. What is
/// known then is the order in which each station lists them: a commit that some station lists before another is not the latest. Where several are
/// left, they decide by who made them: an author's own list tells his last. Where even that leaves several, they are all told.
pub(crate) fn latest<'a>(
    commits: &'a [CommitInfo],
    stations: &[StationInfo],
    from: Option<StationUuid>,
) -> Meant<&'a CommitInfo> {
    if let Some(last) = last_by_number(commits, stations, from) {
        return Meant::One(last);
    }
    if let Some(from) = from {
        return list_of(from, commits).last().map_or(Meant::None, |last| Meant::One(last));
    }
    let lists: Vec<Vec<&CommitInfo>> =
        stations.iter().map(|s| list_of(s.station, commits)).filter(|list| !list.is_empty()).collect();
    let ends: BTreeSet<FileUuid> =
        lists.iter().filter_map(|list| list.last()).map(|c| c.commit.file).collect();
    let is_earlier = |file: &FileUuid| {
        let before = |list: &Vec<&CommitInfo>| list.iter().rev().skip(1).any(|c| c.commit.file == *file);
        lists.iter().any(before)
    };
    let only_ends: BTreeSet<FileUuid> = ends.iter().copied().filter(|file| !is_earlier(file)).collect();
    let candidates = if only_ends.is_empty() { ends } else { only_ends };
    let candidates: Vec<&CommitInfo> =
        commits.iter().filter(|c| candidates.contains(&c.commit.file)).collect();
    match candidates.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one),
        several => match last_of_one_author(several, commits) {
            Some(one) => Meant::One(one),
            None => Meant::Several(several.iter().map(|c| describe(c, stations)).collect()),
        },
    }
}

/// The last one by its number, where all that are listed have one.
fn last_by_number<'a>(
    commits: &'a [CommitInfo],
    stations: &[StationInfo],
    from: Option<StationUuid>,
) -> Option<&'a CommitInfo> {
    let lists = |station| move |commit: &&CommitInfo| commit.place_at(station).is_some();
    let asked: Vec<StationUuid> =
        from.map_or_else(|| stations.iter().map(|s| s.station).collect(), |s| vec![s]);
    let listed: Vec<&CommitInfo> =
        commits.iter().filter(|commit| asked.iter().any(|station| lists(*station)(commit))).collect();
    let numbers: Option<Vec<_>> =
        listed.into_iter().map(|commit| Some((commit.commit.order?, commit.commit.file, commit))).collect();
    let last = numbers?.into_iter().max_by_key(|(order, file, _)| (*order, *file));
    last.map(|(_, _, commit)| commit)
}

/// When all of `several` are by one station that is there: the last of its own in its own list.
fn last_of_one_author<'a>(several: &[&CommitInfo], commits: &'a [CommitInfo]) -> Option<&'a CommitInfo> {
    let authors: BTreeSet<Option<StationUuid>> = several.iter().map(|c| c.commit.station).collect();
    let author = authors.first().copied().flatten().filter(|_| authors.len() == 1)?;
    list_of(author, commits).into_iter().rev().find(|c| c.commit.station == Some(author))
}

/// What a station lists, in its own order.
fn list_of(station: StationUuid, commits: &[CommitInfo]) -> Vec<&CommitInfo> {
    let mut list: Vec<&CommitInfo> = commits.iter().filter(|c| c.place_at(station).is_some()).collect();
    list.sort_by_key(|c| c.place_at(station));
    list
}

fn is_listed(commit: &CommitInfo, from: Option<StationUuid>) -> bool {
    from.is_none_or(|from| commit.holders.contains(&from))
}

/// A commit and who lists it, in a line.
fn describe(commit: &CommitInfo, stations: &[StationInfo]) -> String {
    let holders = stations.iter().filter(|s| commit.holders.contains(&s.station));
    let holders: Vec<String> = holders.map(|s| show::name(&s.name)).collect();
    let at = if holders.is_empty() { String::new() } else { format!("  at {}", holders.join(", ")) };
    format!("{}{at}", show::commit_line(commit))
}

/// Characters of an id that a person has to give.
const ID_CHARS: usize = 4;
