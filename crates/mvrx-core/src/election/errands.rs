//! What happens to our own station, as its election has to know it.

use std::collections::VecDeque;

use mvrx_message::SessionTarget;

use super::ElectionInput;
use crate::Event;

/// Where the election sent its own station lately, and with that what the station's events mean.
///
/// Whoever runs an [`super::Election`] beside a [`crate::Core`] tells each errand before it is ordered, and takes the meaning of each event
/// in the order of the events. Bounded: the latest eight are remembered.
#[derive(Debug, Default)]
pub struct Errands {
    ours: VecDeque<SessionTarget>,
}

impl Errands {
    /// The election sends its station there.
    pub fn goes(&mut self, to: SessionTarget) {
        self.ours.push_front(to);
        self.ours.truncate(OURS);
    }

    /// What an event of the station is to its election; `None`: nothing.
    #[must_use]
    pub fn meaning(&self, event: &Event) -> Option<ElectionInput> {
        match event {
            Event::Succession { host, stations } => {
                Some(ElectionInput::Joined { host: *host, succession: stations.clone() })
            }
            Event::SessionUnreachable { .. } | Event::SessionRefused { .. } => Some(ElectionInput::Lost),
            // One that follows a companion's proposal is told of the succession next.
            Event::Moved { to, .. } if !self.ours.contains(to) => Some(ElectionInput::MovedAway),
            _ => None,
        }
    }
}

/// Moves of ours that are told from those of people.
const OURS: usize = 8;
