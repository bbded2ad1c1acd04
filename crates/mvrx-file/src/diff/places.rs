//! Where an object is, how it is turned, how large it is: in the world, and whether the change is its own.

use super::{Axis, Change};
use crate::scene::Matrix;
use crate::scene::matrix::{length, scale, subtract};

/// One object before and now.
pub(super) struct Places<'a> {
    /// In the world.
    pub(super) world: [&'a Matrix; 2],
    /// In its parent.
    pub(super) local: [&'a Matrix; 2],
    /// Whether the parent is the same one.
    pub(super) same_parent: bool,
}

impl Places<'_> {
    // req: MVR-DIFF-WORLD
    pub(super) fn compare(&self, changes: &mut Vec<Change>) {
        let [from, to] = self.world;
        let [old, new] = self.local;
        // What overflows is as far as numbers go.
        let by = subtract(to.origin, from.origin).map(|part| part.clamp(f64::MIN, f64::MAX));
        if length(by) >= MOVED {
            let still = length(subtract(new.origin, old.origin)) < MOVED;
            changes.push(Change::Moved {
                from: metres(from.origin),
                to: metres(to.origin),
                by: metres(by),
                distance: length(by).min(f64::MAX) / 1000.0,
                with_parent: still && self.same_parent,
            });
        }
        // req: MVR-DIFF-MIRRORED
        let mut turned = from.turn_to(to);
        if from.is_mirrored() != to.is_mirrored() {
            // The one of its axes that leaves least to turn.
            let reversed = [(0, Axis::X), (1, Axis::Y), (2, Axis::Z)]
                .map(|(place, along)| (from.turn_to(&to.mirrored(place)), along));
            let [first, others @ ..] = reversed;
            let least = others.into_iter().fold(
                first,
                |best, one| {
                    if one.0.0 < best.0.0 - TURNED { one } else { best }
                },
            );
            turned = least.0;
            let with_parent = self.same_parent && old.is_mirrored() == new.is_mirrored();
            changes.push(Change::Mirrored { along: least.1, with_parent });
        }
        let (degrees, axis) = turned;
        if degrees >= TURNED {
            let same_hand = old.is_mirrored() == new.is_mirrored();
            let with_parent = self.same_parent && same_hand && old.angle_to(new) < TURNED;
            changes.push(Change::Rotated { degrees, axis, with_parent });
        }
        let (before, after) = (from.scales(), to.scales());
        let differs =
            |(before, after): (&f64, f64)| (before - after).abs() > SCALED * before.abs().max(after.abs());
        if before.iter().zip(after).any(differs) {
            changes.push(Change::Scaled { from: before, to: after });
        }
    }
}

fn metres(millimetres: [f64; 3]) -> [f64; 3] {
    scale(millimetres, 1e-3)
}

/// Millimetres below which nothing has moved.
const MOVED: f64 = 1.0;
/// Degrees below which nothing has turned.
const TURNED: f64 = 0.1;
/// Part of the size below which nothing is scaled.
const SCALED: f64 = 1e-3;
