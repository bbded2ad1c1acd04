//! What changed beside the objects: version, provider, vendors' data, layers, classes, positions, symdefs, mapping definitions.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use serde::Serialize;
use uuid::Uuid;

use super::shape::{Shapes, rounded};
use crate::scene::{MappingDefinition, Matrix, Scene};

/// One change beside the objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SceneChange {
    /// "version", "provider", "user data", "layer", "layer height", "class", "position", "symdef", "mapping definition" or
    /// "content that MVR does not know".
    pub what: &'static str,
    /// Before; `None` when it is new.
    pub from: Option<String>,
    /// Now; `None` when it is gone.
    pub to: Option<String>,
}

pub(super) fn changes<A: Read + Seek, B: Read + Seek>(
    old: &Scene,
    new: &Scene,
    (old_shapes, new_shapes): (&Shapes<'_, A>, &Shapes<'_, B>),
) -> Vec<SceneChange> {
    let mut changes = Vec::new();
    let mut value = |what, from: Option<String>, to: Option<String>| {
        if from != to {
            changes.push(SceneChange { what, from, to });
        }
    };
    value("version", Some(old.version.to_string()), Some(new.version.to_string()));
    value("provider", provider(old), provider(new));
    user_data(old, new, &mut changes);
    named("layer", &layers(old), &layers(new), &mut changes);
    elevations(old, new, &mut changes);
    named("class", &pairs(old, |scene| &scene.classes), &pairs(new, |scene| &scene.classes), &mut changes);
    named(
        "position",
        &pairs(old, |scene| &scene.positions),
        &pairs(new, |scene| &scene.positions),
        &mut changes,
    );
    let symdefs = |scene: &Scene| {
        scene.symdefs.iter().map(|one| (one.named.uuid, one.named.name.clone())).collect::<Vec<_>>()
    };
    named("symdef", &symdefs(old), &symdefs(new), &mut changes);
    for one in &new.symdefs {
        let sides =
            one.named.uuid.and_then(|uuid| Some((old_shapes.symdef(uuid)?, new_shapes.symdef(uuid)?)));
        // req: MVR-DIFF-SYMDEF
        if sides.is_some_and(|(before, now)| before != now) {
            changes.push(SceneChange {
                what: "symdef",
                from: Some(one.named.name.clone()),
                to: Some(format!("{} with another shape", one.named.name)),
            });
        }
    }
    definitions(old, new, &mut changes);
    if old.rest != new.rest {
        changes.push(SceneChange { what: "content that MVR does not know", from: None, to: None });
    }
    changes
}

fn provider(scene: &Scene) -> Option<String> {
    let name = scene.provider.as_deref()?;
    Some(match &scene.provider_version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    })
}

// req: MVR-DIFF-REST
fn user_data(old: &Scene, new: &Scene, changes: &mut Vec<SceneChange>) {
    let mut sides: BTreeMap<&str, [Vec<(&str, u64)>; 2]> = BTreeMap::new();
    for (side, scene) in [old, new].into_iter().enumerate() {
        for data in &scene.user_data {
            if let Some(list) = sides.entry(&data.provider).or_default().get_mut(side) {
                list.push((&data.version, data.digest));
            }
        }
    }
    for (provider, [from, to]) in sides.into_iter().filter(|(_, [from, to])| from != to) {
        let show = |list: &[(&str, u64)]| {
            let versions: Vec<&str> = list.iter().map(|(version, _)| *version).collect();
            (!list.is_empty()).then(|| format!("of {provider} {}", versions.join(", ")))
        };
        let (from, mut to) = (show(&from), show(&to));
        if from == to {
            to = to.map(|to| to + " with other content");
        }
        changes.push(SceneChange { what: "user data", from, to });
    }
}

fn definitions(old: &Scene, new: &Scene, changes: &mut Vec<SceneChange>) {
    let list = |scene: &Scene| {
        let pairs = scene.mapping_definitions.iter().map(|one| (one.named.uuid, describe(one)));
        pairs.collect::<Vec<_>>()
    };
    named("mapping definition", &list(old), &list(new), changes);
    let before: HashMap<Uuid, &MappingDefinition> =
        old.mapping_definitions.iter().filter_map(|one| Some((one.named.uuid?, one))).collect();
    for one in &new.mapping_definitions {
        let Some(earlier) = one.named.uuid.and_then(|uuid| before.get(&uuid)) else { continue };
        if earlier.digest != one.digest && describe(earlier) == describe(one) {
            changes.push(SceneChange {
                what: "mapping definition",
                from: Some(one.named.name.clone()),
                to: Some(format!("{} with other settings", one.named.name)),
            });
        }
    }
}

fn describe(definition: &MappingDefinition) -> String {
    let pixels = |size: Option<i64>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
    let [width, height] = definition.size.map(pixels);
    format!("{} ({width} × {height}, {})", definition.named.name, definition.source)
}

fn layers(scene: &Scene) -> Vec<(Option<Uuid>, String)> {
    scene.layers.iter().map(|layer| (layer.named.uuid, layer.named.name.clone())).collect()
}

fn pairs(scene: &Scene, list: fn(&Scene) -> &Vec<crate::scene::Named>) -> Vec<(Option<Uuid>, String)> {
    list(scene).iter().map(|named| (named.uuid, named.name.clone())).collect()
}

/// By UUID; one whose UUID is gone and whose name is back with another UUID is the same.
fn named(
    what: &'static str,
    old: &[(Option<Uuid>, String)],
    new: &[(Option<Uuid>, String)],
    changes: &mut Vec<SceneChange>,
) {
    let mut left: HashMap<Uuid, &str> =
        old.iter().filter_map(|(uuid, name)| Some(((*uuid)?, name.as_str()))).collect();
    let mut fresh: Vec<(Option<Uuid>, &str)> = Vec::new();
    for (uuid, name) in new {
        match uuid.and_then(|uuid| left.remove(&uuid)) {
            Some(before) if before == name => {}
            Some(before) => {
                changes.push(SceneChange { what, from: Some(before.to_owned()), to: Some(name.clone()) });
            }
            None => fresh.push((*uuid, name)),
        }
    }
    let nameless = old.iter().filter(|(uuid, _)| uuid.is_none()).map(|(_, name)| (false, name.as_str()));
    let mut gone: HashMap<&str, Vec<bool>> = HashMap::new();
    for (had_uuid, name) in left.into_values().map(|name| (true, name)).chain(nameless) {
        gone.entry(name).or_default().push(had_uuid);
    }
    let mut renewed: Vec<&str> = Vec::new();
    for (uuid, name) in fresh {
        match gone.get_mut(name).and_then(Vec::pop) {
            Some(had_uuid) if had_uuid || uuid.is_some() => renewed.push(name),
            Some(_) => {}
            None => changes.push(SceneChange { what, from: None, to: Some(name.to_owned()) }),
        }
    }
    changes.extend(with_new_uuids(what, &renewed));
    let mut gone: Vec<&str> =
        gone.into_iter().flat_map(|(name, left)| std::iter::repeat_n(name, left.len())).collect();
    gone.sort_unstable();
    changes.extend(gone.into_iter().map(|name| SceneChange { what, from: Some(name.to_owned()), to: None }));
}

// req: MVR-DIFF-SCENE-UUID
/// What a console that knows things by their UUIDs takes for new: one change for all of a kind.
fn with_new_uuids(what: &'static str, names: &[&str]) -> Option<SceneChange> {
    let show = |name: &&str| if name.is_empty() { "(no name)".to_owned() } else { (*name).to_owned() };
    let mut list = names.iter().take(NAMED).map(show).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        list += &format!(" and {} more", names.len() - NAMED);
    }
    let to = if names.len() == 1 { "the same with a new UUID" } else { "the same with new UUIDs" };
    (!names.is_empty()).then(|| SceneChange { what, from: Some(list), to: Some(to.to_owned()) })
}

fn elevations(old: &Scene, new: &Scene, changes: &mut Vec<SceneChange>) {
    let before: HashMap<Uuid, &Matrix> =
        old.layers.iter().filter_map(|layer| Some((layer.named.uuid?, &layer.matrix))).collect();
    for layer in &new.layers {
        let Some(earlier) = layer.named.uuid.and_then(|uuid| before.get(&uuid)) else { continue };
        let name = layer.named.name.as_str();
        let ([x, y, z], [to_x, to_y, to_z]) = (earlier.origin, layer.matrix.origin);
        if (z - to_z).abs() >= 1.0 {
            let from = Some(format!("{name} {:.3} m", z / 1000.0));
            let to = Some(format!("{:.3} m", to_z / 1000.0));
            changes.push(SceneChange { what: "layer height", from, to });
        }
        let level = |matrix: &Matrix| rounded(&Matrix { origin: [0.0; 3], ..*matrix });
        let aside = (x - to_x).abs() >= 1.0 || (y - to_y).abs() >= 1.0;
        if aside || level(earlier) != level(&layer.matrix) {
            let to = Some(format!("{name} turned, scaled or moved sideways"));
            changes.push(SceneChange { what: "layer", from: Some(name.to_owned()), to });
        }
    }
}

/// So many names are told of things that only have new UUIDs.
const NAMED: usize = 3;
