use proptest::prelude::*;

use super::*;

fn from_service(name: &str) -> Result<String, GroupNameError> {
    GroupName::from_service_name(name).map(|group| group.0)
}

// proves: MSG-GROUP
#[test]
fn reads_the_group_of_every_shape_of_service_name() {
    for (name, group) in [
        ("fancyProjectGroup._mvrxchange._tcp.local.", "fancyProjectGroup"),
        ("Default._mvrxchange._tcp.local", "Default"),
        ("Default._MVRxchange._TCP.Local.", "Default"),
        (" a._mvrxchange._tcp.local.", " a"),
        ("Desk.Default._mvrxchange._tcp.local.", "Default"),
        ("Stage 2._mvrxchange._tcp.local.", "Stage 2"),
        (r"a\.b._mvrxchange._tcp.local.", "a.b"),
        (r"Stage\0322._mvrxchange._tcp.local.", "Stage 2"),
        (r"B\195\188hne._mvrxchange._tcp.local.", "Bühne"),
        (r"a\\._mvrxchange._tcp.local.", r"a\"),
        ("Default", "Default"),
        ("Default.", "Default"),
        ("a.b", "a.b"),
    ] {
        assert_eq!(from_service(name).as_deref(), Ok(group), "{name}");
    }
}

// proves: MSG-GROUP
#[test]
fn refuses_service_names_without_a_group() {
    for name in ["", ".", "_mvrxchange._tcp.local.", "._mvrxchange._tcp.local.", "\\"] {
        assert_eq!(from_service(name), Err(GroupNameError::Empty), "{name}");
    }
    assert_eq!(from_service(r"\255._mvrxchange._tcp.local."), Err(GroupNameError::NotUtf8));
}

// proves: MSG-GROUP
#[test]
fn joins_any_label_of_63_bytes_and_none_of_64() {
    let label = "é".repeat(31) + "x";
    assert_eq!(GroupName::join(&label).unwrap().as_str(), label);
    assert_eq!(
        GroupName::join(&(label + "x")),
        Err(GroupNameError::LongerThanLabel { bytes: 64, allowed: 63 })
    );
    assert_eq!(GroupName::join(""), Err(GroupNameError::Empty));
}

// proves: MSG-GROUP
#[test]
fn creates_only_groups_that_every_product_keeps() {
    assert!(GroupName::create("Main_Stage-2").is_ok());
    assert_eq!(
        GroupName::create("Main Stage"),
        Err(GroupNameError::CharacterNotKeptByAll { character: ' ' })
    );
    assert_eq!(GroupName::create("a.b"), Err(GroupNameError::CharacterNotKeptByAll { character: '.' }));
    assert_eq!(GroupName::create("Bühne"), Err(GroupNameError::CharacterNotKeptByAll { character: 'ü' }));
    assert_eq!(GroupName::create(""), Err(GroupNameError::Empty));
    assert!(GroupName::create(&"a".repeat(64)).is_err());
}

#[test]
fn tells_groups_apart_by_capitals() {
    assert_ne!(GroupName::join("default"), GroupName::join("Default"));
}

proptest! {
    // proves: MSG-GROUP
    #[test]
    fn writes_service_names_that_read_back_as_the_same_group(name in "\\PC{1,15}") {
        if let Ok(group) = GroupName::join(&name) {
            prop_assert_eq!(GroupName::from_service_name(&group.service_name()), Ok(group));
        }
    }

    #[test]
    fn reads_any_text_as_a_service_name_without_panic(name in any::<String>()) {
        let _ = GroupName::from_service_name(&name);
    }
}
