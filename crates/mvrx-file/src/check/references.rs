//! Everything that refers to something else: does it lead anywhere, and not back to itself?

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek};

use uuid::Uuid;

use super::Findings;
use crate::mvr::{DeviceMember, MvrFile};
use crate::rule::Rule;
use crate::scene::{Geometry, GeometrySource, Kind, Object, Scene, Symdef};
use crate::text::{Clean, counted};

pub(super) fn check<R: Read + Seek>(file: &MvrFile<R>, findings: &mut Findings) {
    let scene = file.scene();
    check_uuids(scene, findings);
    check_symdef_cycles(scene, findings);
    check_multipatch_cycles(scene, findings);
    check_files(file, findings);
}

/// Everything that a UUID may lead to.
struct Targets {
    classes: HashSet<Uuid>,
    positions: HashSet<Uuid>,
    symdefs: HashSet<Uuid>,
    definitions: HashSet<Uuid>,
    objects: HashMap<Uuid, Kind>,
}

fn check_uuids(scene: &Scene, findings: &mut Findings) {
    let targets = Targets {
        classes: scene.classes.iter().filter_map(|class| class.uuid).collect(),
        positions: scene.positions.iter().filter_map(|position| position.uuid).collect(),
        symdefs: scene.symdefs.iter().filter_map(|symdef| symdef.named.uuid).collect(),
        definitions: scene
            .mapping_definitions
            .iter()
            .filter_map(|definition| definition.named.uuid)
            .collect(),
        objects: scene.objects.iter().filter_map(|object| Some((object.uuid?, object.kind))).collect(),
    };
    for object in &scene.objects {
        check_object(object, &targets, findings);
    }
    for symdef in &scene.symdefs {
        if symdef.geometries.iter().any(|geometry| leads_nowhere(geometry, &targets)) {
            let detail = format!("a symbol in {} leads to no symdef", call(symdef));
            findings.line(Rule::ReferenceBroken, symdef.named.line, detail);
        }
    }
}

// req: MVR-REFERENCES
fn check_object(object: &Object, targets: &Targets, findings: &mut Findings) {
    let mut broken =
        |what: &str| findings.object(Rule::ReferenceBroken, object, format!("its {what} does not exist"));
    let missing = |uuid: Option<Uuid>, set: &HashSet<Uuid>| uuid.is_some_and(|uuid| !set.contains(&uuid));
    if missing(object.class, &targets.classes) {
        broken("class");
    }
    if missing(object.position, &targets.positions) {
        broken("position");
    }
    if object.focus.is_some_and(|focus| targets.objects.get(&focus) != Some(&Kind::FocusPoint)) {
        broken("focus point");
    }
    if object.multipatch.is_some_and(|parent| !targets.objects.contains_key(&parent)) {
        broken("multipatch parent");
    }
    if object.geometries.iter().any(|geometry| leads_nowhere(geometry, targets)) {
        broken("symbol's symdef");
    }
    if object.mappings.iter().any(|link| !targets.definitions.contains(link)) {
        broken("mapping definition");
    }
    if object.connections.iter().any(|to| !targets.objects.contains_key(to)) {
        broken("connected object");
    }
}

fn leads_nowhere(geometry: &Geometry, targets: &Targets) -> bool {
    match &geometry.source {
        GeometrySource::File(_) => false,
        GeometrySource::Symbol(symdef) => symdef.is_none_or(|symdef| !targets.symdefs.contains(&symdef)),
    }
}

fn call(symdef: &Symdef) -> String {
    match symdef.named.name.as_str() {
        "" => "a symdef".to_owned(),
        name => format!("symdef “{}”", Clean(name)),
    }
}

/// Symdefs that contain themselves. Takes away, again and again, what contains nothing; a cycle stays.
fn check_symdef_cycles(scene: &Scene, findings: &mut Findings) {
    let places: HashMap<Uuid, usize> = scene
        .symdefs
        .iter()
        .enumerate()
        .filter_map(|(place, symdef)| Some((symdef.named.uuid?, place)))
        .collect();
    let mut contained_in: Vec<Vec<usize>> = vec![Vec::new(); scene.symdefs.len()];
    let mut open: Vec<usize> = vec![0; scene.symdefs.len()];
    for ((place, symdef), count) in scene.symdefs.iter().enumerate().zip(&mut open) {
        for geometry in &symdef.geometries {
            let GeometrySource::Symbol(Some(uuid)) = &geometry.source else { continue };
            if let Some(containers) = places.get(uuid).and_then(|inner| contained_in.get_mut(*inner)) {
                containers.push(place);
                *count += 1;
            }
        }
    }
    let mut free: Vec<usize> =
        open.iter().enumerate().filter(|(_, count)| **count == 0).map(|(place, _)| place).collect();
    while let Some(place) = free.pop() {
        for outer in contained_in.get(place).into_iter().flatten() {
            if let Some(count) = open.get_mut(*outer) {
                *count -= 1;
                if *count == 0 {
                    free.push(*outer);
                }
            }
        }
    }
    // req: MVR-NO-CYCLES
    for (symdef, _) in scene.symdefs.iter().zip(open).filter(|(_, count)| *count > 0) {
        let detail = format!("{} contains itself, directly or through others", call(symdef));
        findings.line(Rule::ReferenceCyclic, symdef.named.line, detail);
    }
}

/// Multipatch parents that lead back to the child: follows each chain once, marking what was seen on which walk.
fn check_multipatch_cycles(scene: &Scene, findings: &mut Findings) {
    let places: HashMap<Uuid, usize> =
        scene.objects.iter().enumerate().filter_map(|(place, object)| Some((object.uuid?, place))).collect();
    let mut walk_of: Vec<Option<usize>> = vec![None; scene.objects.len()];
    for start in 0..scene.objects.len() {
        let mut at = Some(start);
        while let Some(place) = at {
            let Some(mark) = walk_of.get_mut(place) else { break };
            if mark.is_some() {
                if let (Some(object), true) = (scene.objects.get(place), *mark == Some(start)) {
                    let detail = "its multipatch parents lead back to it";
                    findings.object(Rule::ReferenceCyclic, object, detail);
                }
                break;
            }
            *mark = Some(start);
            at = scene.objects.get(place).and_then(|object| places.get(&object.multipatch?).copied());
        }
    }
}

/// Members that the scene names, and what names them first and how often.
#[derive(Default)]
struct Wanted<'a> {
    devices: BTreeMap<&'a str, (u32, usize)>,
    others: BTreeMap<&'a str, (u32, usize)>,
}

impl<'a> Wanted<'a> {
    fn of(scene: &'a Scene) -> Self {
        let mut wanted = Self::default();
        let mut other = |name: &'a str, line: u32| wanted.others.entry(name).or_insert((line, 0)).1 += 1;
        for symdef in &scene.symdefs {
            meshes(&symdef.geometries).for_each(|name| other(name, symdef.named.line));
        }
        for definition in &scene.mapping_definitions {
            definition.file.iter().for_each(|name| other(name, definition.named.line));
        }
        for object in &scene.objects {
            meshes(&object.geometries).for_each(|name| other(name, object.line));
            object.media.iter().for_each(|name| other(name, object.line));
        }
        for object in scene.objects.iter().filter(|object| !object.gdtf_spec.is_empty()) {
            wanted.devices.entry(&object.gdtf_spec).or_insert((object.line, 0)).1 += 1;
        }
        wanted
    }
}

fn meshes(geometries: &[Geometry]) -> impl Iterator<Item = &str> {
    geometries.iter().filter_map(|geometry| match &geometry.source {
        GeometrySource::File(name) => Some(name.as_str()),
        GeometrySource::Symbol(_) => None,
    })
}

fn check_files<R: Read + Seek>(file: &MvrFile<R>, findings: &mut Findings) {
    let wanted = Wanted::of(file.scene());
    let members = file.archive().members();
    let folded: HashSet<String> = members.iter().map(|member| member.name.to_lowercase()).collect();
    let mut used: HashSet<usize> = HashSet::new();
    for (name, (line, count)) in &wanted.devices {
        match file.device_member(name) {
            DeviceMember::Exact(place) => {
                used.insert(place);
            }
            DeviceMember::EndingAdded(place) => {
                used.insert(place);
                let detail =
                    format!("GDTFSpec {name} lacks the ending .gdtf; {}", used_by(*count, "object", "use"));
                findings.line(Rule::GdtfEnding, *line, detail);
            }
            // req: MVR-MEMBERS-PRESENT
            DeviceMember::Missing => {
                let rule =
                    if folded.contains(&name.to_lowercase()) { Rule::MemberCase } else { Rule::GdtfMissing };
                let detail = format!(
                    "there is no member {name} with exactly this name; {}",
                    used_by(*count, "object", "need")
                );
                findings.line(rule, *line, detail);
            }
        }
    }
    for (name, (line, count)) in &wanted.others {
        match file.mesh_member(name) {
            Some(place) => {
                used.insert(place);
            }
            None if name.is_empty() => {
                findings.line(
                    Rule::ValueMalformed,
                    *line,
                    format!("{} to a member without a name", counted(*count, "reference")),
                );
            }
            None => {
                let rule = if folded.contains(&name.to_lowercase()) {
                    Rule::MemberCase
                } else {
                    Rule::MemberMissing
                };
                let detail = format!(
                    "there is no member {name} with exactly this name; {}",
                    used_by(*count, "reference", "need")
                );
                findings.line(rule, *line, detail);
            }
        }
    }
    for (_, member) in members.iter().enumerate().filter(|(place, _)| !used.contains(place)) {
        if member.name != crate::ROOT_FILE && !may_be_used_unseen(&member.name) {
            findings.member(Rule::MemberUnused, &member.name, "nothing in the scene refers to it");
        }
    }
}

/// "1 object needs it", "2 objects need it".
pub(super) fn used_by(count: usize, noun: &str, verb: &str) -> String {
    let ending = if count == 1 { "s" } else { "" };
    format!("{} {verb}{ending} it", counted(count, noun))
}

/// Textures and buffers are referred to from inside of meshes, templates from inside of overwrites.
fn may_be_used_unseen(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    UNSEEN_ENDINGS.contains(&ending.as_str())
}

const UNSEEN_ENDINGS: [&str; 13] =
    ["png", "jpg", "jpeg", "bmp", "tga", "tif", "tiff", "gif", "webp", "dds", "ktx2", "bin", "gdtt"];
