//! What can be wrong with frames.

use mvrx_message::{Blame, Scope};

/// Bytes that are not WebSocket frames, or more of them than is allowed. The connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Bits that only an extension may set; none was agreed.
    #[error("reserved bits {bits:#05b} are set, and no extension was agreed")]
    ReservedBitsSet {
        /// RSV1, RSV2, RSV3 from the left.
        bits: u8,
    },
    /// An opcode without a meaning.
    #[error("opcode {opcode:#x} is reserved")]
    OpcodeReserved {
        /// The opcode.
        opcode: u8,
    },
    /// A client's frame came in the clear.
    #[error("a frame from a client is not masked")]
    ClientFrameNotMasked,
    /// A server's frame came masked.
    #[error("a frame from a server is masked")]
    ServerFrameMasked,
    /// A length in more bytes than it needs.
    #[error("a length of {length} is written in more bytes than it needs")]
    LengthNotMinimal {
        /// The length.
        length: u64,
    },
    /// A length with its highest bit set.
    #[error("a length of {length} has its highest bit set")]
    LengthAbove63Bits {
        /// The length.
        length: u64,
    },
    /// A control frame in pieces.
    #[error("a control frame (opcode {opcode:#x}) is fragmented")]
    ControlFrameFragmented {
        /// The opcode.
        opcode: u8,
    },
    /// A control frame that is too long.
    #[error("a control frame (opcode {opcode:#x}) has {length} bytes, more than 125")]
    ControlFrameTooLong {
        /// The opcode.
        opcode: u8,
        /// Bytes of its payload.
        length: u64,
    },
    /// A continuation of nothing.
    #[error("a continuation frame came where no message had begun")]
    ContinuationOfNothing,
    /// A message began before the one before it ended.
    #[error("a message began in the middle of another")]
    MessageInsideMessage,
    /// A text that is not UTF-8, noticed at the first byte that cannot be.
    #[error("a text is not UTF-8 after {valid} bytes")]
    TextNotUtf8 {
        /// Bytes before.
        valid: usize,
    },
    /// A text above the limit.
    #[error("a text has {length} bytes or more, and {allowed} are allowed")]
    TextLongerThanLimit {
        /// Bytes that its frames announced so far.
        length: u64,
        /// [`super::FrameLimits::text_bytes`].
        allowed: usize,
    },
    /// A text in too many pieces.
    #[error("a text has more than the {allowed} frames allowed")]
    TextInTooManyFrames {
        /// [`super::FrameLimits::frames_per_text`].
        allowed: u32,
    },
    /// A close frame with half a code.
    #[error("a close frame has one byte, half a code")]
    CloseCodeCut,
    /// A close frame with a code that must not be sent.
    #[error("a close frame has the code {code}, which must not be sent")]
    CloseCodeNotAllowed {
        /// The code.
        code: u16,
    },
    /// A close frame whose reason is not UTF-8.
    #[error("the reason in a close frame is not UTF-8")]
    CloseReasonNotUtf8,
    /// The stream ended within a frame.
    #[error("the stream ended in the middle of a frame")]
    StreamEndedInFrame,
    /// The stream ended within a message.
    #[error("the stream ended in the middle of a message")]
    StreamEndedInMessage,
    /// The stream ended between messages, without a close frame.
    #[error("the connection ended without a farewell (no close frame)")]
    StreamEndedUnclosed,
}

impl FrameError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TextLongerThanLimit { .. } | Self::TextInTooManyFrames { .. } => Blame::Limit,
            Self::StreamEndedInFrame | Self::StreamEndedInMessage | Self::StreamEndedUnclosed => {
                Blame::Network
            }
            _ => Blame::Peer,
        }
    }

    /// What it ends.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::Connection
    }

    /// The code to close with; `None` where nobody is left to be told.
    // req: WSK-09
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::TextNotUtf8 { .. } | Self::CloseReasonNotUtf8 => Some(1007),
            Self::TextLongerThanLimit { .. } | Self::TextInTooManyFrames { .. } => Some(1009),
            Self::StreamEndedInFrame | Self::StreamEndedInMessage | Self::StreamEndedUnclosed => None,
            _ => Some(1002),
        }
    }
}
