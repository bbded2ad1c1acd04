//! TLS for WebSocket Mode: who a host is, and whom a client takes for it.
//!
//! ```text
//!  host:   certificate and key (PEM) ─► ServerTls ─┐
//!                                                  ├─ WsTransport: wss:// ─► frames
//!  client: pin | authorities | the system's ─► ClientTls ─┘
//! ```
//! It happens before anything of ours is parsed, within [`crate::Limits::handshake`]. It does not know what a session is, and keeps no
//! file: whoever makes a certificate ([`SelfSigned`]) keeps it. TLS 1.2 and 1.3 by rustls; nothing is accepted before the handshake is
//! complete (no early data), so that a recorded one gains nothing.
//!
//! ```
//! use mvrx_transport::tls::{ClientTls, SelfSigned, ServerTls};
//!
//! # fn main() -> Result<(), mvrx_transport::tls::CertificateError> {
//! let made = SelfSigned::make(&["rack.local".to_owned()])?;
//! let host = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes())?;
//! let client = ClientTls::pinned(host.fingerprint())?;
//! assert!(host.fingerprint().to_string().starts_with("sha256:"));
//! # let _ = client;
//! # Ok(()) }
//! ```

mod client;
mod error;
mod server;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use client::ClientTls;
pub use error::{CertificateError, TlsError};
pub(crate) use server::FIRST_BYTE;
pub use server::{SelfSigned, ServerTls};
use tokio_rustls::rustls::crypto::CryptoProvider;

/// The SHA-256 of a certificate (its DER), as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is sha256: and 64 hexadecimal digits")]
pub struct NotAFingerprint;

impl Fingerprint {
    /// That of a certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Upper and lower case are the same; colons between the digits, as other programs write them, do not count.
    // req: TLS-03
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let text = text.trim();
        let (head, digits) = text.split_at_checked(PREFIX.len()).ok_or(NotAFingerprint)?;
        if !head.eq_ignore_ascii_case(PREFIX) {
            return Err(NotAFingerprint);
        }
        let digits = digits.replace(':', "").to_ascii_lowercase();
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The cryptography: ring's (decision 188).
fn provider() -> Arc<CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

const PREFIX: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves: TLS-03
    fn a_fingerprint_is_read_as_it_is_written_and_as_others_write_it() {
        // The SHA-256 of "abc" (FIPS 180-4).
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let of = Fingerprint::of(b"abc");
        assert_eq!(of.to_string(), text);
        assert_eq!(format!("{of:?}"), text);
        assert_eq!(text.parse(), Ok(of));
        assert_eq!(text.to_uppercase().parse(), Ok(of));
        let mut colons = String::from("SHA256:");
        for pair in text.as_bytes()[7..].chunks(2) {
            colons.push_str(std::str::from_utf8(pair).unwrap_or_default());
            colons.push(':');
        }
        assert_eq!(colons.trim_end_matches(':').parse(), Ok(of));
        for wrong in ["", "sha256:", &text[7..], &text[..70], "sha1:00", &format!("{text}00"), "sha256:äö"]
        {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(NotAFingerprint), "{wrong}");
        }
    }
}
