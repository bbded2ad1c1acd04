//! Compares shapes by their content: what a member holds, and what a symdef is made of, not what they are called.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek};

use uuid::Uuid;

use super::{Aspect, Change};
use crate::mvr::MvrFile;
use crate::scene::{Geometry, GeometrySource, Matrix, Symdef};

/// What the shapes of one file are made of.
pub(super) struct Shapes<'a, R> {
    file: &'a MvrFile<R>,
    symdefs: HashMap<Uuid, (u64, &'a str)>,
}

/// What a piece of shape is, for comparison; names may be made anew by every export.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Piece<'a> {
    Content(u32, u64),
    Missing(&'a str),
    /// Digest of what the symdef is made of.
    Symbol(u64),
    NoSymbol,
}

impl<'a, R: Read + Seek> Shapes<'a, R> {
    pub(super) fn of(file: &'a MvrFile<R>) -> Self {
        let list = &file.scene().symdefs;
        let mut shapes = Self { file, symdefs: HashMap::new() };
        // Symdefs in symdefs: each round carries a change one level further up, and cycles end with the rounds.
        let nested = |symdef: &Symdef| {
            symdef.geometries.iter().any(|piece| matches!(piece.source, GeometrySource::Symbol(_)))
        };
        let rounds = if list.iter().any(nested) { LEVELS } else { 1 };
        for _ in 0..rounds {
            let next = list.iter().filter_map(|symdef| {
                let digest = shapes.digest(&symdef.geometries);
                Some((symdef.named.uuid?, (digest, symdef.named.name.as_str())))
            });
            shapes.symdefs = next.collect();
        }
        shapes
    }

    /// Digest of what a symdef is made of, by its UUID.
    pub(super) fn symdef(&self, uuid: Uuid) -> Option<u64> {
        self.symdefs.get(&uuid).map(|(digest, _)| *digest)
    }

    fn digest(&self, geometries: &[Geometry]) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.pieces(geometries).hash(&mut hasher);
        hasher.finish()
    }

    /// All pieces and their places; their order in the file says nothing.
    fn pieces<'b>(&self, geometries: &'b [Geometry]) -> Vec<(Piece<'b>, [i64; 12])> {
        let piece = |geometry: &'b Geometry| {
            let piece = match &geometry.source {
                GeometrySource::Symbol(symdef) => {
                    symdef.and_then(|uuid| self.symdef(uuid)).map_or(Piece::NoSymbol, Piece::Symbol)
                }
                GeometrySource::File(name) => {
                    let place = self.file.mesh_member(name);
                    let member = place.and_then(|place| self.file.archive().members().get(place));
                    member.map_or(Piece::Missing(name), |member| Piece::Content(member.crc32, member.size))
                }
            };
            (piece, rounded(&geometry.matrix))
        };
        let mut pieces: Vec<_> = geometries.iter().map(piece).collect();
        pieces.sort_unstable();
        pieces
    }

    fn describe(&self, geometries: &[Geometry]) -> String {
        if geometries.len() > NAMED {
            return format!("{} pieces", geometries.len());
        }
        let name = |geometry: &Geometry| match &geometry.source {
            GeometrySource::File(name) => name.clone(),
            GeometrySource::Symbol(symdef) => {
                let name = symdef.and_then(|uuid| self.symdefs.get(&uuid)).map(|(_, name)| *name);
                name.filter(|name| !name.is_empty())
                    .map_or_else(|| "a symbol".to_owned(), |name| format!("symbol {name}"))
            }
        };
        let mut names: Vec<String> = geometries.iter().map(name).collect();
        names.sort_unstable();
        names.join(" and ")
    }
}

/// How the shape changed, if it did.
pub(super) fn change<A: Read + Seek, B: Read + Seek>(
    [old, new]: [&[Geometry]; 2],
    old_shapes: &Shapes<'_, A>,
    new_shapes: &Shapes<'_, B>,
) -> Option<Change> {
    let (before, after) = (old_shapes.pieces(old), new_shapes.pieces(new));
    if before == after {
        return None;
    }
    let (from, mut to) = (old_shapes.describe(old), new_shapes.describe(new));
    if from == to {
        let kinds = |pieces: &[(Piece<'_>, [i64; 12])]| {
            let mut kinds: Vec<String> = pieces.iter().map(|(piece, _)| format!("{piece:?}")).collect();
            kinds.sort_unstable();
            kinds
        };
        to += if kinds(&before) == kinds(&after) { ", placed otherwise" } else { ", other content" };
    }
    Some(Change::Value { aspect: Aspect::Shape, from, to })
}

/// Rounded to the precision that single precision numbers keep, so that another way of writing them is no change.
#[expect(clippy::cast_possible_truncation, reason = "saturating still compares equal to itself")]
pub(super) fn rounded(matrix: &Matrix) -> [i64; 12] {
    let mut all = [0; 12];
    let axes = matrix.axes.iter().flatten().map(|number| (number * 1e3).round() as i64);
    let origin = matrix.origin.iter().map(|number| number.round() as i64);
    for (slot, number) in all.iter_mut().zip(axes.chain(origin)) {
        *slot = number;
    }
    all
}

/// Levels of symdefs in symdefs that are looked into.
const LEVELS: usize = 8;
/// So many pieces are called by their names.
const NAMED: usize = 3;
