//! Finding what a person means: a station by name or id, a file by the beginning of its id, the latest.

use mvrx_message::StationUuid;
use mvrx_station::{CommitInfo, StationInfo};

/// The station meant by a name or the beginning of an id.
pub(crate) enum Meant<T> {
    One(T),
    None,
    Several(Vec<String>),
}

pub(crate) fn station(text: &str, stations: &[StationInfo]) -> Meant<StationUuid> {
    let by_name: Vec<&StationInfo> = stations.iter().filter(|s| s.name == text).collect();
    let found = if by_name.is_empty() {
        let text = text.to_lowercase();
        stations
            .iter()
            .filter(|s| s.station.to_string().starts_with(&text) || s.name.to_lowercase() == text)
            .collect()
    } else {
        by_name
    };
    match found.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one.station),
        several => Meant::Several(several.iter().map(|s| format!("{} ({})", s.name, s.station)).collect()),
    }
}

/// The commit whose id begins so. At least four characters, as two commits may share fewer by chance.
pub(crate) fn commit<'a>(text: &str, commits: &'a [CommitInfo]) -> Meant<&'a CommitInfo> {
    let text = text.to_lowercase();
    let found: Vec<&CommitInfo> =
        commits.iter().filter(|c| text.len() >= 4 && c.commit.file.to_string().starts_with(&text)).collect();
    match found.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one),
        several => Meant::Several(several.iter().map(|c| describe(c)).collect()),
    }
}

/// The latest commit of those that `from` lists, or of all.
///
/// Who has just come to a group knows no order between the commits of different stations, and no clock is trusted. Where the lists of
/// several stations end with different commits of which none is listed before another, they are all told, so that a person chooses.
pub(crate) fn latest<'a>(
    commits: &'a [CommitInfo],
    from: Option<StationUuid>,
    lists: &[Vec<usize>],
) -> Meant<&'a CommitInfo> {
    let listed = |c: &&CommitInfo| from.is_none_or(|from| c.holders.contains(&from));
    if from.is_some() || lists.len() < 2 {
        return commits.iter().rev().find(listed).map_or(Meant::None, Meant::One);
    }
    let is_last = |index: usize| lists.iter().any(|list| list.last() == Some(&index));
    let is_earlier =
        |index: usize| lists.iter().any(|list| list.contains(&index) && list.last() != Some(&index));
    let ends: Vec<usize> = (0..commits.len()).filter(|i| is_last(*i) && !is_earlier(*i)).collect();
    match ends.as_slice() {
        [] => commits.last().map_or(Meant::None, Meant::One),
        [one] => commits.get(*one).map_or(Meant::None, Meant::One),
        several => Meant::Several(several.iter().filter_map(|i| commits.get(*i)).map(describe).collect()),
    }
}

/// For each station the commits it lists, as indices in order of arrival.
pub(crate) fn lists(commits: &[CommitInfo], stations: &[StationInfo]) -> Vec<Vec<usize>> {
    stations
        .iter()
        .map(|s| {
            commits
                .iter()
                .enumerate()
                .filter(|(_, c)| c.holders.contains(&s.station))
                .map(|(i, _)| i)
                .collect()
        })
        .filter(|list: &Vec<usize>| !list.is_empty())
        .collect()
}

fn describe(commit: &CommitInfo) -> String {
    format!("{}  {}  {}", commit.commit.file, commit.commit.file_name, commit.commit.comment)
}
