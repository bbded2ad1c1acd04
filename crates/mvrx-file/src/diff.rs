//! Turns two revisions of an .mvr into what changed from the first to the second.
//!
//! Objects are paired by UUID; what is left over is paired by identifier, type and place, for applications that make new UUIDs on
//! every export, and marked so. Places are compared in the world, through all parents. Members are compared by size and CRC-32 from
//! the zip directories, so nothing is unpacked and the cost does not depend on the size of meshes. (A CRC-32 is no proof of
//! equality against somebody who wants to deceive; it is what an archive offers.) The work is linear in the number of objects,
//! apart from sorting. Show it with [`std::fmt::Display`] for people, [`Diff::stat`] for a table, or serialize it.
//!
//! ```
//! use mvrx_file::generate::{Changes, Recipe};
//! use mvrx_file::{Diff, Limits, MvrFile};
//! # fn main() -> Result<(), mvrx_file::OpenError> {
//! let first = Recipe::new(7).fixtures(40).trusses(2);
//! let second = first.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 });
//! let open = |recipe: &Recipe| MvrFile::read(std::io::Cursor::new(recipe.to_bytes()), &Limits::default());
//! let diff = Diff::between(&open(&first)?, &open(&second)?);
//! assert_eq!(diff.sentence, "20 re-addressed, 12 moved, 3 removed; 16 of 17 members unchanged");
//! # Ok(())
//! # }
//! ```

use std::io::{Read, Seek};

use serde::Serialize;
use uuid::Uuid;

pub use self::groups::Group;
pub use self::members::{ChangedMember, MemberDiff, RenamedMember};
pub use self::scene::SceneChange;
use self::shape::Shapes;
pub use self::text::Stat;
use crate::check::ObjectName;
use crate::gdtf::BreakFootprint;
use crate::mvr::MvrFile;
use crate::scene::{Address, Object, Scene};

mod compare;
mod device;
mod groups;
mod members;
mod pairs;
mod places;
mod scene;
mod shape;
mod text;

/// What changed from one revision to the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// Version of this structure; fields are only ever added to it.
    pub schema: u32,
    /// The difference in one sentence.
    pub sentence: String,
    /// How many objects changed in which way.
    pub counts: Counts,
    /// Equal edits, most frequent first.
    pub groups: Vec<Group>,
    /// Every object that was added, removed or changed, the most dangerous first: removed, with a new UUID, another device, re-addressed,
    /// added, renumbered, moved, turned, then the rest; each in the order of the file.
    pub objects: Vec<ObjectDiff>,
    /// What changed beside the objects.
    pub scene: Vec<SceneChange>,
    /// What changed in the archive.
    pub members: MemberDiff,
}

/// How many objects changed in which way; an object may count in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Only in the new file.
    pub added: usize,
    /// Only in the old file.
    pub removed: usize,
    /// Moved by themselves.
    pub moved: usize,
    /// Moved only because what they are part of was moved.
    pub moved_with_parent: usize,
    /// Turned by themselves.
    pub rotated: usize,
    /// Turned only because what they are part of was turned.
    pub rotated_with_parent: usize,
    /// Mirrored, or no longer.
    pub mirrored: usize,
    /// With another size.
    pub scaled: usize,
    /// With other addresses, DMX or network.
    pub readdressed: usize,
    /// With another GDTF or mode.
    pub device_changed: usize,
    /// With a GDTF of the same name and other content.
    pub device_file_changed: usize,
    /// That occupy another number of slots.
    pub footprint_changed: usize,
    /// With another fixture ID, unit number or custom ID.
    pub renumbered: usize,
    /// With another name.
    pub renamed: usize,
    /// In another layer, class, group or position.
    pub regrouped: usize,
    /// With anything else changed.
    pub otherwise: usize,
    /// In both files without any change.
    pub unchanged: usize,
    /// Objects that are paired although their UUIDs differ.
    pub identity_changed: usize,
}

/// One object that is not the same in both revisions.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ObjectDiff {
    /// The object, as the new file names it if it is there.
    pub object: ObjectName,
    /// Added, removed or changed.
    pub what: What,
    /// How it was recognized, when it is in both.
    pub matched_by: Option<MatchedBy>,
    /// Each single change.
    pub changes: Vec<Change>,
    /// Its index in the objects of the old scene.
    pub old_index: Option<u32>,
    /// Its index in the objects of the new scene.
    pub new_index: Option<u32>,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Only in the new file.
    Added,
    /// Only in the old file.
    Removed,
    /// In both, but not the same.
    Changed,
}

/// How an object of one file was recognized in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// The same UUID, whatever its case.
    Uuid,
    /// Another UUID, or none that can be read, but the same kind, identifier, type and place.
    Place,
    /// Another UUID, or none that can be read, and another place, but an identifier and type that exist once in each file.
    FixtureId,
}

/// One change of an object. Lengths are metres, angles degrees.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Its origin is elsewhere in the world.
    Moved {
        /// Where it was.
        from: [f64; 3],
        /// Where it is.
        to: [f64; 3],
        /// From there to here.
        by: [f64; 3],
        /// How far.
        distance: f64,
        /// Only because what it is part of moved.
        with_parent: bool,
    },
    /// Its UUID is another one; see [`ObjectDiff::matched_by`]. A console that knows objects by UUID takes it for a new one.
    Identity {
        /// Before; `None` when there was none that can be read.
        from: Option<Uuid>,
        /// Now; `None` when there is none that can be read.
        to: Option<Uuid>,
    },
    /// It is turned in the world.
    Rotated {
        /// By how much, from 0 to 180.
        degrees: f64,
        /// About which axis of the world, right-handed; its length is 1.
        axis: [f64; 3],
        /// Only because what it is part of was turned.
        with_parent: bool,
    },
    /// It is a mirror image of what it was.
    Mirrored {
        /// Along which of its own axes; what remains is told as a turn.
        along: Axis,
        /// Only because what it is part of was mirrored.
        with_parent: bool,
    },
    /// The GDTF of this name has other content.
    DeviceFile {
        /// Its `GDTFSpec`.
        gdtf: String,
    },
    /// It occupies another number of slots.
    Footprint {
        /// Before; `None` when unknown.
        from: Option<Vec<BreakFootprint>>,
        /// Now; `None` when unknown.
        to: Option<Vec<BreakFootprint>>,
    },
    /// A network interface has other addresses.
    Network {
        /// Which, by its geometry.
        interface: String,
        /// Before; `None` when it was not set.
        from: Option<String>,
        /// Now; `None` when it is not set.
        to: Option<String>,
    },
    /// Its size changed.
    Scaled {
        /// Factors along its axes before.
        from: [f64; 3],
        /// And now.
        to: [f64; 3],
    },
    /// Some of its breaks start elsewhere.
    Readdressed {
        /// Those breaks.
        breaks: Vec<BreakChange>,
    },
    /// A value is another one.
    Value {
        /// Which.
        aspect: Aspect,
        /// Before; empty when there was none.
        from: String,
        /// Now; empty when there is none.
        to: String,
    },
    /// The content of an element is another one.
    Element {
        /// Its name.
        element: String,
    },
}

/// An axis of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// The first.
    X,
    /// The second.
    Y,
    /// The third.
    Z,
}

/// One break that starts elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BreakChange {
    /// Which, from 0.
    #[serde(rename = "break")]
    pub dmx_break: u32,
    /// Before; `None` when it was not patched.
    pub from: Option<Address>,
    /// Now; `None` when it is not patched.
    pub to: Option<Address>,
}

/// A value that an object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Aspect {
    /// Its kind of node.
    Kind,
    /// `GDTFSpec`.
    Gdtf,
    /// `GDTFMode`.
    Mode,
    /// Its name.
    Name,
    /// `FixtureID`.
    FixtureId,
    /// `FixtureIDNumeric`.
    FixtureIdNumeric,
    /// `UnitNumber`.
    UnitNumber,
    /// `CustomId`.
    CustomId,
    /// `CustomIdType`.
    CustomIdType,
    /// The layer it is in.
    Layer,
    /// The object it is part of.
    Parent,
    /// Its class.
    Class,
    /// Its hanging position.
    Position,
    /// The focus point it points to.
    Focus,
    /// The object whose patch it shares.
    Multipatch,
    /// Its purpose.
    Function,
    /// Its colour.
    Color,
    /// Its shape.
    Shape,
}

impl Diff {
    /// Compares two opened files.
    pub fn between<A: Read + Seek, B: Read + Seek>(old: &MvrFile<A>, new: &MvrFile<B>) -> Self {
        let pairs = pairs::Pairs::of(old.scene(), new.scene());
        let (old_shapes, new_shapes) = (Shapes::of(old), Shapes::of(new));
        let mut objects = compare::objects(old, new, &pairs, (&old_shapes, &new_shapes));
        objects.sort_by_key(ObjectDiff::harmlessness);
        let mut counts = Counts::of(&objects);
        let both = pairs.old_of.iter().flatten().count();
        let changed = objects.iter().filter(|object| object.what == What::Changed).count();
        counts.unchanged = both - changed;
        let members = MemberDiff::between(old.archive(), new.archive());
        let scene = scene::changes(old.scene(), new.scene(), (&old_shapes, &new_shapes));
        let groups = groups::of(&objects, old.scene(), new.scene());
        let sentence = text::sentence(&counts, &scene, &members);
        Self { schema: 1, sentence, counts, groups, objects, scene, members }
    }

    /// Whether nothing differs: no object, nothing else in the scene, and no member but the way the root file is written.
    pub fn is_same(&self) -> bool {
        self.objects.is_empty() && self.scene.is_empty() && self.members.is_same()
    }
}

impl ObjectDiff {
    /// The object in the old scene.
    pub fn old_object<'a>(&self, scene: &'a Scene) -> Option<&'a Object> {
        scene.objects.get(self.old_index? as usize)
    }

    /// The object in the new scene.
    pub fn new_object<'a>(&self, scene: &'a Scene) -> Option<&'a Object> {
        scene.objects.get(self.new_index? as usize)
    }

    /// Whether it was moved by itself.
    pub fn is_moved(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Moved { with_parent: false, .. }))
    }

    /// Whether it has other addresses, DMX or network.
    pub fn is_readdressed(&self) -> bool {
        self.changes.iter().any(Change::is_address)
    }

    /// What can hurt most in a show has the least number.
    fn harmlessness(&self) -> u8 {
        match self.what {
            What::Removed => 0,
            What::Added => 4,
            What::Changed => self.changes.iter().map(Change::harmlessness).min().unwrap_or(u8::MAX),
        }
    }
}

impl Counts {
    fn of(objects: &[ObjectDiff]) -> Self {
        let mut counts = Self::default();
        for object in objects {
            match object.what {
                What::Added => counts.added += 1,
                What::Removed => counts.removed += 1,
                What::Changed => counts.add(&object.changes),
            }
        }
        counts
    }

    fn add(&mut self, changes: &[Change]) {
        let any = |wanted: fn(&Change) -> bool| usize::from(changes.iter().any(wanted));
        let own_move = any(|change| matches!(change, Change::Moved { with_parent: false, .. }));
        self.moved += own_move;
        self.moved_with_parent += any(|change| matches!(change, Change::Moved { with_parent: true, .. }));
        self.rotated += any(|change| matches!(change, Change::Rotated { with_parent: false, .. }));
        self.rotated_with_parent += any(|change| matches!(change, Change::Rotated { with_parent: true, .. }));
        self.mirrored += any(|change| matches!(change, Change::Mirrored { .. }));
        self.scaled += any(|change| matches!(change, Change::Scaled { .. }));
        self.readdressed += any(Change::is_address);
        self.identity_changed += any(|change| matches!(change, Change::Identity { .. }));
        self.device_file_changed += any(|change| matches!(change, Change::DeviceFile { .. }));
        self.footprint_changed += any(|change| matches!(change, Change::Footprint { .. }));
        self.device_changed += any(|change| change.aspect().is_some_and(Aspect::is_device));
        self.renumbered += any(|change| change.aspect().is_some_and(Aspect::is_number));
        self.renamed += any(|change| change.aspect() == Some(Aspect::Name));
        self.regrouped += any(|change| change.aspect().is_some_and(Aspect::is_group));
        self.otherwise += any(|change| match change {
            Change::Element { .. } => true,
            other => other.aspect().is_some_and(Aspect::is_other),
        });
    }
}

impl Change {
    fn aspect(&self) -> Option<Aspect> {
        if let Self::Value { aspect, .. } = self { Some(*aspect) } else { None }
    }

    fn is_address(&self) -> bool {
        matches!(self, Self::Readdressed { .. } | Self::Network { .. })
    }

    fn harmlessness(&self) -> u8 {
        match self {
            Self::Identity { .. } => 1,
            Self::DeviceFile { .. } | Self::Footprint { .. } => 2,
            Self::Readdressed { .. } | Self::Network { .. } => 3,
            Self::Value { aspect, .. } if aspect.is_device() => 2,
            Self::Value { aspect, .. } if aspect.is_number() => 5,
            Self::Moved { with_parent: false, .. } => 6,
            Self::Rotated { with_parent: false, .. } | Self::Mirrored { .. } | Self::Scaled { .. } => 7,
            Self::Value { .. } | Self::Element { .. } => 8,
            Self::Moved { .. } | Self::Rotated { .. } => 9,
        }
    }
}

impl Aspect {
    fn is_device(self) -> bool {
        matches!(self, Self::Gdtf | Self::Mode)
    }

    fn is_number(self) -> bool {
        matches!(
            self,
            Self::FixtureId | Self::FixtureIdNumeric | Self::UnitNumber | Self::CustomId | Self::CustomIdType
        )
    }

    fn is_group(self) -> bool {
        matches!(self, Self::Layer | Self::Parent | Self::Class | Self::Position)
    }

    fn is_other(self) -> bool {
        !self.is_device() && !self.is_number() && !self.is_group() && self != Self::Name
    }
}
