//! Runs out of descriptors; a file of its own because the limit is the whole process's.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::net::SocketAddr;

use lan_net::accept::{AcceptError, AcceptLimits, CappedListener};
use lan_net::bind::{BindOptions, listen};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[tokio::test]
async fn want_of_descriptors_is_reported_and_does_not_end_the_loop() {
    let at = BindOptions::at(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut listener = CappedListener::new(listen(&at).unwrap(), AcceptLimits::default());
    let address = listener.local_addr().unwrap();
    let _client = std::net::TcpStream::connect(address).unwrap();

    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: before.maximum }).unwrap();
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    for round in 1..=2 {
        match listener.accept().await {
            Err(AcceptError::AcceptFailed { failures, pause, .. }) => {
                assert_eq!(failures, round);
                assert!(!pause.is_zero());
            }
            other => panic!("{other:?}"),
        }
    }
    held.clear();
    listener.accept().await.unwrap();
}
