//! Puts texts beside things without letting them cover each other: whoever comes first keeps its place, who finds none stays silent.

use std::collections::HashSet;

/// Which parts of the page are taken, in cells of a few pixels.
#[derive(Debug, Default)]
pub(super) struct Labels {
    taken: HashSet<(i32, i32)>,
}

impl Labels {
    /// Keeps the surroundings of a symbol free.
    pub(super) fn keep_free(&mut self, [x, y]: [f64; 2], radius: f64) {
        self.taken.extend(cells(x - radius, y - radius, x + radius, y + radius));
    }

    /// Finds a place for a text of so many characters, `gap` away from the middle of a symbol: the left end of its base line.
    pub(super) fn place(
        &mut self,
        [x, y]: [f64; 2],
        gap: f64,
        characters: usize,
        size: f64,
    ) -> Option<[f64; 2]> {
        let width = characters as f64 * size * 0.6;
        let candidates = [
            [x + gap, y + size * 0.35],
            [x - width / 2.0, y - gap],
            [x - width / 2.0, y + gap + size * 0.8],
            [x - gap - width, y + size * 0.35],
            [x + gap * 0.7, y - gap * 0.7],
            [x + gap * 0.7, y + gap + size * 0.5],
        ];
        candidates.into_iter().find(|[left, base]| {
            let covered = cells(*left, base - size * 0.8, left + width, base + size * 0.1);
            if covered.iter().any(|cell| self.taken.contains(cell)) {
                return false;
            }
            self.taken.extend(covered);
            true
        })
    }
}

fn cells(left: f64, top: f64, right: f64, bottom: f64) -> Vec<(i32, i32)> {
    let (columns, rows) = (cell(left)..=cell(right), cell(top)..=cell(bottom));
    columns.flat_map(|column| rows.clone().map(move |row| (column, row))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "pages are some thousand pixels wide; beyond, saturating does no harm"
)]
fn cell(pixels: f64) -> i32 {
    (pixels / CELL).floor().clamp(-1e6, 1e6) as i32
}

const CELL: f64 = 3.0;
