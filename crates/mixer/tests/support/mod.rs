//! Doubles of the reference's Python programs, and small things for tests.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod python_client;
pub mod python_server;

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use mixer_proto::frame;
use mixer_proto::primitive::put_string;

pub use python_client::PythonClient;

/// A command with a path and some more bytes.
pub fn command(code: u16, path: &str, tail: usize) -> Bytes {
    let mut payload = Vec::new();
    put_string(&mut payload, path);
    payload.resize(payload.len() + tail, 7);
    frame::encode(code, 1, &payload)
}

/// No test waits for ever.
pub async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), Box::pin(test)).await.expect("the test takes too long")
}
