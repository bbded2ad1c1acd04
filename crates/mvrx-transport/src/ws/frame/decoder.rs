//! Bytes into steps.
//!
//! ```text
//!              head of a frame              all of its payload, not the last frame
//!   IN HEAD ───────────────────► IN PAYLOAD ─────────────────────────────────────────► IN HEAD
//!      ▲                             │ all of its payload, the last frame of its message
//!      └── Text, BinaryEnds, Ping, Pong ◄┘
//!                                    └── Close ──► CLOSED (for ever: whatever comes is dropped)
//! ```
//! Beside that runs the message that is open between its fragments: none, a text, or a binary one; control frames
//! pass between its fragments and leave it alone.

use super::error::FrameError;
use super::head::{FrameHead, Opcode, mask};
use super::{FrameLimits, Role};

/// Reads the frames of one direction of a connection.
#[derive(Debug)]
pub struct FrameDecoder {
    role: Role,
    limits: FrameLimits,
    frame: Option<Frame>,
    message: Option<Kind>,
    /// The text that is open, and how much of it is known to be UTF-8.
    text: Vec<u8>,
    checked: usize,
    frames: u32,
    /// The payload of the control frame that is open.
    control: Vec<u8>,
    closed: bool,
}

/// What bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Everything was consumed that can be; more bytes are needed.
    Incomplete,
    /// A whole text.
    Text(&'a str),
    /// A binary message begins.
    BinaryBegins {
        /// Bytes of its first frame.
        frame: u64,
        /// Whether that is all of it.
        fin: bool,
    },
    /// The last so many of the consumed bytes are payload of the binary message, unmasked in place. At least one.
    Payload(usize),
    /// The binary message is complete.
    BinaryEnds,
    /// To be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// An answer, or a greeting that nobody asked for.
    Pong(&'a [u8]),
    /// The peer sends nothing more.
    Close {
        /// Why, by number; `None` if the peer did not say.
        code: Option<u16>,
        /// Why, in its words.
        reason: &'a str,
    },
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Between messages.
    BetweenMessages,
    /// In the head of a frame or in a control frame, or between them within a binary message.
    InHead,
    /// In a text.
    InText,
    /// In a binary message.
    InBinary,
    /// Behind the peer's close frame.
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    kind: Option<Kind>,
    fin: bool,
    remaining: u64,
    key: Option<[u8; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

/// One turn of the loop.
enum Turn {
    Consumed(usize),
    Starved(usize),
    Found(usize, Found),
}

/// A step before it borrows.
#[derive(Clone, Copy)]
enum Found {
    Text,
    BinaryBegins { frame: u64, fin: bool },
    Payload(usize),
    BinaryEnds,
    Control(Opcode),
}

impl FrameDecoder {
    /// Reads what comes to `role`.
    #[must_use]
    pub fn new(role: Role, limits: FrameLimits) -> Self {
        Self {
            role,
            limits,
            frame: None,
            message: None,
            text: Vec::new(),
            checked: 0,
            frames: 0,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Texts may have so many bytes from the next frame on.
    pub(crate) fn set_text_bytes(&mut self, most: usize) {
        self.limits.text_bytes = most;
    }

    /// Reads on, to the next thing that matters, and says how many bytes that took.
    ///
    /// # Errors
    /// What is wrong with the bytes. Nothing more may be decoded then.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<(usize, Step<'_>), FrameError> {
        let mut consumed = 0;
        loop {
            if self.closed {
                return Ok((input.len(), Step::Incomplete));
            }
            match self.turn(input.get_mut(consumed..).unwrap_or_default())? {
                Turn::Consumed(count) => consumed += count,
                Turn::Starved(count) => return Ok((consumed + count, Step::Incomplete)),
                Turn::Found(count, found) => return Ok((consumed + count, self.step(found)?)),
            }
        }
    }

    /// Where the stream stands, with so many bytes that were not consumed.
    #[must_use]
    pub fn place(&self, unconsumed: usize) -> Place {
        match (self.closed, self.message, self.frame) {
            (true, ..) => Place::Closed,
            (_, _, Some(frame)) if frame.opcode.is_control() => Place::InHead,
            (_, Some(Kind::Text), _) => Place::InText,
            (_, Some(Kind::Binary), Some(_)) => Place::InBinary,
            (_, Some(Kind::Binary), None) => Place::InHead,
            (_, None, Some(frame)) if frame.kind == Some(Kind::Text) => Place::InText,
            (_, None, Some(_)) => Place::InBinary,
            (_, None, None) if unconsumed > 0 => Place::InHead,
            (_, None, None) => Place::BetweenMessages,
        }
    }

    /// Bytes of the open frame that did not come, where they are known.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.frame.map_or(0, |frame| frame.remaining)
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// What it means that the stream ended here, with so many bytes that were not consumed.
    ///
    /// # Errors
    /// Everything but an end behind a close frame is one.
    pub fn finish(&self, unconsumed: usize) -> Result<(), FrameError> {
        if self.closed {
            Ok(())
        } else if self.frame.is_some() || unconsumed > 0 {
            Err(FrameError::StreamEndedInFrame)
        } else if self.message.is_some() {
            Err(FrameError::StreamEndedInMessage)
        } else {
            Err(FrameError::StreamEndedUnclosed)
        }
    }

    fn turn(&mut self, input: &mut [u8]) -> Result<Turn, FrameError> {
        let Some(mut frame) = self.frame else { return self.head(input) };
        if frame.remaining == 0 {
            self.frame = None;
            return Ok(self.end_of(frame));
        }
        let most = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(input.len());
        let payload = input.get_mut(..most).unwrap_or_default();
        if payload.is_empty() {
            return Ok(Turn::Starved(0));
        }
        frame.key = frame.key.map(|key| mask(payload, key));
        frame.remaining -= payload.len() as u64;
        self.frame = Some(frame);
        match frame.kind {
            Some(Kind::Binary) => return Ok(Turn::Found(most, Found::Payload(most))),
            Some(Kind::Text) => self.collect(payload)?,
            None => self.control.extend_from_slice(payload),
        }
        Ok(Turn::Consumed(most))
    }

    // req: WSK-04, WSK-05
    fn head(&mut self, input: &[u8]) -> Result<Turn, FrameError> {
        let Some((head, consumed)) = FrameHead::parse(input)? else { return Ok(Turn::Starved(0)) };
        match (self.role, head.mask) {
            (Role::Server, None) => return Err(FrameError::ClientFrameNotMasked),
            (Role::Client, Some(_)) => return Err(FrameError::ServerFrameMasked),
            _ => {}
        }
        let (opcode, length) = (head.opcode.number(), head.length);
        let kind = match head.opcode {
            _ if head.opcode.is_control() => {
                if !head.fin {
                    return Err(FrameError::ControlFrameFragmented { opcode });
                }
                if length > 125 {
                    return Err(FrameError::ControlFrameTooLong { opcode, length });
                }
                self.control.clear();
                None
            }
            Opcode::Continuation => Some(self.message.ok_or(FrameError::ContinuationOfNothing)?),
            _ if self.message.is_some() => return Err(FrameError::MessageInsideMessage),
            Opcode::Text => Some(Kind::Text),
            _ => Some(Kind::Binary),
        };
        if kind == Some(Kind::Text) {
            self.admit_text(head)?;
        }
        let (fin, key) = (head.fin, head.mask);
        self.frame = Some(Frame { opcode: head.opcode, kind, fin, remaining: length, key });
        if head.opcode == Opcode::Binary {
            return Ok(Turn::Found(consumed, Found::BinaryBegins { frame: length, fin }));
        }
        Ok(Turn::Consumed(consumed))
    }

    // req: WSK-08
    fn admit_text(&mut self, head: FrameHead) -> Result<(), FrameError> {
        if head.opcode == Opcode::Text {
            // What the text before this one needed is given back if it was much.
            if self.text.capacity() > KEPT {
                self.text = Vec::new();
            }
            self.text.clear();
            (self.checked, self.frames) = (0, 0);
        }
        self.frames += 1;
        let (length, allowed) =
            ((self.text.len() as u64).saturating_add(head.length), self.limits.text_bytes);
        if length > allowed as u64 {
            return Err(FrameError::TextLongerThanLimit { length, allowed });
        }
        let allowed = self.limits.frames_per_text;
        if self.frames > allowed {
            return Err(FrameError::TextInTooManyFrames { allowed });
        }
        Ok(())
    }

    // req: WSK-06
    fn collect(&mut self, payload: &[u8]) -> Result<(), FrameError> {
        self.text.extend_from_slice(payload);
        match std::str::from_utf8(self.text.get(self.checked..).unwrap_or_default()) {
            Ok(all) => self.checked += all.len(),
            Err(error) => {
                self.checked += error.valid_up_to();
                if error.error_len().is_some() {
                    return Err(FrameError::TextNotUtf8 { valid: self.checked });
                }
            }
        }
        Ok(())
    }

    fn end_of(&mut self, frame: Frame) -> Turn {
        if frame.opcode.is_control() {
            return Turn::Found(0, Found::Control(frame.opcode));
        }
        self.message = if frame.fin { None } else { frame.kind };
        match frame.kind {
            Some(Kind::Text) if frame.fin => Turn::Found(0, Found::Text),
            Some(Kind::Binary) if frame.fin => Turn::Found(0, Found::BinaryEnds),
            _ => Turn::Consumed(0),
        }
    }

    fn step(&mut self, found: Found) -> Result<Step<'_>, FrameError> {
        Ok(match found {
            Found::BinaryBegins { frame, fin } => Step::BinaryBegins { frame, fin },
            Found::Payload(count) => Step::Payload(count),
            Found::BinaryEnds => Step::BinaryEnds,
            Found::Text => {
                // All but a cut character at the end was checked before.
                let text = std::str::from_utf8(&self.text);
                Step::Text(text.map_err(|_| FrameError::TextNotUtf8 { valid: self.checked })?)
            }
            Found::Control(Opcode::Ping) => Step::Ping(&self.control),
            Found::Control(Opcode::Pong) => Step::Pong(&self.control),
            Found::Control(_) => {
                self.closed = true;
                close(&self.control)?
            }
        })
    }
}

// req: WSK-07
fn close(payload: &[u8]) -> Result<Step<'_>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let empty = Step::Close { code: None, reason: "" };
        return if payload.is_empty() { Ok(empty) } else { Err(FrameError::CloseCodeCut) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::CloseCodeNotAllowed { code });
    }
    let reason = std::str::from_utf8(reason).map_err(|_| FrameError::CloseReasonNotUtf8)?;
    Ok(Step::Close { code: Some(code), reason })
}

/// A longer text's memory is not kept for the next.
const KEPT: usize = 64 << 10;
