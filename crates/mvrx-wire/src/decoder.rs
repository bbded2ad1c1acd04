//! Turns the bytes of one direction of a connection into [`Step`]s.
//!
//! It deliberately does not know what JSON says, where a file goes or where bytes come from: the caller owns the read
//! buffer and moves file payload itself if it wants to. The rules a caller keeps stand on the [crate's page](crate);
//! [`Limits`] protects it; it mirrors Table 66.
//!
//! ```text
//!                      header (JSON, 1 package)              all of the payload is in the input: Step::Json
//!   BETWEEN MESSAGES ───────────────────────────► IN JSON ──────────────────────────────► BETWEEN MESSAGES
//!      │   ▲
//!      │   │ header (JSON, n packages)             its payload was copied        last one: Step::Json
//!      ├───┼─────────────────► IN SPLIT JSON ◄───────────────────────► ... ───────────────────► JSON HANDED OUT
//!      │   │                        ▲    │ another package is due                                    │ next call
//!      │   │         header (same   │    ▼                                                           ▼
//!      │   │         type, count) BETWEEN PACKAGES                                           BETWEEN MESSAGES
//!      │   │                        │    ▲
//!      │   │                        ▼    │ another package is due
//!      └───┼───────────────────► IN FILE ┴─────────────────────► FILE COMPLETE
//!          │ Step::FileStart      Step::FilePayload, file_bytes_moved     │
//!          └──────────────────────────────────────────────────────────────┘ Step::FileEnd
//!   any state ── a violation ──► FAILED (for ever)
//! ```
//!
//! Every state but JSON HANDED OUT and FILE COMPLETE, which need nothing, waits for the peer. No timer bounds that
//! here: the connection's idle deadline does.

use crate::error::{BytesMovedError, DecodeError};
use crate::header::{HEADER_LEN, MAGIC, PackageHeader, PackageType, VERSION};
use crate::limits::Limits;
use crate::quirk::Quirks;

/// What [`Decoder::decode`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step<'a> {
    /// Nothing more can be said about the input. Append at least `missing` bytes (never 0) and call again, or call
    /// [`Decoder::finish`] if the stream is at its end.
    Incomplete {
        /// Bytes without which the next call cannot say more. At most [`Limits::json_bytes`] or a header.
        missing: usize,
    },
    /// A whole JSON message, however many packages it came in. Not looked into: it may be empty or no JSON at all.
    Json(&'a [u8]),
    /// A file begins.
    FileStart {
        /// Bytes of the whole file, if it is one package. The length of a split file shows only at its end.
        length: Option<u64>,
        /// Packages the file comes in, at least 1.
        packages: u32,
    },
    /// Bytes of a file. Comes at least once for each package that is not empty, even if nothing of it is in the input
    /// yet: then `held` is empty, and the caller may start to move bytes.
    FilePayload {
        /// The file bytes that were in the input, in order. They count as consumed.
        held: &'a [u8],
        /// Bytes of this package's payload after those. The caller may take up to so many from the socket past the
        /// decoder and report them with [`Decoder::file_bytes_moved`], or go on feeding them through `decode`.
        on_socket: u64,
    },
    /// The last byte of the last package of the file went by.
    FileEnd {
        /// Bytes of the whole file.
        length: u64,
    },
}

/// An incremental reader of packages, one for each direction of a connection. Does no I/O.
///
/// Holds no payload except that of a JSON message which comes in several packages ([`Self::buffered`]).
#[derive(Debug, Clone)]
pub struct Decoder {
    limits: Limits,
    state: State,
    /// The message that is being received; meaningful only within one.
    message: OpenMessage,
    /// The packages so far of a JSON message that comes in several.
    assembled: Vec<u8>,
    /// Input bytes that the latest call left with the caller because they are not enough; else 0.
    left: usize,
    quirks: Quirks,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::BetweenMessages,
            message: OpenMessage { package_type: PackageType::Json, packages: 1, received: 0, length: 0 },
            assembled: Vec::new(),
            left: 0,
            quirks: Quirks::NONE,
        }
    }

    /// Looks at `input`, which is all bytes received and not yet consumed, and returns how many of them are consumed
    /// now and what was found.
    ///
    /// Never allocates for a message of one package. Call until the step is [`Step::Incomplete`].
    ///
    /// # Errors
    /// The first violation, and the same one again on every later call. The connection is of no further use.
    #[inline]
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Step<'a>), DecodeError> {
        if let Some(json) = self.plain_json(input) {
            return Ok((HEADER_LEN + json.len(), Step::Json(json)));
        }
        let (consumed, found) = self.advance(input)?;
        let step = match found {
            Found::Incomplete { missing } => Step::Incomplete { missing },
            Found::Json(json) => Step::Json(json),
            Found::SplitJson => Step::Json(&self.assembled),
            Found::FileStart { length, packages } => Step::FileStart { length, packages },
            Found::FilePayload { held, on_socket } => Step::FilePayload { held, on_socket },
            Found::FileEnd { length } => Step::FileEnd { length },
        };
        Ok((consumed, step))
    }

    /// `n` bytes of the current file payload went from the socket to their place without passing through
    /// [`Self::decode`]. They must be the next ones after everything the decoder consumed, so the read buffer must be
    /// empty when they are taken from the socket.
    ///
    /// # Errors
    /// [`BytesMovedError`], which is always the caller's fault; the decoder is unchanged.
    // req: PKG-14
    pub fn file_bytes_moved(&mut self, n: u64) -> Result<(), BytesMovedError> {
        let State::InFile { remaining, .. } = self.state else {
            return if n == 0 { Ok(()) } else { Err(BytesMovedError::NoFileIsBeingReceived { moved: n }) };
        };
        match remaining.checked_sub(n) {
            Some(0) => self.end_package(State::FileComplete),
            Some(remaining) => self.state = State::InFile { remaining, handed_over: true },
            None => return Err(BytesMovedError::MoreThanThePayloadHas { moved: n, remaining }),
        }
        Ok(())
    }

    /// Whether the stream is between two messages and the latest [`Self::decode`] saw nothing of the next: the only place where
    /// the stream may end.
    pub fn at_boundary(&self) -> bool {
        matches!(self.state, State::BetweenMessages | State::JsonHandedOut) && self.left == 0
    }

    /// Judges the end of the stream. Call it after [`Self::decode`] has said [`Step::Incomplete`].
    ///
    /// # Errors
    /// If the stream ended within a header, a payload or a message of several packages: where, and how much is
    /// missing. After a violation: that violation.
    // req: PKG-13
    pub fn finish(&self) -> Result<(), DecodeError> {
        let left = self.left as u64;
        let in_payload = |package_type, remaining: u64| {
            Err(DecodeError::StreamEndedInPayload { package_type, missing: remaining.saturating_sub(left) })
        };
        match self.state {
            State::Failed(error) => Err(error),
            State::InJson { length } => in_payload(PackageType::Json, length as u64),
            State::InSplitJson { remaining } => in_payload(PackageType::Json, remaining as u64),
            State::InFile { remaining, .. } => in_payload(PackageType::File, remaining),
            _ if left > 0 => {
                Err(DecodeError::StreamEndedInHeader { missing: (HEADER_LEN as u64).saturating_sub(left) })
            }
            State::BetweenPackages => Err(DecodeError::StreamEndedWithinMessage {
                received: self.message.received,
                count: self.message.packages,
            }),
            State::BetweenMessages | State::JsonHandedOut | State::FileComplete => Ok(()),
        }
    }

    /// The tolerated deviations so far.
    pub const fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    /// The limits this decoder was made with.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes of payload the decoder holds itself: those of a JSON message that comes in several packages. Never above
    /// [`Limits::json_bytes`]; given back by the call after the one that handed the message out.
    pub const fn buffered(&self) -> usize {
        self.assembled.len()
    }

    /// The shortest way for what nearly every call finds: a whole JSON message in the one form that everybody writes.
    /// It judges nothing; what it does not take, [`Self::advance`] reads from the start.
    #[inline]
    fn plain_json<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let State::BetweenMessages = self.state else { return None };
        let (before_length, rest) = input.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        if *before_length != BEFORE_PLAIN_JSON_LENGTH {
            return None;
        }
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        if length > self.limits.json_bytes {
            return None;
        }
        let json = rest.get(..length)?;
        self.left = 0;
        Some(json)
    }

    /// [`Self::decode`] without the borrow of the decoder, for the `tokio-util` adaptor.
    // req: PKG-16
    pub(crate) fn advance<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Found<'a>), DecodeError> {
        let mut rest = input;
        self.left = 0;
        let found = loop {
            match self.next(&mut rest) {
                Ok(None) => {}
                Ok(Some(found)) => break found,
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        };
        Ok((input.len() - rest.len(), found))
    }

    /// The message that `Found::SplitJson` told of.
    #[cfg(feature = "tokio-util")]
    pub(crate) fn take_assembled(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.assembled)
    }

    /// One transition: takes what it uses from the front of `rest`. `None` asks for the next transition.
    fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Found<'a>>, DecodeError> {
        match self.state {
            State::BetweenMessages | State::BetweenPackages => {
                let Some((header, after)) = rest.split_first_chunk() else {
                    return self.need_header(rest).map(Some);
                };
                *rest = after;
                let header = PackageHeader::parse(header)?;
                match self.state {
                    State::BetweenPackages => self.later_header(&header),
                    _ => self.first_header(&header),
                }
            }
            State::InJson { length } => {
                let Some((json, after)) = rest.split_at_checked(length) else {
                    return Ok(Some(self.need(rest.len(), length - rest.len())));
                };
                *rest = after;
                self.state = State::BetweenMessages;
                Ok(Some(Found::Json(json)))
            }
            State::InSplitJson { remaining } => Ok(self.split_json(rest, remaining)),
            State::JsonHandedOut => {
                self.assembled = Vec::new();
                self.state = State::BetweenMessages;
                Ok(None)
            }
            State::InFile { remaining, handed_over } => {
                Ok(Some(self.file_payload(rest, remaining, handed_over)))
            }
            State::FileComplete => {
                self.state = State::BetweenMessages;
                Ok(Some(Found::FileEnd { length: self.message.length }))
            }
            State::Failed(error) => Err(error),
        }
    }

    /// The header of a message's first package.
    // req: PKG-09, PKG-10
    fn first_header<'a>(&mut self, header: &PackageHeader) -> Result<Option<Found<'a>>, DecodeError> {
        self.judge_quirks(header)?;
        let packages = header.packages();
        if header.number != 0 {
            return Err(DecodeError::PackageNumberOutOfOrder { got: header.number, expected: 0 });
        }
        let limit = self.limits.packages_per_message.max(1);
        if packages > limit {
            return Err(DecodeError::PackageCountAboveLimit { count: packages, limit });
        }
        if packages == 1 && header.package_type == PackageType::Json {
            self.state = State::InJson { length: self.json_within_limit(header.payload_length)? };
            return Ok(None);
        }
        self.message = OpenMessage { package_type: header.package_type, packages, received: 0, length: 0 };
        self.begin_package(header.payload_length)?;
        Ok((header.package_type == PackageType::File).then_some(Found::FileStart {
            length: (packages == 1).then_some(header.payload_length),
            packages,
        }))
    }

    /// The header of a message's second or later package.
    // req: PKG-10, PKG-11
    fn later_header<'a>(&mut self, header: &PackageHeader) -> Result<Option<Found<'a>>, DecodeError> {
        self.judge_quirks(header)?;
        let open = &self.message;
        if header.package_type != open.package_type {
            let (got, expected) = (header.package_type, open.package_type);
            return Err(DecodeError::PackageTypeChangedWithinMessage { got, expected });
        }
        if header.packages() != open.packages {
            let (got, expected) = (header.count, open.packages);
            return Err(DecodeError::PackageCountChangedWithinMessage { got, expected });
        }
        if header.number != open.received {
            let (got, expected) = (header.number, open.received);
            return Err(DecodeError::PackageNumberOutOfOrder { got, expected });
        }
        self.begin_package(header.payload_length)?;
        Ok(None)
    }

    // req: PKG-05, PKG-06
    fn judge_quirks(&mut self, header: &PackageHeader) -> Result<(), DecodeError> {
        if header.version != VERSION {
            if self.limits.strict_version {
                return Err(DecodeError::PackageVersionRefused { got: header.version, allowed: VERSION });
            }
            self.quirks.saw_version(header.version);
        }
        if header.count == 0 {
            self.quirks.saw_count_zero();
        }
        Ok(())
    }

    /// Adds a package to the open message, if the message stays within its limit.
    // req: PKG-09, PKG-12
    fn begin_package(&mut self, length: u64) -> Result<(), DecodeError> {
        let before = self.message.length;
        let total =
            before.checked_add(length).ok_or(DecodeError::MessageLengthOverflows { before, length })?;
        match self.message.package_type {
            PackageType::Json => {
                self.json_within_limit(total)?;
                let remaining = self.json_within_limit(length)?;
                self.state = State::InSplitJson { remaining };
            }
            PackageType::File if total > self.limits.file_bytes => {
                return Err(DecodeError::FileLongerThanLimit { got: total, limit: self.limits.file_bytes });
            }
            PackageType::File if length == 0 => self.end_package(State::FileComplete),
            PackageType::File => self.state = State::InFile { remaining: length, handed_over: false },
        }
        self.message.length = total;
        Ok(())
    }

    /// One more package of the open message is whole; `complete` is the state if it was the last.
    fn end_package(&mut self, complete: State) {
        self.message.received += 1;
        self.state =
            if self.message.received == self.message.packages { complete } else { State::BetweenPackages };
    }

    fn json_within_limit(&self, got: u64) -> Result<usize, DecodeError> {
        let limit = self.limits.json_bytes;
        match usize::try_from(got) {
            Ok(got) if got <= limit => Ok(got),
            _ => Err(DecodeError::JsonLongerThanLimit { got, limit: limit as u64 }),
        }
    }

    /// Hands file bytes over: those that are here, and the word that the rest is on the socket.
    // req: PKG-14
    fn file_payload<'a>(&mut self, rest: &mut &'a [u8], remaining: u64, handed_over: bool) -> Found<'a> {
        if rest.is_empty() && handed_over {
            return self.need(0, 1);
        }
        let here = usize::try_from(remaining).map_or(rest.len(), |remaining| remaining.min(rest.len()));
        let (held, after) = rest.split_at_checked(here).unwrap_or((rest, &[]));
        *rest = after;
        let on_socket = remaining - held.len() as u64;
        match on_socket {
            0 => self.end_package(State::FileComplete),
            remaining => self.state = State::InFile { remaining, handed_over: true },
        }
        Found::FilePayload { held, on_socket }
    }

    /// Copies what is here of a package of a JSON message that comes in several.
    // req: PKG-11
    fn split_json<'a>(&mut self, rest: &mut &'a [u8], remaining: usize) -> Option<Found<'a>> {
        let (here, after) = rest.split_at_checked(remaining).unwrap_or((rest, &[]));
        *rest = after;
        self.assembled.extend_from_slice(here);
        let remaining = remaining - here.len();
        if remaining > 0 {
            self.state = State::InSplitJson { remaining };
            return Some(self.need(0, remaining));
        }
        self.end_package(State::JsonHandedOut);
        matches!(self.state, State::JsonHandedOut).then_some(Found::SplitJson)
    }

    /// The header is not all here. What is plainly no package is refused without waiting for the rest of it.
    #[cold]
    fn need_header(&mut self, rest: &[u8]) -> Result<Found<'static>, DecodeError> {
        if let Some(magic) = rest.first_chunk() {
            let got = u32::from_be_bytes(*magic);
            if got != MAGIC {
                return Err(DecodeError::MagicIsNotThatOfAPackage { got, expected: MAGIC });
            }
        }
        Ok(self.need(rest.len(), HEADER_LEN - rest.len()))
    }

    const fn need(&mut self, left: usize, missing: usize) -> Found<'static> {
        self.left = left;
        Found::Incomplete { missing }
    }
}

/// [`Step`] without a borrow of the decoder.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Incomplete {
        missing: usize,
    },
    /// In the input: the last bytes of those consumed.
    Json(&'a [u8]),
    /// In `assembled`.
    SplitJson,
    FileStart {
        length: Option<u64>,
        packages: u32,
    },
    /// `held` is the last bytes of those consumed.
    FilePayload {
        held: &'a [u8],
        on_socket: u64,
    },
    FileEnd {
        length: u64,
    },
}

/// Where in the stream the next byte stands: the chart at the top of this file.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The header of a message's first package comes next.
    BetweenMessages,
    /// A message is open; the header of its next package comes next.
    BetweenPackages,
    /// All `length` bytes of the only package of a JSON message come next.
    InJson { length: usize },
    /// `remaining` bytes of a package of a JSON message that comes in several come next.
    InSplitJson { remaining: usize },
    /// The assembled message was handed out, borrowed; the next call frees it.
    JsonHandedOut,
    /// `remaining` bytes (never 0) of a file's package come next; the caller may know already.
    InFile { remaining: u64, handed_over: bool },
    /// The last byte of a file went by; the caller has not been told.
    FileComplete,
    /// The framing is lost.
    Failed(DecodeError),
}

/// What the first package of a message settled, and how far the message is.
#[derive(Debug, Clone, Copy)]
struct OpenMessage {
    package_type: PackageType,
    /// At least 1.
    packages: u32,
    /// Packages that are whole. Below `packages` while the message is open.
    received: u32,
    /// Bytes of all packages announced so far.
    length: u64,
}

/// A JSON package of the form that is written, up to its length.
const BEFORE_PLAIN_JSON_LENGTH: [u8; 20] = {
    let [before @ .., _, _, _, _, _, _, _, _] = PackageHeader::single(PackageType::Json, 0).to_bytes();
    before
};

#[cfg(test)]
mod tests;
