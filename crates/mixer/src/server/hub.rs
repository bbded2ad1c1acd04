//! The one place where connections, the room server and the disk meet. Lives on one thread; nothing is borrowed across an `await`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use mixer_proto::server::{ClientKey, Input, Limits, Metrics, Output, RoomContent, RoomKey, RoomServer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::store::{Report, Store};

/// One connection, as the hub and its task share it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// The task looks again: reading may go on, writing is blocked, or the end has come.
    pub(super) wake: Notify,
    /// The system takes no more bytes; the task waits until it does.
    pub(super) blocked: Cell<bool>,
    pub(super) closing: Cell<bool>,
}

#[derive(Debug)]
pub(super) struct Hub {
    rooms: RefCell<RoomServer>,
    connections: RefCell<HashMap<ClientKey, Rc<Connection>>>,
    /// Clients with something to write, and clients to close, at the end of the round.
    ready: RefCell<Vec<ClientKey>>,
    closing: RefCell<Vec<ClientKey>>,
    /// Where all connections read into; see [`Hub::lend_buffer`].
    buffer: RefCell<BytesMut>,
    round: Notify,
    started: Instant,
    pub(super) limits: Limits,
    store: RefCell<Option<Store>>,
    /// Reading goes on when the disk has caught up.
    store_caught_up: Notify,
    disk: Cell<DiskHealth>,
    /// Bytes kept for frames of which only a part has come: of all connections, and of each that keeps some.
    unfinished_bytes: Cell<usize>,
    unfinished_of: RefCell<HashMap<ClientKey, usize>>,
}

/// Counts what one connection keeps of an unfinished frame into the sum of all.
pub(super) struct Unfinished {
    hub: Rc<Hub>,
    key: ClientKey,
    bytes: usize,
}

impl Unfinished {
    /// So much is kept now. An error, when it is too much for all together, names the client for which most is kept, and the sum of all.
    // req: MIX-LIMIT-6
    pub(super) fn is(&mut self, bytes: usize) -> Result<(), (ClientKey, usize)> {
        let kept = self.hub.unfinished_bytes.get() - self.bytes + bytes;
        let grows = bytes > self.bytes;
        self.hub.unfinished_bytes.set(kept);
        if bytes != self.bytes {
            self.bytes = bytes;
            let mut of = self.hub.unfinished_of.borrow_mut();
            if bytes > 0 {
                of.insert(self.key, bytes)
            } else {
                of.remove(&self.key)
            };
        }
        if !grows || kept <= self.hub.limits.unfinished_bytes {
            return Ok(());
        }
        let of = self.hub.unfinished_of.borrow();
        let most = of.iter().max_by_key(|(key, bytes)| (**bytes, **key)).map_or(self.key, |(key, _)| *key);
        Err((most, kept))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.hub.unfinished_bytes.set(self.hub.unfinished_bytes.get() - self.bytes);
        self.hub.unfinished_of.borrow_mut().remove(&self.key);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct DiskHealth {
    failing: bool,
    failures: u64,
}

impl Hub {
    pub(super) fn new(rooms: RoomServer, limits: Limits, store: Option<Store>) -> Rc<Self> {
        Rc::new(Self {
            rooms: RefCell::new(rooms),
            connections: RefCell::default(),
            ready: RefCell::default(),
            closing: RefCell::default(),
            buffer: RefCell::default(),
            round: Notify::new(),
            started: Instant::now(),
            limits,
            store: RefCell::new(store),
            store_caught_up: Notify::new(),
            disk: Cell::default(),
            unfinished_bytes: Cell::default(),
            unfinished_of: RefCell::default(),
        })
    }

    /// The share that one connection has in what is kept of unfinished frames.
    pub(super) fn unfinished(self: &Rc<Self>, key: ClientKey) -> Unfinished {
        Unfinished { hub: Rc::clone(self), key, bytes: 0 }
    }

    pub(super) fn has_store(&self) -> bool {
        self.store.borrow().is_some()
    }

    pub(super) fn metrics(&self) -> Metrics {
        let mut metrics = self.rooms.borrow().metrics();
        let disk = self.disk.get();
        (metrics.disk_failing, metrics.disk_failures) = (disk.failing, disk.failures);
        metrics.disk_behind = self.is_store_behind();
        metrics
    }

    /// A client of the room server for this connection.
    pub(super) fn connect(
        &self,
        address: std::net::SocketAddr,
        stream: TcpStream,
    ) -> Result<(ClientKey, Rc<Connection>), (TcpStream, String)> {
        let key = match self.rooms.borrow_mut().connect(self.now(), address) {
            Ok(key) => key,
            Err(refused) => return Err((stream, refused.to_string())),
        };
        let connection = Rc::new(Connection {
            stream,
            wake: Notify::new(),
            blocked: Cell::new(false),
            closing: Cell::new(false),
        });
        self.connections.borrow_mut().insert(key, Rc::clone(&connection));
        self.round.notify_one();
        Ok((key, connection))
    }

    /// Takes what happened; the rest is done at the end of the round.
    pub(super) fn step(&self, input: Input) {
        let mut rooms = self.rooms.borrow_mut();
        for output in rooms.step(self.now(), input) {
            self.handle(output);
        }
        self.round.notify_one();
    }

    fn handle(&self, output: Output) {
        match output {
            Output::Ready { client } => self.ready.borrow_mut().push(client),
            Output::Resume { client } => self.wake(client),
            Output::Close { client, name, reason } => {
                tracing::warn!("dropped {name}: {reason}");
                self.closing.borrow_mut().push(client);
            }
            Output::Store(operation) => {
                if let Some(store) = &mut *self.store.borrow_mut() {
                    store.push(operation);
                }
            }
            _ => {}
        }
    }

    pub(super) fn disconnect(&self, key: ClientKey) {
        self.connections.borrow_mut().remove(&key);
        self.step(Input::Disconnected { client: key });
    }

    pub(super) fn may_read(&self, key: ClientKey) -> bool {
        self.rooms.borrow_mut().may_read(key)
    }

    /// Whether the disk is so far behind that nothing is to be read from clients.
    pub(super) fn is_store_behind(&self) -> bool {
        self.store.borrow().as_ref().is_some_and(Store::is_behind)
    }

    /// Waits until it may have caught up.
    pub(super) async fn store_caught_up(&self) {
        self.store_caught_up.notified().await;
    }

    /// The buffer all connections without half a frame read into. It is lent for one turn of a task and comes back; bytes that are still shared then
    /// keep the memory, and the next turn gets fresh memory.
    pub(super) fn lend_buffer(&self) -> BytesMut {
        std::mem::take(&mut *self.buffer.borrow_mut())
    }

    pub(super) fn return_buffer(&self, buffer: BytesMut) {
        *self.buffer.borrow_mut() = buffer;
    }

    /// Ends a round whenever something has happened, after everything else that was ready had its turn, and when the room server has a deadline.
    // req: MIX-BUG-6, MIX-BUG-12
    pub(super) async fn end_rounds(self: Rc<Self>) {
        loop {
            let deadline = self.rooms.borrow().deadline();
            match deadline {
                Some(deadline) => tokio::select! {
                    () = self.round.notified() => {}
                    () = tokio::time::sleep_until(self.started + deadline) => {}
                },
                None => self.round.notified().await,
            }
            self.end_round();
        }
    }

    fn end_round(&self) {
        for output in self.rooms.borrow_mut().step(self.now(), Input::EndOfRound) {
            self.handle(output);
        }
        if let Some(store) = &mut *self.store.borrow_mut() {
            store.submit();
        }
        // Writing frees room in outboxes, which may fill them again with history or updates that were held back.
        loop {
            let ready = std::mem::take(&mut *self.ready.borrow_mut());
            if ready.is_empty() {
                break;
            }
            for key in ready {
                self.write(key);
            }
        }
        for key in std::mem::take(&mut *self.closing.borrow_mut()) {
            if let Some(connection) = self.connections.borrow().get(&key) {
                connection.closing.set(true);
            }
            self.wake(key);
        }
    }

    /// Writes until nothing is left or the system takes no more.
    pub(super) fn write(&self, key: ClientKey) {
        let Some(connection) = self.connections.borrow().get(&key).cloned() else { return };
        if connection.blocked.get() {
            return;
        }
        loop {
            let written = write_some(&self.rooms.borrow(), key, &connection.stream);
            match written {
                Ok(0) => return,
                Ok(count) => {
                    for output in
                        self.rooms.borrow_mut().step(self.now(), Input::Written { client: key, count })
                    {
                        self.handle(output);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection.blocked.set(true);
                    connection.wake.notify_one();
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    connection.closing.set(true);
                    connection.wake.notify_one();
                    return;
                }
            }
        }
    }

    /// What the disk reports.
    pub(super) async fn take_store_reports(self: Rc<Self>) {
        let Some(mut reports) = self.store.borrow_mut().as_mut().and_then(Store::take_reports) else {
            return;
        };
        while let Some(report) = reports.recv().await {
            match report {
                Report::Durable { ticket } => self.step(Input::Durable { ticket }),
                Report::WantsRewrite { room } => {
                    let content = self.rooms.borrow_mut().content(room);
                    if let (Some(content), Some(store)) = (content, &mut *self.store.borrow_mut()) {
                        store.rewrite(room, content);
                    }
                }
                Report::Progress => {}
                Report::Failed { error } => {
                    self.disk.set(DiskHealth { failing: true, failures: self.disk.get().failures + 1 });
                    tracing::error!("rooms are not kept on disk for now: {error}");
                }
                Report::WantsEverything => {
                    if let Some(store) = &mut *self.store.borrow_mut() {
                        store.resume(self.everything());
                    }
                }
                Report::Resumed => {
                    self.disk.set(DiskHealth { failing: false, ..self.disk.get() });
                    tracing::warn!("rooms are kept on disk again");
                }
            }
            if !self.is_store_behind() {
                self.store_caught_up.notify_waiters();
            }
        }
    }

    /// All rooms as they stand; their commands are shared, not copied.
    fn everything(&self) -> Vec<(RoomKey, RoomContent)> {
        let mut rooms = self.rooms.borrow_mut();
        let keys = rooms.rooms();
        keys.into_iter().filter_map(|room| rooms.content(room).map(|content| (room, content))).collect()
    }

    /// Closes everything and waits for the disk.
    pub(super) fn stop(&self) {
        // What has changed in this round is stored at its end.
        self.end_round();
        for connection in self.connections.borrow().values() {
            connection.closing.set(true);
            connection.wake.notify_one();
        }
        let store = self.store.borrow_mut().take();
        if let Some(mut store) = store {
            if self.disk.get().failing {
                // The last chance; a disk that still fails has said so already.
                store.resume(self.everything());
            }
            store.close();
        }
    }

    fn wake(&self, key: ClientKey) {
        if let Some(connection) = self.connections.borrow().get(&key) {
            connection.wake.notify_one();
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

fn write_some(rooms: &RoomServer, key: ClientKey, stream: &TcpStream) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let mut filled = 0;
    for (slot, slice) in slices.iter_mut().zip(rooms.unsent(key)) {
        *slot = IoSlice::new(slice);
        filled += 1;
    }
    match slices.get(..filled) {
        Some(slices) if filled > 0 => stream.try_write_vectored(slices),
        _ => Ok(0),
    }
}

const SLICES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: MIX-LIMIT-6
    #[test]
    fn unfinished_frames_of_all_may_come_to_the_limit_and_not_a_byte_beyond() {
        let mut limits = Limits::default();
        limits.unfinished_bytes = 100;
        let mut rooms = RoomServer::new(limits.clone());
        let mut connect = |port| rooms.connect(Duration::ZERO, ([192, 0, 2, 1], port).into()).unwrap();
        let (large, small) = (connect(1), connect(2));
        let hub = Hub::new(rooms, limits, None);
        let (mut one, mut other) = (hub.unfinished(large), hub.unfinished(small));
        assert_eq!((one.is(60), other.is(40)), (Ok(()), Ok(())));
        // Who keeps most goes, not who comes last.
        assert_eq!(other.is(41), Err((large, 101)));
        assert_eq!(one.is(61), Err((large, 102)));
        // Who needs less is not turned away for what others keep; what is gone no longer counts.
        assert_eq!(one.is(59), Ok(()));
        drop(one);
        assert_eq!(other.is(100), Ok(()));
    }
}
