//! Turns an opened .mvr into the facts that somebody wants to see before importing it.
//!
//! It does not judge; see [`crate::check`] for that. Only members are unpacked that are GDTFs of used devices, or meshes: 512 MiB of those at most. Show it with
//! [`std::fmt::Display`] for people, or serialize it.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use serde::Serialize;
use uuid::Uuid;

use crate::gdtf::BreakFootprint;
use crate::mvr::MvrFile;
use crate::patch::{Devices, Universes};
use crate::plan::Meshes;
use crate::scene::matrix::is_near;
use crate::scene::{Kind, Scene, UserData};
use crate::version::Version;

mod text;

/// What is in an .mvr.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Version of this structure; fields are only ever added to it.
    pub schema: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Version of the format.
    pub version: Version,
    /// Application that wrote it.
    pub provider: Option<String>,
    /// Its version.
    pub provider_version: Option<String>,
    /// Applications that left data of their own.
    pub user_data: Vec<UserData>,
    /// Objects of each kind that occurs.
    pub objects: Vec<KindCount>,
    /// Layers in the order of the file.
    pub layers: Vec<GroupCount>,
    /// Classes in the order of the file.
    pub classes: Vec<GroupCount>,
    /// Hanging positions in the order of the file.
    pub positions: Vec<GroupCount>,
    /// Device types and modes, most used first.
    pub device_types: Vec<DeviceType>,
    /// Universes that have a device, by number.
    pub universes: Vec<Universe>,
    /// Fixtures without any address.
    pub unpatched: usize,
    /// Patched devices whose footprint is unknown, so that only their start slot counts as occupied.
    pub footprint_unknown: usize,
    /// Box around all fixtures, trusses, supports, screens and projectors with their shapes, in metres.
    pub rig: Option<Extents>,
    /// Box around all objects with their shapes, in metres.
    pub extents: Option<Extents>,
    /// Members of the archive by kind.
    pub members: Vec<MemberKind>,
}

/// How many objects of a kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// How many.
    pub count: usize,
}

/// A layer, class or position and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupCount {
    /// Its name; may be empty.
    pub name: String,
    /// Its UUID.
    pub uuid: Option<Uuid>,
    /// Objects in it.
    pub objects: usize,
    /// Fixtures among them.
    pub fixtures: usize,
}

/// A device type in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceType {
    /// `GDTFSpec` as written; empty when the objects have none.
    pub gdtf: String,
    /// `GDTFMode`.
    pub mode: String,
    /// What uses it.
    pub kind: Kind,
    /// How many.
    pub count: usize,
    /// Slots per break; `None` when the GDTF or the mode is missing or unreadable.
    pub footprint: Option<Vec<BreakFootprint>>,
}

/// How full a universe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Universe {
    /// Its number, from 1.
    pub number: u32,
    /// Slots that a device occupies, of 512.
    pub used: u32,
    /// Devices that start in it.
    pub devices: usize,
    /// Devices among them whose footprint is unknown.
    pub footprint_unknown: usize,
}

/// A box along the axes, in metres.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Extents {
    /// Least x, y, z.
    pub min: [f64; 3],
    /// Largest x, y, z.
    pub max: [f64; 3],
}

/// Members with the same ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberKind {
    /// Ending in lower case without the dot; empty when there is none.
    pub ending: String,
    /// How many.
    pub count: usize,
    /// Their unpacked bytes.
    pub bytes: u64,
    /// Their packed bytes.
    pub packed: u64,
}

impl Summary {
    /// Looks through the file.
    pub fn of<R: Read + Seek>(file: &MvrFile<R>) -> Self {
        let scene = file.scene();
        let devices = Devices::read(file);
        let (universes, footprint_unknown) = universes(scene, &devices);
        let (rig, extents) = extents(file);
        let unpatched = |object: &&crate::scene::Object| {
            object.kind == Kind::Fixture && object.patched().next().is_none()
        };
        Self {
            schema: 1,
            bytes: file.bytes(),
            version: scene.version,
            provider: scene.provider.clone(),
            provider_version: scene.provider_version.clone(),
            user_data: scene.user_data.clone(),
            objects: kinds(scene),
            layers: layers(scene),
            classes: named(scene, scene.classes.iter().map(|class| (&class.name, class.uuid)), |object| {
                object.class
            }),
            positions: named(
                scene,
                scene.positions.iter().map(|place| (&place.name, place.uuid)),
                |object| object.position,
            ),
            device_types: device_types(scene, &devices),
            universes,
            unpatched: scene.objects.iter().filter(unpatched).count(),
            footprint_unknown,
            rig,
            extents,
            members: member_kinds(file),
        }
    }

    /// How many objects of this kind there are.
    pub fn count(&self, kind: Kind) -> usize {
        self.objects.iter().find(|entry| entry.kind == kind).map_or(0, |entry| entry.count)
    }
}

fn kinds(scene: &Scene) -> Vec<KindCount> {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for object in &scene.objects {
        *counts.entry(object.kind).or_default() += 1;
    }
    counts.into_iter().map(|(kind, count)| KindCount { kind, count }).collect()
}

fn layers(scene: &Scene) -> Vec<GroupCount> {
    let new = |layer: &crate::scene::Layer| GroupCount {
        name: layer.named.name.clone(),
        uuid: layer.named.uuid,
        objects: 0,
        fixtures: 0,
    };
    let mut groups: Vec<GroupCount> = scene.layers.iter().map(new).collect();
    for object in &scene.objects {
        if let Some(group) = groups.get_mut(object.layer as usize) {
            group.objects += 1;
            group.fixtures += usize::from(object.kind == Kind::Fixture);
        }
    }
    groups
}

fn named<'a>(
    scene: &Scene,
    names: impl Iterator<Item = (&'a String, Option<Uuid>)>,
    group_of: impl Fn(&crate::scene::Object) -> Option<Uuid>,
) -> Vec<GroupCount> {
    let mut counts: HashMap<Uuid, (usize, usize)> = HashMap::new();
    for object in &scene.objects {
        if let Some(uuid) = group_of(object) {
            let (objects, fixtures) = counts.entry(uuid).or_default();
            *objects += 1;
            *fixtures += usize::from(object.kind == Kind::Fixture);
        }
    }
    names
        .map(|(name, uuid)| {
            let (objects, fixtures) = uuid.and_then(|uuid| counts.get(&uuid)).copied().unwrap_or_default();
            GroupCount { name: name.clone(), uuid, objects, fixtures }
        })
        .collect()
}

fn device_types(scene: &Scene, devices: &Devices) -> Vec<DeviceType> {
    let mut counts: HashMap<(&str, &str, Kind), usize> = HashMap::new();
    for object in &scene.objects {
        if object.kind == Kind::Fixture || !object.gdtf_spec.is_empty() {
            *counts.entry((&object.gdtf_spec, &object.gdtf_mode, object.kind)).or_default() += 1;
        }
    }
    let mut types: Vec<DeviceType> = counts
        .into_iter()
        .map(|((gdtf, mode, kind), count)| DeviceType {
            gdtf: gdtf.to_owned(),
            mode: mode.to_owned(),
            kind,
            count,
            footprint: devices
                .gdtf(gdtf)
                .and_then(|device| device.mode(mode))
                .map(|mode| mode.footprint.clone()),
        })
        .collect();
    types.sort_by(|a, b| {
        b.count.cmp(&a.count).then_with(|| (&a.gdtf, &a.mode, a.kind).cmp(&(&b.gdtf, &b.mode, b.kind)))
    });
    types
}

fn universes(scene: &Scene, devices: &Devices) -> (Vec<Universe>, usize) {
    let mut occupied = Universes::default();
    let mut starts: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    let mut unknown = 0;
    for run in devices.runs(&scene.objects) {
        occupied.occupy(run);
        let (devices, unknowns) = starts.entry((run.first - 1) / crate::scene::SLOTS + 1).or_default();
        *devices += 1;
        *unknowns += usize::from(!run.known);
        unknown += usize::from(!run.known);
    }
    let universes = occupied.0.into_iter().map(|(number, words)| {
        let (devices, footprint_unknown) = starts.get(&number).copied().unwrap_or_default();
        Universe {
            number,
            used: words.iter().map(|word| word.count_ones()).sum(),
            devices,
            footprint_unknown,
        }
    });
    (universes.collect(), unknown)
}

/// Boxes around the rig and around everything. What a device looks like is in its GDTF, so of it only the origin counts.
fn extents<R: Read + Seek>(file: &MvrFile<R>) -> (Option<Extents>, Option<Extents>) {
    let scene = file.scene();
    let mut meshes = Meshes::of(file);
    let (mut rig, mut all) = (None, None);
    for (object, place) in scene.objects.iter().zip(scene.world()) {
        if object.kind == Kind::GroupObject {
            continue;
        }
        let boxes = meshes.boxes(&object.geometries, &place, object.kind);
        for at in boxes.iter().flatten().copied().chain([place.origin]) {
            if !matches!(object.kind, Kind::SceneObject | Kind::FocusPoint) {
                Extents::include(&mut rig, at);
            }
            Extents::include(&mut all, at);
        }
    }
    (rig, all)
}

impl Extents {
    fn include(extents: &mut Option<Self>, millimetres: [f64; 3]) {
        if !is_near(millimetres) {
            return;
        }
        let at = millimetres.map(|millimetres| millimetres / 1000.0);
        let extents = extents.get_or_insert(Self { min: at, max: at });
        for ((low, high), value) in extents.min.iter_mut().zip(&mut extents.max).zip(at) {
            *low = low.min(value);
            *high = high.max(value);
        }
    }
}

fn member_kinds<R: Read + Seek>(file: &MvrFile<R>) -> Vec<MemberKind> {
    let mut kinds: BTreeMap<String, MemberKind> = BTreeMap::new();
    for member in file.archive().members() {
        let ending =
            member.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        let new = MemberKind { ending: ending.clone(), count: 0, bytes: 0, packed: 0 };
        let kind = kinds.entry(ending).or_insert(new);
        kind.count += 1;
        kind.bytes = kind.bytes.saturating_add(member.size);
        kind.packed = kind.packed.saturating_add(member.packed);
    }
    let mut kinds: Vec<MemberKind> = kinds.into_values().collect();
    kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.ending.cmp(&b.ending)));
    kinds
}
