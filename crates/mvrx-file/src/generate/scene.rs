//! Writes the `GeneralSceneDescription.xml` of a generated show.
//!
//! The show: `trusses` pieces of 12 m truss, 2 m behind one another and 6 m high, twenty to a field, each in a group of its own with its share of the
//! fixtures in the group's coordinates, one focus point per truss, and a stage of boxes. Fixtures occupy every second
//! universe, so that "re-addressed one universe up" never collides.

use std::fmt::Write as _;

use uuid::Uuid;

use super::gdtf::{FixtureType, TYPES};
use super::random::Random;
use super::{Recipe, UuidStyle};

/// What the second revision does with one fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    Readdressed,
    Moved,
    Removed,
}

/// The text of the root file.
pub(crate) fn root_file(recipe: &Recipe) -> String {
    let mut random = Random::new(recipe.seed);
    let names = Names::new(recipe, &mut random);
    let mut xml =
        String::with_capacity(4096 + 1200 * recipe.fixtures as usize + 400 * recipe.meshes as usize);
    xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(
        "<GeneralSceneDescription verMajor=\"1\" verMinor=\"6\" provider=\"mvrx\" providerVersion=\"",
    );
    xml.push_str(if recipe.changes.is_some() { "2" } else { "1" });
    xml.push_str("\">\n  <UserData/>\n  <Scene>\n");
    if recipe.changes.is_none() {
        auxiliary(recipe, &names, &mut xml);
    }
    xml.push_str("    <Layers>\n");
    rig(recipe, &names, &mut xml);
    stage(recipe, &names, &mut xml);
    xml.push_str("    </Layers>\n");
    if recipe.changes.is_some() {
        auxiliary(recipe, &names, &mut xml);
    }
    xml.push_str("  </Scene>\n</GeneralSceneDescription>\n");
    xml
}

/// Every UUID of the show, drawn in one fixed order so that both revisions agree.
struct Names {
    class: Uuid,
    truss_symdef: Uuid,
    backdrop: Uuid,
    layers: [Uuid; 2],
    /// Position, group, truss, symbol and focus point of each truss.
    trusses: Vec<[Uuid; 5]>,
    fixtures: Vec<(Uuid, Fate)>,
    meshes: Vec<Uuid>,
    style: UuidStyle,
}

impl Names {
    fn new(recipe: &Recipe, random: &mut Random) -> Self {
        let mut names = Self {
            class: random.uuid(),
            truss_symdef: random.uuid(),
            backdrop: random.uuid(),
            layers: [random.uuid(), random.uuid()],
            trusses: (0..recipe.trusses.max(1)).map(|_| std::array::from_fn(|_| random.uuid())).collect(),
            fixtures: (0..recipe.fixtures).map(|_| (random.uuid(), Fate::Kept)).collect(),
            meshes: (0..recipe.meshes).map(|_| random.uuid()).collect(),
            style: recipe.uuids,
        };
        let fates = fates(recipe, random);
        for ((uuid, fate), chosen) in names.fixtures.iter_mut().zip(fates) {
            *fate = chosen;
            if recipe.uuids == UuidStyle::Regenerated {
                *uuid = random.uuid();
            }
        }
        names
    }

    fn show(&self, uuid: Uuid) -> String {
        let text = uuid.hyphenated().to_string();
        if self.style == UuidStyle::Upper { text.to_uppercase() } else { text }
    }
}

/// Deals the changes out to fixtures that a shuffle picks.
fn fates(recipe: &Recipe, random: &mut Random) -> Vec<Fate> {
    let count = recipe.fixtures as usize;
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = usize::try_from(random.next() % (last as u64 + 1)).unwrap_or(0);
        order.swap(last, other);
    }
    let mut fates = vec![Fate::Kept; count];
    let Some(changes) = recipe.changes else { return fates };
    let dealt = std::iter::repeat_n(Fate::Readdressed, changes.readdressed as usize)
        .chain(std::iter::repeat_n(Fate::Moved, changes.moved as usize))
        .chain(std::iter::repeat_n(Fate::Removed, changes.removed as usize));
    for (index, fate) in order.into_iter().zip(dealt) {
        if let Some(slot) = fates.get_mut(index) {
            *slot = fate;
        }
    }
    fates
}

fn auxiliary(recipe: &Recipe, names: &Names, xml: &mut String) {
    let _ =
        writeln!(xml, "    <AUXData>\n      <Class uuid=\"{}\" name=\"Lights\"/>", names.show(names.class));
    let _ = writeln!(
        xml,
        "      <Symdef uuid=\"{}\" name=\"Truss 12 m\"><ChildList><Geometry3D fileName=\"truss_12m.glb\"/></ChildList></Symdef>",
        names.show(names.truss_symdef)
    );
    for (index, [position, ..]) in names.trusses.iter().enumerate() {
        let _ =
            writeln!(xml, "      <Position uuid=\"{}\" name=\"LX{}\"/>", names.show(*position), index + 1);
    }
    if recipe.payload_bytes > 0 {
        let _ = writeln!(
            xml,
            "      <MappingDefinition uuid=\"{}\" name=\"Backdrop\"><SizeX>1920</SizeX><SizeY>1080</SizeY><Source linkedGeometry=\"Display\" type=\"File\">{}</Source></MappingDefinition>",
            names.show(names.backdrop),
            super::PAYLOAD_NAME
        );
    }
    xml.push_str("    </AUXData>\n");
}

fn rig(recipe: &Recipe, names: &Names, xml: &mut String) {
    let [layer, _] = names.layers;
    let _ = writeln!(xml, "      <Layer uuid=\"{}\" name=\"Rig\">\n        <ChildList>", names.show(layer));
    let mut patch = Patch::default();
    let trusses = names.trusses.len();
    let share = names.fixtures.len().div_ceil(trusses).max(1);
    let mut fixtures = names.fixtures.iter().enumerate();
    for (row, uuids) in names.trusses.iter().enumerate() {
        open_truss(recipe, names, row, uuids, xml);
        for (place, (index, (uuid, fate))) in fixtures.by_ref().take(share).enumerate() {
            let kind = TYPES.get(index % TYPES.len()).unwrap_or(&TYPES[0]);
            let address = patch.next(kind.footprint());
            let hung = Hung { index, place, share, uuid: *uuid, fate: *fate, kind, address };
            fixture(names, uuids, &hung, xml);
        }
        xml.push_str("            </ChildList>\n          </GroupObject>\n");
        let focus = names.show(uuids[4]);
        let _ = writeln!(
            xml,
            "          <FocusPoint uuid=\"{focus}\" name=\"Focus LX{}\"><Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{},{},0}}</Matrix><Geometries/></FocusPoint>",
            row + 1,
            hung_at(row).0,
            hung_at(row).1
        );
    }
    xml.push_str("        </ChildList>\n      </Layer>\n");
}

fn open_truss(recipe: &Recipe, names: &Names, row: usize, uuids: &[Uuid; 5], xml: &mut String) {
    let [position, group, truss, symbol, _] = uuids.map(|uuid| names.show(uuid));
    let _ = writeln!(
        xml,
        "          <GroupObject uuid=\"{group}\" name=\"LX{}\">\n            <Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{},{},6000}}</Matrix>\n            <ChildList>",
        row + 1,
        hung_at(row).0,
        hung_at(row).1
    );
    if recipe.trusses == 0 {
        return;
    }
    let _ = writeln!(
        xml,
        "              <Truss uuid=\"{truss}\" name=\"Truss {number}\"><Position>{position}</Position><Geometries><Symbol uuid=\"{symbol}\" symdef=\"{}\"/></Geometries><FixtureID>T{number}</FixtureID><UnitNumber>0</UnitNumber></Truss>",
        names.show(names.truss_symdef),
        number = row + 1
    );
}

/// Twenty trusses behind one another, the next twenty to the right of them.
fn hung_at(row: usize) -> (usize, usize) {
    (14_000 * (row / 20), 2_000 * (row % 20))
}

struct Hung<'a> {
    index: usize,
    place: usize,
    share: usize,
    uuid: Uuid,
    fate: Fate,
    kind: &'a FixtureType,
    address: u32,
}

fn fixture(names: &Names, uuids: &[Uuid; 5], hung: &Hung<'_>, xml: &mut String) {
    if hung.fate == Fate::Removed {
        return;
    }
    let [position, _, _, _, focus] = uuids.map(|uuid| names.show(uuid));
    let mut x = -5_750.0 + 11_500.0 * (hung.place as f64 + 0.5) / hung.share as f64;
    if hung.fate == Fate::Moved {
        x += 500.0;
    }
    let address = if hung.fate == Fate::Readdressed { hung.address + 512 } else { hung.address };
    let number = hung.index + 101;
    let _ = writeln!(
        xml,
        "              <Fixture uuid=\"{}\" name=\"{} {number}\">\n                <Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{x:.3},0,-350}}</Matrix>\n                <Classing>{}</Classing>\n                <GDTFSpec>{}</GDTFSpec>\n                <GDTFMode>{}</GDTFMode>\n                <Focus>{focus}</Focus>\n                <Position>{position}</Position>\n                <FixtureID>{number}</FixtureID>\n                <FixtureIDNumeric>{number}</FixtureIDNumeric>\n                <UnitNumber>{}</UnitNumber>\n                <Addresses><Address break=\"0\">{address}</Address></Addresses>\n              </Fixture>",
        names.show(hung.uuid),
        hung.kind.name,
        names.show(names.class),
        hung.kind.file,
        hung.kind.mode,
        hung.place + 1,
    );
}

fn stage(recipe: &Recipe, names: &Names, xml: &mut String) {
    let [_, layer] = names.layers;
    let _ = writeln!(xml, "      <Layer uuid=\"{}\" name=\"Stage\">\n        <ChildList>", names.show(layer));
    for (index, uuid) in names.meshes.iter().enumerate().take(recipe.meshes as usize) {
        let (column, row) = (index % 12, index / 12);
        let _ = writeln!(
            xml,
            "          <SceneObject uuid=\"{}\" name=\"Deck {number}\"><Matrix>{{1,0,0}}{{0,1,0}}{{0,0,1}}{{{},{},500}}</Matrix><Geometries><Geometry3D fileName=\"{}\"/></Geometries></SceneObject>",
            names.show(*uuid),
            1000 * column as i64 - 5500,
            1000 * row,
            super::mesh_name(index),
            number = index + 1
        );
    }
    xml.push_str("        </ChildList>\n      </Layer>\n");
}

/// Hands out start addresses one after the other; no fixture crosses the end of a universe.
#[derive(Default)]
struct Patch {
    universe: u32,
    used: u32,
}

impl Patch {
    fn next(&mut self, footprint: u32) -> u32 {
        if self.used + footprint > 512 {
            self.universe += 2;
            self.used = 0;
        }
        let address = self.universe * 512 + self.used + 1;
        self.used += footprint;
        address
    }
}
