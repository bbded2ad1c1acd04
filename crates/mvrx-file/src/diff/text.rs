//! The difference for people: one sentence, groups, and a line per object.

use std::collections::BTreeMap;
use std::fmt;

use super::groups::{FAR, shift, turn};
use super::{Axis, BreakChange, Change, Counts, Diff, MatchedBy, MemberDiff, ObjectDiff, SceneChange, What};
use crate::gdtf::BreakFootprint;
use crate::scene::Kind;
use crate::text::{Bytes, Clean, Table, counted};

/// The difference in one sentence.
pub(super) fn sentence(counts: &Counts, scene: &[SceneChange], members: &MemberDiff) -> String {
    roll_up(counts, scene) + "; " + &member_sentence(members)
}

/// What changed in the show, without the archive.
fn roll_up(counts: &Counts, scene: &[SceneChange]) -> String {
    let item = |count: usize, text: &str| (count > 0).then(|| format!("{count} {text}"));
    let with_parent = |own: usize, along: usize, verb: &str| match (own, along) {
        (0, 0) => None,
        (own, 0) => Some(format!("{own} {verb}")),
        (0, along) => Some(format!("{along} {verb} with their parents")),
        (own, along) => Some(format!("{own} {verb} and {along} more with their parents")),
    };
    let items = [
        item(counts.identity_changed, "with a new UUID"),
        item(counts.device_changed, "with another type or mode"),
        item(counts.device_file_changed, "whose GDTF has other content"),
        item(counts.footprint_changed, "with another footprint"),
        item(counts.added, "added"),
        item(counts.readdressed, "re-addressed"),
        with_parent(counts.moved, counts.moved_with_parent, "moved"),
        with_parent(counts.rotated, counts.rotated_with_parent, "turned"),
        item(counts.mirrored, "mirrored"),
        item(counts.scaled, "scaled"),
        item(counts.renumbered, "renumbered"),
        item(counts.renamed, "renamed"),
        item(counts.regrouped, "regrouped"),
        item(counts.otherwise, "otherwise changed"),
        item(counts.removed, "removed"),
    ];
    let items: Vec<String> = items.into_iter().flatten().collect();
    let mut text = if items.is_empty() { "no object changed".to_owned() } else { items.join(", ") };
    // A provider of another version is what every export has that comes with other changes.
    let beside = scene.iter().filter(|change| change.what != "provider").count();
    let beside = if items.is_empty() { scene.len() } else { beside };
    if beside > 0 {
        text += &format!(", {} beside the objects", counted(beside, "change"));
    }
    text
}

fn member_sentence(members: &MemberDiff) -> String {
    let mut text = format!("{} of {} members unchanged", members.unchanged, members.new);
    for (count, verb) in [
        (members.renamed.len(), "renamed"),
        (members.added.len(), "added"),
        (members.removed.len(), "removed"),
    ] {
        if count > 0 {
            text += &format!(", {count} {verb}");
        }
    }
    text
}

impl Diff {
    /// What changed in the show, as a clause to be a comment or a notification: "20 re-addressed, 12 moved, 3 removed". Of the archive's
    /// members, of which [`Diff::sentence`] speaks too, it says nothing.
    #[must_use]
    pub fn roll_up(&self) -> String {
        roll_up(&self.counts, &self.scene)
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.sentence)?;
        if self.is_same() && !self.members.changed.is_empty() {
            writeln!(f, "{} is written in another way and says the same", crate::ROOT_FILE)?;
            return Ok(());
        }
        self.write_groups(f)?;
        if !self.objects.is_empty() {
            writeln!(f, "\nobjects")?;
            for object in &self.objects {
                writeln!(f, "  {object}")?;
            }
        }
        if !self.scene.is_empty() {
            writeln!(f, "\nbeside the objects")?;
            for change in &self.scene {
                writeln!(f, "  {change}")?;
            }
        }
        write!(f, "{}", self.members)
    }
}

impl Diff {
    fn write_groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several: Vec<_> = self.groups.iter().filter(|group| group.count > 1).take(GROUPS).collect();
        if several.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nequal edits")?;
        let mut table = Table::new("lrl");
        for group in several {
            let names = group
                .objects
                .iter()
                .take(NAMES)
                .filter_map(|index| self.objects.get(*index))
                .map(ObjectDiff::short_name);
            let mut names = names.collect::<Vec<_>>().join(", ");
            if group.count > NAMES {
                names += ", …";
            }
            table.row([Clean(&group.label).to_string(), format!("× {}", group.count), names]);
        }
        write!(f, "{table}")
    }

    /// A table of how many objects of each kind changed in which way.
    pub fn stat(&self) -> Stat<'_> {
        Stat(self)
    }
}

impl ObjectDiff {
    /// As short as it can be and still be found: the identifier, else the name, else the beginning of the UUID.
    pub(crate) fn short_name(&self) -> String {
        let name = &self.object;
        match (name.fixture_id.is_empty(), name.name.is_empty(), name.uuid) {
            (false, _, _) => Clean(&name.fixture_id).to_string(),
            (true, false, _) => Clean(&name.name).to_string(),
            (true, true, Some(uuid)) => short(uuid),
            (true, true, None) => name.kind.noun(1).to_owned(),
        }
    }
}

/// Shows [`Diff::stat`].
#[derive(Debug)]
pub struct Stat<'a>(&'a Diff);

impl fmt::Display for Stat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<Kind, Vec<ObjectDiff>> = BTreeMap::new();
        for object in &self.0.objects {
            kinds.entry(object.object.kind).or_default().push(object.clone());
        }
        let mut table = Table::new("lrrrrrrrr");
        if !kinds.is_empty() {
            let titles =
                ["", "added", "removed", "re-addressed", "moved", "turned", "type/mode", "new UUID", "other"];
            table.row(titles.map(str::to_owned));
        }
        for (kind, objects) in kinds {
            let counts = Counts::of(&objects);
            let other = counts.renumbered
                + counts.renamed
                + counts.regrouped
                + counts.mirrored
                + counts.scaled
                + counts.otherwise;
            let numbers = [
                counts.added,
                counts.removed,
                counts.readdressed,
                counts.moved + counts.moved_with_parent,
                counts.rotated + counts.rotated_with_parent,
                counts.device_changed + counts.device_file_changed,
                counts.identity_changed,
                other,
            ];
            let [a, b, c, d, e, g, h, i] =
                numbers.map(|count| if count == 0 { "·".to_owned() } else { count.to_string() });
            table.row([kind.noun(2).to_owned(), a, b, c, d, e, g, h, i]);
        }
        write!(f, "{table}")?;
        writeln!(f, "{}", self.0.sentence)
    }
}

impl fmt::Display for ObjectDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.what {
            What::Added => '+',
            What::Removed => '-',
            What::Changed => '~',
        };
        write!(f, "{mark} {}", self.object)?;
        for (index, change) in self.changes.iter().enumerate() {
            write!(f, "{}{change}", if index == 0 { ": " } else { "; " })?;
        }
        match self.matched_by {
            Some(MatchedBy::Place) => f.write_str(" (recognized by its place)"),
            Some(MatchedBy::FixtureId) => f.write_str(" (recognized by its fixture ID)"),
            Some(MatchedBy::Uuid) | None => Ok(()),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { by, distance, with_parent, .. } => {
                write!(f, "moved {} m ({})", size(*distance), shift(*by))?;
                f.write_str(if *with_parent { " with its parent" } else { "" })
            }
            Self::Rotated { degrees, axis, with_parent } => {
                let along = if *with_parent { " with its parent" } else { "" };
                write!(f, "turned {}{along}", turn(*degrees, *axis))
            }
            Self::Mirrored { along, with_parent } => {
                let axis = match along {
                    Axis::X => 'x',
                    Axis::Y => 'y',
                    Axis::Z => 'z',
                };
                write!(f, "mirrored along its {axis}{}", if *with_parent { " with its parent" } else { "" })
            }
            Self::Identity { from, to } => {
                let show = |uuid: &Option<uuid::Uuid>| {
                    uuid.map_or_else(|| "none".to_owned(), |uuid| short(uuid) + "…")
                };
                write!(f, "new UUID {} → {}", show(from), show(to))
            }
            Self::DeviceFile { gdtf } => write!(f, "type {} has other content", Clean(gdtf)),
            Self::Footprint { from, to } => {
                write!(f, "footprint {} → {}", slots(from.as_deref()), slots(to.as_deref()))
            }
            Self::Network { interface, from, to } => {
                let show = |text: &Option<String>| {
                    text.as_deref().map_or_else(|| "not set".to_owned(), |text| Clean(text).to_string())
                };
                write!(f, "network {} {} → {}", Clean(interface), show(from), show(to))
            }
            Self::Scaled { from: [a, b, c], to: [x, y, z] } => {
                let show = |sizes: [f64; 3]| sizes.map(size).join(" × ");
                write!(f, "scaled {} → {}", show([*a, *b, *c]), show([*x, *y, *z]))
            }
            Self::Readdressed { breaks } => write_breaks(f, breaks),
            Self::Value { aspect, from, to } => {
                let show =
                    |text: &str| if text.is_empty() { "none".to_owned() } else { Clean(text).to_string() };
                write!(f, "{} {} → {}", aspect.name(), show(from), show(to))
            }
            Self::Element { element } => write!(f, "{element} changed"),
        }
    }
}

fn slots(footprint: Option<&[BreakFootprint]>) -> String {
    match footprint {
        None => "unknown".to_owned(),
        Some([]) => "no DMX".to_owned(),
        Some(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| part.slots.to_string()).collect();
            parts.join(" + ") + " slots"
        }
    }
}

/// A factor or metres; of an absurd number only its magnitude.
fn size(number: f64) -> String {
    if number < FAR { format!("{number:.3}") } else { format!("{number:.1e}") }
}

fn short(uuid: uuid::Uuid) -> String {
    uuid.to_string().chars().take(8).collect()
}

fn write_breaks(f: &mut fmt::Formatter<'_>, breaks: &[BreakChange]) -> fmt::Result {
    for (index, change) in breaks.iter().enumerate() {
        let show = |address: Option<crate::scene::Address>| {
            address.map_or_else(|| "unpatched".to_owned(), |address| address.to_string())
        };
        if index > 0 {
            f.write_str(", ")?;
        }
        if breaks.len() > 1 || change.dmx_break > 0 {
            write!(f, "break {}: ", change.dmx_break)?;
        }
        write!(f, "{} → {}", show(change.from), show(change.to))?;
    }
    Ok(())
}

impl fmt::Display for SceneChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "~ {} {} → {}", self.what, Clean(from), Clean(to)),
            (None, Some(to)) => write!(f, "+ {} {}", self.what, Clean(to)),
            (Some(from), None) => write!(f, "- {} {}", self.what, Clean(from)),
            (None, None) => write!(f, "~ {}", self.what),
        }
    }
}

impl fmt::Display for MemberDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.changed.len() + self.renamed.len() + self.added.len() + self.removed.len();
        if lines == 0 {
            return Ok(());
        }
        writeln!(f, "\nmembers")?;
        for member in &self.changed {
            let (from, to) = (Bytes(member.old_bytes), Bytes(member.new_bytes));
            writeln!(f, "  ~ {} {from} → {to}", Clean(&member.name))?;
        }
        for member in &self.renamed {
            writeln!(f, "  = {} → {}", Clean(&member.from), Clean(&member.to))?;
        }
        for name in &self.added {
            writeln!(f, "  + {}", Clean(name))?;
        }
        for name in &self.removed {
            writeln!(f, "  - {}", Clean(name))?;
        }
        Ok(())
    }
}

const GROUPS: usize = 30;
const NAMES: usize = 12;
