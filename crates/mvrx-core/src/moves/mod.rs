//! Moving from one place to another: MVR_NEW_SESSION_HOST received and sent. A place is a group of TCP mode or a session of WebSocket mode.
//!
//! It turns a proposal, or the application's own wish, into a stay in two places at once for a bounded time, and that into a stay in exactly one:
//! the new one is joined first, and only then the old one is left ([`MovePhase`] is the table). Where that fails the station is whole where it
//! was. From group to group the station that changes is one machine ([`crate::ChangePhase`]); between the modes, and from session to session,
//! a second [`Core`] joins the new place beside the first and takes its place when it has. The old one then says LEAVE and ends.
//!
//! A proposal comes from the network, not from a person one knows: [`Moves`] says whose are followed.
//!
//! It mirrors the last chapter of the specification (Tables 76, 77). It does not know what a URL leads to, nor what the store has: the driver
//! prepares a place ([`crate::Output::PrepareMove`]). It is bounded: one move at a time, whoever proposes how many.

mod again;
mod consent;
mod lead;
mod place;
mod ride;
mod route;
mod table;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{FileUuid, Product, SessionTarget, StationUuid};

pub use self::place::fit as can_be_a_place;
pub(crate) use self::place::{same_host, target as target_of};
pub use self::table::{MoveAction, MoveEvent, MovePhase};

use crate::{ConnId, Core, Event, ExchangeFailure};

/// Whose proposals to move are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Moves {
    /// Those that our application agrees to, each by itself ([`crate::Event::MoveProposed`]).
    #[default]
    Ask,
    /// All.
    Always,
    /// None.
    Never,
    /// Those of these stations, and no others: in a group at addresses where discovery shows them or where they answered us, in a session by
    /// the host's word. No mode proves who says something.
    Listed(BTreeSet<StationUuid>),
}

/// One proposal that waits for the application's word; each number once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u64);

/// What became of the question whether a station comes along.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveAnswer {
    /// It says that it has moved.
    Moved,
    /// It stays where it is, and says why.
    Refused {
        /// Its reason; may be empty.
        message: String,
    },
    /// It did not answer.
    Unanswered {
        /// Why, in words.
        why: String,
    },
    /// It was not asked: the message ends such products, or nobody knows whether it does.
    NotAsked {
        /// What we take it for.
        product: Product,
    },
}

impl MoveAnswer {
    /// What it is, in a word that does not change: `moved`, `refused`, `unanswered` or `not_asked`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Refused { .. } => "refused",
            Self::Unanswered { .. } => "unanswered",
            Self::NotAsked { .. } => "not_asked",
        }
    }
}

impl fmt::Display for MoveAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => f.write_str("it has moved"),
            Self::Refused { message } if message.is_empty() => f.write_str("it stays, without a reason"),
            Self::Refused { message } => write!(f, "it stays: {message}"),
            Self::Unanswered { why } => write!(f, "it did not answer: {why}"),
            Self::NotAsked { product: Product::Other } => f.write_str(
                "it was not asked: of an unknown product nobody knows whether it outlives the question",
            ),
            Self::NotAsked { product: Product::LibMvrGdtf } => f.write_str(
                "it was not asked: the question may end a product with the library libMVRgdtf, as Vectorworks and Production Assist",
            ),
            Self::NotAsked { product } if product.survives_new_session_host() => {
                write!(f, "it was not asked: {product} does not act on the question")
            }
            Self::NotAsked { product } => {
                write!(f, "it was not asked: {product} is not known to outlive the question")
            }
        }
    }
}

/// The move under way, and what is left of the last one.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    pub(crate) phase: MovePhase,
    ride: Option<Ride>,
    /// The core of the place that was left: it says LEAVE, and lets out what it sends.
    parting: Option<Box<Core>>,
    /// This core joins or leaves a place for another one, and follows nobody by itself.
    aside: bool,
    next_proposal: u64,
    /// Cores made so far: each numbers its connections in a range of its own.
    cores: u64,
    /// We have left altogether; it is told when the old place has been told.
    left_waits: bool,
    /// Stations that can be elected, as we can.
    companions: BTreeSet<StationUuid>,
    /// A person moved us away from where the election is.
    away: bool,
    /// Where our operator agreed to go when the host of our session asks, and until when that holds.
    agreed: Option<(SessionTarget, Duration)>,
    /// What was declined last, and is not told again.
    declined: Option<(Option<StationUuid>, SessionTarget, String)>,
}

/// A move under way.
#[derive(Debug)]
struct Ride {
    to: SessionTarget,
    cause: Cause,
    /// The core of the new place; `None` while there is none, and from group to group.
    there: Option<Box<Core>>,
    /// What happened there, to be told when we have moved.
    news: Vec<Event>,
    /// The host of the new place does not have us, and why.
    turned_away: Option<String>,
    /// An election wants it, here or at the one who asks; see [`crate::Output::SavePlace`].
    passing: bool,
    /// The driver was told to keep the new place for the next start.
    saved: bool,
    /// The files that it was told of then.
    along: BTreeSet<FileUuid>,
    /// Of these the application has been told, or will be.
    listed: BTreeSet<StationUuid>,
    /// Somebody came to the old place who is not among them.
    newcomers: bool,
    /// Who was a member of the session that is left, and went from it while its host was asking.
    went: BTreeSet<StationUuid>,
    /// The host of the session in which it began; an election's ride does not look.
    left: Option<StationUuid>,
    /// The new group had its time to show who is there.
    looked: bool,
    /// Decided then at the latest.
    deadline: Duration,
    /// Stations that are still to be asked, and those that were.
    to_ask: VecDeque<StationUuid>,
    asking: BTreeMap<ConnId, StationUuid>,
}

/// Why we move.
#[derive(Debug, Clone)]
enum Cause {
    /// Somebody proposed it, and waits for the answer.
    Proposed { proposal: ProposalId, asker: Asker },
    /// Our application wants it, and the others to come along.
    Ours { force: bool, only: Option<BTreeSet<StationUuid>> },
}

impl Cause {
    /// Whether nobody wanted it but an election: see [`crate::Command::MoveWith`].
    fn is_errand(&self) -> bool {
        matches!(self, Self::Ours { only: Some(_), .. })
    }
}

/// Who proposed a move.
#[derive(Debug, Clone)]
struct Asker {
    conn: ConnId,
    station: Option<StationUuid>,
    address: SocketAddr,
}

impl Core {
    /// Where we are, or belong while we have left.
    #[must_use]
    pub fn place(&self) -> SessionTarget {
        match self.session() {
            Some(session) => SessionTarget::Url(session.url.to_owned()),
            None => SessionTarget::Group(self.config.group.clone()),
        }
    }

    /// Somebody is a member of our group from now on.
    pub(crate) fn member_came(&mut self) {
        self.moving.ride.iter_mut().for_each(|ride| ride.newcomers = true);
    }

    /// Somebody is no longer a member of our session.
    pub(crate) fn member_went(&mut self, station: StationUuid) {
        if self.moving.phase == MovePhase::Gathering {
            self.moving.ride.iter_mut().for_each(|ride| {
                ride.went.insert(station);
            });
        }
    }

    /// Where the move under way leads to, and where it stands.
    #[must_use]
    pub fn moving_to(&self) -> Option<(&SessionTarget, MovePhase)> {
        self.moving.ride.as_ref().map(|ride| (&ride.to, self.moving.phase))
    }

    /// Moves the move along its table.
    fn on_move(&mut self, event: MoveEvent) -> MoveAction {
        let (next, action) = self.moving.phase.on(event);
        self.moving.phase = next;
        action
    }
}

impl From<ExchangeFailure> for MoveAnswer {
    fn from(failure: ExchangeFailure) -> Self {
        Self::Unanswered { why: failure.to_string() }
    }
}
