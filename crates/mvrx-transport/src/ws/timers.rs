//! How long the reader waits for what.
//!
//! | where the stream stands | who is waited for | timer | then |
//! |---|---|---|---|
//! | accepted, nothing came yet | peer | `first_byte` from the handshake | `NothingAfterConnecting` |
//! | between messages | peer | `ping_after` from the last read | a ping |
//! | between messages, a ping is out | peer | `pong_within` from the ping | `PingNotAnswered` |
//! | between messages, no pings | either side | `idle` from the last read or write | `Idle` |
//! | our close frame is out | peer | `close_within` from it or the last read | `CloseNotAnswered` |
//! | in a frame's head or a control frame | peer | `header` from its first byte | `HeaderTooSlow` |
//! | in a text | peer | `json_idle` from the last read, `json_complete` from its first byte | `JsonStalled`, `JsonTooSlow` |
//!
//! While a file goes out the silence of the peer means nothing: it may be busy reading. A file that comes in is timed
//! by the pump that moves it.

use lan_net::deadline::Deadline;
use tokio::time::Instant;

use super::frame::Place;
use crate::error::ReadError;
use crate::stream::{Link, Origin, Shared};

#[derive(Debug, Default)]
pub(super) struct Timers {
    last_read: Option<Instant>,
    pinged: Option<Instant>,
    header_by: Deadline,
    silent_until: Deadline,
    message_by: Deadline,
}

/// What a timer asks for.
#[derive(Debug)]
pub(super) enum Due {
    Ping,
    End(ReadError),
    /// Look again then.
    Nothing,
}

impl Timers {
    /// Bytes came.
    pub(super) fn read(&mut self) {
        self.last_read = Some(Instant::now());
        self.pinged = None;
        self.silent_until.disarm();
    }

    pub(super) fn pinged(&mut self) {
        self.pinged = Some(Instant::now());
    }

    /// A message is complete.
    pub(super) fn message_done(&mut self) {
        self.header_by.disarm();
        self.silent_until.disarm();
        self.message_by.disarm();
    }

    /// A control frame is complete.
    pub(super) fn control_done(&mut self) {
        self.header_by.disarm();
    }

    /// When to stop waiting, and what for.
    // req: WSK-12, TRA-07, TRA-08
    pub(super) fn due<L: Link>(
        &mut self,
        (place, received, missing): (Place, usize, u64),
        closing: Option<Instant>,
        shared: &Shared<L>,
    ) -> (Deadline, Due) {
        let limits = &shared.limits;
        match place {
            Place::BetweenMessages | Place::Closed => {
                self.message_done();
                return self.between_messages(closing, shared);
            }
            Place::InHead | Place::InBinary => {
                self.silent_until.disarm();
                if !self.header_by.is_armed() {
                    self.header_by.rearm(limits.header);
                }
                let slow = ReadError::HeaderTooSlow { received, allowed: limits.header };
                return (self.header_by, Due::End(slow));
            }
            Place::InText => self.header_by.disarm(),
        }
        if !self.silent_until.is_armed() {
            self.silent_until.rearm(limits.json_idle);
        }
        if !self.message_by.is_armed() {
            self.message_by.rearm(limits.json_complete);
        }
        let error = if self.silent_until.earlier(self.message_by) == self.silent_until {
            ReadError::JsonStalled { missing, allowed: limits.json_idle }
        } else {
            ReadError::JsonTooSlow { allowed: limits.json_complete }
        };
        (self.silent_until.earlier(self.message_by), Due::End(error))
    }

    fn between_messages<L: Link>(&self, closing: Option<Instant>, shared: &Shared<L>) -> (Deadline, Due) {
        let limits = &shared.limits;
        let from = |at: Instant, limit| at.checked_add(limit).map_or_else(Deadline::never, Deadline::until);
        let last_read = self.last_read.unwrap_or(shared.opened);
        if shared.is_sending_file() {
            return (Deadline::after(limits.pong_within), Due::Nothing);
        }
        if let Some(closing) = closing {
            let allowed = limits.close_within;
            let error = ReadError::CloseNotAnswered { allowed };
            return (from(closing.max(last_read), allowed), Due::End(error));
        }
        if let (None, Origin::Accepted(_), Some(allowed)) =
            (self.last_read, &shared.origin, limits.first_byte)
        {
            return (from(shared.opened, allowed), Due::End(ReadError::NothingAfterConnecting { allowed }));
        }
        match (self.pinged, limits.ping_after, limits.idle) {
            (Some(pinged), ..) => {
                let allowed = limits.pong_within;
                // What was sent meanwhile may keep the peer busy.
                let last = pinged.max(shared.last_write());
                (from(last, allowed), Due::End(ReadError::PingNotAnswered { allowed }))
            }
            (None, Some(after), _) => (from(last_read, after), Due::Ping),
            (None, None, Some(allowed)) => {
                let last = last_read.max(shared.last_write());
                (from(last, allowed), Due::End(ReadError::Idle { allowed }))
            }
            (None, None, None) => (Deadline::never(), Due::Nothing),
        }
    }
}
