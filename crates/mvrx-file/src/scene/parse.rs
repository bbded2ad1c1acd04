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
//! stands is digested with everything in it, so that a comparison notices it ([`super::digest`]). What is wrong is told by
//! [`super::grammar`], which sees the same elements.

use std::io::Read;

use super::digest::{Digest, Owner};
use super::fields::Field;
use super::grammar::{Grammar, Told};
use super::values::UuidText;
use super::{
    Geometry, GeometrySource, Kind, Layer, MappingDefinition, Matrix, Named, Network, Object, Oddity, Scene,
    Symdef, UserData,
};
use crate::error::SceneError;
use crate::limits::Limits;
use crate::rule::Rule;
use crate::version::{Version, version_attributes};
use crate::xml::{Node, Tag, XmlReader};

/// Where the reader stands: one element on the way from the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
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
    /// Part of something that is only digested; whether its text names a file or a stream.
    Part {
        wanted: bool,
    },
    /// An element in which nothing is known.
    Closed,
}

/// A scene under construction.
pub(crate) struct Builder {
    pub(super) scene: Scene,
    pub(super) stack: Vec<At>,
    /// The value being read.
    pub(super) text: String,
    /// It is as long as allowed, and was told to be.
    text_full: bool,
    pub(super) digest: Digest,
    grammar: Grammar,
    told: Told,
    /// Oddities kept, by severity.
    oddities: [usize; 3],
    /// Where the innermost geometry goes: an object or the last symdef.
    geometry_owner: Option<u32>,
    pub(super) address_break: u32,
    layer_seen_matrix: bool,
    seen_scene: bool,
    seen_layers: bool,
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
            Node::End => builder.end(),
            Node::Text(text) => builder.take_text(&text, xml.line(), xml.was_cut()),
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
            text_full: false,
            digest: Digest::default(),
            grammar: Grammar::default(),
            told: Told::new(),
            oddities: [0; 3],
            geometry_owner: None,
            address_break: 0,
            layer_seen_matrix: false,
            seen_scene: false,
            seen_layers: false,
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
            Some(At::Part { .. }) => self.below_part(tag),
            Some(At::Layers | At::Geometry | At::Value(_) | At::Closed) => self.unknown(tag),
        };
        if matches!(next, At::Value(_) | At::Part { wanted: true }) {
            self.text.clear();
            self.text_full = false;
        }
        self.stack.push(next);
        self.grammar.start(tag, self.scene.version, &mut self.told);
        self.tell(tag.line);
        Ok(())
    }

    /// Remembers what the grammar said about the innermost element.
    fn tell(&mut self, line: u32) {
        if self.told.is_empty() {
            return;
        }
        let object = self.current();
        for (rule, detail) in std::mem::take(&mut self.told) {
            self.odd(rule, line, object, detail);
        }
    }

    fn end(&mut self) {
        let line = self.grammar.end(&mut self.told);
        self.tell(line);
        let Some(left) = self.stack.pop() else { return };
        match left {
            At::Value(field) => {
                let text = std::mem::take(&mut self.text);
                self.apply(field, text.trim());
                self.text = text;
            }
            At::Part { wanted } => self.end_part(wanted),
            At::Object(object) => self.end_object(object),
            _ => {}
        }
    }

    fn take_text(&mut self, text: &str, line: u32, was_cut: bool) {
        self.grammar.text(text, &mut self.told);
        self.tell(line);
        let wanted = match self.stack.last() {
            Some(At::Value(_)) => true,
            Some(At::Part { wanted }) => {
                self.digest.text(text);
                *wanted
            }
            _ => false,
        };
        if !wanted || self.text_full {
            return;
        }
        let allowed = self.limits.xml_token_bytes;
        self.text_full = was_cut || self.text.len() + text.len() > allowed + SHORT;
        if self.text_full {
            let detail = format!("a text is longer than {allowed} bytes; the rest of it is not read");
            self.odd(Rule::AboveLimit, line, self.current(), detail);
        }
        if self.text.len() + text.len() <= allowed + SHORT {
            self.text.push_str(text);
        }
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
        self.scene.user_data.push(UserData { provider, version, digest: 0 });
        self.begin_part(tag, Owner::Data)
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
                At::Closed
            }
            "Position" => {
                let named = self.named(tag);
                self.scene.positions.push(named);
                At::Closed
            }
            "Symdef" => {
                let named = self.named(tag);
                self.scene.symdefs.push(Symdef { named, geometries: Vec::new() });
                At::Symdef
            }
            "MappingDefinition" => {
                let named = self.named(tag);
                self.scene.mapping_definitions.push(MappingDefinition::new(named));
                At::Definition
            }
            _ => self.unknown(tag),
        }
    }

    fn below_symdef(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "ChildList" => {
                self.geometry_owner = None;
                At::Geometries
            }
            _ => self.unknown(tag),
        }
    }

    fn below_definition(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "SizeX" => At::Value(Field::SizeX),
            "SizeY" => At::Value(Field::SizeY),
            _ => self.begin_part(tag, Owner::Definition),
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
        let mut object = Object { multipatch, layer, parent, ..Object::new(kind, named) };
        super::digest::attributes(tag, &mut object.parts);
        self.scene.objects.push(object);
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
                None => self.begin_part(tag, Owner::Object(index)),
            },
        }
    }

    fn below_addresses(&mut self, tag: &Tag<'_>) -> At {
        match tag.name() {
            "Address" => {
                let text = tag.attribute("break").unwrap_or_default();
                self.address_break = text.trim().parse().unwrap_or(0);
                At::Value(Field::Address)
            }
            "Network" => {
                let network = Network::of(tag);
                self.spend(size_of::<Network>() + network.interface.len() + network.settings.len());
                if let Some(object) = self.current_object() {
                    object.networks.push(network);
                }
                At::Closed
            }
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

    /// Reads name and UUID, which everything in a scene has.
    fn named(&mut self, tag: &Tag<'_>) -> Named {
        let name = tag.attribute("name").unwrap_or_default();
        let text = tag.attribute("uuid").unwrap_or_default();
        let read = UuidText::read(&text);
        let what = tag.name();
        // The object itself is pushed after this; its index is the present length.
        let object =
            Kind::from_node_name(what).map(|_| u32::try_from(self.scene.objects.len()).unwrap_or(u32::MAX));
        if read.uuid().is_some_and(|uuid| uuid.is_nil()) {
            self.odd(Rule::UuidNil, tag.line, object, format!("{what} has the nil UUID"));
        }
        self.spend(size_of::<Named>() + name.len());
        Named { uuid: read.uuid(), name, line: tag.line }
    }

    /// What does not belong here is compared as a whole.
    fn unknown(&mut self, tag: &Tag<'_>) -> At {
        let owner = self.current().map_or(Owner::Rest, Owner::Object);
        self.begin_part(tag, owner)
    }

    /// What is given again does not count, but a comparison notices it.
    fn repeated(&mut self, tag: &Tag<'_>) -> At {
        self.unknown(tag)
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
        // Of each severity as many as are allowed in all, so that no number of warnings keeps an error out.
        let severity = rule.severity() as usize;
        let kept = self.oddities.get_mut(severity);
        match (kept, self.scene.oddities_omitted.get_mut(severity)) {
            (Some(kept), _) if *kept < self.limits.findings => *kept += 1,
            (_, Some(omitted)) => return *omitted += 1,
            _ => return,
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
            rest: 0,
            oddities: Vec::new(),
            oddities_omitted: [0; 3],
            lines: 0,
        }
    }
}

/// What a text that was cut may be longer than the limit by.
const SHORT: usize = 64;
