//! Which DMX slots each device occupies: start addresses from the scene, footprints from the GDTFs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek};

use crate::gdtf::{Gdtf, Mode};
use crate::mvr::{DeviceMember, MvrFile};
use crate::scene::{Address, Object, SLOTS};

/// The device types of a file, read once each.
#[derive(Debug)]
pub(crate) struct Devices {
    /// What was found for each `GDTFSpec`.
    types: HashMap<String, Device>,
}

#[derive(Debug)]
pub(crate) enum Device {
    /// With the modes that objects use.
    Read(Gdtf),
    Missing,
    Unreadable(String),
}

/// Slots of one break of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    /// First slot, absolute.
    pub(crate) first: u32,
    /// Last slot, absolute; the first one when the footprint is unknown.
    pub(crate) last: u32,
    /// Index into the objects of the scene.
    pub(crate) object: u32,
    pub(crate) dmx_break: u32,
    /// Whether the footprint is known.
    pub(crate) known: bool,
}

impl Devices {
    /// Reads every GDTF that an object refers to.
    pub(crate) fn read<R: Read + Seek>(file: &MvrFile<R>) -> Self {
        Self::read_some(file, |_| true)
    }

    /// Reads only those that are wanted.
    pub(crate) fn read_some<R: Read + Seek>(file: &MvrFile<R>, wanted: impl Fn(&str) -> bool) -> Self {
        let mut types = HashMap::new();
        // Only these modes are kept: a GDTF may have any number of them.
        let mut modes: HashMap<&str, HashSet<&str>> = HashMap::new();
        for object in &file.scene().objects {
            modes.entry(&object.gdtf_spec).or_default().insert(&object.gdtf_mode);
        }
        let mut left = file.limits().gdtf_bytes;
        for object in &file.scene().objects {
            let spec = &object.gdtf_spec;
            if spec.is_empty() || types.contains_key(spec) || !wanted(spec) {
                continue;
            }
            let device = match file.device_member(spec) {
                DeviceMember::Exact(place) | DeviceMember::EndingAdded(place) => {
                    let mut open = modes.remove(spec.as_str()).unwrap_or_default();
                    let found = Gdtf::read_within(file.archive(), place, file.limits(), &mut left);
                    found.map_or_else(Device::Unreadable, |mut gdtf| {
                        gdtf.modes.retain(|mode| open.remove(mode.name.as_str()));
                        gdtf.modes.shrink_to_fit();
                        Device::Read(gdtf)
                    })
                }
                DeviceMember::Missing => Device::Missing,
            };
            types.insert(spec.clone(), device);
        }
        Self { types }
    }

    pub(crate) fn of(&self, spec: &str) -> Option<&Device> {
        self.types.get(spec)
    }

    pub(crate) fn gdtf(&self, spec: &str) -> Option<&Gdtf> {
        match self.types.get(spec) {
            Some(Device::Read(gdtf)) => Some(gdtf),
            _ => None,
        }
    }

    pub(crate) fn mode(&self, object: &Object) -> Option<&Mode> {
        self.gdtf(&object.gdtf_spec)?.mode(&object.gdtf_mode)
    }

    /// All slots that are occupied, sorted.
    pub(crate) fn runs(&self, objects: &[Object]) -> Vec<Run> {
        let mut runs = Vec::new();
        for (index, object) in objects.iter().enumerate() {
            let mode = self.mode(object);
            for address in object.patched() {
                let Some(slots) = slots_of(mode, address) else { continue };
                let first = address.absolute;
                runs.push(Run {
                    first,
                    last: first + slots.unwrap_or(1) - 1,
                    object: u32::try_from(index).unwrap_or(u32::MAX),
                    dmx_break: address.dmx_break,
                    known: slots.is_some(),
                });
            }
        }
        runs.sort_unstable();
        runs
    }
}

/// Slots of the break that an address starts: `None` when the mode is known to need no DMX. A break that the mode does not
/// have is patched all the same, nobody knows for how many slots.
fn slots_of(mode: Option<&Mode>, address: Address) -> Option<Option<u32>> {
    let Some(mode) = mode else { return Some(None) };
    if mode.footprint.is_empty() {
        return None;
    }
    let found = mode.footprint.iter().find(|part| part.dmx_break == address.dmx_break);
    Some(found.map(|part| part.slots.max(1)))
}

/// Occupied slots per universe, as bits.
#[derive(Debug, Default)]
pub(crate) struct Universes(pub(crate) BTreeMap<u32, [u64; 8]>);

impl Universes {
    pub(crate) fn occupy(&mut self, run: Run) {
        let mut first = run.first - 1;
        let end = run.last;
        while first < end {
            let universe = first / SLOTS;
            let universe_end = end.min((universe + 1) * SLOTS);
            let words = self.0.entry(universe + 1).or_default();
            for (word, bits) in words.iter_mut().enumerate() {
                let from = universe * SLOTS + 64 * u32::try_from(word).unwrap_or(0);
                let (low, high) = (first.max(from), universe_end.min(from + 64));
                if low < high {
                    let count = high - low;
                    let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 };
                    *bits |= mask << (low - from);
                }
            }
            first = universe_end;
        }
    }
}
