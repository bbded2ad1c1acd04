//! A scripted host of a session of WebSocket Mode: one connection of it.
//!
//! Who has joined is pinged, told of one more file by COMMIT, and asked for the first file that it announces.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::script::{Answer, answer, commit};
use super::watched::{End, Form, Framed, Given, Question, Said, Session, What, keep};
use super::{Shared, WRITE};
use crate::judge::Limits;
use crate::mvr::messages;
use crate::mvr::package::{HEADER, MAGIC};
use crate::transcript::{Transcript, Way};
use crate::wire::Wire;
use crate::ws::{self, Frame, NoFrame, handshake};

/// Answers until it ends.
pub(super) fn serve(stream: TcpStream, shared: &Shared, limits: Limits, until: Instant, connection: u64) {
    let Ok(mut wire) = Wire::over(stream, WRITE) else { return };
    let transcript = Transcript::default();
    let Ok(asked) = handshake::hear(&mut wire, until, &transcript) else { return };
    let granted = handshake::grant(&mut wire, &asked, &transcript);
    keep(&mut shared.watched().session.opened, (asked, transcript.take()));
    shared.came.notify_all();
    if granted {
        let member =
            Member { wire, shared, limits, until, connection, transcript, begun: None, has_joined: false };
        member.run();
    }
}

struct Member<'a> {
    wire: Wire,
    shared: &'a Shared,
    limits: Limits,
    until: Instant,
    connection: u64,
    transcript: Transcript,
    /// The message whose last frame did not come yet.
    begun: Option<Begun>,
    has_joined: bool,
}

struct Begun {
    text: bool,
    bytes: Vec<u8>,
    seen: Vec<String>,
}

/// The connection is over, or was ended here.
struct Over;

impl Member<'_> {
    fn run(mut self) {
        let most = self.limits.message.max(self.limits.file);
        loop {
            let left = most.saturating_sub(self.begun.as_ref().map_or(0, |begun| begun.bytes.len()));
            let goes_on = match ws::receive(&mut self.wire, left, self.until, &self.transcript) {
                Ok(frame) => self.framed(frame),
                Err(NoFrame::Closed) => {
                    self.ended(None);
                    Err(Over)
                }
                Err(NoFrame::Silence | NoFrame::TooLong(_)) => Err(Over),
            };
            self.shared.came.notify_all();
            if goes_on.is_err() {
                return;
            }
        }
    }

    fn framed(&mut self, frame: Frame) -> Result<(), Over> {
        let seen = self.transcript.take();
        let misplaced = match frame.opcode {
            ws::TEXT | ws::BINARY => self.begun.is_some(),
            ws::CONTINUATION => self.begun.is_none(),
            _ => false,
        };
        let framed = Framed {
            connection: self.connection,
            opcode: frame.opcode,
            last: frame.last,
            reserved: frame.reserved,
            key: frame.key,
            tight: frame.tight,
            length: frame.payload.len(),
            misplaced,
            seen: seen.clone(),
        };
        keep(&mut self.shared.watched().session.frames, framed);
        match frame.opcode {
            ws::PING => self.write("a pong", &ws::unmasked(0x80 | ws::PONG, &frame.payload)),
            ws::PONG => {
                if frame.payload == PING {
                    self.answered(|what| matches!(what, What::Ping));
                }
                Ok(())
            }
            ws::CLOSE => {
                let close = ws::unmasked(0x80 | ws::CLOSE, frame.payload.get(..2).unwrap_or(&[]));
                self.ended(Some((frame.payload, seen)));
                // Who closed may be gone already.
                let _ = self.wire.write(&close);
                Err(Over)
            }
            ws::TEXT | ws::BINARY | ws::CONTINUATION => self.data(frame, seen),
            _ => Ok(()),
        }
    }

    /// A piece of a message. One that is out of place is told and read on, as far as it can be.
    fn data(&mut self, frame: Frame, seen: Vec<String>) -> Result<(), Over> {
        if frame.opcode != ws::CONTINUATION {
            self.begun = Some(Begun { text: frame.opcode == ws::TEXT, bytes: Vec::new(), seen: Vec::new() });
        }
        let Some(begun) = &mut self.begun else { return Ok(()) };
        begun.bytes.extend(frame.payload);
        if begun.seen.len() < LINES {
            begun.seen.extend(seen);
        }
        match frame.last.then(|| self.begun.take()).flatten() {
            Some(whole) => self.message(whole),
            None => Ok(()),
        }
    }

    fn message(&mut self, Begun { text, bytes, seen }: Begun) -> Result<(), Over> {
        let headed = bytes.starts_with(&MAGIC.to_be_bytes());
        let body = if headed { bytes.get(HEADER..).unwrap_or(&[]) } else { &bytes };
        let message: Option<Value> = serde_json::from_str(&String::from_utf8_lossy(body)).ok();
        let message = message.filter(Value::is_object);
        if !text && message.is_none() {
            self.came(body.len() as u64);
            return Ok(());
        }
        let utf8 = std::str::from_utf8(body).is_ok();
        let form = Form::Frames { text, headed };
        let answer = {
            let mut watched = self.shared.watched();
            watched.hears(Said { form, utf8, message: message.clone(), seen });
            message.as_ref().and_then(|message| answer(&watched, message))
        };
        match answer {
            Some(Answer::Message(ret)) => self.say("an answer", &ret)?,
            Some(Answer::File) => {
                self.write("a file", &ws::unmasked(0x80 | ws::BINARY, &messages::test_file()))?;
            }
            None => {}
        }
        message.map_or(Ok(()), |message| self.goes_on(&message))
    }

    /// What the script does behind its answer.
    fn goes_on(&mut self, message: &Value) -> Result<(), Over> {
        match messages::field(message, "Type") {
            "MVR_JOIN" if !self.has_joined => {
                self.has_joined = true;
                self.ask(What::Ping, "a ping", &ws::unmasked(0x80 | ws::PING, PING))?;
                let second = {
                    let watched = self.shared.watched();
                    watched.files.get(1).map(|file| commit(&watched, file))
                };
                if let Some(second) = second {
                    self.ask(What::Commit, "a COMMIT", &framed(&second))?;
                }
                messages::commits(message).first().map_or(Ok(()), |first| self.ask_for(first))
            }
            "MVR_COMMIT" => self.ask_for(message),
            "MVR_COMMIT_RET" => {
                self.answered(|what| matches!(what, What::Commit));
                Ok(())
            }
            "MVR_REQUEST_RET" => {
                self.answered(|what| match what {
                    What::File(given) => {
                        given.refused = true;
                        true
                    }
                    _ => false,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Asks for a file that the client announced, the first time.
    fn ask_for(&mut self, commit: &Value) -> Result<(), Over> {
        let asked = self.question(|what| matches!(what, What::File(_)), |_| ()).is_some();
        let (file, author) = (messages::field(commit, "FileUUID"), messages::field(commit, "StationUUID"));
        if asked || file.is_empty() {
            return Ok(());
        }
        let size = commit.get("FileSize").and_then(Value::as_u64).unwrap_or(0);
        let request = framed(&messages::request(file, author));
        self.ask(What::File(Given { size, ..Given::default() }), "a REQUEST", &request)
    }

    fn ask(&mut self, what: What, words: &str, bytes: &[u8]) -> Result<(), Over> {
        self.write(words, bytes)?;
        let (connection, seen) = (self.connection, self.transcript.take());
        let question = Question { connection, what, answered: false, cut_off: false, seen };
        keep(&mut self.shared.watched().session.questions, question);
        Ok(())
    }

    /// So many bytes of a file came.
    fn came(&mut self, bytes: u64) {
        self.question(
            |what| matches!(what, What::File(given) if !given.refused),
            |question| {
                question.answered = true;
                if let What::File(given) = &mut question.what {
                    given.bytes = given.bytes.saturating_add(bytes);
                    given.messages += 1;
                }
            },
        );
    }

    fn answered(&mut self, mut by: impl FnMut(&mut What) -> bool) {
        let mut watched = self.shared.watched();
        let mine = watched.session.questions.iter_mut().filter(|one| one.connection == self.connection);
        for question in mine {
            if by(&mut question.what) {
                question.answered = true;
            }
        }
    }

    fn question<T>(&self, is: impl Fn(&What) -> bool, then: impl FnOnce(&mut Question) -> T) -> Option<T> {
        let mut watched = self.shared.watched();
        let Session { questions, .. } = &mut watched.session;
        questions.iter_mut().find(|one| one.connection == self.connection && is(&one.what)).map(then)
    }

    fn ended(&mut self, close: Option<(Vec<u8>, Vec<String>)>) {
        let mut watched = self.shared.watched();
        let has_left = watched.said.iter().any(|said| said.is("MVR_LEAVE"));
        for question in watched.session.questions.iter_mut().filter(|one| one.connection == self.connection) {
            question.cut_off = !has_left;
        }
        let (close, seen) = close.map_or((None, Vec::new()), |(close, seen)| (Some(close), seen));
        keep(&mut watched.session.ends, End { close, seen });
    }

    fn say(&mut self, words: &str, message: &Value) -> Result<(), Over> {
        self.write(words, &framed(message))
    }

    fn write(&mut self, words: &str, bytes: &[u8]) -> Result<(), Over> {
        self.transcript.note(Way::Sent, words, bytes);
        self.wire.write(bytes).map_err(|_| {
            self.ended(None);
            Over
        })
    }
}

fn framed(message: &Value) -> Vec<u8> {
    ws::unmasked(0x80 | ws::TEXT, message.to_string().as_bytes())
}

const PING: &[u8] = b"conformance test";
/// Of one message, for people.
const LINES: usize = 12;
