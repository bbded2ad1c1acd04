//! The battery of `Discovery` on every implementation.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_discovery::battery::Rig;
use mvrx_discovery::{Discovery, FixedDiscovery, MemoryBus, Merged};

mod memory {
    use super::*;

    struct OnBus(MemoryBus);

    impl Rig for OnBus {
        fn discovery(&mut self) -> Box<dyn Discovery> {
            Box::new(self.0.attach([10, 0, 0, 1].into()))
        }
    }

    mvrx_discovery::discovery_battery!(OnBus(MemoryBus::new()));
}

mod merged {
    use super::*;

    struct OnTwoBuses([MemoryBus; 2]);

    impl Rig for OnTwoBuses {
        fn discovery(&mut self) -> Box<dyn Discovery> {
            let parts =
                self.0.iter().map(|bus| -> Box<dyn Discovery> { Box::new(bus.attach([10, 0, 0, 1].into())) });
            let fixed: Box<dyn Discovery> = Box::new(FixedDiscovery::new([]));
            Box::new(Merged::new(parts.chain([fixed])))
        }
    }

    mvrx_discovery::discovery_battery!(OnTwoBuses([MemoryBus::new(), MemoryBus::new()]));
}

mod fixed {
    use super::*;

    struct OneAddress;

    impl Rig for OneAddress {
        fn discovery(&mut self) -> Box<dyn Discovery> {
            Box::new(FixedDiscovery::new(["192.0.2.1:42424".parse().unwrap()]))
        }

        fn one_that_sees(&mut self) -> (Box<dyn Discovery>, Vec<Box<dyn Discovery>>) {
            (self.discovery(), Vec::new())
        }
    }

    mvrx_discovery::quiet_discovery_battery!(OneAddress);
}
