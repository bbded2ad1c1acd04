//! `double`: a double of an existing product as a process of its own, over real sockets, for scripts that put it on a network.
//!
//! Discovery is the script's, which announces it in that product's shape and tells it who is where. Lines come on its standard input, and what
//! became of it goes to its standard output, a line each; at the end of the input it ends.
//!
//! | line in | meaning |
//! |---|---|
//! | `sees UUID ADDRESS` | discovery shows this station there |
//! | `commit UUID PATH` | it commits this file under this FileUUID |
//! | `request UUID` | it asks for this commit, which it knows |
//!
//! | line out | meaning |
//! |---|---|
//! | `address ADDRESS` | where it listens |
//! | `member UUID`, `left UUID` | whom it counts as a member, and no more |
//! | `known UUID` | a commit of somebody else |
//! | `got UUID PATH` | its file, whole as far as this product looks, is there |
//! | `lost COUNT` | messages that were lost because of how they were written |
//! | `killed WHY` | what it was sent would have killed that product |
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program that prints")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use mvrx_worlds::doubles::sockets::Running;
use mvrx_worlds::doubles::{Double, Quirky};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [product, uuid, name, address, folder] = arguments.as_slice() else {
        eprintln!("usage: double PRODUCT UUID NAME ADDRESS FOLDER, PRODUCT one of {:?}", Quirky::ALL);
        return ExitCode::from(2);
    };
    match run(product, uuid, name, address, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn run(product: &str, uuid: &str, name: &str, address: &str, folder: &Path) -> Result<(), String> {
    let found = Quirky::ALL.into_iter().find(|known| format!("{known:?}") == product);
    let product = found.ok_or_else(|| format!("no product {product}"))?;
    let at: SocketAddr = address.parse().map_err(|_| format!("no address {address}"))?;
    let double = Running::start_at(at, product, uuid, name).map_err(|error| error.to_string())?;
    let mut out = io::stdout();
    say(&mut out, &format!("address {}", double.address()))?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    let mut seen = Seen { folder: folder.to_owned(), ..Seen::default() };
    loop {
        match told.recv_timeout(LOOK) {
            Ok(line) => obey(&double, &line)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        for line in double.with(|double| seen.news(double))? {
            say(&mut out, &line)?;
        }
    }
}

fn obey(double: &Running, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    match words.as_slice() {
        ["sees", uuid, at] => {
            let at = at.parse().map_err(|_| format!("no address: {line}"))?;
            double.sees(uuid, at);
        }
        ["commit", uuid, path] => {
            let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
            double.with(|double| double.commit(uuid, bytes));
        }
        ["request", file] => double.with(|double| double.request_file(file)),
        _ => return Err(format!("not understood: {line}")),
    }
    Ok(())
}

/// What was told of it already.
#[derive(Debug, Default)]
struct Seen {
    folder: PathBuf,
    members: BTreeSet<String>,
    known: BTreeSet<String>,
    got: BTreeSet<String>,
    lost: u32,
    killed: bool,
}

impl Seen {
    /// What is new, a line each.
    fn news(&mut self, double: &Double) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        let members = double.members();
        lines.extend(members.difference(&self.members).map(|uuid| format!("member {uuid}")));
        lines.extend(self.members.difference(members).map(|uuid| format!("left {uuid}")));
        if *members != self.members {
            self.members.clone_from(members);
        }
        for file in double.known() {
            if self.known.insert(file.to_owned()) {
                lines.push(format!("known {file}"));
            }
        }
        for (file, bytes) in double.got() {
            if self.got.insert(file.clone()) {
                let path = self.folder.join(format!("{file}.mvr"));
                fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
                lines.push(format!("got {file} {}", path.display()));
            }
        }
        if double.lost() != self.lost {
            self.lost = double.lost();
            lines.push(format!("lost {}", self.lost));
        }
        if let Some(why) = double.killed().filter(|_| !self.killed) {
            self.killed = true;
            lines.push(format!("killed {why}"));
        }
        Ok(lines)
    }
}

fn say(out: &mut io::Stdout, line: &str) -> Result<(), String> {
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// Between two looks at what became of it.
const LOOK: Duration = Duration::from_millis(20);
