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

/// A number of bytes in decimal units.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            bytes @ 0..1_000 => format!("{bytes} B"),
            bytes @ 1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
            bytes @ 1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
            bytes => format!("{:.2} GB", bytes as f64 / 1e9),
        };
        f.pad(&text)
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
