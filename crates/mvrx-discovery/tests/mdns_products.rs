//! The announcements of every known product, seen by mdns-sd.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use mvrx_discovery::MdnsDiscovery;

type Tested = MdnsDiscovery;

fn start(udp_port: u16) -> Tested {
    common::start(udp_port)
}

#[path = "common/products.rs"]
mod products;
