//! [`Quirk`]: a deviation from the specification that a message had and that was tolerated; [`QuirkSet`]: those of one message.
//!
//! A quirk is not an error: the message means the same with and without it. It is counted and told, so that a crew can see which
//! product is peculiar and its makers can mend it. What no quirk names is either in order or a [`ParseError`](crate::ParseError).

use std::fmt;

macro_rules! quirks {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// One tolerated deviation. Its [`name`](Quirk::name) is stable; the order of the variants is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Quirk {
            $($(#[$doc])* $variant,)*
        }

        impl Quirk {
            /// Every quirk.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name, in kebab case, for logs, counters and configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

quirks! {
    /// `MessageType` stands for `Type`.
    MessageTypeKey = "message-type-key",
    /// The type has spaces around it or a hyphen behind it, as Table 74 prints it.
    TypeMisspelled = "type-misspelled",
    /// `Files` stands for `Commits`, as the published examples have it.
    FilesKey = "files-key",
    /// A key comes twice in one object; the last one counts.
    DuplicateKey = "duplicate-key",
    /// A key has the value `null`; it counts as absent.
    NullField = "null-field",
    /// A key has a value of a kind that cannot stand for what it should be; it counts as absent.
    FieldOfWrongKind = "field-of-wrong-kind",
    /// A string has half of a surrogate pair; it is replaced by U+FFFD.
    UnpairedSurrogate = "unpaired-surrogate",
    /// A string was longer than `Limits::string_bytes`; its end is cut.
    StringCut = "string-cut",
    /// `OK` is the text "true" or "false".
    OkAsString = "ok-as-string",
    /// `OK` is a number.
    OkAsNumber = "ok-as-number",
    /// `OK` is missing or unreadable: taken as true, in REQUEST_RET as false.
    OkMissing = "ok-missing",
    /// `verMajor` or `verMinor` is a text.
    VersionAsString = "version-as-string",
    /// `verMajor` or `verMinor` has a fraction or an exponent.
    VersionAsFloat = "version-as-float",
    /// `verMajor` or `verMinor` is missing or unreadable: 0.
    VersionMissing = "version-missing",
    /// `FileSize` is a text.
    FileSizeAsString = "file-size-as-string",
    /// `FileSize` has a fraction or an exponent.
    FileSizeAsFloat = "file-size-as-float",
    /// `FileSize` is missing or unreadable (a negative number, for instance): 0.
    FileSizeMissing = "file-size-missing",
    /// `Provider` is missing or empty.
    ProviderMissing = "provider-missing",
    /// `StationName` is missing or empty.
    StationNameMissing = "station-name-missing",
    /// `StationUUID` is missing where it could be done without.
    StationUuidMissing = "station-uuid-missing",
    /// A UUID has capital letters; RFC 4122 says to write small ones.
    UuidUpperCase = "uuid-upper-case",
    /// A UUID has braces, spaces around it, no hyphens, or is a URN.
    UuidOddlySpelled = "uuid-oddly-spelled",
    /// A UUID is the empty string where that is not the specification's way to say "none".
    UuidEmpty = "uuid-empty",
    /// A UUID is nil; it counts as none.
    UuidNil = "uuid-nil",
    /// A UUID that could be done without is not one; it counts as none.
    UuidUnreadable = "uuid-unreadable",
    /// LEAVE has `StationUUID` instead of `FromStationUUID` (the next edition's spelling).
    LeaveStationUuidKey = "leave-station-uuid-key",
    /// LEAVE has `StationUUID` beside `FromStationUUID`.
    LeaveBothKeys = "leave-both-keys",
    /// LEAVE's two keys name different stations; `FromStationUUID` counts.
    LeaveKeysDisagree = "leave-keys-disagree",
    /// REQUEST's `FromStationUUID` is a text instead of an array.
    FromStationAsString = "from-station-as-string",
    /// REQUEST has neither `FromStationUUID` nor `FromStationsUUID`.
    FromStationMissing = "from-station-missing",
    /// REQUEST has `FromStationsUUID` (the next edition's spelling).
    FromStationsKey = "from-stations-key",
    /// REQUEST or NEW_SESSION_HOST has `StationUUID` (the next edition's addition).
    SenderStationUuid = "sender-station-uuid",
    /// REQUEST's `FileUUID` is the word "latest".
    LatestAsWord = "latest-as-word",
    /// `ForStationsUUID` is a text instead of an array.
    ForStationsAsString = "for-stations-as-string",
    /// An entry of a list of stations cannot be read; it was dropped.
    StationEntryDropped = "station-entry-dropped",
    /// An entry of `Commits` cannot be read or names no file; it was dropped.
    CommitEntryDropped = "commit-entry-dropped",
    /// An entry of `Commits` has another `Type` than MVR_COMMIT; it was kept.
    CommitEntryOfOtherType = "commit-entry-of-other-type",
    /// The `mvrx` object cannot be read; it was ignored.
    MvrxObjectUnreadable = "mvrx-object-unreadable",
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The quirks of one message, or of all messages of one peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct QuirkSet(u64);

impl QuirkSet {
    /// No quirk.
    pub const EMPTY: Self = Self(0);

    /// Adds one; tells whether it is new.
    pub fn insert(&mut self, quirk: Quirk) -> bool {
        let new = !self.contains(quirk);
        self.0 |= bit(quirk);
        new
    }

    /// Whether it has this one.
    #[must_use]
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & bit(quirk) != 0
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many it has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in `self` that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.iter().copied().filter(move |q| self.contains(*q))
    }
}

impl Extend<Quirk> for QuirkSet {
    fn extend<I: IntoIterator<Item = Quirk>>(&mut self, quirks: I) {
        for quirk in quirks {
            self.insert(quirk);
        }
    }
}

impl FromIterator<Quirk> for QuirkSet {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(quirks);
        set
    }
}

impl fmt::Debug for QuirkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Quirk::name)).finish()
    }
}

const fn bit(quirk: Quirk) -> u64 {
    1 << quirk as u32
}

// The set is one word; a quirk above that would shift out of it.
const _: () = assert!(Quirk::ALL.len() <= u64::BITS as usize);
