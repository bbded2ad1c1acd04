//! The battery of `Discovery` on mDNS, over loopback.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use mvrx_discovery::Discovery;
use mvrx_discovery::battery::Rig;

struct OnLoopback {
    udp_port: u16,
}

impl OnLoopback {
    fn new() -> Self {
        Self { udp_port: common::free_port() }
    }
}

impl Rig for OnLoopback {
    fn discovery(&mut self) -> Box<dyn Discovery> {
        Box::new(common::start(self.udp_port))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn verified_within(&self) -> Duration {
        common::VERIFY * 2
    }

    fn is_seen_without_a_gap(&self) -> bool {
        false
    }
}

mvrx_discovery::discovery_battery!(OnLoopback::new());
