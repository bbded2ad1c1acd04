//! What the fuzz target, its corpus and the property tests run: the frame decoder over any bytes, cut anywhere, beside
//! a model that reads a whole stream in the plainest way.
//!
//! `fuzz/fuzz_targets/` includes this file by path, so it uses nothing but `mvrx_transport::ws` and std.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mvrx_transport::ws::{FrameDecoder, FrameError, FrameLimits, Role, Step};

pub const LIMITS: FrameLimits = FrameLimits { text_bytes: 300, frames_per_text: 8 };

/// One thing that a stream said; a binary message that did not end has what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Text(String),
    Binary(Vec<u8>),
    BinaryCut(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// All that a stream said, and what was wrong with it or how it ended.
pub type Heard = (Vec<Said>, Result<(), FrameError>);

/// The first byte chooses the role and how the rest is cut.
pub fn websocket_frames(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    let role = if first & 1 == 0 { Role::Server } else { Role::Client };
    let whole = read(role, bytes, &mut |_| usize::MAX);
    assert_eq!(whole, model(role, bytes));
    let one_by_one = read(role, bytes, &mut |_| 1);
    assert_eq!(whole, one_by_one);
    let mut state = u32::from(first) + 1;
    let cut = read(role, bytes, &mut |_| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        1 + usize::try_from(state >> 16).unwrap() % 40
    });
    assert_eq!(whole, cut);
}

/// Reads a stream in pieces of the lengths that `next` gives.
pub fn read(role: Role, bytes: &[u8], next: &mut dyn FnMut(usize) -> usize) -> Heard {
    let mut decoder = FrameDecoder::new(role, LIMITS);
    let (mut held, mut said, mut binary, mut at) = (Vec::new(), Vec::new(), None::<Vec<u8>>, 0);
    loop {
        let before = held.clone();
        let (consumed, step) = match decoder.decode(&mut held) {
            Ok(decoded) => decoded,
            Err(error) => {
                said.extend(binary.map(Said::BinaryCut));
                return (said, Err(error));
            }
        };
        assert!(consumed <= before.len());
        let mut starved = false;
        let mut payload = 0;
        match step {
            Step::Incomplete => starved = true,
            Step::Text(text) => said.push(Said::Text(text.to_owned())),
            Step::BinaryBegins { .. } => binary = Some(Vec::new()),
            Step::Payload(count) => payload = count,
            Step::BinaryEnds => said.push(Said::Binary(binary.take().expect("one began"))),
            Step::Ping(payload) => said.push(Said::Ping(payload.to_vec())),
            Step::Pong(payload) => said.push(Said::Pong(payload.to_vec())),
            Step::Close { code, reason } => {
                said.extend(binary.take().map(Said::BinaryCut));
                said.push(Said::Close(code, reason.to_owned()));
            }
        }
        if payload > 0 {
            binary.as_mut().expect("one began").extend_from_slice(&held[consumed - payload..consumed]);
        }
        held.drain(..consumed);
        if starved {
            if at == bytes.len() {
                let end = decoder.finish(held.len());
                said.extend(binary.map(Said::BinaryCut));
                return (said, end);
            }
            let count = next(bytes.len() - at).min(bytes.len() - at);
            held.extend_from_slice(&bytes[at..at + count]);
            at += count;
        }
    }
}

/// The same by the letter of RFC 6455, frame by frame, over the whole stream.
pub fn model(role: Role, bytes: &[u8]) -> Heard {
    let mut model = Model { role, rest: bytes, said: Vec::new(), open: None };
    let end = model.run();
    if let Some((false, payload, _)) = model.open {
        // A close frame says so before.
        if !matches!(model.said.last(), Some(Said::Close(..))) {
            model.said.push(Said::BinaryCut(payload));
        }
    }
    (model.said, end)
}

struct Model<'a> {
    role: Role,
    rest: &'a [u8],
    said: Vec<Said>,
    /// Whether it is a text, its payload and the number of its frames.
    open: Option<(bool, Vec<u8>, u32)>,
}

impl Model<'_> {
    fn run(&mut self) -> Result<(), FrameError> {
        loop {
            if self.rest.is_empty() {
                return Err(match self.open {
                    Some(_) => FrameError::StreamEndedInMessage,
                    None => FrameError::StreamEndedUnclosed,
                });
            }
            if self.frame()? {
                return Ok(());
            }
        }
    }

    /// One frame; whether it was a close frame.
    fn frame(&mut self) -> Result<bool, FrameError> {
        let cut = FrameError::StreamEndedInFrame;
        let first = self.rest[0];
        let (fin, bits, opcode) = (first & 0x80 != 0, (first >> 4) & 7, first & 15);
        if bits != 0 {
            return Err(FrameError::ReservedBitsSet { bits });
        }
        if !matches!(opcode, 0..=2 | 8..=10) {
            return Err(FrameError::OpcodeReserved { opcode });
        }
        let second = *self.rest.get(1).ok_or(cut)?;
        let (masked, short) = (second & 0x80 != 0, u64::from(second & 0x7f));
        let extra = [0, 2, 8][if short == 126 {
            1
        } else if short == 127 {
            2
        } else {
            0
        }];
        let key_at = 2 + extra;
        let head = key_at + if masked { 4 } else { 0 };
        if self.rest.len() < head {
            return Err(cut);
        }
        let written = self.rest[2..key_at].iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let length = if extra == 0 { short } else { written };
        if length >> 63 == 1 {
            return Err(FrameError::LengthAbove63Bits { length });
        }
        if (extra == 2 && length < 126) || (extra == 8 && length < 65_536) {
            return Err(FrameError::LengthNotMinimal { length });
        }
        match (self.role, masked) {
            (Role::Server, false) => return Err(FrameError::ClientFrameNotMasked),
            (Role::Client, true) => return Err(FrameError::ServerFrameMasked),
            _ => {}
        }
        let key = if masked { self.rest[key_at..head].to_vec() } else { vec![0; 4] };
        self.admit(opcode, fin, length)?;
        let body = &self.rest[head..];
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(body.len());
        let payload: Vec<u8> = (0..here).map(|at| body[at] ^ key[at % 4]).collect();
        self.rest = &body[here..];
        self.take(opcode, fin, &payload, (here as u64) < length)
    }

    fn admit(&mut self, opcode: u8, fin: bool, length: u64) -> Result<(), FrameError> {
        if opcode >= 8 {
            if !fin {
                return Err(FrameError::ControlFrameFragmented { opcode });
            }
            return if length > 125 {
                Err(FrameError::ControlFrameTooLong { opcode, length })
            } else {
                Ok(())
            };
        }
        match (&self.open, opcode) {
            (None, 0) => return Err(FrameError::ContinuationOfNothing),
            (Some(_), 1 | 2) => return Err(FrameError::MessageInsideMessage),
            (None, _) => self.open = Some((opcode == 1, Vec::new(), 0)),
            (Some(_), _) => {}
        }
        let Some((true, text, frames)) = &mut self.open else { return Ok(()) };
        *frames += 1;
        let length = text.len() as u64 + length;
        if length > LIMITS.text_bytes as u64 {
            return Err(FrameError::TextLongerThanLimit { length, allowed: LIMITS.text_bytes });
        }
        if *frames > LIMITS.frames_per_text {
            return Err(FrameError::TextInTooManyFrames { allowed: LIMITS.frames_per_text });
        }
        Ok(())
    }

    fn take(&mut self, opcode: u8, fin: bool, payload: &[u8], cut: bool) -> Result<bool, FrameError> {
        if opcode < 8 {
            let (is_text, all, _) = self.open.as_mut().expect("it was admitted");
            all.extend_from_slice(payload);
            if *is_text && let Err(error) = std::str::from_utf8(all) {
                let over = fin && !cut;
                if error.error_len().is_some() || over {
                    return Err(FrameError::TextNotUtf8 { valid: error.valid_up_to() });
                }
            }
        }
        if cut {
            return Err(FrameError::StreamEndedInFrame);
        }
        match opcode {
            0..=2 if fin => {
                let (is_text, all, _) = self.open.take().expect("it was admitted");
                self.said.push(if is_text {
                    Said::Text(String::from_utf8(all).expect("it was checked"))
                } else {
                    Said::Binary(all)
                });
            }
            0..=2 => {}
            9 => self.said.push(Said::Ping(payload.to_vec())),
            10 => self.said.push(Said::Pong(payload.to_vec())),
            _ => return self.close(payload).map(|()| true),
        }
        Ok(false)
    }

    fn close(&mut self, payload: &[u8]) -> Result<(), FrameError> {
        let (code, reason) = match payload {
            [] => (None, String::new()),
            [_] => return Err(FrameError::CloseCodeCut),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let known = (1000..=1003).chain(1007..=1014).chain(3000..=4999).any(|known| known == code);
                if !known {
                    return Err(FrameError::CloseCodeNotAllowed { code });
                }
                let reason =
                    String::from_utf8(reason.to_vec()).map_err(|_| FrameError::CloseReasonNotUtf8)?;
                (Some(code), reason)
            }
        };
        if let Some((false, payload, _)) = self.open.take() {
            self.said.push(Said::BinaryCut(payload));
        }
        self.said.push(Said::Close(code, reason));
        Ok(())
    }
}
