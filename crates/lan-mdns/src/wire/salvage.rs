//! What is left of a message of which a record cannot be read: the others, each by itself.
//!
//! Reflectors and sleep proxies put what several machines said into one message, so one bad record would hide all of them. A record whose
//! length leads elsewhere ends the message; what was before it stands. It deliberately reads only what service discovery is made of; a
//! record of another type is known by its number. Every name pointer leads backwards, so nothing here loops, and nothing is reserved on
//! the word of a count.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{HEADER_BYTES, Message, short};
use crate::Name;
use crate::name::NAME_BYTES;
use crate::record::{Data, Kind, Question, Record, kind};

/// Reads what can be read. The header is in order already.
// req: MDNS-SALVAGE
pub(super) fn salvage(bytes: &[u8]) -> Message {
    let flags = short(bytes, 2).unwrap_or_default();
    let mut message = Message {
        id: short(bytes, 0).unwrap_or_default(),
        response: flags & 0x8000 != 0,
        truncated: flags & 0x0200 != 0,
        ..Message::default()
    };
    let count = |at| short(bytes, at).unwrap_or_default();
    let mut at = HEADER_BYTES;
    for _ in 0..count(4) {
        let Some(name) = end_of_name(bytes, at) else { return message };
        let (Some(asked), Some(class)) = (short(bytes, name), short(bytes, name + 2)) else { return message };
        if let (Some(read), IN | ANY_CLASS) = (read_name(bytes, at), class & !TOP_BIT) {
            message.questions.push(Question { name: read, kind: asked, unicast: class & TOP_BIT != 0 });
        }
        at = name + 4;
    }
    for (section, counted) in [(0, 6), (1, 8), (2, 10)] {
        for _ in 0..count(counted) {
            let Some(end) = end_of_record(bytes, at) else { return message };
            let section = match section {
                0 => &mut message.answers,
                1 => &mut message.authorities,
                _ => &mut message.additionals,
            };
            section.extend(record(bytes, at, end));
            at = end;
        }
    }
    message
}

/// Where a name ends as it stands here, wherever it leads.
fn end_of_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length @ 1..0x40 => at += 1 + usize::from(length),
            // A pointer is the end.
            0xc0.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn end_of_record(bytes: &[u8], at: usize) -> Option<usize> {
    let name = end_of_name(bytes, at)?;
    let end = name + FIXED + usize::from(short(bytes, name + 8)?);
    (end <= bytes.len()).then_some(end)
}

fn read_name(bytes: &[u8], mut at: usize) -> Option<Name> {
    let (mut labels, mut held, mut before) = (Vec::new(), 0, at);
    loop {
        match *bytes.get(at)? {
            0 => return Name::from_labels(labels).ok(),
            length @ 1..0x40 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(length))?;
                held += label.len() + 1;
                if held > NAME_BYTES {
                    return None;
                }
                labels.push(label);
                at += 1 + usize::from(length);
            }
            0xc0.. => {
                let to = usize::from(short(bytes, at)? & 0x3fff);
                if to >= before {
                    return None;
                }
                (at, before) = (to, to);
            }
            _ => return None,
        }
    }
}

fn record(bytes: &[u8], at: usize, end: usize) -> Option<Record> {
    let fixed = end_of_name(bytes, at)?;
    let (kind, class) = (short(bytes, fixed)?, short(bytes, fixed + 2)?);
    if class & !TOP_BIT != IN {
        return None;
    }
    let ttl =
        bytes.get(fixed + 4..fixed + 8).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_be_bytes)?;
    let data = data(bytes, kind, fixed + FIXED, end)?;
    Some(Record { name: read_name(bytes, at)?, data, ttl, flush: class & TOP_BIT != 0 })
}

fn data(bytes: &[u8], kind: Kind, at: usize, end: usize) -> Option<Data> {
    let raw = bytes.get(at..end)?;
    // A name that ends before its record does, or behind it, is not what was meant.
    let last_name = |at| (end_of_name(bytes, at)? == end).then(|| read_name(bytes, at)).flatten();
    Some(match kind {
        kind::A => Data::A(Ipv4Addr::from(<[u8; 4]>::try_from(raw).ok()?)),
        kind::AAAA => Data::Aaaa(Ipv6Addr::from(<[u8; 16]>::try_from(raw).ok()?)),
        kind::PTR => Data::Ptr(last_name(at)?),
        kind::TXT => Data::Txt(strings(raw)?),
        kind::SRV => Data::Srv {
            priority: short(raw, 0)?,
            weight: short(raw, 2)?,
            port: short(raw, 4)?,
            target: last_name(at + 6)?,
        },
        kind::NSEC => {
            let bitmaps = end_of_name(bytes, at).filter(|name| *name <= end)?;
            Data::Nsec { next: read_name(bytes, at)?, kinds: kinds(bytes.get(bitmaps..end)?)? }
        }
        kind => Data::Other { kind },
    })
}

/// The strings that have a key (RFC 6763, 6.4).
fn strings(mut raw: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    while let Some((length, rest)) = raw.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        if !string.is_empty() && !string.starts_with(b"=") {
            strings.push(string.to_vec());
        }
        raw = rest;
    }
    Some(strings)
}

fn kinds(mut raw: &[u8]) -> Option<Vec<Kind>> {
    let mut kinds = Vec::new();
    while let [window, length, rest @ ..] = raw {
        let (bits, rest) = rest.split_at_checked(usize::from(*length))?;
        for (byte, bit) in
            bits.iter().enumerate().flat_map(|(at, byte)| (0..8).map(move |bit| ((at, byte), bit)))
        {
            if byte.1 & (0x80 >> bit) != 0 {
                let low = u16::try_from(byte.0 * 8 + bit).ok().filter(|low| *low < 256)?;
                kinds.push(u16::from(*window) << 8 | low);
            }
        }
        raw = rest;
    }
    raw.is_empty().then_some(kinds)
}

const IN: u16 = 1;

const ANY_CLASS: u16 = 255;

/// Of a class: in a question QU, in a record the cache-flush bit.
const TOP_BIT: u16 = 0x8000;

/// Type, class, TTL and length.
const FIXED: usize = 10;
