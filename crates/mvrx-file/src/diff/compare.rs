//! Compares the two sides of each pair, value by value.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek};

use uuid::Uuid;

use super::device::DeviceTypes;
use super::pairs::Pairs;
use super::places::Places;
use super::shape::{self, Shapes};
use super::{Aspect, BreakChange, Change, MatchedBy, ObjectDiff, What};
use crate::check::ObjectName;
use crate::mvr::MvrFile;
use crate::scene::{Address, Kind, Named, Object, Scene};

/// Everything that was added, removed or changed.
pub(super) fn objects<A: Read + Seek, B: Read + Seek>(
    old: &MvrFile<A>,
    new: &MvrFile<B>,
    pairs: &Pairs,
    (old_shapes, new_shapes): (&Shapes<'_, A>, &Shapes<'_, B>),
) -> Vec<ObjectDiff> {
    let comparison = Comparison::of(old.scene(), new.scene(), pairs);
    let types = DeviceTypes::of(old, new, pairs);
    let mut found = Vec::new();
    for (new_index, (object, partner)) in new.scene().objects.iter().zip(&pairs.old_of).enumerate() {
        let new_index = u32::try_from(new_index).ok();
        let Some((old_index, by)) = *partner else {
            found.push(alone(object, What::Added, None, new_index));
            continue;
        };
        let Some(before) = old.scene().objects.get(old_index as usize) else { continue };
        let mut changes = comparison.values(before, object, by);
        types.compare(before, object, &mut changes);
        changes.extend(shape::change([&before.geometries, &object.geometries], old_shapes, new_shapes));
        comparison.places(old_index, new_index.unwrap_or(0), &mut changes);
        if !changes.is_empty() {
            found.push(ObjectDiff {
                object: ObjectName::of(object),
                what: What::Changed,
                matched_by: Some(by),
                changes,
                old_index: Some(old_index),
                new_index,
            });
        }
    }
    for (old_index, object) in old.scene().objects.iter().enumerate() {
        if pairs.new_of.get(old_index).is_some_and(Option::is_none) {
            found.push(alone(object, What::Removed, u32::try_from(old_index).ok(), None));
        }
    }
    found
}

fn alone(object: &Object, what: What, old_index: Option<u32>, new_index: Option<u32>) -> ObjectDiff {
    let object = ObjectName::of(object);
    ObjectDiff { object, what, matched_by: None, changes: Vec::new(), old_index, new_index }
}

type Names<'a> = HashMap<Uuid, &'a str>;

struct Comparison<'a> {
    old: &'a Scene,
    new: &'a Scene,
    pairs: &'a Pairs,
    new_layers: HashSet<Uuid>,
    old_classes: Names<'a>,
    new_classes: Names<'a>,
    old_positions: Names<'a>,
    new_positions: Names<'a>,
    old_objects: HashMap<Uuid, u32>,
    new_objects: HashMap<Uuid, u32>,
}

impl<'a> Comparison<'a> {
    fn of(old: &'a Scene, new: &'a Scene, pairs: &'a Pairs) -> Self {
        Self {
            old,
            new,
            pairs,
            new_layers: new.layers.iter().filter_map(|layer| layer.named.uuid).collect(),
            old_classes: names(&old.classes),
            new_classes: names(&new.classes),
            old_positions: names(&old.positions),
            new_positions: names(&new.positions),
            old_objects: uuids(old),
            new_objects: uuids(new),
        }
    }

    fn values(&self, old: &Object, new: &Object, by: MatchedBy) -> Vec<Change> {
        let mut changes = Vec::new();
        // req: MVR-DIFF-REGENERATED
        if old.uuid != new.uuid {
            changes.push(Change::Identity { from: old.uuid, to: new.uuid });
        }
        let mut text = |aspect, from: &str, to: &str| {
            if from != to {
                changes.push(value(aspect, from, to));
            }
        };
        text(Aspect::Kind, old.kind.node_name(), new.kind.node_name());
        // req: MVR-DIFF-SPELLING
        if old.device_name() != new.device_name() {
            text(Aspect::Gdtf, &old.gdtf_spec, &new.gdtf_spec);
        }
        text(Aspect::Mode, &old.gdtf_mode, &new.gdtf_mode);
        text(Aspect::Name, &old.name, &new.name);
        text(Aspect::FixtureId, &old.fixture_id, &new.fixture_id);
        text(Aspect::Function, &old.function, &new.function);
        if !same_color(&old.color, &new.color) {
            text(Aspect::Color, &old.color, &new.color);
        }
        let mut number = |aspect, from: Option<i64>, to: Option<i64>| {
            if from != to {
                changes.push(value(aspect, &show(from), &show(to)));
            }
        };
        number(Aspect::FixtureIdNumeric, old.fixture_id_numeric, new.fixture_id_numeric);
        number(Aspect::UnitNumber, old.unit_number, new.unit_number);
        number(Aspect::CustomId, old.custom_id, new.custom_id);
        number(Aspect::CustomIdType, old.custom_id_type, new.custom_id_type);
        changes.extend(readdressed(&old.addresses, &new.addresses));
        networks(old, new, &mut changes);
        self.groups(old, new, &mut changes);
        for element in changed_parts(old, new) {
            // Wiring names objects by UUID, which says nothing when the UUIDs are all new.
            if by == MatchedBy::Uuid || !matches!(element, "Connections" | "Mappings") {
                changes.push(Change::Element { element: element.to_owned() });
            }
        }
        changes
    }

    /// What the object belongs to or points to, followed through UUIDs that an application may have made anew.
    fn groups(&self, old: &Object, new: &Object, changes: &mut Vec<Change>) {
        let [from, to] =
            [(self.old, old), (self.new, new)].map(|(scene, object)| scene.layers.get(object.layer as usize));
        let [from, to] =
            [from, to].map(|layer| layer.map(|layer| (layer.named.uuid, layer.named.name.as_str())));
        if let (Some(from), Some(to)) = (from, to) {
            let known = from.0.is_some_and(|from| self.new_layers.contains(&from));
            if from.0 != to.0 && (known || from.1 != to.1) {
                changes.push(value(Aspect::Layer, from.1, to.1));
            }
        }
        let lists = [
            (Aspect::Class, old.class, new.class, &self.old_classes, &self.new_classes),
            (Aspect::Position, old.position, new.position, &self.old_positions, &self.new_positions),
        ];
        for (aspect, from, to, old_names, new_names) in lists {
            let [old_name, new_name] =
                [(from, old_names), (to, new_names)].map(|(uuid, names)| name_of(uuid, names));
            let renewed = from.is_some_and(|from| !new_names.contains_key(&from)) && old_name == new_name;
            if from != to && !(renewed && to.is_some()) {
                changes.push(value(aspect, &old_name, &new_name));
            }
        }
        for (aspect, from, to) in
            [(Aspect::Focus, old.focus, new.focus), (Aspect::Multipatch, old.multipatch, new.multipatch)]
        {
            let from_index = from.and_then(|uuid| self.old_objects.get(&uuid)).copied();
            let to_index = to.and_then(|uuid| self.new_objects.get(&uuid)).copied();
            let followed =
                from_index.and_then(|index| self.pairs.new_of.get(index as usize).copied().flatten());
            if from != to && (to_index.is_none() || followed != to_index) {
                let name = |scene: &Scene, index: Option<u32>| {
                    index.map(|index| call(scene, index)).unwrap_or_default()
                };
                changes.push(value(aspect, &name(self.old, from_index), &name(self.new, to_index)));
            }
        }
        let followed = old.parent.map(|parent| self.pairs.new_of.get(parent as usize).copied().flatten());
        if followed != new.parent.map(Some) {
            let name = |scene: &Scene, parent: Option<u32>| {
                parent.map(|parent| call(scene, parent)).unwrap_or_default()
            };
            changes.push(value(Aspect::Parent, &name(self.old, old.parent), &name(self.new, new.parent)));
        }
    }

    /// Place, direction and size in the world, and whether the change is its own.
    fn places(&self, old_index: u32, new_index: u32, changes: &mut Vec<Change>) {
        let (old_index, new_index) = (old_index as usize, new_index as usize);
        let (Some(from), Some(to)) =
            (self.pairs.old_world.get(old_index), self.pairs.new_world.get(new_index))
        else {
            return;
        };
        let (Some(old), Some(new)) = (self.old.objects.get(old_index), self.new.objects.get(new_index))
        else {
            return;
        };
        let same_parent = !changes.iter().any(|change| change.aspect() == Some(Aspect::Parent));
        Places { world: [from, to], local: [&old.matrix, &new.matrix], same_parent }.compare(changes);
    }
}

fn readdressed(old: &[Address], new: &[Address]) -> Option<Change> {
    if old == new {
        return None;
    }
    // A break that is given twice, wrongly, is compared in its order.
    let mut sides: BTreeMap<(u32, usize), [Option<Address>; 2]> = BTreeMap::new();
    for (side, list) in [old, new].into_iter().enumerate() {
        let mut before: Option<(u32, usize)> = None;
        for address in list {
            let again = before.filter(|(number, _)| *number == address.dmx_break);
            let key = (address.dmx_break, again.map_or(0, |(_, count)| count + 1));
            before = Some(key);
            let slot = sides.entry(key).or_default().get_mut(side);
            if let (Some(slot), true) = (slot, address.absolute > 0) {
                *slot = Some(*address);
            }
        }
    }
    let breaks: Vec<BreakChange> = sides
        .into_iter()
        .filter(|(_, [from, to])| from != to)
        .map(|((dmx_break, _), [from, to])| BreakChange { dmx_break, from, to })
        .collect();
    (!breaks.is_empty()).then_some(Change::Readdressed { breaks })
}

// req: MVR-DIFF-NETWORK
fn networks(old: &Object, new: &Object, changes: &mut Vec<Change>) {
    if old.networks == new.networks {
        return;
    }
    let mut sides: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
    for (side, object) in [old, new].into_iter().enumerate() {
        for network in &object.networks {
            if let Some(list) = sides.entry(&network.interface).or_default().get_mut(side) {
                list.push(&network.settings);
            }
        }
    }
    for (interface, [from, to]) in sides.into_iter().filter(|(_, [from, to])| from != to) {
        let join = |list: Vec<&str>| (!list.is_empty()).then(|| list.join(" and "));
        changes.push(Change::Network { interface: interface.to_owned(), from: join(from), to: join(to) });
    }
}

/// Names of the elements whose digests differ; both lists are sorted.
fn changed_parts<'a>(old: &'a Object, new: &'a Object) -> Vec<&'a str> {
    let side = |one: &'a Object, other: &'a Object| {
        one.parts
            .iter()
            .filter(|part| other.parts.binary_search(part).is_err())
            .map(|(name, _)| name.as_str())
    };
    let mut names: Vec<&str> = side(old, new).chain(side(new, old)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether two texts are the same numbers, to more digits than anybody sees.
fn same_color(one: &str, other: &str) -> bool {
    let numbers =
        |text: &str| text.split(',').map(|part| part.trim().parse::<f64>().ok()).collect::<Option<Vec<_>>>();
    match (numbers(one), numbers(other)) {
        (Some(one), Some(other)) if one.len() == other.len() => {
            one.iter().zip(&other).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(1.0))
        }
        _ => false,
    }
}

fn names(list: &[Named]) -> Names<'_> {
    list.iter().filter_map(|named| Some((named.uuid?, named.name.as_str()))).collect()
}

fn uuids(scene: &Scene) -> HashMap<Uuid, u32> {
    scene.objects.iter().zip(0..).filter_map(|(object, index)| Some((object.uuid?, index))).collect()
}

fn name_of(uuid: Option<Uuid>, names: &Names<'_>) -> String {
    let Some(uuid) = uuid else { return String::new() };
    names.get(&uuid).map_or_else(|| uuid.to_string(), |name| (*name).to_owned())
}

fn call(scene: &Scene, index: u32) -> String {
    let Some(object) = scene.objects.get(index as usize) else { return String::new() };
    let name = ObjectName::of(object).to_string();
    // The sentence says "focus" before it.
    let kind = Kind::FocusPoint.noun(1);
    if object.kind == Kind::FocusPoint {
        return name.strip_prefix(kind).unwrap_or(&name).trim().to_owned();
    }
    name
}

fn value(aspect: Aspect, from: &str, to: &str) -> Change {
    Change::Value { aspect, from: from.to_owned(), to: to.to_owned() }
}

fn show(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
