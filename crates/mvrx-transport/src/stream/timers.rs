//! How long the reader waits for what.
//!
//! | where the stream stands | who is waited for | timer | then |
//! |---|---|---|---|
//! | accepted, nothing came yet | peer | `first_byte` from the opening | `NothingAfterConnecting` |
//! | between messages | either side | `idle` from the last read or write | `Idle` |
//! | in a header | peer | `header` from its first byte | `HeaderTooSlow` |
//! | in a JSON payload | peer | `json_idle` from the last read, `json_complete` from the first byte | `JsonStalled`, `JsonTooSlow` |
//!
//! A file's payload is timed by the pump that moves it.

use lan_net::deadline::Deadline;
use mvrx_wire::{DecodeError, Decoder, PackageType};
use tokio::time::Instant;

use super::link::{Link, Origin, Shared};
use crate::error::ReadError;

/// Where the stream stands while more bytes are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    BetweenMessages,
    InHeader,
    InJson { missing: u64 },
}

impl Place {
    /// What the decoder would miss if the stream ended here.
    pub(super) fn of(decoder: &Decoder) -> Self {
        match decoder.finish() {
            Ok(()) => Self::BetweenMessages,
            Err(DecodeError::StreamEndedInPayload { package_type: PackageType::Json, missing }) => {
                Self::InJson { missing }
            }
            Err(_) => Self::InHeader,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    last_read: Option<Instant>,
    header_by: Deadline,
    silent_until: Deadline,
    message_by: Deadline,
}

impl Timers {
    /// Bytes came.
    pub(super) fn read(&mut self) {
        self.last_read = Some(Instant::now());
        self.silent_until.disarm();
    }

    /// A message or a file's beginning is complete.
    pub(super) fn message_done(&mut self) {
        self.header_by.disarm();
        self.silent_until.disarm();
        self.message_by.disarm();
    }

    /// When waiting ends, given where the stream stands.
    pub(super) fn deadline<L: Link>(&mut self, place: Place, shared: &Shared<L>) -> Deadline {
        let limits = &shared.limits;
        match place {
            Place::BetweenMessages => {
                self.message_done();
                return self.between_messages(shared).map_or_else(Deadline::never, |(deadline, _)| deadline);
            }
            Place::InHeader => {
                self.silent_until.disarm();
                if !self.header_by.is_armed() {
                    self.header_by.rearm(limits.header);
                }
            }
            Place::InJson { .. } => {
                self.header_by.disarm();
                if !self.silent_until.is_armed() {
                    self.silent_until.rearm(limits.json_idle);
                }
            }
        }
        if !self.message_by.is_armed() {
            self.message_by.rearm(limits.json_complete);
        }
        self.header_by.earlier(self.silent_until).earlier(self.message_by)
    }

    /// The error for a deadline that passed; `None` if it moved on meanwhile.
    // req: TRA-07, TRA-08
    pub(super) fn passed<L: Link>(
        &self,
        place: Place,
        received: usize,
        shared: &Shared<L>,
    ) -> Option<ReadError> {
        let limits = &shared.limits;
        let over = |deadline: Deadline| deadline.at().is_some_and(|at| at <= Instant::now());
        Some(match place {
            Place::BetweenMessages => {
                let (deadline, error) = self.between_messages(shared)?;
                return (over(deadline) && !shared.is_sending_file()).then_some(error);
            }
            Place::InHeader if over(self.header_by) => {
                ReadError::HeaderTooSlow { received, allowed: limits.header }
            }
            Place::InJson { missing } if over(self.silent_until) => {
                ReadError::JsonStalled { missing, allowed: limits.json_idle }
            }
            Place::InHeader | Place::InJson { .. } => {
                ReadError::JsonTooSlow { allowed: limits.json_complete }
            }
        })
    }

    fn between_messages<L: Link>(&self, shared: &Shared<L>) -> Option<(Deadline, ReadError)> {
        let limits = &shared.limits;
        match (self.last_read, &shared.origin, limits.first_byte) {
            (None, Origin::Accepted(_), Some(allowed)) => {
                let at = shared.opened.checked_add(allowed)?;
                Some((Deadline::until(at), ReadError::NothingAfterConnecting { allowed }))
            }
            (last_read, ..) => {
                let allowed = limits.idle?;
                // While a file goes out nothing need come in; its own pace is watched over there.
                let now = shared.is_sending_file().then(Instant::now);
                let last = last_read.max(now).map_or(shared.last_write(), |at| at.max(shared.last_write()));
                Some((Deadline::until(last.checked_add(allowed)?), ReadError::Idle { allowed }))
            }
        }
    }
}
