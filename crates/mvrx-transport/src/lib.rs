//! Moves MVR-xchange messages and files over one connection: TCP, WebSocket and in-memory.
//!
//! Turns an address or a URL into a [`Connection`] that carries whole messages ([`MessageReader::next`],
//! [`MessageWriter::send`]) and whole files (from a [`FileSource`], into a [`FileSink`]), both directions at once.
//! It deliberately does not know what a message means, which reply belongs to which request, whether a file is
//! wanted, or where files are kept: the core decides, the store keeps, and this crate moves bytes.
//!
//! Rules a caller keeps:
//! - One task reads a connection and one writes it; they may be two. Nothing is read ahead for long: whoever wants
//!   to notice the end of a connection keeps a [`MessageReader::next`] pending.
//! - [`Incoming::File`] is answered with [`MessageReader::receive_file`] before the next message is asked for; a
//!   file that is not wanted goes to a [`DiscardSink`], or the connection is dropped.
//! - Every error tells by `scope()` whether the connection can be used further. Replies have no deadline here: the
//!   core knows what it waits for.
//! - Everything runs inside a tokio runtime with I/O and time enabled; a current-thread one will do.
//!
//! [`Limits`] protects it: sizes, deadlines, idle times and numbers of connections, each with its named error.
//! It mirrors TCP Mode of the specification (Table 66, Table 67) and WebSocket Mode ([`ws`]), and what products in the
//! field need beyond them: `docs/spec/transport.toml`, `docs/spec/websocket.toml`.
//!
//! ```
//! use mvrx_message::{Dialect, Leave, Message, StationUuid};
//! use mvrx_transport::{Endpoint, Incoming, MemoryNetwork, Transport};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let network = MemoryNetwork::new(); // or TcpTransport::default(), the rest stays the same
//! let (desk, laptop) = (network.station([10, 0, 0, 1]), network.station([10, 0, 0, 2]));
//! let mut listener = desk.listen("[::]:42424".parse()?).await?;
//!
//! let mut out = laptop.dial(Endpoint::Address("10.0.0.1:42424".parse()?)).await?;
//! let mut inbound = listener.accept().await?;
//!
//! let leave = Message::Leave(Leave::new(StationUuid::from_random_bytes([7; 16])));
//! out.writer.send(&leave, &Dialect::strict()).await?;
//! let Incoming::Message { parsed, .. } = inbound.reader.next().await? else { panic!("a message was sent") };
//! assert_eq!(parsed.message, leave);
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "battery")]
pub mod battery;
mod endpoint;
mod error;
mod file;
mod limits;
mod memory;
pub mod middleware;
mod pump;
mod stream;
mod tcp;
pub mod tls;
mod traits;
pub mod ws;

pub use endpoint::{Endpoint, WsUrl, WsUrlError, url_without_user};
pub use error::{
    AcceptError, BindError, BoxError, DialError, HandshakeError, ListenError, NotTaken, ReadError,
    ReceiveError, SendFileError, WriteError,
};
pub use file::{DiscardSink, FileSink, FileSource, Progress, SourceRead};
/// Which addresses are one, where they are counted across networks.
pub use lan_net::accept::place;
pub use limits::Limits;
pub use memory::{MemoryNetwork, MemoryTransport};
pub use mvrx_message::{Blame, Scope};
pub use mvrx_wire::DecodeError;
pub use pump::FilePump;
pub use tcp::TcpTransport;
pub use traits::{
    Aside, AskAlive, Between, BoxFuture, Connection, Deviation, FileEnding, FileStyle, Incoming, Listener,
    MessageReader, MessageWriter, Transport,
};
pub use ws::WsTransport;
