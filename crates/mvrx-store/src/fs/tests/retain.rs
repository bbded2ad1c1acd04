//! What is beyond the limits goes, by a clock that the test has in its hand; what is tagged stays.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::battery::{content, file, publish, read_all};
use crate::{Beyond, Form, Keep};

/// A clock that stands until it is told to go on.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_millis(hand.0.load(Ordering::SeqCst)))
    }

    fn go_on(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

fn keep(keep: Keep) -> Retention {
    Retention::of_each_group(keep)
}

fn numbers(store: &FsStore) -> Vec<u64> {
    store.commits().unwrap().iter().map(|stored| stored.sequence).collect()
}

// proves: STO-24
#[test]
fn commits_go_by_age_at_the_stores_own_time_and_stay_gone() {
    let disk = OnDisk::new(SystemCalls::Native);
    let hand = Hand::default();
    let open =
        || FsStore::open_with(disk.directory(), FsOptions { clock: hand.clock(), ..disk.options() }).unwrap();
    let store = open();
    for number in 1..=3 {
        publish(&store, number, &content(number.into(), 100));
        hand.go_on(10);
    }
    let old = keep(Keep { age: Some(Duration::from_secs(30)), ..Keep::default() });
    assert_eq!(store.retain(&old, &Cancel::new()).unwrap(), [], "exactly as old as allowed");
    hand.go_on(1);
    let reader = store.open(file(1)).unwrap();
    let would: Vec<u64> = store.beyond(&old).unwrap().iter().map(|going| going.stored.sequence).collect();
    let gone = store.retain(&old, &Cancel::new()).unwrap();
    assert_eq!((would.as_slice(), gone.len(), gone[0].stored.sequence), (&[1][..], 1, 1));
    assert_eq!(gone[0].beyond, Beyond::Age { allowed: Duration::from_secs(30) });
    assert_eq!(read_all(&reader), content(1, 100), "who reads it reads on");
    drop((reader, store));
    assert_eq!(numbers(&open()), [2, 3]);
}

// proves: STO-24, STO-25
#[test]
fn a_tagged_commit_stays_also_when_others_are_made_over_it_and_goes_without_its_tag() {
    let disk = OnDisk::new(SystemCalls::Native);
    let store = disk.open();
    let mut bytes = content(7, 20_000);
    for number in 1..=5 {
        bytes[usize::from(number)] ^= 1;
        publish(&store, number, &bytes);
    }
    let tags = Tags::of(disk.directory());
    tags.give("premiere", file(2)).unwrap();
    store.compact(1, &Cancel::new()).unwrap();
    let forms: Vec<Form> = store.revisions().iter().map(|revision| revision.form).collect();
    assert_eq!(forms, [Form::Recipe, Form::Recipe, Form::Recipe, Form::Recipe, Form::Whole]);
    assert!(store.revisions()[0].on_disk < 1_000 && store.revisions()[4].on_disk == 20_000);
    let one = keep(Keep { newest: Some(1), ..Keep::default() });
    store.retain(&one, &Cancel::new()).unwrap();
    assert_eq!(numbers(&store), [2, 5]);
    assert_eq!(store.open(file(2)).map(|open| read_all(&open).len()).unwrap(), 20_000);
    tags.remove("premiere").unwrap();
    assert_eq!(store.retain(&one, &Cancel::new()).unwrap().len(), 1);
    assert_eq!(numbers(&store), [5]);
    assert_eq!(store.problems(), []);
}

// proves: STO-24
#[test]
fn in_the_background_they_go_after_each_commit_and_who_listens_is_told() {
    let disk = OnDisk::new(SystemCalls::Native);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let told = Arc::clone(&told);
        HistoryListener::new(move |round| told.lock().unwrap().push(round.clone()))
    };
    let retention = keep(Keep { bytes: Some(1_500), ..Keep::default() });
    let options = FsOptions { retention, told: Some(listener), ..disk.options() };
    let store = FsStore::open_with(disk.directory(), options).unwrap();
    for number in 1..=3 {
        publish(&store, number, &content(number.into(), 500));
    }
    publish(&store, 4, &content(4, 501));
    store._background.as_ref().unwrap().wait_until(|| numbers(&store) == [3, 4]);
    drop(store);
    let told = told.lock().unwrap();
    let gone: Vec<_> = told.iter().flat_map(|round| &round.removed).collect();
    assert_eq!(gone.iter().map(|going| going.stored.sequence).collect::<Vec<_>>(), [1, 2]);
    assert!(gone.iter().all(|going| going.beyond == Beyond::Bytes { allowed: 1_500 }));
}

// proves: STO-24
#[test]
fn in_the_background_a_commit_goes_when_it_has_grown_too_old_though_nothing_else_happens() {
    let disk = OnDisk::new(SystemCalls::Native);
    let retention = keep(Keep { age: Some(Duration::from_millis(50)), ..Keep::default() });
    let store = FsStore::open_with(disk.directory(), FsOptions { retention, ..disk.options() }).unwrap();
    publish(&store, 1, b"one");
    publish(&store, 2, b"two");
    store._background.as_ref().unwrap().wait_until(|| numbers(&store) == [2]);
}

#[test]
fn whichever_operation_of_the_disk_fails_only_what_was_to_go_is_gone() {
    let one = keep(Keep { newest: Some(1), ..Keep::default() });
    for operation in 0.. {
        let disk = SimDisk::new();
        let store =
            FsStore::open_on(Arc::new(disk.clone()), Path::new("store"), FsOptions::default()).unwrap();
        for number in 1..=3 {
            publish(&store, number, &content(number.into(), 100));
        }
        let before = disk.operations();
        disk.fail(before + operation, 1, crate::battery::Failure::Broken);
        let _ = store.retain(&one, &Cancel::new());
        let reached = disk.operations() > before + operation;
        assert_eq!(numbers(&store).last(), Some(&3), "operation {operation}");
        disk.heal();
        store.retain(&one, &Cancel::new()).unwrap();
        assert_eq!(numbers(&store), [3], "operation {operation}");
        assert_eq!(read_all(&store.open(file(3)).unwrap()), content(3, 100));
        if !reached {
            assert!(operation > 8, "it took {operation} operations");
            return;
        }
    }
}

// proves: STO-29
#[test]
fn what_may_not_go_now_is_asked_for_again_and_what_may_goes_before_it() {
    let disk = OnDisk::new(SystemCalls::Native);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let may_go = {
        let asked = Arc::clone(&asked);
        MayGo::new(move |stored| {
            let mut asked = asked.lock().unwrap();
            let again = asked.contains(&stored.sequence);
            asked.push(stored.sequence);
            // The first one is needed when it is asked for first.
            again || stored.sequence != 1
        })
    };
    let retention = keep(Keep { newest: Some(1), ..Keep::default() });
    let options = FsOptions { retention, may_go: Some(may_go), ..disk.options() };
    let all_at_once = disk.open();
    for number in 1..=3 {
        publish(&all_at_once, number, &content(number.into(), 100));
    }
    drop(all_at_once);
    let store = FsStore::open_with(disk.directory(), options).unwrap();
    let background = store._background.as_ref().unwrap();
    background.wait_until(|| numbers(&store) == [1, 3]);
    background.wait_until(|| numbers(&store) == [3]);
    assert_eq!(*asked.lock().unwrap(), [1, 2, 1], "the newest is never asked for");
}
