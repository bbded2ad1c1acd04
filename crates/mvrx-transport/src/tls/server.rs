//! A host's end of TLS.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::error::{self, CertificateError};
use super::{Fingerprint, provider};
use crate::error::HandshakeError;

/// A host's certificate, with those that signed it, and its key. Its `Debug` has nothing of the key.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
}

impl ServerTls {
    /// From PEM: the host's certificate first, behind it those that lead to an authority; and its private key (PKCS #8, PKCS #1, SEC 1).
    ///
    /// # Errors
    /// What cannot be used, without the key.
    // req: TLS-01
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = read_certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey,
            _ => CertificateError::NotPem,
        })?;
        let fingerprint =
            chain.first().map(|own| Fingerprint::of(own)).ok_or(CertificateError::NoCertificate)?;
        let unusable = |error: &rustls::Error| CertificateError::NotUsable { what: error::unusable(error) };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| unusable(&error))?;
        // What comes before the handshake is complete could be a recording.
        // req: TLS-10
        config.max_early_data_size = 0;
        Ok(Self { config: Arc::new(config), fingerprint })
    }

    /// That of the host's own certificate, for clients to pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let accepting = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await;
        accepting.map_err(|error| error::words(error, ""))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// A certificate that a host makes for itself, and its key, both in PEM. Its `Debug` has nothing of the key.
pub struct SelfSigned {
    /// The certificate; anybody may have it.
    pub certificate: String,
    /// The private key; nobody but the host may.
    pub key: String,
}

impl SelfSigned {
    /// Makes a key (ECDSA, P-256) and a certificate for these names or addresses, which does not expire: clients know it by its fingerprint.
    ///
    /// # Errors
    /// When a name can be none, or the system has no randomness.
    // req: TLS-02
    pub fn make(names: &[String]) -> Result<Self, CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::NotMade { what: error.to_string() };
        let key = KeyPair::generate().map_err(failed)?;
        let mut wanted = CertificateParams::new(names).map_err(failed)?;
        wanted.distinguished_name.push(DnType::CommonName, "MVR-xchange session");
        let certificate = wanted.self_signed(&key).map_err(failed)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSigned").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// All certificates of a PEM text; at least one.
pub(super) fn read_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match read {
        Ok(all) if all.is_empty() => Err(CertificateError::NoCertificate),
        Ok(all) => Ok(all),
        Err(_) => Err(CertificateError::NotPem),
    }
}

/// The first byte of whoever speaks TLS: a record with a handshake message.
pub(crate) const FIRST_BYTE: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // proves: TLS-01
    fn what_is_no_certificate_or_not_its_key_is_told_without_the_key() {
        let (one, two) = (SelfSigned::make(&[]).unwrap(), SelfSigned::make(&[]).unwrap());
        let whole = ServerTls::from_pem(one.certificate.as_bytes(), one.key.as_bytes()).unwrap();
        let of = |certificate: &str, key: &str| {
            ServerTls::from_pem(certificate.as_bytes(), key.as_bytes()).map(drop).unwrap_err()
        };
        assert_eq!(of("", &one.key), CertificateError::NoCertificate);
        assert_eq!(of(&one.key, &one.key), CertificateError::NoCertificate);
        assert_eq!(of(&one.certificate, &one.certificate), CertificateError::NoKey);
        let foreign = of(&one.certificate, &two.key);
        assert!(matches!(foreign, CertificateError::NotUsable { .. }));
        assert!(foreign.to_string().contains("the key is not the one of this certificate"), "{foreign}");
        let cut = &one.certificate[..one.certificate.len() / 2];
        assert!(matches!(of(cut, &one.key), CertificateError::NotPem | CertificateError::NoCertificate));
        let secret = one.key.lines().nth(1).unwrap();
        for shown in [format!("{whole:?}"), format!("{one:?}"), of(&one.certificate, &two.key).to_string()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    // proves: TLS-02
    fn two_certificates_are_never_the_same() {
        let made = || SelfSigned::make(&["rack.local".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        let print = |made: &SelfSigned| {
            ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap().fingerprint()
        };
        assert_ne!(print(&made()), print(&made()));
    }
}
