//! What the tests of the binary share: the binary itself, in a folder of its own, and a peer made of a socket.
#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::new_without_default,
    reason = "no test uses all of it"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use socket2::SockRef;

pub mod peer;

/// A folder, an mDNS port, and the binary.
pub struct Crew {
    pub folder: tempfile::TempDir,
    port: String,
    any_file: bool,
    /// Keeps the port from all who do not share it as mDNS does; hears nobody, as it is connected to nobody.
    _held: UdpSocket,
}

/// A UDP port that nobody else had when it was taken, shared only from then on.
fn held_port() -> UdpSocket {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    SockRef::from(&socket).set_reuse_address(true).unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    socket
}

/// A running `mvrx`, ended with the test.
pub struct Running {
    pub child: Child,
    lines: mpsc::Receiver<String>,
    pub heard: Vec<String>,
}

impl Crew {
    pub fn new() -> Self {
        let held = held_port();
        let port = held.local_addr().unwrap().port().to_string();
        Self { folder: tempfile::tempdir().unwrap(), port, any_file: false, _held: held }
    }

    /// One whose files are any bytes.
    pub fn of_any_files() -> Self {
        Self { any_file: true, ..Self::new() }
    }

    /// Hears what is asked and told by multicast DNS.
    pub fn listener(&self) -> UdpSocket {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        let port: u16 = self.port.parse().unwrap();
        socket.bind(&SocketAddr::from(([0, 0, 0, 0], port)).into()).unwrap();
        let lo = Ipv4Addr::LOCALHOST;
        socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &lo).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.into()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new folder in ours.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        path
    }

    pub fn make_show(&self, name: &str, seed: u64) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, mvrx_file::generate::Recipe::new(seed).fixtures(30).to_bytes()).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
        command.args(arguments).args(["--interface", "lo", "--mdns-port", &self.port]);
        command
            .env("HOME", self.folder.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("MVRX_CONFIG")
            .env_remove("MVRX_DATA")
            // What is tested of the page switches it on; everybody else needs no port of it.
            .env("MVRX_WEB", "off");
        if self.any_file {
            command.env("MVRX_ANY_FILE", "1");
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(&mut self.command(arguments))
    }

    /// One that was made by [`Crew::command`].
    pub fn start_with(&self, command: &mut Command) -> Running {
        Running::of(command.stdout(Stdio::piped()).stderr(Stdio::inherit()))
    }
}

impl Running {
    /// Runs this, whose standard output is piped.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
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

    /// Waits for a line with these words.
    pub fn until(&mut self, words: &str) -> String {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => self.heard.push(line),
                Err(error) => panic!("no line with {words:?} ({error}); heard {:#?}", self.heard),
            }
        }
    }

    /// As the system kills a process: nothing is tidied up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn ends_well(mut self) {
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

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub fn only_mvr_in(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "mvr"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

/// A line of `--json`.
pub fn event(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

/// A command that needs no network.
pub fn alone(crew: &Crew, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command.current_dir(crew.path("")).env("HOME", crew.path("")).env_remove("XDG_DATA_HOME");
    command.args(arguments).output().unwrap()
}

/// Nothing here takes more than seconds; a test that hangs is to fail and not to hang.
const LIMIT: Duration = Duration::from_secs(60);
