//! How a station reaches a session safely: whom it takes for the host.

use mvrx_transport::WsTransport;
use mvrx_transport::tls::ClientTls;

use crate::Builder;

/// What a station knows of a session's host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secure {
    trust: ClientTls,
}

impl Secure {
    pub(crate) fn web_socket(&self) -> WsTransport {
        WsTransport::default().with_trust(self.trust.clone())
    }
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
}
