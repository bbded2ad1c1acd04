//! Where output goes: data to standard output, the rest to standard error. How things look there is [`mvrx_node::shown`].

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

pub(crate) use mvrx_node::shown::*;
use serde::Serialize;

/// Written into every JSON document; grows when a field changes its meaning, not when one is added.
pub(crate) const SCHEMA: u32 = 1;

/// A line of data on standard output. A reader that went away (`| head`) is no failure of ours; a full disk is, see [`unwritten`].
pub(crate) fn line(text: &str) {
    print(format_args!("{text}\n"));
}

/// A text that has its own line ends.
pub(crate) fn text(text: &impl std::fmt::Display) {
    print(format_args!("{text}"));
}

/// Why something could not be written to standard output, if that happened.
pub(crate) fn unwritten() -> Option<String> {
    UNWRITTEN.get().cloned()
}

fn print(text: std::fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let written = out.write_fmt(text).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// The first failure to write data.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// A line of progress or explanation on standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

pub(crate) fn document(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(&text),
        Err(error) => note(&format!("cannot write JSON: {error}")),
    }
}

/// Whether standard output is a screen.
pub(crate) fn is_looked_at() -> bool {
    io::stdout().is_terminal()
}

pub(crate) fn for_people() -> bool {
    io::stderr().is_terminal()
}
