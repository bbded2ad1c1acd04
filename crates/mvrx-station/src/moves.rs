//! The driver's part in a move: opening the way to the new place, reading what the store has of it, holding back what is committed meanwhile.
//! What is joined and left when is the core's affair; how the new place is kept for the next start is [`crate::keeping`]'s.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mvrx_core::{Command, Event, Input, MoveAnswer, MovePhase};
use mvrx_discovery::{Discovery, DiscoveryError, LanDiscovery, MdnsOptions};
use mvrx_message::{SessionTarget, StationUuid};
use mvrx_store::StoredCommit;
use mvrx_transport::{Listener, Transport, WsUrl};
use tokio::sync::oneshot;

use crate::accepting::accept;
use crate::change::{Listing, Shown};
use crate::commit::Copied;
use crate::driver::{Done, Driver};
use crate::identity::random_bytes;
use crate::ways;
use crate::withdrawing::Stored;

/// How a move that this station led has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MoveReport {
    /// Where we are now; a host is where it was.
    pub to: SessionTarget,
    /// What each station of the old place answered, in the order in which the answers came. Who is not in it was not there.
    pub answers: Vec<(StationUuid, MoveAnswer)>,
}

/// Why a move was not made. The station is whole where it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The new place could not be joined, or cannot be one, or another move is under way.
    #[error("{why}")]
    NotMoved {
        /// Why, in words.
        why: String,
    },
    /// The station has stopped.
    #[error("the station has stopped")]
    Stopped,
}

/// Who waits for the end of a move.
pub(crate) type MoveTold = oneshot::Sender<Result<MoveReport, MoveError>>;

/// A move that our application leads.
#[derive(Debug)]
pub(crate) struct Led {
    to: SessionTarget,
    told: MoveTold,
    answers: Vec<(StationUuid, MoveAnswer)>,
    /// Somebody proposed the same, and our operator had not answered yet: that it is not followed is told first.
    after_question: bool,
}

/// What opens the way to a group of TCP mode.
pub(crate) struct Ways {
    /// How stations of a group are reached.
    pub(crate) tcp: Arc<dyn Transport>,
    /// How the host of a session is reached.
    pub(crate) web: Arc<dyn Transport>,
    /// Where we want to listen.
    pub(crate) listen: Option<SocketAddr>,
    /// Whether we listen already.
    pub(crate) listens: bool,
    /// Where we listen, as the handle tells it.
    pub(crate) address: Arc<Mutex<SocketAddr>>,
    /// How stations of a group find each other, once that is needed.
    pub(crate) discovery: Option<MakeDiscovery>,
}

/// Makes the discovery of a station that moves to a group.
pub(crate) type MakeDiscovery = Box<dyn FnOnce() -> Result<Box<dyn Discovery>, DiscoveryError> + Send>;

/// What a way to a group brings.
pub(crate) struct Opened {
    listener: Option<Box<dyn Listener>>,
    stored: Vec<StoredCommit>,
}

impl Led {
    pub(crate) fn new(to: SessionTarget, told: MoveTold) -> Self {
        Self { to, told, answers: Vec::new(), after_question: false }
    }

    /// Notes an answer, or tells the end; gives itself back as long as it goes on.
    pub(crate) fn note(mut self, event: &Event) -> Option<Self> {
        match event {
            Event::MoveAnswered { station, answer } => self.answers.push((*station, answer.clone())),
            Event::Moved { .. } => {
                self.end();
                return None;
            }
            Event::NotMoved { to, .. } if *to == self.to && self.after_question => {
                self.after_question = false;
            }
            Event::NotMoved { to, why, .. } if *to == self.to => {
                // Who asked may have stopped waiting.
                let _ = self.told.send(Err(MoveError::NotMoved { why: why.clone() }));
                return None;
            }
            _ => {}
        }
        Some(self)
    }

    pub(crate) fn end(self) {
        // Who asked may have stopped waiting.
        let _ = self.told.send(Ok(MoveReport { to: self.to, answers: self.answers }));
    }

    /// Another one is under way.
    pub(crate) fn refuse(told: MoveTold) {
        let why = "another move is under way".to_owned();
        let _ = told.send(Err(MoveError::NotMoved { why }));
    }
}

impl Driver {
    /// A move that our application wants: `command` is it.
    pub(crate) fn move_to(&mut self, to: SessionTarget, command: Command, told: MoveTold) {
        if self.led.is_some() || self.changing.is_some() {
            return Led::refuse(told);
        }
        let after_question =
            self.core.moving_to().is_some_and(|(open, phase)| phase == MovePhase::Asking && *open == to);
        self.led = Some(Led { after_question, ..Led::new(to, told) });
        self.step(Input::Command(command));
    }

    // req: MOV-12
    pub(crate) fn prepare_move(&mut self, to: &SessionTarget) {
        match to {
            SessionTarget::Url(url) => {
                let input = match url.parse::<WsUrl>() {
                    Ok(_) => Input::MovePrepared { commits: Vec::new(), sightings: Vec::new(), seed: seed() },
                    Err(error) => {
                        Input::MoveNotPrepared { what: format!("{url:?} is no URL of a session: {error}") }
                    }
                };
                self.step(input);
            }
            SessionTarget::Group(_) => self.open_group(),
            _ => self.step(Input::MoveNotPrepared { what: "this station knows no such place".to_owned() }),
        }
    }

    fn open_group(&mut self) {
        let fresh = match self.look_for_stations() {
            Ok(fresh) => fresh,
            Err(error) => {
                let what = format!("cannot look for other stations: {error}");
                return self.step(Input::MoveNotPrepared { what });
            }
        };
        let listen =
            (!self.ways.listens).then(|| (Arc::clone(&self.ways.tcp), ways::anywhere(self.ways.listen)));
        let (store, done) = (Arc::clone(&self.store), self.done.clone());
        tokio::spawn(async move {
            let opened = async {
                let listener = match listen {
                    Some((tcp, at)) => {
                        Some(tcp.listen(at).await.map_err(|error| format!("cannot listen: {error}"))?)
                    }
                    None => None,
                };
                let listed = tokio::task::spawn_blocking(move || Stored::offered(store.as_ref())).await;
                let stored = listed
                    .unwrap_or_else(|_| Ok(Vec::new()))
                    .map_err(|error| format!("cannot read the store: {error}"))?;
                if fresh {
                    // Nobody has been seen yet, whoever is there.
                    tokio::time::sleep(LOOK).await;
                }
                Ok(Opened { listener, stored })
            };
            let opened = opened.await;
            // The driver is gone: nobody waits.
            let _ = done.send(Done::Opened(opened)).await;
        });
    }

    /// Begins to look for stations, if that is not done already; tells whether it begins now.
    fn look_for_stations(&mut self) -> Result<bool, DiscoveryError> {
        let Some(make) = self.ways.discovery.take() else { return Ok(false) };
        self.discovery = make()?;
        self.discovery_ended = false;
        Ok(true)
    }

    pub(crate) fn opened(&mut self, opened: Result<Opened, String>) {
        let Opened { listener, stored } = match opened {
            Ok(opened) => opened,
            Err(what) => return self.step(Input::MoveNotPrepared { what }),
        };
        if let Some(listener) = listener {
            let address = listener.local_addr();
            self.port = address.port();
            self.ways.listens = true;
            *self.ways.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
            tokio::spawn(accept(listener, self.done.clone()));
        }
        let Some((SessionTarget::Group(group), _)) = self.core.moving_to() else { return };
        let group = group.as_str().to_owned();
        let commits = self.of_group(&group, stored);
        // Those of a fixed list are in whichever group is ours; a station of a session does not know them.
        let fixed = self.core.session().is_some();
        let is_there = |shown: &&Shown| shown.is_in(&group) || (fixed && shown.is_of_any_group());
        let sightings = self.shown.values().filter(is_there);
        let sightings =
            sightings.map(|shown| shown.sighting(shown.is_in(&group).then_some(&*group))).collect();
        self.step(Input::MovePrepared { commits, sightings, seed: seed() });
    }

    /// Notes how a move goes, if this tells of one.
    // req: MOV-07
    pub(crate) fn note_move(&mut self, event: &Event) {
        match event {
            Event::MoveBegun { .. } => {
                self.held_back.get_or_insert_default();
            }
            Event::Moved { .. } => {
                let group = self.core.config().group.clone();
                group.as_str().clone_into(&mut self.group);
                self.keeping.has_moved();
            }
            _ => {}
        }
        self.led = self.led.take().and_then(|led| led.note(event));
        if matches!(event, Event::Moved { .. } | Event::NotMoved { .. }) && self.core.moving_to().is_none() {
            for (copied, told) in self.held_back.take().into_iter().flatten() {
                self.list(copied, told);
            }
        }
    }
}

/// What is committed while a move is under way: only its end tells to which place it belongs.
pub(crate) type HeldBack = Option<Vec<(Copied, Listing)>>;

/// The discovery of a station of which nothing else was said.
pub(crate) fn by_mdns() -> MakeDiscovery {
    Box::new(|| LanDiscovery::start(MdnsOptions::default()).map(|lan| Box::new(lan) as Box<dyn Discovery>))
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ways").field("listen", &self.listen).finish_non_exhaustive()
    }
}

pub(crate) fn seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 16] = random_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A discovery that has just begun has this long to show who is there: the first answers come at once, lost ones within a second.
const LOOK: Duration = Duration::from_secs(2);
