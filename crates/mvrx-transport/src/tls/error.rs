//! What can be wrong with the other end's TLS, and with what we were given for ours.

use std::io;

use tokio_rustls::rustls::{self, CertificateError as Theirs};

use super::Fingerprint;
use crate::error::HandshakeError;

/// Why there is no TLS with the other end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Another certificate than the pinned ones.
    #[error(
        "its certificate is {seen}, and pinned is {}: either the host has a new one, or it is somebody else",
        all_of(pinned)
    )]
    WrongPin {
        /// Those that are accepted.
        pinned: Vec<Fingerprint>,
        /// The one that came.
        seen: Fingerprint,
    },
    /// By our clock its time is over.
    #[error("its certificate has expired (by the clock of this machine)")]
    Expired,
    /// By our clock its time has not come.
    #[error("its certificate is not valid yet (by the clock of this machine)")]
    NotYetValid,
    /// It belongs to somebody else.
    #[error("its certificate is not for {host} but for {}", one_of(.names))]
    WrongName {
        /// Whom we called.
        host: String,
        /// Whom it is for.
        names: Vec<String>,
    },
    /// Nobody whom we trust has signed it.
    #[error(
        "its certificate is signed by nobody who is trusted here; one that a host made itself is accepted by its fingerprint only"
    )]
    UnknownIssuer,
    /// What came is not TLS.
    #[error("it does not speak TLS: the URL of its session begins with ws://")]
    NotTls,
    /// The other end hung up in the middle.
    #[error("it ended the connection in the middle of the TLS handshake")]
    HungUp,
    /// The other end did not want ours.
    #[error("it ended the TLS handshake: {alert}")]
    Refused {
        /// Its alert, as TLS names them.
        alert: String,
    },
    /// The system has no certificates of authorities.
    #[error("this machine has no certificates of authorities to check it by: {what}")]
    NoAuthorities {
        /// What the system said.
        what: String,
    },
    /// Anything else.
    #[error("no TLS with it: {what}")]
    Other {
        /// What rustls says.
        what: String,
    },
}

impl TlsError {
    /// Whether the other end is to blame, or this one.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::NoAuthorities { .. })
    }
}

/// A failed handshake of rustls in our words.
pub(super) fn words(error: io::Error, host: &str) -> HandshakeError {
    let kind = error.kind();
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        let hung_up = kind == io::ErrorKind::UnexpectedEof;
        return if hung_up { TlsError::HungUp.into() } else { HandshakeError::Network(error) };
    };
    let why = match inner {
        rustls::Error::InvalidCertificate(why) => of_certificate(why, host),
        rustls::Error::InvalidMessage(_) => TlsError::NotTls,
        rustls::Error::AlertReceived(alert) => TlsError::Refused { alert: format!("{alert:?}") },
        other => TlsError::Other { what: other.to_string() },
    };
    why.into()
}

fn of_certificate(why: &Theirs, host: &str) -> TlsError {
    match why {
        Theirs::Expired | Theirs::ExpiredContext { .. } => TlsError::Expired,
        Theirs::NotValidYet | Theirs::NotValidYetContext { .. } => TlsError::NotYetValid,
        Theirs::NotValidForName => TlsError::WrongName { host: host.to_owned(), names: Vec::new() },
        Theirs::NotValidForNameContext { presented, .. } => {
            let names =
                presented.iter().take(NAMES).map(|name| plain(name).chars().take(NAME_CHARS).collect());
            TlsError::WrongName { host: host.to_owned(), names: names.collect() }
        }
        Theirs::UnknownIssuer => TlsError::UnknownIssuer,
        Theirs::Other(other) => match other.0.downcast_ref::<Unpinned>() {
            Some(Unpinned { pinned, seen }) => TlsError::WrongPin { pinned: pinned.clone(), seen: *seen },
            None => TlsError::Other { what: other.to_string() },
        },
        other => TlsError::Other { what: other.to_string() },
    }
}

/// A name of a certificate without what rustls puts around it: `DnsName("rack.example")`, `IpAddress(10.1.2.3)`.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// Why rustls takes no certificate and key of ours, in our words where it only says the names of its errors.
pub(super) fn unusable(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key is not the one of this certificate".to_owned(),
        other => other.to_string(),
    }
}

/// As people read them.
pub(super) fn all_of(pinned: &[Fingerprint]) -> String {
    let all: Vec<String> = pinned.iter().map(ToString::to_string).collect();
    all.join(" or ")
}

fn one_of(names: &[String]) -> String {
    if names.is_empty() { "another name".to_owned() } else { names.join(", ") }
}

/// How our verifier tells of another certificate, through rustls.
#[derive(Debug, thiserror::Error)]
#[error("{seen} is not {}", all_of(pinned))]
pub(super) struct Unpinned {
    pub(super) pinned: Vec<Fingerprint>,
    pub(super) seen: Fingerprint,
}

/// Why a certificate, a key or authorities cannot be used. The words have nothing of a key in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No certificate in PEM.
    #[error("there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// No key in PEM.
    #[error("there is no private key in it (PEM: -----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// PEM that is damaged.
    #[error("it is no readable PEM")]
    NotPem,
    /// They do not belong together, or are of a kind that cannot be used.
    #[error("certificate and key cannot be used: {what}")]
    NotUsable {
        /// What rustls says.
        what: String,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {what}")]
    NotMade {
        /// Why.
        what: String,
    },
}

/// More names of a certificate are not told.
const NAMES: usize = 8;
/// A name is cut behind this.
const NAME_CHARS: usize = 128;
