//! [`Product`]: which application a peer is, told from what it calls itself, and what is known of that application.
//!
//! The facts are those of the interoperability notes, each with its row. What is not known of a product counts as the careful
//! answer. Nothing here is needed to be correct with a product that follows the specification.

use std::fmt;

/// A product that speaks MVR-xchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Product {
    /// MA Lighting's grandMA3.
    GrandMa3,
    /// The Blender add-on BlenderDMX.
    BlenderDmx,
    /// The Java library MVR4J.
    Mvr4j,
    /// The console the-pult.
    ThePult,
    /// Perastage.
    Perastage,
    /// Peraviz.
    Peraviz,
    /// The official library libMVRgdtf and what embeds it: Vectorworks, Production Assist.
    LibMvrGdtf,
    /// An application that embeds this project.
    Mvrx,
    /// Anything else; treated as carefully as libMVRgdtf.
    #[default]
    Other,
}

impl Product {
    /// Tells a product from the `Provider` of its messages or, where that says nothing, from its StationName.
    ///
    /// An application that embeds this project may have any Provider: [`Join::product`](crate::Join::product) knows it by its
    /// `mvrx` object. By the text alone only the Provider `mvrx` itself is taken for one, since what is built of the protocol's name,
    /// as "MVR-xchange plugin", or given to a station by a person, says nothing of who made it.
    // req: MSG-PRODUCT
    #[must_use]
    pub fn detect(provider: &str, station_name: &str) -> Self {
        match from_text(provider) {
            Self::Other if provider == OURS => Self::Mvrx,
            Self::Other => from_text(station_name),
            found => found,
        }
    }

    /// Each product.
    pub const ALL: &'static [Self] = &[
        Self::GrandMa3,
        Self::BlenderDmx,
        Self::Mvr4j,
        Self::ThePult,
        Self::Perastage,
        Self::Peraviz,
        Self::LibMvrGdtf,
        Self::Mvrx,
        Self::Other,
    ];

    /// A stable name in kebab case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GrandMa3 => "grandma3",
            Self::BlenderDmx => "blenderdmx",
            Self::Mvr4j => "mvr4j",
            Self::ThePult => "the-pult",
            Self::Perastage => "perastage",
            Self::Peraviz => "peraviz",
            Self::LibMvrGdtf => "libmvrgdtf",
            Self::Mvrx => "mvrx",
            Self::Other => "other",
        }
    }

    /// Whether it is known to go on after a NEW_SESSION_HOST (1.3, row "NEW_SESSION_HOST or unknown type"): BlenderDMX does not
    /// answer, the-pult and Perastage refuse. The official library's example ends its process, MVR4J throws, of the others nothing
    /// is known.
    #[must_use]
    pub const fn survives_new_session_host(self) -> bool {
        matches!(self, Self::BlenderDmx | Self::ThePult | Self::Perastage | Self::Mvrx)
    }

    /// Whether it is known to read NEW_SESSION_HOST and to act on it or ask its operator (0, row the-pult). The specification's
    /// message is worth sending to these alone (3.2, row NEW_SESSION_HOST).
    #[must_use]
    pub const fn understands_new_session_host(self) -> bool {
        matches!(self, Self::ThePult | Self::Mvrx)
    }

    /// Whether it shows new commits only when they come as COMMIT (2.3: grandMA3 keeps the JOIN's connection and did not show
    /// what only JOIN_RET listed until it connected again).
    #[must_use]
    pub const fn wants_commit_after_join(self) -> bool {
        matches!(self, Self::GrandMa3)
    }

    /// Whether a REQUEST for the current state, in the form that [`Dialect::towards`](crate::Dialect::towards) writes for it, gets
    /// an answer (1.3, row `REQUEST FileUUID ""`): the empty string ends the official library's example, the-pult reads only the
    /// absent key, BlenderDMX only the empty string. Of grandMA3 and Peraviz it is not known.
    #[must_use]
    pub const fn answers_request_for_current_state(self) -> bool {
        matches!(self, Self::ThePult) || self.reads_empty_file_uuid()
    }

    /// Whether it reads a REQUEST whose FileUUID is the empty string (1.3, the same row).
    #[must_use]
    pub const fn reads_empty_file_uuid(self) -> bool {
        matches!(self, Self::BlenderDmx | Self::Mvr4j | Self::Perastage | Self::Mvrx)
    }

    /// Whether its replies come on a connection of their own (1.4, row "where the reply goes").
    #[must_use]
    pub const fn replies_on_new_connection(self) -> bool {
        matches!(self, Self::Mvr4j)
    }

    /// Whether it keeps the connection of its JOIN for later messages (1.4, row "connection").
    #[must_use]
    pub const fn keeps_join_connection(self) -> bool {
        matches!(self, Self::GrandMa3)
    }

    /// Whether it lists every commit under the station that hosts the session (1.5, BlenderDMX): its REQUEST then names the
    /// host, so that only the FileUUID tells whose file it wants.
    #[must_use]
    pub const fn names_host_as_author(self) -> bool {
        matches!(self, Self::BlenderDmx)
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn from_text(text: &str) -> Product {
    // Only letters and digits count, so that spaces, hyphens and capitals do not.
    let folded: String = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .take(FOLDED_CHARS)
        .collect();
    MARKS.iter().find(|(mark, _)| folded.contains(mark)).map_or(Product::Other, |(_, product)| *product)
}

/// What a name contains, and which product that is; the first hit counts.
const MARKS: &[(&str, Product)] = &[
    ("gma3", Product::GrandMa3),
    ("grandma3", Product::GrandMa3),
    ("blenderdmx", Product::BlenderDmx),
    ("mvr4j", Product::Mvr4j),
    ("thepult", Product::ThePult),
    ("perastage", Product::Perastage),
    ("peraviz", Product::Peraviz),
    ("libmvrgdtf", Product::LibMvrGdtf),
    ("vectorworks", Product::LibMvrGdtf),
    ("productionassist", Product::LibMvrGdtf),
];

/// What our own programs call themselves.
const OURS: &str = "mvrx";

/// More of a name is not looked at.
const FOLDED_CHARS: usize = 256;

#[cfg(test)]
mod tests;
