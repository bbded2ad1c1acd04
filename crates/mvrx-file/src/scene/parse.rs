//! The state machine that builds a [`Scene`] from XML, without recursion.
//!
//! ```text
//!  Document ─ GeneralSceneDescription ─┬─ UserData ─ Data ─ (skipped)
//!                                      └─ Scene ─┬─ AUXData ─┬─ Class, Position
//!                                                │           ├─ Symdef ─ ChildList ─ Geometry3D | Symbol
//!                                                │           └─ MappingDefinition ─ Source …
//!                                                └─ Layers ─ Layer ─ ChildList ─┬─ Fixture, Truss, …  ─┬─ text fields
//!                                                               ▲               │                      ├─ Addresses
//!                                                               ╰───────────────┴─ ChildList ◄─────────┤─ Geometries
//!                                                                                                      ╰─ parts (digested)
//! ```
//! Each element on the way is one [`At`] on a stack that the depth limit bounds. An element that does not belong where it
//! stands is skipped with everything in it and remembered as an oddity.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use uuid::Uuid;

use super::fields::Field;
use super::values::UuidText;
use super::{
    Geometry, GeometrySource, Kind, Layer, MappingDefinition, Matrix, Named, Object, Oddity, Scene, Symdef,
    UserData,
};
use crate::error::SceneError;
use crate::limits::Limits;
use crate::rule::Rule;
use crate::version::{Version, version_attributes};
use crate::xml::{Node, Tag, XmlReader};

/// Where the reader stands: one element on the way from the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Root,
    UserData,
    Scene,
    Auxiliary,
    Symdef,
    Definition,
    Layers,
    Layer,
    /// A `ChildList`; the object it belongs to, if it is not a layer's.
    Children(Option<u32>),
    Object(u32),
    Addresses,
    Geometries,
    Geometry,
    /// An element whose text is a value.
    Value(Field),
    /// Part of an object that is only digested.
    Part,
    /// Anything that is skipped.
    Skipped,
}

/// A scene under construction.
pub(crate) struct Builder {
    pub(super) scene: Scene,
    stack: Vec<At>,
    /// The value being read.
    text: String,
    text_wanted: bool,
    digest: DefaultHasher,
    /// Where the innermost geometry goes: an object or the last symdef.
    geometry_owner: Option<u32>,
    pub(super) address_break: u32,
    layer_seen_matrix: bool,
    seen_scene: bool,
    seen_layers: bool,
    symdef_lists: usize,
    definition_parts: u8,
    spent: usize,
    limits: Limits,
}

/// Reads a whole root file.
pub(crate) fn read_scene<R: Read>(content: R, limits: &Limits) -> Result<Scene, SceneError> {
    let mut xml = XmlReader::new(content, limits);
    let mut buffer = Vec::with_capacity(1024);
    let mut builder = Builder::new(limits);
    loop {
        match xml.next(&mut buffer)? {
            Node::Start(tag) => builder.start(&tag)?,
            Node::End => builder.end(xml.line())?,
            Node::Text(text) => builder.take_text(&text, xml.line())?,
            Node::Nothing => {}
            Node::Done => break,
        }
        builder.within_memory(xml.line())?;
    }
    let prolog = xml.prolog();
    if !prolog.declared {
        builder.odd(Rule::DeclarationMissing, 1, None, "the file does not begin with an XML declaration");
    }
    if prolog.other_encoding {
        builder.odd(Rule::EncodingNotUtf8, 1, None, "the XML declaration names another encoding than UTF-8");
    }
    builder.scene.lines = xml.line();
    Ok(builder.finish())
}

impl Builder {
    fn new(limits: &Limits) -> Self {
        Self {
            scene: Scene::empty(),
            stack: Vec::with_capacity(32),
            text: String::new(),
            text_wanted: false,
            digest: DefaultHasher::new(),
            geometry_owner: None,
            address_break: 0,
            layer_seen_matrix: false,
            seen_scene: false,
            seen_layers: false,
            symdef_lists: 0,
            definition_parts: 0,
            spent: 0,
            limits: *limits,
        }
    }

    fn start(&mut self, tag: &Tag<'_>) -> Result<(), SceneError> {
        let next = match self.stack.last().copied() {
            None => self.root(tag)?,
            Some(At::Root) => self.below_root(tag),
            Some(At::UserData) => self.below_user_data(tag),
            Some(At::Scene) => self.below_scene(tag),
            Some(At::Auxiliary) => self.below_auxiliary(tag),
            Some(At::Symdef) => self.below_symdef(tag),
            Some(At::Definition) => self.below_definition(tag),
            Some(At::Layers) if tag.name() == "Layer" => self.layer(tag),
            Some(At::Layer) => self.below_layer(tag),
            Some(At::Children(parent)) => self.child(tag, parent)?,
            Some(At::Object(object)) => self.below_object(tag, object),
            Some(At::Addresses) => self.below_addresses(tag),
            Some(At::Geometries) => self.below_geometries(tag),
            Some(At::Geometry) if tag.name() == "Matrix" => At::Value(Field::GeometryMatrix),
            // Some products put empty device elements everywhere.
            Some(At::Geometry) if matches!(tag.name(), "GDTFSpec" | "GDTFMode") => At::Skipped,
            Some(At::Part) => self.below_part(tag),
            Some(At::Skipped) => At::Skipped,
            Some(At::Layers | At::Geometry | At::Value(_)) => self.unknown(tag),
        };
        if matches!(next, At::Value(_)) {
            self.text.clear();
            self.text_wanted = true;
        }
        self.stack.push(next);
        Ok(())
    }

    fn end(&mut self, line: u32) -> Result<(), SceneError> {
        let Some(left) = self.stack.pop() else { return Ok(()) };
        match left {
            At::Value(field) => {
                self.text_wanted = false;
                let text = std::mem::take(&mut self.text);
                self.apply(field, text.trim(), line);
                self.text = text;
            }
            At::Part => self.end_part(),
            At::Object(object) => self.end_object(object),
            At::Symdef => self.end_symdef(line),
            At::Definition => self.end_definition(line),
            At::Scene if !self.seen_layers => {
                self.odd(Rule::ElementMissing, line, None, "Scene has no Layers");
            }
            At::Root if !self.seen_scene => {
                self.odd(Rule::ElementMissing, line, None, "GeneralSceneDescription has no Scene");
            }
            _ => {}
        }
        Ok(())
    }

    fn take_text(&mut self, text: &str, line: u32) -> Result<(), SceneError> {
        // Blanks between elements are a matter of taste.
        if self.stack.last() == Some(&At::Part) && !text.trim().is_empty() {
            text.trim().hash(&mut self.digest);
        }
        if !self.text_wanted {
            return Ok(());
        }
        if self.text.len() + text.len() > self.limits.xml_token_bytes {
            return Err(SceneError::TokenAboveLimit { line, allowed: self.limits.xml_token_bytes });
        }
        self.text.push_str(text);
        Ok(())
    }

    fn root(&mut self, tag: &Tag<'_>) -> Result<At, SceneError> {
        self.scene.version = version_attributes(tag)?;
        self.scene.provider = tag.attribute("provider");
        self.scene.provider_version = tag.attribute("providerVersion");
        Ok(At::Root)
    }

    fn below_root(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "UserData" => At::UserData,
            "Scene" if self.seen_scene => self.repeated(tag),
            "Scene" => {
                self.seen_scene = true;
                At::Scene
            }
            _ => self.unknown(tag),
        }
    }

    fn below_user_data(&mut self, tag: &Tag<'_>) -> At {
        if tag.name() != "Data" {
            return self.unknown(tag);
        }
        let provider = tag.attribute("provider").unwrap_or_default();
        let version = tag.attribute("ver").unwrap_or_else(|| "1".to_owned());
        self.spend(size_of::<UserData>() + provider.len() + version.len());
        self.scene.user_data.push(UserData { provider, version });
        At::Skipped
    }

    fn below_scene(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "AUXData" => At::Auxiliary,
            "Layers" if self.seen_layers => self.repeated(tag),
            "Layers" => {
                self.seen_layers = true;
                At::Layers
            }
            _ => self.unknown(tag),
        }
    }

    fn below_auxiliary(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "Class" => {
                let named = self.named(tag);
                self.scene.classes.push(named);
                At::Skipped
            }
            "Position" => {
                let named = self.named(tag);
                self.scene.positions.push(named);
                At::Skipped
            }
            "Symdef" => {
                let named = self.named(tag);
                self.scene.symdefs.push(Symdef { named, geometries: Vec::new() });
                self.symdef_lists = 0;
                At::Symdef
            }
            "MappingDefinition" => {
                let named = self.named(tag);
                self.scene.mapping_definitions.push(MappingDefinition { named, file: None });
                self.definition_parts = 0;
                At::Definition
            }
            _ => self.unknown(tag),
        }
    }

    fn below_symdef(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "ChildList" => {
                self.symdef_lists += 1;
                self.geometry_owner = None;
                At::Geometries
            }
            "GDTFSpec" | "GDTFMode" => At::Skipped,
            _ => self.unknown(tag),
        }
    }

    fn below_definition(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "SizeX" => {
                self.definition_parts |= 1;
                At::Value(Field::DefinitionSize)
            }
            "SizeY" => {
                self.definition_parts |= 2;
                At::Value(Field::DefinitionSize)
            }
            "Source" => {
                self.definition_parts |= 4;
                if is_file_source(tag) { At::Value(Field::DefinitionFile) } else { At::Skipped }
            }
            "ScaleHandeling" => At::Skipped,
            _ => self.unknown(tag),
        }
    }

    fn layer(&mut self, tag: &Tag<'_>) -> At {
        let named = self.named(tag);
        self.spend(size_of::<Layer>());
        self.scene.layers.push(Layer { named, matrix: Matrix::IDENTITY });
        self.layer_seen_matrix = false;
        At::Layer
    }

    fn below_layer(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "Matrix" if self.layer_seen_matrix => self.repeated(tag),
            "Matrix" => {
                self.layer_seen_matrix = true;
                At::Value(Field::LayerMatrix)
            }
            "ChildList" => At::Children(None),
            "GDTFSpec" | "GDTFMode" => At::Skipped,
            _ => self.unknown(tag),
        }
    }

    fn child(&mut self, tag: &Tag<'_>, parent: Option<u32>) -> Result<At, SceneError> {
        let Some(kind) = Kind::from_node_name(tag.name()) else { return Ok(self.unknown(tag)) };
        let allowed = self.limits.objects;
        let index = self.scene.objects.len();
        if index >= allowed {
            return Err(SceneError::ObjectsAboveLimit { line: tag.line, allowed });
        }
        let named = self.named(tag);
        let multipatch = tag.attribute("multipatch").and_then(|text| UuidText::read(&text).uuid());
        let layer = u32::try_from(self.scene.layers.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.spend(size_of::<Object>());
        self.scene.objects.push(Object { multipatch, layer, parent, ..Object::new(kind, named) });
        Ok(At::Object(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    fn below_object(&mut self, tag: &Tag<'_>, index: u32) -> At {
        let name = tag.name();
        if let Some(bit) = super::fields::seen_bit(name) {
            let again = self.scene.objects.get_mut(index as usize).is_some_and(|object| {
                let again = object.seen & bit != 0;
                object.seen |= bit;
                again
            });
            if again {
                return self.repeated(tag);
            }
        }
        match name {
            "ChildList" => At::Children(Some(index)),
            "Addresses" => At::Addresses,
            "Geometries" => {
                self.geometry_owner = Some(index);
                At::Geometries
            }
            _ => match Field::of_element(name) {
                Some(field) => At::Value(field),
                None if super::fields::is_part(name) => self.begin_part(tag),
                None => self.unknown(tag),
            },
        }
    }

    fn below_addresses(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "Address" => {
                let text = tag.attribute("break").unwrap_or_default();
                self.address_break = text.trim().parse().unwrap_or(0);
                if !text.trim().is_empty() && text.trim().parse::<u32>().is_err() {
                    let detail = "the break of an address is not a number from 0";
                    self.odd(Rule::AddressMalformed, tag.line, self.current(), detail);
                }
                At::Value(Field::Address)
            }
            "Network" => At::Skipped,
            _ => self.unknown(tag),
        }
    }

    fn below_geometries(&mut self, tag: &Tag<'_>) -> At {
        let source = match tag.name() {
            "Geometry3D" => {
                GeometrySource::File(tag.attribute("fileName").unwrap_or_default().trim().to_owned())
            }
            "Symbol" => {
                GeometrySource::Symbol(tag.attribute("symdef").and_then(|text| UuidText::read(&text).uuid()))
            }
            _ => return self.unknown(tag),
        };
        self.spend(
            size_of::<Geometry>() + if let GeometrySource::File(name) = &source { name.len() } else { 0 },
        );
        if let Some(to) = self.geometries() {
            to.push(Geometry { source, matrix: Matrix::IDENTITY });
        }
        At::Geometry
    }

    /// The list that geometries are being added to.
    pub(super) fn geometries(&mut self) -> Option<&mut Vec<Geometry>> {
        match self.geometry_owner {
            Some(object) => self.scene.objects.get_mut(object as usize).map(|object| &mut object.geometries),
            None => self.scene.symdefs.last_mut().map(|symdef| &mut symdef.geometries),
        }
    }

    fn begin_part(&mut self, tag: &Tag<'_>) -> At {
        self.digest = DefaultHasher::new();
        if let Some(object) = self.current_object() {
            object.parts.push((tag.name().to_owned(), 0));
        }
        self.spend(size_of::<(String, u64)>() + tag.name().len());
        self.below_part(tag)
    }

    /// Digests one element of a part and picks up the references in it.
    fn below_part(&mut self, tag: &Tag<'_>) -> At {
        tag.name().hash(&mut self.digest);
        for (key, value) in tag.attributes() {
            (key, value.as_ref()).hash(&mut self.digest);
        }
        self.spend(size_of::<Uuid>());
        let uuid = |name: &str| tag.attribute(name).and_then(|text| UuidText::read(&text).uuid());
        match tag.name() {
            "Connection" => {
                let to = uuid("toObject").filter(|to| !to.is_nil());
                if let (Some(to), Some(object)) = (to, self.current_object()) {
                    object.connections.push(to);
                }
            }
            "Mapping" => {
                if let (Some(to), Some(object)) = (uuid("linkedDef"), self.current_object()) {
                    object.mappings.push(to);
                }
            }
            "Source" if is_file_source(tag) => return At::Value(Field::Media),
            "Gobo" => return At::Value(Field::Media),
            _ => {}
        }
        At::Part
    }

    fn end_part(&mut self) {
        if self.stack.last() == Some(&At::Part) {
            // Structure counts: <a><b/></a> is not <a/><b/>.
            1_u8.hash(&mut self.digest);
            return;
        }
        let digest = self.digest.finish();
        if let Some((_, slot)) = self.current_object().and_then(|object| object.parts.last_mut()) {
            *slot = digest;
        }
    }

    /// A file that a gobo or a video source names; it counts as part of what surrounds it, too.
    pub(super) fn media(&mut self, text: &str) {
        text.hash(&mut self.digest);
        let digest = self.digest.finish();
        let outermost = matches!(self.stack.last(), Some(At::Object(_)));
        self.spend(size_of::<String>() + text.len());
        if let Some(object) = self.current_object() {
            if !text.is_empty() {
                object.media.push(text.to_owned());
            }
            if let (true, Some((_, slot))) = (outermost, object.parts.last_mut()) {
                *slot = digest;
            }
        }
    }

    fn end_symdef(&mut self, line: u32) {
        if self.symdef_lists == 0 {
            self.odd(Rule::ElementMissing, line, None, "Symdef has no ChildList");
        }
    }

    fn end_definition(&mut self, line: u32) {
        for (bit, name) in [(1, "SizeX"), (2, "SizeY"), (4, "Source")] {
            if self.definition_parts & bit == 0 {
                self.odd(Rule::ElementMissing, line, None, format!("MappingDefinition has no {name}"));
            }
        }
    }

    /// Reads name and UUID, which everything in a scene has.
    fn named(&mut self, tag: &Tag<'_>) -> Named {
        let name = tag.attribute("name").unwrap_or_default();
        let text = tag.attribute("uuid").unwrap_or_default();
        let read = UuidText::read(&text);
        let what = tag.name();
        // The object itself is pushed after this; its index is the present length.
        let object =
            Kind::from_node_name(what).map(|_| u32::try_from(self.scene.objects.len()).unwrap_or(u32::MAX));
        match read {
            UuidText::Empty => self.odd(Rule::UuidMissing, tag.line, object, format!("{what} has no UUID")),
            UuidText::Unreadable => {
                self.odd(
                    Rule::UuidUnreadable,
                    tag.line,
                    object,
                    format!("{what} has a UUID that cannot be read"),
                );
            }
            UuidText::Loose(_) => {
                let detail = format!("{what} has a UUID that is not in the form 8-4-4-4-12");
                self.odd(Rule::UuidForm, tag.line, object, detail);
            }
            UuidText::Proper(_) => {}
        }
        if read.uuid().is_some_and(|uuid| uuid.is_nil()) {
            self.odd(Rule::UuidNil, tag.line, object, format!("{what} has the nil UUID"));
        }
        self.spend(size_of::<Named>() + name.len());
        Named { uuid: read.uuid(), name, line: tag.line }
    }

    fn unknown(&mut self, tag: &Tag<'_>) -> At {
        let detail = format!("element {} does not belong here and is ignored", tag.name());
        self.odd(Rule::ElementUnknown, tag.line, self.current(), detail);
        At::Skipped
    }

    fn repeated(&mut self, tag: &Tag<'_>) -> At {
        let detail = format!("element {} is given again; the first one counts", tag.name());
        self.odd(Rule::ElementRepeated, tag.line, self.current(), detail);
        At::Skipped
    }

    /// The innermost object that is open.
    pub(super) fn current(&self) -> Option<u32> {
        self.stack.iter().rev().find_map(|at| if let At::Object(index) = at { Some(*index) } else { None })
    }

    pub(super) fn current_object(&mut self) -> Option<&mut Object> {
        let index = self.current()?;
        self.scene.objects.get_mut(index as usize)
    }

    pub(super) fn odd(&mut self, rule: Rule, line: u32, object: Option<u32>, detail: impl Into<String>) {
        if self.scene.oddities.len() >= self.limits.findings {
            self.scene.oddities_omitted += 1;
            return;
        }
        let detail = detail.into();
        self.spend(size_of::<Oddity>() + detail.len());
        self.scene.oddities.push(Oddity { rule, line, object, detail });
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.spent += bytes;
    }

    fn within_memory(&self, line: u32) -> Result<(), SceneError> {
        let allowed = self.limits.scene_bytes;
        if self.spent > allowed { Err(SceneError::SceneAboveLimit { line, allowed }) } else { Ok(()) }
    }

    fn finish(self) -> Scene {
        self.scene
    }
}

impl Scene {
    fn empty() -> Self {
        Self {
            version: Version { major: 0, minor: 0 },
            provider: None,
            provider_version: None,
            user_data: Vec::new(),
            classes: Vec::new(),
            positions: Vec::new(),
            symdefs: Vec::new(),
            mapping_definitions: Vec::new(),
            layers: Vec::new(),
            objects: Vec::new(),
            oddities: Vec::new(),
            oddities_omitted: 0,
            lines: 0,
        }
    }
}

/// Whether a `Source` names a member of the archive (MVR table 35).
fn is_file_source(tag: &Tag<'_>) -> bool {
    tag.attribute("type").is_some_and(|kind| kind == "File")
}
