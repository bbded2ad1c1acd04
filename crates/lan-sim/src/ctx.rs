//! What a node can do: the calls of its host.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::bus::Announcement;
use crate::content::Bulk;
use crate::disk::Disk;
use crate::event::{ConnGone, PortTaken, Read, Take};
use crate::host::HostId;
use crate::link::Conn;
use crate::net::{Action, Load, Net};
use crate::rng::{Rng, Seed};
use crate::time::Time;
use crate::trace::What;

/// A node's host while the node handles an event. Everything it does happens at [`HostCtx::now`].
pub struct HostCtx<'a> {
    net: &'a mut Net,
    host: HostId,
}

impl<'a> HostCtx<'a> {
    pub(crate) const fn new(net: &'a mut Net, host: HostId) -> Self {
        Self { net, host }
    }

    /// Which host this is.
    pub const fn host(&self) -> HostId {
        self.host
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.net.host(self.host).map_or("", |host| &host.name)
    }

    /// How often it started, from 1.
    pub fn boot(&self) -> u32 {
        self.net.host(self.host).map_or(0, |host| host.boot)
    }

    /// The time: that of the event, and what the disk took since. Never goes backwards, whatever the wall
    /// clock does.
    pub fn now(&self) -> Time {
        self.net.local_now(self.host)
    }

    /// What the host's wall clock shows, jumps included.
    pub fn wall_clock(&self) -> SystemTime {
        let there = self.net.settings.epoch + self.now().since_start();
        let offset = self.net.host(self.host).map_or(0, |host| host.wall_offset);
        let jump = Duration::from_secs(offset.unsigned_abs());
        let shown = if offset < 0 { there.checked_sub(jump) } else { there.checked_add(jump) };
        shown.unwrap_or(there)
    }

    /// Its addresses, those included that nobody reaches.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.net
            .host(self.host)
            .map(|host| host.addresses.iter().map(|address| address.ip).collect())
            .unwrap_or_default()
    }

    /// Randomness of the host's own: the same in every run, whatever other hosts do. Goes on over restarts.
    pub fn random(&mut self) -> u64 {
        self.net.host_mut(self.host).map_or(0, |host| host.rng.next_u64())
    }

    /// A stream of its own for whatever the name says, the same after each start.
    pub fn stream(&self, name: &str) -> Rng {
        self.net.host(self.host).map_or(Seed::new(0), |host| host.seed.child("stream").child(name)).rng()
    }

    /// Its disk. What operations take passes for this node: later calls happen later, and later events wait.
    pub fn disk(&self) -> Disk {
        self.net.host(self.host).map_or_else(|| Disk::new(Seed::new(0)), |host| host.disk.clone())
    }

    /// Listens to a port on all addresses; 0 asks for any.
    ///
    /// # Errors
    /// [`PortTaken`].
    pub fn listen(&mut self, port: u16) -> Result<u16, PortTaken> {
        self.net.listen(self.host, port)
    }

    /// Listens to it no longer; open links stay.
    pub fn unlisten(&mut self, port: u16) {
        self.net.unlisten(self.host, port);
    }

    /// Dials. Always ends in [`Event::Connected`](crate::Event::Connected) or
    /// [`Event::DialFailed`](crate::Event::DialFailed), unless closed before.
    pub fn dial(&mut self, to: SocketAddr) -> Conn {
        // The host exists, for it is running: a dial of it always gives a handle.
        self.net.dial(self.host, to).unwrap_or_else(Conn::nowhere)
    }

    /// Appends up to `most` bytes to `out`. Stops early before bulk, as a read may stop anywhere; makes the
    /// bytes of bulk that comes first, so that a reader which knows nothing of bulk gets every byte.
    pub fn read(&mut self, conn: Conn, out: &mut Vec<u8>, most: usize) -> Read {
        self.net.read(conn, out, most)
    }

    /// Takes up to `most` bytes in the form they were written in: the way to move a file's bytes without
    /// making them.
    pub fn take(&mut self, conn: Conn, most: u64) -> Take {
        self.net.take(conn, most)
    }

    /// Writes what the receiver's window has room for; returns how many bytes were taken. After a part,
    /// [`Event::Writable`](crate::Event::Writable) tells when to go on. Before the link is open nothing is
    /// taken. [`SendQueue`](crate::SendQueue) does all this for nodes that do not care.
    ///
    /// # Errors
    /// [`ConnGone`] when the handle is over or finished.
    pub fn write(&mut self, conn: Conn, bytes: &[u8]) -> Result<usize, ConnGone> {
        let taken = self.net.write(conn, Load::Bytes(bytes))?;
        Ok(usize::try_from(taken).unwrap_or(bytes.len()))
    }

    /// As [`HostCtx::write`], for bulk, with the bulk window.
    ///
    /// # Errors
    /// As [`HostCtx::write`].
    pub fn write_bulk(&mut self, conn: Conn, bulk: Bulk) -> Result<u64, ConnGone> {
        self.net.write(conn, Load::Bulk(bulk))
    }

    /// How many real bytes a write would take now.
    pub fn room(&self, conn: Conn) -> u64 {
        self.net.room(conn)
    }

    /// Says that nothing follows; reading goes on. The handle is over only with [`HostCtx::close`].
    pub fn finish(&mut self, conn: Conn) {
        self.net.finish(conn);
    }

    /// Closes: what was written still arrives and then its end, unless bytes were left unread here, which
    /// makes it a reset, as on real systems. Ends a dial, too. The handle is over.
    pub fn close(&mut self, conn: Conn) {
        self.net.close(conn);
    }

    /// Resets; what is under way may be lost. The handle is over.
    pub fn abort(&mut self, conn: Conn) {
        self.net.abort(conn);
    }

    /// Where the other end is; `None` when the handle is over.
    pub fn peer(&self, conn: Conn) -> Option<SocketAddr> {
        self.net.links.get(conn).map(|link| link.ends(conn).1.addr())
    }

    /// Where this end is; `None` when the handle is over.
    pub fn local(&self, conn: Conn) -> Option<SocketAddr> {
        self.net.links.get(conn).map(|link| link.ends(conn).0.addr())
    }

    /// Announces on the discovery bus, replacing what the host announced under the same instance name.
    pub fn announce(&mut self, announcement: Announcement) {
        self.net.announce(self.host, announcement);
    }

    /// Withdraws what it announced under that name.
    pub fn withdraw(&mut self, instance: &str) {
        self.net.withdraw(self.host, instance);
    }

    /// Listens to the discovery bus, until it stops.
    pub fn browse(&mut self) {
        self.net.browse(self.host);
    }

    /// Has a sighting verified: it is heard again or vanishes within three seconds.
    pub fn suspect(&mut self, instance: &str) {
        self.net.suspect(self.host, instance);
    }

    /// Hears the datagrams that come to that port, until it stops.
    pub fn hear_datagrams(&mut self, port: u16) {
        if let Some(host) = self.net.host_mut(self.host) {
            host.hears.insert(port);
        }
    }

    /// Sends a datagram from one port to all that hear another, itself too.
    pub fn multicast(&mut self, from: u16, to: u16, bytes: &[u8]) {
        self.net.send_datagram(self.host, (from, to), None, bytes);
    }

    /// Sends a datagram from a port to one address.
    pub fn send_datagram(&mut self, from: u16, to: SocketAddr, bytes: &[u8]) {
        self.net.send_datagram(self.host, (from, to.port()), Some(to), bytes);
    }

    /// Tells [`Event::Deferred`](crate::Event::Deferred) after that time, once, unless the host stops before.
    pub fn defer(&mut self, span: Duration, token: u64) {
        let at = self.now() + span;
        let (host, boot) = (self.host, self.boot());
        self.net.queue.push(at, Action::Deferred { host, boot, token });
    }

    /// Lets the node be busy for that time: later calls happen later, later events wait.
    pub fn spend(&mut self, span: Duration) {
        if let Some(host) = self.net.host(self.host) {
            host.disk.charge(span);
        }
    }

    /// Puts something into the trace and its hash.
    pub fn mark(&mut self, label: &str, value: u64) {
        let at = self.now();
        self.net.trace.record_label(at, Some(self.host), label, value);
    }

    /// Puts a text into the trace, for people: made only when records are kept, and never part of the hash.
    pub fn note(&mut self, text: fmt::Arguments<'_>) {
        let at = self.now();
        let text = self.net.trace.is_kept().then(|| text.to_string().into());
        self.net.trace.record_text(at, Some(self.host), What::Notes, text);
    }
}

impl fmt::Debug for HostCtx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCtx").field("host", &self.host).field("now", &self.now()).finish_non_exhaustive()
    }
}
