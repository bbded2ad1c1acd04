//! How things look to a person, and to a program: sizes, times, names of others, stations and commits.
//!
//! It turns values into words and JSON that lines, documents and pages have alike. Text of another station comes out without what could play
//! tricks on a terminal, and not longer than a line takes; in JSON it stays as it came. It writes nothing anywhere.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use mvrx_file::size;
use mvrx_station::{CommitInfo, Membership, MoveAnswer, SessionTarget, StationInfo};
use mvrx_store::{Form, Revision, StoredCommit};
use serde_json::{Value, json};

/// The time of day in UTC, to the second.
#[must_use]
pub fn time(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Day and time of day in UTC.
#[must_use]
pub fn date_time(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02} {}", time(at))
}

/// The date so many days after 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March have their odd day at the end; eras of 400 years are all as long.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + 400 * era + next, month, day_of_month)
}

/// Milliseconds since 1970-01-01, as documents have times.
#[must_use]
pub fn unix_millis(at: SystemTime) -> u64 {
    let passed = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The first eight characters of an id: enough to tell files of a day apart, and to give to `mvrx get`.
#[must_use]
pub fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(8).collect()
}

/// Text of another station is shown without what could play tricks on a terminal.
#[must_use]
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_unseen(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for a text of several lines of ours.
#[must_use]
pub fn tame_lines(text: &str) -> String {
    text.lines().map(tame).collect::<Vec<_>>().join("\n")
}

/// A name or comment of another station as a person sees it: tamed, and cut where it would fill the screen.
#[must_use]
pub fn name(text: &str) -> String {
    cut(&tame(text), NAME_CHARS)
}

/// The same as it came, for who shows by himself what cannot be seen.
#[must_use]
pub fn cut_name(text: &str) -> String {
    cut(text, NAME_CHARS)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// What turns text around, breaks lines, or is not seen and makes two names look the same. What joins letters of some scripts, and pictures, is text.
fn is_unseen(c: char) -> bool {
    let turns =
        matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    let nothing = matches!(c, '\u{00ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    turns || breaks || nothing
}

/// A station in a line: its name, application, address, id, and what keeps it from being one of ours.
#[must_use]
pub fn station_line(station: &StationInfo) -> String {
    let address = address(station).map_or_else(|| "no address".to_owned(), |address| address.to_string());
    let provider = if station.provider.is_empty() { "unknown application" } else { &station.provider };
    let state = match (station.membership, station.reachable) {
        (Membership::Member, true) => "",
        (_, false) => "  (does not answer)",
        (Membership::Sighted, true) => "  (seen, not joined yet)",
        (Membership::Refused, true) => "  (refuses us)",
        (Membership::Left, true) => "  (left the group)",
    };
    format!("{}  {}  {address}  {}{state}", name(&station.name), name(provider), short(&station.station))
}

/// A commit in a line: its id, file name, size and comment.
#[must_use]
pub fn commit_line(commit: &CommitInfo) -> String {
    let c = &commit.commit;
    let size = if c.file_size == 0 { "size unknown".to_owned() } else { size(c.file_size) };
    format!("{}  {}  {size}{}", short(&c.file), file_name(&c.file_name), comment(&c.comment))
}

/// What a file is called.
#[must_use]
pub fn file_name(text: &str) -> String {
    if text.is_empty() { "unnamed".to_owned() } else { name(text) }
}

/// What was said of a commit, with the space in front of it.
#[must_use]
pub fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  \"{}\"", name(text)) }
}

/// The one of a station's addresses that is shown: the same one however often it is asked for.
fn address(station: &StationInfo) -> Option<SocketAddr> {
    station.addresses.iter().copied().max_by_key(|address| (use_of(address.ip()), Reverse(*address)))
}

/// How far an address is of use, and how easily it is typed.
fn use_of(ip: IpAddr) -> u8 {
    match ip.to_canonical() {
        ip if ip.is_loopback() || ip.is_unspecified() => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 1,
        IpAddr::V4(ip) if ip.is_link_local() => 2,
        IpAddr::V6(_) => 3,
        IpAddr::V4(_) => 4,
    }
}

/// A station with those of these commits that it has, as documents for programs have it.
#[must_use]
pub fn station_json(station: &StationInfo, commits: &[CommitInfo]) -> Value {
    let files: Vec<Value> =
        commits.iter().filter(|c| c.holders.contains(&station.station)).map(commit_json).collect();
    json!({
        "station": station.station.to_string(),
        "name": station.name,
        "application": station.provider,
        "address": address(station).map(|address| address.to_string()),
        "addresses": station.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state(station.membership),
        "reachable": station.reachable,
        "files": files,
    })
}

/// A commit, as documents for programs have it.
#[must_use]
pub fn commit_json(commit: &CommitInfo) -> Value {
    let c = &commit.commit;
    json!({
        "file": c.file.to_string(),
        "author": c.station.map(|s| s.to_string()),
        "file_name": c.file_name,
        "comment": c.comment,
        "size": c.file_size,
        "mvr_version": format!("{}.{}", c.version.major, c.version.minor),
        "for_stations": c.for_stations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "blake3": c.blake3.map(|hash| hex(&hash)),
        "held": commit.held,
        "seen_unix_ms": commit.seen.map(unix_millis),
    })
}

/// A stored commit, as documents for programs have it.
#[must_use]
pub fn stored_json(stored: &StoredCommit) -> Value {
    let commit = &stored.commit;
    json!({
        "file": commit.file.to_string(),
        "file_name": commit.file_name,
        "comment": commit.comment,
        "group": stored.group,
        "author": commit.station.map(|station| station.to_string()),
        "name": commit.author.as_ref().map(|author| &author.name),
        "application": commit.author.as_ref().map(|author| &author.provider),
        "size": stored.length,
        "announced_size": commit.file_size,
        "mvr_version": format!("{}.{}", commit.version.major, commit.version.minor),
        "for_stations": commit.for_stations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "blake3": hex(&stored.hash),
        "order": commit.order,
        "seen_unix_ms": unix_millis(stored.seen),
    })
}

/// A revision, as documents for programs have it.
#[must_use]
pub fn revision_json(revision: &Revision, tags: &[String], directory: &Path) -> Value {
    let form = match revision.form {
        Form::Whole => "whole",
        _ => "recipe",
    };
    let mut value = stored_json(&revision.stored);
    let more = json!({
        "form": form,
        "on_disk": revision.on_disk,
        "tags": tags,
        "withdrawn": revision.withdrawn,
        "data": directory.display().to_string(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

/// `group` or `session`: the place to which it goes.
#[must_use]
pub fn with_place(mut fields: Value, to: &SessionTarget) -> Value {
    let (group, session) = match to {
        SessionTarget::Group(group) => (Some(group.as_str()), None),
        SessionTarget::Url(url) => (None, Some(url.as_str())),
        _ => (None, None),
    };
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("group".to_owned(), group.into());
        fields.insert("session".to_owned(), session.into());
    }
    fields
}

/// What a station answered to the question whether it comes along.
#[must_use]
pub fn answer_json(answer: &MoveAnswer) -> Value {
    let name = answer.name();
    match answer {
        MoveAnswer::Refused { message: reason } | MoveAnswer::Unanswered { why: reason } => {
            json!({ "answer": name, "reason": reason })
        }
        MoveAnswer::NotAsked { product } => json!({ "answer": name, "product": product.name() }),
        _ => json!({ "answer": name }),
    }
}

fn state(membership: Membership) -> &'static str {
    match membership {
        Membership::Sighted => "sighted",
        Membership::Member => "member",
        Membership::Refused => "refused",
        Membership::Left => "left",
    }
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A word with the s that so many need.
#[must_use]
pub fn plural(number: usize, word: &str) -> String {
    if number == 1 { word.to_owned() } else { format!("{word}s") }
}

/// More of a name says nothing more.
const NAME_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_on_the_screen() {
        assert_eq!(name(&"灯".repeat(64)), "灯".repeat(64));
        assert_eq!(name(&"灯".repeat(65)), format!("{}…", "灯".repeat(63)));
    }

    #[test]
    fn the_address_that_others_can_use_comes_first() {
        let order = ["[::1]", "[fe80::1]", "169.254.1.1", "[2001:db8::1]", "10.0.0.1"];
        let of = |text: &str| format!("{text}:1").parse::<SocketAddr>().unwrap().ip();
        assert!(order.windows(2).all(|pair| use_of(of(pair[0])) < use_of(of(pair[1]))));
        assert_eq!(use_of(of("127.0.0.1")), use_of(of("[::1]")));
    }

    #[test]
    fn sizes_read_as_file_managers_show_them() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(2_693_607), "2.7 MB");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let at = |seconds| date_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(at(1_763_831_045), "2025-11-22 17:04:05Z");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00Z");
    }

    #[test]
    fn a_strangers_text_cannot_play_with_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        for unseen in
            ["\u{200b}", "\u{2028}", "\u{2029}", "\u{061c}", "\u{2060}", "\u{feff}", "\u{ad}", "\u{180e}"]
        {
            assert_eq!(tame(&format!("Fo{unseen}h")), "Fo\u{fffd}h", "{unseen:?}");
        }
        // Persian and pictures are written with these.
        assert_eq!(
            tame("می\u{200c}خواهم \u{1f468}\u{200d}\u{1f527}"),
            "می\u{200c}خواهم \u{1f468}\u{200d}\u{1f527}"
        );
    }
}
