//! The reference model beside the system, and the checkers that run at every step.
//!
//! Stations tell it what they hear, are ordered to do and do; it keeps the few facts from which follows what must not be, and remembers
//! the first thing that is. Each fact is checked when it is told, so a check costs nothing where nothing happens.
//!
//! | checker | promises |
//! |---|---|
//! | `request-ends-once` | a request ends once, and only one that was made; at rest none is open |
//! | `serving-ends-once` | a file told to be on its way out is told once to be sent or not; at rest none is on its way |
//! | `bytes-are-the-source's` | what is kept, restored or sent is byte for byte what was committed under that FileUUID |
//! | `left-is-not-sent-to` | no JOIN or COMMIT to a station after its LEAVE, until its own JOIN, an operator's order, until it vanished and was seen again, or until we have left ourselves and come back; a LEAVE that says its group is of that group, seen in another one it has vanished from it, and who is announced in a group has come back to it |
//! | `audience-is-kept` | a commit for some is listed, announced, served and shown to them alone |
//! | `limit-is-kept` | no queue or table is above its limit |
//! | `everybody-knows-everybody`, `everybody-knows-every-commit` | at rest the stations of a group are members of each other and list every public commit |
//! | `nobody-else-is-a-member` | at rest nobody counts a station that left or is down |
//! | `nothing-is-waited-for` | at rest only long-term timers run |
//! | `exactly-one-place` | at rest a station is in one group or one session, announced there and nowhere else, and no host of another session has it |
//! | `order-is-one` | at rest any two of ours, hosts included, have the commits of ours that both know in the same order, and each after those that its maker knew of |
//! | `follows-to-somebody` | a station that was led into a group and says that it moved has heard, on the way, of somebody who is or was announced there, itself or by a bridge, or counts somebody who is |
//! | `own-commits-come-along` | at rest a station lists whatever it committed and has on its disk, wherever it is; not what it committed before or while its disk did not let it read or write of which group something is, or where it is |
//! | `withdrawn-leaves-every-list` | who took a commit back says so in no list any more; at rest nobody lists it who is where its author is |
//! | `let-go-is-not-offered` | what a station's store has let go it lists to nobody, until it has it again |
//! | `nobody-was-killed` | no quirky peer was killed by what it was sent |

mod given_up;
mod order;
mod tally;
mod view;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use lan_sim::{Bulk, Content, HostId};
use mvrx_core::RequestId;
use mvrx_message::{Commit, FileUuid, Message, StationUuid};

pub(crate) use tally::Tally;
pub(crate) use view::View;

/// The first thing that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which checker saw it.
    pub check: &'static str,
    /// What it saw.
    pub detail: String,
}

/// A commit as its author made it.
#[derive(Debug, Clone)]
struct Source {
    content: Content,
    author: StationUuid,
    audience: Vec<StationUuid>,
}

/// The reference model of one world.
#[derive(Debug, Default)]
pub struct Ledger {
    violation: Option<Violation>,
    sources: BTreeMap<FileUuid, Source>,
    /// Which commits those of our stations knew of when they made one.
    known: BTreeMap<FileUuid, BTreeSet<FileUuid>>,
    /// In which groups each was ever announced, by itself or by a bridge.
    ever_in: BTreeSet<(StationUuid, String)>,
    /// Commits that their authors have made known.
    published: BTreeSet<FileUuid>,
    /// FileUUIDs that stations gave to files that may come without one ("your current state"), and which station did.
    fresh: BTreeMap<FileUuid, StationUuid>,
    views: BTreeMap<HostId, View>,
    /// Every StationUUID that ever was, and where.
    homes: BTreeMap<StationUuid, HostId>,
    /// Who listens where at the moment, or did last.
    listens: BTreeMap<SocketAddr, StationUuid>,
    /// Every station that ever was at an address.
    at_ip: BTreeMap<IpAddr, BTreeSet<StationUuid>>,
    /// Hosts of sessions: what is for others passes through them.
    routers: BTreeSet<StationUuid>,
    /// Where hosts of sessions would be, if any are.
    routes_at: BTreeSet<SocketAddr>,
    /// Which stations told a session's host of a commit.
    told: BTreeMap<FileUuid, BTreeSet<StationUuid>>,
    /// In which groups each station is announced at the moment; of worlds with moves only.
    shown_in: BTreeMap<StationUuid, Vec<String>>,
    /// Which priority a machine's station has from its next start on, where it is not drawn.
    priorities: BTreeMap<HostId, u32>,
    given_up: given_up::GivenUp,
    /// Whoever starts is told to be in the first group, wherever it was moved before.
    pub(crate) brings_home: bool,
    /// What is counted for the report.
    pub(crate) tally: Tally,
}

/// The ledger as the nodes of a world share it.
pub(crate) type Shared = Rc<RefCell<Ledger>>;

impl Ledger {
    /// The first thing that should not be, if any.
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How much happened.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn violate(&mut self, check: &'static str, detail: fmt::Arguments<'_>) {
        if self.violation.is_none() {
            self.violation = Some(Violation { check, detail: detail.to_string() });
        }
    }

    /// A station starts, with nothing but what its disk has.
    pub(crate) fn starts(&mut self, host: HostId, station: StationUuid, addresses: &[SocketAddr]) {
        self.homes.insert(station, host);
        self.views.insert(host, View::new(station));
        for address in addresses {
            self.listens.insert(*address, station);
            self.at_ip.entry(address.ip()).or_default().insert(station);
        }
    }

    /// The host of a session starts on the machine of a station.
    pub(crate) fn starts_beside(&mut self, host: HostId, station: StationUuid, addresses: &[SocketAddr]) {
        self.homes.insert(station, host);
        for address in addresses {
            self.listens.insert(*address, station);
            self.at_ip.entry(address.ip()).or_default().insert(station);
        }
    }

    pub(crate) fn view(&mut self, host: HostId) -> Option<&mut View> {
        self.views.get_mut(&host)
    }

    /// The StationUUID of a host since its last start.
    pub(crate) fn station_at(&self, host: HostId) -> Option<StationUuid> {
        self.views.get(&host).map(|view| view.me)
    }

    /// Which host a StationUUID is, or was.
    pub fn home(&self, station: StationUuid) -> Option<HostId> {
        self.homes.get(&station).copied()
    }

    pub(crate) fn give_priority(&mut self, host: HostId, priority: u32) {
        self.priorities.insert(host, priority);
    }

    pub(crate) fn priority_of(&self, host: HostId) -> Option<u32> {
        self.priorities.get(&host).copied()
    }

    // ---- files

    pub(crate) fn committed(&mut self, commit: &Commit, author: StationUuid, content: Bulk) {
        self.tally.commits += 1;
        let audience = commit.for_stations.clone();
        self.sources.insert(commit.file, Source { content: content.into(), author, audience });
    }

    /// It is told to whoever is with it from now on.
    pub(crate) fn published(&mut self, file: FileUuid) {
        self.published.insert(file);
    }

    /// The machine's disk did not let its station read, or write, in which group what is: that it lists all of its own, under whichever name it
    /// runs or ran there, is not asked of it any more.
    pub(crate) fn loses_track(&mut self, host: HostId) {
        let Self { published, sources, homes, .. } = self;
        let author = |file: &FileUuid| sources.get(file).and_then(|source| homes.get(&source.author));
        published.retain(|file| author(file) != Some(&host));
        self.forgets_what_was_taken_back(host);
    }

    pub(crate) fn is_published(&self, file: FileUuid) -> bool {
        self.published.contains(&file)
    }

    pub(crate) fn committed_bytes(&mut self, file: FileUuid, author: StationUuid, content: Content) {
        self.tally.commits += 1;
        self.sources.insert(file, Source { content, author, audience: Vec::new() });
    }

    /// A file lies in a station's store, or is about to be sent.
    pub(crate) fn has_bytes(&mut self, host: HostId, what: &str, file: FileUuid, content: &Content) {
        self.name_current_state(file, content);
        self.is_back(host, file);
        let Some(source) = self.sources.get(&file) else {
            return self.violate(BYTES, format_args!("{host} {what} {file}, which nobody committed"));
        };
        if !source.content.same_as(content) {
            let at = source.content.first_difference(content);
            let (is, should) = (content.len(), source.content.len());
            self.violate(
                BYTES,
                format_args!(
                    "{host} {what} {file}: {is} bytes instead of {should}, different from {at:?} on"
                ),
            );
        }
    }

    pub(crate) fn may_come(&mut self, fresh: FileUuid, at: StationUuid) {
        self.fresh.insert(fresh, at);
    }

    /// A file that came without a FileUUID is some commit's file under another name, for the asker alone.
    fn name_current_state(&mut self, file: FileUuid, content: &Content) {
        let Some(asker) = self.fresh.get(&file).copied().filter(|_| !self.sources.contains_key(&file)) else {
            return;
        };
        let same = self.sources.values().find(|source| source.content.same_as(content)).cloned();
        if let Some(same) = same {
            self.sources.insert(file, Source { audience: vec![asker], ..same });
        }
    }

    /// Who gave a file without a FileUUID knows of it, too.
    pub(crate) fn came_from(&mut self, file: FileUuid, giver: Option<StationUuid>) {
        if let (true, Some(giver), Some(source)) =
            (self.fresh.contains_key(&file), giver, self.sources.get_mut(&file))
        {
            source.author = giver;
        }
    }

    fn is_for(&self, file: FileUuid, station: StationUuid) -> bool {
        self.sources.get(&file).is_none_or(|source| {
            source.audience.is_empty() || source.author == station || source.audience.contains(&station)
        })
    }

    /// Who made a commit.
    pub(crate) fn author(&self, file: FileUuid) -> Option<StationUuid> {
        self.sources.get(&file).map(|source| source.author)
    }

    /// Every commit for everybody.
    pub(crate) fn is_public(&self, file: FileUuid) -> bool {
        self.sources.get(&file).is_some_and(|source| source.audience.is_empty())
    }

    // ---- requests

    pub(crate) fn requested(&mut self, host: HostId, request: RequestId) {
        self.tally.requests += 1;
        if let Some(view) = self.view(host) {
            view.open.insert(request);
            view.made.insert(request);
        }
    }

    pub(crate) fn request_ended(&mut self, host: HostId, request: RequestId) {
        let Some(view) = self.view(host) else { return };
        if !view.open.remove(&request) {
            let why = if view.made.contains(&request) { "ended already" } else { "was never made" };
            self.violate(ENDS_ONCE, format_args!("{host}: request {} {why}", request.0));
        }
    }

    /// The world is at rest.
    pub(crate) fn nothing_is_open(&mut self, host: HostId) {
        if let Some(request) = self.view(host).and_then(|view| view.open.first().copied()) {
            self.violate(ENDS_ONCE, format_args!("{host}: request {} never ends", request.0));
        }
        if let Some(serving) = self.view(host).map(|view| view.serving).filter(|serving| *serving > 0) {
            self.violate(
                SERVING_ENDS_ONCE,
                format_args!("{host}: how {serving} files went out is never told"),
            );
        }
    }

    pub(crate) fn serves(&mut self, host: HostId) {
        if let Some(view) = self.view(host) {
            view.serving += 1;
        }
    }

    pub(crate) fn served(&mut self, host: HostId) {
        let Some(view) = self.view(host) else { return };
        match view.serving.checked_sub(1) {
            Some(left) => view.serving = left,
            None => self.violate(SERVING_ENDS_ONCE, format_args!("{host} served what it never began")),
        }
    }

    // ---- whom what is said to

    /// A station is announced in these groups from now on, and in no other.
    pub(crate) fn is_shown_in(&mut self, station: StationUuid, groups: &[&str]) {
        self.ever_in.extend(groups.iter().map(|group| (station, (*group).to_owned())));
        self.shown_in.insert(station, groups.iter().map(|group| (*group).to_owned()).collect());
    }

    /// A bridge announces a station there: itself, or one that it stands in for, which may be elsewhere.
    pub(crate) fn is_stood_in_for(&mut self, station: StationUuid, group: &str) {
        self.ever_in.insert((station, group.to_owned()));
    }

    /// Whether it was announced there at any time, by itself or by a bridge: what it said may arrive after it has gone.
    pub(crate) fn was_ever_in(&self, station: StationUuid, group: &str) -> bool {
        self.ever_in.contains(&(station, group.to_owned()))
    }

    /// Whether it is announced in one of these.
    pub(crate) fn is_announced_in(&self, station: StationUuid, groups: &[&str]) -> bool {
        self.shown_in.get(&station).into_iter().flatten().any(|shown| groups.contains(&shown.as_str()))
    }

    /// `host` sends JOIN or COMMIT to whoever listens at `to`, for the group that it says, or as one of these. A LEAVE is of one group: who is
    /// announced in it has left another, or has come back to this one.
    pub(crate) fn speaks_to(
        &mut self,
        host: HostId,
        groups: &[&str],
        said: Option<&str>,
        to: SocketAddr,
        kind: &str,
    ) {
        let Some(listener) = self.listens.get(&to).copied() else { return };
        let announced = match &said {
            Some(said) => self.is_announced_in(listener, std::slice::from_ref(said)),
            None => self.is_announced_in(listener, groups),
        };
        if announced {
            return;
        }
        let Some(view) = self.view(host) else { return };
        if view.has_left(listener, said, groups) && !view.may_mean_another(to, listener) {
            let home = self.home(listener);
            self.violate(LEFT, format_args!("{host} sends {kind} to {listener} ({home:?}), which left"));
        }
    }

    /// `host` tells of a commit, or gives its file, to whoever is at `to`.
    pub(crate) fn tells(&mut self, host: HostId, to: SocketAddr, what: &str, file: FileUuid) {
        if self.is_public(file) {
            return;
        }
        let ip = to.ip();
        let mut there = self.at_ip.get(&ip).into_iter().flatten();
        let mut may = there.any(|station| self.is_for(file, *station) || self.routers.contains(station));
        may |= self.routes_at.contains(&to);
        if !may {
            self.violate(AUDIENCE, format_args!("{host} {what} {file} to {to}, whom it is not for"));
        }
    }

    /// Whoever listens there is the host of a session.
    pub(crate) fn routes_at(&mut self, at: SocketAddr) {
        self.routes_at.insert(at);
    }

    /// A station is the host of a session, and is told of what it only passes on.
    pub(crate) fn routes(&mut self, station: StationUuid) {
        self.routers.insert(station);
    }

    /// A station told a session's host of a commit.
    pub(crate) fn told_by(&mut self, file: FileUuid, station: Option<StationUuid>) {
        self.told.entry(file).or_default().extend(station);
    }

    /// Whether a commit came from `to`, or was made by it.
    pub(crate) fn is_echo(&self, file: FileUuid, to: StationUuid) -> bool {
        self.sources.get(&file).is_some_and(|source| source.author == to)
            || self.told.get(&file).is_some_and(|told| told.contains(&to))
    }

    /// The host of a session tells a station of a commit.
    pub(crate) fn tells_station(&mut self, host: HostId, to: StationUuid, file: FileUuid) {
        if !self.is_for(file, to) {
            self.violate(AUDIENCE, format_args!("{host} tells {to} of {file}, which is not for it"));
        }
    }

    /// `me`, of `host`, is told this, where there are bridges: of each commit under the author that made it, and of none of its own as of
    /// something new.
    pub(crate) fn hears_of(&mut self, host: HostId, me: StationUuid, message: &Message) {
        let (commits, is_new): (&[Commit], _) = match message {
            Message::Join(join) => (&join.commits, false),
            Message::JoinRet(ret) => (&ret.commits, false),
            Message::Commit(commit) => (std::slice::from_ref(commit), true),
            _ => return,
        };
        for commit in commits {
            let (file, author) = (commit.file, self.author(commit.file));
            if commit.station.is_some() && author.is_some() && commit.station != author {
                let told = commit.station;
                self.violate(NO_ECHO, format_args!("{host} is told of {file} by {author:?} as by {told:?}"));
            }
            if is_new && author == Some(me) {
                self.violate(NO_ECHO, format_args!("{host} is told of {file}, which it committed"));
            }
        }
    }

    /// `me`, of `host`, shows a commit of somebody else to its application.
    pub(crate) fn sees(&mut self, host: HostId, me: StationUuid, file: FileUuid) {
        if !self.sources.contains_key(&file) {
            return self.violate(BYTES, format_args!("{host} lists {file}, which nobody committed"));
        }
        if !self.is_for(file, me) {
            self.violate(AUDIENCE, format_args!("{host} lists {file}, which is not for it"));
        }
    }
}

/// Each request ends once.
pub(crate) const ENDS_ONCE: &str = "request-ends-once";
/// Each file that goes out is told to be out, or not.
pub(crate) const SERVING_ENDS_ONCE: &str = "serving-ends-once";
/// Files are what their author committed.
pub(crate) const BYTES: &str = "bytes-are-the-source's";
/// Who left is left alone.
pub(crate) const LEFT: &str = "left-is-not-sent-to";
/// Commits for some stay among them.
pub(crate) const AUDIENCE: &str = "audience-is-kept";
/// A session's host sends nobody what came from there.
pub(crate) const ECHO: &str = "host-never-echoes";
/// What somebody committed does not come back to it, and is nobody else's.
const NO_ECHO: &str = "no-echo";
/// A session's host reads a file once.
pub(crate) const ONE_READ: &str = "one-owner-read";
/// Who follows finds somebody.
pub(crate) const FOLLOWS: &str = "follows-to-somebody";
/// Who moves brings its files.
pub(crate) const ALONG: &str = "own-commits-come-along";
/// Limits hold.
pub(crate) const LIMIT: &str = "limit-is-kept";
/// What was taken back is listed no more.
pub(crate) const TAKEN_BACK: &str = "withdrawn-leaves-every-list";
/// What is gone is not promised.
const LET_GO: &str = "let-go-is-not-offered";
/// Nothing we send kills anybody.
pub(crate) const KILLED: &str = "nobody-was-killed";
