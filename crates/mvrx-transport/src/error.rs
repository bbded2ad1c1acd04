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

/// What the system says, and what the encryption says of a connection that ended without its last word: that is no more than that.
fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the connection broke off".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_off_is_told_in_plain_words() {
        let end = || {
            std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "no close_notify: https://docs.example/")
        };
        assert_eq!(ReadError::Network(end()).to_string(), "reading failed: the connection broke off");
        assert_eq!(
            HandshakeError::Network(end()).to_string(),
            "the handshake failed: the connection broke off"
        );
        let reset = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "reset by peer");
        assert_eq!(ReadError::Network(reset).to_string(), "reading failed: reset by peer");
    }
}
