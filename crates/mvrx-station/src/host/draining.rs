//! A file on its way into our store that does not cost its owner the connection when our own disk fails: the rest is read away.
//!
//! It knows no rule of the exchange. Whoever sent the file did nothing wrong, and the connection has to be read on to stay in step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mvrx_core::ConnId;
use mvrx_core::host::Input;
use mvrx_transport::{BoxError, FileSink};
use tokio::sync::mpsc;

use super::growing::{Fault, Growing, GrowingSink};
use super::link::Report;

/// Tells the driver, once, that a file cannot be stored.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    conn: ConnId,
    reports: mpsc::Sender<Report>,
    told: Arc<AtomicBool>,
}

impl Trouble {
    pub(super) fn new(conn: ConnId, reports: mpsc::Sender<Report>) -> Self {
        Self { conn, reports, told: Arc::default() }
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    pub(super) async fn tell(&self, what: String) {
        self.told.store(true, Ordering::SeqCst);
        // Nobody listens any more: the file ends with the driver, too.
        let _ = self.reports.send(self.report(what)).await;
    }

    /// On a thread that may block.
    fn tell_from_thread(&self, what: String) {
        self.told.store(true, Ordering::SeqCst);
        let _ = self.reports.blocking_send(self.report(what));
    }

    fn report(&self, what: String) -> Report {
        Report::Input(Input::NotStored { conn: self.conn, what })
    }
}

/// Takes a file as long as it can be stored, and goes on without storing it.
#[derive(Debug)]
pub(super) struct DrainingSink {
    into: Option<(Box<GrowingSink>, Arc<Growing>, Trouble)>,
}

impl DrainingSink {
    /// For a file that nobody wants.
    pub(super) fn nowhere() -> Self {
        Self { into: None }
    }

    pub(super) fn into(sink: GrowingSink, growing: Arc<Growing>, trouble: Trouble) -> Self {
        Self { into: Some((Box::new(sink), growing, trouble)) }
    }
}

/// What is our own fault is told and forgiven.
fn forgive(result: Result<(), BoxError>, growing: &Growing, trouble: &Trouble) -> Result<bool, BoxError> {
    match result {
        Ok(()) => Ok(true),
        // req: HDR-11
        Err(error) if growing.failed_here() => {
            let what = growing.take_fault().map_or_else(|| error.to_string(), |Fault { what, .. }| what);
            trouble.tell_from_thread(what);
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

impl FileSink for DrainingSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        let Some((sink, growing, trouble)) = &mut self.into else { return Ok(()) };
        if !forgive(sink.write(bytes), growing, trouble)? {
            self.into = None;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        let Some((sink, growing, trouble)) = self.into else { return Ok(()) };
        forgive(sink.finish(), &growing, &trouble).map(drop)
    }
}
