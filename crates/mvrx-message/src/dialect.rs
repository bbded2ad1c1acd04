//! [`Dialect`]: the form in which a message is written, for everybody or for one product.
//!
//! [`Dialect::strict`] is the one form that every known product reads (the write column of table 3.2). A product has a form of its
//! own only where that table or a measurement says that it does better with it.

#[cfg(doc)]
use crate::MvrVersion;
use crate::Product;

/// The form of the messages that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    leave_keys: LeaveKeys,
    current_state: CurrentState,
    join_bytes: usize,
    join_ret_bytes: usize,
    string_bytes: usize,
    mvrx_object: bool,
    only_current_version: bool,
}

/// Which keys name the station in LEAVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveKeys {
    /// `FromStationUUID`, as Table 70 says. Both together are an error for strict readers of today's edition.
    FromStationUuid,
    /// `FromStationUUID` and `StationUUID`, for readers of the next edition.
    Both,
}

/// How a REQUEST asks for the current state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CurrentState {
    /// `FileUUID` is the empty string.
    EmptyFileUuid,
    /// `FileUUID` is absent.
    NoFileUuid,
}

impl Dialect {
    /// The form that every known product reads.
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            leave_keys: LeaveKeys::FromStationUuid,
            current_state: CurrentState::EmptyFileUuid,
            join_bytes: 64 * 1024,
            join_ret_bytes: 32 * 1024,
            string_bytes: STRING_BYTES,
            mvrx_object: true,
            only_current_version: false,
        }
    }

    /// The form that one product reads best.
    ///
    /// | product | differs from [`strict`](Self::strict) in | because |
    /// |---|---|---|
    /// | grandMA3 | LEAVE has both keys | it writes the next edition's key itself (2.3), and reads this one or that |
    /// | MVR4J | messages of 996 bytes with strings of 160, no `mvrx` object | it reads only what its first read brings, about 1 KiB (1.1, row "TCP segmentation tolerance") |
    /// | MVR4J | every commit is of 1.6 | it takes exactly 1.6 or 0.0 (1.3, row "ver 1.5 or 1.7") |
    /// | the-pult | current state is asked for without `FileUUID` | an empty one fails its parser (1.3, row `REQUEST FileUUID ""`) |
    #[must_use]
    pub const fn towards(product: Product) -> Self {
        let strict = Self::strict();
        match product {
            Product::GrandMa3 => strict.with_leave_keys(LeaveKeys::Both),
            Product::Mvr4j => strict
                .with_join_bytes(FIRST_READ_BYTES)
                .with_join_ret_bytes(FIRST_READ_BYTES)
                .with_string_bytes(FIRST_READ_STRING_BYTES)
                .with_mvrx_object(false)
                .with_only_current_version(true),
            Product::ThePult => strict.with_current_state(CurrentState::NoFileUuid),
            Product::BlenderDmx
            | Product::Perastage
            | Product::Peraviz
            | Product::LibMvrGdtf
            | Product::Mvrx
            | Product::Other => strict,
        }
    }

    /// The form that one product reads best in WebSocket Mode, whose messages arrive whole, so that lists of commits may be longer: JOIN_RET
    /// 512 KiB, JOIN 60 KiB as long as the host is not known as one of ours, and both 60 KiB towards MVR4J, which takes frames of 64 KiB and
    /// puts none together (1.5).
    #[must_use]
    pub const fn in_session(product: Product) -> Self {
        let (join, join_ret) = match product {
            Product::Mvr4j => (ONE_FRAME_BYTES, ONE_FRAME_BYTES),
            Product::Mvrx => (SESSION_BYTES, SESSION_BYTES),
            _ => (ONE_FRAME_BYTES, SESSION_BYTES),
        };
        Self::towards(product)
            .with_join_bytes(join)
            .with_join_ret_bytes(join_ret)
            .with_string_bytes(STRING_BYTES)
    }

    /// Which keys name the station in LEAVE.
    #[must_use]
    pub const fn with_leave_keys(mut self, keys: LeaveKeys) -> Self {
        self.leave_keys = keys;
        self
    }

    /// How a REQUEST asks for the current state.
    #[must_use]
    pub const fn with_current_state(mut self, form: CurrentState) -> Self {
        self.current_state = form;
        self
    }

    /// Bytes that a whole JOIN may have; commits that do not fit are not listed.
    #[must_use]
    pub const fn with_join_bytes(mut self, bytes: usize) -> Self {
        self.join_bytes = bytes;
        self
    }

    /// Bytes that a whole JOIN_RET may have; commits that do not fit are not listed.
    #[must_use]
    pub const fn with_join_ret_bytes(mut self, bytes: usize) -> Self {
        self.join_ret_bytes = bytes;
        self
    }

    /// Bytes that one string may have, at most 1,000; the rest is cut at a character's boundary.
    #[must_use]
    pub const fn with_string_bytes(mut self, bytes: usize) -> Self {
        self.string_bytes = if bytes < STRING_BYTES { bytes } else { STRING_BYTES };
        self
    }

    /// Whether the `mvrx` object is written.
    #[must_use]
    pub const fn with_mvrx_object(mut self, written: bool) -> Self {
        self.mvrx_object = written;
        self
    }

    /// Whether every commit is written as one of [`MvrVersion::CURRENT`], whatever its file is.
    #[must_use]
    pub const fn with_only_current_version(mut self, only: bool) -> Self {
        self.only_current_version = only;
        self
    }

    /// See [`with_leave_keys`](Self::with_leave_keys).
    #[must_use]
    pub const fn leave_keys(&self) -> LeaveKeys {
        self.leave_keys
    }

    /// See [`with_current_state`](Self::with_current_state).
    #[must_use]
    pub const fn current_state(&self) -> CurrentState {
        self.current_state
    }

    /// See [`with_join_bytes`](Self::with_join_bytes).
    #[must_use]
    pub const fn join_bytes(&self) -> usize {
        self.join_bytes
    }

    /// See [`with_join_ret_bytes`](Self::with_join_ret_bytes).
    #[must_use]
    pub const fn join_ret_bytes(&self) -> usize {
        self.join_ret_bytes
    }

    /// More commits than this never fit a JOIN or JOIN_RET, so a caller need not collect more of the newest.
    #[must_use]
    pub const fn most_commits(&self) -> usize {
        let bytes = if self.join_bytes > self.join_ret_bytes { self.join_bytes } else { self.join_ret_bytes };
        bytes / LEAST_COMMIT_BYTES
    }

    /// See [`with_string_bytes`](Self::with_string_bytes).
    #[must_use]
    pub const fn string_bytes(&self) -> usize {
        self.string_bytes
    }

    /// See [`with_mvrx_object`](Self::with_mvrx_object).
    #[must_use]
    pub const fn mvrx_object(&self) -> bool {
        self.mvrx_object
    }

    /// See [`with_only_current_version`](Self::with_only_current_version).
    #[must_use]
    pub const fn only_current_version(&self) -> bool {
        self.only_current_version
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::strict()
    }
}

/// The official library copies each string into 1,024 bytes without looking.
const STRING_BYTES: usize = 1_000;

/// JOIN_RET in a session.
const SESSION_BYTES: usize = 512 * 1024;
/// What goes into one frame of 64 KiB, with room to spare.
const ONE_FRAME_BYTES: usize = 60 * 1024;

/// A COMMIT without any text, station or size is longer than this.
const LEAST_COMMIT_BYTES: usize = 160;

/// What one product surely reads at once, 1,024 bytes, but for the 28 of a package's header.
const FIRST_READ_BYTES: usize = 996;

/// So that a COMMIT with a full Comment and FileName stays below [`FIRST_READ_BYTES`].
const FIRST_READ_STRING_BYTES: usize = 160;
