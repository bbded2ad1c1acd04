//! The announcements of every known product, seen by this project's own querier.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use mvrx_discovery::LanDiscovery;

type Tested = LanDiscovery;

fn start(udp_port: u16) -> Tested {
    common::start_lan(udp_port)
}

#[path = "common/products.rs"]
mod products;
