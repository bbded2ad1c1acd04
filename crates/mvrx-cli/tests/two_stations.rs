//! The binary as a person uses it: stations in processes of their own, on the loopback interface, at an mDNS port of the test's own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A folder, an mDNS port, and the binary.
struct Crew {
    folder: tempfile::TempDir,
    port: String,
}

/// A running `mvrx`, ended with the test.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    heard: Vec<String>,
}

impl Crew {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        Self { folder: tempfile::tempdir().unwrap(), port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_show(&self, name: &str, seed: u64) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, mvrx_file::generate::Recipe::new(seed).fixtures(30).to_bytes()).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        command.args(arguments).args(["--interface", "lo", "--mdns-port", &self.port]);
        command.env("HOME", self.folder.path()).env_remove("XDG_DATA_HOME").env_remove("MVRX_DATA");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Running { child, lines, heard: Vec::new() }
    }
}

impl Running {
    /// Waits for a line with these words.
    fn until(&mut self, words: &str) -> String {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => self.heard.push(line),
                Err(error) => panic!("no line with {words:?} ({error}); heard {:#?}", self.heard),
            }
        }
    }

    fn ends_well(mut self) {
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}; heard {:#?}", self.heard);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn only_mvr_in(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "mvr"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn one_shares_a_file_another_fetches_all_and_a_third_lists_both() {
    let crew = Crew::new();
    let show = crew.make_show("show.mvr", 1);
    let received = crew.path("received");
    fs::create_dir(&received).unwrap();

    let mut a = crew.start(&["up", "--name", "A", show.to_str().unwrap()]);
    a.until("committed");
    let mut b = crew.start(&["up", "--name", "B", "--get", "all", "--dir", received.to_str().unwrap()]);
    b.until("saved");
    assert_eq!(fs::read(only_mvr_in(&received)).unwrap(), fs::read(&show).unwrap());

    let listed = crew.run(&["ls", "--json", "--wait", "3"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let stations = listed["stations"].as_array().unwrap();
    let mut names: Vec<_> = stations.iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["A", "B"]);
    let uuids: std::collections::BTreeSet<_> = stations.iter().map(|s| s["station"].to_string()).collect();
    assert_eq!(uuids.len(), 2, "two stations of one user never share a UUID");
    assert!(stations.iter().all(|s| s["application"] == "mvrx" && s["address"].is_string()));
    assert!(
        stations.iter().all(|s| s["files"].as_array().unwrap().len() == 1),
        "B lists what it fetched: {listed}"
    );
}

#[test]
fn a_committed_file_is_fetched_by_name_of_latest_and_the_committer_ends() {
    let crew = Crew::new();
    let show = crew.make_show("tour.mvr", 2);
    let mut committing = crew.start(&[
        "commit",
        show.to_str().unwrap(),
        "-m",
        "hung LX1",
        "--name",
        "FOH",
        "--until-fetched",
        "1",
    ]);
    committing.until("committed");
    let target = crew.path("fetched.mvr");
    let got = crew.run(&["get", "latest", "--from", "FOH", "-o", target.to_str().unwrap()]);
    assert_eq!(code(&got), 0, "{got:?}");
    assert_eq!(fs::read(&target).unwrap(), fs::read(&show).unwrap());
    committing.ends_well();

    let again = crew.run(&["get", "latest", "-o", target.to_str().unwrap()]);
    assert_eq!(code(&again), 2, "nothing is overwritten: {again:?}");
}

#[test]
fn a_file_for_one_station_is_not_there_for_another() {
    let crew = Crew::new();
    let show = crew.make_show("secret.mvr", 3);
    let received = crew.path("received");
    fs::create_dir(&received).unwrap();
    let mut listener =
        crew.start(&["up", "--name", "Visualizer", "--get", "all", "--dir", received.to_str().unwrap()]);
    listener.until("is up");
    let mut committing = crew.start(&[
        "commit",
        show.to_str().unwrap(),
        "-m",
        "for you",
        "--name",
        "FOH",
        "--to",
        "Visualizer",
    ]);
    listener.until("saved");
    committing.until("sent");
    let listed = crew.run(&["ls", "--json", "--wait", "2"]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert!(
        listed["stations"].as_array().unwrap().iter().all(|s| s["files"].as_array().unwrap().is_empty()),
        "{listed}"
    );
}

#[test]
fn says_in_words_and_by_exit_code_what_is_wrong() {
    let crew = Crew::new();
    let nobody = crew.run(&["ls", "--wait", "0.2"]);
    assert_eq!(code(&nobody), 5);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody is in the group"));

    let missing = crew.run(&["commit", "not-there.mvr", "-m", "x"]);
    assert_eq!(code(&missing), 3);

    let nothing = crew.run(&["get", "latest", "--wait", "0.2", "-o", crew.folder.path().to_str().unwrap()]);
    assert_eq!(code(&nothing), 5);

    let usage = crew.run(&["get"]);
    assert_eq!(code(&usage), 2);

    let show = crew.make_show("x.mvr", 4);
    let to = crew.run(&["commit", show.to_str().unwrap(), "-m", "x", "--to", "Nobody", "--wait", "0.2"]);
    assert_eq!(code(&to), 5, "{to:?}");
}

#[test]
fn the_demo_exchanges_a_file_on_this_machine_alone() {
    let output = Command::new(env!("CARGO_BIN_EXE_mvrx")).arg("demo").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = stdout(&output);
    for step in ["found each other", "committed", "fetched", "bytes are the same"] {
        assert!(said.contains(step), "{said}");
    }
}

/// Nothing here takes more than seconds; a test that hangs is to fail and not to hang.
const LIMIT: Duration = Duration::from_secs(60);
