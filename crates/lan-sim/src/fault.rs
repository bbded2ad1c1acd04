//! The faults a world knows: what can be ordered ([`Fault`]), what comes of it ([`Effect`]), and how often
//! each happened ([`FaultCounts`]).
//!
//! A fault names hosts by number and picks links by a number taken modulo how many there are, so that it
//! means something in every run and a shrinker may leave out whatever was before it. A fault that finds
//! nothing to break (no open link, a host that is down) does nothing and is not counted.

use std::fmt;
use std::time::Duration;

use crate::host::HostId;

/// One thing that goes wrong. Those with a `span` end by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A link of the host breaks for both ends, at a byte: of what is under way to the host, `keep` bytes at
    /// most still arrive.
    Reset {
        /// Whose link.
        host: HostId,
        /// Which of its links, modulo their number.
        nth: u32,
        /// How many bytes under way still arrive.
        keep: u32,
    },
    /// A link of the host falls silent: both ends stay open and nothing arrives any more, not even a reset.
    Silence {
        /// Whose link.
        host: HostId,
        /// Which of its links, modulo their number.
        nth: u32,
    },
    /// The host loses its end of a link and is told so; the other side is not told and finds out when it
    /// writes.
    HalfOpen {
        /// Whose end is lost.
        host: HostId,
        /// Which of its links, modulo their number.
        nth: u32,
    },
    /// A link of the host carries nothing for a while, then everything.
    Stall {
        /// Whose link.
        host: HostId,
        /// Which of its links, modulo their number.
        nth: u32,
        /// How long.
        span: Duration,
    },
    /// These hosts cannot be reached by all others, nor reach them.
    Partition {
        /// One side; the other side is everybody else.
        hosts: Vec<HostId>,
        /// How long.
        span: Duration,
        /// Whether the links between the sides break. If not they stall.
        breaks: bool,
    },
    /// The host stops, and starts again if `down` says when.
    Crash {
        /// Which host.
        host: HostId,
        /// In which way.
        how: Crash,
        /// After how long it starts again; `None` is never.
        down: Option<Duration>,
        /// What becomes of its disk meanwhile.
        disk: DiskFate,
    },
    /// The host does nothing for a while (a suspended machine, a debugger, a blocked main thread); what
    /// arrives meanwhile waits.
    Pause {
        /// Which host.
        host: HostId,
        /// How long.
        span: Duration,
    },
    /// The host's wall clock jumps. Virtual time does not.
    ClockJump {
        /// Which host.
        host: HostId,
        /// By how many seconds, forwards or back.
        seconds: i64,
    },
    /// One address of the host cannot be reached.
    AddressDown {
        /// Which host.
        host: HostId,
        /// Which of its addresses, modulo their number.
        nth: u32,
        /// How long.
        span: Duration,
    },
    /// The host's links misbehave.
    Trouble {
        /// Which host.
        host: HostId,
        /// In which way.
        trouble: LinkTrouble,
        /// How long.
        span: Duration,
    },
    /// The host hears nothing of the discovery bus (multicast filtered towards it).
    Deaf {
        /// Which host.
        host: HostId,
        /// How long.
        span: Duration,
    },
    /// Nobody hears the host on the discovery bus.
    Mute {
        /// Which host.
        host: HostId,
        /// How long.
        span: Duration,
    },
    /// The host hears again, now, what an instance announced formerly: an older announcement if there was
    /// one, else one that is still true.
    StaleSighting {
        /// Who hears it.
        host: HostId,
        /// Which of the remembered announcements, modulo their number.
        nth: u32,
    },
    /// The host's disk misbehaves.
    Disk {
        /// Which host.
        host: HostId,
        /// In which way.
        trouble: DiskTrouble,
        /// How long.
        span: Duration,
    },
}

/// In which way a host stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crash {
    /// The process dies, the machine lives: its links are closed by the system (reset where bytes were
    /// unread), dials are refused, and what was written to its disk stays.
    Process,
    /// The machine loses its power: no packet says so, dials time out, and what was not synced is lost or
    /// torn.
    Power,
}

/// What a host that starts again finds on its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DiskFate {
    /// What the crash left.
    #[default]
    Kept,
    /// Nothing.
    Wiped,
}

/// In which way a host's links misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkTrouble {
    /// 16 KiB per second.
    Slow,
    /// One second on the way, up to two more.
    Laggy,
    /// Every write arrives in single bytes at first.
    Bytewise,
    /// No more than 16 unread bytes towards this host (1 KiB of bulk).
    TinyWindow,
    /// One segment in fifty breaks its link.
    Breaking,
    /// One segment in fifty silences its link.
    Silencing,
    /// Half of its dials are refused.
    RefusedDials,
    /// Half of its dials vanish.
    LostDials,
}

/// In which way a disk misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskTrouble {
    /// A tenth of all operations fail with an input/output error.
    Failing,
    /// Nothing more fits.
    Full,
    /// Every operation takes 50 ms.
    Slow,
}

/// The kinds of faults that can be ordered, for plans and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "each is the Fault of its name, or a Fault::Crash, Trouble or Disk of its name"
)]
pub enum FaultKind {
    Reset,
    Silence,
    HalfOpen,
    Stall,
    Partition,
    ProcessCrash,
    PowerLoss,
    Pause,
    ClockJump,
    AddressDown,
    Trouble,
    Deaf,
    Mute,
    StaleSighting,
    DiskFailing,
    DiskFull,
    DiskSlow,
}

/// What happens to single bytes, dials, sightings and operations because of profiles and faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// A dial was refused though somebody listened.
    DialRefused,
    /// A dial vanished.
    DialLost,
    /// A link broke at a random byte.
    LinkBroken,
    /// A link fell silent.
    LinkSilenced,
    /// A link's bytes stood still because of a partition, a stall or a dead host.
    LinkStuck,
    /// An announcement or goodbye was not heard.
    SightingLost,
    /// An announcement was heard late.
    SightingLate,
    /// An announcement was heard twice.
    SightingDoubled,
    /// An outdated announcement was heard.
    SightingStale,
    /// A datagram was lost.
    DatagramLost,
    /// A datagram came late.
    DatagramLate,
    /// A datagram came twice.
    DatagramDoubled,
    /// A disk operation failed with an input/output error.
    DiskFailed,
    /// A disk operation found no room.
    DiskNoRoom,
    /// A loss of power tore or lost an unsynced file or name.
    DiskTorn,
}

impl Fault {
    /// Of which kind it is.
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Reset { .. } => FaultKind::Reset,
            Self::Silence { .. } => FaultKind::Silence,
            Self::HalfOpen { .. } => FaultKind::HalfOpen,
            Self::Stall { .. } => FaultKind::Stall,
            Self::Partition { .. } => FaultKind::Partition,
            Self::Crash { how: Crash::Process, .. } => FaultKind::ProcessCrash,
            Self::Crash { how: Crash::Power, .. } => FaultKind::PowerLoss,
            Self::Pause { .. } => FaultKind::Pause,
            Self::ClockJump { .. } => FaultKind::ClockJump,
            Self::AddressDown { .. } => FaultKind::AddressDown,
            Self::Trouble { .. } => FaultKind::Trouble,
            Self::Deaf { .. } => FaultKind::Deaf,
            Self::Mute { .. } => FaultKind::Mute,
            Self::StaleSighting { .. } => FaultKind::StaleSighting,
            Self::Disk { trouble: DiskTrouble::Failing, .. } => FaultKind::DiskFailing,
            Self::Disk { trouble: DiskTrouble::Full, .. } => FaultKind::DiskFull,
            Self::Disk { trouble: DiskTrouble::Slow, .. } => FaultKind::DiskSlow,
        }
    }
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Reset,
        Self::Silence,
        Self::HalfOpen,
        Self::Stall,
        Self::Partition,
        Self::ProcessCrash,
        Self::PowerLoss,
        Self::Pause,
        Self::ClockJump,
        Self::AddressDown,
        Self::Trouble,
        Self::Deaf,
        Self::Mute,
        Self::StaleSighting,
        Self::DiskFailing,
        Self::DiskFull,
        Self::DiskSlow,
    ];
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 15] = [
        Self::DialRefused,
        Self::DialLost,
        Self::LinkBroken,
        Self::LinkSilenced,
        Self::LinkStuck,
        Self::SightingLost,
        Self::SightingLate,
        Self::SightingDoubled,
        Self::SightingStale,
        Self::DatagramLost,
        Self::DatagramLate,
        Self::DatagramDoubled,
        Self::DiskFailed,
        Self::DiskNoRoom,
        Self::DiskTorn,
    ];
}

/// How often each fault was injected and each effect happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    faults: [u64; FaultKind::ALL.len()],
    effects: [u64; Effect::ALL.len()],
}

impl FaultCounts {
    /// How often faults of that kind were injected.
    pub fn of(&self, kind: FaultKind) -> u64 {
        self.faults.get(kind as usize).copied().unwrap_or(0)
    }

    /// How often that effect happened.
    pub fn effects(&self, effect: Effect) -> u64 {
        self.effects.get(effect as usize).copied().unwrap_or(0)
    }

    /// All injected faults, without what they led to.
    pub fn injected(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// All injected faults and all effects together.
    pub fn total(&self) -> u64 {
        self.faults.iter().chain(&self.effects).sum()
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.faults.iter_mut().zip(other.faults) {
            *mine += theirs;
        }
        for (mine, theirs) in self.effects.iter_mut().zip(other.effects) {
            *mine += theirs;
        }
    }

    pub(crate) fn count_fault(&mut self, kind: FaultKind) {
        if let Some(count) = self.faults.get_mut(kind as usize) {
            *count += 1;
        }
    }

    pub(crate) fn count(&mut self, effect: Effect, times: u64) {
        if let Some(count) = self.effects.get_mut(effect as usize) {
            *count += times;
        }
    }
}

impl fmt::Display for FaultCounts {
    /// One line for each kind that happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = FaultKind::ALL.iter().map(|kind| (format!("{kind:?}"), self.of(*kind)));
        let effects = Effect::ALL.iter().map(|effect| (format!("  {effect:?}"), self.effects(*effect)));
        for (name, count) in faults.chain(effects).filter(|(_, count)| *count > 0) {
            writeln!(f, "{name:<18} {count:>10}")?;
        }
        writeln!(f, "{:<18} {:>10}", "injected", self.injected())?;
        write!(f, "{:<18} {:>10}", "total", self.total())
    }
}
