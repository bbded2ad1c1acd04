//! A deterministic world for tests: virtual clock, byte links, discovery bus, disks, faults, seed, trace.
