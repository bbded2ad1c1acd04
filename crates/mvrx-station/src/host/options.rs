//! How a host is to behave, and how much it may hold.

use std::collections::BTreeMap;
use std::time::Duration;

use super::audit::Audit;
use super::pace::{Paces, Rate, Rates};
use crate::{secure_session_url, session_url};
use mvrx_core::host::{Access, Limits, Timers};
use mvrx_message::{Product, StationUuid};
use mvrx_transport::tls::ServerTls;
use mvrx_transport::ws::{Door, Origins, Password};
use mvrx_transport::{FileEnding, FileStyle, Limits as TransportLimits, WsTransport};

/// How a host of a session behaves. The defaults suit a show: every committed file is kept, within limits.
///
/// ```
/// use mvrx_station::HostOptions;
///
/// let options = HostOptions::default().kept_bytes(20 << 30).gather(false);
/// assert_eq!(options.limits.kept_bytes, 20 << 30);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostOptions {
    /// Whether every committed file is read as soon as it is announced, so that it outlives its author's stay; otherwise files are kept as
    /// they are asked for.
    pub gather: bool,
    /// This host was elected, for the group of its [`crate::Builder`]; the station beside it, which goes when it goes ([`crate::Election`]).
    pub elected: Option<StationUuid>,
    /// What the session may hold.
    pub limits: Limits,
    /// How long things may take.
    pub timers: Timers,
    /// What the connections may hold and how long they may take.
    pub transport: TransportLimits,
    /// Bytes of messages that may wait for one station that does not read; above it is dropped by name. Files do not count: their bytes
    /// wait on the disk. Default 4 MiB: a JOIN_RET may have 512 KiB, and counts twice.
    pub outbox_bytes: usize,
    /// The same for all stations together. Default 64 MiB.
    pub outbox_bytes_in_all: usize,
    /// Files for stations of unknown applications go in messages of so many bytes, with other messages between them; `None`: in one message,
    /// which everybody reads, and behind which a COMMIT waits.
    pub pieces_for_all: Option<usize>,
    /// Whether the session is shown to the local network, so that nobody has to type its URL.
    pub announce: bool,
    /// The host name or URL that is shown to people in place of our addresses; a bare name means `ws://` (`wss://` with a certificate) and our
    /// port.
    pub url: Option<String>,
    /// Further host names and addresses of this machine, beside `localhost` and the loopback addresses: nobody is asked to move the session to
    /// where it is.
    pub names: Vec<String>,
    /// The host's certificate: the session is at `wss://` then, and nowhere else.
    pub tls: Option<ServerTls>,
    /// Who does not know it does not come in, but for the stations of [`HostOptions::own_passwords`].
    pub password: Option<Password>,
    /// Stations with passwords of their own, by which alone they come in: nobody else can be one of them.
    pub own_passwords: BTreeMap<StationUuid, Password>,
    /// Who may be one of the session, and do what.
    pub access: Access,
    /// What happens is written down here.
    pub audit: Option<Audit>,
    /// How many messages of one station are read, on all its connections. Default 2,000 at once and 500 a second; who sends faster waits.
    pub messages_each: Rate,
    /// The same of all stations together. Default 20,000 and 5,000.
    pub messages_in_all: Rate,
    /// How many bytes of one station are read, messages and files, and how many bytes of files are sent to it, on all its connections: of each
    /// of both at most so many. Who is faster waits, on its own connections; what others fetch of a file while it comes from there comes
    /// no faster, either. `None`, the default: as fast as it can. Below 100 kB a second peers may take a file for stalled.
    pub bytes_each: Option<Rate>,
    /// The same of all stations together, which take turns. Default `None`. Below 1 MB a second peers may take files for stalled.
    pub bytes_in_all: Option<Rate>,
    /// Which web pages may; by default none.
    pub origins: Origins,
}

// req: HDR-09
impl Default for HostOptions {
    fn default() -> Self {
        let transport = TransportLimits {
            connections: CONNECTIONS,
            connections_per_ip: CONNECTIONS_PER_IP,
            // An asker waits while an owner is lost and the next one is asked.
            source_idle: Duration::from_secs(300),
            receive_buffer: FILE_BUFFER,
            ..TransportLimits::default()
        };
        Self {
            gather: true,
            elected: None,
            limits: Limits { connections: CONNECTIONS, ..Limits::default() },
            timers: Timers::default(),
            transport,
            outbox_bytes: 4 << 20,
            outbox_bytes_in_all: 64 << 20,
            pieces_for_all: None,
            announce: true,
            url: None,
            names: Vec::new(),
            tls: None,
            password: None,
            own_passwords: BTreeMap::new(),
            access: Access::default(),
            audit: None,
            messages_each: Rate { burst: 2_000, per_second: 500 },
            messages_in_all: Rate { burst: 20_000, per_second: 5_000 },
            bytes_each: None,
            bytes_in_all: None,
            origins: Origins::default(),
        }
    }
}

impl HostOptions {
    /// See [`HostOptions::gather`].
    #[must_use]
    pub fn gather(mut self, gather: bool) -> Self {
        self.gather = gather;
        self
    }

    /// Bytes of the files of others that are kept; the oldest go first.
    #[must_use]
    pub fn kept_bytes(mut self, bytes: u64) -> Self {
        self.limits.kept_bytes = bytes;
        self
    }

    /// See [`HostOptions::pieces_for_all`].
    #[must_use]
    pub fn pieces(mut self, most: Option<usize>) -> Self {
        self.pieces_for_all = most;
        self
    }

    /// See [`HostOptions::announce`].
    #[must_use]
    pub fn announce(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }

    /// See [`HostOptions::url`].
    #[must_use]
    pub fn url(mut self, url: Option<String>) -> Self {
        self.url = url;
        self
    }

    /// See [`HostOptions::names`].
    #[must_use]
    pub fn names(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// Every URL that is known to be ours, at this port.
    pub(crate) fn own_urls(&self, port: u16) -> Vec<String> {
        let full = if self.tls.is_some() { secure_session_url } else { session_url };
        let here = ["localhost", "127.0.0.1", "::1"].into_iter().chain(self.names.iter().map(String::as_str));
        here.chain(self.url.as_deref()).map(|name| full(name, port)).collect()
    }

    /// See [`HostOptions::tls`].
    #[must_use]
    pub fn tls(mut self, tls: Option<ServerTls>) -> Self {
        self.tls = tls;
        self
    }

    /// See [`HostOptions::password`].
    #[must_use]
    pub fn password(mut self, password: Option<Password>) -> Self {
        self.password = password;
        self
    }

    /// See [`HostOptions::own_passwords`].
    #[must_use]
    pub fn own_passwords(mut self, own: BTreeMap<StationUuid, Password>) -> Self {
        self.own_passwords = own;
        self
    }

    /// See [`HostOptions::access`].
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// See [`HostOptions::origins`].
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// See [`HostOptions::audit`].
    #[must_use]
    pub fn audit(mut self, audit: Option<Audit>) -> Self {
        self.audit = audit;
        self
    }

    /// Files of more bytes are refused, and end where they come all the same.
    // req: ACC-03
    #[must_use]
    pub fn largest_file(mut self, bytes: u64) -> Self {
        self.limits.largest_file = bytes;
        self.transport.file_bytes = self.transport.file_bytes.min(bytes);
        self
    }

    pub(super) fn paces(&self) -> Paces {
        let each = Rates { messages: self.messages_each, bytes: self.bytes_each };
        Paces::new(each, Rates { messages: self.messages_in_all, bytes: self.bytes_in_all })
    }

    /// How stations reach us.
    // req: TLS-11, PWD-04, PWD-08
    pub(super) fn web_socket(&self) -> WsTransport {
        let url = self.url.as_deref().and_then(|url| session_url(url, 0).parse().ok());
        let origins = url.iter().fold(self.origins.clone(), Origins::at);
        let mut transport = self.transport;
        if self.bytes_each.or(self.bytes_in_all).is_some() {
            // Who waits is to be read again soon: its peer would take a file that stands still for one that has stalled.
            transport.receive_buffer = transport.receive_buffer.min(PACED_BUFFER);
        }
        let web = WsTransport::default().with_limits(transport).with_origins(origins);
        let web = match &self.tls {
            Some(tls) => web.with_tls(tls.clone()),
            None => web,
        };
        let own = self.own_passwords.clone();
        match &self.password {
            Some(password) => web.with_door(Door::new(password.clone()).with_own(own)),
            None if own.is_empty() => web,
            None => web.with_door(Door::per_station(own)),
        }
    }

    /// How a file goes to a station. `shared`: its messages go on the same connection; `sized`: it knows the file's length.
    // req: HDR-06
    pub(super) fn style(&self, product: Product, shared: bool, sized: bool) -> FileStyle {
        let pieces = match product {
            // Who does not know the length can only tell the end of a file by the end of a message.
            _ if !sized => None,
            // Its frames and messages end at 64 KiB.
            Product::Mvr4j => Some(SMALL_PIECES),
            // It adds up messages until FileSize, but its library takes none above 1 MiB.
            Product::BlenderDmx => Some(PIECES),
            Product::Mvrx => shared.then_some(PIECES),
            // It takes one message for the whole file.
            Product::ThePult => None,
            _ => self.pieces_for_all,
        };
        pieces.map_or(FileStyle::OneMessage, |most| FileStyle::Messages { most })
    }

    /// Where a product's files end. `doubted`: its FileSize may be of an application that got it wrong, and what follows the file may be the
    /// rest of it.
    // req: HDR-10
    pub(crate) fn ending(product: Product, doubted: bool) -> FileEnding {
        match product {
            // It writes one message for the whole file.
            Product::ThePult => FileEnding::WithMessage,
            _ if doubted => FileEnding::WhenQuiet,
            _ => FileEnding::AtLength,
        }
    }
}

/// Connections at once. A station of ours has two.
const CONNECTIONS: usize = 384;
/// The same from one address: a venue may stand behind one.
const CONNECTIONS_PER_IP: usize = 160;
/// Many transfers at once share the memory.
const FILE_BUFFER: usize = 512 << 10;
/// The same where bytes have a rate.
const PACED_BUFFER: usize = 64 << 10;
const PIECES: usize = 256 << 10;
const SMALL_PIECES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: HDR-06
    #[test]
    fn a_file_goes_to_each_product_in_the_form_that_it_reads() {
        let options = HostOptions::default();
        let of = |product, shared| options.style(product, shared, true);
        assert_eq!(of(Product::Mvr4j, false), FileStyle::Messages { most: 65_536 });
        assert_eq!(of(Product::BlenderDmx, true), FileStyle::Messages { most: 262_144 });
        assert_eq!(of(Product::Mvrx, true), FileStyle::Messages { most: 262_144 });
        assert_eq!(of(Product::Mvrx, false), FileStyle::OneMessage);
        for product in [Product::ThePult, Product::Other] {
            assert_eq!(of(product, true), FileStyle::OneMessage);
        }
        assert_eq!(options.style(Product::Mvr4j, true, false), FileStyle::OneMessage);
        let all = HostOptions { pieces_for_all: Some(1 << 20), ..HostOptions::default() };
        assert_eq!(all.style(Product::Other, true, true), FileStyle::Messages { most: 1 << 20 });
    }
}
