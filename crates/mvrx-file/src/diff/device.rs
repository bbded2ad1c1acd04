//! What a device is: another GDTF, another mode, the same GDTF with other content, another footprint.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::Change;
use super::pairs::Pairs;
use crate::gdtf::BreakFootprint;
use crate::mvr::{DeviceMember, MvrFile};
use crate::patch::Devices;
use crate::scene::Object;

/// The device types that changed, read from both files. The others are never unpacked.
pub(super) struct DeviceTypes {
    /// Names that both files have, with other content.
    changed: HashSet<String>,
    old: Devices,
    new: Devices,
}

impl DeviceTypes {
    pub(super) fn of<A: Read + Seek, B: Read + Seek>(
        old: &MvrFile<A>,
        new: &MvrFile<B>,
        pairs: &Pairs,
    ) -> Self {
        let mut changed = HashSet::new();
        let mut same: HashSet<&str> = HashSet::new();
        let mut wanted: [HashSet<&str>; 2] = [HashSet::new(), HashSet::new()];
        for (object, partner) in new.scene().objects.iter().zip(&pairs.old_of) {
            let Some(before) = partner.and_then(|(index, _)| old.scene().objects.get(index as usize)) else {
                continue;
            };
            let spec = object.gdtf_spec.as_str();
            let other_type =
                (before.device_name(), &before.gdtf_mode) != (object.device_name(), &object.gdtf_mode);
            if !other_type && !spec.is_empty() && !same.contains(spec) && !changed.contains(spec) {
                match (content(old, &before.gdtf_spec), content(new, spec)) {
                    (Some(one), Some(other)) if one != other => drop(changed.insert(spec.to_owned())),
                    _ => drop(same.insert(spec)),
                }
            }
            if other_type || changed.contains(spec) {
                let [from, to] = &mut wanted;
                from.insert(&before.gdtf_spec);
                to.insert(spec);
            }
        }
        let [from, to] = wanted;
        Self {
            changed,
            old: Devices::read_some(old, |spec| from.contains(spec)),
            new: Devices::read_some(new, |spec| to.contains(spec)),
        }
    }

    // req: MVR-DIFF-DEVICE
    /// What changed beside the names of type and mode.
    pub(super) fn compare(&self, old: &Object, new: &Object, changes: &mut Vec<Change>) {
        let same_name = old.device_name() == new.device_name();
        let content = same_name && self.changed.contains(&new.gdtf_spec);
        if content {
            changes.push(Change::DeviceFile { gdtf: new.gdtf_spec.clone() });
        }
        if !content && same_name && old.gdtf_mode == new.gdtf_mode {
            return;
        }
        let footprint = |devices: &Devices, object: &Object| -> Option<Vec<BreakFootprint>> {
            devices.mode(object).map(|mode| mode.footprint.clone())
        };
        let (from, to) = (footprint(&self.old, old), footprint(&self.new, new));
        if from != to {
            changes.push(Change::Footprint { from, to });
        }
    }
}

/// Checksum and size of the member that a `GDTFSpec` leads to.
fn content<R: Read + Seek>(file: &MvrFile<R>, spec: &str) -> Option<(u32, u64)> {
    let (DeviceMember::Exact(place) | DeviceMember::EndingAdded(place)) = file.device_member(spec) else {
        return None;
    };
    file.archive().members().get(place).map(|member| (member.crc32, member.size))
}
