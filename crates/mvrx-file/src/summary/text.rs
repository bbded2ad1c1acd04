//! The summary for people.

use std::fmt;

use super::{DeviceType, Extents, GroupCount, Summary};
use crate::text::{Bytes, Clean, Table, counted};

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MVR {}, {}", self.version, Bytes(self.bytes))?;
        if let Some(provider) = &self.provider {
            write!(f, ", written by {}", Clean(provider))?;
        }
        if let Some(version) = &self.provider_version {
            write!(f, " {}", Clean(version))?;
        }
        writeln!(f)?;
        for data in &self.user_data {
            writeln!(f, "data of {} {}", Clean(&data.provider), Clean(&data.version))?;
        }
        let objects: Vec<String> = self
            .objects
            .iter()
            .map(|entry| format!("{} {}", entry.count, entry.kind.noun(entry.count)))
            .collect();
        writeln!(f, "{}", if objects.is_empty() { "no objects".to_owned() } else { objects.join(", ") })?;
        for (what, extents) in [("rig", self.rig), ("everything", self.extents)] {
            let Some(Extents { min, max }) = extents.filter(|_| what == "rig" || self.extents != self.rig)
            else {
                continue;
            };
            let size: Vec<String> =
                min.iter().zip(max).map(|(low, high)| format!("{:.1}", high - low)).collect();
            let [low, high] = [min, max].map(|[x, y, z]| format!("({x:.2}, {y:.2}, {z:.2})"));
            writeln!(f, "{what} {} m (x × y × z), from {low} to {high}", size.join(" × "))?;
        }
        self.write_devices(f)?;
        self.write_universes(f)?;
        write_groups(f, "layers", &self.layers)?;
        write_groups(f, "classes", &self.classes)?;
        write_groups(f, "positions", &self.positions)?;
        self.write_members(f)
    }
}

impl Summary {
    fn write_devices(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.device_types.is_empty() {
            return Ok(());
        }
        writeln!(f, "\ndevice types")?;
        let mut table = Table::new("rlll");
        for device in &self.device_types {
            let name =
                if device.gdtf.is_empty() { "(no GDTF)".to_owned() } else { Clean(&device.gdtf).to_string() };
            table.row([device.count.to_string(), name, Clean(&device.mode).to_string(), footprint(device)]);
        }
        write!(f, "{table}")
    }

    fn write_universes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nuniverses")?;
        let mut table = Table::new("rrrl");
        for universe in &self.universes {
            let bar = "█".repeat((universe.used as usize * 20).div_ceil(512));
            let used = if universe.footprint_unknown == 0 {
                format!("{}/512", universe.used)
            } else {
                format!("≥ {}/512", universe.used)
            };
            table.row([universe.number.to_string(), used, counted(universe.devices, "device"), bar]);
        }
        write!(f, "{table}")?;
        if self.universes.is_empty() {
            writeln!(f, "  none in use")?;
        }
        if self.unpatched > 0 {
            writeln!(f, "  {} not patched", counted(self.unpatched, "fixture"))?;
        }
        if self.footprint_unknown > 0 {
            let devices = counted(self.footprint_unknown, "device");
            writeln!(f, "  {devices} of unknown footprint: only the start slot is counted")?;
        }
        Ok(())
    }

    fn write_members(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nmembers")?;
        let mut table = Table::new("rlrr");
        for kind in &self.members {
            let ending = if kind.ending.is_empty() {
                "(no ending)".to_owned()
            } else {
                Clean(&kind.ending).to_string()
            };
            let packed = format!("{} packed", Bytes(kind.packed));
            table.row([kind.count.to_string(), ending, Bytes(kind.bytes).to_string(), packed]);
        }
        write!(f, "{table}")
    }
}

fn footprint(device: &DeviceType) -> String {
    match device.footprint.as_deref() {
        None => "footprint unknown".to_owned(),
        Some([]) => "no DMX".to_owned(),
        Some([only]) => counted(only.slots as usize, "slot"),
        Some(several) => {
            let parts: Vec<String> = several.iter().map(|part| part.slots.to_string()).collect();
            format!("{} slots in {} breaks", parts.join(" + "), several.len())
        }
    }
}

fn write_groups(f: &mut fmt::Formatter<'_>, title: &str, groups: &[GroupCount]) -> fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    let mut table = Table::new("lrr");
    for group in groups.iter().take(ROWS) {
        let name =
            if group.name.is_empty() { "(no name)".to_owned() } else { Clean(&group.name).to_string() };
        let fixtures = if group.fixtures == 0 { String::new() } else { counted(group.fixtures, "fixture") };
        table.row([name, counted(group.objects, "object"), fixtures]);
    }
    write!(f, "{table}")?;
    if groups.len() > ROWS {
        writeln!(f, "  and {} more", groups.len() - ROWS)?;
    }
    Ok(())
}

/// Rows of a list that a person still reads.
const ROWS: usize = 50;
