//! Writes the offsets in a zip directory as differences, so that a directory whose members all moved along reads as before.
//!
//! An entry says where its member begins. Where one member grows, all later ones move, and each entry has another number. Folded, an
//! entry says how far its member begins from where it would if it followed the one before it. It knows entries of the directory alone
//! (APPNOTE 4.3.12) and leaves the bytes from the first thing on that is none; unfolding walks the same entries, since lengths and names
//! stay as they are. Any bytes can be folded, and unfolded bytes are what was folded.

/// Replaces offsets by differences.
pub(crate) fn fold(bytes: &mut [u8]) {
    walk(bytes, |stored, expected| (stored.wrapping_sub(expected), stored));
}

/// Replaces differences by offsets.
pub(crate) fn unfold(bytes: &mut [u8]) {
    walk(bytes, |stored, expected| {
        let offset = stored.wrapping_add(expected);
        (offset, offset)
    });
}

/// `change` is given what an entry has and what was expected, and gives what it shall have and the offset that it means.
fn walk(bytes: &mut [u8], change: impl Fn(u32, u32) -> (u32, u32)) {
    let (mut rest, mut expected) = (bytes, 0_u32);
    while let Some((entry, behind)) = rest.split_first_chunk_mut::<ENTRY>() {
        let number =
            |at: usize| entry.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let short = |at: usize| number(at) & 0xFFFF;
        if number(0) != SIGNATURE {
            return;
        }
        let name = short(28);
        let variable = name + short(30) + short(32);
        let (shown, offset) = change(number(42), expected);
        expected = offset.wrapping_add(LOCAL_HEADER).wrapping_add(name).wrapping_add(number(20));
        if let Some(field) = entry.get_mut(42..) {
            field.copy_from_slice(&shown.to_le_bytes());
        }
        let Some((_, next)) = behind.split_at_mut_checked(variable as usize) else { return };
        rest = next;
    }
}

const SIGNATURE: u32 = 0x0201_4B50;
const ENTRY: usize = 46;
const LOCAL_HEADER: u32 = 30;

#[cfg(test)]
mod tests {
    use super::{fold, unfold};
    use mvrx_file::generate::Recipe;
    use mvrx_file::{Archive, Limits};
    use proptest::prelude::*;

    fn directory(recipe: &Recipe) -> Vec<u8> {
        let bytes = recipe.to_bytes();
        let archive = Archive::open(std::io::Cursor::new(&bytes), &Limits::default()).unwrap();
        bytes[usize::try_from(archive.directory_begins_at()).unwrap()..].to_vec()
    }

    #[test]
    fn members_that_moved_along_read_as_before() {
        let [mut one, mut other] = [12, 24].map(|fixtures| directory(&Recipe::new(1).fixtures(fixtures)));
        let differing = |one: &[u8], other: &[u8]| one.iter().zip(other).filter(|(a, b)| a != b).count();
        assert_eq!(one.len(), other.len());
        let before = differing(&one, &other);
        fold(&mut one);
        fold(&mut other);
        // The changed member's checksum and two sizes, and where the directory begins.
        assert!(differing(&one, &other) <= 16 && before > 40, "{before} {}", differing(&one, &other));
    }

    proptest! {
        #[test]
        fn unfolds_whatever_was_folded(edits in prop::collection::vec(any::<(u16, u8)>(), 0..20), cut: u16) {
            let mut bytes = directory(&Recipe::new(2));
            for (at, byte) in edits {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(usize::from(cut));
            let mut folded = bytes.clone();
            fold(&mut folded);
            unfold(&mut folded);
            prop_assert_eq!(folded, bytes);
        }
    }
}
