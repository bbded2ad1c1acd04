//! Turns `GeneralSceneDescription.xml` into a flat list of objects with their parents, and keeps what is odd about it.
//!
//! It deliberately does not judge (that is [`crate::check`]) and knows neither the archive nor GDTF. Whatever can be read is read:
//! UUIDs in any case and with braces or blanks, addresses absolute or as `universe.slot`, empty elements as missing ones. Limits:
//! `xml_depth`, `xml_token_bytes`, `objects` and `scene_bytes` of [`crate::Limits`]. Parents
//! always stand before their children in [`Scene::objects`], so no walk over a scene needs recursion. Mirrors MVR 1.6 tables 1 to 41.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

pub use self::matrix::Matrix;
use crate::rule::Rule;
use crate::version::Version;

mod digest;
mod fields;
mod grammar;
pub(crate) mod matrix;
pub(crate) mod parse;
mod tables;
#[cfg(test)]
mod tests;
mod typed;
mod values;

/// A scene, as the root file describes it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Scene {
    /// `verMajor` and `verMinor`.
    pub version: Version,
    /// Application that wrote the file, since MVR 1.6.
    pub provider: Option<String>,
    /// Its version.
    pub provider_version: Option<String>,
    /// Applications that left data of their own.
    pub user_data: Vec<UserData>,
    /// Classes: which objects are shown together, whatever layer they are in.
    pub classes: Vec<Named>,
    /// Hanging positions.
    pub positions: Vec<Named>,
    /// Symbols that objects use for their shape.
    pub symdefs: Vec<Symdef>,
    /// Video sources.
    pub mapping_definitions: Vec<MappingDefinition>,
    /// Layers in the order of the file.
    pub layers: Vec<Layer>,
    /// All objects in the order of the file, parents before children.
    pub objects: Vec<Object>,
    /// Digest of everything that does not belong where it stands.
    #[serde(skip)]
    pub(crate) rest: u64,
    #[serde(skip)]
    pub(crate) oddities: Vec<Oddity>,
    /// Those beyond the limit, by severity.
    #[serde(skip)]
    pub(crate) oddities_omitted: [u64; 3],
    /// Lines of the root file.
    #[serde(skip)]
    pub(crate) lines: u32,
}

/// One `Data` node of `UserData`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserData {
    /// Application that owns it.
    pub provider: String,
    /// Version of the data.
    pub version: String,
    /// Digest of its content, for comparison only.
    #[serde(skip)]
    pub(crate) digest: u64,
}

/// A class or a hanging position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// `None` when missing or unreadable.
    pub uuid: Option<Uuid>,
    /// May be empty.
    pub name: String,
    /// Line in the root file.
    pub line: u32,
}

/// A shape to be used by reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Symdef {
    /// Its identity and name.
    #[serde(flatten)]
    pub named: Named,
    /// What it consists of.
    pub geometries: Vec<Geometry>,
}

/// A video source of a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingDefinition {
    /// Its identity and name.
    #[serde(flatten)]
    pub named: Named,
    /// Width and height in pixels.
    pub size: [Option<i64>; 2],
    /// Kind of source, and what it is called there: a file, a stream.
    pub source: String,
    /// Member that holds the video, when the source is a file.
    pub file: Option<String>,
    /// Digest of its sources and its scaling, for comparison only.
    #[serde(skip)]
    pub(crate) digest: u64,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Layer {
    /// Its identity and name.
    #[serde(flatten)]
    pub named: Named,
    /// Its place; by the format an elevation only.
    pub matrix: Matrix,
}

/// The kinds of nodes in a `ChildList` (MVR table 42).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// A lighting device.
    Fixture,
    /// A piece of truss.
    Truss,
    /// A hoist or the like.
    Support,
    /// A video screen.
    VideoScreen,
    /// A video projector.
    Projector,
    /// Any other thing.
    SceneObject,
    /// A group with coordinates of its own.
    GroupObject,
    /// Where fixtures point to.
    FocusPoint,
}

/// One node of the scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// `None` when missing or unreadable.
    pub uuid: Option<Uuid>,
    /// May be empty.
    pub name: String,
    /// Line in the root file.
    pub line: u32,
    /// Index into [`Scene::layers`].
    pub layer: u32,
    /// Index into [`Scene::objects`] of the object that it is a child of.
    pub parent: Option<u32>,
    /// Place in the parent's coordinates.
    pub matrix: Matrix,
    /// Class that it belongs to.
    pub class: Option<Uuid>,
    /// Member that describes the device.
    pub gdtf_spec: String,
    /// Mode of that device.
    pub gdtf_mode: String,
    /// Identifier to select it by.
    pub fixture_id: String,
    /// The same as a number.
    pub fixture_id_numeric: Option<i64>,
    /// Number on its position.
    pub unit_number: Option<i64>,
    /// Number within its [`custom_id_type`](Self::custom_id_type).
    pub custom_id: Option<i64>,
    /// 1 fixture, 2 channel, 4 houselights and so on.
    pub custom_id_type: Option<i64>,
    /// Start addresses, one per DMX break.
    pub addresses: Vec<Address>,
    /// Addresses of its network interfaces.
    pub networks: Vec<Network>,
    /// Focus point that it points to.
    pub focus: Option<Uuid>,
    /// Hanging position that it belongs to.
    pub position: Option<Uuid>,
    /// What it is used for.
    pub function: String,
    /// Colour in the filter, CIE 1931 xyY, as written.
    pub color: String,
    /// Object whose patch it shares.
    pub multipatch: Option<Uuid>,
    /// Its shape.
    pub geometries: Vec<Geometry>,
    /// Members it refers to beside shape and device: gobos, videos.
    pub media: Vec<String>,
    /// Objects it is wired to.
    pub connections: Vec<Uuid>,
    /// Mapping definitions it uses.
    pub mappings: Vec<Uuid>,
    /// Every other element: its name and a digest of its content, for comparison only.
    #[serde(skip)]
    pub(crate) parts: Vec<(String, u64)>,
    /// Which elements it has, as bits of [`parse`].
    #[serde(skip)]
    pub(crate) seen: u32,
}

/// Start address of one DMX break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Address {
    /// Break number of the GDTF, where 0 is the first.
    #[serde(rename = "break")]
    pub dmx_break: u32,
    /// (universe − 1) · 512 + slot, from 1; 0 means not patched.
    pub absolute: u32,
}

/// What a network interface of a device is set to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Network {
    /// Interface, by the name of its geometry in the GDTF.
    pub interface: String,
    /// Its addresses, mask, DHCP and host name, as they are shown.
    pub settings: String,
}

/// A piece of shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Geometry {
    /// Where it comes from.
    pub source: GeometrySource,
    /// Its place in the coordinates of what it belongs to.
    pub matrix: Matrix,
}

/// Where a piece of shape comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeometrySource {
    /// A member of the archive.
    File(String),
    /// A [`Symdef`]; `None` when its UUID is missing or unreadable.
    Symbol(Option<Uuid>),
}

/// Something that the reader noticed and [`crate::check`] will report.
#[derive(Debug, Clone)]
pub(crate) struct Oddity {
    pub(crate) rule: Rule,
    pub(crate) line: u32,
    pub(crate) object: Option<u32>,
    pub(crate) detail: String,
}

impl Kind {
    /// All kinds, most telling first.
    pub const ALL: [Self; 8] = [
        Self::Fixture,
        Self::Truss,
        Self::Support,
        Self::VideoScreen,
        Self::Projector,
        Self::SceneObject,
        Self::GroupObject,
        Self::FocusPoint,
    ];

    /// Name of the node in the file.
    pub fn node_name(self) -> &'static str {
        match self {
            Self::Fixture => "Fixture",
            Self::Truss => "Truss",
            Self::Support => "Support",
            Self::VideoScreen => "VideoScreen",
            Self::Projector => "Projector",
            Self::SceneObject => "SceneObject",
            Self::GroupObject => "GroupObject",
            Self::FocusPoint => "FocusPoint",
        }
    }

    /// Name in a sentence.
    pub fn noun(self, count: usize) -> &'static str {
        let [one, many] = match self {
            Self::Fixture => ["fixture", "fixtures"],
            Self::Truss => ["truss", "trusses"],
            Self::Support => ["support", "supports"],
            Self::VideoScreen => ["video screen", "video screens"],
            Self::Projector => ["projector", "projectors"],
            Self::SceneObject => ["scene object", "scene objects"],
            Self::GroupObject => ["group", "groups"],
            Self::FocusPoint => ["focus point", "focus points"],
        };
        if count == 1 { one } else { many }
    }

    pub(crate) fn from_node_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.node_name() == name)
    }
}

impl Address {
    /// Universe, from 1; 0 when not patched.
    pub fn universe(self) -> u32 {
        if self.absolute == 0 { 0 } else { (self.absolute - 1) / SLOTS + 1 }
    }

    /// Slot in the universe, 1 to 512; 0 when not patched.
    pub fn slot(self) -> u32 {
        if self.absolute == 0 { 0 } else { (self.absolute - 1) % SLOTS + 1 }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.absolute == 0 {
            return f.write_str("unpatched");
        }
        write!(f, "{}.{}", self.universe(), self.slot())
    }
}

impl Object {
    /// [`gdtf_spec`](Self::gdtf_spec) without the ending `.gdtf`, which one product leaves out: two that agree in it mean the same member.
    pub fn device_name(&self) -> &str {
        self.gdtf_spec.strip_suffix(".gdtf").unwrap_or(&self.gdtf_spec)
    }

    /// Start addresses that are patched.
    pub fn patched(&self) -> impl Iterator<Item = Address> {
        self.addresses.iter().copied().filter(|address| address.absolute > 0)
    }
}

impl Scene {
    /// Places of all objects in the world, in the order of [`Scene::objects`]: through the parents and the layer.
    pub fn world(&self) -> Vec<Matrix> {
        // req: MVR-MATRIX-CHAIN
        let mut world: Vec<Matrix> = Vec::with_capacity(self.objects.len());
        for object in &self.objects {
            let layer = self.layers.get(object.layer as usize).map_or(Matrix::IDENTITY, |layer| layer.matrix);
            let parent =
                object.parent.and_then(|parent| world.get(parent as usize)).copied().unwrap_or(layer);
            let place = object.matrix.within(&parent);
            world.push(if place.is_finite() { place } else { object.matrix });
        }
        world
    }
}

/// Slots of a DMX universe.
pub(crate) const SLOTS: u32 = 512;
