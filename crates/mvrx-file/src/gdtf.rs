//! Reads from a GDTF what a patch needs to know: its modes and how many DMX slots each occupies per break.
//!
//! It deliberately knows nothing of attributes, wheels or meshes. A channel of a geometry that `GeometryReference`s repeat counts
//! once per repetition, at the offsets of each reference. Limits: [`Limits::member_bytes`], [`Limits::gdtf_bytes`], and 262,144
//! repetitions in all modes together, 8 deep; references in a circle make the GDTF unreadable. Mirrors GDTF 1.2 `Geometries`, `DMXModes`.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read, Seek};

use serde::Serialize;

use crate::archive::{Archive, MemberReader};
use crate::error::SceneError;
use crate::limits::Limits;
use crate::xml::{Node, Tag, XmlReader};

#[cfg(test)]
mod tests;

/// A device type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gdtf {
    /// `Name` of the fixture type.
    pub name: String,
    /// `Manufacturer`.
    pub manufacturer: String,
    /// Its modes.
    pub modes: Vec<Mode>,
}

/// A mode of a device type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mode {
    /// `Name` of the mode.
    pub name: String,
    /// DMX slots per break; breaks count from 0 as in an MVR.
    pub footprint: Vec<BreakFootprint>,
}

/// How many slots a mode occupies in one break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BreakFootprint {
    /// Break, from 0.
    #[serde(rename = "break")]
    pub dmx_break: u32,
    /// Slots from the start address on.
    pub slots: u32,
}

impl Gdtf {
    /// Reads the GDTF at this place of an archive.
    ///
    /// # Errors
    /// A clause that says why it cannot be read.
    pub fn read<R: Read + Seek>(archive: &Archive<R>, place: usize, limits: &Limits) -> Result<Self, String> {
        Self::read_within(archive, place, limits, &mut limits.gdtf_bytes.clone())
    }

    /// The same, unpacking at most `left` bytes and taking what was unpacked off it.
    // req: MVR-LIMIT-GDTF
    pub(crate) fn read_within<R: Read + Seek>(
        archive: &Archive<R>,
        place: usize,
        limits: &Limits,
        left: &mut u64,
    ) -> Result<Self, String> {
        if let Some(inner) = archive.open_stored(place, limits) {
            return Self::of_archive(&inner.map_err(|error| error.to_string())?, limits, left);
        }
        let packed = unpack(archive, place, limits, left)?;
        let content = packed.read_all().map_err(|error| error.to_string())?;
        let inner = Archive::open(Cursor::new(content), limits).map_err(|error| error.to_string())?;
        Self::of_archive(&inner, limits, left)
    }

    fn of_archive<R: Read + Seek>(
        archive: &Archive<R>,
        limits: &Limits,
        left: &mut u64,
    ) -> Result<Self, String> {
        let place = archive.members().iter().position(|member| member.name == DESCRIPTION);
        let place = place.ok_or_else(|| format!("it has no {DESCRIPTION}"))?;
        Self::of_description(unpack(archive, place, limits, left)?, limits)
    }

    /// The mode of this name.
    pub fn mode(&self, name: &str) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.name == name)
    }

    fn of_description<R: Read>(content: R, limits: &Limits) -> Result<Self, String> {
        let description = Description::read(content, limits).map_err(|error| error.to_string())?;
        description.finish().ok_or_else(|| "its geometries refer to themselves, or too deeply".to_owned())
    }
}

/// Starts to unpack a member of a GDTF, or one that is a GDTF.
fn unpack<'a, R: Read + Seek>(
    archive: &'a Archive<R>,
    place: usize,
    limits: &Limits,
    left: &mut u64,
) -> Result<MemberReader<'a, R>, String> {
    let size = archive.members().get(place).map_or(0, |member| member.size);
    let rest = left.checked_sub(size);
    *left = rest.ok_or("all GDTFs together are larger than this reader unpacks")?;
    archive.unpack(place, limits.member_bytes).map_err(|error| error.to_string())
}

impl Description {
    fn read<R: Read>(content: R, limits: &Limits) -> Result<Self, SceneError> {
        let mut xml = XmlReader::new(content, limits);
        let mut buffer = Vec::new();
        let mut description = Description::default();
        loop {
            match xml.next(&mut buffer)? {
                Node::Start(tag) => description.start(&tag),
                Node::End => description.end(),
                Node::Text(_) | Node::Nothing => {}
                Node::Done => break,
            }
            let allowed = limits.objects;
            if description.entries > allowed {
                return Err(SceneError::ObjectsAboveLimit { line: xml.line(), allowed });
            }
        }
        Ok(description)
    }
}

/// `description.xml` while it is read.
#[derive(Default)]
struct Description {
    name: String,
    manufacturer: String,
    depth: usize,
    /// Depth of the `Geometries` element while inside.
    geometries_depth: Option<usize>,
    /// Geometry name to the top-level geometry that it is part of.
    tops: HashMap<String, String>,
    top: String,
    references: Vec<Reference>,
    modes: Vec<RawMode>,
    entries: usize,
}

/// A `GeometryReference`.
struct Reference {
    /// Top-level geometry that it stands in.
    within: String,
    /// Top-level geometry that it repeats.
    of: String,
    /// Break and offset, both from 1.
    breaks: Vec<(u32, u32)>,
}

struct RawMode {
    name: String,
    geometry: String,
    channels: Vec<Channel>,
}

struct Channel {
    /// `None` means `Overwrite`: the last break of the reference.
    dmx_break: Option<u32>,
    geometry: String,
    /// Largest offset, from 1; 0 for a virtual channel.
    last: u32,
}

impl Description {
    fn start(&mut self, tag: &Tag<'_>) {
        self.depth += 1;
        self.entries += 1;
        let text = |name: &str| tag.attribute(name).unwrap_or_default();
        if let Some(outer) = self.geometries_depth {
            return self.geometry(tag, self.depth == outer + 1);
        }
        match tag.name() {
            "FixtureType" => (self.name, self.manufacturer) = (text("Name"), text("Manufacturer")),
            "Geometries" => self.geometries_depth = Some(self.depth),
            "DMXMode" => {
                self.modes.push(RawMode {
                    name: text("Name"),
                    geometry: text("Geometry"),
                    channels: Vec::new(),
                });
            }
            "DMXChannel" => {
                let last = text("Offset").split(',').filter_map(|offset| offset.trim().parse().ok()).max();
                let dmx_break =
                    tag.attribute("DMXBreak").map_or(Some(1), |number| number.trim().parse().ok());
                let channel = Channel { dmx_break, geometry: text("Geometry"), last: last.unwrap_or(0) };
                if let Some(mode) = self.modes.last_mut() {
                    mode.channels.push(channel);
                }
            }
            _ => {}
        }
    }

    fn geometry(&mut self, tag: &Tag<'_>, top_level: bool) {
        let number = |name: &str| tag.attribute(name).and_then(|text| text.trim().parse().ok()).unwrap_or(1);
        if tag.name() == "Break" {
            if let Some(reference) = self.references.last_mut() {
                reference.breaks.push((number("DMXBreak"), number("DMXOffset")));
            }
            return;
        }
        let name = tag.attribute("Name").unwrap_or_default();
        if top_level {
            self.top.clone_from(&name);
        }
        if tag.name() == "GeometryReference" {
            let of = tag.attribute("Geometry").unwrap_or_default();
            self.references.push(Reference { within: self.top.clone(), of, breaks: Vec::new() });
        } else {
            self.tops.entry(name).or_insert_with(|| self.top.clone());
        }
    }

    fn end(&mut self) {
        if self.geometries_depth == Some(self.depth) {
            self.geometries_depth = None;
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// `None` when the references between geometries do not end.
    fn finish(self) -> Option<Gdtf> {
        let mut left = INSTANCES;
        let modes = self
            .modes
            .iter()
            .map(|mode| Some(Mode { name: mode.name.clone(), footprint: self.footprint(mode, &mut left)? }))
            .collect::<Option<Vec<Mode>>>()?;
        Some(Gdtf { modes, name: self.name, manufacturer: self.manufacturer })
    }

    fn footprint(&self, mode: &RawMode, left: &mut usize) -> Option<Vec<BreakFootprint>> {
        let instances = self.instances(&mode.geometry, left)?;
        let once = vec![Instance::default()];
        // Channels are many and geometries few: only the largest offset per geometry and break counts.
        let mut largest: BTreeMap<(&str, Option<u32>), u32> = BTreeMap::new();
        for channel in &mode.channels {
            let top = self.tops.get(&channel.geometry).map_or("", String::as_str);
            let slot = largest.entry((top, channel.dmx_break)).or_default();
            *slot = channel.last.max(*slot);
        }
        let mut slots: BTreeMap<u32, u32> = BTreeMap::new();
        for ((top, dmx_break), last) in largest.into_iter().filter(|(_, last)| *last > 0) {
            for instance in instances.get(top).unwrap_or(&once) {
                // req: MVR-GDTF-OVERWRITE
                let (number, offset) = match dmx_break {
                    Some(number) => (number, instance.offset(number)),
                    None => instance.breaks.last().copied().unwrap_or((1, 0)),
                };
                let end = slots.entry(number.max(1) - 1).or_default();
                *end = offset.saturating_add(last).min(LARGEST_FOOTPRINT).max(*end);
            }
        }
        Some(slots.into_iter().map(|(dmx_break, slots)| BreakFootprint { dmx_break, slots }).collect())
    }

    /// How often, and at which offsets, each top-level geometry appears in a mode with this root.
    fn instances<'a>(&'a self, root: &'a str, left: &mut usize) -> Option<HashMap<&'a str, Vec<Instance>>> {
        let mut within: HashMap<&str, Vec<&Reference>> = HashMap::new();
        for reference in &self.references {
            within.entry(&reference.within).or_default().push(reference);
        }
        let mut instances: HashMap<&str, Vec<Instance>> = HashMap::new();
        let mut open = vec![(root, Instance::default(), 0)];
        while let Some((top, instance, depth)) = open.pop() {
            // A cycle of references ends at the depth, a flood of them at the number.
            *left = left.checked_sub(1)?;
            if depth > REFERENCE_DEPTH {
                return None;
            }
            for reference in within.get(top).into_iter().flatten() {
                let of = self.tops.get(&reference.of).map_or(reference.of.as_str(), String::as_str);
                open.push((of, instance.inner(&reference.breaks), depth + 1));
                if open.len() > *left {
                    return None;
                }
            }
            instances.entry(top).or_default().push(instance);
        }
        Some(instances)
    }
}

/// One appearance of a geometry: what is added to the offsets of each break.
#[derive(Debug, Default)]
struct Instance {
    breaks: Vec<(u32, u32)>,
}

impl Instance {
    fn offset(&self, dmx_break: u32) -> u32 {
        self.breaks.iter().find(|(number, _)| *number == dmx_break).map_or(0, |(_, offset)| *offset)
    }

    fn inner(&self, breaks: &[(u32, u32)]) -> Self {
        let added = |(number, offset): &(u32, u32)| {
            (*number, offset.saturating_sub(1).saturating_add(self.offset(*number)))
        };
        Self { breaks: breaks.iter().take(BREAKS).map(added).collect() }
    }
}

const DESCRIPTION: &str = "description.xml";
/// Repetitions of geometries that all modes of a device may have together.
const INSTANCES: usize = 262_144;
const REFERENCE_DEPTH: usize = 8;
const BREAKS: usize = 64;
/// Sixteen universes; the largest real device has fewer.
const LARGEST_FOOTPRINT: u32 = 16 * 512;
