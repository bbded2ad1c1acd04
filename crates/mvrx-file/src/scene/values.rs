//! Reads the value types of MVR table 43, tolerating every spelling that products were seen to write.

use uuid::Uuid;

use super::SLOTS;

/// A UUID as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UuidText {
    /// Nothing there.
    Empty,
    /// In the form that the format demands.
    Proper(Uuid),
    /// Readable, but with braces, blanks or without hyphens.
    Loose(Uuid),
    /// Not a UUID.
    Unreadable,
}

impl UuidText {
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Empty;
        }
        // req: MVR-UUID-CASE
        if let (36, Ok(uuid)) = (text.len(), Uuid::try_parse(text)) {
            return Self::Proper(uuid);
        }
        let mut value: u128 = 0;
        let mut digits = 0;
        for character in text.chars() {
            match character.to_digit(16) {
                Some(digit) if digits < 32 => {
                    value = value << 4 | u128::from(digit);
                    digits += 1;
                }
                None if matches!(character, '-' | '{' | '}' | ' ') => {}
                _ => return Self::Unreadable,
            }
        }
        if digits == 32 { Self::Loose(Uuid::from_u128(value)) } else { Self::Unreadable }
    }

    pub(super) fn uuid(self) -> Option<Uuid> {
        match self {
            Self::Proper(uuid) | Self::Loose(uuid) => Some(uuid),
            Self::Empty | Self::Unreadable => None,
        }
    }
}

/// An absolute address, or `universe.slot`; an error names what is wrong.
pub(super) fn address(text: &str) -> Result<u32, &'static str> {
    let text = text.trim();
    // req: MVR-ADDRESS-FORMS
    if let Some((universe, slot)) = text.split_once('.') {
        let universe: u32 = universe.parse().map_err(|_| "it is not a number")?;
        let slot: u32 = slot.parse().map_err(|_| "it is not a number")?;
        if universe == 0 || slot == 0 || slot > SLOTS {
            return Err("universes count from 1 and slots from 1 to 512");
        }
        let start = (universe - 1).checked_mul(SLOTS).ok_or("it is larger than any universe")?;
        return start
            .checked_add(slot)
            .filter(|absolute| *absolute <= LARGEST)
            .ok_or("it is larger than any universe");
    }
    let absolute: i64 = text.parse().map_err(|_| "it is not a number")?;
    let absolute = u32::try_from(absolute).map_err(|_| "it is negative or larger than any universe")?;
    if absolute > LARGEST { Err("it is larger than any universe") } else { Ok(absolute) }
}

/// `x,y,Y`.
pub(super) fn is_color(text: &str) -> bool {
    let mut numbers = text.split(',');
    let three = (0..3)
        .all(|_| numbers.next().is_some_and(|number| number.trim().parse::<f64>().is_ok_and(f64::is_finite)));
    three && numbers.next().is_none()
}

/// 65,536 universes are more than any protocol can carry to a stage (sACN has 63,999).
const LARGEST: u32 = 65_536 * SLOTS;
