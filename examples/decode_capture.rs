//! Shows the packages in captured TCP bytes: one direction of one connection, without TCP or IP headers (Wireshark:
//! Follow TCP Stream, one direction, save as raw).
//!
//! ```text
//! cargo run --example decode_capture -- capture.bin
//! cargo run --example decode_capture                   # a built-in sample, with a fault at its end
//! ```

use std::error::Error;
use std::io::{self, Write};

use mvrx_wire::{
    Blame, DecodeError, Decoder, HEADER_LEN, Limits, PackageHeader, PackageType, Quirk, Step, encode_json,
    file_header,
};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => sample(),
    };
    show(&bytes, &mut io::stdout().lock())?;
    Ok(())
}

/// Walks from header to header to print them, and lets the decoder judge package by package.
fn show(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let mut decoder = Decoder::new(Limits::default());
    let mut at = 0;
    let judgement = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let header = rest.first_chunk().and_then(|header| PackageHeader::parse(header).ok());
        let length = header.map_or(0, |header| usize::try_from(header.payload_length).unwrap_or(usize::MAX));
        let (package, _) = rest.split_at_checked(HEADER_LEN.saturating_add(length)).unwrap_or((rest, &[]));
        if let Some(header) = header {
            print_header(at, &header, out)?;
        }
        match judge(&mut decoder, package, out) {
            Ok(Ok(())) if package.is_empty() => break decoder.finish(),
            Ok(Ok(())) => at += package.len(),
            Ok(Err(error)) => break Err(error),
            Err(error) => return Err(error),
        }
    };
    for (quirk, packages) in decoder.quirks().seen() {
        match quirk {
            Quirk::PackageVersionNotOne => {
                writeln!(out, "note: the version of {packages} package(s) is not 1; read all the same")?;
            }
            Quirk::PackageCountZero => {
                writeln!(out, "note: {packages} package(s) with a count of 0; read as 1")?;
            }
            other => writeln!(out, "note: {packages} package(s) with {}", other.name())?,
        }
    }
    match judgement {
        Ok(()) => writeln!(out, "{} bytes, ended cleanly between two messages", bytes.len()),
        Err(error) => explain(at, &error, out),
    }
}

fn print_header(at: usize, header: &PackageHeader, out: &mut impl Write) -> io::Result<()> {
    let PackageHeader { version, number, count, package_type, payload_length } = header;
    writeln!(
        out,
        "at {at}: {package_type}, {payload_length} bytes, number {number} of {count}, version {version}"
    )
}

/// Feeds one package and prints what it completes.
fn judge(
    decoder: &mut Decoder,
    mut package: &[u8],
    out: &mut impl Write,
) -> io::Result<Result<(), DecodeError>> {
    loop {
        let (consumed, step) = match decoder.decode(package) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        match step {
            Step::Incomplete { .. } => return Ok(Ok(())),
            Step::Json(json) => {
                writeln!(out, "    JSON message, {} bytes: {}", json.len(), beginning_of(json))?;
            }
            Step::FileStart { length: Some(length), .. } => {
                writeln!(out, "    a file of {length} bytes begins")?;
            }
            Step::FileStart { packages, .. } => writeln!(out, "    a file in {packages} packages begins")?,
            Step::FilePayload { held, on_socket } => {
                writeln!(out, "    {} bytes of it are here, {on_socket} are to come", held.len())?;
            }
            Step::FileEnd { length } => writeln!(out, "    the file is whole: {length} bytes")?,
        }
        package = package.get(consumed..).unwrap_or_default();
    }
}

fn explain(at: usize, error: &DecodeError, out: &mut impl Write) -> io::Result<()> {
    let whose = match error.blame() {
        Blame::Peer => "the sender broke the specification",
        Blame::Limit => "no rule is broken, but a limit of ours is lower",
        Blame::Network => "the capture or the connection ended too soon",
        Blame::Local => "a mistake of this program",
    };
    writeln!(out, "at {at}: {error} ({whose})")
}

/// The first of the text, safe to print whatever the sender put in it.
fn beginning_of(json: &[u8]) -> String {
    const SHOWN: usize = 100;
    let text = String::from_utf8_lossy(json);
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A message, a file, a message from a product that leaves the version uninitialised, a message in two packages, and
/// a file that breaks off.
fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    let request =
        br#"{"Type":"MVR_REQUEST","FileUUID":"6f1ff1b6-0f2a-4a0e-9c1c-1f2b6a0c7d11","FromStationUUID":[]}"#;
    encode_json(request, &mut bytes);
    bytes.extend_from_slice(&file_header(4));
    bytes.extend_from_slice(b"PK\x05\x06");

    let reply = br#"{"Type":"MVR_LEAVE_RET","OK":true,"Message":""}"#;
    let single = PackageHeader::single(PackageType::Json, reply.len() as u64);
    bytes.extend_from_slice(&PackageHeader { version: 0x5602, ..single }.to_bytes());
    bytes.extend_from_slice(reply);

    for (number, part) in (0..).zip([r#"{"Type":"MVR_LEAVE","#, r#""FromStationUUID":""}"#]) {
        let single = PackageHeader::single(PackageType::Json, part.len() as u64);
        bytes.extend_from_slice(&PackageHeader { number, count: 2, ..single }.to_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }

    bytes.extend_from_slice(&file_header(2_100_380));
    bytes.extend_from_slice(b"PK\x03\x04 and no more");
    bytes
}
