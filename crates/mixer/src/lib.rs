//! Tokio room server and client for Mixer, the protocol by which Blenders share a live scene.
