//! The bytes seen in one case, bounded, for people to read beside the verdict.

use std::cell::RefCell;
use std::rc::Rc;

/// Shared by the connections of one case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    lines: Rc<RefCell<Vec<String>>>,
}

/// Which way bytes went, as seen by the judge.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Sent,
    Received,
}

impl Transcript {
    /// Keeps an excerpt; of many the last.
    pub(crate) fn note(&self, way: Way, what: &str, bytes: &[u8]) {
        let mark = match way {
            Way::Sent => '>',
            Way::Received => '<',
        };
        self.push(format!("{mark} {what}, {} bytes: {}", bytes.len(), excerpt(bytes)));
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.borrow_mut())
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.borrow_mut();
        if lines.len() == LINES {
            lines.remove(0);
        }
        lines.push(line);
    }
}

/// Text as text, anything else in hexadecimal; cut where it is long.
fn excerpt(bytes: &[u8]) -> String {
    let head = bytes.get(..TEXT_BYTES).unwrap_or(bytes);
    let text = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        // The cut may go through a character.
        Err(error) if head.len() - error.valid_up_to() < 4 && bytes.len() > head.len() => {
            head.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok())
        }
        Err(_) => None,
    };
    match text {
        Some(text) if !text.is_empty() && !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
            let more = if bytes.len() > text.len() { "…" } else { "" };
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("{text}{more}")
        }
        _ => {
            let shown = bytes.get(..HEX_BYTES).unwrap_or(bytes);
            let more = if bytes.len() > shown.len() { " …" } else { "" };
            let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{more}", hex.join(" "))
        }
    }
}

/// What a person still reads.
const TEXT_BYTES: usize = 400;
const HEX_BYTES: usize = 64;
const LINES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_text_or_hexadecimal_and_never_long() {
        assert_eq!(excerpt(b"{\"a\":\n1}"), "{\"a\": 1}");
        assert_eq!(excerpt(&[0, 11, 225]), "00 0b e1");
        assert_eq!(excerpt(b""), "");
        let long = "ä".repeat(10_000);
        assert!(excerpt(long.as_bytes()).ends_with("ä…"));
        assert!(excerpt(&format!("x{long}").into_bytes()).ends_with("ä…"));
        assert!(excerpt(&[7; 100_000]).len() < 4 * HEX_BYTES);
    }

    #[test]
    fn of_many_lines_the_last_are_kept() {
        let transcript = Transcript::default();
        for number in 0..100 {
            transcript.note(Way::Sent, &number.to_string(), b"x");
        }
        let lines = transcript.take();
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (LINES, "> 99, 1 bytes: x"));
    }
}
