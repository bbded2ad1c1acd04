//! What can be wrong with an .mvr so that it cannot be read at all. What can be read but is wrong is a finding of [`crate::check`].

use std::io;

/// Why an .mvr could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file itself could not be read.
    #[error("the file cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The zip archive around everything is unusable.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive has no member `GeneralSceneDescription.xml`, so it is not an MVR.
    #[error("the archive has no member GeneralSceneDescription.xml")]
    RootFileMissing,
    /// Several members have the name of the root file; readers would disagree which one counts.
    #[error("{count} members are named GeneralSceneDescription.xml, allowed is one")]
    RootFileNotUnique {
        /// How many there are.
        count: usize,
    },
    /// The root file could not be unpacked.
    #[error("GeneralSceneDescription.xml cannot be unpacked: {0}")]
    RootFile(#[source] MemberError),
    /// The root file is not the XML that it has to be.
    #[error("GeneralSceneDescription.xml cannot be understood: {0}")]
    Scene(#[source] SceneError),
}

impl From<SceneError> for OpenError {
    fn from(error: SceneError) -> Self {
        match error {
            SceneError::Member(error) => Self::RootFile(error),
            other => Self::Scene(other),
        }
    }
}

/// Why the directory of a zip archive could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Reading failed.
    #[error("the archive cannot be read: {0}")]
    Io(#[source] io::Error),
    /// No end of central directory record: not a zip, or cut off.
    #[error("this is not a zip archive, or its end is missing")]
    EndRecordMissing,
    /// The directory or its end record contradicts itself.
    #[error("the zip directory is damaged")]
    DirectoryDamaged,
    /// One directory record is larger than a reader has to hold.
    #[error("a record of the zip directory is {bytes} bytes long, allowed are {allowed}")]
    DirectoryRecordAboveLimit {
        /// Length of the record.
        bytes: usize,
        /// Allowed length.
        allowed: usize,
    },
    /// More members than allowed.
    #[error("the archive has more than {allowed} members")]
    MembersAboveLimit {
        /// Allowed number.
        allowed: usize,
    },
    /// The names of the members are longer than allowed, taken together.
    #[error("the member names are longer than {allowed} bytes together")]
    NamesAboveLimit {
        /// Allowed bytes.
        allowed: usize,
    },
    /// The end record announces another number of members than the directory lists.
    #[error("the end record announces {announced} members, the directory lists {listed}")]
    MemberCountDiffers {
        /// Number in the end record.
        announced: u64,
        /// Number of directory records.
        listed: u64,
    },
    /// Two members claim the same bytes of the archive.
    #[error("member {second} starts at byte {start}, inside member {first} which ends at {end}")]
    MembersOverlap {
        /// Place in the directory of the member that starts earlier, from 0.
        first: usize,
        /// Place in the directory of the member inside it, from 0.
        second: usize,
        /// Where the second starts.
        start: u64,
        /// Where the first ends.
        end: u64,
    },
    /// A member's bytes would lie behind the last byte before the directory.
    #[error("member {member} ends at byte {end}, the members end at {allowed}")]
    MemberOutsideArchive {
        /// Place in the directory, from 0.
        member: usize,
        /// Where it would end.
        end: u64,
        /// Where the directory starts.
        allowed: u64,
    },
}

/// Why one member of the archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// Reading failed.
    #[error("it cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The member is encrypted, which an MVR must not be.
    #[error("it is encrypted")]
    Encrypted,
    /// Neither STORE nor DEFLATE.
    #[error("it is packed with method {method}, allowed are 0 (STORE) and 8 (DEFLATE)")]
    MethodNotAllowed {
        /// Method number of the zip format.
        method: u16,
    },
    /// Larger than allowed, by its own declaration or in fact.
    #[error("it is {size} bytes large, allowed are {allowed}")]
    SizeAboveLimit {
        /// Declared size.
        size: u64,
        /// Allowed size.
        allowed: u64,
    },
    /// So much larger than its packed form that it is a bomb.
    #[error("it unpacks {packed} bytes to {size}, allowed is {allowed} times as much")]
    RatioAboveLimit {
        /// Packed size.
        packed: u64,
        /// Declared size.
        size: u64,
        /// Allowed ratio.
        allowed: u64,
    },
    /// Unpacking gave more or less bytes than the directory says.
    #[error("it unpacks to {unpacked} bytes, the directory says {declared}")]
    SizeDiffers {
        /// Bytes that came out; one more than declared means "at least".
        unpacked: u64,
        /// Size in the directory.
        declared: u64,
    },
    /// The checksum of the content is not the directory's.
    #[error("its checksum is {found:08x}, the directory says {declared:08x}")]
    ChecksumDiffers {
        /// CRC-32 of what came out.
        found: u32,
        /// CRC-32 in the directory.
        declared: u32,
    },
    /// The packed bytes are no DEFLATE stream.
    #[error("its DEFLATE stream is damaged")]
    DeflateDamaged,
    /// There is no local header where the directory says.
    #[error("its local header is missing or damaged")]
    HeaderDamaged,
    /// The local header carries another name than the directory; readers would disagree.
    #[error("its local header carries another name than the directory")]
    LocalNameDiffers,
    /// Its real data runs over the start of the next member or the directory.
    #[error("its data ends at byte {end}, the next thing starts at {next}")]
    DataOverlapsNext {
        /// Where its data ends by the local header.
        end: u64,
        /// Where the next member or the directory starts.
        next: u64,
    },
}

/// Why the root file could not be understood. `line` counts from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// Reading failed, or unpacking did.
    #[error("it cannot be read: {0}")]
    Io(#[source] io::Error),
    /// Unpacking failed part way.
    #[error("it cannot be unpacked: {0}")]
    Member(#[source] MemberError),
    /// Not UTF-8, which the format demands.
    #[error("line {line}: it is not encoded in UTF-8")]
    NotUtf8 {
        /// Line of the token.
        line: u32,
    },
    /// Not well-formed XML.
    #[error("line {line}: the XML is not well-formed: {problem}")]
    NotWellFormed {
        /// Line of the token.
        line: u32,
        /// What the parser says, without content of the file.
        problem: &'static str,
    },
    /// The file ends inside an element.
    #[error("line {line}: the XML ends with {open} elements still open")]
    ElementsLeftOpen {
        /// Last line.
        line: u32,
        /// How many.
        open: usize,
    },
    /// A document type definition, which could define entities; an MVR has none.
    #[error("line {line}: it has a document type definition (DOCTYPE), which is not read")]
    DoctypePresent {
        /// Line of the declaration.
        line: u32,
    },
    /// A reference to an entity that XML does not define itself.
    #[error("line {line}: it refers to an entity that XML does not define")]
    EntityUnknown {
        /// Line of the reference.
        line: u32,
    },
    /// Elements nested too deeply.
    #[error("line {line}: elements are nested more than {allowed} deep")]
    DepthAboveLimit {
        /// Line of the first element too deep.
        line: u32,
        /// Allowed depth.
        allowed: usize,
    },
    /// One tag or text is too long.
    #[error("line {line}: a tag or text is longer than {allowed} bytes")]
    TokenAboveLimit {
        /// Line where the token starts.
        line: u32,
        /// Allowed bytes.
        allowed: usize,
    },
    /// Too many objects in the scene.
    #[error("line {line}: the scene has more than {allowed} objects")]
    ObjectsAboveLimit {
        /// Line of the first object too many.
        line: u32,
        /// Allowed number.
        allowed: usize,
    },
    /// What has to be remembered of the scene is too much.
    #[error("line {line}: the scene needs more than {allowed} bytes of memory")]
    SceneAboveLimit {
        /// Line reached.
        line: u32,
        /// Allowed bytes.
        allowed: usize,
    },
    /// The document element is not `GeneralSceneDescription`.
    #[error("line {line}: the document element is not GeneralSceneDescription")]
    RootElementDiffers {
        /// Line of the element.
        line: u32,
    },
    /// There is no element at all.
    #[error("it has no element")]
    RootElementMissing,
    /// `verMajor` or `verMinor` is missing or no number.
    #[error("line {line}: attribute {attribute} is missing or no number")]
    VersionUnreadable {
        /// Line of the root element.
        line: u32,
        /// Which of the two.
        attribute: &'static str,
    },
}

impl MemberError {
    /// Carries this error through an interface that knows only [`io::Error`].
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }

    /// Finds the error that [`MemberError::into_io`] put in.
    pub(crate) fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}
