//! The queue of what is going to happen: by time, and among equal times in the order it was put in.
//!
//! The order is total and has nothing random in it, so that what happens at one moment happens in one order,
//! whatever the seed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Entries by time, then by order of arrival.
#[derive(Debug)]
pub(crate) struct Queue<A> {
    heap: BinaryHeap<Entry<A>>,
    pushed: u64,
}

#[derive(Debug)]
struct Entry<A> {
    at: Time,
    order: u64,
    action: A,
}

impl<A> Queue<A> {
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), pushed: 0 }
    }

    pub(crate) fn push(&mut self, at: Time, action: A) {
        self.pushed += 1;
        self.heap.push(Entry { at, order: self.pushed, action });
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, A)> {
        self.heap.pop().map(|entry| (entry.at, entry.action))
    }

    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

// `BinaryHeap` gives its greatest entry first, so the order is turned round.
impl<A> Ord for Entry<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl<A> PartialOrd for Entry<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A> PartialEq for Entry<A> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<A> Eq for Entry<A> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_equal_times_in_the_order_they_came() {
        let mut queue = Queue::new();
        for (at, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b")] {
            queue.push(Time::from_secs(at), name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
