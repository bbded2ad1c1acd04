//! How a station reaches a session safely: whom it takes for the host, and what it tells it.

use mvrx_transport::tls::ClientTls;
use mvrx_transport::ws::Login;
use mvrx_transport::{DialError, HandshakeError, WsTransport, WsUrl};

use crate::Builder;

/// What a station knows of a session's host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secure {
    trust: ClientTls,
    logins: Vec<Login>,
}

impl Secure {
    pub(crate) fn web_socket(&self) -> WsTransport {
        let web = WsTransport::default().with_trust(self.trust.clone());
        self.logins.iter().cloned().fold(web, WsTransport::with_login)
    }
}

/// Whether the host at this URL wants a password of who says none. Nobody joins for it. Bounded by the limits of connecting and of a handshake;
/// `false` also where nobody answers.
// req: PWD-09
pub async fn wants_password(url: &WsUrl, trust: &ClientTls) -> bool {
    let asked = WsTransport::default().with_trust(trust.clone()).note_of(url.clone()).await;
    matches!(asked, Err(DialError::NotUpgraded { error: HandshakeError::PasswordWanted, .. }))
}

impl Builder {
    /// Whom the station takes for the host of a session at `wss://…`, now and after each move; without it, whoever the authorities of this
    /// machine's system vouch for. It means nothing with [`Builder::transport`].
    // req: TLS-11
    #[must_use]
    pub fn trust(mut self, trust: ClientTls) -> Self {
        self.secure.trust = trust;
        self
    }

    /// The password that the host of a session is told, now and after each move. Said more than once: each to whom it is for, and nobody
    /// else, whoever proposes to go there ([`Login`]). It means nothing with [`Builder::transport`].
    // req: PWD-04
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.secure.logins.push(login);
        self
    }
}
