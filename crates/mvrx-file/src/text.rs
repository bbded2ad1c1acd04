//! Pieces of the texts for people: names made harmless, sizes and distances, aligned columns.

use std::fmt;

/// A name from a file: control characters (a terminal obeys them) become blanks, and it is cut to 80 characters.
pub(crate) struct Clean<'a>(pub(crate) &'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: String = self.0.chars().take(LONGEST).map(harmless).collect();
        if self.0.chars().nth(LONGEST).is_some() {
            text.push('…');
        }
        f.pad(&text)
    }
}

/// Control characters and the marks that turn the direction of writing are not shown.
pub(crate) fn harmless(character: char) -> char {
    let turns = matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    if character.is_control() || turns { ' ' } else { character }
}

/// A number of bytes as a person reads it, `2.7 MB`: in decimal units, rounded to the nearest, with one digit behind the point below 100.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let exact = u128::from(bytes);
    let mut unit = 1;
    for name in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        unit *= 1_000;
        let tenths = (exact * 10 + unit / 2) / unit;
        let whole = (exact + unit / 2) / unit;
        if tenths < 1_000 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        if whole < 1_000 {
            return format!("{whole} {name}");
        }
    }
    format!("{bytes} B")
}

/// The same, in a column.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&size(self.0))
    }
}

/// A count with its noun: "1 layer", "2 layers".
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A heading and rows of cells under it, each column as wide as its widest cell; columns that hold numbers align right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// `columns` has one character per column: `l` or `r`.
    pub(crate) fn new(columns: &str) -> Self {
        Self { rows: Vec::new(), right: columns.chars().map(|column| column == 'r').collect() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::from(" ");
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let padded = if *right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") };
                line.push_str(&padded);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_rounded_and_has_the_next_unit_where_that_reaches_it() {
        for (bytes, words) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_049, "1.0 kB"),
            (1_050, "1.1 kB"),
            (99_949, "99.9 kB"),
            (99_950, "100 kB"),
            (584_998, "585 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (2_694_179, "2.7 MB"),
            (999_999_999, "1.0 GB"),
            (1_500_000_000_000, "1.5 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!((size(bytes).as_str(), Bytes(bytes).to_string().as_str()), (words, words), "{bytes}");
        }
    }
}
