use proptest::prelude::*;

use super::*;

const UUID: &str = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";

fn parse(pairs: &[(&str, &[u8])]) -> (Txt, Vec<Quirk>) {
    let (txt, quirks) = Txt::parse(pairs.iter().copied());
    (txt, quirks.iter().collect())
}

// proves: MSG-TXT
#[test]
fn reads_the_records_that_products_publish() {
    let (txt, quirks) = parse(&[
        ("StationUUID", b"4AA291A1-1A62-45FE-AABC-E90E5E2399A8"),
        ("StationName", b"BlenderDMX_station_hostA"),
    ]);
    assert_eq!(txt.station, Some(UUID.parse().unwrap()));
    assert_eq!(txt.station_name.as_deref(), Some("BlenderDMX_station_hostA"));
    assert_eq!((txt.ours, quirks), (None, vec![Quirk::UuidUpperCase]));

    let (txt, quirks) =
        parse(&[("Provider", b"x"), ("stationuuid", UUID.as_bytes()), ("VersionMajor", b"1")]);
    assert_eq!((txt.station_name, txt.station), (None, Some(UUID.parse().unwrap())));
    assert_eq!(quirks, [Quirk::StationNameMissing]);
}

// proves: MSG-TXT
#[test]
fn reads_a_record_that_is_wrong_as_far_as_it_goes() {
    for (uuid, quirk) in [
        (&b""[..], Quirk::UuidEmpty),
        (b"00000000-0000-0000-0000-000000000000", Quirk::UuidNil),
        (b"me", Quirk::UuidUnreadable),
        (b"\xff\xfe", Quirk::UuidUnreadable),
    ] {
        let (txt, quirks) = parse(&[("StationName", b"N"), ("StationUUID", uuid), ("mvrx", b"x")]);
        assert_eq!((txt.station, txt.ours), (None, None));
        assert_eq!(quirks, [Quirk::StationUuidMissing, quirk, Quirk::MvrxObjectUnreadable]);
    }
    let (txt, _) = parse(&[("StationName", b"B\xfchne"), ("StationName", b"second")]);
    assert_eq!(txt.station_name.as_deref(), Some("B\u{fffd}hne"));
}

// proves: MSG-TXT
#[test]
fn writes_strings_that_fit_a_record() {
    let station = UUID.parse().unwrap();
    let pairs = Txt::new(&"é".repeat(200), station).to_pairs();
    assert_eq!(pairs.len(), 3);
    assert_eq!(pairs[0].1, "é".repeat(121));
    assert_eq!(pairs[1], ("StationUUID", UUID.to_owned()));
    for (key, value) in pairs {
        assert!(key.len() + 1 + value.len() <= 255, "{key}");
    }
}

proptest! {
    // proves: MSG-TXT
    #[test]
    fn reads_back_what_it_writes(name in "\\S(.{0,50}\\S)?", id in 1..u128::MAX) {
        let name: String = name.trim().chars().filter(|c| *c != '\u{fffd}').take(60).collect();
        prop_assume!(!name.trim().is_empty() && name.trim() == name);
        let txt = Txt::new(&name, StationUuid::from_bytes(id.to_be_bytes()).unwrap());
        prop_assert_eq!(Txt::parse(txt.to_pairs()), (txt, QuirkSet::EMPTY));
    }

    #[test]
    fn reads_any_record_without_panic(
        pairs in prop::collection::vec((prop::sample::select(vec!["StationName", "StationUUID", "mvrx", ""]), any::<Vec<u8>>()), 0..8)
    ) {
        let _ = Txt::parse(pairs);
    }
}

// proves: ELE-01
#[test]
fn a_candidate_has_one_key_more() {
    let candidate = Candidate { priority: 3, port: 42_481 };
    let station = StationUuid::from_random_bytes([7; 16]);
    let txt = Txt::new("FOH", station).with_candidate(Some(candidate));
    let pairs = txt.to_pairs();
    assert_eq!(pairs.last().map(|(key, value)| (*key, value.as_str())), Some(("mvrx-host", "3:42481")));
    assert_eq!(Txt::parse(pairs).0, txt);
    assert_eq!(Txt::parse([("mvrx", &b"1"[..]), ("mvrx-host", b"x")]).0.ours, Some(Ours::CURRENT));
}
