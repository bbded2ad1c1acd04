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
            Event::Succession { host, stations, group } => {
                let (succession, group) = (stations.clone(), group.clone());
                Some(Self::Joined { host: *host, succession, group })
            }
            Event::SessionUnreachable { .. } | Event::SessionRefused { .. } => Some(Self::Lost),
            Event::GroupChanged { from, to } if from != to => Some(Self::MovedTo(to.clone())),
            // From group to group: that was told just now.
            Event::Moved { from: SessionTarget::Group(_), to: SessionTarget::Group(_), .. } => None,
            Event::Moved { errand: false, to: SessionTarget::Group(group), .. } => {
                Some(Self::MovedTo(group.clone()))
            }
            // One that follows a companion's proposal is told of the succession next.
            Event::Moved { errand: false, .. } => Some(Self::MovedAway),
            Event::Moved { errand: true, to: SessionTarget::Group(_), .. } => Some(Self::Back),
            // Whoever hosts there tells of its succession.
            _ => None,
        }
    }
}
