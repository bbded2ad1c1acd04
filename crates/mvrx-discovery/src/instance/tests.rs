use mvrx_message::GroupName;
use proptest::prelude::*;

use super::*;
use crate::{Advertisement, DiscoveryError};

fn read(instance: &str) -> (String, Option<String>, InstanceShape) {
    let name = InstanceName::read(&format!("{instance}._mvrxchange._tcp.local.")).unwrap();
    (name.group, name.station, name.shape)
}

fn advertisement(name: &str, group: &str) -> Advertisement {
    let station = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse().unwrap();
    Advertisement::new(GroupName::join(group).unwrap(), station, name, 42424)
}

// proves: DIS-GROUP, DIS-SHAPES
#[test]
fn reads_the_group_from_the_shape_of_every_product() {
    use InstanceShape::{GroupOnly, StationAtGroup, StationDotGroup};
    type Row = (&'static str, &'static [&'static str], &'static str, Option<&'static str>, InstanceShape);
    let table: &[Row] = &[
        ("libMVRgdtf, BlenderDMX, mvr-gdtf", &["Default"], "Default", None, GroupOnly),
        ("MVR4J", &["JavaStation", "Default"], "Default", Some("JavaStation"), StationDotGroup),
        ("Perastage, DMXRouter", &["Desk 1", "Default"], "Default", Some("Desk 1"), StationDotGroup),
        ("mdns-sd, we", &["Ours.Default"], "Default", Some("Ours"), StationDotGroup),
        ("an escape sent as it is", &["Ours\\.Default"], "Default", Some("Ours"), StationDotGroup),
        ("Peraviz", &["Peraviz@Default"], "Default", Some("Peraviz"), StationAtGroup),
        (
            "Peraviz on a host with a domain",
            &["desk.lan@Default"],
            "Default",
            Some("desk.lan"),
            StationAtGroup,
        ),
        ("the-pult, base registration", &["Pult"], "Pult", None, GroupOnly),
        ("the-pult, group registration", &["Pult", "Default"], "Default", Some("Pult"), StationDotGroup),
        ("a station with dots", &["FOH", "left", "Default"], "Default", Some("FOH.left"), StationDotGroup),
        ("a renamed double", &["Default (2)"], "Default (2)", None, GroupOnly),
        ("no station before the dot", &["", "Default"], "Default", None, StationDotGroup),
        (
            "BlenderDMX's SRV target",
            &["BlenderDMX_station_h", "Default"],
            "Default",
            Some("BlenderDMX_station_h"),
            StationDotGroup,
        ),
        ("we, a dot in the group", &["Desk", "Hall 1.2"], "Hall 1.2", Some("Desk"), StationDotGroup),
        ("we, an @ in the group", &["Desk", "a@b"], "a@b", Some("Desk"), StationDotGroup),
        ("we, an escape in the group", &["Desk", "a\\.b"], "a\\.b", Some("Desk"), StationDotGroup),
        ("we, a group of dots", &["Desk", ".."], "..", Some("Desk"), StationDotGroup),
        ("we, a dot at the end", &["Desk", "x."], "x.", Some("Desk"), StationDotGroup),
    ];
    for (who, labels, group, station, shape) in table {
        let whole = labels.iter().chain(&["_mvrxchange", "_tcp", "local"]);
        let name = InstanceName::from_labels(whole).unwrap();
        let expected =
            InstanceName { group: (*group).into(), station: station.map(str::to_owned), shape: *shape };
        assert_eq!(name, expected, "{who}");
    }
}

#[test]
fn keeps_groups_of_any_utf8_as_they_are() {
    for group in
        ["Bühne", "舞台", "Main Stage", "default", "DEFAULT", "a\\b", "-", "🎭 1", "x (2)", &"ü".repeat(31)]
    {
        assert_eq!(read(group).0, group);
        assert_eq!(read(&format!("Desk.{group}")).0, group);
        assert_eq!(read(&format!("Desk@{group}")).0, group);
    }
}

#[test]
fn takes_the_service_type_in_any_case_and_without_the_final_dot() {
    for owner in ["Default._mvrxchange._tcp.local", "Default._MVRxchange._TCP.Local."] {
        assert_eq!(InstanceName::read(owner).unwrap().group, "Default");
    }
}

#[test]
fn rejects_names_without_a_group_or_of_another_service() {
    use InstanceNameError::{NoGroup, NotUtf8, OtherServiceType};
    for (owner, error) in [
        ("", OtherServiceType),
        ("Default._osc._udp.local.", OtherServiceType),
        ("Default_mvrxchange._tcp.local.", OtherServiceType),
        ("é", OtherServiceType),
        ("_mvrxchange._tcp.local.", NoGroup),
        ("Desk.._mvrxchange._tcp.local.", NoGroup),
        ("Desk@._mvrxchange._tcp.local.", NoGroup),
    ] {
        assert_eq!(InstanceName::read(owner), Err(error), "{owner}");
    }
    let labels: [&[u8]; 4] = [b"\xff", b"_mvrxchange", b"_tcp", b"local"];
    assert_eq!(InstanceName::from_labels(labels), Err(NotUtf8));
}

// proves: DIS-ONE-LABEL, DIS-TXT, DIS-HOST
#[test]
fn announces_station_dot_group_with_the_uuid_as_host() {
    let announced = Announced::of(&advertisement("FOH desk", "Default")).unwrap();
    assert_eq!(announced.instance, "FOH desk.Default");
    assert_eq!(announced.station_label, "FOH desk");
    assert_eq!(announced.host, "4aa291a1-1a62-45fe-aabc-e90e5e2399a8");
    assert_eq!(announced.txt[0], ("StationName", "FOH desk".to_owned()));
    assert_eq!(announced.txt[1], ("StationUUID", "4aa291a1-1a62-45fe-aabc-e90e5e2399a8".to_owned()));
}

#[test]
fn replaces_in_the_station_label_what_a_reader_takes_for_a_separator() {
    for (name, label) in [
        ("FOH 1.2", "FOH 1-2"),
        ("me@home", "me-home"),
        ("a\\b", "a-b"),
        ("tab\there", "tab-here"),
        ("  spaces  ", "spaces"),
        ("", "Station"),
        (" . ", "-"),
    ] {
        let announced = Announced::of(&advertisement(name, "Default")).unwrap();
        assert_eq!(announced.station_label, label);
        assert_eq!(announced.txt[0].1, name, "the TXT record tells the name as it is");
    }
}

#[test]
fn clamps_the_label_to_63_bytes_and_keeps_the_group_whole() {
    let group = "g".repeat(LONGEST_GROUP);
    assert_eq!(Announced::of(&advertisement("Desk", &group)).unwrap().instance, format!("D.{group}"));
    let announced = Announced::of(&advertisement(&"ü".repeat(100), "Default")).unwrap();
    assert_eq!(announced.station_label, "ü".repeat(27), "55 bytes of room hold 27 characters of two bytes");
    let announced = Announced::of(&advertisement(&"x".repeat(100), "Default")).unwrap();
    assert_eq!(announced.instance.len(), LABEL_BYTES);
}

#[test]
fn rejects_a_group_that_leaves_no_room_for_a_station() {
    let group = "g".repeat(LONGEST_GROUP + 1);
    let error = DiscoveryError::GroupLeavesNoRoomForStation { bytes: 62, max: 61 };
    assert_eq!(Announced::of(&advertisement("Desk", &group)), Err(error));
}

// proves: DIS-GROUP-UNREADABLE
#[test]
fn a_group_with_a_separator_in_it_is_whole_as_a_label_of_its_own_and_its_last_part_in_one_label() {
    use InstanceShape::{StationAtGroup, StationDotGroup};
    let whole = |labels: &[&str]| {
        let all = labels.iter().chain(&["_mvrxchange", "_tcp", "local"]);
        let name = InstanceName::from_labels(all).unwrap();
        (name.group, name.station.unwrap_or_default(), name.shape)
    };
    let read = |group: &str, station: &str, shape| (group.to_owned(), station.to_owned(), shape);
    for (labels, expected) in [
        (&["my.group"][..], read("group", "my", StationDotGroup)),
        (&["Desk", "my.group"], read("my.group", "Desk", StationDotGroup)),
        (&["Desk.my.group"], read("group", "Desk.my", StationDotGroup)),
        (&["Desk\\.my\\.group"], read("group", "Desk.my", StationDotGroup)),
        (&["Desk@my.group"], read("group", "Desk@my", StationDotGroup)),
        (&["a@b"], read("b", "a", StationAtGroup)),
        (&["Desk", "a@b"], read("a@b", "Desk", StationDotGroup)),
        (&["Desk.a@b"], read("b", "Desk.a", StationAtGroup)),
        (&["Desk@a@b"], read("b", "Desk@a", StationAtGroup)),
    ] {
        assert_eq!(whole(labels), expected, "{labels:?}");
    }
    for (group, read_as) in [("my.group", "group"), ("a@b", "b"), ("a\\.b", "b"), ("x.", "")] {
        let error = DiscoveryError::GroupReadAsAnother { group: group.into(), read_as: read_as.into() };
        assert_eq!(check_group(&GroupName::join(group).unwrap()), Err(error));
    }
    for group in ["Default", "Tour 2026", "Bühne", "a\\b", "-"] {
        assert_eq!(check_group(&GroupName::join(group).unwrap()), Ok(()));
    }
}

#[test]
fn rejects_a_group_that_others_would_read_as_another() {
    for (group, read_as) in [("my.group", "group"), ("a@b", "b"), ("a\\.b", "b")] {
        let error = DiscoveryError::GroupReadAsAnother { group: group.into(), read_as: read_as.into() };
        assert_eq!(Announced::of(&advertisement("Desk", group)), Err(error), "in one label");
        assert_eq!(
            Announced::two_labels(&advertisement("Desk", group)).unwrap().instance,
            format!("Desk.{group}")
        );
    }
}

#[test]
fn rejects_port_zero() {
    let mut advertisement = advertisement("Desk", "Default");
    advertisement.port = 0;
    assert_eq!(Announced::of(&advertisement), Err(DiscoveryError::PortIsZero));
}

#[test]
fn cuts_txt_strings_at_255_bytes() {
    let announced = Announced::of(&advertisement(&"n".repeat(1000), "Default")).unwrap();
    for (key, value) in announced.txt {
        assert!(key.len() + 1 + value.len() <= 255, "{key}");
    }
}

// proves: DIS-NAMESAKE
#[test]
fn two_namesakes_that_both_give_way_get_different_names() {
    let beside = |uuid: &str, group: &str| {
        let station = uuid.parse().unwrap();
        let advertisement = Advertisement::new(GroupName::join(group).unwrap(), station, "Desk", 42424);
        Announced::beside_namesake(&advertisement).unwrap().station_label
    };
    let one = beside("4aa291a1-1a62-45fe-aabc-e90e5e2399a8", "Default");
    assert_eq!((one.len(), one.starts_with("Desk-")), (13, true), "{one}");
    for other in ["4aa291a0-1a62-45fe-aabc-e90e5e2399a8", "4aa291a1-1a62-45fe-aabc-e90e5e2399a9"] {
        assert_ne!(one, beside(other, "Default"), "wherever they differ");
    }
    let long = beside("4aa291a1-1a62-45fe-aabc-e90e5e2399a8", &"g".repeat(LONGEST_GROUP - 4));
    assert_eq!(
        (long.len(), one.ends_with(&long)),
        (5, false),
        "{long}: digits alone, as many as there is room for"
    );
}

proptest! {
    #[test]
    fn whatever_is_announced_fits_a_label_and_is_read_back(name in "\\PC{0,80}", group in "[A-Za-z0-9_-]{1,61}") {
        let advertisement = advertisement(&name, &group);
        for announced in [Announced::of(&advertisement), Announced::beside_namesake(&advertisement)] {
            let announced = announced.unwrap();
            prop_assert!(announced.instance.len() <= LABEL_BYTES);
            prop_assert!(!announced.station_label.is_empty());
            let (read_group, station, _) = read(&announced.instance);
            prop_assert_eq!(read_group, group.clone());
            prop_assert_eq!(station, Some(announced.station_label));
        }
    }

    #[test]
    fn no_name_makes_the_reader_panic(owner in "(\\PC|[.@\\\\]){0,40}(\\._mvrxchange\\._tcp\\.local\\.)?") {
        let _ = InstanceName::read(&owner);
    }
}
