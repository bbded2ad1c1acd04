//! Which of the cores of a move an input is for, and what becomes of what they want.

use std::time::Duration;

use mvrx_message::{FileUuid, Message};

use super::ride::CONNECTIONS_BITS;
use super::{MovePhase, Ride};
use crate::{ConnId, Core, Event, Input, Output, Presence, Timer};

/// Whose an input is.
enum Whose {
    Here,
    There,
    Parting,
    Nobody,
}

impl Core {
    /// Gives an input to the core of the other place that it is for; `Some`: it is for this one.
    pub(crate) fn route(&mut self, input: Input) -> Option<Input> {
        // In a session nobody of a group is answered, however it was begun.
        let alone = self.moving.ride.is_none() && self.moving.parting.is_none() && self.moving.cores == 0;
        if alone && !self.in_session() {
            return Some(input);
        }
        match self.whose(&input) {
            Whose::Here => Some(input),
            // The host into whose session an election sent us asks us to go elsewhere, as a person wants.
            Whose::There if proposes(&input) && self.errand_makes_room() => Some(input),
            Whose::There => {
                self.step_there(input);
                None
            }
            Whose::Parting => {
                self.step_parting(input);
                None
            }
            Whose::Nobody => {
                self.turn_away(&input);
                None
            }
        }
    }

    fn whose(&self, input: &Input) -> Whose {
        match input {
            Input::Accepted { .. } | Input::Sighted(_) | Input::Vanished { .. } => {
                if !self.in_session() {
                    Whose::Here
                } else if self.there().is_some_and(|there| !there.in_session()) {
                    Whose::There
                } else {
                    Whose::Nobody
                }
            }
            Input::Dialed { conn }
            | Input::DialFailed { conn }
            | Input::HostReached { conn, .. }
            | Input::HostUnreachable { conn, .. }
            | Input::HostLost { conn, .. }
            | Input::Received { conn, .. }
            | Input::Malformed { conn, .. }
            | Input::FileBegins { conn, .. }
            | Input::FileSent { conn, .. }
            | Input::FileFailed { conn, .. }
            | Input::FileUnreadable { conn, .. }
            | Input::Exported { conn, .. }
            | Input::Closed { conn, .. } => self.whose_conn(*conn),
            _ => Whose::Here,
        }
    }

    fn whose_conn(&self, conn: ConnId) -> Whose {
        let has = |core: Option<&Self>| {
            core.is_some_and(|core| match conn {
                ConnId::Dialed(number) => number >> CONNECTIONS_BITS == core.next_dial >> CONNECTIONS_BITS,
                ConnId::Accepted(_) => core.inbound.contains_key(&conn),
            })
        };
        if has(self.there()) {
            Whose::There
        } else if has(self.moving.parting.as_deref()) {
            Whose::Parting
        } else if has(Some(self)) || matches!(conn, ConnId::Accepted(_)) {
            Whose::Here
        } else {
            Whose::Nobody
        }
    }

    /// The core to which discovery matters.
    pub(crate) fn core_in_a_group(&self) -> &Self {
        self.there().filter(|there| self.in_session() && !there.in_session()).unwrap_or(self)
    }

    pub(crate) fn there(&self) -> Option<&Self> {
        self.moving.ride.as_ref().and_then(|ride| ride.there.as_deref())
    }

    /// Nobody is there any more, or yet, for what comes.
    fn turn_away(&mut self, input: &Input) {
        if let Input::Accepted { conn, .. } | Input::Dialed { conn } | Input::HostReached { conn, .. } = input
        {
            self.out.push_back(Output::Close { conn: *conn });
        }
    }

    /// Lets the core of the new place take a step.
    pub(super) fn step_there(&mut self, input: Input) {
        let now = self.now;
        let Some(Ride { there: Some(there), .. }) = self.moving.ride.as_mut() else { return };
        there.step(now, input);
        self.take_outputs_of_there();
        self.spare_who_is_met_again();
    }

    pub(super) fn take_outputs_of_there(&mut self) {
        let joining = self.moving.phase == MovePhase::Joining;
        let Some(ride) = self.moving.ride.as_mut() else { return };
        let Some(there) = ride.there.as_mut() else { return };
        for output in std::mem::take(&mut there.out) {
            match output {
                Output::Event(Event::SessionUnreachable { why, .. }) if joining => {
                    ride.turned_away = Some(why);
                }
                Output::Event(Event::SessionRefused { message, .. }) if joining => {
                    ride.turned_away = Some(if message.is_empty() {
                        "its host refused without a reason".to_owned()
                    } else {
                        format!("its host refused: {message}")
                    });
                }
                // What goes out goes out, wherever we are in the end.
                output @ Output::Event(
                    Event::Serving { .. } | Event::Served { .. } | Event::ServeFailed { .. },
                ) => self.out.push_back(output),
                // That we are there is told by one event of its own.
                Output::Event(Event::JoinedGroup | Event::CommitPublished { .. }) => {}
                Output::Event(event) if ride.news.len() < NEWS => ride.news.push(event),
                Output::Event(_) => {}
                other => self.out.push_back(other),
            }
        }
    }

    /// Lets the core of the old place take a step; forgets it when it has said all.
    pub(super) fn step_parting(&mut self, input: Input) {
        let Some(mut parting) = self.moving.parting.take() else { return };
        if let Input::Received { conn, parsed } = &input
            && let Message::Leave(leave) = &parsed.message
            && let Some(inbound) = parting.inbound.get(conn)
        {
            let from = inbound.peer.ip();
            // Should we come back, it is not taken for one that is still there.
            let group = leave.group.clone().or_else(|| parting.group_said_to(None));
            let until = self.now + self.config.timers.farewell;
            self.farewells.heard(leave.station, from, group, until);
            self.hears_leave_in_new_place(leave, &parting, inbound);
        }
        parting.step(self.now, input);
        if parting.presence == Presence::Absent {
            parting.close_idle();
        }
        self.take_outputs_of_parting(&mut parting);
        if parting.presence == Presence::Absent && self.moving.left_waits {
            parting.close_all();
            self.take_outputs_of_parting(&mut parting);
        }
        let over = parting.presence == Presence::Absent
            && parting.inbound.is_empty()
            && parting.exchanges.is_empty();
        if !over {
            self.moving.parting = Some(parting);
        } else if std::mem::take(&mut self.moving.left_waits) {
            self.event(Event::LeftGroup);
        }
    }

    /// We have left altogether: told when the place that we left before has been told, too.
    pub(crate) fn tell_left(&mut self) {
        if self.moving.parting.is_none() {
            return self.event(Event::LeftGroup);
        }
        self.moving.left_waits = true;
        self.step_parting(Input::Tick);
    }

    /// We are in a place again: that we left is no longer to be told.
    pub(crate) fn is_back(&mut self) {
        self.moving.left_waits = false;
    }

    /// Of the old place only what was begun there is still told.
    pub(super) fn take_outputs_of_parting(&mut self, parting: &mut Self) {
        for output in std::mem::take(&mut parting.out) {
            let told = match &output {
                Output::Event(event) => matches!(
                    event,
                    Event::RequestFailed { .. }
                        | Event::RequestDone { .. }
                        | Event::Serving { .. }
                        | Event::Served { .. }
                        | Event::ServeFailed { .. }
                ),
                _ => true,
            };
            if told {
                self.out.push_back(output);
            }
        }
    }

    /// Closes the connections of others on which nothing goes out.
    fn close_idle(&mut self) {
        let idle: Vec<ConnId> = self
            .inbound
            .iter()
            .filter(|(_, i)| i.sending.is_none() && !i.exporting)
            .map(|(conn, _)| *conn)
            .collect();
        idle.into_iter().for_each(|conn| self.close_inbound(conn));
    }

    /// Closes everything, whatever is under way.
    pub(super) fn close_all(&mut self) {
        let sending = self.inbound.iter().filter(|(_, inbound)| inbound.sending.is_some());
        let sending: Vec<ConnId> = sending.map(|(conn, _)| *conn).collect();
        for conn in sending {
            self.out.push_back(Output::Close { conn });
            self.serve_failed(conn, "this station has moved on once more".to_owned());
        }
        let conns = self.inbound.keys().chain(self.exchanges.keys()).copied();
        let close: Vec<Output> = conns.map(|conn| Output::Close { conn }).collect();
        self.out.extend(close);
        self.inbound.clear();
        self.exchanges.clear();
    }

    /// What the other cores wait for, and what follows from what they have; called at the end of each step.
    pub(crate) fn run_moves(&mut self) {
        let now = self.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if due(self.there().and_then(Self::deadline)) {
            self.step_there(Input::Tick);
        }
        if due(self.moving.parting.as_deref().and_then(Self::deadline)) {
            self.step_parting(Input::Tick);
        }
        self.run_asking();
        self.run_arrival();
        self.run_gathering();
        if !self.in_session() {
            // What a change of group left to be said.
            self.run_lanes();
        }
    }

    /// When another core wants to be woken.
    pub(crate) fn deadline_elsewhere(&self) -> Option<Duration> {
        let there = self.there().and_then(Self::deadline);
        there.into_iter().chain(self.moving.parting.as_deref().and_then(Self::deadline)).min()
    }

    /// The timers of the other cores.
    pub(crate) fn timers_elsewhere(&self) -> impl Iterator<Item = Timer> + '_ {
        let others = self.there().into_iter().chain(self.moving.parting.as_deref());
        others.flat_map(|core| core.agenda.timers())
    }

    /// Whether a file may be needed in another place than ours: while we are on our way, all that we have is.
    pub(crate) fn is_between_places(&self, file: FileUuid) -> bool {
        self.moving.ride.is_some() || self.moving.parting.as_deref().is_some_and(|core| core.is_in_use(file))
    }

    /// A command that concerns the new place, too.
    pub(crate) fn tell_there(&mut self, command: &crate::Command) {
        if self.there().is_some() {
            self.step_there(Input::Command(command.clone()));
        }
    }

    pub(crate) fn connections_elsewhere(&self) -> (usize, usize) {
        let others = self.there().into_iter().chain(self.moving.parting.as_deref());
        others.fold((0, 0), |(out, inn), core| (out + core.exchanges.len(), inn + core.inbound.len()))
    }

    /// Whether a file on this connection of another core should leave room for messages.
    pub(crate) fn leaves_room_elsewhere(&self, conn: ConnId) -> bool {
        self.there().is_some_and(|core| core.leaves_room(conn))
            || self.moving.parting.as_deref().is_some_and(|core| core.leaves_room(conn))
    }
}

fn proposes(input: &Input) -> bool {
    matches!(input, Input::Received { parsed, .. } if matches!(parsed.message, Message::NewSessionHost(_)))
}

/// More that happens in the new place before we have moved is not told; the application reads what is there.
const NEWS: usize = 4_096;
