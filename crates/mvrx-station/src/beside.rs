//! The host that runs beside a station that was elected ([`crate::Election`]), as far as people have to do with it: whoever proposes to move its session asks
//! the station's operator, since nobody else sees the host, and asks once. Who says yes for the host says it for the station.
//!
//! What the host proposes is told among the station's own events, under a number of the station; the answer goes back to the host. The station has
//! heard of a yes before the host asks it, so it follows that one move without a question of its own (`Command::AgreeToMove`).
//! What else the host tells stays where it is: the station is one of its session and sees what becomes of it.

use std::time::SystemTime;

use mvrx_core::{Command, Event, Input, ProposalId};
use mvrx_message::SessionTarget;

use crate::Station;
use crate::driver::Driver;
use crate::events::{Seen, Told};

/// What a host tells the station beside which it runs.
#[derive(Debug)]
pub(crate) struct HostTells {
    pub(crate) host: Station,
    pub(crate) event: Event,
}

/// What the host's operator is asked; one question at a time, as at the host.
#[derive(Debug, Default)]
pub(crate) struct AskedByHost {
    open: Option<Open>,
    count: u64,
}

#[derive(Debug)]
struct Open {
    ours: ProposalId,
    theirs: ProposalId,
    to: SessionTarget,
    host: Station,
}

impl Driver {
    // req: ELE-11
    pub(crate) fn host_tells(&mut self, HostTells { host, event }: HostTells) {
        let asked = &mut self.asked_by_host;
        match event {
            Event::MoveProposed { proposal: theirs, station, address, to, within } => {
                asked.count += 1;
                let proposal = ProposalId(FIRST + asked.count);
                asked.open = Some(Open { ours: proposal, theirs, to: to.clone(), host });
                self.tell(Event::MoveProposed { proposal, station, address, to, within });
            }
            Event::MoveDeclined { .. } => self.tell(event),
            // Nobody answered in time, or its session has ended.
            Event::NotMoved { .. } if asked.open.take().is_some() => self.tell(event),
            _ => {}
        }
    }

    /// Gives the host the answer that is for it; what is the station's comes back.
    pub(crate) fn answer_host(&mut self, command: Command) -> Option<Command> {
        let (id, accepted) = match &command {
            Command::AcceptMove(id) => (*id, true),
            Command::RefuseMove(id) => (*id, false),
            _ => return Some(command),
        };
        let Some(Open { theirs, to, host, .. }) = self.asked_by_host.open.take_if(|open| open.ours == id)
        else {
            return Some(command);
        };
        if accepted {
            self.step(Input::Command(Command::AgreeToMove(to)));
        } else {
            let why = "the operator does not want to move".to_owned();
            self.tell(Event::NotMoved { to, why, errand: false });
        }
        tokio::spawn(async move {
            // A host that has ended asks nobody any more.
            let _ = if accepted { host.accept_move(theirs).await } else { host.refuse_move(theirs).await };
        });
        None
    }

    /// Tells the application, and nobody else: no move of the station has come to anything.
    fn tell(&self, event: Event) {
        // Nobody listens: fine.
        let _ = self.events.send(Told::Seen(Seen { at: SystemTime::now(), event }));
    }
}

/// The station counts its own proposals from 1 on.
const FIRST: u64 = 1 << 40;
