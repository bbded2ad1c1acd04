//! What the people of a world do, as steps that mean something in every run: hosts and commits are numbers taken modulo how many there are.

use std::time::Duration;

use lan_sim::Simpler;
use mvrx_core::MovePhase;
use mvrx_message::StationUuid;

use crate::Mix;

/// One deed of a person at one station. At a host that is down, or that is no station of ours, it does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A file of `length` made-up bytes is committed.
    Commit {
        /// Whose.
        host: u32,
        /// Bytes.
        length: u64,
        /// To whom it is announced.
        audience: Audience,
        /// Whether its hash is announced too.
        hashed: bool,
    },
    /// One of the commits known there is requested.
    Request {
        /// Where.
        host: u32,
        /// Which of those whose file it does not have, modulo their number.
        nth: u32,
    },
    /// The newest commit is requested, whichever that is.
    RequestLatest {
        /// Where.
        host: u32,
    },
    /// A request under way is cancelled.
    Cancel {
        /// Where.
        host: u32,
        /// Which of those under way, modulo their number.
        nth: u32,
    },
    /// A commit of its own is taken back.
    TakeBack {
        /// Where.
        host: u32,
        /// Which of its own that it lists, modulo their number.
        nth: u32,
    },
    /// The store lets a file go.
    LetGo {
        /// Where.
        host: u32,
        /// Which of those that it has, modulo their number.
        nth: u32,
    },
    /// The station leaves the group and stays running.
    Leave {
        /// Which.
        host: u32,
    },
    /// The station joins again after leaving.
    Rejoin {
        /// Which.
        host: u32,
    },
    /// The station gets another name.
    Rename {
        /// Which.
        host: u32,
        /// The name's number.
        name: u32,
    },
    /// The station JOINs everybody again.
    Refresh {
        /// Which.
        host: u32,
    },
    /// The station moves to another place, and asks the others to come along.
    Move {
        /// Which.
        host: u32,
        /// Where to: of the groups and sessions of the world, modulo their number.
        to: u32,
    },
    /// Somebody from outside proposes the station a group in which nobody is.
    Mislead {
        /// Which.
        host: u32,
    },
    /// A machine crashes whose election stands at that point, if there is one; it starts again.
    CrashIn {
        /// Which point, of `ElectionPhase::ALL`, modulo their number.
        phase: u32,
        /// Its power is gone, else the process.
        power: bool,
        /// After so long it starts again.
        down: Duration,
    },
    /// A station moves as in [`Self::Move`], and a machine crashes as soon as the move is at some step; it starts again.
    MoveAndCrash {
        /// Which moves.
        host: u32,
        /// Where to.
        to: u32,
        /// At which step, of [`MoveStep::ALL`].
        step: MoveStep,
        /// Which machine crashes.
        who: Casualty,
        /// So long after the step was reached.
        after: Duration,
        /// Its power is gone, else the process.
        power: bool,
        /// After so long it starts again.
        down: Duration,
    },
    /// Somebody at a Mixer client does something.
    Mix {
        /// Where.
        host: u32,
        /// What.
        deed: Mix,
    },
    /// Something of these happens to one of many crews, which has its own hosts.
    Of {
        /// Which, modulo their number.
        crew: u32,
        /// What.
        act: Box<Self>,
    },
    /// A station that left is JOINed because its operator says so.
    JoinAsked {
        /// Where.
        host: u32,
        /// Which of the stations known there, modulo their number.
        nth: u32,
    },
}

/// A step of a move, as it is seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// Some station is in this state of its move.
    In(MovePhase),
    /// Who leads has come to the end of its move, there or here.
    Over,
}

impl MoveStep {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::In(MovePhase::Asking),
        Self::In(MovePhase::Preparing),
        Self::In(MovePhase::Joining),
        Self::In(MovePhase::Saving),
        Self::In(MovePhase::Gathering),
        Self::Over,
    ];
}

/// Which machine crashes during a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Casualty {
    /// That of a station that is at the step.
    AtTheStep,
    /// That of who leads.
    Leader,
    /// One that hosts a session.
    Host,
}

impl Casualty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AtTheStep, Self::Leader, Self::Host];
}

/// To whom a commit is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// To everybody.
    All,
    /// To the stations of the hosts whose bits are set (the host's number modulo 64).
    Some(u64),
}

impl Audience {
    /// The stations it means, of those of all hosts in order.
    pub(crate) fn among(self, hosts: &[StationUuid]) -> Vec<StationUuid> {
        match self {
            Self::All => Vec::new(),
            Self::Some(bits) => {
                let wanted = (0_u32..).zip(hosts).filter(|(n, _)| bits >> (n % 64) & 1 == 1);
                wanted.map(|(_, station)| *station).take(32).collect()
            }
        }
    }
}

impl Act {
    /// The host where it happens.
    pub fn host(&self) -> u32 {
        match *self {
            Self::Commit { host, .. }
            | Self::Request { host, .. }
            | Self::RequestLatest { host }
            | Self::Cancel { host, .. }
            | Self::TakeBack { host, .. }
            | Self::LetGo { host, .. }
            | Self::Leave { host }
            | Self::Rejoin { host }
            | Self::Rename { host, .. }
            | Self::Refresh { host }
            | Self::Move { host, .. }
            | Self::MoveAndCrash { host, .. }
            | Self::Mislead { host }
            | Self::Mix { host, .. }
            | Self::JoinAsked { host, .. } => host,
            Self::Of { ref act, .. } => act.host(),
            Self::CrashIn { .. } => 0,
        }
    }
}

impl Simpler for Act {
    fn simpler(&self) -> Vec<Self> {
        match *self {
            Self::Commit { host, length, audience, hashed } => {
                let mut forms = Vec::new();
                if audience != Audience::All {
                    forms.push(Self::Commit { host, length, audience: Audience::All, hashed });
                }
                if length > 1_000 {
                    forms.push(Self::Commit { host, length: 1_000, audience, hashed });
                    forms.push(Self::Commit { host, length: length / 2, audience, hashed });
                }
                forms
            }
            Self::Request { host, nth } if nth > 0 => vec![Self::Request { host, nth: 0 }],
            Self::TakeBack { host, nth } if nth > 0 => vec![Self::TakeBack { host, nth: 0 }],
            Self::LetGo { host, nth } if nth > 0 => vec![Self::LetGo { host, nth: 0 }],
            Self::Move { host, to } if to > 0 => vec![Self::Move { host, to: 0 }],
            Self::MoveAndCrash { host, to, .. } => vec![Self::Move { host, to }],
            Self::Of { crew, ref act } => {
                act.simpler().into_iter().map(|act| Self::Of { crew, act: Box::new(act) }).collect()
            }
            Self::Cancel { host, nth } if nth > 0 => vec![Self::Cancel { host, nth: 0 }],
            Self::JoinAsked { host, nth } if nth > 0 => vec![Self::JoinAsked { host, nth: 0 }],
            _ => Vec::new(),
        }
    }
}
