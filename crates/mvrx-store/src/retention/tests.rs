use super::*;
use crate::battery;
use crate::revision::Form;

fn revision(number: u8, group: &str, seen: u64, on_disk: u64) -> Revision {
    let stored = StoredCommit {
        commit: battery::commit(number),
        sequence: number.into(),
        seen: at(seen),
        hash: [number; 32],
        length: 10 * on_disk,
        group: group.to_owned(),
    };
    Revision { stored, on_disk, form: Form::Whole, withdrawn: false }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Seen at second 10, 20, …, 100 bytes each.
fn five() -> Vec<Revision> {
    (1..=5).map(|number| revision(number, "Default", u64::from(number) * 10, 100)).collect()
}

fn gone(keep: Keep, revisions: Vec<Revision>, tagged: &[u8], now: u64) -> Vec<u64> {
    plan(&Retention::of_each_group(keep), revisions, tagged, now)
}

fn plan(retention: &Retention, revisions: Vec<Revision>, tagged: &[u8], now: u64) -> Vec<u64> {
    let tagged = tagged.iter().map(|number| battery::file(*number)).collect();
    retention.plan(revisions, &tagged, at(now)).iter().map(|going| going.stored.sequence).collect()
}

// proves: STO-24
#[test]
fn exactly_as_many_stay_as_are_allowed() {
    let newest = |number| Keep { newest: Some(number), ..Keep::default() };
    assert_eq!(gone(newest(5), five(), &[], 60), NONE);
    assert_eq!(gone(newest(4), five(), &[], 60), [1]);
    assert_eq!(gone(newest(1), five(), &[], 60), [1, 2, 3, 4]);
    assert_eq!(gone(newest(0), five(), &[], 60), [1, 2, 3, 4], "the newest one stays whatever is said");
    assert_eq!(gone(Keep::default(), five(), &[], u64::MAX >> 20), NONE);
}

// proves: STO-24
#[test]
fn what_is_exactly_as_old_as_allowed_stays_and_what_is_older_goes() {
    let age = |seconds| Keep { age: Some(Duration::from_secs(seconds)), ..Keep::default() };
    assert_eq!(gone(age(50), five(), &[], 60), NONE);
    assert_eq!(gone(age(49), five(), &[], 60), [1]);
    assert_eq!(gone(age(50), five(), &[], 61), [1]);
    assert_eq!(gone(age(1), five(), &[], 9_999), [1, 2, 3, 4], "the newest one never grows too old");
    assert_eq!(gone(age(0), five(), &[], 0), NONE, "a clock that went back makes nothing old");
}

// proves: STO-24
#[test]
fn the_newest_that_fit_the_bytes_stay_and_nothing_older_than_what_does_not_fit() {
    let bytes = |bytes| Keep { bytes: Some(bytes), ..Keep::default() };
    assert_eq!(gone(bytes(500), five(), &[], 60), NONE);
    assert_eq!(gone(bytes(499), five(), &[], 60), [1]);
    assert_eq!(gone(bytes(0), five(), &[], 60), [1, 2, 3, 4]);
    let mut one_is_large = five();
    one_is_large[2].on_disk = 1_000;
    assert_eq!(gone(bytes(400), one_is_large, &[], 60), [1, 2, 3], "no gap in the middle");
}

// proves: STO-24
#[test]
fn tagged_ones_and_those_of_a_spared_station_stay_and_do_not_count() {
    let keep = Keep { newest: Some(2), ..Keep::default() };
    assert_eq!(gone(keep, five(), &[1], 60), [2, 3]);
    assert_eq!(gone(keep, five(), &[4], 60), [1, 2], "four is above the two");
    let spare = five()[2].stored.commit.station;
    assert!(spare.is_some());
    let retention = Retention { spare, ..Retention::of_each_group(keep) };
    assert_eq!(plan(&retention, five(), &[], 60), [1, 2]);
    // What was withdrawn is spared as little as others'; a tag keeps it.
    let mut withdrawn = five();
    withdrawn[0].withdrawn = true;
    let ours = Retention { spare, ..Retention::of_each_group(keep) };
    withdrawn.iter_mut().for_each(|revision| revision.stored.commit.station = spare);
    assert_eq!(plan(&ours, withdrawn.clone(), &[], 60), NONE);
    let one = Retention { spare, ..Retention::of_each_group(Keep { newest: Some(1), ..keep }) };
    assert_eq!(plan(&one, withdrawn.clone(), &[], 60), [1]);
    assert_eq!(plan(&one, withdrawn, &[1], 60), NONE);
    // One without a station is nobody's, also where nobody is spared.
    let mut nobodys = five();
    nobodys[0].stored.commit.station = None;
    assert_eq!(gone(keep, nobodys, &[], 60), [1, 2, 3]);
}

// proves: STO-24
#[test]
fn what_was_withdrawn_takes_no_place_of_another_and_goes_first() {
    let newest = |number| Keep { newest: Some(number), ..Keep::default() };
    let mut revisions = five();
    revisions[3].withdrawn = true;
    assert_eq!(gone(newest(5), revisions.clone(), &[], 60), NONE);
    assert_eq!(gone(newest(4), revisions.clone(), &[], 60), [4]);
    assert_eq!(gone(newest(3), revisions.clone(), &[], 60), [1, 4], "the oldest first");
    assert_eq!(gone(newest(0), revisions.clone(), &[], 60), [1, 2, 3, 4]);
    let bytes = |bytes| Keep { bytes: Some(bytes), ..Keep::default() };
    assert_eq!(gone(bytes(500), revisions.clone(), &[], 60), NONE);
    assert_eq!(gone(bytes(499), revisions.clone(), &[], 60), [4]);
    assert_eq!(gone(bytes(399), revisions.clone(), &[], 60), [1, 4]);
    // It grows old as any other, and a tag keeps it.
    let age = Keep { age: Some(Duration::from_secs(20)), ..Keep::default() };
    assert_eq!(gone(age, revisions.clone(), &[], 60), [1, 2, 3]);
    assert_eq!(gone(age, revisions.clone(), &[], 61), [1, 2, 3, 4]);
    assert_eq!(gone(newest(3), revisions.clone(), &[4], 60), [1]);
    // Where all were withdrawn, the newest of them stay.
    revisions.iter_mut().for_each(|revision| revision.withdrawn = true);
    assert_eq!(gone(newest(2), revisions, &[], 60), [1, 2, 3]);
}

// proves: STO-24
#[test]
fn each_group_is_counted_by_itself_and_may_have_limits_of_its_own() {
    let mut revisions = five();
    revisions.extend((6..=8).map(|number| revision(number, "Tour", 10, 100)));
    let one = Keep { newest: Some(1), ..Keep::default() };
    let retention = Retention::of_each_group(one);
    assert_eq!(plan(&retention, revisions.clone(), &[], 60), [1, 2, 3, 4, 6, 7]);
    let groups = BTreeMap::from([("Tour".to_owned(), Keep::default())]);
    let retention = Retention { groups, ..retention };
    assert!(!retention.is_everything());
    assert_eq!(plan(&retention, revisions.clone(), &[], 60), [1, 2, 3, 4]);
    let groups = BTreeMap::from([("Tour".to_owned(), one)]);
    let retention = Retention { groups, ..Retention::default() };
    assert!(!retention.is_everything());
    assert_eq!(plan(&retention, revisions, &[], 60), [6, 7]);
}

#[test]
fn the_order_of_all_tells_what_is_newest_where_each_has_a_place_in_it() {
    let keep = Keep { newest: Some(1), ..Keep::default() };
    let mut revisions = five();
    for (revision, order) in revisions.iter_mut().zip([50, 40, 30, 20, 10]) {
        revision.stored.commit.order = Some(order);
    }
    assert_eq!(gone(keep, revisions.clone(), &[], 60), [5, 4, 3, 2]);
    revisions[0].stored.commit.order = None;
    assert_eq!(gone(keep, revisions, &[], 60), [1, 2, 3, 4], "as before there was an order");
}

const NONE: [u64; 0] = [];
