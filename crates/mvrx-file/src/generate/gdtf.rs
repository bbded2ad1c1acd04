//! Makes small but complete GDTF files: a zip with one `description.xml` that has modes, geometries and channels.

use std::fmt::Write as _;
use std::io;

use super::zip::{MemberOptions, ZipWriter};

/// One invented fixture type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixtureType {
    pub(crate) file: &'static str,
    pub(crate) name: &'static str,
    pub(crate) mode: &'static str,
    /// Channels of the fixture's own geometry.
    pub(crate) base_channels: u32,
    /// Cells that a `GeometryReference` repeats, three channels each.
    pub(crate) cells: u32,
}

impl FixtureType {
    /// DMX slots that one fixture occupies.
    pub(crate) fn footprint(&self) -> u32 {
        self.base_channels + 3 * self.cells
    }

    /// The bytes of the `.gdtf` file.
    pub(crate) fn to_bytes(self) -> io::Result<Vec<u8>> {
        let mut zip = ZipWriter::new(Vec::new());
        zip.add(b"description.xml", self.description().as_bytes(), &MemberOptions::deflate())?;
        zip.finish()
    }

    fn description(&self) -> String {
        let mut xml = String::with_capacity(8 * 1024);
        let type_id =
            uuid::Uuid::from_u128(0x6d76_7278_0000_4000_8000_0000_0000_0000 | u128::from(self.footprint()));
        let _ = write!(
            xml,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<GDTF DataVersion="1.2">
  <FixtureType Name="{name}" ShortName="{name}" LongName="Generic {name}" Manufacturer="Generic" Description="invented for tests" FixtureTypeID="{id}">
    <AttributeDefinitions>
      <FeatureGroups>
        <FeatureGroup Name="Dimmer" Pretty="Dimmer"><Feature Name="Dimmer"/></FeatureGroup>
      </FeatureGroups>
      <Attributes><Attribute Name="Dimmer" Pretty="Dim" Feature="Dimmer.Dimmer"/></Attributes>
    </AttributeDefinitions>
"#,
            name = self.name,
            id = type_id.hyphenated().to_string().to_uppercase(),
        );
        self.geometries(&mut xml);
        self.mode(&mut xml);
        xml.push_str("  </FixtureType>\n</GDTF>\n");
        xml
    }

    fn geometries(&self, xml: &mut String) {
        xml.push_str("    <Geometries>\n      <Geometry Name=\"Base\">\n");
        for cell in 0..self.cells {
            let offset = self.base_channels + 1 + 3 * cell;
            let _ = writeln!(
                xml,
                r#"        <GeometryReference Name="Cell {}" Geometry="Cell"><Break DMXBreak="1" DMXOffset="{offset}"/></GeometryReference>"#,
                cell + 1
            );
        }
        xml.push_str("      </Geometry>\n");
        if self.cells > 0 {
            xml.push_str("      <Geometry Name=\"Cell\"/>\n");
        }
        xml.push_str("    </Geometries>\n");
    }

    fn mode(&self, xml: &mut String) {
        let _ = write!(
            xml,
            "    <DMXModes>\n      <DMXMode Name=\"{}\" Geometry=\"Base\">\n        <DMXChannels>\n",
            self.mode
        );
        for channel in 1..=self.base_channels {
            push_channel(xml, "1", channel, "Base");
        }
        if self.cells > 0 {
            for channel in 1..=3 {
                push_channel(xml, "Overwrite", channel, "Cell");
            }
        }
        xml.push_str("        </DMXChannels>\n      </DMXMode>\n    </DMXModes>\n");
    }
}

fn push_channel(xml: &mut String, dmx_break: &str, offset: u32, geometry: &str) {
    let _ = writeln!(
        xml,
        r#"          <DMXChannel DMXBreak="{dmx_break}" Offset="{offset}" Highlight="None" Geometry="{geometry}"><LogicalChannel Attribute="Dimmer"><ChannelFunction Attribute="Dimmer" DMXFrom="0/1" Default="0/1"/></LogicalChannel></DMXChannel>"#
    );
}

/// The types that a generated show uses in turn.
pub(crate) const TYPES: [FixtureType; 3] = [
    FixtureType {
        file: "Generic@Wash.gdtf",
        name: "Wash",
        mode: "Standard 16ch",
        base_channels: 16,
        cells: 0,
    },
    FixtureType { file: "Generic@Spot.gdtf", name: "Spot", mode: "Extended", base_channels: 24, cells: 0 },
    FixtureType { file: "Generic@Bar_8.gdtf", name: "Bar 8", mode: "8 cells", base_channels: 2, cells: 8 },
];
