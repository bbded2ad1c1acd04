//! Protocol-free tokio plumbing: capped accept loop, deadlines, shutdown.
