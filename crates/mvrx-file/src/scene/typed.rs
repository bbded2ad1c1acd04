//! The value types of MVR table 43: is this text one of them, and would the official schema think so, too?

use std::net::{Ipv4Addr, Ipv6Addr};

use super::matrix::Matrix;
use super::values::{self, UuidText};

/// What the text of an element or attribute has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// There is none.
    Nothing,
    /// Any text.
    Free,
    /// Any text and any elements.
    Anything,
    Integer,
    /// A whole number from 0.
    Count,
    Number,
    Boolean,
    /// The UUID of the thing itself.
    Identity,
    /// The UUID of something else, or nothing.
    Reference,
    Matrix,
    Color,
    Address,
    Break,
    Ipv4,
    Ipv6,
    OneOf(&'static [&'static str]),
    OneOfOrEmpty(&'static [&'static str]),
}

/// What is to be said about a value, as a clause that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Readable, and yet refused by the official schema.
    Stricter(&'static str),
    Wrong(&'static str),
}

pub(super) fn verdict(text: Text, value: &str) -> Verdict {
    let trimmed = value.trim();
    match text {
        Text::Nothing | Text::Free | Text::Anything => Verdict::Fine,
        Text::Integer => whole(trimmed, "is not a whole number", |_| true),
        Text::Count | Text::Break => whole(trimmed, "is not a whole number from 0", |number| {
            !number.starts_with('-') || is_zero(number)
        }),
        Text::Number => sure(is_number(trimmed), "is not a number"),
        Text::Boolean => sure(matches!(trimmed, "true" | "false" | "0" | "1"), "is neither true nor false"),
        Text::Identity | Text::Reference => uuid(value),
        Text::Matrix => {
            let read = Matrix::parse(value).is_some();
            strict(read, is_strict_matrix(value), "is not four groups of three numbers")
        }
        Text::Color => {
            let parts = value.split(',').filter(|part| is_plain_decimal(part)).count();
            let plain = parts == 3 && value.split(',').count() == 3;
            strict(values::is_color(value), plain, "is not three numbers x,y,Y")
        }
        Text::Address => address(value),
        // The schema would also take 999.
        Text::Ipv4 => strict(trimmed.parse::<Ipv4Addr>().is_ok(), value == trimmed, "is not an IPv4 address"),
        // What the schema demands no address can be, so only the text counts.
        Text::Ipv6 => sure(trimmed.parse::<Ipv6Addr>().is_ok(), "is not an IPv6 address"),
        Text::OneOf(known) => {
            strict(known.contains(&trimmed), value == trimmed, "is not one of the values that MVR knows")
        }
        Text::OneOfOrEmpty(known) => {
            sure(trimmed.is_empty() || known.contains(&trimmed), "is not one of the values that MVR knows")
        }
    }
}

fn sure(right: bool, why: &'static str) -> Verdict {
    if right { Verdict::Fine } else { Verdict::Wrong(why) }
}

fn strict(readable: bool, strictly: bool, why: &'static str) -> Verdict {
    match (readable, strictly) {
        (true, true) => Verdict::Fine,
        (true, false) => Verdict::Stricter("is written in an unusual way"),
        (false, _) => Verdict::Wrong(why),
    }
}

fn uuid(value: &str) -> Verdict {
    match UuidText::read(value) {
        UuidText::Empty => Verdict::Fine,
        UuidText::Proper(_) if value.trim() != value => Verdict::Stricter("has blanks around it"),
        UuidText::Proper(_) => Verdict::Fine,
        UuidText::Loose(_) => Verdict::Wrong(OTHER_FORM),
        UuidText::Unreadable => Verdict::Wrong("is not a UUID"),
    }
}

fn address(value: &str) -> Verdict {
    // The schema does not know universe.slot, the text does.
    match values::address(value) {
        Ok(_) => Verdict::Fine,
        Err(reason) => Verdict::Wrong(reason),
    }
}

/// A whole number that also fits what consoles keep it in.
fn whole(text: &str, why: &'static str, fits: impl Fn(&str) -> bool) -> Verdict {
    let is_whole = text.parse::<i64>().is_ok() && fits(text);
    sure(is_whole, why)
}

fn is_zero(number: &str) -> bool {
    number.trim_start_matches('-').bytes().all(|byte| byte == b'0')
}

/// As XML Schema writes floating point numbers: no `inf`, no hexadecimal.
fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
        && !text.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'))
}

/// Digits with a point in or behind them, and a minus before them at most.
fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    !before.is_empty() && [before, after].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The schema's pattern: no blanks, no plus, exponents with a small e.
fn is_strict_matrix(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return false };
    inner.split("}{").flat_map(|group| group.split(',')).all(|number| {
        let (mantissa, exponent) = number.split_once('e').unwrap_or((number, ""));
        let exponent = exponent.strip_prefix('-').unwrap_or(exponent);
        is_plain_decimal(mantissa) && exponent.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Readable, but not as the format writes a UUID.
pub(super) const OTHER_FORM: &str = "is not in the form 8-4-4-4-12";
