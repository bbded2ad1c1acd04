//! A folder on a real disk, with applications that write as they do.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mvrx_file::generate::{Changes, Recipe};
use mvrx_message::{Commit, FileUuid, MvrVersion, StationUuid};
use mvrx_store::{Cancel, MemStore, Store};

use super::{Finished, Folder, Found, Options, Verdict, committed_as};

/// A folder that is watched, its data directory and its store.
struct Stage {
    folder: tempfile::TempDir,
    data: tempfile::TempDir,
    store: Arc<MemStore>,
}

impl Stage {
    fn new() -> Self {
        let folder = || tempfile::tempdir().unwrap();
        Self { folder: folder(), data: folder(), store: Arc::new(MemStore::new()) }
    }

    /// Files rest for 200 ms.
    fn watch(&self) -> Folder {
        self.watch_with(Options::default())
    }

    fn watch_with(&self, options: Options) -> Folder {
        let (every, rest) = (Duration::from_millis(20), Duration::from_millis(200));
        let options = Options { every, rest, patience: Duration::from_millis(400), ..options };
        Folder::watch(self.folder.path(), self.data.path(), self.store.clone(), options).unwrap()
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Commits what was found, as a station would.
    fn commit(&self, finished: &Finished, number: u8) {
        let pending = self.store.import(&finished.path, &|_| {}, &Cancel::new()).unwrap();
        let mut commit = commit(number, &finished.name);
        commit.comment.clone_from(&finished.comment);
        commit.file_size = pending.length();
        pending.publish(&commit, "Default").unwrap();
    }
}

fn commit(number: u8, name: &str) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([number; 16]),
        station: Some(ours()),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: 1,
        for_stations: Vec::new(),
        comment: String::new(),
        file_name: name.to_owned(),
        blake3: None,
        author: None,
        group: None,
        order: Some(number.into()),
        missed: false,
    }
}

fn ours() -> StationUuid {
    StationUuid::from_random_bytes([9; 16])
}

fn show() -> Recipe {
    Recipe::new(7).fixtures(40).trusses(2)
}

async fn next(folder: &mut Folder) -> Found {
    tokio::time::timeout(Duration::from_secs(60), folder.next()).await.unwrap().unwrap()
}

async fn finished(folder: &mut Folder) -> Finished {
    match next(folder).await {
        Found::Finished(finished) => finished,
        other => panic!("{other:?}"),
    }
}

/// Whatever is saved next is found next: of what was saved before nothing is left to be found.
async fn nothing_more(stage: &Stage, folder: &mut Folder) {
    let name = format!("end-{}.mvr", fs::read_dir(stage.folder.path()).unwrap().count());
    fs::write(stage.at(&name), Recipe::new(99).to_bytes()).unwrap();
    let found = finished(folder).await;
    assert_eq!(found.name, name);
    folder.judged(Verdict::Settled);
}

/// Waits until the note has the name.
async fn noted(stage: &Stage, name: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    let note = stage.data.path().join("watched.json");
    while !fs::read_to_string(&note).unwrap_or_default().contains(name) {
        assert!(Instant::now() < end, "{name} is not noted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_was_there_is_left_alone_until_it_is_saved_again() {
    let stage = Stage::new();
    fs::write(stage.at("old.mvr"), show().to_bytes()).unwrap();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 1 });
    nothing_more(&stage, &mut folder).await;
    fs::write(stage.at("old.mvr"), show().fixtures(41).to_bytes()).unwrap();
    assert_eq!(finished(&mut folder).await.name, "old.mvr");
}

#[tokio::test]
async fn a_slow_writer_is_found_once_when_it_is_done_and_no_sooner() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    let bytes = show().to_bytes();
    let path = stage.at("slow.mvr");
    let whole = bytes.clone();
    let writer = tokio::task::spawn_blocking(move || {
        let mut file = File::create(path).unwrap();
        for piece in bytes.chunks(bytes.len() / 8 + 1) {
            // Longer than files have to rest.
            std::thread::sleep(Duration::from_millis(300));
            file.write_all(piece).unwrap();
        }
        Instant::now()
    });
    let found = loop {
        match next(&mut folder).await {
            Found::Unfinished { .. } => {}
            Found::Finished(found) => break found,
            other => panic!("{other:?}"),
        }
    };
    assert!(writer.is_finished(), "found before it was done");
    assert_eq!(found.hash, *blake3::hash(&whole).as_bytes());
    folder.judged(Verdict::Settled);
    nothing_more(&stage, &mut folder).await;
}

#[tokio::test]
async fn what_rests_and_is_not_whole_is_told_once_and_found_when_it_is_whole() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    let bytes = show().to_bytes();
    fs::write(stage.at("half.mvr"), &bytes[..bytes.len() / 2]).unwrap();
    let Found::Unfinished { path, why } = next(&mut folder).await else { panic!() };
    assert_eq!(path, stage.at("half.mvr"));
    assert!(!why.is_empty());
    nothing_more(&stage, &mut folder).await;
    fs::write(stage.at("half.mvr"), &bytes).unwrap();
    assert_eq!(finished(&mut folder).await.name, "half.mvr");
}

#[tokio::test]
async fn renamed_over_temporary_files_and_two_hundred_at_once() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    for (temporary, name) in [(".show.mvr.swp", "a.mvr"), ("~$a.mvr", "b.mvr"), ("b.mvr.tmp", "a.mvr")] {
        fs::write(stage.at(temporary), b"PK half").unwrap();
        fs::write(stage.at(temporary), Recipe::new(temporary.len() as u64).to_bytes()).unwrap();
        fs::rename(stage.at(temporary), stage.at(name)).unwrap();
    }
    fs::write(stage.at("~$open.mvr"), show().to_bytes()).unwrap();
    for n in 0..200_u64 {
        fs::write(stage.at(&format!("rig {n}.mvr")), Recipe::new(n).to_bytes()).unwrap();
    }
    let mut names = Vec::new();
    for _ in 0..202 {
        names.push(finished(&mut folder).await.name);
        folder.judged(Verdict::Settled);
    }
    nothing_more(&stage, &mut folder).await;
    names.sort();
    let mut wanted: Vec<String> = (0..200).map(|n| format!("rig {n}.mvr")).collect();
    wanted.extend(["a.mvr".to_owned(), "b.mvr".to_owned()]);
    wanted.sort();
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn what_was_saved_while_nobody_watched_is_found_and_nothing_twice() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    fs::write(stage.at("a.mvr"), show().to_bytes()).unwrap();
    finished(&mut folder).await;
    folder.judged(Verdict::Settled);
    nothing_more(&stage, &mut folder).await;
    // The thread notes it in its own time.
    noted(&stage, "end-1.mvr").await;
    drop(folder);
    fs::write(stage.at("b.mvr"), show().to_bytes()).unwrap();
    let mut folder = stage.watch();
    assert_eq!(finished(&mut folder).await.name, "b.mvr");
    folder.judged(Verdict::Settled);
    nothing_more(&stage, &mut folder).await;
    // Saved again with the same bytes: nothing changed.
    fs::write(stage.at("a.mvr"), show().to_bytes()).unwrap();
    nothing_more(&stage, &mut folder).await;
}

#[tokio::test]
async fn what_could_not_be_committed_is_found_again() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    fs::write(stage.at("a.mvr"), show().to_bytes()).unwrap();
    let first = finished(&mut folder).await;
    folder.judged(Verdict::Later);
    assert_eq!(finished(&mut folder).await, first);
    folder.judged(Verdict::Settled);
    nothing_more(&stage, &mut folder).await;
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_back_is_told_once_each() {
    let stage = Stage::new();
    let path = stage.at("stick");
    fs::create_dir(&path).unwrap();
    let options =
        Options { every: Duration::from_millis(20), rest: Duration::from_millis(200), ..Options::default() };
    let mut folder = Folder::watch(&path, stage.data.path(), stage.store.clone(), options).unwrap();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    fs::remove_dir(&path).unwrap();
    let Found::Unreadable { why } = next(&mut folder).await else { panic!() };
    assert!(!why.is_empty());
    fs::create_dir(&path).unwrap();
    fs::write(path.join("a.mvr"), show().to_bytes()).unwrap();
    assert_eq!(next(&mut folder).await, Found::Readable);
    assert_eq!(finished(&mut folder).await.name, "a.mvr");
}

#[tokio::test]
async fn the_words_are_of_the_side_file_once_and_else_of_what_changed() {
    let stage = Stage::new();
    let mut folder = stage.watch();
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    let mut saved = async |bytes: Vec<u8>, number: u8| {
        fs::write(stage.at("show.mvr"), bytes).unwrap();
        let found = finished(&mut folder).await;
        stage.commit(&found, number);
        folder.judged(Verdict::Settled);
        found.comment
    };
    let first = show();
    let changes = Changes { readdressed: 20, moved: 12, removed: 3 };
    assert_eq!(saved(first.to_bytes(), 1).await, "first commit of show.mvr");
    let second = first.clone().revised(changes);
    assert_eq!(saved(second.to_bytes(), 2).await, "20 re-addressed, 12 moved, 3 removed");
    fs::write(stage.at("show.mvr.txt"), "\u{feff}hang \0 LX2\u{1b}\r\n").unwrap();
    assert_eq!(saved(first.to_bytes(), 3).await, "hang LX2");
    // It was used: what it says is of the save before.
    assert_eq!(saved(second.to_bytes(), 4).await, "20 re-addressed, 12 moved, 3 removed");
}

#[tokio::test]
async fn a_message_is_the_comment_of_all() {
    let stage = Stage::new();
    let mut folder = stage.watch_with(Options { message: Some("FOH".to_owned()), ..Options::default() });
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    fs::write(stage.at("a.mvr.txt"), "other words").unwrap();
    fs::write(stage.at("a.mvr"), show().to_bytes()).unwrap();
    assert_eq!(finished(&mut folder).await.comment, "FOH");
}

#[tokio::test]
async fn of_any_bytes_only_none_at_all_are_not_found() {
    let stage = Stage::new();
    let mut folder = stage.watch_with(Options { any_file: true, ..Options::default() });
    assert_eq!(next(&mut folder).await, Found::First { there: 0 });
    fs::write(stage.at("a.mvr"), "").unwrap();
    let Found::Unfinished { why, .. } = next(&mut folder).await else { panic!() };
    assert_eq!(why, "it is empty");
    fs::write(stage.at("a.mvr"), "notes").unwrap();
    let found = finished(&mut folder).await;
    assert_eq!(found.hash, *blake3::hash(b"notes").as_bytes());
}

#[test]
fn bytes_of_others_are_known_and_of_ours_only_the_newest() {
    let hash = [5; 32];
    let found = Finished {
        path: Path::new("a.mvr").to_owned(),
        name: "a.mvr".to_owned(),
        hash,
        comment: String::new(),
    };
    let with = |number: u8, name: &str, by: u8, held: Option<[u8; 32]>| {
        let mut commit = commit(number, name);
        commit.station = Some(StationUuid::from_random_bytes([by; 16]));
        (commit, held)
    };
    let same = Some(hash);
    let other = Some([6; 32]);
    let known = |commits: Vec<(Commit, Option<[u8; 32]>)>| committed_as(&found, commits, ours()).is_some();
    assert!(!known(Vec::new()));
    assert!(known(vec![with(1, "x.mvr", 1, same)]), "fetched, under another name");
    assert!(!known(vec![with(1, "a.mvr", 1, other)]));
    let mut announced = with(1, "a.mvr", 1, None);
    announced.0.blake3 = same;
    assert!(known(vec![announced]), "announced and not fetched");
    assert!(known(vec![with(1, "a.mvr", 9, other), with(2, "a.mvr", 9, same)]), "ours, the newest");
    assert!(
        !known(vec![with(1, "a.mvr", 9, same), with(2, "a.mvr", 9, other)]),
        "an older one is brought back"
    );
    assert!(!known(vec![with(1, "b.mvr", 9, same)]), "ours, under another name");
}
