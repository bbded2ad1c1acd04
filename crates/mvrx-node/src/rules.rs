//! Rules that say which commits of others are fetched without anybody asking, and where they go.
//!
//! A rule fits a commit that fits all it says: who committed it, with which application, what was said of it, what the file is called, how long it
//! is. The first rule that fits counts, so that an exception stands before what it is excepted from; what no rule fits is left alone.
//!
//! What a rule does not know does not fit it: of an author who is not there neither name nor application are known, and of some files no
//! size was told. A size that was told is a promise: when the file is here, [`first`] is asked again with its true length.

use std::path::PathBuf;

/// One rule. What is not said fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The author's application.
    pub provider: Vec<Pattern>,
    /// The author's name, or its StationUUID as text.
    pub station: Vec<Pattern>,
    /// The comment of the commit.
    pub comment: Vec<Pattern>,
    /// What the file is called.
    pub file: Vec<Pattern>,
    /// The least bytes.
    pub min: Option<u64>,
    /// The most bytes.
    pub max: Option<u64>,
    /// What it fits is left alone, rather than fetched.
    pub leaves: bool,
    /// The folder into which it is put; `None`: where everything else goes.
    pub to: Option<PathBuf>,
    /// The line of the file in which it stands, from 1; 0: in none.
    pub line: usize,
}

/// What is known of a commit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offered<'a> {
    /// Its author's application.
    pub provider: Option<&'a str>,
    /// Its author's name.
    pub name: Option<&'a str>,
    /// Its author's StationUUID as text.
    pub station: Option<&'a str>,
    /// What was said of it.
    pub comment: &'a str,
    /// What the file is called.
    pub file: &'a str,
    /// Its bytes.
    pub bytes: Option<u64>,
}

/// The rule that counts, by its place.
#[must_use]
pub fn first(rules: &[Rule], offered: &Offered<'_>) -> Option<usize> {
    rules.iter().position(|rule| rule.fits(offered))
}

impl Rule {
    /// Whether it fits.
    #[must_use]
    pub fn fits(&self, offered: &Offered<'_>) -> bool {
        let any = |patterns: &[Pattern], texts: &[Option<&str>]| {
            patterns.is_empty()
                || patterns.iter().any(|pattern| texts.iter().flatten().any(|text| pattern.fits(text)))
        };
        let long_enough = self.min.is_none_or(|min| offered.bytes.is_some_and(|bytes| bytes >= min));
        let short_enough = self.max.is_none_or(|max| offered.bytes.is_some_and(|bytes| bytes <= max));
        any(&self.provider, &[offered.provider])
            && any(&self.station, &[offered.name, offered.station])
            && any(&self.comment, &[Some(offered.comment)])
            && any(&self.file, &[Some(offered.file)])
            && long_enough
            && short_enough
    }
}

/// A text in which `*` is any letters, or none, and `?` is one; upper and lower case are alike. It fits a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    letters: Vec<char>,
}

impl Pattern {
    /// The pattern as it is written.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), letters: fold(text) }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it fits all of `text`. Takes as many steps as pattern times text are long, at most.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let text = fold(text);
        let (mut at, mut of) = (0, 0);
        // The last star, and how much of the text it takes so far.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.letters.get(of) {
                Some('*') => {
                    star = Some((of, at));
                    of += 1;
                }
                Some(letter) if *letter == '?' || text.get(at) == Some(letter) => {
                    at += 1;
                    of += 1;
                }
                _ => match &mut star {
                    Some((begin, taken)) => {
                        *taken += 1;
                        (of, at) = (*begin + 1, *taken);
                    }
                    None => return false,
                },
            }
        }
        self.letters.get(of..).unwrap_or_default().iter().all(|letter| *letter == '*')
    }
}

fn fold(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A number of bytes as people write it: `500M`, `20G`, in decimal units.
///
/// # Errors
/// Where it is something else, or more than there is; in words.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err("a number of bytes, as 500M or 20G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "a number of bytes, as 500M or 20G".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "more than there is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_a_whole_text_in_any_case() {
        let fits = |pattern: &str, text: &str| Pattern::new(pattern).fits(text);
        for (pattern, text) in [
            ("grandMA3", "GrandMA3"),
            ("*", ""),
            ("**", "x"),
            ("FOH*", "foh desk"),
            ("*final*", "the FINAL one"),
            ("a*b*c", "a-b-b-c"),
            ("?HÄ?", "xhäy"),
            ("", ""),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("FOH", "FOH 2"), ("FOH", "the FOH"), ("?", ""), ("a*b", "a-b-c"), ("", "x"), ("a?c", "ac")]
        {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        // Not one that takes for ever.
        assert!(!fits(&"*a".repeat(200), &"a".repeat(20_000).replace("aaaaaaaaaa", "aaaaaaaaab")));
    }

    #[test]
    fn a_rule_fits_what_fits_all_it_says_and_a_size_at_its_edges() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect::<Vec<_>>();
        let rule = Rule {
            provider: patterns(&["grandMA*", "Capture"]),
            station: patterns(&["FOH*", "0a*"]),
            min: Some(10),
            max: Some(20),
            ..Rule::default()
        };
        let good =
            Offered { provider: Some("Capture"), name: Some("FOH 1"), bytes: Some(10), ..Offered::default() };
        assert!(rule.fits(&good) && rule.fits(&Offered { bytes: Some(20), ..good }));
        assert!(rule.fits(&Offered { name: None, station: Some("0a1b"), ..good }), "by its id");
        for bad in [
            Offered { bytes: Some(9), ..good },
            Offered { bytes: Some(21), ..good },
            Offered { bytes: None, ..good },
            Offered { provider: Some("Vision"), ..good },
            Offered { provider: None, ..good },
            Offered { name: Some("LX"), ..good },
        ] {
            assert!(!rule.fits(&bad), "{bad:?}");
        }
        assert!(Rule::default().fits(&Offered::default()), "what says nothing fits everything");
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rule = |comment: &str| Rule { comment: vec![Pattern::new(comment)], ..Rule::default() };
        let rules = [rule("*test*"), rule("*"), rule("*final*")];
        let of = |comment: &str| first(&rules, &Offered { comment, ..Offered::default() });
        assert_eq!((of("a test"), of("final test"), of("final")), (Some(0), Some(0), Some(1)));
        assert_eq!(first(&rules[..1], &Offered::default()), None);
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("64G"), Ok(64_000_000_000));
        assert_eq!(bytes("500mb"), Ok(500_000_000));
        assert_eq!(bytes("7"), Ok(7));
        for wrong in ["", "G", "1X", "-1", "99999999T"] {
            bytes(wrong).unwrap_err();
        }
    }
}
