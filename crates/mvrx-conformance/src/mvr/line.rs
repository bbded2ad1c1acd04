//! A connection on which messages are said and heard.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::package::{self, FILE, JSON, NoPackage, Package};
use crate::judge::{Limits, Options};
use crate::transcript::{Transcript, Way};
use crate::verdict::{Outcome, fail};
use crate::wire::Wire;

/// A connection of messages.
#[derive(Debug)]
pub(crate) struct Line {
    wire: Wire,
    transcript: Transcript,
    wait: Duration,
    limits: Limits,
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
    pub(crate) fn tcp(wire: Wire, transcript: Transcript, options: &Options) -> Self {
        Self { wire, transcript, wait: options.wait, limits: options.limits }
    }

    pub(crate) fn say(&mut self, message: &Value) -> Outcome {
        self.say_bytes(message.to_string().as_bytes())
    }

    /// A message as bytes, whatever is in them.
    pub(crate) fn say_bytes(&mut self, json: &[u8]) -> Outcome {
        self.transcript.note(Way::Sent, "message", json);
        self.write(&package::package(JSON, json))
    }

    /// Bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Outcome {
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
            let more = header.number.saturating_add(1) < header.count && !short && parts < PARTS;
            if more {
                continue;
            }
            return if header.kind == FILE {
                Heard::File(File { bytes: whole, parts, short })
            } else {
                read(&whole)
            };
        }
    }

    fn no_answer(&self) -> String {
        format!("no answer within {} s on the connection that asked", self.wait.as_secs_f64())
    }
}

/// A message; letters that are none are judged elsewhere.
fn read(bytes: &[u8]) -> Heard {
    match serde_json::from_str::<Value>(&String::from_utf8_lossy(bytes)) {
        Ok(message) if message.is_object() => Heard::Message(message),
        Ok(_) => Heard::Nonsense("JSON that is no object".to_owned()),
        Err(error) => Heard::Nonsense(format!("what is no JSON ({error})")),
    }
}

/// What a product may say of its own accord while the judge waits for an answer.
fn is_question(message: &Value) -> bool {
    let kind = message.get("Type").and_then(Value::as_str).unwrap_or_default();
    matches!(kind, "MVR_JOIN" | "MVR_LEAVE" | "MVR_COMMIT" | "MVR_REQUEST" | "MVR_NEW_SESSION_HOST")
}

const CLOSED: &str = "the connection was closed without an answer";

/// So many messages of its own while the judge waits are more than anybody has to say.
const OWN_MESSAGES: usize = 256;
const PARTS: usize = 4096;
