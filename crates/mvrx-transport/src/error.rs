//! What can go wrong, one enum per operation. Each tells whose fault it is (`blame`) and what it ends (`scope`).
//!
//! Fields hold what was seen and what was allowed, never payload. I/O errors keep the system's words.

mod handshake;
mod link;
mod transfer;

pub use handshake::HandshakeError;
pub use link::{AcceptError, BindError, DialError, ListenError, NotTaken};
pub use transfer::{ReadError, ReceiveError, SendFileError, WriteError};

/// An error of a source or sink, as it was.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
