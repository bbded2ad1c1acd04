//! Turns a scene, or a scene and what changed in it, into a plan: where things are, how large, and what happened to them.
//!
//! [`Plan`] is data, in millimetres, for whoever draws it in his own way; [`Plan::svg`] is our way: from above, from the front and
//! from the side. It deliberately knows nothing of light or of triangles: a thing is its origin and the boxes around its meshes.
//! Meshes are unpacked one at a time, those of trusses, supports, screens and projectors first, until 512 MiB are spent.
//!
//! ```
//! use mvrx_file::generate::Recipe;
//! use mvrx_file::plan::{Plan, SvgOptions};
//! use mvrx_file::{Limits, MvrFile};
//! # fn main() -> Result<(), mvrx_file::OpenError> {
//! let file = MvrFile::read(std::io::Cursor::new(Recipe::new(1).to_bytes()), &Limits::default())?;
//! let svg = Plan::of(&file).svg(&SvgOptions::default());
//! assert!(svg.starts_with("<svg"));
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::io::{Read, Seek};

use serde::Serialize;
use uuid::Uuid;

pub use self::svg::{SvgOptions, Theme};
use crate::check::ObjectName;
use crate::diff::{Diff, What};
use crate::mesh::{self, Bounds, Extent};
use crate::mvr::MvrFile;
use crate::scene::matrix::is_near;
use crate::scene::{Geometry, GeometrySource, Kind, Matrix, Object};

mod labels;
mod legend;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod view;

/// Where everything is. All lengths are millimetres in the coordinates of the MVR: x right, y back, z up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Version of this structure; fields are only ever added to it.
    pub schema: u32,
    /// What is drawn, scene objects first, so that later things lie on top.
    pub items: Vec<Item>,
    /// Least x, y, z of the rig: of everything but scene objects and focus points, if there is anything else.
    pub min: [f64; 3],
    /// Largest x, y, z of the rig.
    pub max: [f64; 3],
    /// The difference in one sentence, when the plan shows one.
    pub sentence: Option<String>,
    /// Equal edits with their numbers and whom they concern, or, without a difference, device types with their numbers.
    pub list: Vec<ListEntry>,
    /// Meshes whose size could not be read, or that were left out to bound the work.
    pub meshes_unread: usize,
    /// Things more than 100,000 km away, which are left out.
    pub too_far: usize,
}

/// One thing on the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// What it is called.
    pub object: ObjectName,
    /// Its device type; may be empty.
    pub gdtf: String,
    /// Its start addresses, "universe.slot".
    pub addresses: Vec<String>,
    /// Its origin in the world.
    pub at: [f64; 3],
    /// Where a fixture points when nothing moves it: a unit vector.
    pub points: Option<[f64; 3]>,
    /// Corners of the boxes around its meshes, in the world; several that touch follow a bent thing.
    pub boxes: Vec<[[f64; 3]; 8]>,
    /// What happened to it.
    pub mark: Mark,
    /// Every change, as a text; empty without a difference.
    pub changes: Vec<String>,
}

/// A line beside the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListEntry {
    /// The edit, or the device type.
    pub label: String,
    /// How many.
    pub count: usize,
    /// Identifiers or names of the first of them.
    pub names: Vec<String>,
}

/// What happened to a thing from one revision to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Mark {
    /// It is new.
    pub added: bool,
    /// It is gone; the plan shows where it was.
    pub removed: bool,
    /// It was here before.
    pub moved_from: Option<[f64; 3]>,
    /// It has other addresses.
    pub readdressed: bool,
    /// It is turned, or changed in another way.
    pub otherwise: bool,
}

impl Mark {
    /// Whether anything happened.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl Plan {
    /// The plan of one file.
    pub fn of<R: Read + Seek>(file: &MvrFile<R>) -> Self {
        let mut drawing = Drawing::default();
        let mut meshes = Meshes::of(file);
        for (object, world) in file.scene().objects.iter().zip(file.scene().world()) {
            drawing.add(object, &world, &mut meshes, Mark::default(), Vec::new());
        }
        drawing.unread = meshes.unread;
        drawing.finish(None, device_types(file.scene()))
    }

    /// The plan of the new file with what changed since the old one.
    pub fn of_change<A: Read + Seek, B: Read + Seek>(
        old: &MvrFile<A>,
        new: &MvrFile<B>,
        diff: &Diff,
    ) -> Self {
        let mut drawing = Drawing::default();
        let mut marks: HashMap<u32, (Mark, Vec<String>)> = HashMap::new();
        let mut old_meshes = Meshes::of(old);
        let old_world = old.scene().world();
        for change in &diff.objects {
            match (change.what, change.old_index, change.new_index) {
                (What::Removed, Some(index), _) => {
                    let object = old.scene().objects.get(index as usize).zip(old_world.get(index as usize));
                    if let Some((object, world)) = object {
                        let mark = Mark { removed: true, ..Mark::default() };
                        drawing.add(object, world, &mut old_meshes, mark, vec!["removed".to_owned()]);
                    }
                }
                (_, _, Some(index)) => {
                    marks.insert(index, mark_of(change));
                }
                _ => {}
            }
        }
        let mut meshes = Meshes::of(new);
        for (index, (object, world)) in (0..).zip(new.scene().objects.iter().zip(new.scene().world())) {
            let (mark, changes) = marks.remove(&index).unwrap_or_default();
            drawing.add(object, &world, &mut meshes, mark, changes);
        }
        drawing.unread = meshes.unread + old_meshes.unread;
        drawing.finish(Some(diff.sentence.clone()), edits(diff))
    }

    /// The plan as an SVG document.
    pub fn svg(&self, options: &SvgOptions) -> String {
        svg::draw(self, options)
    }
}

fn mark_of(change: &crate::diff::ObjectDiff) -> (Mark, Vec<String>) {
    use crate::diff::Change;
    let mut mark = Mark { added: change.what == What::Added, ..Mark::default() };
    for one in &change.changes {
        match one {
            Change::Moved { from, .. } if is_near(from.map(|metres| metres * 1000.0)) => {
                mark.moved_from = Some(from.map(|metres| metres * 1000.0));
            }
            Change::Readdressed { .. } | Change::Network { .. } => mark.readdressed = true,
            // Every object of an export that makes new UUIDs would be marked.
            Change::Identity { .. } => {}
            _ => mark.otherwise = true,
        }
    }
    let mut texts: Vec<String> = change.changes.iter().map(ToString::to_string).collect();
    if mark.added {
        texts.push("added".to_owned());
    }
    (mark, texts)
}

fn edits(diff: &Diff) -> Vec<ListEntry> {
    let entry = |group: &crate::diff::Group| {
        let objects = group.objects.iter().take(NAMES).filter_map(|index| diff.objects.get(*index));
        let names = objects.map(crate::diff::ObjectDiff::short_name).collect();
        ListEntry { label: group.label.clone(), count: group.count, names }
    };
    diff.groups.iter().take(LIST).map(entry).collect()
}

fn device_types(scene: &crate::scene::Scene) -> Vec<ListEntry> {
    let mut types: HashMap<&str, ListEntry> = HashMap::new();
    for object in scene.objects.iter().filter(|object| object.kind == Kind::Fixture) {
        let label = if object.gdtf_spec.is_empty() { "(no GDTF)" } else { &object.gdtf_spec };
        let new = || ListEntry { label: label.to_owned(), count: 0, names: Vec::new() };
        let entry = types.entry(label).or_insert_with(new);
        entry.count += 1;
        if entry.names.len() < NAMES && !object.fixture_id.is_empty() {
            entry.names.push(object.fixture_id.clone());
        }
    }
    let mut list: Vec<ListEntry> = types.into_values().collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    list.truncate(LIST);
    list
}

/// Items while they are collected.
#[derive(Default)]
struct Drawing {
    items: Vec<Item>,
    unread: usize,
    too_far: usize,
}

impl Drawing {
    fn add<R: Read + Seek>(
        &mut self,
        object: &Object,
        world: &Matrix,
        meshes: &mut Meshes<'_, R>,
        mark: Mark,
        changes: Vec<String>,
    ) {
        if object.kind == Kind::GroupObject || (object.kind == Kind::FocusPoint && !mark.any()) {
            return;
        }
        // One thing that far away would make a point of all others.
        if !is_near(world.origin) {
            self.too_far += 1;
            return;
        }
        let points = (object.kind == Kind::Fixture).then(|| direction(world)).flatten();
        self.items.push(Item {
            object: ObjectName::of(object),
            gdtf: object.gdtf_spec.clone(),
            addresses: object.patched().map(|address| address.to_string()).collect(),
            at: world.origin,
            points,
            boxes: meshes
                .boxes(&object.geometries, world, object.kind)
                .into_iter()
                .filter(|corners| corners.iter().all(|corner| is_near(*corner)))
                .collect(),
            mark,
            changes,
        });
    }

    fn finish(mut self, sentence: Option<String>, list: Vec<ListEntry>) -> Plan {
        self.items.sort_by_key(|item| (item.mark.any(), depth_of(item.object.kind)));
        let is_rig = |item: &&Item| !matches!(item.object.kind, Kind::SceneObject | Kind::FocusPoint);
        let any_rig = self.items.iter().any(|item| is_rig(&item));
        let points =
            self.items.iter().filter(|item| !any_rig || is_rig(item)).flat_map(Item::points_of_interest);
        let bounds = Bounds::around(points).unwrap_or(Bounds { min: [0.0; 3], max: [0.0; 3] });
        let Bounds { min, max } = bounds;
        Plan {
            schema: 1,
            items: self.items,
            min,
            max,
            sentence,
            list,
            meshes_unread: self.unread,
            too_far: self.too_far,
        }
    }
}

impl Item {
    fn points_of_interest(&self) -> impl Iterator<Item = [f64; 3]> {
        self.boxes.iter().flatten().copied().chain(self.mark.moved_from).chain([self.at])
    }
}

/// What is drawn first lies below.
fn depth_of(kind: Kind) -> u8 {
    match kind {
        Kind::SceneObject | Kind::GroupObject => 0,
        Kind::Truss => 1,
        Kind::Support | Kind::VideoScreen | Kind::Projector => 2,
        Kind::FocusPoint => 3,
        Kind::Fixture => 4,
    }
}

/// A GDTF's beam leaves along its negative z axis.
fn direction(world: &Matrix) -> Option<[f64; 3]> {
    let down = world.turn([0.0, 0.0, -1.0]);
    let length = crate::scene::matrix::length(down);
    (length > 1e-9 && length.is_finite()).then(|| down.map(|number| number / length))
}

/// Boxes of the meshes of one file, read when first needed.
pub(crate) struct Meshes<'a, R> {
    file: &'a MvrFile<R>,
    symdefs: HashMap<Uuid, &'a [Geometry]>,
    known: HashMap<usize, Option<Extent>>,
    left: u64,
    /// Edges of meshes that may still be cut into slices.
    edges_left: usize,
    unread: usize,
}

impl<'a, R: Read + Seek> Meshes<'a, R> {
    pub(crate) fn of(file: &'a MvrFile<R>) -> Self {
        let symdefs =
            file.scene().symdefs.iter().filter_map(|one| Some((one.named.uuid?, one.geometries.as_slice())));
        let mut meshes = Self {
            file,
            symdefs: symdefs.collect(),
            known: HashMap::new(),
            left: MESH_BYTES,
            edges_left: EDGES,
            unread: 0,
        };
        // What the plan is about gets its share before the scenery.
        for object in file.scene().objects.iter().filter(|object| object.kind != Kind::SceneObject) {
            meshes.boxes(&object.geometries, &Matrix::IDENTITY, object.kind);
        }
        meshes
    }

    pub(crate) fn boxes(
        &mut self,
        geometries: &[Geometry],
        world: &Matrix,
        kind: Kind,
    ) -> Vec<[[f64; 3]; 8]> {
        let mut boxes = Vec::new();
        if kind == Kind::FocusPoint {
            return boxes;
        }
        let mut open: Vec<(&Geometry, Matrix, usize)> =
            geometries.iter().rev().map(|piece| (piece, *world, 0)).collect();
        let mut looked_at = 0;
        while let Some((piece, outer, depth)) = open.pop() {
            // Symbols of symbols multiply, whether there is a mesh at their end or not.
            looked_at += 1;
            if looked_at > PIECES {
                break;
            }
            let place = piece.matrix.within(&outer);
            match &piece.source {
                GeometrySource::File(name) => {
                    let Some(extent) = self.extent(name) else { continue };
                    let follow = kind != Kind::SceneObject && !extent.slices.is_empty();
                    let parts =
                        if follow { extent.slices.as_slice() } else { std::slice::from_ref(&extent.whole) };
                    boxes.extend(parts.iter().map(|part| part.corners().map(|corner| place.apply(corner))));
                }
                GeometrySource::Symbol(symdef) => {
                    let inner =
                        symdef.and_then(|symdef| self.symdefs.get(&symdef)).copied().unwrap_or_default();
                    // Symbols in symdefs may lead back to themselves.
                    if depth < SYMBOL_DEPTH {
                        open.extend(inner.iter().take(BOXES).map(|piece| (piece, place, depth + 1)));
                    }
                }
            }
            if boxes.len() >= BOXES || open.len() > 4 * BOXES {
                break;
            }
        }
        boxes
    }

    fn extent(&mut self, name: &str) -> Option<&Extent> {
        let place = self.file.mesh_member(name)?;
        if !self.known.contains_key(&place) {
            let found = self.read(place);
            self.unread += usize::from(found.is_none());
            self.known.insert(place, found);
        }
        self.known.get(&place)?.as_ref()
    }

    fn read(&mut self, place: usize) -> Option<Extent> {
        let member = self.file.archive().members().get(place)?;
        self.left = self.left.checked_sub(member.size)?;
        let content =
            self.file.archive().unpack(place, self.file.limits().member_bytes).ok()?.read_all().ok()?;
        mesh::extent(&member.name, &content, &mut self.edges_left)
    }
}

/// Unpacked bytes of meshes that one plan looks into.
const MESH_BYTES: u64 = 512 * 1024 * 1024;
/// Boxes of one thing.
const BOXES: usize = 48;
const SYMBOL_DEPTH: usize = 4;
/// Edges of all meshes that are cut into slices together.
const EDGES: usize = 4_000_000;
/// Pieces of one object that are looked at for boxes.
const PIECES: usize = 512;
/// Lines of the list, and names in one of them.
const LIST: usize = 40;
const NAMES: usize = 40;
