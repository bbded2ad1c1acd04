//! Events that wait for [`Discovery::next`](crate::Discovery::next), bounded; what did not fit is counted and told.

use std::collections::VecDeque;

use crate::{DiscoveryEvent, DiscoveryProblem};

#[derive(Debug)]
pub(crate) struct EventQueue {
    events: VecDeque<DiscoveryEvent>,
    limit: usize,
    lost: u64,
}

impl EventQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self { events: VecDeque::new(), limit, lost: 0 }
    }

    pub(crate) fn push(&mut self, event: DiscoveryEvent) {
        if self.events.len() < self.limit {
            self.events.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub(crate) fn problem(&mut self, problem: DiscoveryProblem) {
        self.push(DiscoveryEvent::Problem(problem));
    }

    /// The oldest event; once all are taken, how many were lost.
    pub(crate) fn pop(&mut self) -> Option<DiscoveryEvent> {
        self.events.pop_front().or_else(|| {
            let count = std::mem::take(&mut self.lost);
            (count > 0).then_some(DiscoveryEvent::Problem(DiscoveryProblem::EventsLost { count }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_does_not_fit_and_tells_it_after_the_rest() {
        let mut queue = EventQueue::new(2);
        for count in 1..=5 {
            queue.problem(DiscoveryProblem::EventsLost { count });
        }
        let told = std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>();
        let expected = [1, 2, 3].map(|count| DiscoveryEvent::Problem(DiscoveryProblem::EventsLost { count }));
        assert_eq!(told, expected, "two that fitted, then the three that did not");
    }
}
