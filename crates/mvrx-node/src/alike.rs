//! Names that a person takes for one another, and what tells them apart. Knows nothing of groups or stations.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use crate::shown::{cut_name, name as plain_name, tame};

/// Names, filed by how they look: of thousands each finds those it is easily taken for.
#[derive(Debug)]
pub struct Lookalikes(BTreeMap<String, Vec<String>>);

impl Lookalikes {
    /// Files these names.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut filed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            for key in keys(name) {
                filed.entry(key).or_default().push(name.clone());
            }
        }
        Self(filed)
    }

    /// Those that a person takes for this one, a dozen at most.
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for other in keys(name).iter().filter_map(|key| self.0.get(key)).flatten() {
            if found.len() == MOST {
                break;
            }
            if !found.contains(other) && Difference::between(other, name).is_some() {
                found.push(other.clone());
            }
        }
        found.sort();
        found
    }
}

/// How two names differ that a person takes for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Upper and lower case alone.
    Case,
    /// Blanks: at the ends, doubled, or of another kind.
    Blanks,
    /// The same letters, put together in another way: Unicode's NFC and NFD.
    Composition,
    /// Letters of another alphabet that look the same, digits for letters.
    Letters,
    /// Accents and signs between the letters.
    Signs,
}

impl Difference {
    /// Between two names; `None` if they are the same, or nobody takes them for one another.
    // req: DIS-NEAR-MISS
    #[must_use]
    pub fn between(a: &str, b: &str) -> Option<Self> {
        let same = |fold: fn(&str) -> String| fold(a) == fold(b);
        if a == b {
            None
        } else if same(str::to_lowercase) {
            Some(Self::Case)
        } else if same(|text| decomposed(&text.to_lowercase())) {
            Some(Self::Composition)
        } else if same(|text| without_blanks(&decomposed(&text.to_lowercase()))) {
            Some(Self::Blanks)
        } else if same(|text| letters(&decomposed(&text.to_lowercase()))) {
            Some(Self::Signs)
        } else if same(|text| looks(&text.to_lowercase())) || same(looks) {
            Some(Self::Letters)
        } else {
            None
        }
    }

    /// What counts, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Case => "spelling and case count",
            Self::Blanks => "blanks count, also at the ends",
            Self::Composition => {
                "they look the same, but their letters are put together in another way (Unicode NFC and NFD)"
            }
            Self::Letters => "letters of another alphabet, or digits for letters, only look the same",
            Self::Signs => "accents and signs count",
        }
    }
}

/// A name between marks, so that blanks at its ends are seen; what cannot be seen is spelled out.
#[must_use]
pub fn quoted(name: &str) -> String {
    let mut shown = String::from("\"");
    for c in cut_name(name).chars() {
        let tamed = tame(c.encode_utf8(&mut [0; 4]));
        if is_invisible(c) || tamed.chars().any(|c| c.is_whitespace() && c != ' ') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push_str(&tamed);
        }
    }
    shown.push('"');
    shown
}

/// A name as it is, or between marks where it has blanks or signs that one would not see.
#[must_use]
pub fn shown(name: &str) -> String {
    let plain = plain_name(name);
    let odd = name.trim() != name || name.contains("  ") || name.is_empty();
    if odd || quoted(name).len() > plain.len() + 2 { quoted(name) } else { plain }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn decomposed(text: &str) -> String {
    text.nfd().collect()
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect()
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Names that are taken for one another have one of these in common.
fn keys(name: &str) -> [String; 2] {
    [looks(&name.to_lowercase()), looks(name)]
}

/// How it looks, accents and signs aside (Unicode's UTS 39).
fn looks(text: &str) -> String {
    letters(&skeleton(text).collect::<String>().to_lowercase())
}

/// More that look alike say nothing more.
const MOST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: DIS-NEAR-MISS
    #[test]
    fn names_that_a_person_takes_for_one_another_differ_in_a_way_that_can_be_told() {
        use Difference::{Blanks, Case, Composition, Letters, Signs};
        for (a, b, how) in [
            ("Tour", "tour", Some(Case)),
            ("BÜHNE", "bühne", Some(Case)),
            ("Bühne", "Bu\u{308}hne", Some(Composition)),
            ("Tour", "Tour ", Some(Blanks)),
            (" tour", "Tour", Some(Blanks)),
            ("Tour 2026", "Tour  2026", Some(Blanks)),
            ("Tour 2026", "Tour\u{a0}2026", Some(Blanks)),
            ("Tour", "To\u{200b}ur", Some(Blanks)),
            ("Tour-2026", "Tour_2026", Some(Signs)),
            ("Bühne", "Buhne", Some(Signs)),
            ("Tour", "\u{422}\u{43e}ur", Some(Letters)),
            ("Hall 1", "Hall l", Some(Letters)),
            ("FOH", "F0H", Some(Letters)),
            ("Ill", "lll", Some(Letters)),
            ("Tour", "Tour", None),
            ("Tour", "Tours", None),
            ("Tour 2026", "Tour 2027", None),
            ("舞台", "舞臺", None),
        ] {
            assert_eq!(Difference::between(a, b), how, "{a:?} {b:?}");
            assert_eq!(Difference::between(b, a), how, "{b:?} {a:?}");
        }
    }

    // proves: DIS-NEAR-MISS
    #[test]
    fn each_name_finds_those_it_is_taken_for() {
        let names =
            ["Tour", "tour", "Tour ", "\u{422}our", "Tours", "Ill", "lll", "Bühne"].map(str::to_owned);
        let all = Lookalikes::of(&names);
        assert_eq!(all.find("Tour"), ["Tour ", "tour", "\u{422}our"]);
        assert_eq!(all.find("Ill"), ["lll"]);
        assert_eq!(all.find("BUHNE"), ["Bühne"]);
        assert_eq!(all.find("Hall"), Vec::<String>::new());
        let many: Vec<String> = (0..5000).map(|n| format!("Tour{}", " ".repeat(n))).collect();
        assert_eq!(Lookalikes::of(&many).find("tour").len(), MOST);
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("Tour 2026"), "Tour 2026");
        assert_eq!(shown("Bühne"), "Bühne");
        assert_eq!(shown("Tour "), "\"Tour \"");
        assert_eq!(shown("a  b"), "\"a  b\"");
        assert_eq!(shown("Tour\u{a0}1"), "\"Tour\\u{a0}1\"");
        assert_eq!(shown("To\u{200b}ur"), "\"To\\u{200b}ur\"");
        assert_eq!(quoted("Tour"), "\"Tour\"");
    }
}
