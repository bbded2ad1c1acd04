//! The binary as processes, and small clients of it.
#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mixer::{Client, ClientOptions, Json, SavedRoom};

/// No wait is longer.
pub const LIMIT: Duration = Duration::from_secs(60);

pub fn mvrx(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mvrx"));
    command.args(arguments).env_remove("MVRX_MIXER").env_remove("MVRX_MIXER_PASSWORD");
    command
}

/// Runs a command of `mvrx mixer` against a server to its end.
pub fn ask(server: &Running, arguments: &[&str]) -> Output {
    let at = server.address.to_string();
    mvrx(&["mixer"]).args(arguments).args(["--server", &at]).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A running server, ended with the test.
pub struct Running {
    pub child: Child,
    pub address: SocketAddr,
    pub lines: mpsc::Receiver<String>,
}

impl Running {
    pub fn serve(arguments: &[&str]) -> Self {
        Self::start(&[&["mixer", "serve", "--host", "127.0.0.1", "--port", "0"], arguments].concat())
    }

    /// Starts a command that says where it serves Mixer.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(mvrx(arguments))
    }

    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let mut running = Self { child, address: "127.0.0.1:0".parse().unwrap(), lines };
        let line = running.until("serving Mixer at ");
        let at = line.split("serving Mixer at ").nth(1).unwrap();
        running.address = at.split([',', ';']).next().unwrap().parse().unwrap();
        running
    }

    /// Waits for a line with these words.
    pub fn until(&mut self, words: &str) -> String {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(words) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {words:?} ({error})"),
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub fn ends_well(mut self) {
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address, ClientOptions::default()).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn frame(code: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u64).to_le_bytes().to_vec();
    frame.extend_from_slice(&7_u32.to_le_bytes());
    frame.extend_from_slice(&code.to_le_bytes());
    frame.extend_from_slice(payload);
    frame
}

pub fn string(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

/// A room of some commands, the way Mixer's own tools save it: with a listing before its commands.
pub fn saved(commands: usize, bytes: usize) -> SavedRoom {
    let attributes = Json::parse(r#"{"blender_version": "2.93", "studio": [1, NaN], "keep_open": true}"#);
    let commands = (0..commands).flat_map(|number| {
        let mut payload = string(&format!("/{number}"));
        payload.resize(payload.len() + bytes, 7);
        frame(101, &payload)
    });
    SavedRoom {
        attributes: attributes.unwrap().as_object().unwrap().clone(),
        commands: commands.collect::<Vec<u8>>().into(),
    }
}

/// A folder with a saved room in it.
pub fn folder_with_room(commands: usize, bytes: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stage.bin");
    std::fs::write(&file, saved(commands, bytes).encode()).unwrap();
    (folder, file)
}

/// Runs a client's work with a bound.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, Box::pin(work)).await.expect("too slow") })
}
