//! The record of what happened: its hash for machines, its text for people.
//!
//! Everything that happens adds its time, host, kind and two numbers to a rolling hash, written bytes
//! included by their own hash, so two runs with the same hash did the same, and the first thing that differs
//! changes the hash for good. Texts of [`HostCtx::note`](crate::HostCtx::note) are made only when records are
//! kept and are not part of the hash, so that the hash is the same whether anybody reads along or not.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::event::{Break, DialFailure};
use crate::fault::FaultKind;
use crate::hash;
use crate::host::HostId;
use crate::time::Time;

/// How much of what happened is kept as text. The hash is computed in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: the fastest.
    #[default]
    Nothing,
    /// The last so many records, 64 bytes each and their texts.
    Last(usize),
    /// Every record. Unbounded.
    All,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Time,
    /// Where, if at one host.
    pub host: Option<HostId>,
    /// What.
    pub what: What,
    /// The text of a note or the label of a mark.
    pub text: Option<Box<str>>,
}

/// What happened. Numbers named `link` are [`Conn::number`](crate::Conn::number)s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names and their fields say it; Display spells them out")]
pub enum What {
    Boots { boot: u32 },
    Stops { power_lost: bool },
    Dials { link: u32, port: u16 },
    DialFails { link: u32, why: DialFailure },
    Connects { link: u32 },
    Accepts { link: u32, port: u16 },
    Writes { link: u32, length: u64, hash: u64 },
    Arrives { link: u32, length: u64 },
    EndArrives { link: u32 },
    Finishes { link: u32 },
    Closes { link: u32 },
    Aborts { link: u32 },
    Breaks { link: u32, why: Break },
    GetsStuck { link: u32 },
    HasRoom { link: u32 },
    Wakes,
    Deferred { token: u64 },
    Announces { hash: u64 },
    Withdraws { hash: u64 },
    Sights { hash: u64 },
    LosesSight { hash: u64 },
    FaultBegins { kind: FaultKind, detail: u64 },
    FaultEnds { id: u32 },
    SpendsTime { nanos: u64 },
    SendsDatagram { length: u64, hash: u64 },
    HearsDatagram { hash: u64 },
    Marks { value: u64 },
    Notes,
}

/// The record of a world.
#[derive(Debug)]
pub struct Trace {
    keep: Keep,
    records: VecDeque<Record>,
    dropped: u64,
    count: u64,
    hash: u64,
    names: Vec<Arc<str>>,
}

impl Trace {
    pub(crate) const fn new(keep: Keep) -> Self {
        Self { keep, records: VecDeque::new(), dropped: 0, count: 0, hash: 0, names: Vec::new() }
    }

    /// The hash of everything that happened so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many things happened so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The records that are kept, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }

    /// Whether texts are worth making.
    pub(crate) const fn is_kept(&self) -> bool {
        !matches!(self.keep, Keep::Nothing)
    }

    pub(crate) fn name_host(&mut self, name: Arc<str>) {
        self.names.push(name);
    }

    pub(crate) fn record(&mut self, at: Time, host: Option<HostId>, what: What) {
        self.record_text(at, host, what, None);
    }

    pub(crate) fn record_text(&mut self, at: Time, host: Option<HostId>, what: What, text: Option<Box<str>>) {
        self.count += 1;
        let (kind, a, b) = what.numbers();
        let host_number = host.map_or(u64::MAX, |host| u64::from(host.0));
        let first = hash::word(self.hash, at.as_nanos());
        let second = hash::word(host_number.rotate_left(8) ^ kind, a);
        self.hash = hash::word(first, hash::word(second, b));
        let limit = match self.keep {
            Keep::Nothing => return,
            Keep::Last(limit) => limit,
            Keep::All => usize::MAX,
        };
        self.records.push_back(Record { at, host, what, text });
        while self.records.len() > limit {
            self.records.pop_front();
            self.dropped += 1;
        }
    }

    /// Adds text that is part of the hash.
    pub(crate) fn record_label(&mut self, at: Time, host: Option<HostId>, label: &str, value: u64) {
        self.hash = hash::bytes(self.hash, label.as_bytes());
        let text = self.is_kept().then(|| label.into());
        self.record_text(at, host, What::Marks { value }, text);
    }
}

impl fmt::Display for Trace {
    /// One line per record: time, host, what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "({} earlier records were not kept)", self.dropped)?;
        }
        for record in &self.records {
            let name = record.host.map_or("*", |host| self.names.get(host.index()).map_or("?", |name| name));
            write!(f, "{:>16}  {name:<16} {}", record.at.to_string(), record.what)?;
            match &record.text {
                Some(text) => writeln!(f, " {text}")?,
                None => writeln!(f)?,
            }
        }
        write!(f, "{} records, hash {:016x}", self.count, self.hash)
    }
}

impl What {
    /// The kind and two numbers: what goes into the hash.
    fn numbers(self) -> (u64, u64, u64) {
        let link = u64::from;
        match self {
            Self::Boots { boot } => (1, boot.into(), 0),
            Self::Stops { power_lost } => (2, power_lost.into(), 0),
            Self::Dials { link: number, port } => (3, link(number), port.into()),
            Self::DialFails { link: number, why } => (4, link(number), why as u64),
            Self::Connects { link: number } => (5, link(number), 0),
            Self::Accepts { link: number, port } => (6, link(number), port.into()),
            Self::Writes { link: number, length, hash } => (7, link(number), hash::word(length, hash)),
            Self::Arrives { link: number, length } => (8, link(number), length),
            Self::EndArrives { link: number } => (9, link(number), 0),
            Self::Finishes { link: number } => (10, link(number), 0),
            Self::Closes { link: number } => (11, link(number), 0),
            Self::Aborts { link: number } => (12, link(number), 0),
            Self::Breaks { link: number, why } => (13, link(number), why as u64),
            Self::GetsStuck { link: number } => (14, link(number), 0),
            Self::HasRoom { link: number } => (15, link(number), 0),
            Self::Wakes => (16, 0, 0),
            Self::Deferred { token } => (17, token, 0),
            Self::Announces { hash } => (18, hash, 0),
            Self::Withdraws { hash } => (19, hash, 0),
            Self::Sights { hash } => (20, hash, 0),
            Self::LosesSight { hash } => (21, hash, 0),
            Self::FaultBegins { kind, detail } => (22, kind as u64, detail),
            Self::FaultEnds { id } => (23, id.into(), 0),
            Self::SpendsTime { nanos } => (24, nanos, 0),
            Self::Marks { value } => (25, value, 0),
            Self::Notes => (26, 0, 0),
            Self::SendsDatagram { length, hash } => (27, length, hash),
            Self::HearsDatagram { hash } => (28, hash, 0),
        }
    }
}

/// A link's number as its handle prints it.
struct Link(u32);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}{}", self.0 / 2, if self.0.is_multiple_of(2) { 'a' } else { 'b' })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Boots { boot } => write!(f, "starts ({boot})"),
            Self::Stops { power_lost: true } => f.write_str("loses power"),
            Self::Stops { power_lost: false } => f.write_str("dies"),
            Self::Dials { link, port } => write!(f, "dials port {port}: {}", Link(link)),
            Self::DialFails { link, why } => write!(f, "cannot dial {}: {why}", Link(link)),
            Self::Connects { link } => write!(f, "connected {}", Link(link)),
            Self::Accepts { link, port } => write!(f, "accepts {} on port {port}", Link(link)),
            Self::Writes { link, length, .. } => write!(f, "writes {length} to {}", Link(link)),
            Self::Arrives { link, length } => write!(f, "gets {length} from {}", Link(link)),
            Self::EndArrives { link } => write!(f, "gets the end from {}", Link(link)),
            Self::Finishes { link } => write!(f, "finishes {}", Link(link)),
            Self::Closes { link } => write!(f, "closes {}", Link(link)),
            Self::Aborts { link } => write!(f, "aborts {}", Link(link)),
            Self::Breaks { link, why } => write!(f, "loses {}: {why}", Link(link)),
            Self::GetsStuck { link } => write!(f, "is stuck receiving {}", Link(link)),
            Self::HasRoom { link } => write!(f, "can write to {}", Link(link)),
            Self::Wakes => f.write_str("wakes"),
            Self::Deferred { token } => write!(f, "is reminded of {token}"),
            Self::Announces { hash } => write!(f, "announces {hash:08x}"),
            Self::Withdraws { hash } => write!(f, "withdraws {hash:08x}"),
            Self::Sights { hash } => write!(f, "sights {hash:08x}"),
            Self::LosesSight { hash } => write!(f, "loses sight of {hash:08x}"),
            Self::FaultBegins { kind, .. } => write!(f, "FAULT {kind:?}"),
            Self::FaultEnds { id } => write!(f, "fault {id} ends"),
            Self::SpendsTime { nanos } => write!(f, "is busy for {} us", nanos / 1_000),
            Self::SendsDatagram { length, hash } => write!(f, "sends a datagram of {length}: {hash:08x}"),
            Self::HearsDatagram { hash } => write!(f, "hears the datagram {hash:08x}"),
            Self::Marks { value } => write!(f, "marks {value}"),
            Self::Notes => f.write_str("notes"),
        }
    }
}
