//! Reads casebook/rfc6455.txt; the file says how it is written.

use mvrx_transport::ws::{Role, mask};

const BOOK: &str = include_str!("rfc6455.txt");
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    input: Vec<String>,
    pub(crate) outcomes: Vec<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Text(usize),
    Binary(usize),
    Pong(Vec<u8>),
    Close(Option<u16>),
    Cut(Option<u16>),
    Fail(Option<u16>),
}

pub(crate) fn cases() -> Vec<Case> {
    let lines = BOOK.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let cases: Vec<Case> = lines.map(case).collect();
    assert!(cases.len() > 200, "the casebook has only {} cases", cases.len());
    cases
}

/// A close frame to `role`.
pub(crate) fn close(role: Role, code: u16) -> Vec<u8> {
    let mut out = Vec::new();
    frame(&format!("X\"{code}\""), role, &mut out);
    out
}

impl Case {
    /// What comes in, sent to `role`.
    pub(crate) fn bytes(&self, role: Role) -> Vec<u8> {
        let mut out = Vec::new();
        let mut key = None;
        for item in &self.input {
            if let Some(head) = item.strip_prefix("raw:head") {
                let mut head = hex(head);
                if role == Role::Server {
                    head[1] |= 0x80;
                    head.extend_from_slice(&KEY);
                    key = Some(KEY);
                }
                out.extend_from_slice(&head);
            } else if let Some(raw) = item.strip_prefix("raw:") {
                out.extend_from_slice(&hex(raw));
            } else if item.starts_with('#') {
                let mut payload = payload(item);
                if let Some(key) = key {
                    mask(&mut payload, key);
                }
                out.extend_from_slice(&payload);
            } else {
                frame(item, role, &mut out);
            }
        }
        out
    }
}

fn case(line: &str) -> Case {
    let parts: Vec<&str> = line.splitn(3, " | ").map(str::trim).collect();
    let [id, input, outcomes] = parts[..] else { panic!("{line}") };
    let outcomes = split(outcomes, ',').iter().map(|text| outcome(text)).collect();
    Case { id: id.to_owned(), input: split(input, ' '), outcomes }
}

fn outcome(text: &str) -> Outcome {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let code = || rest.parse().ok();
    match word {
        "text" => Outcome::Text(rest.parse().unwrap()),
        "binary" => Outcome::Binary(rest.parse().unwrap()),
        "pong" => Outcome::Pong(payload(rest)),
        "close" => Outcome::Close(code()),
        "cut" => Outcome::Cut(code()),
        "fail" => Outcome::Fail(Some(code().unwrap())),
        _ => panic!("{text}"),
    }
}

/// Splits where the separator is outside of quotes.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for letter in text.chars() {
        quoted ^= letter == '"';
        if letter == separator && !quoted {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn payload(text: &str) -> Vec<u8> {
    if let Some(bytes) = text.strip_prefix('#') {
        return hex(bytes);
    }
    if let Some(count) = text.strip_prefix('*') {
        return vec![b'a'; count.parse().unwrap()];
    }
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_else(|| panic!("{text}")).into()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `[U][R<bits>][L16|L64](T|B|C|P|O|X or small|N<opcode>)payload`
fn frame(item: &str, role: Role, out: &mut Vec<u8>) {
    let mut rest = item;
    let wrong_mask = take(&mut rest, "U");
    let bits: u8 = if take(&mut rest, "R") { digit(&mut rest) } else { 0 };
    let (two, eight) = (take(&mut rest, "L16"), take(&mut rest, "L64"));
    let letter = rest.chars().next().unwrap();
    rest = &rest[1..];
    let opcode = match letter.to_ascii_uppercase() {
        'C' => 0,
        'T' => 1,
        'B' => 2,
        'X' => 8,
        'P' => 9,
        'O' => 10,
        'N' => {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap();
            let number = rest[..digits].parse().unwrap();
            rest = &rest[digits..];
            number
        }
        _ => panic!("{item}"),
    };
    let mut payload = if opcode == 8 { close_payload(rest) } else { payload(rest) };
    let masked = (role == Role::Server) != wrong_mask;
    out.push(opcode | bits << 4 | if letter.is_ascii_uppercase() { 0x80 } else { 0 });
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        length if two || (!eight && (126..65_536).contains(&length)) => {
            out.push(126 | mask_bit);
            out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length if eight || length > 125 => {
            out.push(127 | mask_bit);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
        length => out.push(u8::try_from(length).unwrap() | mask_bit),
    }
    if masked {
        out.extend_from_slice(&KEY);
        mask(&mut payload, KEY);
    }
    out.extend_from_slice(&payload);
}

fn close_payload(text: &str) -> Vec<u8> {
    if text.starts_with('#') || text == "\"\"" {
        return payload(text);
    }
    let (quoted, letters) = text.split_once('*').unwrap_or((text, "0"));
    let quoted = quoted.trim_matches('"');
    let (code, reason) = quoted.split_once(':').unwrap_or((quoted, ""));
    let mut payload = code.parse::<u16>().unwrap().to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    payload.resize(payload.len() + letters.parse::<usize>().unwrap(), b'a');
    payload
}

fn take(text: &mut &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix);
    *text = rest.unwrap_or(text);
    rest.is_some()
}

fn digit(text: &mut &str) -> u8 {
    let (digit, rest) = text.split_at(1);
    *text = rest;
    digit.parse().unwrap()
}
