//! Plays the caller of a decoder as the crate's page tells it to, and checks every promise on the way.

use mvrx_wire::{DecodeError, Decoder, HEADER_LEN, Limits, Quirk, Step};

use super::{Chunking, Message, Transcript};

/// Reads `stream`, cut as `chunking` says.
pub fn read(stream: &[u8], limits: Limits, chunking: &mut dyn Chunking) -> Transcript {
    let mut reader =
        Reader { decoder: Decoder::new(limits), limits, socket: stream, buffer: Vec::new(), promise: 0 };
    let mut messages = Vec::new();
    // A package takes at most three steps and a header's worth of bytes, and every piece takes one more.
    let mut steps_left = 8 * stream.len() + 64;
    let end = loop {
        steps_left = steps_left.checked_sub(1).expect("the decoder made no progress");
        match reader.step(chunking, &mut messages) {
            Ok(true) => {}
            Ok(false) => break reader.decoder.finish().err(),
            Err(error) => break Some(error),
        }
    };
    let quirks = reader.decoder.quirks();
    let quirks = [Quirk::PackageVersionNotOne, Quirk::PackageCountZero].map(|quirk| quirks.packages(quirk));
    Transcript { messages, end, quirks }
}

struct Reader<'a> {
    decoder: Decoder,
    limits: Limits,
    /// What the network has not delivered yet.
    socket: &'a [u8],
    buffer: Vec<u8>,
    /// Bytes that the latest `Incomplete` still misses.
    promise: usize,
}

impl Reader<'_> {
    /// One call of `decode` and what a caller does then. False at the end of the stream.
    fn step(
        &mut self,
        chunking: &mut dyn Chunking,
        messages: &mut Vec<Message>,
    ) -> Result<bool, DecodeError> {
        let (consumed, step) = match self.decoder.decode(&self.buffer) {
            Ok(found) => found,
            Err(error) => {
                assert_eq!(self.decoder.decode(&[]), Err(error), "an error stays");
                assert_eq!(self.decoder.finish(), Err(error), "an error stays");
                return Err(error);
            }
        };
        let promised = std::mem::take(&mut self.promise);
        if promised > 0 {
            let Step::Incomplete { missing } = step else { panic!("{step:?} before {promised} more bytes") };
            assert_eq!(missing, promised);
        }
        let mut incomplete = None;
        let mut on_socket_now = 0;
        match step {
            Step::Incomplete { missing } => incomplete = Some(missing),
            Step::Json(json) => {
                assert!(json.len() <= self.limits.json_bytes);
                messages.push(Message::Json(json.to_vec()));
            }
            Step::FileStart { length, packages } => {
                assert!((1..=self.limits.packages_per_message).contains(&packages));
                assert_eq!(length.is_some(), packages == 1);
                messages.push(Message::File { length, packages, bytes: Vec::new(), whole: false });
            }
            Step::FilePayload { held, on_socket } => {
                let Some(Message::File { bytes, whole: false, .. }) = messages.last_mut() else {
                    panic!("no file")
                };
                bytes.extend_from_slice(held);
                on_socket_now = on_socket;
            }
            Step::FileEnd { length } => {
                let Some(Message::File { bytes, whole, .. }) = messages.last_mut() else { panic!("no file") };
                assert!(!*whole);
                assert_eq!(length, bytes.len() as u64);
                assert!(length <= self.limits.file_bytes);
                *whole = true;
            }
        }
        self.buffer.drain(..consumed);
        assert!(self.decoder.buffered() <= self.limits.json_bytes);
        if on_socket_now > 0 && self.buffer.is_empty() && chunking.moves_itself() {
            self.move_past_the_decoder(on_socket_now, chunking, messages);
        }
        incomplete.map_or(Ok(true), |missing| Ok(self.receive(missing, chunking)))
    }

    /// Reads from the socket. False if there is nothing left.
    fn receive(&mut self, missing: usize, chunking: &mut dyn Chunking) -> bool {
        assert!(missing > 0);
        assert!(missing <= self.limits.json_bytes.max(HEADER_LEN));
        // What has to be held for want of `missing` bytes is never more than a message or a header.
        assert!(self.buffer.len() + missing <= self.limits.json_bytes.max(HEADER_LEN));
        if self.socket.is_empty() {
            return false;
        }
        let n = chunking.chunk(self.socket.len());
        let (bytes, rest) = self.socket.split_at(n);
        self.socket = rest;
        self.buffer.extend_from_slice(bytes);
        // A stream that is no package at all is told after four bytes already, before the promised ones are there.
        let header_may_be_refused = self.buffer.len() < HEADER_LEN && self.buffer.len() >= 4;
        self.promise = if header_may_be_refused { 0 } else { missing.saturating_sub(n) };
        true
    }

    fn move_past_the_decoder(
        &mut self,
        on_socket: u64,
        chunking: &mut dyn Chunking,
        messages: &mut [Message],
    ) {
        let here = self.socket.len().min(usize::try_from(on_socket).unwrap_or(usize::MAX));
        let too_many = self.decoder.file_bytes_moved(on_socket + 1).unwrap_err();
        assert_eq!(too_many.blame(), mvrx_wire::Blame::Local);
        if here == 0 {
            return;
        }
        let n = chunking.chunk(here);
        let (moved, rest) = self.socket.split_at(n);
        self.socket = rest;
        let Some(Message::File { bytes, .. }) = messages.last_mut() else { panic!("no file") };
        bytes.extend_from_slice(moved);
        self.decoder.file_bytes_moved(n as u64).unwrap();
    }
}
