use super::*;

fn modes(geometries: &str, channels: &str) -> Vec<BreakFootprint> {
    let xml = format!(
        r#"<GDTF DataVersion="1.2"><FixtureType Name="T" Manufacturer="M"><Geometries>{geometries}</Geometries>
        <DMXModes><DMXMode Name="One" Geometry="Base"><DMXChannels>{channels}</DMXChannels></DMXMode></DMXModes></FixtureType></GDTF>"#
    );
    let gdtf = Gdtf::of_description(xml.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((gdtf.name.as_str(), gdtf.manufacturer.as_str()), ("T", "M"));
    gdtf.mode("One").unwrap().footprint.clone()
}

fn footprint(parts: &[(u32, u32)]) -> Vec<BreakFootprint> {
    parts.iter().map(|(dmx_break, slots)| BreakFootprint { dmx_break: *dmx_break, slots: *slots }).collect()
}

#[test]
fn footprint_is_the_largest_offset_of_each_break() {
    let channels = r#"<DMXChannel DMXBreak="1" Offset="1,2" Geometry="Base"/><DMXChannel DMXBreak="1" Offset="7" Geometry="Base"/>
        <DMXChannel DMXBreak="2" Offset="3" Geometry="Base"/><DMXChannel DMXBreak="1" Offset="None" Geometry="Base"/>"#;
    assert_eq!(modes(r#"<Geometry Name="Base"/>"#, channels), footprint(&[(0, 7), (1, 3)]));
    assert_eq!(modes(r#"<Geometry Name="Base"/>"#, ""), []);
    assert_eq!(modes("", r#"<DMXChannel Offset="4" Geometry="Unknown"/>"#), footprint(&[(0, 4)]));
}

#[test]
fn repeated_geometries_count_at_each_offset() {
    let geometries = r#"<Geometry Name="Base"><Axis Name="Yoke">
        <GeometryReference Name="A" Geometry="Pixel"><Break DMXBreak="1" DMXOffset="11"/></GeometryReference>
        <GeometryReference Name="B" Geometry="Pixel"><Break DMXBreak="1" DMXOffset="14"/></GeometryReference></Axis></Geometry>
        <Beam Name="Pixel"/>"#;
    let numbered = r#"<DMXChannel DMXBreak="1" Offset="3" Geometry="Pixel"/><DMXChannel DMXBreak="1" Offset="5" Geometry="Base"/>"#;
    assert_eq!(modes(geometries, numbered), footprint(&[(0, 16)]));
}

// proves: MVR-GDTF-OVERWRITE
#[test]
fn overwritten_breaks_take_the_last_break_of_the_reference() {
    let geometries = r#"<Geometry Name="Base"><GeometryReference Name="A" Geometry="Pixel">
        <Break DMXBreak="1" DMXOffset="4"/><Break DMXBreak="2" DMXOffset="10"/></GeometryReference></Geometry><Geometry Name="Pixel"/>"#;
    let overwritten = r#"<DMXChannel DMXBreak="Overwrite" Offset="3" Geometry="Pixel"/>"#;
    assert_eq!(modes(geometries, overwritten), footprint(&[(1, 12)]));
}

// proves: MVR-LIMIT-GDTF
#[test]
fn geometries_that_contain_themselves_are_refused() {
    let read = |geometries: &str, modes: usize| {
        let mode = r#"<DMXMode Name="One" Geometry="Base"><DMXChannels><DMXChannel DMXBreak="1" Offset="1" Geometry="Base"/></DMXChannels></DMXMode>"#.repeat(modes);
        let xml = format!(
            "<GDTF><FixtureType Name=\"T\"><Geometries>{geometries}</Geometries><DMXModes>{mode}</DMXModes></FixtureType></GDTF>"
        );
        Gdtf::of_description(xml.as_bytes(), &Limits::default())
    };
    let refer = |to: &str| {
        format!(
            r#"<GeometryReference Name="to {to}" Geometry="{to}"><Break DMXBreak="1" DMXOffset="9"/></GeometryReference>"#
        )
    };
    for cyclic in [
        format!(r#"<Geometry Name="Base">{}</Geometry>"#, refer("Base").repeat(50)),
        format!(
            r#"<Geometry Name="Base">{}</Geometry><Geometry Name="Other">{}</Geometry>"#,
            refer("Other"),
            refer("Base")
        ),
    ] {
        assert_eq!(read(&cyclic, 1).unwrap_err(), "its geometries refer to themselves, or too deeply");
    }
    // Not a circle, but every level eight times as many, and many modes.
    let level = |name: u32, next: u32| {
        format!(r#"<Geometry Name="{name}">{}</Geometry>"#, refer(&next.to_string()).repeat(8))
    };
    let flood: String =
        (0..8).map(|name| level(name, name + 1)).collect::<String>().replace("Name=\"0\"", "Name=\"Base\"");
    assert!(read(&flood, 1000).is_err());
    let wall = format!(
        r#"<Geometry Name="Base">{}</Geometry><Geometry Name="Pixel"/>"#,
        refer("Pixel").repeat(5000)
    );
    assert!(read(&wall, 3).is_ok());
}

#[test]
fn generated_types_have_the_footprint_they_claim() {
    // Stored, the GDTF is read in place; packed, it is unpacked first.
    for deflate in [false, true] {
        let bytes = crate::generate::Recipe::new(1).deflate(deflate).to_bytes();
        let archive = Archive::open(Cursor::new(bytes), &Limits::default()).unwrap();
        let place = archive.members().iter().position(|member| member.name == "Generic@Bar_8.gdtf").unwrap();
        let gdtf = Gdtf::read(&archive, place, &Limits::default()).unwrap();
        assert_eq!(gdtf.mode("8 cells").unwrap().footprint, footprint(&[(0, 26)]), "deflate {deflate}");
    }
}
