//! What each child element of an object means: its value read, kept, or judged unreadable (MVR tables 12 to 31).

use super::parse::Builder;
use super::values::{self, UuidText};
use super::{Address, Kind, Matrix, Named, Object};
use crate::rule::Rule;

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
    Media,
    DefinitionSize,
    DefinitionFile,
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

/// Elements that are digested as they are.
pub(super) fn is_part(name: &str) -> bool {
    PARTS.contains(&name)
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

    fn has(&self, element: &str) -> bool {
        seen_bit(element).is_some_and(|bit| self.seen & bit != 0)
    }
}

impl Builder {
    /// Takes the text of an element whose end tag was read on `line`.
    pub(super) fn apply(&mut self, field: Field, text: &str, line: u32) {
        match field {
            Field::Matrix | Field::LayerMatrix | Field::GeometryMatrix => {
                self.apply_matrix(field, text, line);
            }
            Field::Class | Field::Focus | Field::Position => self.apply_reference(field, text, line),
            Field::Address => self.apply_address(text, line),
            Field::Media => self.media(text),
            Field::DefinitionFile => {
                self.spend(text.len());
                if let Some(definition) = self.scene.mapping_definitions.last_mut() {
                    definition.file = (!text.is_empty()).then(|| text.to_owned());
                }
            }
            Field::GdtfSpec | Field::GdtfMode | Field::Function | Field::FixtureId => {
                self.apply_text(field, text);
            }
            Field::Color => self.apply_color(text, line),
            Field::ChainLength => {
                if !text.parse::<f64>().is_ok_and(f64::is_finite) {
                    self.odd(Rule::ValueMalformed, line, self.current(), "ChainLength is not a number");
                }
                self.keep_part("ChainLength", text);
            }
            Field::FixtureIdNumeric
            | Field::UnitNumber
            | Field::CustomId
            | Field::CustomIdType
            | Field::FixtureTypeId
            | Field::DefinitionSize => self.apply_number(field, text, line),
        }
    }

    fn apply_matrix(&mut self, field: Field, text: &str, line: u32) {
        let matrix = Matrix::parse(text);
        if matrix.is_none() {
            let detail = "a matrix is not four groups of three numbers; it counts as identity";
            self.odd(Rule::MatrixMalformed, line, self.current(), detail);
        }
        let matrix = matrix.unwrap_or(Matrix::IDENTITY);
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

    fn apply_reference(&mut self, field: Field, text: &str, line: u32) {
        let read = UuidText::read(text);
        if read == UuidText::Unreadable {
            let detail = "a reference is not a UUID and leads nowhere";
            self.odd(Rule::ReferenceBroken, line, self.current(), detail);
        }
        if let UuidText::Loose(_) = read {
            self.odd(Rule::UuidForm, line, self.current(), "a reference is not in the form 8-4-4-4-12");
        }
        let Some(object) = self.current_object() else { return };
        // The nil UUID is what some applications write for "none".
        let uuid = read.uuid().filter(|uuid| !uuid.is_nil());
        match field {
            Field::Class => object.class = uuid,
            Field::Focus => object.focus = uuid,
            _ => object.position = uuid,
        }
    }

    fn apply_address(&mut self, text: &str, line: u32) {
        let dmx_break = self.address_break;
        self.spend(size_of::<Address>());
        match values::address(text) {
            Ok(absolute) => {
                let Some(object) = self.current_object() else { return };
                object.addresses.push(Address { dmx_break, absolute });
            }
            Err(reason) => {
                self.odd(
                    Rule::AddressMalformed,
                    line,
                    self.current(),
                    format!("an address is refused: {reason}"),
                );
            }
        }
    }

    fn apply_text(&mut self, field: Field, text: &str) {
        self.spend(text.len());
        let Some(object) = self.current_object() else { return };
        let slot = match field {
            Field::GdtfSpec => &mut object.gdtf_spec,
            Field::GdtfMode => &mut object.gdtf_mode,
            Field::Function => &mut object.function,
            _ => &mut object.fixture_id,
        };
        text.clone_into(slot);
    }

    fn apply_color(&mut self, text: &str, line: u32) {
        if !text.is_empty() && !values::is_color(text) {
            self.odd(Rule::ValueMalformed, line, self.current(), "the colour is not three numbers x,y,Y");
        }
        self.spend(text.len());
        if let Some(object) = self.current_object() {
            text.clone_into(&mut object.color);
        }
    }

    fn apply_number(&mut self, field: Field, text: &str, line: u32) {
        let number = text.parse::<i64>().ok();
        let positive = matches!(field, Field::FixtureIdNumeric | Field::UnitNumber | Field::FixtureTypeId);
        if number.is_none_or(|number| positive && number < 0) {
            let detail = match field {
                Field::FixtureIdNumeric => "FixtureIDNumeric is not a number from 0",
                Field::UnitNumber => "UnitNumber is not a number from 0",
                Field::CustomId => "CustomId is not a number",
                Field::CustomIdType => "CustomIdType is not a number",
                Field::FixtureTypeId => "FixtureTypeId is not a number from 0",
                _ => "the size of a mapping definition is not a number",
            };
            self.odd(Rule::ValueMalformed, line, self.current(), detail);
        }
        if field == Field::FixtureTypeId {
            return self.keep_part("FixtureTypeId", text);
        }
        if field == Field::DefinitionSize {
            return;
        }
        let Some(object) = self.current_object() else { return };
        match field {
            Field::FixtureIdNumeric => object.fixture_id_numeric = number,
            Field::UnitNumber => object.unit_number = number,
            Field::CustomId => object.custom_id = number,
            _ => object.custom_id_type = number,
        }
    }

    /// Remembers a value for comparison only.
    fn keep_part(&mut self, name: &str, text: &str) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut digest = DefaultHasher::new();
        text.hash(&mut digest);
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
        // req: MVR-BREAK-UNIQUE
        let repeated = object.addresses.windows(2).find_map(|pair| match pair {
            [one, two] if one.dmx_break == two.dmx_break => Some(one.dmx_break),
            _ => None,
        });
        let (kind, line) = (object.kind, object.line);
        let demanded: &[&str] = match kind {
            // req: MVR-REQUIRED-CHILDREN
            Kind::Fixture => &["FixtureID", "UnitNumber"],
            Kind::GroupObject => &["ChildList"],
            Kind::Support => &["Geometries", "ChainLength"],
            Kind::Projector => &["Geometries", "Projections"],
            Kind::SceneObject | Kind::FocusPoint | Kind::Truss | Kind::VideoScreen => &["Geometries"],
        };
        let missing: Vec<&str> = demanded.iter().copied().filter(|name| !object.has(name)).collect();
        let no_mode = !object.gdtf_spec.is_empty() && object.gdtf_mode.is_empty();
        if let Some(dmx_break) = repeated {
            let detail = format!("break {dmx_break} has more than one address");
            self.odd(Rule::BreakRepeated, line, Some(index), detail);
        }
        for name in missing {
            let detail = format!("{} has no {name}", kind.node_name());
            self.odd(Rule::ElementMissing, line, Some(index), detail);
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

/// Elements that only a comparison looks into.
const PARTS: [&str; 13] = [
    "CastShadow",
    "Alignments",
    "CustomCommands",
    "Overwrites",
    "Connections",
    "DMXInvertPan",
    "DMXInvertTilt",
    "ChildPosition",
    "Protocols",
    "Mappings",
    "Gobo",
    "Sources",
    "Projections",
];
