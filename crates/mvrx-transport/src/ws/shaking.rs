//! Connections in their handshakes: so many at once, and who opens one more than fits pushes out one of those who have the most.
//!
//! A handshake that is left open costs its author nothing and takes a place for as long as a handshake may take. Without this, a few addresses
//! that leave theirs open would keep everybody out. The oldest goes of the address (of IPv6 the network of 64 bits) that has the most under way: an
//! address with one is pushed out only where nobody has two.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use lan_net::accept::place;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::error::{AcceptError, HandshakeError};
use crate::traits::Connection;

type Outcome = Result<Connection, AcceptError>;

/// Handshakes under way, each with its place under the caps.
#[derive(Debug)]
pub(super) struct Shaking {
    tasks: JoinSet<Outcome>,
    /// The oldest first.
    order: VecDeque<(AbortHandle, SocketAddr)>,
    most: usize,
}

impl Shaking {
    pub(super) fn new(most: usize) -> Self {
        Self { tasks: JoinSet::new(), order: VecDeque::new(), most: most.max(1) }
    }

    /// Whether one more may begin. One that was pushed out holds its place until its task has ended: until then nobody is accepted, and who comes
    /// waits where the system keeps those who connect.
    pub(super) fn has_room(&self) -> bool {
        self.order.len() <= self.most
    }

    /// One more begins.
    // req: TLS-14
    pub(super) fn begin(&mut self, peer: SocketAddr, task: impl Future<Output = Outcome> + Send + 'static) {
        if self.order.len() >= self.most
            && let Some(at) = self.whose_turn()
            && let Some((task, _)) = self.order.get(at)
        {
            task.abort();
        }
        let task = self.tasks.spawn(task);
        self.order.push_back((task, peer));
    }

    /// The oldest one of the place that has the most.
    fn whose_turn(&self) -> Option<usize> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, peer) in &self.order {
            *counts.entry(place(peer.ip())).or_default() += 1;
        }
        let most = counts.values().max().copied()?;
        self.order.iter().position(|(_, peer)| counts.get(&place(peer.ip())) == Some(&most))
    }

    /// The next one that ends; `None`: none is under way.
    pub(super) async fn next(&mut self) -> Option<Outcome> {
        loop {
            match self.tasks.join_next_with_id().await? {
                Ok((id, outcome)) => {
                    self.remove(id);
                    return Some(outcome);
                }
                Err(error) if error.is_cancelled() => {
                    if let Some(peer) = self.remove(error.id()) {
                        let error = HandshakeError::PushedOut { allowed: self.most };
                        return Some(Err(AcceptError::NotUpgraded { peer, error }));
                    }
                }
                // A handshake that panicked ends its own connection alone.
                Err(error) => drop(self.remove(error.id())),
            }
        }
    }

    fn remove(&mut self, id: Id) -> Option<SocketAddr> {
        let at = self.order.iter().position(|(task, _)| task.id() == id)?;
        self.order.remove(at).map(|(_, peer)| peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, n], port))
    }

    async fn pushed_out(shaking: &mut Shaking) -> SocketAddr {
        match shaking.next().await {
            Some(Err(AcceptError::NotUpgraded { peer, error: HandshakeError::PushedOut { .. } })) => peer,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    // proves: TLS-14
    async fn who_has_the_most_under_way_makes_room_and_its_oldest_first() {
        let mut shaking = Shaking::new(4);
        for (n, port) in [(1, 1), (2, 1), (2, 2), (3, 1)] {
            shaking.begin(peer(n, port), std::future::pending());
        }
        assert!(shaking.has_room());
        shaking.begin(peer(4, 1), std::future::pending());
        assert!(!shaking.has_room(), "not before it is gone");
        assert_eq!(pushed_out(&mut shaking).await, peer(2, 1));
        // All have one now: the oldest.
        shaking.begin(peer(5, 1), std::future::pending());
        assert_eq!(pushed_out(&mut shaking).await, peer(1, 1));
        // A flood from one address pushes itself out.
        shaking.begin(peer(6, 1), std::future::pending());
        assert_eq!(pushed_out(&mut shaking).await, peer(2, 2));
        for port in 2..50 {
            shaking.begin(peer(6, port), std::future::pending());
            let out = pushed_out(&mut shaking).await;
            assert!(out == peer(3, 1) && port == 2 || out.ip() == peer(6, 1).ip(), "{out} at {port}");
        }
        assert!(shaking.order.iter().any(|(_, peer)| *peer == self::peer(5, 1)));
    }

    #[tokio::test]
    // proves: TLS-14
    async fn one_that_is_done_takes_no_room() {
        let mut shaking = Shaking::new(1);
        for port in 1..10 {
            let done = AcceptError::NotUpgraded { peer: peer(1, port), error: HandshakeError::TlsMissing };
            shaking.begin(peer(1, port), async move { Err(done) });
            match shaking.next().await {
                Some(Err(AcceptError::NotUpgraded { error: HandshakeError::TlsMissing, .. })) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
