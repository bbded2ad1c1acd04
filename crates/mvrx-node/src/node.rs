//! A running station and what it does by itself, as one stream of news.
//!
//! A [`Node`] has a [`Station`] and, where they are wished for, what works beside it: commits of others are collected, a folder is watched,
//! revisions are compared, a session is followed, proposals to move are answered, the group's host is elected, a bridge runs, Mixer's rooms
//! are served. All of it comes out of [`Node::next`], one after the other: whoever keeps a node reads on and on, and what is read is what can be shown, kept or given to
//! commands. Whoever wants something of the station says it to the station itself ([`Node::station`], which can be cloned and sent
//! elsewhere), and its effect comes out of the same stream.
//!
//! What begins last ends first: see [`Node::stop`]. A node that is dropped without it leaves its station running.

use std::future::{Future, pending};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use mvrx_bridge::StartBridgeError;
use mvrx_message::FileUuid;
use mvrx_station::{Event, Events, Heard, ProposalId, Station, Stopped};
use mvrx_store::HistoryRound;
use tokio::sync::mpsc;

use crate::bridge::Bridged;
use crate::collect::{Collect, Collected, Plan};
use crate::consent::Consent;
use crate::electing::{Beside, ElectError, Electing, Part};
use crate::exec::Told;
use crate::folder::Options;
use crate::following::Following;
use crate::history::Rounds;
use crate::place::Place;
use crate::retaining::Retaining;
use crate::revision::{Revision, Revisions};
use crate::rooms::{Rooms, RoomsNews};
use crate::watched::{WatchNews, Watched};
use crate::withdrawing::Withdrawing;

/// What happens at a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// The station tells it.
    Heard(Heard),
    /// What comes of fetching what is wished for.
    Collected(Collected),
    /// What comes of the watched folder.
    Watched(WatchNews),
    /// A revision of somebody else is here, and what it changed.
    Revision(Box<Revision>),
    /// The session's host is at another URL now, and the station goes there.
    SessionMoved {
        /// The URL.
        url: String,
    },
    /// What became of a command.
    Command(Told),
    /// What the store did with the history.
    History(HistoryRound),
    /// What becomes of the election of the group's host, and of the bridge beside it.
    Electing(Beside),
    /// What the bridge tells that was begun with [`Node::bridge`].
    Bridge(mvrx_bridge::News),
    /// What becomes of Mixer's rooms by themselves.
    Rooms(RoomsNews),
}

/// What there is to say of a node that has ended.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct End {
    /// How Mixer's rooms stood, where they were served until then.
    pub rooms: Option<mixer::Metrics>,
}

/// Why there is no more news.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The station has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Somebody proposes to move, and it cannot be written down where it is answered.
    #[error("cannot tell of a proposed move in {}: {error}", directory.display())]
    Proposal {
        /// The data directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A running station and what it does by itself.
#[derive(Debug)]
pub struct Node {
    station: Station,
    events: Events,
    data: PathBuf,
    collect: Collecting,
    watched: Option<Watched>,
    revisions: Option<Revisions>,
    following: Option<Following>,
    /// Where the session is now, until the station knows.
    moved: Option<String>,
    consent: Option<Consent>,
    /// What was answered to a proposal, until the station knows.
    answered: Option<(ProposalId, bool)>,
    commands: Option<mpsc::Receiver<Told>>,
    history: Option<Rounds>,
    electing: Option<Electing>,
    bridge: Option<Bridged>,
    rooms: Option<Rooms>,
    retaining: Retaining,
    _withdrawing: Withdrawing,
}

impl Node {
    /// A station that runs with this data directory, and does nothing by itself yet but withdraw what is withdrawn there.
    #[must_use]
    pub fn new(station: Station, events: Events, data: &Path) -> Self {
        let withdrawing = Withdrawing::begin(&station, data);
        Self {
            station,
            events,
            data: data.to_owned(),
            collect: Collecting::Not,
            watched: None,
            revisions: None,
            following: None,
            moved: None,
            consent: None,
            answered: None,
            commands: None,
            history: None,
            electing: None,
            bridge: None,
            rooms: None,
            retaining: Retaining::default(),
            _withdrawing: withdrawing,
        }
    }

    /// What becomes of commands is news as well.
    #[must_use]
    pub fn commands(self, told: Option<mpsc::Receiver<Told>>) -> Self {
        Self { commands: told, ..self }
    }

    /// What the store does with the history is news as well.
    #[must_use]
    pub fn history(self, rounds: Rounds) -> Self {
        Self { history: Some(rounds), ..self }
    }

    /// Goes where the session's host goes.
    #[must_use]
    pub fn follows(self, following: Option<Following>) -> Self {
        Self { following, ..self }
    }

    /// Mixer's rooms are served beside it, and end with it.
    #[must_use]
    pub fn rooms(self, rooms: Option<Rooms>) -> Self {
        Self { rooms, ..self }
    }

    /// Proposals to move can be answered through the data directory from now on.
    #[must_use]
    pub fn asks(self) -> Self {
        let consent = Some(Consent::new(&self.data));
        Self { consent, ..self }
    }

    /// Takes part in the election of the place's host.
    ///
    /// # Errors
    /// See [`ElectError`].
    pub fn elect(&mut self, part: Part, place: &Place) -> Result<(), ElectError> {
        self.electing = Some(Electing::begin(part, place, &self.station, &self.data)?);
        Ok(())
    }

    /// A bridge runs beside it, and ends with it. It may join a group and a session in which the station is none of.
    ///
    /// # Errors
    /// See [`StartBridgeError`].
    pub async fn bridge(&mut self, described: mvrx_bridge::Options) -> Result<(), StartBridgeError> {
        self.bridge = Some(Bridged::start(described).await?);
        Ok(())
    }

    /// Lets old commits go from now on: those that the limits do not keep whose [`Retaining::options`] the store has. What is to be saved in a
    /// folder stays until it is, so [`Node::collect`] follows before anything else is waited for.
    pub fn let_go(&mut self, retaining: Retaining) {
        self.retaining = retaining;
    }

    /// Fetches what others commit, by this plan, and puts it where it says.
    pub fn collect(&mut self, plan: Plan) {
        self.collect = Collecting::Due(Box::new(Collect::begin(plan, &self.data, self.retaining.unsaved())));
    }

    /// Commits what is saved into this folder.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn watch(&mut self, folder: &Path, options: Options) -> io::Result<()> {
        self.watched = Some(Watched::begin(folder, &self.data, &self.station, options)?);
        Ok(())
    }

    /// Tells what each revision of others changed.
    pub fn compare(&mut self) {
        self.revisions = Some(Revisions::new(self.station.store()));
    }

    /// The station.
    #[must_use]
    pub fn station(&self) -> &Station {
        &self.station
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What happens next. Cancel-safe: what was not given yet is given by the next call. What a node does by itself goes on only while
    /// somebody waits here; the station itself, its transfers and the election go on in any case.
    ///
    /// # Errors
    /// When there is nothing more to come: see [`NodeError`].
    pub async fn next(&mut self) -> Result<News, NodeError> {
        loop {
            if let Some(url) = &self.moved {
                self.station.session_at(url.as_str()).await?;
                self.moved = None;
            }
            if let Some((proposal, accepted)) = self.answered {
                if accepted {
                    self.station.accept_move(proposal).await?;
                } else {
                    self.station.refuse_move(proposal).await?;
                }
                self.answered = None;
            }
            if let Some(news) = self.collect.work(&self.station).await? {
                return Ok(News::Collected(news));
            }
            self.retaining.begin(&self.station);
            tokio::select! {
                heard = self.events.next() => return self.heard(heard.ok_or(Stopped)?),
                () = self.collect.wait() => {}
                url = wait_for(&mut self.following, Following::moved) => {
                    self.moved = Some(url.clone());
                    return Ok(News::SessionMoved { url });
                }
                answer = wait_for(&mut self.consent, Consent::answer) => self.answered = Some(answer),
                told = told(&mut self.commands) => return Ok(News::Command(told)),
                round = wait_for(&mut self.history, Rounds::next) => return Ok(News::History(round)),
                revision = wait_for(&mut self.revisions, Revisions::next) => {
                    return Ok(News::Revision(Box::new(revision)));
                }
                news = watched(&mut self.watched, &self.station) => return Ok(News::Watched(news?)),
                news = wait_for(&mut self.electing, Electing::next) => return Ok(News::Electing(news)),
                news = bridged(&mut self.bridge) => return Ok(News::Bridge(news)),
                news = wait_for(&mut self.rooms, Rooms::next) => return Ok(News::Rooms(news)),
            }
        }
    }

    /// An event of the station that has happened already; see [`Events::next_at_once`].
    ///
    /// # Errors
    /// As [`Node::next`].
    pub fn heard_at_once(&mut self) -> Result<Option<News>, NodeError> {
        let heard = self.events.next_at_once();
        heard.map(|heard| self.heard(heard)).transpose()
    }

    fn heard(&mut self, heard: Heard) -> Result<News, NodeError> {
        if let (Some(consent), Heard::Event(seen)) = (&mut self.consent, &heard) {
            let noted = consent.note(&seen.event);
            noted.map_err(|error| NodeError::Proposal { directory: self.data.clone(), error })?;
        }
        if let Some(following) = &mut self.following {
            following.heard(&heard);
        }
        if let Some(revisions) = &mut self.revisions {
            revisions.heard(&heard);
        }
        self.collect.heard(&heard);
        Ok(News::Heard(heard))
    }

    /// Ends in order: who is bridged leaves while the host is there, the station leaves, its host ends, and Mixer's rooms end when all of
    /// them are on the disk. Takes as long as [`Station::stop`] and the disk, and 20 s more at most.
    pub async fn stop(mut self) -> End {
        if let Some(bridge) = self.bridge {
            bridge.stop().await;
        }
        if let Some(electing) = &mut self.electing {
            electing.leave().await;
        }
        self.station.stop().await;
        if let Some(electing) = self.electing {
            electing.end().await;
        }
        match self.rooms {
            Some(rooms) => End { rooms: rooms.stop().await },
            None => End::default(),
        }
    }
}

/// A look at what is to be fetched, which is not lost when nobody waits for it for a while.
type Review = Pin<Box<dyn Future<Output = (Box<Collect>, Result<(), Stopped>)> + Send>>;

/// What is heard while it looks.
#[derive(Default)]
struct Meanwhile {
    /// It looks again.
    again: bool,
    taken_back: Vec<FileUuid>,
}

enum Collecting {
    /// Nothing is wished for.
    Not,
    /// It is time to look.
    Due(Box<Collect>),
    /// It looks; and what was heard meanwhile.
    Reviewing(Review, Meanwhile),
    /// What was begun is under way.
    Rests(Box<Collect>),
}

impl std::fmt::Debug for Collecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Not => f.write_str("Not"),
            Self::Due(collect) => f.debug_tuple("Due").field(collect).finish(),
            Self::Reviewing(..) => f.write_str("Reviewing"),
            Self::Rests(collect) => f.debug_tuple("Rests").field(collect).finish(),
        }
    }
}

impl Collecting {
    /// Looks, if it is time, and gives what is to be told. Cancel-safe.
    async fn work(&mut self, station: &Station) -> Result<Option<Collected>, Stopped> {
        if let Some(news) = self.collect().and_then(Collect::told) {
            return Ok(Some(news));
        }
        if let Self::Due(_) = self
            && let Self::Due(mut collect) = std::mem::replace(self, Self::Not)
        {
            let station = station.clone();
            *self = Self::Reviewing(
                Box::pin(async move {
                    let done = collect.review(&station).await;
                    (collect, done)
                }),
                Meanwhile::default(),
            );
        }
        if let Self::Reviewing(review, meanwhile) = self {
            let (mut collect, done) = review.as_mut().await;
            meanwhile.taken_back.drain(..).for_each(|file| collect.taken_back(file));
            let news = collect.told();
            *self = if meanwhile.again { Self::Due(collect) } else { Self::Rests(collect) };
            done?;
            return Ok(news);
        }
        Ok(None)
    }

    fn heard(&mut self, heard: &Heard) {
        if let Self::Reviewing(_, meanwhile) = self {
            meanwhile.again = true;
            if let Heard::Event(seen) = heard
                && let Event::CommitWithdrawn { file, .. } = &seen.event
            {
                meanwhile.taken_back.push(*file);
            }
        } else if self.collect().is_some_and(|collect| collect.heard(heard)) {
            self.look();
        }
    }

    /// Waits until it is time to look again. Cancel-safe.
    async fn wait(&mut self) {
        let Some(collect) = self.collect() else { return pending().await };
        collect.wait().await;
        collect.take_ended();
        self.look();
    }

    fn look(&mut self) {
        *self = match std::mem::replace(self, Self::Not) {
            Self::Rests(collect) => Self::Due(collect),
            other => other,
        };
    }

    fn collect(&mut self) -> Option<&mut Collect> {
        match self {
            Self::Due(collect) | Self::Rests(collect) => Some(collect),
            Self::Not | Self::Reviewing(..) => None,
        }
    }
}

/// What comes of a part; waits for ever where there is none.
async fn wait_for<P, T>(part: &mut Option<P>, next: impl AsyncFnOnce(&mut P) -> T) -> T {
    match part {
        Some(part) => next(part).await,
        None => pending().await,
    }
}

/// What a bridge tells; waits for ever where it has ended or there is none.
async fn bridged(bridge: &mut Option<Bridged>) -> mvrx_bridge::News {
    match bridge {
        Some(running) => match running.next().await {
            Some(news) => news,
            None => pending().await,
        },
        None => pending().await,
    }
}

async fn watched(watched: &mut Option<Watched>, station: &Station) -> Result<WatchNews, Stopped> {
    match watched {
        Some(watched) => watched.next(station).await,
        None => pending().await,
    }
}

async fn told(commands: &mut Option<mpsc::Receiver<Told>>) -> Told {
    match commands {
        Some(commands) => match commands.recv().await {
            Some(told) => told,
            None => pending().await,
        },
        None => pending().await,
    }
}
