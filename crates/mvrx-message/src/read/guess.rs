//! What a broken message was meant to be: its sender waits for an answer of that kind.
//!
//! It knows no grammar but texts and nesting, so that what is cut off, doubled or misspelled elsewhere does not matter.

/// The first `Type` (or `MessageType`) of the outermost object, where its value is a text.
pub(crate) fn guess_type(bytes: &[u8]) -> Option<&str> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let (text, end) = text(bytes, at)?;
                at = end;
                if depth == 1 && matches!(text, b"Type" | b"MessageType") {
                    let colon = skip_blank(bytes, at);
                    let value = skip_blank(bytes, colon + 1);
                    if bytes.get(colon) == Some(&b':') && bytes.get(value) == Some(&b'"') {
                        return self::text(bytes, value).and_then(|(name, _)| std::str::from_utf8(name).ok());
                    }
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The text that begins at a quotation mark, as it is written, and where it ends.
fn text(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let mut end = at + 1;
    loop {
        match bytes.get(end)? {
            b'"' => return Some((bytes.get(at + 1..end)?, end + 1)),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let blank = bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace());
    from + blank.count()
}

#[cfg(test)]
mod tests {
    use crate::MessageType;

    #[test]
    fn a_broken_message_is_known_by_its_outermost_type() {
        for (broken, kind) in [
            (r#"{"Type": "MVR_REQUEST", "FileUUID": "#, Some(MessageType::Request)),
            (r#"{"Commits":[{"Type":"MVR_COMMIT"}], "Type" : "MVR_JOIN", oops}"#, Some(MessageType::Join)),
            (r#"{"Comment":"\"Type\":\"MVR_LEAVE\"", "Type":"MVR_COMMIT",,}"#, Some(MessageType::Commit)),
            (r#"{"Type": 7, "MessageType": "MVR_LEAVE""#, Some(MessageType::Leave)),
            (r#"{"Type": "MVR_REQUEST-", x"#, Some(MessageType::Request)),
            (r#"{"Type": "MVR_TOMORROW", x"#, None),
            (r#"{"Type": "MVR_REQ"#, None),
            (r#"["Type""#, None),
            ("", None),
        ] {
            assert_eq!(MessageType::guess(broken.as_bytes()), kind, "{broken}");
        }
    }
}
