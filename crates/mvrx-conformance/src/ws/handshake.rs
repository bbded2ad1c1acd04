//! The opening handshake (RFC 6455, 4), from both sides.

use std::time::Instant;

use data_encoding::BASE64;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::transcript::{Transcript, Way};
use crate::wire::Wire;

/// What the server said.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The key that the judge sent.
    pub(crate) key: String,
}

impl Opened {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.status == "101"
    }
}

/// What a client asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Its first line.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Waits for what a client asks for.
pub(crate) fn hear(wire: &mut Wire, until: Instant, transcript: &Transcript) -> Result<Asked, String> {
    let head = read_head(wire, until)?;
    transcript.note(Way::Received, "handshake", head.as_bytes());
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    Ok(Asked { line, headers: headers(lines) })
}

/// Answers it; whether a WebSocket is open then. One without a key cannot be.
pub(crate) fn grant(wire: &mut Wire, asked: &Asked, transcript: &Transcript) -> bool {
    let key = asked.header("Sec-WebSocket-Key");
    let answer = match key {
        Some(key) => format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            accept(key)
        ),
        None => "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    transcript.note(Way::Sent, "handshake", answer.as_bytes());
    wire.write(answer.as_bytes()).is_ok() && key.is_some()
}

/// What a server has to answer to this key.
pub(crate) fn accept(key: &str) -> String {
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// Asks for a WebSocket and reads the answer's head.
pub(crate) fn open(
    wire: &mut Wire,
    host: &str,
    path: &str,
    until: Instant,
    transcript: &Transcript,
) -> Result<Opened, String> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let key = BASE64.encode(&nonce);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
    transcript.note(Way::Sent, "handshake", request.as_bytes());
    wire.write(request.as_bytes())
        .map_err(|_| "the connection was closed during the handshake".to_owned())?;
    let head = read_head(wire, until)?;
    transcript.note(Way::Received, "handshake", head.as_bytes());
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    if !first.starts_with("HTTP/1.1 ") {
        return Err(format!("the handshake was answered with \"{first}\""));
    }
    Ok(Opened {
        status: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        headers: headers(lines),
        key,
    })
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// All lines up to the empty one.
fn read_head(wire: &mut Wire, until: Instant) -> Result<String, String> {
    loop {
        if let Some(end) = wire.ready().windows(4).position(|part| part == b"\r\n\r\n") {
            return Ok(String::from_utf8_lossy(&wire.take(end + 4)).into_owned());
        }
        let here = wire.ready().len();
        if here > HEAD {
            return Err(format!("a handshake of more than {HEAD} bytes"));
        }
        wire.fill(here + 1, until).map_err(|_| "the handshake was not answered".to_owned())?;
    }
}

const HEAD: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_standards_example() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
