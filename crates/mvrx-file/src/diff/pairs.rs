//! Finds each object of the old scene in the new one.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use uuid::Uuid;

use super::MatchedBy;
use crate::scene::{Kind, Matrix, Object, Scene};

/// Which object is which.
#[derive(Debug)]
pub(super) struct Pairs {
    /// For each object of the new scene, its index in the old one.
    pub(super) old_of: Vec<Option<(u32, MatchedBy)>>,
    /// For each object of the old scene, its index in the new one.
    pub(super) new_of: Vec<Option<u32>>,
    pub(super) old_world: Vec<Matrix>,
    pub(super) new_world: Vec<Matrix>,
}

impl Pairs {
    pub(super) fn of(old: &Scene, new: &Scene) -> Self {
        let mut pairs = Self {
            old_of: vec![None; new.objects.len()],
            new_of: vec![None; old.objects.len()],
            old_world: old.world(),
            new_world: new.world(),
        };
        let repeated: HashSet<Uuid> = [old, new].into_iter().flat_map(repeated).collect();
        // UUIDs that several objects have do not tell them apart; their places do first.
        if !repeated.is_empty() {
            pairs.join(old, new, MatchedBy::Uuid, |object, world| {
                let uuid = object.uuid.filter(|uuid| repeated.contains(uuid))?;
                Some((uuid, Placed::of(object, world)))
            });
        }
        // req: MVR-DIFF-UUID
        pairs.join(old, new, MatchedBy::Uuid, |object, _| object.uuid);
        pairs.join(old, new, MatchedBy::Place, |object, world| Some(Placed::of(object, world)));
        pairs.join_unique(old, new);
        pairs
    }

    /// Pairs what is not paired yet and has the same key, in the order of the files.
    fn join<'a, K: Hash + Eq>(
        &mut self,
        old: &'a Scene,
        new: &'a Scene,
        by: MatchedBy,
        key: impl Fn(&'a Object, &Matrix) -> Option<K>,
    ) {
        let mut open: HashMap<K, Vec<usize>> = HashMap::new();
        // Backwards, so that the first one is taken first.
        for (index, (object, world)) in old.objects.iter().zip(&self.old_world).enumerate().rev() {
            let is_left = self.new_of.get(index).is_some_and(Option::is_none);
            if let (true, Some(key)) = (is_left, key(object, world)) {
                open.entry(key).or_default().push(index);
            }
        }
        let mut found = Vec::new();
        for (index, (object, world)) in new.objects.iter().zip(&self.new_world).enumerate() {
            if self.old_of.get(index).is_some_and(Option::is_none) {
                let partner = key(object, world).and_then(|key| open.get_mut(&key)).and_then(Vec::pop);
                found.extend(partner.map(|partner| (partner, index)));
            }
        }
        for (partner, index) in found {
            self.set(partner, index, by);
        }
    }

    /// Pairs fixtures whose identifier and type are left over exactly once on both sides.
    fn join_unique(&mut self, old: &Scene, new: &Scene) {
        let key = |object: &Object| {
            let meant =
                object.kind == Kind::Fixture && !object.fixture_id.is_empty() && object.fixture_id != "0";
            meant.then(|| (object.fixture_id.clone(), object.device_name().to_owned()))
        };
        let mut left: HashMap<(String, String), [Vec<usize>; 2]> = HashMap::new();
        let old_left =
            old.objects.iter().zip(&self.new_of).enumerate().filter(|(_, (_, partner))| partner.is_none());
        for (index, key) in old_left.filter_map(|(index, (object, _))| Some((index, key(object)?))) {
            left.entry(key).or_default()[0].push(index);
        }
        let new_left =
            new.objects.iter().zip(&self.old_of).enumerate().filter(|(_, (_, partner))| partner.is_none());
        for (index, key) in new_left.filter_map(|(index, (object, _))| Some((index, key(object)?))) {
            left.entry(key).or_default()[1].push(index);
        }
        for sides in left.into_values() {
            if let ([one], [other]) = (sides[0].as_slice(), sides[1].as_slice()) {
                self.set(*one, *other, MatchedBy::FixtureId);
            }
        }
    }

    fn set(&mut self, old: usize, new: usize, by: MatchedBy) {
        let (Ok(old_number), Ok(new_number)) = (u32::try_from(old), u32::try_from(new)) else { return };
        if let (Some(new_of), Some(old_of)) = (self.new_of.get_mut(old), self.old_of.get_mut(new)) {
            *new_of = Some(new_number);
            *old_of = Some((old_number, by));
        }
    }
}

/// UUIDs that more than one object has.
fn repeated(scene: &Scene) -> Vec<Uuid> {
    let mut seen = HashSet::with_capacity(scene.objects.len());
    scene.objects.iter().filter_map(|object| object.uuid).filter(|uuid| !seen.insert(*uuid)).collect()
}

/// What an object without a lasting UUID is recognized by.
#[derive(PartialEq, Eq, Hash)]
struct Placed<'a> {
    kind: Kind,
    fixture_id: &'a str,
    device: &'a str,
    /// Fixtures are known by identifier and type; other things often have neither.
    name: &'a str,
    class: Option<Uuid>,
    at: [i64; 3],
}

impl<'a> Placed<'a> {
    fn of(object: &'a Object, world: &Matrix) -> Self {
        let is_fixture = object.kind == Kind::Fixture;
        Self {
            kind: object.kind,
            fixture_id: &object.fixture_id,
            device: object.device_name(),
            name: if is_fixture { "" } else { &object.name },
            class: if is_fixture { None } else { object.class },
            at: world.origin.map(whole_millimetres),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturating is as good as any other place that far away")]
fn whole_millimetres(millimetres: f64) -> i64 {
    millimetres.round() as i64
}
