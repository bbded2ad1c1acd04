//! The history that is kept, as a person uses it: beside a station that runs and without one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use mvrx_file::generate::Recipe;
use mvrx_message::{Author, Commit, FileUuid, MvrVersion, StationUuid};
use mvrx_store::{Cancel, Expect, FsStore, OpenStoreError, Store};
use serde_json::Value;

/// A folder with a data directory, as a station that ended left it.
struct Crew(tempfile::TempDir);

fn id(number: u8) -> FileUuid {
    let mut bytes = [0xab; 16];
    bytes[1] = number;
    FileUuid::from_random_bytes(bytes)
}

fn show(number: u8) -> Vec<u8> {
    Recipe::new(3).fixtures(20 + u32::from(number)).to_bytes()
}

impl Crew {
    /// Four revisions: the first and the last of our own, the two older ones recipes.
    fn new() -> Self {
        let crew = Self(tempfile::tempdir().unwrap());
        let own = mvrx_station::load_or_create(&crew.data()).unwrap();
        let other = StationUuid::from_random_bytes([9; 16]);
        let store = crew.open();
        for number in 1..=4 {
            let bytes = show(number);
            let station = if number == 1 || number == 4 { own } else { other };
            let mut writer = store.begin(Expect::Exactly(bytes.len() as u64)).unwrap();
            writer.write(&bytes).unwrap();
            let commit = Commit {
                file: id(number),
                station: Some(station),
                version: MvrVersion { major: 1, minor: 6 },
                file_size: bytes.len() as u64,
                for_stations: Vec::new(),
                comment: format!("hang LX{number}"),
                file_name: "rig.mvr".to_owned(),
                blake3: None,
                author: Some(Author { name: format!("desk {number}"), provider: "mvrx".to_owned() }),
                group: None,
                order: Some(number.into()),
                missed: false,
            };
            writer.finish().unwrap().publish(&commit, "Default").unwrap();
        }
        assert_eq!(store.compact(2, &Cancel::new()).unwrap().compacted, 2);
        crew
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn open(&self) -> FsStore {
        let since = Instant::now();
        loop {
            match FsStore::open(self.data()) {
                // What another test of this process is just starting holds a copy of the lock until it runs its program.
                Err(OpenStoreError::DirectoryInUse { .. }) if since.elapsed().as_secs() < 30 => {
                    std::thread::yield_now();
                }
                opened => return opened.unwrap(),
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        command.current_dir(self.0.path()).args(arguments);
        command
            .env("HOME", self.0.path())
            .env("MVRX_DATA", self.data())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("MVRX_CONFIG");
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["schema"], 1);
        value
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn short(number: u8) -> String {
    id(number).to_string()[..8].to_owned()
}

#[test]
fn log_lists_what_is_kept_newest_first_also_beside_a_running_station() {
    let crew = Crew::new();
    let _running = crew.open();
    let words = out(&crew.run(&["log"]));
    let lines: Vec<&str> = words.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, number) in lines.iter().zip([4, 3, 2, 1]) {
        assert!(line.starts_with(&short(number)), "{line}");
        for part in ["Default", &format!("desk {number}"), "rig.mvr", &format!("\"hang LX{number}\"")] {
            assert!(line.contains(part), "{line}");
        }
    }
    assert!(lines[0].contains("  whole  ") && lines[3].contains("  recipe of "), "{words}");
    assert_eq!(out(&crew.run(&["log", "-n", "1"])).lines().count(), 1);
    let other = crew.run(&["log", "-g", "Other"]);
    assert_eq!(
        (out(&other).as_str(), complaint(&other).as_str()),
        ("", "mvrx: no revision of the group Other is kept here; of Default there is\n")
    );
    let none = crew.run(&["log", "-n", "0"]);
    assert_eq!((out(&none), complaint(&none)), (String::new(), String::new()));
    let json = crew.json(&["log"]);
    let revisions = json["revisions"].as_array().unwrap();
    assert_eq!(revisions.len(), 4);
    let (first, last) = (&revisions[3], &revisions[0]);
    assert_eq!((&first["form"], &last["form"]), (&"recipe".into(), &"whole".into()));
    assert_eq!(first["file"], id(1).to_string());
    assert_eq!(first["size"], show(1).len());
    assert!(first["on_disk"].as_u64().unwrap() < 10_000);
    assert_eq!((&first["name"], &first["group"]), (&"desk 1".into(), &"Default".into()));
}

#[test]
fn a_revision_is_shown_and_got_by_the_beginning_of_its_id_as_it_was() {
    let crew = Crew::new();
    let _running = crew.open();
    let shown = crew.run(&["show", &short(1)]);
    assert_eq!(code(&shown), 0);
    for part in [&id(1).to_string(), "hang LX1", "desk 1 (mvrx)", "recipe of", "21 fixture"] {
        assert!(out(&shown).to_lowercase().contains(&part.to_lowercase()), "{part}: {}", out(&shown));
    }
    let json = crew.json(&["show", "latest"]);
    assert_eq!(json["revision"]["file"], id(4).to_string());
    assert!(json["summary"].is_object());

    let got = crew.run(&["get", &short(1), "--output", "first.mvr"]);
    assert_eq!((code(&got), complaint(&got).contains("kept here")), (0, true), "{}", complaint(&got));
    assert_eq!(fs::read(crew.path("first.mvr")).unwrap(), show(1));
    let json = crew.json(&["get", &id(3).to_string(), "--output", "third.mvr"]);
    assert_eq!(
        (&json["kept_here"], fs::read(crew.path("third.mvr")).unwrap() == show(3)),
        (&true.into(), true)
    );
    let again = crew.run(&["get", &short(1), "--output", "first.mvr"]);
    assert_eq!(code(&again), 2, "nothing is overwritten");
}

#[test]
fn what_can_mean_more_than_one_is_told_with_the_candidates() {
    let crew = Crew::new();
    let mut bytes = [0xab; 16];
    (bytes[1], bytes[15]) = (1, 1);
    let twin = FileUuid::from_random_bytes(bytes);
    let store = crew.open();
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(b"twin").unwrap();
    let commit =
        Commit { file: twin, comment: "the twin".into(), ..store.commits().unwrap()[0].commit.clone() };
    writer.finish().unwrap().publish(&commit, "Default").unwrap();
    for arguments in [&["get", "ab01abab"][..], &["show", "ab01"], &["tag", "ab01ab", "premiere"]] {
        let output = crew.run(arguments);
        let words = complaint(&output);
        assert_eq!(code(&output), 2, "{words}");
        for part in [&id(1).to_string(), &twin.to_string(), "the twin", "hang LX1"] {
            assert!(words.contains(part), "{words}");
        }
    }
    let nothing = crew.run(&["show", "ffff"]);
    assert_eq!(code(&nothing), 3, "{}", complaint(&nothing));
    assert!(complaint(&crew.run(&["show", "ab0"])).contains("first four characters"));
}

#[test]
fn a_tag_is_given_beside_a_running_station_and_names_one_revision() {
    let crew = Crew::new();
    let _running = crew.open();
    assert_eq!(out(&crew.run(&["tag", &short(2), "premiere"])), format!("{} is premiere\n", short(2)));
    assert_eq!(code(&crew.run(&["tag", &short(2), "Premiere"])), 0, "it is so already");
    let taken = crew.run(&["tag", &short(3), "premiere"]);
    assert_eq!((code(&taken), complaint(&taken).contains("given to")), (2, true));
    let bad = crew.run(&["tag", &short(3), "2026"]);
    assert_eq!((code(&bad), complaint(&bad).contains("beginning of an id")), (2, true));
    assert_eq!(code(&crew.run(&["tag", &short(3)])), 2, "a name is missing");
    assert!(out(&crew.run(&["log"])).contains("[premiere]"));
    assert_eq!(crew.json(&["show", "PREMIERE"])["revision"]["file"], id(2).to_string());
    assert_eq!(code(&crew.run(&["inspect", "premiere"])), 0, "wherever a revision is meant");
    assert_eq!(crew.json(&["tag"])["tags"][0]["tag"], "premiere");
    assert_eq!(code(&crew.run(&["tag", "--delete", "premiere"])), 0);
    assert_eq!(code(&crew.run(&["tag", "--delete", "premiere"])), 2);
    for arguments in [&["tag", "--data", "nope"][..], &["tag", "--delete", "x", "--data", "nope"]] {
        let nowhere = crew.run(arguments);
        assert!(code(&nowhere) == 3 && complaint(&nowhere).contains("is no folder"), "{nowhere:?}");
    }
}

#[test]
fn prune_removes_what_is_beyond_and_keeps_what_is_tagged_or_perhaps_nobody_elses() {
    let crew = Crew::new();
    assert_eq!(code(&crew.run(&["prune"])), 2, "no limit was said");
    let other = crew.run(&["prune", "--newest", "1", "--dry-run", "-g", "Tour"]);
    assert!(
        complaint(&other).contains("no revision of the group Tour is kept here; of Default"),
        "{other:?}"
    );
    let running = crew.open();
    let dry = crew.json(&["prune", "--newest", "1", "--dry-run"]);
    assert_eq!(dry["removed"].as_array().unwrap().len(), 2);
    assert_eq!((&dry["own_stay"], &dry["removed"][0]["beyond"]), (&1.into(), &"number".into()));
    let refused = crew.run(&["prune", "--newest", "1"]);
    let process = format!("in use by process {}", std::process::id());
    assert_eq!(
        (code(&refused), complaint(&refused).contains(&process)),
        (1, true),
        "{}",
        complaint(&refused)
    );
    assert_eq!(running.commits().unwrap().len(), 4);
    drop(running);

    assert_eq!(code(&crew.run(&["tag", &short(2), "premiere"])), 0);
    let pruned = crew.run(&["prune", "--newest", "1"]);
    assert_eq!(code(&pruned), 0);
    assert!(
        out(&pruned).contains(&short(3)) && out(&pruned).contains("beyond the newest 1"),
        "{}",
        out(&pruned)
    );
    let stays = "1 revision beyond the limits stays, as it was committed from here";
    assert!(complaint(&pruned).contains(stays), "{}", complaint(&pruned));
    assert!(complaint(&pruned).contains("--own removes it, too"), "{}", complaint(&pruned));
    let left = |crew: &Crew| crew.json(&["log"])["revisions"].as_array().unwrap().len();
    assert_eq!(left(&crew), 3);
    let own = crew.run(&["prune", "--newest", "1", "--own"]);
    assert!(out(&own).contains("perhaps nobody else has it"), "{}", out(&own));
    assert_eq!(left(&crew), 2, "the tagged one and the newest");
    assert_eq!(code(&crew.run(&["get", "premiere", "--output", "second.mvr"])), 0);
    assert_eq!(fs::read(crew.path("second.mvr")).unwrap(), show(2));
    assert_eq!(code(&crew.run(&["fsck"])), 0);
}

#[test]
fn who_only_looks_makes_nothing_in_a_directory_of_nobody() {
    let crew = Crew::new();
    let id = crew.data().join("station-uuid");
    fs::remove_file(&id).unwrap();
    let dry = crew.json(&["prune", "--newest", "1", "--dry-run"]);
    assert_eq!((dry["removed"].as_array().unwrap().len(), &dry["own_stay"]), (3, &0.into()));
    let refused = crew.run(&["withdraw", &short(4)]);
    assert!(complaint(&refused).contains("not from here") && code(&refused) == 2, "{refused:?}");
    assert!(!id.exists(), "an identity was made");
}

#[test]
fn fsck_says_in_words_what_is_damaged_and_ends_with_one() {
    let crew = Crew::new();
    let running = crew.open();
    let fine = crew.run(&["fsck"]);
    assert_eq!(code(&fine), 0, "{}", out(&fine));
    assert!(out(&fine).contains("4 revisions (2 whole, 2 as recipes)") && out(&fine).contains("all is well"));
    drop(running);
    let files: Vec<PathBuf> =
        fs::read_dir(crew.data().join("commits")).unwrap().map(|e| e.unwrap().path()).collect();
    let newest = |path: &&PathBuf| {
        path.extension().is_some_and(|ending| ending == "mvr")
            && path.file_name().unwrap().to_str().unwrap().starts_with("000000000003")
    };
    turn_a_byte(files.iter().find(newest).unwrap());
    let bad = crew.run(&["fsck"]);
    assert_eq!(code(&bad), 1);
    assert!(out(&bad).contains("is not what was stored") && out(&bad).contains(&id(3).to_string()));
    let json = crew.json(&["fsck"]);
    assert_eq!((&json["problems"][0]["problem"], &json["revisions"]), (&"content-damaged".into(), &4.into()));
    assert_eq!(json["problems"][0]["file"], id(3).to_string());
    // It is not given away as if it were whole.
    let refused = crew.run(&["get", &short(3), "--output", "third.mvr"]);
    assert_eq!((code(&refused), crew.path("third.mvr").exists()), (1, false), "{}", complaint(&refused));
    assert!(
        complaint(&refused).contains("kept here, but damaged") && complaint(&refused).contains("mvrx fsck")
    );
    // Nor is one whose recipe is over it, or over what else was turned.
    for path in files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "mvr")) {
        if !newest(&path) {
            turn_a_byte(path);
        }
    }
    let refused = crew.run(&["get", &short(1), "--output", "first.mvr"]);
    assert_eq!((code(&refused), crew.path("first.mvr").exists()), (1, false), "{}", complaint(&refused));
    for words in ["kept here, but damaged", "recipe", "mvrx fsck"] {
        assert!(complaint(&refused).contains(words), "{words}: {}", complaint(&refused));
    }
    assert_eq!(code(&crew.run(&["fsck", "--data", "nowhere"])), 3);
}

#[test]
fn of_a_lost_file_a_few_recipes_are_told_and_how_many_more_there_are() {
    let crew = Crew::new();
    assert_eq!(crew.open().compact(1, &Cancel::new()).unwrap().compacted, 1);
    for entry in fs::read_dir(crew.data().join("commits")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "mvr") {
            fs::remove_file(path).unwrap();
        }
    }
    let problems = crew.json(&["log"])["problems"].as_array().unwrap().len();
    let log = crew.run(&["log"]);
    let told = complaint(&log);
    assert_eq!(problems, 4, "{told}");
    assert_eq!(told.lines().count(), 5, "{told}");
    assert!(told.contains("no revision that is kept here can be given"), "{told}");
    assert!(told.contains(": 1 more problem; `mvrx fsck` looks through all of it"), "{told}");
}

#[test]
fn what_is_the_latest_and_why_there_is_none() {
    let crew = Crew::new();
    // Said twice, it takes back no other.
    for new in [true, false] {
        let withdrawn = crew.json(&["withdraw", "latest"]);
        assert_eq!(
            (&withdrawn["revision"]["file"], &withdrawn["new"]),
            (&id(4).to_string().into(), &new.into())
        );
    }
    assert_eq!(crew.json(&["show", "latest"])["revision"]["file"], id(3).to_string());
    let empty = crew.0.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for command in ["show", "withdraw"] {
        let none = crew.run(&[command, "latest", "--data", empty.to_str().unwrap()]);
        let words = complaint(&none);
        assert!(
            code(&none) == 3 && words.contains("no revision is kept here, so there is no latest"),
            "{words}"
        );
    }
    let store = crew.open();
    for number in 2..=3 {
        store.remove(id(number)).unwrap();
    }
    drop(store);
    assert_eq!(code(&crew.run(&["withdraw", &short(1)])), 0);
    let none = crew.run(&["show", "latest"]);
    assert!(code(&none) == 3 && complaint(&none).contains("all that is kept here is withdrawn"), "{none:?}");
}

#[test]
fn standard_output_is_no_place_for_a_file() {
    let crew = Crew::new();
    let got = crew.run(&["get", &short(1), "-o", "-"]);
    assert!(code(&got) == 2 && complaint(&got).contains("not written to standard output"), "{got:?}");
    assert!(!crew.path("-").exists());
    assert_eq!(code(&crew.run(&["get", &short(1), "-o", "./-"])), 0);
    assert_eq!(fs::read(crew.path("-")).unwrap(), show(1));
}

fn turn_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

// proves: STO-28
#[test]
fn a_commit_of_ours_is_withdrawn_by_the_beginning_of_its_id_and_stays_in_the_log() {
    let crew = Crew::new();
    let withdrawn = crew.run(&["withdraw", &short(4)]);
    assert_eq!(code(&withdrawn), 0, "{withdrawn:?}");
    for words in ["withdrawn: ", "rig.mvr", "no station runs there", "who has fetched it has it", "mvrx log"]
    {
        assert!(out(&withdrawn).contains(words), "{words}: {}", out(&withdrawn));
    }
    let shown = out(&crew.run(&["show", &short(4)]));
    assert!(shown.lines().any(|line| line.starts_with("withdrawn its author")), "{shown}");
    let again = crew.json(&["withdraw", &id(4).to_string()]);
    assert_eq!((&again["new"], &again["running"]), (&false.into(), &false.into()));
    assert_eq!(again["revision"]["file"], id(4).to_string());
    // Only what was committed from here.
    let others = crew.run(&["withdraw", &short(3)]);
    assert_eq!(code(&others), 2);
    assert!(complaint(&others).contains("was committed by desk 3"), "{}", complaint(&others));
    assert_eq!(code(&crew.run(&["withdraw", "0000"])), 3);

    let log = out(&crew.run(&["log"]));
    let marked: Vec<&str> = log.lines().filter(|line| line.contains("(withdrawn)")).collect();
    assert!(marked.len() == 1 && marked[0].starts_with(&short(4)), "{log}");
    let revisions = crew.json(&["log"])["revisions"].clone();
    let withdrawn = |at: usize| revisions[at]["withdrawn"].as_bool().unwrap();
    assert_eq!([withdrawn(0), withdrawn(1)], [true, false]);
    assert!(out(&crew.run(&["show", &short(4)])).contains("took it back"));
    // It is not the latest, and still to be had from here.
    assert_eq!(crew.json(&["show", "latest"])["revision"]["file"], id(3).to_string());
    let target = crew.path("mistake.mvr");
    assert_eq!(code(&crew.run(&["get", &short(4), "-o", target.to_str().unwrap()])), 0);
    assert_eq!(fs::read(&target).unwrap(), show(4));
    // Beside a running station, too; and it may be let go as others' may.
    let running = crew.open();
    let beside = crew.run(&["withdraw", &short(1)]);
    assert!(out(&beside).contains("takes it out of its list within a second"), "{}", out(&beside));
    assert_eq!(running.withdrawn().unwrap(), [id(1), id(4)].into());
    drop(running);
    let pruned = crew.json(&["prune", "--newest", "1"]);
    let gone: Vec<_> =
        pruned["removed"].as_array().unwrap().iter().map(|gone| gone["file"].clone()).collect();
    let wanted: Vec<Value> = [1, 2, 4].map(|number| id(number).to_string().into()).into();
    assert_eq!(gone, wanted, "{pruned}");
}
