//! Reads a whole stream in the plainest way, written from Table 66 and not from the decoder.

use mvrx_wire::{DecodeError, Limits, PackageType};

use super::{Message, Transcript};

const MAGIC: u32 = 778_682;

/// What a stream says, if all of it is at hand.
pub fn model(stream: &[u8], limits: Limits) -> Transcript {
    let mut transcript = Transcript::default();
    let mut at = 0;
    let end = loop {
        if at == stream.len() {
            break None;
        }
        match message(stream, &mut at, limits, &mut transcript) {
            Ok(()) => {}
            Err(error) => break Some(error),
        }
    };
    transcript.end = end;
    transcript
}

fn message(stream: &[u8], at: &mut usize, limits: Limits, out: &mut Transcript) -> Result<(), DecodeError> {
    let mut json = Vec::new();
    let mut first: Option<(u32, u32)> = None; // count, type
    let mut total = 0u64;
    for expected in 0.. {
        let count = first.map_or(1, |(count, _)| count);
        if expected == count {
            break;
        }
        if *at == stream.len() {
            return Err(DecodeError::StreamEndedWithinMessage { received: expected, count });
        }
        let Fields { version, number, count, kind, length } = fields(&stream[*at..])?;
        *at += 28;
        if version != 1 && limits.strict_version {
            return Err(DecodeError::PackageVersionRefused { got: version, allowed: 1 });
        }
        out.quirks[0] += u64::from(version != 1);
        out.quirks[1] += u64::from(count == 0);
        let packages = count.max(1);
        in_one_message(first, packages, count, kind)?;
        if number != expected {
            return Err(DecodeError::PackageNumberOutOfOrder { got: number, expected });
        }
        if packages > limits.packages_per_message {
            let limit = limits.packages_per_message;
            return Err(DecodeError::PackageCountAboveLimit { count: packages, limit });
        }
        let sum = u128::from(total) + u128::from(length);
        let Ok(sum) = u64::try_from(sum) else {
            return Err(DecodeError::MessageLengthOverflows { before: total, length });
        };
        total = sum;
        if kind == 0 && total > limits.json_bytes as u64 {
            return Err(DecodeError::JsonLongerThanLimit { got: total, limit: limits.json_bytes as u64 });
        }
        if kind == 1 && total > limits.file_bytes {
            return Err(DecodeError::FileLongerThanLimit { got: total, limit: limits.file_bytes });
        }
        if kind == 1 && first.is_none() {
            let length = (packages == 1).then_some(length);
            out.messages.push(Message::File { length, packages, bytes: Vec::new(), whole: false });
        }
        first = Some((packages, kind));
        let here = stream.len() - *at;
        let taken = usize::try_from(length).unwrap_or(usize::MAX).min(here);
        let payload = &stream[*at..*at + taken];
        *at += taken;
        match out.messages.last_mut() {
            Some(Message::File { bytes, .. }) if kind == 1 => bytes.extend_from_slice(payload),
            _ => json.extend_from_slice(payload),
        }
        if (taken as u64) < length {
            let missing = length - taken as u64;
            return Err(DecodeError::StreamEndedInPayload { package_type: package_type(kind), missing });
        }
    }
    match (first, out.messages.last_mut()) {
        (Some((_, 1)), Some(Message::File { whole, .. })) => *whole = true,
        _ => out.messages.push(Message::Json(json)),
    }
    Ok(())
}

/// Whether a package has the type and count of its message's first one.
fn in_one_message(
    first: Option<(u32, u32)>,
    packages: u32,
    count: u32,
    kind: u32,
) -> Result<(), DecodeError> {
    let Some((first_count, first_kind)) = first else { return Ok(()) };
    if kind != first_kind {
        let (got, expected) = (package_type(kind), package_type(first_kind));
        return Err(DecodeError::PackageTypeChangedWithinMessage { got, expected });
    }
    if packages != first_count {
        return Err(DecodeError::PackageCountChangedWithinMessage { got: count, expected: first_count });
    }
    Ok(())
}

fn package_type(kind: u32) -> PackageType {
    if kind == 0 { PackageType::Json } else { PackageType::File }
}

struct Fields {
    version: u32,
    number: u32,
    count: u32,
    kind: u32,
    length: u64,
}

fn fields(rest: &[u8]) -> Result<Fields, DecodeError> {
    let number =
        |at: usize, bytes: usize| rest[at..at + bytes].iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
    let word = |index: usize| u32::try_from(number(index * 4, 4)).unwrap();
    if rest.len() >= 4 && word(0) != MAGIC {
        return Err(DecodeError::MagicIsNotThatOfAPackage { got: word(0), expected: MAGIC });
    }
    if rest.len() < 28 {
        return Err(DecodeError::StreamEndedInHeader { missing: 28 - rest.len() as u64 });
    }
    let fields =
        Fields { version: word(1), number: word(2), count: word(3), kind: word(4), length: number(20, 8) };
    if fields.kind > 1 {
        return Err(DecodeError::PackageTypeUnknown { got: fields.kind });
    }
    if fields.number >= fields.count.max(1) {
        return Err(DecodeError::PackageNumberNotBelowCount { number: fields.number, count: fields.count });
    }
    Ok(fields)
}
