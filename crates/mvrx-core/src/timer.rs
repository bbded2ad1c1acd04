//! Every timer of the core in one enum, the table of how long each runs, and the agenda that says which is next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mvrx_message::StationUuid;

use crate::{ConnId, PlaceId};

/// Something that is waited for no longer than a [`Timers`] entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// An outgoing exchange waits: for the connection, for the reply, for a reply that comes on another connection.
    Exchange(ConnId),
    /// A station is to be tried again after a failed exchange.
    RetryStation(StationUuid),
    /// A place without a known StationUUID is to be tried again.
    RetryPlace(PlaceId),
    /// An incoming connection is to say something.
    Inbound(ConnId),
    /// A station that discovery does not show is to be heard of.
    Unseen(StationUuid),
    /// A station whose LEAVE came before it was seen is one like any other, should it still be shown.
    Farewell(StationUuid),
    /// A holder of a requested file is to be sighted.
    Holder(crate::RequestId),
    /// Our list of commits is to be refreshed by another JOIN to everybody.
    Refresh,
    /// Our leaving the group ends now, answered or not.
    Departure,
    /// Our change of group is decided now, whoever has answered.
    Change,
    /// The move under way goes on or ends, whoever has answered.
    Move,
    /// The connection to our session's host waits: to be made, for the reply to JOIN or LEAVE, for the next try.
    Host,
    /// The second connection to it waits.
    HostFiles,
    /// The host is to answer our REQUEST.
    HostAnswer,
    /// What we missed is told now, whoever has still to list something.
    Missed,
}

/// How long each thing may take. All times are from the moment the wait begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// One address may take this long to accept a connection.
    pub dial: Duration,
    /// The reply to JOIN, LEAVE or COMMIT.
    pub reply: Duration,
    /// The first byte of the answer to REQUEST; an application may have to export first.
    pub request_reply: Duration,
    /// A reply on a new connection, after the asking one was closed empty (one product does that).
    pub reply_elsewhere: Duration,
    /// Pauses before the next try after the first, second, … failed exchange with a station; the last one repeats.
    pub retry: Vec<Duration>,
    /// An incoming connection that has not said anything yet.
    pub first_message: Duration,
    /// An incoming connection between two messages (one product keeps it open).
    pub idle: Duration,
    /// A JOIN of a station already joined is answered by a JOIN of ours only if ours is older than this.
    pub join_back: Duration,
    /// A station that joined us and that discovery does not show is forgotten after this long without a word.
    pub unseen: Duration,
    /// The LEAVE of a station that is not known holds this long for its being seen: as long as mDNS believes an address of one that
    /// went without a word.
    pub farewell: Duration,
    /// A station that lists a requested file may take this long to be sighted, so that it can be asked.
    pub holder: Duration,
    /// JOIN again to every station this often; `None`: only when asked.
    pub refresh: Option<Duration>,
    /// LEAVE to everybody ends after this, answered or not.
    pub departure: Duration,
    /// A change of group is decided after this, whoever has answered our JOIN.
    pub change: Duration,
    /// While nobody is seen in the group that a change leads to, it counts as empty after this and not before: discovery
    /// may not have shown yet who is there. At most [`change`](Self::change) counts.
    pub look_around: Duration,
    /// Who follows a proposal into a group sees somebody there within this time, or the group is not reachable: whoever leads stands there
    /// already. Time for a question and its answer to be lost and sent again; at most [`change`](Self::change) and
    /// [`arrival`](Self::arrival) count.
    pub somebody_there: Duration,
    /// Our application may take this long to say whether a proposed move is followed.
    pub consent: Duration,
    /// A move's new place is joined within this time, or the move is not made.
    pub arrival: Duration,
    /// The driver may take this long to keep a place for the next start.
    pub keep_place: Duration,
    /// Stations that we asked to move may take this long to answer: longer than `consent`, `arrival` and `keep_place` together.
    pub move_answers: Duration,
    /// The same for the host that asks the stations of its session: longer than its own consent and their answers together.
    pub host_move: Duration,
    /// A COMMIT that a station did not take is tried this many times in all.
    pub commit_tries: u32,
    /// The host of our session may take this long to accept a connection, the look-up of its name and the handshake included.
    pub host_dial: Duration,
    /// The first byte of the host's answer to REQUEST: it may have to wait for its turn with a station, and to ask several.
    pub host_answer: Duration,
    /// A request waits this long for the connection to the host to come back.
    pub rejoin: Duration,
    /// What we missed is told in order once everybody who is there has listed what he has, or after this. For so long, too, no number is
    /// given to commits of other products once we are in a group: stations of ours may know it.
    pub first_round: Duration,
    /// After so long in a session the pauses between tries begin anew; where a file began to come or to go in it, however short it was.
    pub settled: Duration,
    /// A station that discovery no longer sees is given up after this many failed exchanges.
    pub lost_after: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(3),
            reply: Duration::from_secs(10),
            request_reply: Duration::from_secs(60),
            reply_elsewhere: Duration::from_secs(5),
            retry: [1, 3, 5, 10, 30].map(Duration::from_secs).to_vec(),
            first_message: Duration::from_secs(15),
            idle: Duration::from_secs(300),
            join_back: Duration::from_secs(10),
            unseen: Duration::from_secs(600),
            farewell: Duration::from_secs(120),
            holder: Duration::from_secs(10),
            refresh: None,
            departure: Duration::from_secs(2),
            change: Duration::from_secs(10),
            look_around: Duration::from_secs(1),
            somebody_there: Duration::from_secs(5),
            consent: Duration::from_secs(60),
            arrival: Duration::from_secs(40),
            keep_place: Duration::from_secs(10),
            move_answers: Duration::from_secs(120),
            host_move: Duration::from_secs(200),
            commit_tries: 4,
            host_dial: Duration::from_secs(20),
            host_answer: Duration::from_secs(900),
            rejoin: Duration::from_secs(60),
            first_round: Duration::from_secs(1),
            settled: Duration::from_secs(30),
            lost_after: 2,
        }
    }
}

impl Timers {
    /// The pause before the try that follows `failures` failed ones.
    #[must_use]
    pub fn retry_after(&self, failures: u32) -> Duration {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        self.retry.get(index).or(self.retry.last()).copied().unwrap_or(Duration::from_secs(1))
    }
}

/// Which timer rings next. Setting a timer that runs moves it.
#[derive(Debug)]
pub(crate) struct Agenda<T = Timer> {
    by_time: BTreeSet<(Duration, T)>,
    running: BTreeMap<T, Duration>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), running: BTreeMap::new() }
    }
}

impl<T: Copy + Ord> Agenda<T> {
    pub(crate) fn set(&mut self, timer: T, at: Duration) {
        self.clear(timer);
        self.running.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    pub(crate) fn clear(&mut self, timer: T) {
        if let Some(at) = self.running.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<T> {
        let (at, timer) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    pub(crate) fn timers(&self) -> impl Iterator<Item = T> + '_ {
        self.running.keys().copied()
    }
}
