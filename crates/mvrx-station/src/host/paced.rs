//! Files that move no faster than their station may: a sink and a source around others, for threads that may block.
//!
//! They know no connection and no rule of the exchange. Who reads or sends too much waits before its next piece, so that its peer is slowed
//! by its own socket; what it had is not taken back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mvrx_transport::{BoxError, FileSink, FileSource, SourceRead};

use super::pace::{Pace, Way};

/// Takes a file piece by piece, and waits between them.
#[derive(Debug)]
struct PacedSink {
    sink: Box<dyn FileSink>,
    pace: Arc<Pace>,
    piece: usize,
}

/// `sink`, no faster than its station may send.
// req: QUO-02
pub(super) fn sink(sink: Box<dyn FileSink>, pace: &Arc<Pace>) -> Box<dyn FileSink> {
    match pace.piece() {
        None => sink,
        Some(piece) => Box::new(PacedSink { sink, pace: Arc::clone(pace), piece }),
    }
}

impl FileSink for PacedSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        for piece in bytes.chunks(self.piece) {
            self.sink.write(piece)?;
            wait(&self.pace, self.pace.own_bytes(Way::Read, piece.len()))?;
            wait(&self.pace, self.pace.bytes_of_all(Way::Read, piece.len()))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        self.sink.finish()
    }
}

/// Sleeps in short pieces, so that a connection that is over holds no thread.
fn wait(pace: &Pace, how_long: Duration) -> Result<(), BoxError> {
    let from = Instant::now();
    loop {
        let left = how_long.saturating_sub(from.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        if pace.is_over() {
            return Err("its connection ended".into());
        }
        std::thread::sleep(left.min(PATIENCE));
    }
}

/// Gives a file piece by piece.
#[derive(Debug)]
struct PacedSource {
    source: Box<dyn FileSource>,
    pace: Arc<Pace>,
    piece: usize,
    /// The piece that was given last, and is still waited for.
    due: Due,
}

/// Until when the next piece waits.
#[derive(Debug, Clone, Copy)]
enum Due {
    Now,
    /// For the station's own pace; then so many bytes count for all.
    Own(Instant, usize),
    All(Instant),
}

/// `source`, no faster than its station may fetch.
// req: QUO-02
pub(super) fn source(source: Box<dyn FileSource>, pace: &Arc<Pace>) -> Box<dyn FileSource> {
    match pace.piece() {
        None => source,
        Some(piece) => Box::new(PacedSource { source, pace: Arc::clone(pace), piece, due: Due::Now }),
    }
}

impl PacedSource {
    /// Whether the next piece may be read; waits a moment for it.
    fn is_due(&mut self) -> bool {
        let at = match self.due {
            Due::Now => return true,
            Due::Own(at, _) | Due::All(at) => at,
        };
        std::thread::sleep(at.saturating_duration_since(Instant::now()).min(PATIENCE));
        let now = Instant::now();
        if now < at {
            return false;
        }
        self.due = match self.due {
            Due::Own(_, bytes) => Due::All(now + self.pace.bytes_of_all(Way::Sent, bytes)),
            Due::All(_) | Due::Now => Due::Now,
        };
        matches!(self.due, Due::Now) || matches!(self.due, Due::All(at) if at <= now)
    }
}

impl FileSource for PacedSource {
    fn length(&self) -> u64 {
        self.source.length()
    }

    fn settled_length(&self) -> Option<u64> {
        self.source.settled_length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        if !self.is_due() {
            return Ok(SourceRead::NotYet);
        }
        let room = buffer.len().min(self.piece);
        let read = self.source.read_at(offset, buffer.get_mut(..room).unwrap_or_default())?;
        if let SourceRead::Bytes(count) = read {
            self.due = Due::Own(Instant::now() + self.pace.own_bytes(Way::Sent, count), count);
        }
        Ok(read)
    }
}

/// Whoever waits looks again after this whether it still has to.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::pace::{Paces, Rate, Rates};

    #[derive(Debug, Default)]
    struct Zeros;

    impl FileSource for Zeros {
        fn length(&self) -> u64 {
            1 << 20
        }

        fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
            Ok(SourceRead::Bytes(buffer.len()))
        }
    }

    impl FileSink for Zeros {
        fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
            assert!(bytes.len() <= 64 << 10);
            Ok(())
        }

        fn finish(self: Box<Self>) -> Result<(), BoxError> {
            Ok(())
        }
    }

    fn paces(each: Option<u64>, all: Option<u64>) -> Paces {
        let rates = |bytes: Option<u64>| Rates {
            messages: Rate { burst: 1, per_second: 1 },
            bytes: bytes.map(|per_second| Rate { burst: 1, per_second }),
        };
        Paces::new(rates(each), rates(all))
    }

    fn read_all(source: &mut dyn FileSource, length: usize) -> Duration {
        let (from, mut at, mut buffer) = (Instant::now(), 0, vec![0; 256 << 10]);
        while at < length {
            let room = buffer.len().min(length - at);
            if let SourceRead::Bytes(count) = source.read_at(at as u64, &mut buffer[..room]).unwrap() {
                at += count;
            }
        }
        from.elapsed()
    }

    // proves: QUO-02
    #[test]
    fn a_file_takes_as_long_as_its_bytes_may_and_one_beside_it_its_own_time() {
        const LENGTH: usize = 320 << 10;
        for (each, all) in [(Some(1 << 20), None), (None, Some(1 << 20))] {
            let paces = paces(each, all);
            let pace = paces.start();
            let from = Instant::now();
            sink(Box::new(Zeros), &pace).write(&vec![0; LENGTH]).unwrap();
            assert!(from.elapsed().as_millis() >= 240, "in: {:?}", from.elapsed());
            let pace = paces.start();
            let out = read_all(source(Box::new(Zeros), &pace).as_mut(), LENGTH);
            assert!(out.as_millis() >= 240, "out: {out:?}");
        }
        let free = paces(None, None).start();
        // At the pace of the others it would be a minute.
        assert!(read_all(source(Box::new(Zeros), &free).as_mut(), 64 << 20) < Duration::from_secs(30));
    }

    #[test]
    fn nobody_waits_on_a_connection_that_is_over() {
        let pace = paces(Some(10), None).start();
        let mut slow = sink(Box::new(Zeros), &pace);
        pace.end();
        let from = Instant::now();
        slow.write(&[0; 100_000]).unwrap_err();
        // A source is asked again soon, whatever it waits for.
        let mut source = source(Box::new(Zeros), &pace);
        let mut buffer = [0; 10_000];
        assert!(matches!(source.read_at(0, &mut buffer), Ok(SourceRead::Bytes(4_096))));
        assert_eq!(source.read_at(4_096, &mut buffer).unwrap(), SourceRead::NotYet);
        // The two together would wait for hours.
        assert!(from.elapsed() < Duration::from_secs(60));
    }
}
