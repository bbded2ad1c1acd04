//! How things look to a person, and to a program.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use mvrx_station::{CommitInfo, Event, Membership, StationInfo};
use serde::Serialize;
use serde_json::{Value, json};

/// Written into every JSON document; grows when a field changes its meaning, not when one is added.
pub(crate) const SCHEMA: u32 = 1;

/// A line of data on standard output. A reader that went away (`| head`) is no failure of ours.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A text that has its own line ends.
pub(crate) fn text(text: &impl std::fmt::Display) {
    let _ = write!(io::stdout().lock(), "{text}");
}

/// A line of progress or explanation on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

pub(crate) fn document(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(&text),
        Err(error) => note(&format!("cannot write JSON: {error}")),
    }
}

pub(crate) fn for_people() -> bool {
    io::stderr().is_terminal()
}

/// `2.7 MB`: decimal units, as file managers have them.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    let mut left = bytes;
    let mut rest = 0;
    while left >= 1000 && unit < UNITS.len() - 1 {
        rest = left % 1000;
        left /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 || left >= 100 { format!("{left} {name}") } else { format!("{left}.{} {name}", rest / 100) }
}

/// The time of day in UTC, to the second.
pub(crate) fn time(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

pub(crate) fn unix_millis(at: SystemTime) -> u64 {
    let passed = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The first eight characters of an id: enough to tell files of a day apart, and to give to `mvrx get`.
pub(crate) fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(8).collect()
}

/// Text of another station is shown without what could play tricks on a terminal.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_direction_mark(c) { '\u{fffd}' } else { c }).collect()
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn station_line(station: &StationInfo) -> String {
    let address = station.addresses.first().map_or_else(|| "no address".to_owned(), ToString::to_string);
    let provider = if station.provider.is_empty() { "unknown application" } else { &station.provider };
    let state = match (station.membership, station.reachable) {
        (Membership::Member, true) => "",
        (_, false) => "  (does not answer)",
        (Membership::Sighted, true) => "  (seen, not joined yet)",
        (Membership::Refused, true) => "  (refuses us)",
        (Membership::Left, true) => "  (left the group)",
    };
    format!("{}  {}  {address}  {}{state}", tame(&station.name), tame(provider), short(&station.station))
}

pub(crate) fn commit_line(commit: &CommitInfo) -> String {
    let c = &commit.commit;
    let name = if c.file_name.is_empty() { "unnamed" } else { &c.file_name };
    let comment = if c.comment.is_empty() { String::new() } else { format!("  \"{}\"", tame(&c.comment)) };
    let size = if c.file_size == 0 { "size unknown".to_owned() } else { size(c.file_size) };
    format!("{}  {}  {size}{comment}", short(&c.file), tame(name))
}

pub(crate) fn station_json(station: &StationInfo, commits: &[CommitInfo]) -> Value {
    let files: Vec<Value> =
        commits.iter().filter(|c| c.holders.contains(&station.station)).map(commit_json).collect();
    json!({
        "station": station.station.to_string(),
        "name": station.name,
        "application": station.provider,
        "address": station.addresses.first().map(ToString::to_string),
        "addresses": station.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state(station.membership),
        "reachable": station.reachable,
        "files": files,
    })
}

pub(crate) fn commit_json(commit: &CommitInfo) -> Value {
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

fn state(membership: Membership) -> &'static str {
    match membership {
        Membership::Sighted => "sighted",
        Membership::Member => "member",
        Membership::Refused => "refused",
        Membership::Left => "left",
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// An event in words; `None` for what a person need not read. `name` tells a station's name, `file` a file's.
pub(crate) fn event(
    event: &Event,
    name: &dyn Fn(mvrx_message::StationUuid) -> String,
    file: &dyn Fn(mvrx_message::FileUuid) -> String,
) -> Option<String> {
    Some(match event {
        Event::StationJoined { station, provider, .. } => {
            let with = if provider.is_empty() { String::new() } else { format!(" ({})", tame(provider)) };
            format!("{}{with} is in the group", name(*station))
        }
        Event::StationRenamed { from, to, .. } => format!("{} is called {} now", tame(from), tame(to)),
        Event::StationLeft { station } => format!("{} left", name(*station)),
        Event::StationLost { station } => format!("{} is gone", name(*station)),
        Event::StationUnreachable { station, failure } => {
            format!("{} does not answer: {failure}", name(*station))
        }
        Event::StationReachable { station } => format!("{} answers again", name(*station)),
        Event::JoinRefused { station, message } => {
            format!("{} does not let us join: {}", name(*station), tame(message))
        }
        Event::StationMismatch { expected, found, address } => {
            format!("at {address} answers {} instead of {}", name(*found), name(*expected))
        }
        Event::OwnUuidUsedByAnother { name, address } => format!(
            "{}{} has the same StationUUID as this station, as a copied data directory has it: neither sees the other. Give one of the \
             two a data directory of its own (--data) or delete its file with the UUID",
            tame(name),
            address.map(|address| format!(" at {address}")).unwrap_or_default()
        ),
        Event::CommitSeen { file: f, from, .. } => format!("{} has {}", name(*from), file(*f)),
        Event::CommitPublished { file: f, stations } => {
            format!("committed {}, telling {stations} {}", file(*f), plural(*stations, "station"))
        }
        Event::CommitRefused { file: f, station, message } => {
            format!("{} refused {}: {}", name(*station), file(*f), tame(message))
        }
        Event::CommitNotDelivered { file: f, station, failure } => {
            format!("{} did not confirm {}: {failure}", name(*station), file(*f))
        }
        Event::RequestStarted { file: f, from, .. } => match f {
            Some(f) => format!("fetching {} from {}", file(*f), name(*from)),
            None => format!("asking {} for its current state", name(*from)),
        },
        Event::RequestAttemptFailed { from, why, .. } => {
            format!("{} did not give the file: {}", name(*from), tame(why))
        }
        Event::RequestFailed { failure, .. } => format!("not fetched: {}", tame(&failure.to_string())),
        Event::FileSizeDiffers { file: f, from, announced, received } => format!(
            "{} announced {} with {announced} bytes and sent {received}; kept, as it came whole",
            name(*from),
            file(*f)
        ),
        Event::Serving { file: f, station, address } => {
            format!("sending {} to {}", file(*f), station.map_or_else(|| address.to_string(), name))
        }
        Event::Served { file: f, station, length } => {
            let to = station.map(|s| format!(" to {}", name(s))).unwrap_or_default();
            format!("sent {}{to}, {}", file(*f), size(*length))
        }
        Event::ServeFailed { file: f, why, .. } => format!("{} was not sent whole: {}", file(*f), tame(why)),
        Event::RequestRefused { address, message, .. } => {
            format!("refused a request from {address}: {message}")
        }
        Event::PeerError { address, what } => format!("from {address}: {}", tame(what)),
        Event::MoveProposed { address, service_name, service_url } => format!(
            "{address} proposes to move the session to {}{}; nothing was changed",
            tame(service_name),
            tame(service_url)
        ),
        Event::LimitReached(limit) => format!("a limit is reached: {limit:?}"),
        _ => return None,
    })
}

pub(crate) fn plural(number: usize, word: &str) -> String {
    if number == 1 { word.to_owned() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_file_managers_show_them() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(2_693_607), "2.6 MB");
        assert_eq!(size(999_999_999), "999 MB");
        assert_eq!(size(u64::MAX), "18446 PB");
    }

    #[test]
    fn a_strangers_text_cannot_play_with_the_terminal() {
        assert_eq!(tame("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }
}
