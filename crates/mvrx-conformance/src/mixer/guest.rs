//! A client of a Mixer server: frames are a size of 8 bytes, an id of 4 and a type of 2, the lowest byte first, then the payload.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    CLIENT_ID, CLIENT_UPDATE, CONTENT, JOIN_ROOM, LIST_CLIENTS, LIST_ROOMS, ROOM_UPDATE, SEND_ERROR,
    room_name,
};
use crate::transcript::{Transcript, Way};
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;
use crate::wire::{End, Wire};

/// A connection to a server, and who the judge is on it.
#[derive(Debug)]
pub(crate) struct Guest {
    wire: Wire,
    transcript: Transcript,
    wait: Duration,
    quiet: Duration,
    most: usize,
    /// The id by which the server knows it.
    pub(crate) id: String,
    /// What came and was not what was waited for.
    passed: VecDeque<Frame>,
}

/// What came.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u16,
    pub(crate) payload: Vec<u8>,
    /// The highest byte came first.
    pub(crate) big_endian: bool,
}

const HEADER: usize = 14;

pub(crate) fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u64).to_le_bytes().to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A text with its length in front.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes()[..], text.as_bytes()].concat()
}

pub(crate) fn truth(value: bool) -> Vec<u8> {
    u32::from(value).to_le_bytes().to_vec()
}

/// JSON as the reference writes it: in ASCII, with a blank after each comma and colon.
pub(crate) fn json(value: &Value) -> Vec<u8> {
    text(&value.to_string())
}

/// JOIN_ROOM as Blender sends it: the room, the versions of both programs, and two flags.
pub(crate) fn join(room: &str) -> Vec<u8> {
    join_with(room, "conformance test", false)
}

pub(crate) fn join_with(room: &str, version: &str, ignore: bool) -> Vec<u8> {
    [text(room), text(version), text(version), truth(ignore), truth(true)].concat()
}

impl Frame {
    /// A text with its length in front; nothing where it is not that.
    pub(crate) fn text(&self) -> Option<&str> {
        let length = u32::from_le_bytes(self.payload.get(..4)?.try_into().ok()?);
        let text = self.payload.get(4..)?;
        if usize::try_from(length).ok()? == text.len() { std::str::from_utf8(text).ok() } else { None }
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&plain_json(self.text()?)).ok()
    }
}

/// What only Python's JSON knows becomes null.
pub(crate) fn plain_json(text: &str) -> String {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for (number, part) in text.split('"').enumerate() {
        if number > 0 {
            plain.push('"');
        }
        // Between quotation marks stands a text, unless one of them is escaped; such a text is left to fail.
        if number % 2 == 0 {
            plain.push_str(
                &part.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"),
            );
        } else {
            plain.push_str(part);
        }
    }
    plain
}

impl Guest {
    /// Connects, and asks who it is and what is there.
    pub(crate) fn arrive(v: &Visit<'_>) -> Outcome<Self> {
        let mut guest = Self {
            wire: v.wire()?,
            transcript: v.transcript.clone(),
            wait: v.options.wait,
            quiet: v.options.quiet,
            most: v.options.limits.message,
            id: String::new(),
            passed: VecDeque::new(),
        };
        guest.say(CLIENT_ID, b"")?;
        let frame = guest.wait_for(CLIENT_ID)?;
        let id =
            frame.text().map_or_else(|| String::from_utf8_lossy(&frame.payload).into_owned(), str::to_owned);
        guest.id = id;
        // As the clients of the reference do: a server may wait for it before it tells of others.
        guest.list(LIST_CLIENTS)?;
        guest.list(LIST_ROOMS)?;
        Ok(guest)
    }

    /// Connects and makes a room that others can join.
    pub(crate) fn with_room(v: &Visit<'_>) -> Outcome<(Self, String)> {
        let mut guest = Self::arrive(v)?;
        let name = room_name(v)?;
        guest.say(JOIN_ROOM, &join(&name))?;
        guest.wait_for(CONTENT)?;
        guest.say(CONTENT, b"")?;
        guest.room_told(&name, |room| room.get("joinable") == Some(&Value::Bool(true)))?;
        Ok((guest, name))
    }

    /// Connects and joins a room that is there.
    pub(crate) fn in_room(v: &Visit<'_>, name: &str) -> Outcome<Self> {
        let mut guest = Self::arrive(v)?;
        guest.say(JOIN_ROOM, &join(name))?;
        guest.wait_for(JOIN_ROOM)?;
        Ok(guest)
    }

    pub(crate) fn say(&mut self, kind: u16, payload: &[u8]) -> Outcome {
        self.write(&format!("type {kind}"), &frame(kind, payload))
    }

    pub(crate) fn write(&mut self, what: &str, bytes: &[u8]) -> Outcome {
        self.transcript.note(Way::Sent, what, bytes);
        match self.wire.write(bytes) {
            Ok(()) => Ok(()),
            Err(_) => fail("the connection was closed before the judge had said all"),
        }
    }

    pub(crate) fn finish(&self) {
        self.wire.finish();
    }

    /// Asks for a listing.
    pub(crate) fn list(&mut self, kind: u16) -> Outcome<Value> {
        self.say(kind, b"")?;
        let frame = self.wait_for(kind)?;
        match frame.json() {
            Some(listing) if listing.is_object() => Ok(listing),
            Some(_) => fail("the listing is no object"),
            None => fail("the listing is no JSON with its length in front"),
        }
    }

    /// Has this client in its listing.
    pub(crate) fn knows_client(&mut self, id: &str) -> Outcome {
        self.knows(LIST_CLIENTS, id)
    }

    /// Has this room in its listing.
    pub(crate) fn knows_room(&mut self, name: &str) -> Outcome {
        self.knows(LIST_ROOMS, name)
    }

    fn knows(&mut self, kind: u16, key: &str) -> Outcome {
        if self.list(kind)?.get(key).is_some() { Ok(()) } else { fail(format!("{key} is not listed")) }
    }

    /// Waits for a frame of this type; others are kept.
    pub(crate) fn wait_for(&mut self, kind: u16) -> Outcome<Frame> {
        self.until(|frame| frame.kind == kind, &format!("nothing of type {kind}"))
    }

    /// Waits for this frame, among those kept as well.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Frame) -> bool, none: &str) -> Outcome<Frame> {
        if let Some(at) = self.passed.iter().position(&wanted)
            && let Some(frame) = self.passed.remove(at)
        {
            return Ok(frame);
        }
        let until = Instant::now() + self.wait;
        for _ in 0..FRAMES {
            match self.receive(until) {
                Ok(frame) if wanted(&frame) => return Ok(frame),
                Ok(frame) => self.passed.push_back(frame),
                Err(NoFrame::Silence) => {
                    let errors: Vec<&str> = self.errors().collect();
                    let said = if errors.is_empty() {
                        String::new()
                    } else {
                        format!("; it said \"{}\"", errors.join("\", \""))
                    };
                    return fail(format!("{none} came within {} s{said}", self.wait.as_secs_f64()));
                }
                Err(NoFrame::Closed) => return fail(format!("{none} came before the connection was closed")),
                Err(NoFrame::TooLong(size)) => return fail(format!("a frame of {size} bytes came")),
            }
        }
        fail(format!("{none} came among {FRAMES} frames"))
    }

    fn errors(&self) -> impl Iterator<Item = &str> {
        self.passed.iter().filter(|frame| frame.kind == SEND_ERROR).filter_map(Frame::text)
    }

    /// Waits until a change of this client is told, and gives what changed.
    pub(crate) fn client_told(&mut self, id: &str, wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
        self.told(CLIENT_UPDATE, id, wanted, "no such CLIENT_UPDATE")
    }

    /// Waits until a change of this room is told, and gives what changed.
    pub(crate) fn room_told(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
        self.told(ROOM_UPDATE, name, wanted, "no such ROOM_UPDATE")
    }

    fn told(&mut self, kind: u16, key: &str, wanted: impl Fn(&Value) -> bool, none: &str) -> Outcome<Value> {
        let change = |frame: &Frame| match frame.kind {
            of if of == kind => frame.json()?.get(key).cloned(),
            _ => None,
        };
        let frame = self.until(|frame| change(frame).is_some_and(|change| wanted(&change)), none)?;
        Ok(change(&frame).unwrap_or_default())
    }

    /// Everything that came and comes until the server has answered once more and was silent for a while.
    pub(crate) fn rest(&mut self) -> Outcome<Vec<Frame>> {
        self.say(CLIENT_ID, b"")?;
        let answer = self.wait_for(CLIENT_ID)?;
        drop(answer);
        let until = Instant::now() + self.quiet;
        for _ in 0..FRAMES {
            match self.receive(until) {
                Ok(frame) => self.passed.push_back(frame),
                Err(_) => break,
            }
        }
        Ok(self.passed.drain(..).collect())
    }

    /// Nothing like this has come, and comes for a while.
    pub(crate) fn nothing(&mut self, unwanted: impl Fn(&Frame) -> bool, what: &str) -> Outcome {
        if self.rest()?.iter().any(unwanted) { fail(format!("{what} came")) } else { Ok(()) }
    }

    /// What is kept is not looked at any more.
    pub(crate) fn forget(&mut self) -> Outcome {
        self.rest().map(drop)
    }

    fn receive(&mut self, until: Instant) -> Result<Frame, NoFrame> {
        receive(&mut self.wire, self.most, until, &self.transcript)
    }
}

/// Waits for one frame of at most so many bytes.
pub(crate) fn receive(
    wire: &mut Wire,
    most: usize,
    until: Instant,
    transcript: &Transcript,
) -> Result<Frame, NoFrame> {
    let none = |end: End| if matches!(end, End::Silence) { NoFrame::Silence } else { NoFrame::Closed };
    wire.fill(HEADER, until).map_err(none)?;
    let header: [u8; HEADER] = match wire.ready().first_chunk() {
        Some(header) => *header,
        None => return Err(NoFrame::Closed),
    };
    let (size, kind, big_endian) = read_header(&header, most);
    let length = usize::try_from(size).ok().filter(|length| *length <= most);
    let Some(length) = length else { return Err(NoFrame::TooLong(size)) };
    wire.fill(HEADER + length, until).map_err(none)?;
    let _ = wire.take(HEADER);
    let payload = wire.take(length);
    let frame = Frame { kind, payload, big_endian };
    match frame.text() {
        Some(text) => transcript.note(Way::Received, &format!("type {kind}, a text"), text.as_bytes()),
        None => transcript.note(Way::Received, &format!("type {kind}"), &frame.payload),
    }
    Ok(frame)
}

/// Size and type; the wrong way round only where that alone makes sense.
fn read_header(header: &[u8; HEADER], most: usize) -> (u64, u16, bool) {
    let [a, b, c, d, e, f, g, h, _, _, _, _, i, j] = *header;
    let size = [a, b, c, d, e, f, g, h];
    let (little, big) = (u64::from_le_bytes(size), u64::from_be_bytes(size));
    let kind = u16::from_le_bytes([i, j]);
    let senseless = little > most as u64 || (little == 0 && kind >= 256 && kind % 256 == 0);
    if senseless && big <= most as u64 {
        return (big, kind.swap_bytes(), true);
    }
    (little, kind, false)
}

#[derive(Debug)]
pub(crate) enum NoFrame {
    Silence,
    Closed,
    TooLong(u64),
}

/// More than anybody has to say while the judge waits.
const FRAMES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_pythons_json_knows_is_read_over() {
        let text = r#"{"a": NaN, "NaN": [-Infinity, 1, Infinity], "b": "Infinity"}"#;
        let read: Value = serde_json::from_str(&plain_json(text)).unwrap();
        assert_eq!(read, serde_json::json!({ "a": null, "NaN": [null, 1, null], "b": "Infinity" }));
    }

    #[test]
    fn a_frame_is_14_bytes_and_its_payload() {
        assert_eq!(frame(18, b"ab"), [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 18, 0, b'a', b'b']);
        let header = |bytes: &[u8]| *bytes.first_chunk().unwrap();
        assert_eq!(read_header(&header(&frame(18, b"ab")), 100), (2, 18, false));
        let swapped = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 18];
        assert_eq!(read_header(&swapped, 100), (2, 18, true));
    }
}
