//! What keeps stations from finding each other on this machine and its network. Looks and listens for some seconds, joins as one that only
//! looks, changes nothing.
//!
//! | looks at | by | cannot know |
//! |---|---|---|
//! | `interfaces` | what the system lists | what is behind the cable |
//! | `udp` | the table of sockets, a bind of our own | names of other users' programs |
//! | `multicast` | a datagram of our own on each interface | whether the network passes it on |
//! | `network` | an instance of our own, a second discovery, a station that only looks | stations that multicast does not reach |
//! | `tcp` | connections to ourselves | firewalls, of this machine or of others, against others |
//!
//! Each says entries into a [`Report`]: what is well, what cannot be known, and findings with what to do about them.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::place::Place;

mod interfaces;
mod multicast;
mod network;
mod own;
mod report;
mod tcp;
mod udp;

pub use report::{Entry, Finding, Report};

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The group, and how stations of it are found.
    pub place: &'a Place,
    /// The data directory of our own station; `None`: those of this user.
    pub data: Option<&'a Path>,
    /// How long to look; some products answer after three seconds.
    pub wait: Duration,
}

/// Looks, for as long as is wished for and a few seconds more. May be given up at any time.
// req: DIS-DOCTOR
pub async fn examine(wish: Wish<'_>) -> Report {
    let mut report = Report::default();
    let port = wish.place.mdns_port;
    report.fact("udp_port", json!(port));
    let cards = interfaces::check(&wish.place.interfaces, &mut report);
    // Before we hold the port ourselves.
    udp::check(port, &mut report);
    multicast::check(&cards, port, &mut report).await;
    let own = own::stations(wish.data);
    let seen = match network::look(wish.place, wish.wait).await {
        Ok(seen) => seen,
        Err(words) => {
            report.problem(
                "discovery-cannot-start",
                words,
                "without discovery nobody is found: end what holds the port, or name the stations with --peer",
            );
            network::Seen::default()
        }
    };
    let look = network::Look { place: wish.place, wait: wish.wait, own: &own, cards: &cards };
    look.judge(&seen, &mut report).await;
    tcp::check(&own, &seen, &cards, &mut report).await;
    report
}
