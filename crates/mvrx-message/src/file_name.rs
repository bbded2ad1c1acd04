//! [`safe_file_name`]: a FileName from the wire, which is a hint (Table 72), into a name that is safe to create in a directory of
//! any system: never a path, never empty, ending in `.mvr`.
//!
//! It does not look at any disk: whether the name is taken is the caller's question, and [`numbered`] his answer; what is there is
//! never overwritten. The limit is 255 bytes, the length of a name on the usual file systems.
//!
//! ```
//! use mvrx_message::{numbered, safe_file_name};
//! assert_eq!(safe_file_name("../../etc/cron.d/Show: final"), "Show_ final.mvr");
//! assert_eq!(numbered("Show.mvr", 2), "Show (2).mvr");
//! ```

/// A safe name for what the peer calls `hint`.
///
/// Gone are directories (of both kinds of slash), a drive letter, control characters, characters that turn the direction of writing
/// or cannot be seen, and dots and spaces at either end. Characters that Windows forbids become `_`, its reserved names get one in
/// front. The ending `.mvr` is added where it is missing and made lower case where it is not.
///
/// Applied twice it changes nothing more.
// req: MSG-FILENAME
#[must_use]
pub fn safe_file_name(hint: &str) -> String {
    bounded_file_name(hint, STEM_BYTES + EXTENSION.len())
}

/// As [`safe_file_name`], of at most `bytes` bytes, where that is less; 16 are needed for any name at all.
pub(crate) fn bounded_file_name(hint: &str, bytes: usize) -> String {
    let mut name = safe_stem(hint, bytes.saturating_sub(EXTENSION.len()).min(STEM_BYTES));
    name.push_str(EXTENSION);
    name
}

/// The name to try when `name` is taken: `numbered("Show.mvr", 2)` is `"Show (2).mvr"`. As safe and as short as
/// [`safe_file_name`]; different numbers give different names.
#[must_use]
pub fn numbered(name: &str, number: u32) -> String {
    let suffix = format!(" ({number})");
    let mut numbered = safe_stem(name, STEM_BYTES.saturating_sub(suffix.len()));
    numbered.push_str(&suffix);
    numbered.push_str(EXTENSION);
    numbered
}

/// A safe name without its ending, of at most `bytes` bytes.
fn safe_stem(hint: &str, bytes: usize) -> String {
    let cleaned = hint.rsplit(['/', '\\']).map(clean).find(|c| !c.is_empty()).unwrap_or_default();
    let stem = cleaned
        .len()
        .checked_sub(EXTENSION.len())
        .and_then(|at| cleaned.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case(EXTENSION))
        .map_or(cleaned.as_str(), |(stem, _)| stem);
    let stem = trim(cut(trim(stem), bytes));
    if stem.is_empty() {
        UNNAMED.to_owned()
    } else if is_reserved(stem) {
        // Cut once more: with the underscore it may be a byte too long.
        trim(cut(&format!("_{stem}"), bytes)).to_owned()
    } else {
        stem.to_owned()
    }
}

/// One component of a path without what a name must not have.
fn clean(component: &str) -> String {
    let kept: String = component.chars().filter(|c| !is_unseen(*c)).collect();
    let mut name = trim(&kept);
    // "C:show.mvr" means a file of drive C.
    while let Some((drive, rest)) = name.split_once(':')
        && drive.len() == 1
        && drive.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        name = trim(rest);
    }
    name.chars().map(|c| if FORBIDDEN.contains(&c) { '_' } else { c }).collect()
}

/// Without dots and spaces at either end: Windows drops them behind, and in front a dot hides the file.
fn trim(name: &str) -> &str {
    name.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// The first `bytes` bytes, to a character's boundary.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}'                    // soft hyphen
            | '\u{061c}'                  // Arabic letter mark
            | '\u{180e}'                  // Mongolian vowel separator
            | '\u{200b}'                  // zero width space; the joiners behind it shape letters and stay
            | '\u{200e}' | '\u{200f}'     // direction marks
            | '\u{2028}'..='\u{202e}'     // separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}'     // word joiner, isolates, deprecated controls
            | '\u{feff}'                  // byte order mark
            | '\u{fff9}'..='\u{fffb}'     // annotations
            | '\u{e0000}'..='\u{e007f}'   // tags
        )
}

/// Whether Windows takes it for a device, whatever its ending.
fn is_reserved(stem: &str) -> bool {
    let device = trim(stem.split('.').next().unwrap_or(stem)).to_ascii_uppercase();
    if matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = device.strip_prefix("COM").or_else(|| device.strip_prefix("LPT"));
    port.is_some_and(|number| {
        let mut chars = number.chars();
        let (first, second) = (chars.next(), chars.next());
        first.is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³')) && second.is_none()
    })
}

/// The ending of every name.
const EXTENSION: &str = ".mvr";

/// The name of what has none.
const UNNAMED: &str = "unnamed";

/// 255 bytes of a name, without the ending.
const STEM_BYTES: usize = 255 - EXTENSION.len();

/// What Windows forbids in a name.
const FORBIDDEN: [char; 7] = ['<', '>', ':', '"', '|', '?', '*'];

#[cfg(test)]
mod tests;
