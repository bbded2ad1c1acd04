//! Which word was meant.

/// The one of `known` that is nearest to `word`, if one is near: a third of its letters may be wrong, swapped, missing or too many.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = fold(word).take(LONGEST).collect();
    let far = |other: &&str| distance(&word, &fold(other).take(LONGEST).collect::<Vec<_>>());
    let best = known.map(|other| (far(&other), other)).min()?;
    (best.0 <= word.len().div_ceil(3)).then_some(best.1)
}

/// Upper and lower case, `_` and `-` are alike.
fn fold(word: &str) -> impl Iterator<Item = char> {
    word.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() })
}

/// How many letters are to be changed, added, taken away or swapped with the next.
fn distance(a: &[char], b: &[char]) -> usize {
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<usize>>());
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut least = at(&last, j) + usize::from(x != y);
            least = least.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

/// No key has more letters.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found_and_another_one_is_not() {
        let known = ["group", "name", "interface", "any-file"];
        let meant = |word: &str| nearest(word, known.iter().copied());
        assert_eq!(meant("gruop"), Some("group"));
        assert_eq!(meant("any_file"), Some("any-file"));
        assert_eq!(meant("Interfaces"), Some("interface"));
        assert_eq!(meant("colour"), None);
        assert_eq!(meant(""), None);
        assert_eq!(nearest("x", std::iter::empty()), None);
    }
}
