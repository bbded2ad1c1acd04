//! Looks at one field of a message: as the table has it, as the specification's own examples have it (tolerated), or neither.

use serde_json::Value;

use crate::verdict::{Outcome, fail, tolerated};

/// The message is of this type.
pub(crate) fn is(message: &Value, wanted: &str) -> Outcome {
    match message.get("Type") {
        Some(Value::String(kind)) if kind == wanted => Ok(()),
        Some(kind) => fail(format!("Type is {kind}, not \"{wanted}\"")),
        None => fail("there is no Type"),
    }
}

/// A truth value that is there.
pub(crate) fn truth(message: &Value, wanted: bool) -> Outcome {
    match message.get("OK") {
        Some(Value::Bool(ok)) if *ok == wanted => Ok(()),
        Some(Value::Bool(ok)) => fail(format!("OK is {ok}")),
        Some(Value::String(text)) if text.eq_ignore_ascii_case(&wanted.to_string()) => {
            tolerated("OK is a text, as in the specification's examples")
        }
        Some(other) => fail(format!("OK is {other}")),
        None => fail("there is no OK"),
    }
}

/// A text that says something.
pub(crate) fn text(message: &Value, key: &str) -> Outcome {
    match message.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(()),
        Some(Value::String(_)) => fail(format!("{key} is empty")),
        Some(other) => fail(format!("{key} is {other}, no text")),
        None => fail(format!("there is no {key}")),
    }
}

/// A text that may be missing or empty.
pub(crate) fn text_or_nothing(message: &Value, key: &str) -> Outcome {
    match message.get(key) {
        Some(Value::String(_)) | None => Ok(()),
        Some(Value::Null) => tolerated(format!("{key} is null")),
        Some(other) => fail(format!("{key} is {other}, no text")),
    }
}

/// A whole number from 0 on.
pub(crate) fn number(message: &Value, key: &str) -> Outcome {
    match message.get(key) {
        Some(Value::Number(number)) if number.is_u64() => Ok(()),
        Some(Value::Number(number)) if number.as_f64().is_some_and(|n| n >= 0.0 && n.fract() == 0.0) => {
            tolerated(format!("{key} is {number}, a number with a point"))
        }
        Some(Value::String(text)) if text.parse::<u64>().is_ok() => {
            tolerated(format!("{key} is a text, as in the specification's examples"))
        }
        Some(other) => fail(format!("{key} is {other}")),
        None => fail(format!("there is no {key}")),
    }
}

/// A UUID that is somebody's.
pub(crate) fn uuid(message: &Value, key: &str) -> Outcome {
    match message.get(key) {
        Some(Value::String(text)) => uuid_text(key, text),
        Some(other) => fail(format!("{key} is {other}, no text")),
        None => fail(format!("there is no {key}")),
    }
}

fn uuid_text(key: &str, text: &str) -> Outcome {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let others: String = text.chars().filter(|c| !c.is_ascii_hexdigit()).collect();
    if digits.len() != 32 || !matches!(others.as_str(), "----" | "{----}" | "" | "{}") {
        return fail(format!("{key} is \"{text}\", no UUID"));
    }
    if digits.chars().all(|digit| digit == '0') {
        return fail(format!("{key} is the nil UUID, which is nobody's"));
    }
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if hyphens != [8, 13, 18, 23] {
        return tolerated(format!("{key} is \"{text}\", spelled in a way that not every product reads"));
    }
    if text.chars().any(|c| c.is_ascii_uppercase()) {
        return tolerated(format!("{key} is in upper case: some products compare the texts"));
    }
    Ok(())
}

/// A list of commits under the tables' key.
pub(crate) fn commits(message: &Value) -> Outcome {
    match (message.get("Commits"), message.get("Files")) {
        (Some(Value::Array(_)), _) | (None, None) => Ok(()),
        (Some(Value::Null), _) => tolerated("Commits is null"),
        (Some(other), _) => fail(format!("Commits is {other}, no list")),
        (None, Some(Value::Array(_))) => {
            tolerated("the list is called Files, as in the specification's examples")
        }
        (None, Some(other)) => fail(format!("Files is {other}, no list")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verdict::Verdict;

    fn verdict(outcome: Outcome) -> Verdict {
        outcome.map_or_else(|finding| finding.verdict, |()| Verdict::Pass)
    }

    #[test]
    fn numbers_are_whole_and_from_0_on() {
        for (value, wanted) in [
            (json!(0), Verdict::Pass),
            (json!(1.0), Verdict::Tolerated),
            (json!("6"), Verdict::Tolerated),
            (json!(-1), Verdict::Fail),
            (json!("1.6"), Verdict::Fail),
            (json!(1.5), Verdict::Fail),
            (Value::Null, Verdict::Fail),
        ] {
            assert_eq!(verdict(number(&json!({ "n": value }), "n")), wanted, "{value}");
        }
    }

    #[test]
    fn uuids_are_judged_by_their_spelling() {
        for (text, wanted) in [
            ("4aa291a1-1a62-45fe-aabc-e90e5e2399a8", Verdict::Pass),
            ("4AA291A1-1A62-45FE-AABC-E90E5E2399A8", Verdict::Tolerated),
            ("{4aa291a1-1a62-45fe-aabc-e90e5e2399a8}", Verdict::Tolerated),
            ("4aa291a11a6245feaabce90e5e2399a8", Verdict::Tolerated),
            ("00000000-0000-0000-0000-000000000000", Verdict::Fail),
            ("4aa291a1-1a62-45fe-aabc-e90e5e2399a", Verdict::Fail),
            ("", Verdict::Fail),
        ] {
            assert_eq!(verdict(uuid(&json!({ "u": text }), "u")), wanted, "{text}");
        }
    }
}
