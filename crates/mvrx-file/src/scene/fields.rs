//! What each child element of an object means: its value read and kept; what is unreadable counts as missing (MVR tables 12 to 31).

use super::parse::Builder;
use super::values::{self, UuidText};
use super::{Address, Kind, MappingDefinition, Matrix, Named, Network, Object};
use crate::rule::Rule;
use crate::xml::Tag;

/// An element whose text is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Matrix,
    LayerMatrix,
    GeometryMatrix,
    Class,
    GdtfSpec,
    GdtfMode,
    Focus,
    Position,
    Function,
    FixtureId,
    FixtureIdNumeric,
    UnitNumber,
    CustomId,
    CustomIdType,
    FixtureTypeId,
    ChainLength,
    Color,
    Address,
    SizeX,
    SizeY,
}

impl Field {
    pub(super) fn of_element(name: &str) -> Option<Self> {
        Some(match name {
            "Matrix" => Self::Matrix,
            "Classing" => Self::Class,
            "GDTFSpec" => Self::GdtfSpec,
            "GDTFMode" => Self::GdtfMode,
            "Focus" => Self::Focus,
            "Position" => Self::Position,
            "Function" => Self::Function,
            "FixtureID" => Self::FixtureId,
            "FixtureIDNumeric" => Self::FixtureIdNumeric,
            "UnitNumber" => Self::UnitNumber,
            "CustomId" => Self::CustomId,
            "CustomIdType" => Self::CustomIdType,
            "FixtureTypeId" => Self::FixtureTypeId,
            "ChainLength" => Self::ChainLength,
            "Color" | "CIEColor" => Self::Color,
            _ => return None,
        })
    }
}

/// The bit that remembers an element in [`Object::seen`], for every element that is allowed once.
pub(super) fn seen_bit(name: &str) -> Option<u32> {
    ONCE.iter()
        .position(|known| *known == name)
        .and_then(|place| 1_u32.checked_shl(u32::try_from(place).ok()?))
}

impl Object {
    pub(super) fn new(kind: Kind, named: Named) -> Self {
        Self {
            kind,
            uuid: named.uuid,
            name: named.name,
            line: named.line,
            layer: 0,
            parent: None,
            matrix: Matrix::IDENTITY,
            class: None,
            gdtf_spec: String::new(),
            gdtf_mode: String::new(),
            fixture_id: String::new(),
            fixture_id_numeric: None,
            unit_number: None,
            custom_id: None,
            custom_id_type: None,
            addresses: Vec::new(),
            networks: Vec::new(),
            focus: None,
            position: None,
            function: String::new(),
            color: String::new(),
            multipatch: None,
            geometries: Vec::new(),
            media: Vec::new(),
            connections: Vec::new(),
            mappings: Vec::new(),
            parts: Vec::new(),
            seen: 0,
        }
    }
}

impl MappingDefinition {
    pub(super) fn new(named: Named) -> Self {
        Self { named, size: [None; 2], source: String::new(), file: None, digest: 0 }
    }
}

impl Network {
    pub(super) fn of(tag: &Tag<'_>) -> Self {
        let mut settings: Vec<String> = NETWORK
            .iter()
            .filter_map(|name| Some((*name, tag.attribute(name)?)))
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| match name {
                "ipv4" | "ipv6" => value.trim().to_owned(),
                "subnetmask" => format!("mask {}", value.trim()),
                _ => format!("{name} {}", value.trim()),
            })
            .collect();
        if settings.is_empty() {
            settings.push("no address".to_owned());
        }
        Self { interface: tag.attribute("geometry").unwrap_or_default(), settings: settings.join(", ") }
    }
}

impl Builder {
    /// Takes the text of an element.
    pub(super) fn apply(&mut self, field: Field, text: &str) {
        match field {
            Field::Matrix | Field::LayerMatrix | Field::GeometryMatrix => self.apply_matrix(field, text),
            Field::Class | Field::Focus | Field::Position => self.apply_reference(field, text),
            Field::Address => self.apply_address(text),
            Field::GdtfSpec | Field::GdtfMode | Field::Function | Field::FixtureId | Field::Color => {
                self.apply_text(field, text);
            }
            Field::ChainLength => self.keep_part("ChainLength", text),
            Field::FixtureTypeId => self.keep_part("FixtureTypeId", text),
            Field::SizeX | Field::SizeY => {
                let number = text.parse().ok();
                if let Some(definition) = self.scene.mapping_definitions.last_mut() {
                    let [x, y] = &mut definition.size;
                    *(if field == Field::SizeX { x } else { y }) = number;
                }
            }
            Field::FixtureIdNumeric | Field::UnitNumber | Field::CustomId | Field::CustomIdType => {
                let number = text.parse::<i64>().ok();
                let Some(object) = self.current_object() else { return };
                match field {
                    Field::FixtureIdNumeric => object.fixture_id_numeric = number,
                    Field::UnitNumber => object.unit_number = number,
                    Field::CustomId => object.custom_id = number,
                    _ => object.custom_id_type = number,
                }
            }
        }
    }

    fn apply_matrix(&mut self, field: Field, text: &str) {
        let matrix = Matrix::parse(text).unwrap_or(Matrix::IDENTITY);
        let slot = match field {
            Field::LayerMatrix => self.scene.layers.last_mut().map(|layer| &mut layer.matrix),
            Field::GeometryMatrix => {
                self.geometries().and_then(|list| list.last_mut()).map(|geometry| &mut geometry.matrix)
            }
            _ => self.current_object().map(|object| &mut object.matrix),
        };
        if let Some(slot) = slot {
            *slot = matrix;
        }
    }

    fn apply_reference(&mut self, field: Field, text: &str) {
        let Some(object) = self.current_object() else { return };
        // The nil UUID is what some applications write for "none".
        let uuid = UuidText::read(text).uuid().filter(|uuid| !uuid.is_nil());
        match field {
            Field::Class => object.class = uuid,
            Field::Focus => object.focus = uuid,
            _ => object.position = uuid,
        }
    }

    fn apply_address(&mut self, text: &str) {
        let dmx_break = self.address_break;
        self.spend(size_of::<Address>());
        if let (Ok(absolute), Some(object)) = (values::address(text), self.current_object()) {
            object.addresses.push(Address { dmx_break, absolute });
        }
    }

    fn apply_text(&mut self, field: Field, text: &str) {
        self.spend(text.len());
        let Some(object) = self.current_object() else { return };
        let slot = match field {
            Field::GdtfSpec => &mut object.gdtf_spec,
            Field::GdtfMode => &mut object.gdtf_mode,
            Field::Function => &mut object.function,
            Field::Color => &mut object.color,
            _ => &mut object.fixture_id,
        };
        text.clone_into(slot);
    }

    /// Remembers a value for comparison only.
    fn keep_part(&mut self, name: &str, text: &str) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut digest = DefaultHasher::new();
        // Numbers that are written otherwise are the same.
        text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string()).hash(&mut digest);
        self.spend(size_of::<(String, u64)>() + name.len());
        if let Some(object) = self.current_object() {
            object.parts.push((name.to_owned(), digest.finish()));
        }
    }

    /// Looks for what the format demands of each kind.
    pub(super) fn end_object(&mut self, index: u32) {
        let Some(object) = self.scene.objects.get_mut(index as usize) else { return };
        object.parts.sort_unstable();
        object.addresses.sort_unstable();
        object.networks.sort_unstable();
        // req: MVR-BREAK-UNIQUE
        let repeated = object.addresses.windows(2).find_map(|pair| match pair {
            [one, two] if one.dmx_break == two.dmx_break => Some(one.dmx_break),
            _ => None,
        });
        let line = object.line;
        let no_mode = !object.gdtf_spec.is_empty() && object.gdtf_mode.is_empty();
        if let Some(dmx_break) = repeated {
            let detail = format!("break {dmx_break} has more than one address");
            self.odd(Rule::BreakRepeated, line, Some(index), detail);
        }
        if no_mode {
            let detail = "it has a GDTF but no mode, so its footprint is unknown";
            self.odd(Rule::GdtfModeMissing, line, Some(index), detail);
        }
    }
}

/// Elements allowed once in an object; their order gives their bits.
const ONCE: [&str; 31] = [
    "Matrix",
    "Classing",
    "Geometries",
    "GDTFSpec",
    "GDTFMode",
    "CastShadow",
    "Addresses",
    "Alignments",
    "CustomCommands",
    "Overwrites",
    "Connections",
    "FixtureID",
    "FixtureIDNumeric",
    "FixtureTypeId",
    "UnitNumber",
    "CustomId",
    "CustomIdType",
    "ChildList",
    "Focus",
    "DMXInvertPan",
    "DMXInvertTilt",
    "Position",
    "Function",
    "ChildPosition",
    "Protocols",
    "Color",
    "Mappings",
    "Gobo",
    "ChainLength",
    "Sources",
    "Projections",
];

/// Attributes of `Network` in the order in which they are shown.
const NETWORK: [&str; 5] = ["ipv4", "subnetmask", "ipv6", "dhcp", "hostname"];
