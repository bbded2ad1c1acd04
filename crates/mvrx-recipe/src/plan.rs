//! Pairs what two files are made of: which stretch of the target is which stretch of the base, or like it.
//!
//! Of two archives it pairs members by content first (size, checksum and method tell which to compare, and the bytes themselves are
//! compared), then by name; what lies between members (headers, the directory) is paired along with them. Any other two files are one
//! stretch each. Names and checksums only guide: a wrong pair costs bytes, never correctness.

use std::collections::HashMap;
use std::io;
use std::ops::Range;

use mvrx_file::{Archive, ArchiveError};

use crate::block::Form;
use crate::error::MakeError;
use crate::source::{Cursor, PIECE, Source, read_exact};

/// A stretch of the target; stretches follow one another without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: Range<u64>,
    pub(crate) like: Like,
}

/// What of the base it is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Like {
    /// The same bytes as those from there on.
    Same { from: u64 },
    /// Probably like these, compared in this form.
    Near { base: Range<u64>, form: Form },
}

/// The pieces of `target`.
pub(crate) fn pieces(base: &dyn Source, target: &dyn Source) -> Result<Vec<Piece>, MakeError> {
    let length = target.length().map_err(MakeError::Target)?;
    let ours = Zip::of(base).map_err(MakeError::Base)?;
    let theirs = Zip::of(target).map_err(MakeError::Target)?;
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        let base = 0..base.length().map_err(MakeError::Base)?;
        return Ok(vec![Piece { at: 0..length, like: Like::Near { base, form: Form::Raw } }]);
    };
    let mut planner = Planner { base, target, pieces: Vec::new() };
    let (by_content, by_name) = (ours.by_content(), ours.by_name());
    let mut end = 0;
    for member in &theirs.members {
        let named = by_name.get(member.name.as_str()).copied();
        let alike = named
            .filter(|named| named.content == member.content)
            .or_else(|| by_content.get(&member.content).copied());
        let same = match alike {
            Some(alike) => planner.are_same(&alike.data, &member.data)?.then_some(alike),
            None => None,
        };
        let gap = same.or(named).map_or(0..0, |pair| pair.gap.clone());
        planner.near(end..member.data.start, gap, Form::Raw)?;
        match (same, named) {
            (Some(same), _) => planner.push(member.data.clone(), Like::Same { from: same.data.start }),
            (None, Some(named)) => {
                let both = member.content.method == DEFLATE && named.content.method == DEFLATE;
                let form = if both { Form::Content } else { Form::Raw };
                planner.push(member.data.clone(), Like::Near { base: named.data.clone(), form });
            }
            (None, None) => planner.push(member.data.clone(), Like::Near { base: 0..0, form: Form::Raw }),
        }
        end = member.data.end;
    }
    planner.near(end..theirs.directory, ours.end..ours.directory, Form::Raw)?;
    planner.near(theirs.directory..length, ours.directory..ours.length, Form::Directory)?;
    Ok(planner.pieces)
}

struct Planner<'a> {
    base: &'a dyn Source,
    target: &'a dyn Source,
    pieces: Vec<Piece>,
}

impl Planner<'_> {
    fn push(&mut self, at: Range<u64>, like: Like) {
        if !at.is_empty() {
            self.pieces.push(Piece { at, like });
        }
    }

    /// A stretch between members: the same, or near.
    fn near(&mut self, at: Range<u64>, base: Range<u64>, form: Form) -> Result<(), MakeError> {
        let same = self.are_same(&base, &at)?;
        self.push(at, if same { Like::Same { from: base.start } } else { Like::Near { base, form } });
        Ok(())
    }

    fn are_same(&self, base: &Range<u64>, target: &Range<u64>) -> Result<bool, MakeError> {
        let length = target.end - target.start;
        if base.end - base.start != length {
            return Ok(false);
        }
        let most = usize::try_from(length).unwrap_or(PIECE).min(PIECE);
        let (mut one, mut other) = (vec![0; most], vec![0; most]);
        let mut done = 0;
        while done < length {
            let count = usize::try_from(length - done).unwrap_or(most).min(most);
            let (one, _) = one.split_at_mut(count);
            let (other, _) = other.split_at_mut(count);
            read_exact(self.base, base.start + done, one).map_err(MakeError::Base)?;
            read_exact(self.target, target.start + done, other).map_err(MakeError::Target)?;
            if one != other {
                return Ok(false);
            }
            done += count as u64;
        }
        Ok(true)
    }
}

/// An archive as stretches.
struct Zip {
    /// In the order of their bytes.
    members: Vec<Member>,
    /// Where the last member's bytes end.
    end: u64,
    directory: u64,
    length: u64,
}

struct Member {
    name: String,
    content: Content,
    /// Its packed bytes.
    data: Range<u64>,
    /// What lies between the member before it and those.
    gap: Range<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Content {
    crc: u32,
    size: u64,
    packed: u64,
    method: u16,
}

impl Zip {
    /// `None` when it is no archive whose members can be told apart; a member with a wrong header is left to what lies between.
    fn of(source: &dyn Source) -> io::Result<Option<Self>> {
        let length = source.length()?;
        let archive = match Archive::open(Cursor::new(source)?, &mvrx_file::Limits::default()) {
            Ok(archive) => archive,
            Err(ArchiveError::Io(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let directory = archive.directory_begins_at();
        let mut members: Vec<Member> = Vec::with_capacity(archive.members().len());
        for (place, member) in archive.members().iter().enumerate() {
            let Ok(data) = archive.packed_range(place) else { continue };
            let content = Content {
                crc: member.crc32,
                size: member.size,
                packed: member.packed,
                method: member.method,
            };
            members.push(Member { name: member.name.clone(), content, data, gap: 0..0 });
        }
        members.sort_by_key(|member| (member.data.start, member.data.end));
        let mut end = 0;
        for member in &mut members {
            if member.data.start < end || member.data.end < member.data.start {
                return Ok(None);
            }
            member.gap = end..member.data.start;
            end = member.data.end;
        }
        Ok((end <= directory && directory <= length).then_some(Self { members, end, directory, length }))
    }

    /// The first member of each content.
    fn by_content(&self) -> HashMap<Content, &Member> {
        self.members.iter().rev().map(|member| (member.content, member)).collect()
    }

    fn by_name(&self) -> HashMap<&str, &Member> {
        self.members.iter().rev().map(|member| (member.name.as_str(), member)).collect()
    }
}

const DEFLATE: u16 = 8;
