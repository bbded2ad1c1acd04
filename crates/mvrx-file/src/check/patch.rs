//! The patch: devices that share slots, run out of their universe, or whose footprint nobody knows.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use super::content::share_a_patch;
use super::references::used_by;
use super::{Findings, ObjectName};
use crate::mvr::MvrFile;
use crate::patch::{Device, Devices, Run};
use crate::rule::Rule;
use crate::scene::{Address, Object, SLOTS};

pub(super) fn check<R: Read + Seek>(file: &MvrFile<R>, findings: &mut Findings) {
    let devices = Devices::read(file);
    let objects = &file.scene().objects;
    check_modes(objects, &devices, findings);
    check_breaks(objects, &devices, findings);
    let runs = devices.runs(objects);
    check_ends(objects, &runs, findings);
    check_collisions(objects, &runs, findings);
    let unknown = runs.iter().filter(|run| !run.known).count();
    if unknown > 0 {
        let detail = format!(
            "the footprint behind {unknown} start {} is not known, so only the start itself was compared",
            if unknown == 1 { "address" } else { "addresses" }
        );
        findings.add(Rule::FootprintUnknown, detail);
    }
}

fn check_modes(objects: &[Object], devices: &Devices, findings: &mut Findings) {
    let mut uses: BTreeMap<(&str, &str), (&Object, usize)> = BTreeMap::new();
    for object in objects.iter().filter(|object| !object.gdtf_spec.is_empty()) {
        uses.entry((&object.gdtf_spec, &object.gdtf_mode)).or_insert((object, 0)).1 += 1;
    }
    let mut told = "";
    for ((spec, mode), (object, count)) in uses {
        match devices.of(spec) {
            Some(Device::Unreadable(reason)) if told != spec => {
                told = spec;
                findings.member(Rule::GdtfUnreadable, spec, reason.clone());
            }
            // req: MVR-GDTFMODE-EXISTS
            Some(Device::Read(gdtf)) if !mode.is_empty() && gdtf.mode(mode).is_none() => {
                let detail = format!("{spec} has no mode {mode}; {}", used_by(count, "object", "use"));
                findings.line(Rule::GdtfModeUnknown, object.line, detail);
            }
            _ => {}
        }
    }
}

// req: MVR-BREAK-EXISTS
fn check_breaks(objects: &[Object], devices: &Devices, findings: &mut Findings) {
    for object in objects {
        let Some(mode) = devices.mode(object).filter(|mode| !mode.footprint.is_empty()) else { continue };
        let known = |number| mode.footprint.iter().any(|part| part.dmx_break == number);
        for address in object.patched().filter(|address| !known(address.dmx_break)) {
            let detail =
                format!("it is patched at break {}, which its mode does not have", address.dmx_break);
            findings.object(Rule::BreakUnknown, object, detail);
        }
    }
}

fn check_ends(objects: &[Object], runs: &[Run], findings: &mut Findings) {
    for run in runs {
        // A device of more than 512 slots has to.
        let fits = run.last - run.first < SLOTS;
        if fits && (run.first - 1) / SLOTS != (run.last - 1) / SLOTS {
            let Some(object) = objects.get(run.object as usize) else { continue };
            let detail = format!(
                "it starts at {} and runs over the end of its universe to {}",
                show(run.first),
                show(run.last)
            );
            findings.object(Rule::AddressOverflow, object, detail);
        }
    }
}

/// Compares each run with the one before it that reaches furthest; enough to report every device that shares a slot.
fn check_collisions(objects: &[Object], runs: &[Run], findings: &mut Findings) {
    let mut furthest: Option<Run> = None;
    for run in runs {
        let collides = furthest.filter(|earlier| earlier.last >= run.first);
        let pair = collides.and_then(|earlier| {
            Some((earlier, objects.get(earlier.object as usize)?, objects.get(run.object as usize)?))
        });
        if let Some((earlier, one, other)) = pair {
            // req: MVR-ADDRESS-COLLISION
            if earlier.object == run.object {
                let detail = format!(
                    "its breaks {} and {} share slots from {} on",
                    earlier.dmx_break,
                    run.dmx_break,
                    show(run.first)
                );
                findings.object(Rule::AddressCollision, other, detail);
            } else if !share_a_patch(one, other) {
                let last = run.last.min(earlier.last);
                let shared = match last == run.first {
                    true => format!("slot {}", show(run.first)),
                    false => format!("slots {} to {}", show(run.first), show(last)),
                };
                let detail = format!("it shares {shared} with {} on line {}", ObjectName::of(one), one.line);
                findings.object(Rule::AddressCollision, other, detail);
            }
        }
        if furthest.is_none_or(|earlier| run.last > earlier.last) {
            furthest = Some(*run);
        }
    }
}

fn show(absolute: u32) -> String {
    Address { dmx_break: 0, absolute }.to_string()
}
