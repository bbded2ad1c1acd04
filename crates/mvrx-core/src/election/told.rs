//! What happens to our own station, as its election has to know it.

use mvrx_message::SessionTarget;

use super::ElectionInput;
use crate::Event;

impl ElectionInput {
    /// What an event of the station is to its election; `None`: nothing.
    ///
    /// Whoever runs an [`super::Election`] beside a [`crate::Core`] takes it of each event, in the order of the events.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Succession { host, stations } => {
                Some(Self::Joined { host: *host, succession: stations.clone() })
            }
            Event::SessionUnreachable { .. } | Event::SessionRefused { .. } => Some(Self::Lost),
            // One that follows a companion's proposal is told of the succession next.
            Event::Moved { errand: false, .. } => Some(Self::MovedAway),
            Event::Moved { errand: true, to: SessionTarget::Group(_), .. } => Some(Self::Back),
            // Whoever hosts there tells of its succession.
            _ => None,
        }
    }
}
