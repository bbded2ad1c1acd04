//! The rules that [`crate::check`] applies: each with a stable name, a severity and a sentence why.

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely to surprise somebody.
    Warning,
    /// The format forbids it, or an importer will fail or lose something.
    Error,
}

/// All severities in their order.
pub(crate) const SEVERITIES: [Severity; 3] = [Severity::Note, Severity::Warning, Severity::Error];

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $severity:ident;)*) => {
        /// What a finding is about. New rules may be added; names stay.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Stable name, for output and for leaving a rule out.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is to break it.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }
        }
    };
}

rules! {
    /// It is no zip archive, or one that cannot be trusted.
    NotAnArchive, "not-an-archive", Error;
    /// There is no root file, or more than one.
    NotAnMvr, "not-an-mvr", Error;
    /// The root file is not XML, or not that of an MVR.
    SceneUnreadable, "scene-unreadable", Error;
    /// The file exceeds what this reader is willing to spend.
    AboveLimit, "above-limit", Error;
    /// A member cannot be unpacked to what the directory says.
    MemberDamaged, "member-damaged", Error;
    /// A member is encrypted.
    MemberEncrypted, "member-encrypted", Error;
    /// A member is packed otherwise than with STORE or DEFLATE.
    MemberMethod, "member-method", Error;
    /// A member's name leads out of the folder it is unpacked to.
    NameClimbsOut, "name-climbs-out", Error;
    /// A member lies in a folder.
    MemberInFolder, "member-in-folder", Error;
    /// Two members have the same name.
    NameDuplicate, "name-duplicate", Error;
    /// Two members differ in case only.
    NameCaseClash, "name-case-clash", Error;
    /// A name cannot be a file name on FAT32 or NTFS.
    NameReserved, "name-reserved", Error;
    /// A name is not UTF-8.
    NameEncoding, "name-encoding", Warning;
    /// A member is not referred to.
    MemberUnused, "member-unused", Note;
    /// A member that is referred to is missing.
    MemberMissing, "member-missing", Error;
    /// A member that is referred to exists in another case only.
    MemberCase, "member-case", Error;
    /// The GDTF of a device is missing.
    GdtfMissing, "gdtf-missing", Error;
    /// A `GDTFSpec` lacks the ending `.gdtf`.
    GdtfEnding, "gdtf-ending", Warning;
    /// A GDTF cannot be read, so footprints are unknown.
    GdtfUnreadable, "gdtf-unreadable", Warning;
    /// The mode is not one of the GDTF.
    GdtfModeUnknown, "gdtf-mode-unknown", Error;
    /// A device has a GDTF but no mode.
    GdtfModeMissing, "gdtf-mode-missing", Warning;
    /// The XML declaration is missing.
    DeclarationMissing, "declaration-missing", Warning;
    /// The XML declaration names another encoding than UTF-8.
    EncodingNotUtf8, "encoding-not-utf8", Error;
    /// The version is not one that exists.
    VersionUnknown, "version-unknown", Warning;
    /// Provider or its version is missing, since MVR 1.6.
    ProviderMissing, "provider-missing", Warning;
    /// An element that the format demands is missing.
    ElementMissing, "element-missing", Error;
    /// An element is given twice where one is allowed.
    ElementRepeated, "element-repeated", Error;
    /// An element that the format does not know at this place.
    ElementUnknown, "element-unknown", Error;
    /// An attribute that the format does not know at this place.
    AttributeUnknown, "attribute-unknown", Error;
    /// An attribute that the format demands is missing.
    AttributeMissing, "attribute-missing", Error;
    /// There is text where only elements belong.
    TextUnexpected, "text-unexpected", Error;
    /// The official schema refuses it; the text of the format or every reader does not.
    SchemaStricter, "schema-stricter", Note;
    /// A number or other value is malformed.
    ValueMalformed, "value-malformed", Error;
    /// A UUID is missing.
    UuidMissing, "uuid-missing", Error;
    /// A UUID cannot be read.
    UuidUnreadable, "uuid-unreadable", Error;
    /// A UUID is written with braces, blanks or without hyphens.
    UuidForm, "uuid-form", Error;
    /// A UUID is all zeros.
    UuidNil, "uuid-nil", Error;
    /// Two things have the same UUID.
    UuidDuplicate, "uuid-duplicate", Error;
    /// A matrix cannot be read.
    MatrixMalformed, "matrix-malformed", Error;
    /// A thing lies so far away that no show can reach there.
    PlaceTooFar, "place-too-far", Warning;
    /// A layer is turned, scaled or moved sideways.
    LayerMatrix, "layer-matrix", Warning;
    /// A reference to a class, position, focus point, symbol, mapping or object that does not exist.
    ReferenceBroken, "reference-broken", Error;
    /// References that lead back to where they started.
    ReferenceCyclic, "reference-cyclic", Error;
    /// One mapping definition is used twice by a fixture.
    MappingRepeated, "mapping-repeated", Error;
    /// A break is given twice in one device.
    BreakRepeated, "break-repeated", Error;
    /// A device is patched at a break that its mode does not have.
    BreakUnknown, "break-unknown", Warning;
    /// An address is malformed or out of range.
    AddressMalformed, "address-malformed", Error;
    /// Two devices share DMX slots.
    AddressCollision, "address-collision", Warning;
    /// A device runs over the end of its universe.
    AddressOverflow, "address-overflow", Warning;
    /// Footprints are unknown, so only start addresses were compared.
    FootprintUnknown, "footprint-unknown", Note;
    /// Two devices have the same `FixtureID`.
    FixtureIdDuplicate, "fixture-id-duplicate", Warning;
    /// A fixture has no `FixtureID`.
    FixtureIdEmpty, "fixture-id-empty", Note;
}
