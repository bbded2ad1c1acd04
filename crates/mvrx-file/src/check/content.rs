//! The scene by itself: version, identities, layers, identifiers.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Findings, add_oddities};
use crate::rule::Rule;
use crate::scene::matrix::is_near;
use crate::scene::{Kind, Layer, Matrix, Object, Scene};
use crate::text::counted;
use crate::version::Version;

pub(super) fn check(scene: &Scene, findings: &mut Findings) {
    check_version(scene, findings);
    add_oddities(scene, findings);
    scene.layers.iter().for_each(|layer| check_layer(layer, findings));
    check_places(scene, findings);
    check_uuids(scene, findings);
    check_fixture_ids(scene, findings);
    check_mappings(scene, findings);
}

fn check_version(scene: &Scene, findings: &mut Findings) {
    let Version { major, minor } = scene.version;
    // req: MVR-VERSION
    if major != 1 || minor > NEWEST_MINOR {
        let detail = if major == 1 {
            format!(
                "version 1.{minor} is newer than 1.{NEWEST_MINOR}, so not everything in it may be understood"
            )
        } else {
            format!("version {major}.{minor} is not known, the newest known one is 1.{NEWEST_MINOR}")
        };
        findings.line(Rule::VersionUnknown, 1, detail);
    }
    // req: MVR-PROVIDER
    if (major, minor) >= (1, 6) && (scene.provider.is_none() || scene.provider_version.is_none()) {
        let detail = "provider and providerVersion should be given since MVR 1.6";
        findings.line(Rule::ProviderMissing, 1, detail);
    }
}

fn check_layer(layer: &Layer, findings: &mut Findings) {
    let level = Matrix { origin: [0.0; 3], ..layer.matrix };
    let [x, y, _] = layer.matrix.origin;
    let turned = level.angle_to(&Matrix::IDENTITY) > 0.01
        || level.scales().iter().any(|scale| (scale - 1.0).abs() > 1e-3);
    // req: MVR-LAYER-ELEVATION
    if turned || x.abs() > 1.0 || y.abs() > 1.0 {
        let detail = "a layer may only be lifted, not turned, scaled or moved sideways";
        findings.line(Rule::LayerMatrix, layer.named.line, detail);
    }
}

fn check_places(scene: &Scene, findings: &mut Findings) {
    // req: MVR-LIMIT-PLACES
    let far = scene.objects.iter().zip(scene.world()).filter(|(_, world)| !is_near(world.origin));
    for (object, _) in far {
        let detail = "it lies more than 100,000 km away, so extents and plans leave it out";
        findings.object(Rule::PlaceTooFar, object, detail);
    }
}

fn check_uuids(scene: &Scene, findings: &mut Findings) {
    // req: MVR-UUID-UNIQUE
    let mut first: HashMap<Uuid, u32> = HashMap::with_capacity(scene.objects.len());
    for layer in &scene.layers {
        if let Some(line) = layer.named.uuid.and_then(|uuid| first.insert(uuid, layer.named.line)) {
            findings.line(Rule::UuidDuplicate, layer.named.line, same_uuid("layer", line));
        }
    }
    for object in &scene.objects {
        let Some(uuid) = object.uuid else { continue };
        match first.get(&uuid) {
            Some(line) => findings.object(Rule::UuidDuplicate, object, same_uuid("it", *line)),
            None => {
                first.insert(uuid, object.line);
            }
        }
    }
    let lists: [(&str, Vec<Identity>); 4] = [
        ("class", scene.classes.iter().map(|named| (named.uuid, named.line)).collect()),
        ("position", scene.positions.iter().map(|named| (named.uuid, named.line)).collect()),
        ("symdef", scene.symdefs.iter().map(|symdef| (symdef.named.uuid, symdef.named.line)).collect()),
        (
            "mapping definition",
            scene
                .mapping_definitions
                .iter()
                .map(|definition| (definition.named.uuid, definition.named.line))
                .collect(),
        ),
    ];
    for (what, list) in lists {
        let mut first: HashMap<Uuid, u32> = HashMap::new();
        for (uuid, line) in list {
            if let Some(earlier) = uuid.and_then(|uuid| first.insert(uuid, line)) {
                findings.line(Rule::UuidDuplicate, line, same_uuid(what, earlier));
            }
        }
    }
}

/// A UUID and the line it is on.
type Identity = (Option<Uuid>, u32);

fn same_uuid(what: &str, line: u32) -> String {
    format!("{what} has the same UUID as what is on line {line}")
}

fn check_fixture_ids(scene: &Scene, findings: &mut Findings) {
    let fixtures = || scene.objects.iter().filter(|object| object.kind == Kind::Fixture);
    let empty = fixtures().filter(|object| object.fixture_id.is_empty()).count();
    if empty > 0 {
        let verb = if empty == 1 { "has" } else { "have" };
        let detail = format!("{empty} of {} {verb} no FixtureID", counted(fixtures().count(), "fixture"));
        findings.add(Rule::FixtureIdEmpty, detail);
    }
    let mut first: HashMap<&str, &Object> = HashMap::new();
    for object in fixtures().filter(|object| is_meant(&object.fixture_id)) {
        match first.get(object.fixture_id.as_str()) {
            Some(earlier) if share_a_patch(object, earlier) => {}
            Some(earlier) => {
                let detail = format!("the fixture on line {} has the same FixtureID", earlier.line);
                findings.object(Rule::FixtureIdDuplicate, object, detail);
            }
            None => {
                first.insert(&object.fixture_id, object);
            }
        }
    }
}

/// Empty and 0 are what applications write when nobody gave an identifier.
fn is_meant(fixture_id: &str) -> bool {
    !fixture_id.is_empty() && fixture_id != "0"
}

/// Whether two objects are declared to be the same device to a console.
pub(super) fn share_a_patch(one: &Object, other: &Object) -> bool {
    let root = |object: &Object| object.multipatch.or(object.uuid);
    root(one).is_some() && root(one) == root(other)
}

fn check_mappings(scene: &Scene, findings: &mut Findings) {
    for object in scene.objects.iter().filter(|object| object.mappings.len() > 1) {
        let mut links = object.mappings.clone();
        links.sort_unstable();
        // req: MVR-MAPPING-ONCE
        if links.windows(2).any(|pair| matches!(pair, [one, two] if one == two)) {
            let detail = "one mapping definition is linked more than once";
            findings.object(Rule::MappingRepeated, object, detail);
        }
    }
}

const NEWEST_MINOR: u32 = 6;
