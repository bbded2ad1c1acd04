//! A double over real sockets: one thread that accepts, one for each connection, all bytes go to the double under one lock.
//!
//! For integration tests against a real station. Discovery is the caller's: [`Running::sees`] tells the double who is where.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Double, Order, Quirky};

/// A double that runs. Its threads end when it is dropped.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    stop: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    double: Double,
    streams: BTreeMap<u64, TcpStream>,
    next_accepted: u64,
}

impl Running {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No socket, no thread.
    pub fn start(product: Quirky, uuid: &str, name: &str) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), product, uuid, name)
    }

    /// Starts one at this address; port 0 is any.
    ///
    /// # Errors
    /// No socket, no thread.
    pub fn start_at(at: SocketAddr, product: Quirky, uuid: &str, name: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let address = listener.local_addr()?;
        let inner =
            Inner { double: Double::new(product, uuid, name), streams: BTreeMap::new(), next_accepted: 2 };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), stop: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().spawn(move || accept(&accepting, &listener))?;
        Ok(Self { shared, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does something with the double; what it wants is carried out.
    pub fn with<R>(&self, act: impl FnOnce(&mut Double) -> R) -> R {
        let mut inner = lock(&self.shared);
        let result = act(&mut inner.double);
        carry_out(&self.shared, &mut inner);
        result
    }

    /// Tells it of a station.
    pub fn sees(&self, station: &str, at: SocketAddr) {
        self.with(|double| double.sees(station, at));
    }

    /// Waits until something is true of it, for at most `span`. Returns whether it came to that.
    pub fn wait_for(&self, span: Duration, done: impl Fn(&Double) -> bool) -> bool {
        let rounds = span.as_millis() / 10;
        for _ in 0..rounds {
            if done(&lock(&self.shared).double) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        done(&lock(&self.shared).double)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for stream in lock(&self.shared).streams.values() {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let mut inner = lock(shared);
        let conn = inner.next_accepted;
        inner.next_accepted += 2;
        inner.double.accepted(conn);
        serve(shared, &mut inner, conn, stream);
    }
}

/// Reads a connection on a thread of its own.
fn serve(shared: &Arc<Shared>, inner: &mut Inner, conn: u64, stream: TcpStream) {
    let Ok(mut reading) = stream.try_clone() else { return };
    inner.streams.insert(conn, stream);
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = reading.read(&mut buffer).unwrap_or(0);
            let mut inner = lock(&shared);
            match buffer.get(..read) {
                Some(bytes) if read > 0 => inner.double.read(conn, bytes),
                _ => inner.double.ended(conn),
            }
            carry_out(&shared, &mut inner);
            if read == 0 || !inner.streams.contains_key(&conn) {
                return;
            }
        }
    });
}

fn carry_out(shared: &Arc<Shared>, inner: &mut Inner) {
    loop {
        let orders = inner.double.orders();
        if orders.is_empty() {
            return;
        }
        for order in orders {
            match order {
                Order::Dial { conn, to } => match TcpStream::connect_timeout(&to, Duration::from_secs(1)) {
                    Ok(stream) => {
                        serve(shared, inner, conn, stream);
                        inner.double.opened(conn);
                    }
                    Err(_) => inner.double.ended(conn),
                },
                Order::Write { conn, bytes } => {
                    let written = inner.streams.get_mut(&conn).map(|stream| stream.write_all(&bytes));
                    if matches!(written, Some(Err(_))) {
                        inner.double.ended(conn);
                    }
                }
                Order::Close { conn } => {
                    if let Some(stream) = inner.streams.remove(&conn) {
                        // It may be gone already.
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                }
            }
        }
    }
}
