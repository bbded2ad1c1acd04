//! Tokio room server and client for Mixer, the protocol by which Blenders share a live scene.
//!
//! [`Server`] turns TCP connections into clients of a [`mixer_proto::server::RoomServer`], which decides everything; [`Client`] does the same for
//! [`mixer_proto::client::ClientSession`]. This crate deliberately knows nothing of messages beyond frames: it moves bytes, keeps rooms on disk and
//! formats what happens for people.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mixer::{Client, ClientOptions, Server};
//! let server = Server::builder().address("127.0.0.1:0".parse()?).spawn()?;
//! let mut client = Client::connect(server.local_addresses()[0], ClientOptions::default()).await?;
//! for room in client.list_rooms().await? {
//!     println!("{room}");
//! }
//! server.shutdown().await;
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! | to serve | to use a server |
//! |---|---|
//! | [`ServerBuilder`]: addresses, limits, rooms on disk, passwords, networks | [`Client::list_rooms`], [`Client::list_clients`] |
//! | [`Server::metrics`], [`Server::shutdown`] | [`Client::tail`], [`Client::save_room`], [`Client::load_room`] |
//! | [`Fsync`] | [`Client::keep_open`], [`Client::delete_room`] |
#![forbid(unsafe_code)]

mod client;
mod describe;
mod server;

pub use client::{
    Client, ClientError, ClientInfo, ClientOptions, Progress, RoomInfo, Tail, takes_every_version,
};
pub use describe::describe;
pub use mixer_proto::client::ClientEvent;
pub use mixer_proto::code::name as command_name;
pub use mixer_proto::json::{Integer, Json, Object, Text};
pub use mixer_proto::saved::{SavedRoom, SavedRoomError};
pub use mixer_proto::server::{Limits, Metrics, Network};
pub use server::{DiskLimits, Fsync, MetricsReader, Server, ServerBuilder, StartError};

/// The port that clients expect a server at.
pub const DEFAULT_PORT: u16 = 12800;
