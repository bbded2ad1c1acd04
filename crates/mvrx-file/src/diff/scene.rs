//! What changed beside the objects: version, provider, vendors' data, layers, classes, positions, symdefs, mapping definitions.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};

use serde::Serialize;
use uuid::Uuid;

use super::shape::Shapes;
use crate::scene::{MappingDefinition, Scene};

/// One change beside the objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SceneChange {
    /// "version", "provider", "user data", "layer", "layer matrix", "class", "position", "symdef", "mapping definition" or
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
    let mut fresh: Vec<&str> = Vec::new();
    for (uuid, name) in new {
        match uuid.and_then(|uuid| left.remove(&uuid)) {
            Some(before) if before == name => {}
            Some(before) => {
                changes.push(SceneChange { what, from: Some(before.to_owned()), to: Some(name.clone()) });
            }
            None => fresh.push(name),
        }
    }
    let nameless = old.iter().filter(|(uuid, _)| uuid.is_none()).map(|(_, name)| name.as_str());
    let mut gone: HashMap<&str, usize> = HashMap::new();
    for name in left.into_values().chain(nameless) {
        *gone.entry(name).or_default() += 1;
    }
    for name in fresh {
        match gone.get_mut(name) {
            Some(count) if *count > 0 => *count -= 1,
            _ => changes.push(SceneChange { what, from: None, to: Some(name.to_owned()) }),
        }
    }
    let mut gone: Vec<&str> =
        gone.into_iter().flat_map(|(name, count)| std::iter::repeat_n(name, count)).collect();
    gone.sort_unstable();
    changes.extend(gone.into_iter().map(|name| SceneChange { what, from: Some(name.to_owned()), to: None }));
}

fn elevations(old: &Scene, new: &Scene, changes: &mut Vec<SceneChange>) {
    let before: HashMap<Uuid, f64> =
        old.layers.iter().filter_map(|layer| Some((layer.named.uuid?, height(layer)))).collect();
    for layer in &new.layers {
        let earlier = layer.named.uuid.and_then(|uuid| before.get(&uuid)).copied();
        if let Some(earlier) = earlier.filter(|earlier| (earlier - height(layer)).abs() >= 1.0) {
            let show =
                |millimetres: f64| Some(format!("{} at {:.3} m", layer.named.name, millimetres / 1000.0));
            changes.push(SceneChange { what: "layer matrix", from: show(earlier), to: show(height(layer)) });
        }
    }
}

fn height(layer: &crate::scene::Layer) -> f64 {
    let [_, _, z] = layer.matrix.origin;
    z
}
