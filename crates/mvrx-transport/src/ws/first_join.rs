//! The first message of a client that said no password in its handshake: a JOIN whose `Password` is right, or the end.
//!
//! ```text
//!  handshake without a password ─► one message within Limits::handshake and Limits::stranger_bytes
//!      ├── JOIN with the right Password ─► the connection, on which that JOIN comes first
//!      └── anything else ─► JOIN_RET with OK false and the reason, close frame 1008
//! ```
//! Nothing of a stranger reaches the host, and nothing of the host is told to it. Requirement PWD-06.

use std::net::IpAddr;

use lan_net::deadline::Deadline;
use mvrx_message::{Dialect, Join, JoinRet, Message, MvrVersion, Reply};

use super::door::{Door, Shut};
use super::proof::Passed;
use crate::error::{HandshakeError, ReadError, ReceiveError};
use crate::file::{FileSink, Progress};
use crate::limits::Limits;
use crate::traits::{Between, BoxFuture, Connection, FileEnding, Incoming, MessageReader};

/// Waits for the JOIN of a stranger, and gives its connection back if it is welcome.
// req: PWD-06
pub(super) async fn expect(
    door: &Door,
    from: IpAddr,
    connection: Connection,
    limits: &Limits,
) -> Result<Connection, HandshakeError> {
    let Connection { peer, local, mut reader, mut writer, .. } = connection;
    let deadline = Deadline::after(limits.handshake);
    let first = deadline.limit(first(reader.as_mut())).await;
    let judged = match &first {
        Err(_) => return Err(HandshakeError::TooSlow { allowed: limits.handshake }),
        Ok(Err(error)) => Err((Shut::NoPassword, Some(error.to_string()))),
        Ok(Ok(incoming)) => door.first_join(from, join_of(incoming)).map_err(|shut| (shut, None)),
    };
    match (judged, first) {
        (Ok(may_be), Ok(Ok(incoming))) => {
            reader.set_text_bytes(limits.json_bytes);
            let reader = Box::new(After { first: Some(incoming), rest: reader });
            Ok(Connection { peer, local, reader, writer, passed: Passed { may_be, told: None } })
        }
        (Ok(_), _) => Err(HandshakeError::KeptOut { why: Shut::NoPassword, station: None }),
        (Err((why, broken)), first) => {
            let station = first.ok().and_then(Result::ok).as_ref().and_then(join_of).map(|join| join.station);
            let words = why.to_string();
            let telling = async {
                if broken.is_none() {
                    let _ = writer.send(&refusal(&words), &Dialect::strict()).await;
                }
                let _ = writer.close_with(POLICY, &words).await;
            };
            // As far as it goes: whoever sent this may not read.
            let _ = deadline.limit(telling).await;
            Err(HandshakeError::KeptOut { why, station })
        }
    }
}

/// What comes first; a deviation of the wire is told before what it is about.
async fn first(reader: &mut dyn MessageReader) -> Result<Incoming, ReadError> {
    let incoming = reader.next().await?;
    if matches!(incoming, Incoming::Tolerated(_)) { reader.next().await } else { Ok(incoming) }
}

fn join_of(incoming: &Incoming) -> Option<&Join> {
    match incoming {
        Incoming::Message { parsed, .. } => match &parsed.message {
            Message::Join(join) => Some(join),
            _ => None,
        },
        _ => None,
    }
}

/// It says nothing of the host, not even who it is.
fn refusal(words: &str) -> Message {
    Message::JoinRet(JoinRet {
        reply: Reply::refused(words),
        provider: String::new(),
        station_name: String::new(),
        version: MvrVersion::CURRENT,
        station: None,
        commits: Vec::new(),
        ours: None,
        group: None,
        ticket: None,
        roster: None,
    })
}

/// A reader whose first message has been read already.
#[derive(Debug)]
struct After {
    first: Option<Incoming>,
    rest: Box<dyn MessageReader>,
}

impl MessageReader for After {
    fn next(&mut self) -> BoxFuture<'_, Result<Incoming, ReadError>> {
        Box::pin(async move {
            // Taken only once it is asked for: a future that is dropped before loses nothing.
            match self.first.take() {
                Some(first) => Ok(first),
                None => self.rest.next().await,
            }
        })
    }

    fn receive_file<'a>(
        &'a mut self,
        sink: Box<dyn FileSink>,
        expected: Option<u64>,
        between: Between<'a>,
        progress: Progress,
    ) -> BoxFuture<'a, Result<u64, ReceiveError>> {
        self.rest.receive_file(sink, expected, between, progress)
    }

    fn set_file_ending(&mut self, ending: FileEnding) {
        self.rest.set_file_ending(ending);
    }

    fn set_text_bytes(&mut self, most: usize) {
        self.rest.set_text_bytes(most);
    }
}

/// The close code of who breaks a rule of ours.
const POLICY: u16 = 1008;
