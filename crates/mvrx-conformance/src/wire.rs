//! A socket on which every wait ends and every read is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Why bytes did not come.
#[derive(Debug)]
pub(crate) enum End {
    /// The time is over; what came stays for the next read.
    Silence,
    /// The other side closed, or reset.
    Closed,
}

// req: CNF-03
/// A connection and what was read of it and not yet taken.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    held: Vec<u8>,
    taken: usize,
}

impl Wire {
    pub(crate) fn connect(addresses: &[SocketAddr], wait: Duration) -> Result<Self, String> {
        let mut last = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(address, wait) {
                Ok(stream) => return Self::over(stream, wait),
                Err(error) => last = format!("{address}: {error}"),
            }
        }
        Err(last)
    }

    pub(crate) fn over(stream: TcpStream, wait: Duration) -> Result<Self, String> {
        let ready = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(wait)));
        ready.map_err(|error| error.to_string())?;
        Ok(Self { stream, held: Vec::new(), taken: 0 })
    }

    /// All of it, or the other side does not read or is gone.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write_all(bytes).map_err(|error| end(&error))
    }

    /// Waits until so many bytes are there.
    pub(crate) fn fill(&mut self, bytes: usize, until: Instant) -> Result<(), End> {
        let mut piece = [0; 16 * 1024];
        while self.ready().len() < bytes {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(End::Silence);
            }
            self.stream.set_read_timeout(Some(left)).map_err(|error| end(&error))?;
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(End::Closed),
                Ok(read) => self.held.extend_from_slice(piece.get(..read).unwrap_or(&[])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(end(&error)),
            }
        }
        Ok(())
    }

    /// What is here already.
    pub(crate) fn ready(&self) -> &[u8] {
        self.held.get(self.taken..).unwrap_or(&[])
    }

    /// The first bytes of what is here, no longer held.
    pub(crate) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let taken = self.ready().get(..bytes).unwrap_or(self.ready()).to_vec();
        self.taken += taken.len();
        if self.taken == self.held.len() {
            self.held.clear();
            self.taken = 0;
        }
        taken
    }

    pub(crate) fn read(&mut self, bytes: usize, until: Instant) -> Result<Vec<u8>, End> {
        self.fill(bytes, until)?;
        Ok(self.take(bytes))
    }

    /// Says that nothing more comes from here; what the other side still says can be read.
    pub(crate) fn finish(&self) {
        // Where it is gone already, nothing is to be finished.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

fn end(error: &std::io::Error) -> End {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => End::Silence,
        _ => End::Closed,
    }
}
