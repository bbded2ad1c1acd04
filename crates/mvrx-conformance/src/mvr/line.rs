//! A connection on which messages are said and heard, in either mode.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::messages::is_question;
use super::package::{self, FILE, JSON, NoPackage, Package};
use crate::judge::{Limits, Options};
use crate::transcript::{Transcript, Way};
use crate::verdict::{Outcome, fail};
use crate::wire::Wire;
use crate::ws::{self, Frame, NoFrame};

/// A connection of messages.
#[derive(Debug)]
pub(crate) struct Line {
    wire: Wire,
    mode: Mode,
    transcript: Transcript,
    wait: Duration,
    limits: Limits,
    /// What came between the messages of a file.
    between: VecDeque<Heard>,
    /// How long a file will be that comes in several messages.
    expected: usize,
}

/// How messages are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Tcp,
    WebSocket,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Value),
    File(File),
    /// No message, and why not.
    Nonsense(String),
    Silence,
    Closed,
}

/// A file and how it came.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// In how many packages or messages.
    pub(crate) parts: usize,
    /// It ended before its announced length.
    pub(crate) short: bool,
}

impl Line {
    pub(crate) fn new(wire: Wire, mode: Mode, transcript: Transcript, options: &Options) -> Self {
        let (wait, limits) = (options.wait, options.limits);
        Self { wire, mode, transcript, wait, limits, between: VecDeque::new(), expected: 0 }
    }

    pub(crate) fn say(&mut self, message: &Value) -> Outcome {
        self.say_bytes(message.to_string().as_bytes())
    }

    /// A message as bytes, whatever is in them.
    pub(crate) fn say_bytes(&mut self, json: &[u8]) -> Outcome {
        self.transcript.note(Way::Sent, "message", json);
        let bytes = match self.mode {
            Mode::Tcp => package::package(JSON, json),
            Mode::WebSocket => ws::whole(ws::TEXT, json),
        };
        self.write(&bytes)
    }

    /// A whole file.
    pub(crate) fn give(&mut self, file: &[u8]) -> Outcome {
        self.transcript.note(Way::Sent, "file", file);
        let bytes = match self.mode {
            Mode::Tcp => package::package(FILE, file),
            Mode::WebSocket => ws::whole(ws::BINARY, file),
        };
        self.write(&bytes)
    }

    /// Bytes as they are.
    fn write(&mut self, bytes: &[u8]) -> Outcome {
        match self.wire.write(bytes) {
            Ok(()) => Ok(()),
            Err(_) => fail("the connection was closed before the judge had said all"),
        }
    }

    pub(crate) fn write_noted(&mut self, what: &str, bytes: &[u8]) -> Outcome {
        self.transcript.note(Way::Sent, what, bytes);
        self.write(bytes)
    }

    pub(crate) fn finish(&self) {
        self.wire.finish();
    }

    /// The next file may come in several messages; it is whole at this length.
    pub(crate) fn expect(&mut self, bytes: u64) {
        self.expected = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    /// Waits for whatever comes next.
    pub(crate) fn hear(&mut self, wait: Duration) -> Heard {
        self.hear_until(Instant::now() + wait)
    }

    /// One package, leniently.
    pub(crate) fn package(&mut self) -> Outcome<Package> {
        let until = Instant::now() + self.wait;
        match package::receive(&mut self.wire, self.limits.message, until, &self.transcript) {
            Ok(package) => Ok(package),
            Err(NoPackage::Silence) => fail(self.no_answer()),
            Err(NoPackage::Closed) => fail(CLOSED),
            Err(NoPackage::Nonsense(words)) => fail(format!("it sent {words}")),
        }
    }

    /// One frame.
    pub(crate) fn frame(&mut self) -> Outcome<Frame> {
        match self.frame_or_end()? {
            Some(frame) => Ok(frame),
            None => fail(CLOSED),
        }
    }

    /// One frame, or none where the connection ends.
    pub(crate) fn frame_or_end(&mut self) -> Outcome<Option<Frame>> {
        let until = Instant::now() + self.wait;
        match ws::receive(&mut self.wire, self.limits.message, until, &self.transcript) {
            Ok(frame) => Ok(Some(frame)),
            Err(NoFrame::Silence) => fail(self.no_answer()),
            Err(NoFrame::Closed) => Ok(None),
            Err(NoFrame::TooLong(length)) => fail(self.too_long(length)),
        }
    }

    /// Says a message and waits for the answer, whatever the product says of its own meanwhile.
    pub(crate) fn ask(&mut self, message: &Value) -> Outcome<Value> {
        self.say(message)?;
        self.answer()
    }

    /// Says a message as bytes and waits for the answer.
    pub(crate) fn ask_bytes(&mut self, json: &[u8]) -> Outcome<Value> {
        self.say_bytes(json)?;
        self.answer()
    }

    /// The next message that is no question of the product's own.
    pub(crate) fn answer(&mut self) -> Outcome<Value> {
        match self.answer_or_file()? {
            Ok(message) => Ok(message),
            Err(_) => fail("a file came in place of an answer"),
        }
    }

    /// The next message that is no question of the product's own, or a file.
    pub(crate) fn answer_or_file(&mut self) -> Outcome<Result<Value, File>> {
        let until = Instant::now() + self.wait;
        for _ in 0..OWN_MESSAGES {
            match self.hear_until(until) {
                Heard::Message(message) if is_question(&message) => {}
                Heard::Message(message) => return Ok(Ok(message)),
                Heard::File(file) => return Ok(Err(file)),
                Heard::Nonsense(words) => return fail(format!("it sent {words}")),
                Heard::Silence => return fail(self.no_answer()),
                Heard::Closed => return fail(CLOSED),
            }
        }
        fail(format!("{OWN_MESSAGES} messages of its own came, and no answer"))
    }

    fn hear_until(&mut self, until: Instant) -> Heard {
        if let Some(heard) = self.between.pop_front() {
            return heard;
        }
        match self.mode {
            Mode::Tcp => self.hear_packages(until),
            Mode::WebSocket => self.hear_messages(until),
        }
    }

    fn hear_packages(&mut self, until: Instant) -> Heard {
        let most = self.limits.message.max(self.limits.file);
        let mut whole = Vec::new();
        let mut parts = 0;
        loop {
            let Package { header, payload, short } =
                match package::receive(&mut self.wire, most - whole.len(), until, &self.transcript) {
                    Ok(package) => package,
                    Err(NoPackage::Silence) => return Heard::Silence,
                    Err(NoPackage::Closed) => return Heard::Closed,
                    Err(NoPackage::Nonsense(words)) => return Heard::Nonsense(words),
                };
            whole.extend(payload);
            parts += 1;
            if header.number.saturating_add(1) < header.count && !short && parts < PARTS {
                continue;
            }
            return if header.kind == FILE {
                Heard::File(File { bytes: whole, parts, short })
            } else {
                read(&whole)
            };
        }
    }

    /// A text, or a file in one or several binary messages; texts between those wait for the next time.
    fn hear_messages(&mut self, until: Instant) -> Heard {
        let mut file = File { bytes: Vec::new(), parts: 0, short: false };
        loop {
            let (opcode, payload) = match self.message(until) {
                Ok(message) => message,
                Err(_) if file.parts > 0 => {
                    file.short = true;
                    return Heard::File(file);
                }
                Err(NoFrame::Silence) => return Heard::Silence,
                Err(NoFrame::Closed) => return Heard::Closed,
                Err(NoFrame::TooLong(length)) => return Heard::Nonsense(self.too_long(length)),
            };
            // A message in a binary frame is judged elsewhere, and read.
            let text = opcode == ws::TEXT || (file.parts == 0 && matches!(read(&payload), Heard::Message(_)));
            if text {
                let heard = read(&payload);
                if file.parts == 0 {
                    return heard;
                }
                self.between.push_back(heard);
                continue;
            }
            file.parts += 1;
            file.bytes.extend(payload);
            if file.bytes.len() >= self.expected || file.parts >= PARTS {
                return Heard::File(file);
            }
        }
    }

    /// One whole message of WebSocket Mode; pings are answered on the way.
    fn message(&mut self, until: Instant) -> Result<(u8, Vec<u8>), NoFrame> {
        let most = self.limits.message.max(self.limits.file);
        let (mut kind, mut whole) = (ws::TEXT, Vec::new());
        for _ in 0..PARTS {
            let left = most - whole.len();
            let frame = ws::receive(&mut self.wire, left, until, &self.transcript)?;
            match frame.opcode {
                ws::PING => {
                    self.wire.write(&ws::whole(ws::PONG, &frame.payload)).map_err(|_| NoFrame::Closed)?;
                }
                ws::PONG => {}
                ws::CLOSE => return Err(NoFrame::Closed),
                opcode => {
                    if opcode != ws::CONTINUATION {
                        kind = opcode;
                    }
                    whole.extend(frame.payload);
                    if frame.last {
                        return Ok((kind, whole));
                    }
                }
            }
        }
        Err(NoFrame::TooLong(whole.len() as u64))
    }

    fn no_answer(&self) -> String {
        format!("no answer within {} s on the connection that asked", self.wait.as_secs_f64())
    }

    fn too_long(&self, length: u64) -> String {
        format!("a frame of {length} bytes; the judge reads {}", self.limits.message)
    }
}

/// A message; letters that are none are judged elsewhere.
fn read(bytes: &[u8]) -> Heard {
    // One product leaves the header of TCP Mode in front.
    let bytes = match bytes.strip_prefix(package::MAGIC.to_be_bytes().as_slice()) {
        Some(rest) => rest.get(package::HEADER - 4..).unwrap_or(rest),
        None => bytes,
    };
    match serde_json::from_str::<Value>(&String::from_utf8_lossy(bytes)) {
        Ok(message) if message.is_object() => Heard::Message(message),
        Ok(_) => Heard::Nonsense("JSON that is no object".to_owned()),
        Err(error) => Heard::Nonsense(format!("what is no JSON ({error})")),
    }
}

const CLOSED: &str = "the connection was closed without an answer";

/// So many messages of its own while the judge waits are more than anybody has to say.
const OWN_MESSAGES: usize = 256;
/// The same for pieces of one message or file.
const PARTS: usize = 65_536;
