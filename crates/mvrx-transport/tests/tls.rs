//! `wss://`: who is taken for the host, and what everybody else is told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::tls::{ClientTls, Fingerprint, SelfSigned, ServerTls, TlsError};
use mvrx_transport::{
    AcceptError, Connection, DialError, HandshakeError, Incoming, Limits, Listener, NotTaken, Transport,
    WsTransport,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HERE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

async fn expect(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("{other:?}"),
    }
}

fn self_signed() -> (SelfSigned, ServerTls) {
    let made = SelfSigned::make(&["127.0.0.1".to_owned(), "rack.local".to_owned()]).unwrap();
    let tls = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
    (made, tls)
}

async fn host(tls: ServerTls) -> Box<dyn Listener> {
    WsTransport::default().with_tls(tls).listen(HERE.into()).await.unwrap()
}

async fn dial(scheme: &str, at: SocketAddr, trust: ClientTls) -> Result<Connection, HandshakeError> {
    let url = format!("{scheme}://{at}/").parse().unwrap();
    match WsTransport::default().with_trust(trust).dial(mvrx_transport::Endpoint::Url(url)).await {
        Ok(connection) => Ok(connection),
        Err(DialError::NotUpgraded { error, .. }) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// What a client gets at a host with this certificate.
async fn met(tls: ServerTls, trust: ClientTls) -> Result<(Connection, Connection), TlsError> {
    let mut listener = host(tls).await;
    let at = listener.local_addr();
    let (dialed, accepted) = tokio::join!(dial("wss", at, trust), listener.accept());
    match dialed {
        Ok(connection) => Ok((connection, accepted.unwrap())),
        Err(HandshakeError::Tls(error)) => {
            assert!(matches!(accepted, Err(AcceptError::NotUpgraded { .. })), "{accepted:?}");
            Err(error)
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn trust(&self) -> ClientTls {
        ClientTls::authorities(self.0.pem().as_bytes()).unwrap()
    }

    fn signs(&self, name: &str, (from, to): (i32, i32)) -> ServerTls {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        ServerTls::from_pem(signed.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }
}

#[tokio::test]
// proves: TLS-04
async fn the_pinned_certificate_alone_is_the_host() {
    let (_, tls) = self_signed();
    let (mut near, mut far) = met(tls.clone(), ClientTls::pinned(tls.fingerprint()).unwrap()).await.unwrap();
    near.writer.send(&leave(1), &Dialect::strict()).await.unwrap();
    expect(&mut far, &leave(1)).await;
    far.writer.send(&leave(2), &Dialect::strict()).await.unwrap();
    expect(&mut near, &leave(2)).await;

    let other = Fingerprint::of(b"another one");
    let error = met(tls.clone(), ClientTls::pinned(other).unwrap()).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains(&other.to_string()) && words.contains(&tls.fingerprint().to_string()), "{words}");
    // Who pinned it does not ask for names and times: it has expired, and is for somebody else.
    let old = Authority::new("one").signs("rack.example", (2001, 2002));
    met(old.clone(), ClientTls::pinned(old.fingerprint()).unwrap()).await.unwrap();
}

#[tokio::test]
// proves: TLS-04
async fn a_pinned_certificate_without_its_key_is_nobody() {
    // Somebody has recorded the certificate, which everybody may have, and shows it with a key of its own: rustls refuses such a pair, so
    // the host behind it is told from the outside.
    let ((made, tls), (other, _)) = (self_signed(), self_signed());
    ServerTls::from_pem(made.certificate.as_bytes(), other.key.as_bytes()).unwrap_err();
    let shown = Shown::new(&made.certificate, &other.key);
    let listener = TcpListener::bind(SocketAddr::from(HERE)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let showing = async { shown.accept(listener.accept().await.unwrap().0).await };
    let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
    let (dialed, _) = tokio::join!(dial("wss", at, trust), showing);
    let error = dialed.map(drop).unwrap_err();
    assert!(error.to_string().contains("BadSignature"), "{error}");
}

/// A host that shows a certificate whose key it has not.
struct Shown(std::sync::Arc<tokio_rustls::rustls::ServerConfig>);

impl Shown {
    fn new(certificate: &str, key: &str) -> Self {
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
        use tokio_rustls::rustls::{self, crypto::ring, sign::CertifiedKey};
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        let pair = std::sync::Arc::new(CertifiedKey::new(chain, key));
        let provider = std::sync::Arc::new(ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(pair)));
        Self(std::sync::Arc::new(config))
    }

    async fn accept(&self, stream: TcpStream) -> bool {
        tokio_rustls::TlsAcceptor::from(std::sync::Arc::clone(&self.0)).accept(stream).await.is_ok()
    }
}

#[tokio::test]
// proves: TLS-05
async fn an_authority_vouches_for_a_name_and_a_time() {
    let authority = Authority::new("one");
    met(authority.signs("127.0.0.1", (2020, 2099)), authority.trust()).await.unwrap();

    let error = met(authority.signs("127.0.0.1", (2001, 2002)), authority.trust()).await.unwrap_err();
    assert!(matches!(error, TlsError::Expired), "{error:?}");
    assert!(error.to_string().contains("has expired"), "{error}");
    let error = met(authority.signs("127.0.0.1", (2098, 2099)), authority.trust()).await.unwrap_err();
    assert!(matches!(error, TlsError::NotYetValid), "{error:?}");
    let error = met(authority.signs("rack.example", (2020, 2099)), authority.trust()).await.unwrap_err();
    assert!(error.to_string().contains("not for 127.0.0.1 but for"), "{error}");
    assert!(error.to_string().ends_with("but for rack.example"), "{error}");
    let stranger = Authority::new("another");
    let error = met(stranger.signs("127.0.0.1", (2020, 2099)), authority.trust()).await.unwrap_err();
    assert!(matches!(error, TlsError::UnknownIssuer), "{error:?}");
    assert!(error.to_string().contains("nobody who is trusted here"), "{error}");
    // The host's own certificate can be the authority as well.
    let (made, tls) = self_signed();
    met(tls, ClientTls::authorities(made.certificate.as_bytes()).unwrap()).await.unwrap();
    ClientTls::authorities(b"nothing").unwrap_err();
}

#[tokio::test]
// proves: TLS-05
async fn without_further_words_a_certificate_that_a_host_made_itself_is_not_enough() {
    let (_, tls) = self_signed();
    let error = met_somehow(tls, ClientTls::default()).await;
    // Which of them depends on whether this machine has authorities at all.
    assert!(matches!(error, TlsError::UnknownIssuer | TlsError::NoAuthorities { .. }), "{error:?}");
}

/// The same where the client may end before a byte was said.
async fn met_somehow(tls: ServerTls, trust: ClientTls) -> TlsError {
    let mut listener = host(tls).await;
    let at = listener.local_addr();
    let accepting = async { drop(listener.accept().await) };
    match tokio::join!(dial("wss", at, trust), accepting).0 {
        Err(HandshakeError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
// proves: TLS-07
async fn ws_and_wss_that_meet_say_so_at_once() {
    // Neither waits for its deadline: it would be another error then.
    let mut plain = WsTransport::default().listen(HERE.into()).await.unwrap();
    let at = plain.local_addr();
    let (_, tls) = self_signed();
    let trust = || ClientTls::pinned(tls.fingerprint()).unwrap();
    let (dialed, accepted) = tokio::join!(dial("wss", at, trust()), plain.accept());
    let error = dialed.map(drop).unwrap_err();
    assert!(matches!(error, HandshakeError::Tls(TlsError::NotTls)), "{error:?}");
    assert!(error.to_string().contains("begins with ws://"), "{error}");
    assert!(
        matches!(accepted, Err(AcceptError::NotUpgraded { error: HandshakeError::TlsNotSpoken, .. })),
        "{accepted:?}"
    );

    let mut secure = host(tls.clone()).await;
    let at = secure.local_addr();
    let (dialed, accepted) = tokio::join!(dial("ws", at, trust()), secure.accept());
    let error = dialed.map(drop).unwrap_err();
    assert!(matches!(error, HandshakeError::TlsWanted), "{error:?}");
    assert!(error.to_string().contains("begins with wss://"), "{error}");
    assert!(
        matches!(accepted, Err(AcceptError::NotUpgraded { error: HandshakeError::TlsMissing, .. })),
        "{accepted:?}"
    );

    // Another product's host says it by an alert.
    let foreign = TcpListener::bind(SocketAddr::from(HERE)).await.unwrap();
    let at = foreign.local_addr().unwrap();
    let answering = async {
        let (mut peer, _) = foreign.accept().await.unwrap();
        peer.write_all(&[0x15, 3, 3, 0, 2, 2, 10]).await.unwrap();
        peer
    };
    let (dialed, _peer) = tokio::join!(dial("ws", at, trust()), answering);
    assert!(matches!(dialed, Err(HandshakeError::TlsWanted)), "{dialed:?}");
}

#[tokio::test]
// proves: TLS-09
async fn half_open_handshakes_are_capped_and_end_in_time_and_others_are_served() {
    let (_, tls) = self_signed();
    let limits = Limits {
        handshake: Duration::from_millis(400),
        connections: 64,
        connections_per_ip: 8,
        ..Limits::default()
    };
    let server = WsTransport::default().with_limits(limits).with_tls(tls.clone());
    let mut listener = server.listen(HERE.into()).await.unwrap();
    let at = listener.local_addr();
    // The beginning of a handshake that never goes on.
    let mut open = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let _ = stream.write_all(&[0x16, 3, 1, 0, 200]).await;
        open.push(stream);
    }
    let (mut refused, mut slow) = (0, 0);
    while refused + slow < 40 {
        match listener.accept().await {
            Err(AcceptError::NotTaken(NotTaken::TooManyConnectionsFromPeer { allowed: 8, .. })) => {
                refused += 1;
            }
            Err(AcceptError::NotUpgraded { error: HandshakeError::TooSlow { .. }, .. }) => slow += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, slow), (32, 8));
    let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
    let (dialed, accepted) = tokio::join!(dial("wss", at, trust), listener.accept());
    dialed.unwrap().writer.send(&leave(3), &Dialect::strict()).await.unwrap();
    expect(&mut accepted.unwrap(), &leave(3)).await;
}

#[tokio::test]
// proves: TLS-10
async fn a_recorded_session_that_is_sent_again_joins_nobody() {
    let (_, tls) = self_signed();
    let mut listener = host(tls.clone()).await;
    let at = listener.local_addr();
    // Somebody on the way writes down what the client says.
    let way = TcpListener::bind(SocketAddr::from(HERE)).await.unwrap();
    let near = way.local_addr().unwrap();
    let recording = tokio::spawn(async move {
        let (mut client, _) = way.accept().await.unwrap();
        let mut server = TcpStream::connect(at).await.unwrap();
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let mut record = Vec::new();
        let back = tokio::io::copy(&mut from_server, &mut to_client);
        let forth = async {
            let mut piece = [0; 4096];
            loop {
                let count = from_client.read(&mut piece).await.unwrap_or(0);
                record.extend_from_slice(&piece[..count]);
                if count == 0 || to_server.write_all(&piece[..count]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! { _ = back => {}, () = forth => {} }
        record
    });
    let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
    let (dialed, accepted) = tokio::join!(dial("wss", near, trust), listener.accept());
    let (mut dialed, mut accepted) = (dialed.unwrap(), accepted.unwrap());
    dialed.writer.send(&leave(1), &Dialect::strict()).await.unwrap();
    expect(&mut accepted, &leave(1)).await;
    drop((dialed, accepted));
    let record = recording.await.unwrap();
    assert!(record.len() > 400 && record[0] == 0x16, "{} bytes", record.len());

    let mut again = TcpStream::connect(at).await.unwrap();
    again.write_all(&record).await.unwrap();
    let accepted = listener.accept().await;
    assert!(matches!(accepted, Err(AcceptError::NotUpgraded { .. })), "{accepted:?}");
}
