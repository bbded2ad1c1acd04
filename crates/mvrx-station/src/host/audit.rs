//! Who came, what was refused, committed, fetched and moved: a line for each in a file, for who has to answer for it later.
//!
//! ```text
//!  HostDriver::on_event ─ Line ─► a bounded channel ─► one thread ─► FILE, and what was before in FILE.1
//! ```
//! A line is one JSON object. Texts of others are cut, and whatever could move a cursor or hide is escaped. No password is among what it is
//! made of. The host never waits for the disk: lines that find no room are counted, and the count is a line. What makes room is of whoever has
//! most lines ([`share`]). Requirements AUD-01 to AUD-06.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use mvrx_core::MoveAnswer;
use mvrx_core::host::Event;
use mvrx_message::{FileUuid, SessionTarget, StationUuid};
use tokio::sync::watch;
use tokio::time::Instant;

use super::driver::HostDriver;
use super::tally::Tally;
use writing::Writing;

mod share;
mod writing;

/// A file of audit lines. Its clones write the same one; it is complete once the last is dropped and its thread has ended.
#[derive(Debug, Clone)]
pub struct Audit {
    lines: SyncSender<String>,
    lost: Arc<AtomicU64>,
    /// Why the file cannot be written; `None`: it can.
    trouble: watch::Receiver<Option<String>>,
}

impl Audit {
    /// Goes on with the file at `path`, or makes it, for its owner alone. Above `most` bytes (default [`Audit::MOST`]) it goes into `path.1`,
    /// behind what is there, and a new one begins: both together never take more than twice that, and while that is written, into `path.new`,
    /// three times. Where it is more than has room the oldest lines go of the address that has most, so that nobody pushes out the lines of
    /// another address as long as those take no more than their share. What is no file, as a pipe, never begins anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(path: &Path, most: u64) -> io::Result<Self> {
        let (lines, lines_in) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let (tell, trouble) = watch::channel(None);
        let writing = Writing::open(path, most, Arc::clone(&lost), tell)?;
        std::thread::Builder::new().name("mvrx-audit".to_owned()).spawn(move || writing.run(&lines_in))?;
        Ok(Self { lines, lost, trouble })
    }

    /// Bytes of one file, where nobody says otherwise: 16 MiB.
    pub const MOST: u64 = 16 << 20;

    fn note(&self, line: Line) {
        if self.lines.try_send(line.end()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells when the file cannot be written any more, and when it can.
    pub(super) fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }
}

/// One line on its way.
#[derive(Debug, Clone)]
struct Line(String);

impl Line {
    fn new(event: &str, result: &str) -> Self {
        Self(format!("{{\"time\":\"{}\"", utc(SystemTime::now()))).text("event", event).text("result", result)
    }

    // req: AUD-02
    fn text(mut self, key: &str, text: &str) -> Self {
        let _ = write!(self.0, ",\"{key}\":\"");
        let begins = self.0.len();
        for character in text.chars() {
            if self.0.len() - begins >= LONGEST {
                break;
            }
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                _ if character.is_control() || hides(character) => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        let _ = write!(self.0, "\\u{unit:04x}");
                    }
                }
                _ => self.0.push(character),
            }
        }
        self.0.push('"');
        self
    }

    fn number(mut self, key: &str, number: u64) -> Self {
        let _ = write!(self.0, ",\"{key}\":{number}");
        self
    }

    fn station(self, station: StationUuid) -> Self {
        self.text("station", &station.to_string())
    }

    fn file(self, file: Option<FileUuid>) -> Self {
        match file {
            Some(file) => self.text("file", &file.to_string()),
            None => self,
        }
    }

    fn known(self, key: &str, station: Option<StationUuid>) -> Self {
        match station {
            Some(station) => self.text(key, &station.to_string()),
            None => self,
        }
    }

    /// Whose a commit is said to be, if it is somebody else's than who brought it.
    fn author(self, author: Option<StationUuid>, from: StationUuid) -> Self {
        self.known("author", author.filter(|author| *author != from))
    }

    /// A length that was announced, if it was.
    fn bytes(self, announced: Option<u64>) -> Self {
        match announced {
            Some(bytes) => self.number("bytes", bytes),
            None => self,
        }
    }

    fn address(self, address: Option<SocketAddr>) -> Self {
        match address {
            Some(address) => self.text("address", &address.to_string()),
            None => self,
        }
    }

    fn to(self, to: &SessionTarget) -> Self {
        match to {
            SessionTarget::Url(url) => self.text("to", &without_user(url)),
            SessionTarget::Group(group) => self.text("to", group.as_str()),
            _ => self,
        }
    }

    /// In the words of `move_answered` (docs/json.md).
    fn answer(self, answer: &MoveAnswer) -> Self {
        let named = self.text("answer", answer.name());
        match answer {
            MoveAnswer::Refused { message: reason } | MoveAnswer::Unanswered { why: reason } => {
                named.text("reason", reason)
            }
            MoveAnswer::NotAsked { product } => named.text("product", product.name()),
            _ => named,
        }
    }

    fn end(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

/// A URL without the user name and the password that it may have.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// Characters that show nothing, or change the order of what is shown.
fn hides(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// As `2026-11-22T09:50:00.123Z`.
fn utc(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years that begin in March end with the leap day; 400 of them have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// What is to be told when a minute is over.
#[derive(Debug)]
pub(super) struct Repeated {
    /// Refused connections: somebody who knocks all the time must not fill the file, nor the eyes of who looks.
    knocks: Tally,
    /// Lines that whoever is in can make at will: they must not push out those of what was done.
    lines: Tally,
    /// Where each station came from.
    places: HashMap<StationUuid, SocketAddr>,
}

impl Default for Repeated {
    fn default() -> Self {
        let tally = |(each, all)| Tally::new(each, all);
        Self { knocks: tally(KNOCKS), lines: tally(LINES), places: HashMap::new() }
    }
}

impl Repeated {
    /// When a minute is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.knocks, &self.lines].into_iter().filter_map(Tally::deadline).min()
    }
}

impl HostDriver {
    /// A connection ended before anybody joined on it.
    // req: AUD-01
    pub(super) fn refused(&mut self, address: SocketAddr, station: Option<StationUuid>, why: String) {
        self.end_minutes(false);
        if self.repeated.knocks.tell(address, &why) {
            self.on_event(Event::ConnectionRefused { address, station, why });
        }
    }

    /// Tells what was not told one by one, of each minute that is over; `all`: of the present ones as well.
    // req: AUD-04
    pub(super) fn end_minutes(&mut self, all: bool) {
        let is_over = |tally: &Tally| all || tally.deadline().is_some_and(|at| at <= Instant::now());
        if is_over(&self.repeated.knocks) {
            for count in self.repeated.knocks.take() {
                let why = format!("{} (the last one of {} that were not told)", count.what, count.more);
                self.on_event(Event::ConnectionRefused { address: count.last, station: None, why });
            }
        }
        if is_over(&self.repeated.lines) {
            let counts = self.repeated.lines.take();
            for count in counts {
                if let Some(audit) = &self.options.audit {
                    let line = Line::new("repeated", "counted").address(Some(count.last));
                    audit.note(line.text("reason", &count.what).number("lines", count.more));
                }
            }
        }
    }

    /// The audit file cannot be written, or can again.
    // req: AUD-05
    pub(super) fn on_audit(&mut self, trouble: Option<String>) {
        self.on_event(trouble.map_or(Event::AuditWorks, |why| Event::AuditFails { why }));
    }

    /// Whether it is told.
    // req: AUD-01
    pub(super) fn note_down(&mut self, event: &Event) -> bool {
        if let Some((from, what)) = self.can_be_repeated(event) {
            self.end_minutes(false);
            if !self.repeated.lines.tell(from, what) {
                self.forget_place(event);
                return !matches!(event, Event::MessageRefused { .. } | Event::CommitToldOtherwise { .. });
            }
        }
        self.note_down_all(event);
        self.forget_place(event);
        true
    }

    fn forget_place(&mut self, event: &Event) {
        if let Event::StationLeft { station } | Event::StationLost { station, .. } = event {
            self.repeated.places.remove(station);
        }
    }

    fn note_down_all(&self, event: &Event) {
        let Some(audit) = &self.options.audit else { return };
        if let Some(line) =
            self.members_line(event).or_else(|| self.files_line(event)).or_else(|| self.moves_line(event))
        {
            audit.note(line);
        }
    }

    /// Where this comes from and what it is, if whoever is in can make it happen again and again and nothing is done by it.
    // req: AUD-04
    fn can_be_repeated(&mut self, event: &Event) -> Option<(SocketAddr, &'static str)> {
        const COMING: &str = "joins and leaves";
        const REFUSED: &str = "refusals";
        let places = &mut self.repeated.places;
        let of = |places: &HashMap<_, _>, station| places.get(station).copied();
        Some(match event {
            Event::StationJoined { station, address: at, .. }
            | Event::StationReplaced { station, to: at, .. } => {
                places.insert(*station, *at);
                (*at, COMING)
            }
            Event::StationRenamed { station, .. } => (of(places, station)?, COMING),
            Event::StationLeft { station } | Event::StationLost { station, .. } => {
                (of(places, station)?, COMING)
            }
            Event::JoinRefused { address, .. }
            | Event::MessageRefused { address, .. }
            | Event::StationSlowed { address, .. } => (*address, REFUSED),
            Event::CommitNotTaken { station, .. }
            | Event::CommitToldOtherwise { station, .. }
            | Event::RequestRefused { station, .. }
            | Event::RequestAbandoned { station, .. } => (of(places, station)?, REFUSED),
            _ => return None,
        })
    }

    fn members_line(&self, event: &Event) -> Option<Line> {
        Some(match event {
            Event::StationJoined { station, name, provider, address, .. } => Line::new("join", "ok")
                .station(*station)
                .text("name", name)
                .text("application", provider)
                .address(Some(*address)),
            Event::StationReplaced { station, name, from, to } => Line::new("join", "anew")
                .station(*station)
                .text("name", name)
                .address(Some(*to))
                .text("before", &from.to_string()),
            Event::StationRenamed { station, from, to } => {
                let at = self.repeated.places.get(station).copied();
                let line = Line::new("join", "renamed").station(*station).text("name", to).address(at);
                line.text("before", from)
            }
            Event::JoinRefused { station, address, message } => {
                Line::new("join", "refused").station(*station).address(Some(*address)).text("reason", message)
            }
            Event::StationSlowed { station, address, what } => {
                Line::new("pace", "slowed").station(*station).address(Some(*address)).text("reason", what)
            }
            Event::MessageRefused { station, address, kind, message } => {
                let line = Line::new("message", "refused").text("type", kind).address(Some(*address));
                line.known("station", *station).text("reason", message)
            }
            Event::LimitReached(limit) => Line::new("limit", "reached").text("reason", &limit.to_string()),
            Event::ConnectionsFail { why } => Line::new("connections", "fail").text("reason", why),
            Event::ConnectionsWork => Line::new("connections", "work"),
            Event::ConnectionRefused { address, station, why } => {
                let line = Line::new("connection", "refused").address(Some(*address));
                line.known("station", *station).text("reason", why)
            }
            Event::StationLeft { station } => {
                let from = self.repeated.places.get(station).copied();
                Line::new("leave", "ok").station(*station).address(from)
            }
            Event::StationLost { station, name, why } => {
                let from = self.repeated.places.get(station).copied();
                let line = Line::new("leave", "lost").station(*station).address(from);
                line.text("name", name).text("reason", why)
            }
            Event::Ended => Line::new("session", "ended"),
            _ => return None,
        })
    }

    fn files_line(&self, event: &Event) -> Option<Line> {
        let from = |line: Line, station| line.station(station).address(self.address_of(station));
        let named = |line: Line, file: FileUuid, from| match self.host.commit(file) {
            Some(commit) => {
                let line = line.file(Some(file)).author(commit.station, from).text("name", &commit.file_name);
                line.bytes((commit.file_size > 0).then_some(commit.file_size))
            }
            None => line.file(Some(file)),
        };
        Some(match event {
            Event::CommitRelayed { file, from: station, stations } => {
                named(from(Line::new("commit", "ok"), *station), *file, *station)
                    .number("told", *stations as u64)
            }
            Event::CommitPublished { file, stations } => {
                let us = self.host.config().station;
                named(Line::new("commit", "ok").station(us), *file, us).number("told", *stations as u64)
            }
            Event::CommitNotTaken { file, station, author, message } => {
                let line = from(Line::new("commit", "refused"), *station).file(Some(*file));
                line.author(*author, *station).text("reason", message)
            }
            Event::CommitToldOtherwise { file, station, author, what } => {
                let line = from(Line::new("commit", "otherwise"), *station).file(Some(*file));
                line.author(*author, *station).text("reason", what)
            }
            Event::Served { file, station, length } => {
                from(Line::new("request", "ok"), *station).file(Some(*file)).number("bytes", *length)
            }
            Event::FileDropped { file, of, name, announced } => {
                let line = from(Line::new("file", "dropped"), *of).file(Some(*file));
                line.text("name", name).bytes(*announced)
            }
            Event::RequestRefused { file, station, message } => {
                from(Line::new("request", "refused"), *station).file(*file).text("reason", message)
            }
            Event::RequestAbandoned { file, station, why } => {
                from(Line::new("request", "abandoned"), *station).file(*file).text("reason", why)
            }
            _ => return None,
        })
    }

    fn moves_line(&self, event: &Event) -> Option<Line> {
        let of =
            |result, station| Line::new("move", result).station(station).address(self.address_of(station));
        Some(match event {
            Event::MoveProposed { station, to, .. } => of("proposed", *station).to(to),
            Event::MoveDeclined { station, to, why } => of("refused", *station).to(to).text("reason", why),
            Event::MoveBegun { to, by } => of("begun", *by).to(to),
            Event::MoveAnswered { station, answer } => of("answered", *station).answer(answer),
            Event::MoveEnded { to, by, moved, stayed } => {
                of("ended", *by).to(to).number("moved", *moved as u64).number("stayed", *stayed as u64)
            }
            Event::NotMoved { to, by, why } => of("refused", *by).to(to).text("reason", why),
            _ => return None,
        })
    }
}

/// Lines that wait for the disk.
const WAITING: usize = 4_096;
/// Bytes of one text of others, as they are in the file.
const LONGEST: usize = 256;
/// Refused connections that are told within a minute, of one kind from one place and in all.
pub(super) const KNOCKS: (u32, u32) = (20, 60);
/// Lines of joining, leaving and being refused within a minute, of one place and in all.
pub(super) const LINES: (u32, u32) = (60, 240);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves: AUD-02
    fn what_others_say_cannot_make_lines_or_hide() {
        let line =
            Line::new("join", "ok").text("name", "a\"b\\c\n\u{1b}[2J\u{85}\u{202e}x\u{1f600}\u{e0041}").end();
        assert!(
            line.ends_with(
                "\"name\":\"a\\\"b\\\\c\\u000a\\u001b[2J\\u0085\\u202ex\u{1f600}\\udb40\\udc41\"}\n"
            ),
            "{line}"
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["name"], "a\"b\\c\n\u{1b}[2J\u{85}\u{202e}x\u{1f600}\u{e0041}");
        let to = SessionTarget::Url("wss://u:secret@rack:9/x@y".to_owned());
        let moved = Line::new("move", "begun").to(&to).end();
        assert!(moved.contains("\"wss://rack:9/x@y\"") && !moved.contains("secret"), "{moved}");
        let long = Line::new("join", "ok").text("name", &"x".repeat(10_000)).end();
        assert!(long.len() < 400, "{}", long.len());
        // An escape counts as what it takes.
        let long = Line::new("join", "ok").text("name", &"\u{202e}".repeat(10_000)).end();
        assert!(long.len() < 400, "{}", long.len());
        serde_json::from_str::<serde_json::Value>(&long).unwrap();
    }

    #[test]
    fn times_are_those_of_calendars() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_735_689_600, "2025-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + std::time::Duration::from_secs(seconds)), text);
        }
    }
}
