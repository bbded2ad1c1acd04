//! What is peculiar to each product, as one table. Read from the interoperability notes; the columns say what the double does with it.

/// A product that a double stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirky {
    /// The official library, with its example's handler: dies of what it cannot decode.
    LibMvrGdtf,
    /// One frame per read, a header must come in one read, joins back.
    BlenderDmx,
    /// Reads only what its first read brings, answers on a new connection, closes after writing.
    Mvr4j,
    /// Reads strictly, never joins back, 2 s of patience.
    Perastage,
    /// A minimal server, 1 s of patience.
    Peraviz,
    /// Reads strictly: duplicate keys and empty UUIDs fail.
    ThePult,
    /// Listens and never answers.
    MvrGdtf,
    /// Joins unprompted and goes on talking on that connection.
    GrandMa3,
}

impl Quirky {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::LibMvrGdtf,
        Self::BlenderDmx,
        Self::Mvr4j,
        Self::Perastage,
        Self::Peraviz,
        Self::ThePult,
        Self::MvrGdtf,
        Self::GrandMa3,
    ];

    pub(super) const fn manners(self) -> Manners {
        let plain = Manners {
            provider: "",
            upper_case: false,
            version: 1,
            whole_in_first_read: None,
            header_in_one_read: false,
            one_frame_per_read: false,
            one_exchange: false,
            answers: Answers::Here,
            joins: Joins::NoOne,
            keeps_connection: false,
            closes_after_writing: false,
            from_is_text: false,
            leave_keys: &["FromStationUUID"],
            dies_of_the_unreadable: false,
            refuses_duplicate_keys: false,
            only_one_six: false,
        };
        match self {
            Self::LibMvrGdtf => Manners {
                provider: "MVRApplication",
                upper_case: true,
                // Its version field is never set: whatever was in memory.
                version: 0x0100_4d0a,
                one_exchange: true,
                dies_of_the_unreadable: true,
                ..plain
            },
            Self::BlenderDmx => Manners {
                provider: "BlenderDMX",
                upper_case: true,
                header_in_one_read: true,
                one_frame_per_read: true,
                joins: Joins::Back,
                leave_keys: &["FromStationUUID", "StationUUID"],
                ..plain
            },
            Self::Mvr4j => Manners {
                provider: "MVR4J",
                whole_in_first_read: Some(1_024),
                one_exchange: true,
                answers: Answers::OnANewConnection,
                joins: Joins::WhomItSees,
                closes_after_writing: true,
                only_one_six: true,
                ..plain
            },
            Self::Perastage => Manners { provider: "Perastage", ..plain },
            Self::Peraviz => Manners {
                provider: "Peraviz",
                one_exchange: true,
                joins: Joins::WhomItSees,
                from_is_text: true,
                ..plain
            },
            Self::ThePult => Manners {
                provider: "the-pult",
                joins: Joins::WhomItSees,
                from_is_text: true,
                refuses_duplicate_keys: true,
                ..plain
            },
            Self::MvrGdtf => Manners { provider: "mvr-gdtf", answers: Answers::Never, ..plain },
            Self::GrandMa3 => Manners {
                provider: "GrandMA3",
                joins: Joins::WhomItSees,
                keeps_connection: true,
                leave_keys: &["StationUUID"],
                ..plain
            },
        }
    }
}

/// Where a product's replies go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    Here,
    OnANewConnection,
    Never,
}

/// Whom a product JOINs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    NoOne,
    Back,
    WhomItSees,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    pub(super) provider: &'static str,
    pub(super) upper_case: bool,
    /// What it writes as the package version.
    pub(super) version: u32,
    /// A frame that its first read, of so many bytes, does not bring whole is lost.
    pub(super) whole_in_first_read: Option<usize>,
    /// A header that comes in two reads is lost; in a reply it ends the client's thread.
    pub(super) header_in_one_read: bool,
    /// A second frame in one read waits for the next read.
    pub(super) one_frame_per_read: bool,
    /// Its server closes after one exchange.
    pub(super) one_exchange: bool,
    pub(super) answers: Answers,
    pub(super) joins: Joins,
    /// It goes on talking on the connection of its JOIN.
    pub(super) keeps_connection: bool,
    pub(super) closes_after_writing: bool,
    /// `FromStationUUID` of its REQUEST is a bare string.
    pub(super) from_is_text: bool,
    pub(super) leave_keys: &'static [&'static str],
    /// A message that it cannot decode ends the process.
    pub(super) dies_of_the_unreadable: bool,
    pub(super) refuses_duplicate_keys: bool,
    /// Any version but 1.6 and 0.0 is refused.
    pub(super) only_one_six: bool,
}
