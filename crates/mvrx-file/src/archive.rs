//! Turns the directory of a zip archive into a list of members that can be unpacked one at a time.
//!
//! It knows nothing of MVR: names are judged elsewhere ([`crate::check`]), nothing is ever written to disk. A caller asks for
//! members by their place in the directory; opening the archive reads the directory only and never unpacks. What protects it:
//! [`Limits::members`] and [`Limits::name_bytes`] on opening, [`Limits::compression_ratio`] and a size per call on unpacking; memory
//! follows what was read, never what was declared. Members that share bytes are refused on opening, because that is how a small
//! archive becomes an unbounded one.
//!
//! ```
//! use mvrx_file::{Archive, Limits, generate::Recipe};
//! let bytes = Recipe::new(1).to_bytes();
//! let archive = Archive::open(std::io::Cursor::new(bytes), &Limits::default())?;
//! assert_eq!(archive.members()[0].name, "GeneralSceneDescription.xml");
//! # Ok::<(), mvrx_file::ArchiveError>(())
//! ```

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use rawzip::{ErrorKind, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator};
use serde::Serialize;

pub use self::member::MemberReader;
use self::section::Section;
use crate::error::{ArchiveError, MemberError};
use crate::limits::{Limits, RATIO_FREE_BYTES};

mod member;
mod section;

/// An opened zip archive.
#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<Section<R>>,
    members: Vec<Member>,
    extents: Vec<Extent>,
    ways: Vec<ZipArchiveEntryWayfinder>,
    ratio: u64,
}

/// One member, as the directory describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// Its name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Whether the name was UTF-8.
    pub name_is_utf8: bool,
    /// Unpacked size in bytes.
    pub size: u64,
    /// Packed size in bytes.
    pub packed: u64,
    /// CRC-32 of the unpacked content.
    pub crc32: u32,
    /// Method number of the zip format: 0 STORE, 8 DEFLATE.
    pub method: u16,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of the archive that `reader` holds from its beginning to its end.
    ///
    /// # Errors
    /// [`ArchiveError`], when there is no usable directory or one of the limits is exceeded.
    pub fn open(mut reader: R, limits: &Limits) -> Result<Self, ArchiveError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(ArchiveError::Io)?;
        Self::open_section(Section::whole(reader, length), limits)
    }

    fn open_section(section: Section<R>, limits: &Limits) -> Result<Self, ArchiveError> {
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let length = section.length();
        let zip = ZipLocator::new()
            .max_search_space(END_RECORD_SEARCH)
            .locate_in_reader(section, &mut buffer, length)
            .map_err(|(_, error)| archive_error(error))?;
        let mut directory = Directory::default();
        let mut entries = zip.entries(&mut buffer);
        while let Some(record) = entries.next_entry().map_err(archive_error)? {
            directory.push(&record, limits)?;
        }
        let (announced, listed) = (zip.entries_hint(), directory.members.len() as u64);
        // A count above 65,535 does not fit the classic record; some writers keep its lower bits.
        if announced != listed && announced != listed & 0xFFFF {
            return Err(ArchiveError::MemberCountDiffers { announced, listed });
        }
        let extents = directory.extents(zip.directory_offset())?;
        Ok(Self {
            zip,
            members: directory.members,
            extents,
            ways: directory.ways,
            ratio: limits.compression_ratio,
        })
    }

    /// All members in the order of the directory.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Where its first byte is. Not 0 is what a cut archive shows whose last member is an archive, too: the inner one is found.
    #[must_use]
    pub fn begins_at(&self) -> u64 {
        self.extents.iter().map(|extent| extent.start).min().unwrap_or_else(|| self.zip.directory_offset())
    }

    /// Where the directory begins. What follows it is the directory, the records of its end, and a comment.
    #[must_use]
    pub fn directory_begins_at(&self) -> u64 {
        self.zip.directory_offset()
    }

    /// Where the packed bytes of the member at this place of the directory are, by its local header.
    ///
    /// # Errors
    /// [`MemberError`], when its local header is wrong or its bytes would be another member's, too. A place outside the directory counts
    /// as a missing header.
    pub fn packed_range(&self, place: usize) -> Result<Range<u64>, MemberError> {
        let (Some(way), Some(extent)) = (self.ways.get(place), self.extents.get(place)) else {
            return Err(MemberError::HeaderDamaged);
        };
        let (start, end) = self.zip.get_entry(*way).map_err(member_error)?.compressed_data_range();
        if end > extent.next {
            return Err(MemberError::DataOverlapsNext { end, next: extent.next });
        }
        Ok(start..end)
    }

    /// Starts to unpack the member at this place of the directory, at most `allowed` bytes of it.
    ///
    /// The reader fails as soon as the content is longer than declared, and at its end when size or checksum differ.
    ///
    /// # Errors
    /// [`MemberError`], when the member is encrypted, packed otherwise, declared too large, or its local header is wrong.
    /// A place outside the directory counts as a missing header.
    pub fn unpack(&self, place: usize, allowed: u64) -> Result<MemberReader<'_, R>, MemberError> {
        let reader = self.unpack_unnamed(place, allowed)?;
        let (Some(member), Some(extent)) = (self.members.get(place), self.extents.get(place)) else {
            return Err(MemberError::HeaderDamaged);
        };
        member.accept_ratio(self.ratio)?;
        if member.name_is_utf8 && !self.local_name_is(extent.start, member.name.as_bytes())? {
            return Err(MemberError::LocalNameDiffers);
        }
        Ok(reader)
    }

    /// The same, whatever its local header calls it and however well it is packed: for those who keep nothing of it.
    pub(crate) fn unpack_unnamed(
        &self,
        place: usize,
        allowed: u64,
    ) -> Result<MemberReader<'_, R>, MemberError> {
        let (Some(member), Some(way), Some(extent)) =
            (self.members.get(place), self.ways.get(place), self.extents.get(place))
        else {
            return Err(MemberError::HeaderDamaged);
        };
        member.accept(allowed)?;
        let entry = self.zip.get_entry(*way).map_err(member_error)?;
        let (_, end) = entry.compressed_data_range();
        if end > extent.next {
            return Err(MemberError::DataOverlapsNext { end, next: extent.next });
        }
        Ok(MemberReader::new(entry.reader(), member))
    }

    /// Opens a stored member as an archive of its own, without copying it; `None` when it is packed.
    pub(crate) fn open_stored(
        &self,
        place: usize,
        limits: &Limits,
    ) -> Option<Result<Archive<R>, ArchiveError>> {
        let (member, way) = (self.members.get(place)?, self.ways.get(place)?);
        if member.method != STORE || member.encrypted {
            return None;
        }
        let (start, end) = self.zip.get_entry(*way).ok()?.compressed_data_range();
        let section = self.zip.get_ref().part(start, end)?;
        Some(Archive::open_section(section, limits))
    }

    fn local_name_is(&self, start: u64, name: &[u8]) -> Result<bool, MemberError> {
        let mut header = vec![0; LOCAL_HEADER + name.len()];
        self.zip.get_ref().read_exact_at(&mut header, start).map_err(|error| member_error(error.into()))?;
        let (fixed, local) = header.split_at(LOCAL_HEADER);
        let length = fixed
            .get(26..28)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)));
        Ok(length == Some(name.len()) && local == name)
    }
}

impl Member {
    /// Whether the name is a directory entry.
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }

    fn accept(&self, allowed: u64) -> Result<(), MemberError> {
        if self.encrypted {
            return Err(MemberError::Encrypted);
        }
        if self.method != STORE && self.method != DEFLATE {
            return Err(MemberError::MethodNotAllowed { method: self.method });
        }
        if self.size > allowed {
            return Err(MemberError::SizeAboveLimit { size: self.size, allowed });
        }
        if self.method == STORE && self.size != self.packed {
            return Err(MemberError::SizeDiffers { unpacked: self.packed, declared: self.size });
        }
        Ok(())
    }

    // req: MVR-LIMIT-RATIO
    fn accept_ratio(&self, allowed: u64) -> Result<(), MemberError> {
        if self.size > RATIO_FREE_BYTES && self.size / allowed.max(1) > self.packed {
            return Err(MemberError::RatioAboveLimit { packed: self.packed, size: self.size, allowed });
        }
        Ok(())
    }
}

/// The directory while it is read.
#[derive(Default)]
struct Directory {
    members: Vec<Member>,
    ways: Vec<ZipArchiveEntryWayfinder>,
    /// Start and least possible end of each member.
    spans: Vec<(u64, u64)>,
    name_bytes: usize,
}

impl Directory {
    fn push(&mut self, record: &ZipFileHeaderRecord<'_>, limits: &Limits) -> Result<(), ArchiveError> {
        // req: MVR-LIMIT-MEMBERS
        if self.members.len() >= limits.members {
            return Err(ArchiveError::MembersAboveLimit { allowed: limits.members });
        }
        let path = record.file_path();
        self.name_bytes += path.len();
        if self.name_bytes > limits.name_bytes {
            return Err(ArchiveError::NamesAboveLimit { allowed: limits.name_bytes });
        }
        let start = record.local_header_offset();
        let packed = record.compressed_size_hint();
        let end = start.saturating_add((LOCAL_HEADER + path.len()) as u64).saturating_add(packed);
        self.spans.push((start, end));
        self.ways.push(record.wayfinder());
        self.members.push(Member {
            name: String::from_utf8_lossy(path.as_bytes()).into_owned(),
            name_is_utf8: std::str::from_utf8(path.as_bytes()).is_ok(),
            size: record.uncompressed_size_hint(),
            packed,
            crc32: record.crc32(),
            method: record.compression_method().as_u16(),
            encrypted: record.flags().is_encrypted() || record.flags().has_strong_encryption(),
        });
        Ok(())
    }

    /// Checks that no two members share bytes; returns where each starts and where the thing after it starts.
    fn extents(&self, directory_offset: u64) -> Result<Vec<Extent>, ArchiveError> {
        let mut order: Vec<(u64, u64, usize)> =
            self.spans.iter().enumerate().map(|(place, (start, end))| (*start, *end, place)).collect();
        order.sort_unstable();
        let mut extents: Vec<Extent> =
            self.spans.iter().map(|(start, _)| Extent { start: *start, next: directory_offset }).collect();
        let mut later: Option<(usize, u64)> = None;
        for (start, end, place) in order.into_iter().rev() {
            match later {
                // req: MVR-LIMIT-OVERLAP
                Some((second, second_start)) if end > second_start => {
                    return Err(ArchiveError::MembersOverlap {
                        first: place,
                        second,
                        start: second_start,
                        end,
                    });
                }
                None if end > directory_offset => {
                    return Err(ArchiveError::MemberOutsideArchive {
                        member: place,
                        end,
                        allowed: directory_offset,
                    });
                }
                _ => {}
            }
            if let (Some(extent), Some((_, second_start))) = (extents.get_mut(place), later) {
                extent.next = second_start;
            }
            later = Some((place, start));
        }
        Ok(extents)
    }
}

/// Where a member's local header starts, and where the next member or the directory does.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    next: u64,
}

fn archive_error(error: rawzip::Error) -> ArchiveError {
    match error.into_kind() {
        ErrorKind::IO(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => ArchiveError::Io(error),
        ErrorKind::MissingEndOfCentralDirectory => ArchiveError::EndRecordMissing,
        ErrorKind::BufferTooSmall { required } => ArchiveError::DirectoryRecordAboveLimit {
            bytes: required,
            allowed: rawzip::RECOMMENDED_BUFFER_SIZE,
        },
        _ => ArchiveError::DirectoryDamaged,
    }
}

fn member_error(error: rawzip::Error) -> MemberError {
    match error.into_kind() {
        ErrorKind::IO(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => MemberError::Io(error),
        _ => MemberError::HeaderDamaged,
    }
}

/// Method numbers of the zip format (APPNOTE 4.4.5).
pub(crate) const STORE: u16 = 0;
pub(crate) const DEFLATE: u16 = 8;
/// Fixed part of a local header.
const LOCAL_HEADER: usize = 30;
/// The end record has 22 bytes and a comment of up to 65,535; room for the bytes that a download tool appended.
const END_RECORD_SEARCH: u64 = 128 * 1024;
