use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::battery::{SimDisk, commit, content, file};
use crate::disk::Disk;
use crate::{Clock, Expect, FsOptions, FsStore, Limits, MemStore, PartOf, Store, Wait, WriteError};

fn of(bytes: &[u8], n: u8) -> PartOf {
    PartOf { file: file(n), length: bytes.len() as u64, hash: *blake3::hash(bytes).as_bytes() }
}

struct Desk {
    disk: Arc<SimDisk>,
    limits: Limits,
    now: Arc<Mutex<SystemTime>>,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)));
        Self { disk: Arc::new(SimDisk::default()), limits, now }
    }

    fn store(&self) -> FsStore {
        let now = Arc::clone(&self.now);
        let clock = Clock::new(move || *now.lock().unwrap());
        let options = FsOptions { limits: self.limits, clock, ..FsOptions::default() };
        FsStore::open_on(Arc::<SimDisk>::clone(&self.disk), Path::new("/store"), options).unwrap()
    }

    fn later(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
    }

    fn names(&self) -> usize {
        let all = self.disk.list(Path::new("/store/commits")).unwrap();
        all.iter().filter(|entry| entry.name.starts_with("partial-")).count()
    }
}

fn send(store: &dyn Store, of: &PartOf, bytes: &[u8], (from, to): (usize, usize)) {
    let mut writer = store.begin_part(of, from as u64).unwrap();
    writer.write(&bytes[from..to]).unwrap();
    assert_eq!(writer.received(), to as u64);
}

fn finish(store: &dyn Store, of: &PartOf, bytes: &[u8], from: usize) -> [u8; 32] {
    let mut writer = store.begin_part(of, from as u64).unwrap();
    let reader = writer.reader().unwrap();
    let mut first = [0; 1];
    if from > 0 {
        reader.read_at(0, &mut first, &Wait::idle_at_most(Duration::ZERO)).unwrap();
        assert_eq!(first[0], bytes[0], "what is kept is read at once");
    }
    writer.write(&bytes[from..]).unwrap();
    let pending = writer.finish().unwrap();
    let hash = pending.hash();
    pending.publish(&commit(of.file.to_bytes()[0]), "Default").unwrap();
    hash
}

// proves: STO-20
#[test]
fn a_file_that_breaks_off_again_and_again_is_gone_on_with_to_its_end() {
    let desk = Desk::new(Limits::default());
    for (store, n) in [(Arc::new(desk.store()) as Arc<dyn Store>, 1_u8), (Arc::new(MemStore::new()), 2)] {
        let bytes = content(n.into(), 6_000_000);
        let of = of(&bytes, n);
        assert_eq!(store.part(&of), 0);
        let mut at = 0;
        for to in [1, 2, 262_143, 262_144, 262_145, 1_000_000, 5_000_000, 5_999_999] {
            send(&*store, &of, &bytes, (at, to));
            assert_eq!(store.part(&of), to as u64);
            at = to;
        }
        // Behind less than what is kept, which a station may choose.
        send(&*store, &of, &bytes, (700_001, 900_000));
        assert_eq!(store.part(&of), 900_000);
        assert_eq!(finish(&*store, &of, &bytes, 900_000), of.hash);
        assert_eq!(store.part(&of), 0);
        let stored = store.open(file(n)).unwrap();
        let mut found = vec![0; bytes.len()];
        let mut have = 0;
        while have < found.len() {
            have += stored.read_at(have as u64, &mut found[have..], &Wait::until_settled()).unwrap();
        }
        assert!(found == bytes);
    }
    assert_eq!(desk.names(), 0);
}

// proves: STO-20
#[test]
fn a_part_outlives_a_restart_and_another_identity_is_another_part() {
    let desk = Desk::new(Limits::default());
    let bytes = content(1, 300_000);
    let of = of(&bytes, 1);
    send(&desk.store(), &of, &bytes, (0, 200_000));
    let store = desk.store();
    assert_eq!(store.part(&of), 200_000);
    for other in [
        PartOf { file: file(2), ..of },
        PartOf { length: of.length + 1, ..of },
        PartOf { hash: [0; 32], ..of },
    ] {
        assert_eq!(store.part(&other), 0);
    }
    assert!(store.commits().unwrap().is_empty() && store.problems().is_empty());
    assert_eq!(finish(&store, &of, &bytes, 200_000), of.hash);
}

// proves: STO-20
#[test]
fn edges_of_what_is_there_are_refused_by_name() {
    let desk = Desk::new(Limits::default());
    let store = desk.store();
    let bytes = content(1, 1_000);
    let of = of(&bytes, 1);
    let refused = |from, found| {
        let error = store.begin_part(&of, from).unwrap_err();
        assert_eq!(error, WriteError::PartNotThere { wanted: from, found });
    };
    refused(1, 0);
    refused(u64::MAX, 0);
    send(&store, &of, &bytes, (0, 400));
    refused(401, 400);
    assert_eq!(store.part(&of), 400, "a refusal costs nothing");
    // All of it, but not known to be right: the last byte comes again.
    send(&store, &of, &bytes, (400, 1_000));
    assert_eq!(store.part(&of), 999);
    refused(1_000, 1_000);
    // From the start: what was kept is gone.
    send(&store, &of, &bytes, (0, 10));
    assert_eq!(store.part(&of), 10);
    // What is longer than announced is told, as of any file.
    let mut writer = store.begin_part(&of, 10).unwrap();
    writer.write(&bytes).unwrap();
    assert_eq!(writer.finish().unwrap().announced_otherwise(), Some(1_000));
    assert_eq!(store.part(&of), 0);
    let empty = PartOf { length: 0, ..of };
    assert_eq!(store.part(&empty), 0);
    assert!(store.begin_part(&empty, 0).is_ok());
    let long = PartOf { length: u64::MAX, ..of };
    assert!(matches!(store.begin_part(&long, 0), Err(WriteError::FileOverLimit { .. })));
}

// proves: STO-20
#[test]
fn of_two_writers_of_one_file_one_keeps_its_part() {
    let desk = Desk::new(Limits::default());
    let store = desk.store();
    let bytes = content(1, 1_000);
    let of = of(&bytes, 1);
    let mut first = store.begin_part(&of, 0).unwrap();
    first.write(&bytes[..300]).unwrap();
    assert_eq!(store.part(&of), 0, "it is in use");
    let mut second = store.begin_part(&of, 0).unwrap();
    second.write(&bytes[..500]).unwrap();
    drop(second);
    assert_eq!(store.part(&of), 0);
    drop(first);
    assert_eq!(store.part(&of), 300);
    // Whole, and not listed yet: another one of the same file has a place of its own.
    let mut whole = store.begin_part(&of, 300).unwrap();
    whole.write(&bytes[300..]).unwrap();
    let pending = whole.finish().unwrap();
    send(&store, &of, &bytes, (0, 200));
    assert_eq!((store.part(&of), pending.hash()), (200, of.hash));
    drop(pending);
    send(&store, &of, &bytes, (200, 300));
    // A whole file that turned out to be another one is given up, and no part.
    let mut wrong = store.begin_part(&of, 300).unwrap();
    wrong.write(&[0; 700]).unwrap();
    let pending = wrong.finish().unwrap();
    assert_ne!(pending.hash(), of.hash);
    drop(pending);
    assert_eq!((store.part(&of), desk.names()), (0, 0));
    send(&store, &of, &bytes, (0, 5));
    assert_eq!(store.part(&of), 5);
}

// proves: STO-20
#[test]
fn parts_have_limits_in_number_bytes_and_age_and_make_room() {
    let limits = Limits {
        parts: 2,
        part_bytes: 1_000,
        part_age: Duration::from_secs(60),
        total_bytes: 5_000,
        ..Limits::default()
    };
    let desk = Desk::new(limits);
    let store = desk.store();
    let bytes = content(1, 2_000);
    let begin = |n: u8, count: usize| {
        send(&store, &of(&bytes, n), &bytes, (0, count));
        desk.later(Duration::from_secs(1));
    };
    let kept = |n: u8| store.part(&of(&bytes, n));
    begin(1, 500);
    begin(2, 500);
    assert_eq!((kept(1), kept(2)), (500, 500), "exactly as many, and as much, as is allowed");
    begin(3, 1);
    assert_eq!((kept(1), kept(2), kept(3)), (0, 500, 1), "the oldest went");
    begin(4, 501);
    assert_eq!((kept(2), kept(3), kept(4)), (0, 1, 501));
    begin(5, 1_001);
    assert_eq!((kept(3), kept(4), kept(5)), (0, 0, 0), "longer than all may be");
    begin(6, 100);
    desk.later(Duration::from_secs(59));
    assert_eq!(kept(6), 100);
    desk.later(Duration::from_secs(1));
    assert_eq!(kept(6), 0, "too old");
    begin(7, 100);
    // Another file wants the room.
    let big = store.begin(Expect::Exactly(4_901)).unwrap();
    assert_eq!(kept(7), 0);
    drop(big);
    assert_eq!(desk.names(), 0);
    let none = Desk::new(Limits { parts: 0, ..Limits::default() });
    send(&none.store(), &of(&bytes, 1), &bytes, (0, 10));
    assert_eq!(none.names(), 0);
}

// proves: STO-20, STO-15
#[test]
fn what_our_own_disk_could_not_take_is_no_part() {
    let desk = Desk::new(Limits::default());
    let store = desk.store();
    let bytes = content(1, 10_000);
    let of = of(&bytes, 1);
    send(&store, &of, &bytes, (0, 4_000));
    desk.disk.set_capacity(5_000);
    let mut writer = store.begin_part(&of, 4_000).unwrap();
    assert!(writer.write(&bytes[4_000..]).is_err());
    drop(writer);
    assert_eq!((store.part(&of), desk.names()), (0, 0), "a full disk is not kept full");
    desk.disk.set_capacity(u64::MAX);
    assert_eq!(finish(&store, &of, &bytes, 0), of.hash);
}

// proves: STO-20
#[test]
fn a_crash_in_the_middle_leaves_what_the_disk_has_and_nothing_is_taken_for_whole() {
    let desk = Desk::new(Limits::default());
    let bytes = content(1, 10_000);
    let of = of(&bytes, 1);
    let store = desk.store();
    let mut writer = store.begin_part(&of, 0).unwrap();
    writer.write(&bytes[..6_000]).unwrap();
    // As the process is killed: nobody tidies up.
    std::mem::forget(writer);
    let again = desk.store();
    assert_eq!(again.part(&of), 6_000);
    assert_eq!(finish(&again, &of, &bytes, 6_000), of.hash);
}
