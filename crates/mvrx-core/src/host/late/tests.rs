use super::*;

fn late(length: u64) -> Late {
    Late { expected: Some(length), hash: None }
}

fn owed(lengths: &[u64]) -> Owed {
    let mut owed = Owed::default();
    for length in lengths {
        owed.add(late(*length), 8);
    }
    owed
}

fn came(length: u64) -> Arrived {
    Arrived { length, hash: Some([1; 32]), archive: false }
}

fn archive(length: u64) -> Arrived {
    Arrived { archive: true, ..came(length) }
}

// proves: HST-14
#[test]
fn what_came_is_known_by_its_hash_then_by_its_length_then_by_its_order() {
    let (two, own) = (owed(&[100, 200]), late(300));
    assert_eq!(
        two.whose(&own, &came(300)),
        Whose::Late(0..2),
        "both late ones may have this length together"
    );
    assert_eq!(two.whose(&own, &archive(300)), Whose::Own { proven: true });
    assert_eq!(owed(&[100]).whose(&own, &came(300)), Whose::Own { proven: false });
    assert_eq!(two.whose(&own, &came(200)), Whose::Late(1..2));
    assert_eq!(two.whose(&own, &came(7)), Whose::Late(0..1));
    let told = Late { hash: Some([1; 32]), ..late(100) };
    assert_eq!(two.whose(&told, &came(100)), Whose::Own { proven: true });
    let other = Late { hash: Some([2; 32]), ..late(7) };
    assert_eq!(two.whose(&other, &came(7)), Whose::Late(0..1));
    let unknown = Late { expected: None, hash: None };
    let mut any = Owed::default();
    any.add(unknown, 8);
    assert_eq!(any.whose(&own, &archive(300)), Whose::Late(0..1), "it may be any file");
}

// proves: HST-14
#[test]
fn late_ones_and_the_newest_without_a_pause_between_them_are_seen_to_be_joined() {
    let own = late(1000);
    assert_eq!(owed(&[100, 200]).whose(&own, &came(1300)), Whose::Joined(0..2));
    assert_eq!(owed(&[100, 200]).whose(&own, &came(1200)), Whose::Joined(1..2));
    assert_eq!(owed(&[100, 200]).whose(&own, &archive(1200)), Whose::Late(0..1), "one archive is one file");
    assert_eq!(owed(&[100, 200]).whose(&own, &came(1250)), Whose::Late(0..1));
}

// proves: HST-14
#[test]
fn after_a_refusal_of_one_of_many_no_more_answers_are_waited_for_than_can_come() {
    for length in [100, 200] {
        let mut owed = owed(&[100]);
        owed.add_instead(late(200), 8);
        assert_eq!(owed.only(None), None);
        owed.read_away(&Arrived { hash: None, ..came(length) });
        assert!(owed.is_nothing() && owed.shortest(None).is_none(), "{owed:?}");
    }
    let mut refused = owed(&[100, 200]);
    refused.refused();
    assert!(!refused.is_nothing());
    refused.refused();
    refused.refused();
    assert!(refused.is_nothing());
}

#[test]
fn so_many_late_answers_are_remembered_and_no_more() {
    let mut owed = Owed::default();
    for length in 0..20 {
        owed.add(late(length), 3);
    }
    assert_eq!((owed.files.len(), owed.answers), (3, 3));
    assert_eq!((owed.shortest(None), owed.shortest(Some(late(2)))), (Some(17), Some(2)));
    owed.add(Late { expected: None, hash: None }, 3);
    assert_eq!(owed.shortest(None), None, "it may be of any length");
}
