//! Puts equal edits together: "universe +1 × 20" says more than twenty lines.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Aspect, BreakChange, Change, ObjectDiff, What};
use crate::scene::Scene;

/// Objects that were edited in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The edit, such as "universe +1".
    pub label: String,
    /// How many objects.
    pub count: usize,
    /// Indices into [`super::Diff::objects`].
    pub objects: Vec<usize>,
}

pub(super) fn of(objects: &[ObjectDiff], old: &Scene, new: &Scene) -> Vec<Group> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, object) in objects.iter().enumerate() {
        match object.what {
            What::Changed => {
                for change in &object.changes {
                    groups.entry(label(change)).or_default().push(index);
                }
            }
            What::Added | What::Removed => {
                let (verb, side) = if object.what == What::Added {
                    ("added", object.new_object(new))
                } else {
                    ("removed", object.old_object(old))
                };
                let spec = side.map_or("", |side| side.gdtf_spec.as_str());
                let label = format!("{verb} {} {spec}", object.object.kind.noun(1));
                groups.entry(label.trim_end().to_owned()).or_default().push(index);
            }
        }
    }
    let mut groups: Vec<Group> =
        groups.into_iter().map(|(label, objects)| Group { label, count: objects.len(), objects }).collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.label.cmp(&b.label)));
    groups
}

/// The edit without what it was applied to.
fn label(change: &Change) -> String {
    match change {
        Change::Moved { by, with_parent, .. } => {
            let along = if *with_parent { "moved with the parent " } else { "moved " };
            along.to_owned() + &shift(*by)
        }
        Change::Rotated { degrees, axis, with_parent } => {
            format!("turned {}{}", if *with_parent { "with the parent " } else { "" }, turn(*degrees, *axis))
        }
        Change::Mirrored { .. } => change.to_string(),
        Change::Identity { .. } => "new UUID".to_owned(),
        Change::DeviceFile { .. } | Change::Footprint { .. } => change.to_string(),
        Change::Network { interface, from, to } => match (from, to) {
            (None, _) => format!("network {interface} set"),
            (_, None) => format!("network {interface} taken away"),
            _ => format!("network {interface} changed"),
        },
        Change::Scaled { .. } => "scaled".to_owned(),
        Change::Readdressed { breaks } => address_label(breaks),
        Change::Value { aspect, from, to } => value_label(*aspect, from, to),
        Change::Element { element } => format!("{element} changed"),
    }
}

/// "x +0.500 m", leaving out what did not move.
pub(super) fn shift(by: [f64; 3]) -> String {
    let parts: Vec<String> = ["x", "y", "z"]
        .into_iter()
        .zip(by)
        .filter(|(_, metres)| metres.abs() >= 0.000_5)
        .map(|(axis, metres)| {
            if metres.abs() < FAR {
                format!("{axis} {metres:+.3} m")
            } else {
                format!("{axis} {metres:+.1e} m")
            }
        })
        .collect();
    if parts.is_empty() { "by less than 1 mm per axis".to_owned() } else { parts.join(", ") }
}

/// "+90.0° about z", or about a direction in the world when it is none of the axes; counted right-handed, so +90° about z takes x to y.
pub(super) fn turn(degrees: f64, axis: [f64; 3]) -> String {
    let main = ["x", "y", "z"].into_iter().zip(axis).find(|(_, part)| part.abs() > NEARLY);
    match main {
        Some((name, part)) => format!("{:+.1}° about {name}", degrees * part.signum()),
        None => {
            let [x, y, z] = axis;
            format!("{degrees:.1}° about ({x:.2}, {y:.2}, {z:.2})")
        }
    }
}

fn address_label(breaks: &[BreakChange]) -> String {
    let delta =
        |change: &BreakChange| Some(i64::from(change.to?.absolute) - i64::from(change.from?.absolute));
    let deltas: Vec<Option<i64>> = breaks.iter().map(delta).collect();
    let first = deltas.first().copied().flatten();
    match first {
        Some(first) if deltas.iter().all(|delta| *delta == Some(first)) => {
            if first % 512 == 0 {
                format!("universe {:+}", first / 512)
            } else {
                format!("address {first:+}")
            }
        }
        _ if breaks.iter().all(|change| change.from.is_none()) => "patched".to_owned(),
        _ if breaks.iter().all(|change| change.to.is_none()) => "unpatched".to_owned(),
        _ => "re-addressed per break".to_owned(),
    }
}

fn value_label(aspect: Aspect, from: &str, to: &str) -> String {
    let name = aspect.name();
    // Numbers that were all shifted by the same amount are one edit.
    if let (true, Ok(from), Ok(to)) = (aspect.is_number(), from.parse::<i64>(), to.parse::<i64>()) {
        return format!("{name} {:+}", to.saturating_sub(from));
    }
    match (from.is_empty(), to.is_empty()) {
        (true, false) => format!("{name} set to {to}"),
        (false, true) => format!("{name} {from} taken away"),
        _ => format!("{name} {from} → {to}"),
    }
}

impl Aspect {
    /// Name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Gdtf => "type",
            Self::Mode => "mode",
            Self::Name => "name",
            Self::FixtureId => "fixture ID",
            Self::FixtureIdNumeric => "numeric fixture ID",
            Self::UnitNumber => "unit number",
            Self::CustomId => "custom ID",
            Self::CustomIdType => "custom ID type",
            Self::Layer => "layer",
            Self::Parent => "parent",
            Self::Class => "class",
            Self::Position => "position",
            Self::Focus => "focus",
            Self::Multipatch => "multipatch",
            Self::Function => "function",
            Self::Color => "colour",
            Self::Shape => "shape",
        }
    }
}

/// Metres from which on only their magnitude is shown.
pub(super) const FAR: f64 = 1e9;
/// A direction within two thirds of a degree of an axis is that axis.
const NEARLY: f64 = 0.999_93;
