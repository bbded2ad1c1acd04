//! A client's end of TLS.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError as Theirs, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::error::{self, CertificateError, TlsError, Unpinned};
use super::server::read_certificates;
use super::{Fingerprint, provider};
use crate::error::HandshakeError;

/// Whom a client takes for the host of a session. Without further words: whoever has a certificate that the authorities of this machine's
/// system vouch for.
#[derive(Clone, Default)]
pub struct ClientTls {
    trust: Trust,
}

#[derive(Clone, Default)]
enum Trust {
    #[default]
    System,
    Authorities(Arc<ClientConfig>),
    Pinned(Arc<[Fingerprint]>, Arc<ClientConfig>),
}

impl ClientTls {
    /// Exactly the certificate with this fingerprint: name, time and issuer are not asked, since whoever pinned it has said which one it is.
    /// That the host has its key is checked as always.
    // req: TLS-04
    ///
    /// # Errors
    /// When there is no cryptography for it.
    pub fn pinned(fingerprint: Fingerprint) -> Result<Self, CertificateError> {
        Self::pinned_any([fingerprint])
    }

    /// Exactly the certificates with these fingerprints, as [`ClientTls::pinned`]: for who goes from one host to another, each with a
    /// certificate of its own. Of none of them: nobody.
    // req: TLS-04
    ///
    /// # Errors
    /// When there is no cryptography for it.
    pub fn pinned_any(fingerprints: impl IntoIterator<Item = Fingerprint>) -> Result<Self, CertificateError> {
        let fingerprints: Arc<[Fingerprint]> = fingerprints.into_iter().collect();
        let pinned = Arc::clone(&fingerprints);
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError::NotUsable { what: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pin { pinned, algorithms }))
            .with_no_client_auth();
        Ok(Self { trust: Trust::Pinned(fingerprints, Arc::new(config)) })
    }

    /// Whoever has a certificate for the host of the URL, not expired, that one of these authorities vouches for (PEM, one or more).
    ///
    /// # Errors
    /// When it is no PEM, or there is none that can be one.
    // req: TLS-05
    pub fn authorities(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(pem)? {
            roots
                .add(certificate)
                .map_err(|error| CertificateError::NotUsable { what: error.to_string() })?;
        }
        let config = by_authorities(roots).map_err(|what| CertificateError::NotUsable { what })?;
        Ok(Self { trust: Trust::Authorities(Arc::new(config)) })
    }

    /// Whether certain certificates alone are accepted.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self.trust, Trust::Pinned(..))
    }

    /// The handshake.
    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let config = match &self.trust {
            Trust::Pinned(_, config) | Trust::Authorities(config) => Arc::clone(config),
            Trust::System => of_the_system().await.map_err(|what| TlsError::NoAuthorities { what })?,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::Other { what: format!("{host} can be in no certificate") })?;
        let connecting = TlsConnector::from(config).connect(name, stream).await;
        connecting.map_err(|error| error::words(error, host))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trust {
            Trust::System => f.write_str("ClientTls(authorities of the system)"),
            Trust::Authorities(_) => f.write_str("ClientTls(authorities)"),
            Trust::Pinned(pinned, _) => write!(f, "ClientTls({})", error::all_of(pinned)),
        }
    }
}

fn by_authorities(roots: RootCertStore) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Ok(builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}

/// The system's authorities are read once, where reading may wait.
async fn of_the_system() -> Result<Arc<ClientConfig>, String> {
    static READ: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let reading = tokio::task::spawn_blocking(|| READ.get_or_init(read_the_systems).clone());
    reading.await.unwrap_or_else(|error| Err(error.to_string()))
}

fn read_the_systems() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let why: Vec<String> = found.errors.iter().take(3).map(ToString::to_string).collect();
        return Err(if why.is_empty() { "none was found".to_owned() } else { why.join("; ") });
    }
    by_authorities(roots).map(Arc::new)
}

/// Takes these certificates, whoever signed them.
#[derive(Debug)]
struct Pin {
    pinned: Arc<[Fingerprint]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = Fingerprint::of(end_entity);
        if self.pinned.contains(&seen) {
            return Ok(ServerCertVerified::assertion());
        }
        let why = OtherError(Arc::new(Unpinned { pinned: self.pinned.to_vec(), seen }));
        Err(Error::InvalidCertificate(Theirs::Other(why)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
