//! The 4×3 matrix of a node: rows u, v, w turn, row o moves; right-handed, z up, millimetres (MVR table 41).

use serde::Serialize;

/// Where a node lies in its parent's coordinates, or in the world.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Matrix {
    /// Images of the three axes; identity when the node is not turned.
    pub axes: [[f64; 3]; 3],
    /// Image of the origin in millimetres.
    pub origin: [f64; 3],
}

impl Matrix {
    /// Neither moved nor turned.
    pub const IDENTITY: Self =
        Self { axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], origin: [0.0; 3] };

    /// Reads `{u1,u2,u3}{v1,v2,v3}{w1,w2,w3}{o1,o2,o3}`; infinities and NaN are not numbers here.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rows = [[0.0; 3]; 4];
        let mut rest = text.trim();
        for row in &mut rows {
            let (inside, after) = rest.strip_prefix('{')?.split_once('}')?;
            let mut numbers = inside.split(',');
            for slot in row.iter_mut() {
                let number: f64 = numbers.next()?.trim().parse().ok()?;
                *slot = if number.is_finite() { number } else { return None };
            }
            if numbers.next().is_some() {
                return None;
            }
            rest = after.trim_start();
        }
        let [u, v, w, origin] = rows;
        rest.is_empty().then_some(Self { axes: [u, v, w], origin })
    }

    /// This matrix, given in the coordinates of `parent`, in the coordinates of the parent's parent.
    #[must_use]
    pub fn within(&self, parent: &Self) -> Self {
        let origin = parent.apply(self.origin);
        Self { axes: self.axes.map(|axis| parent.turn(axis)), origin }
    }

    /// Image of a point.
    pub fn apply(&self, point: [f64; 3]) -> [f64; 3] {
        add(self.turn(point), self.origin)
    }

    /// Image of a direction.
    pub fn turn(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let [u, v, w] = self.axes;
        add(add(scale(u, x), scale(v, y)), scale(w, z))
    }

    /// Whether every number is finite; products of huge matrices need not be.
    pub(crate) fn is_finite(&self) -> bool {
        self.axes.iter().flatten().chain(&self.origin).all(|number| number.is_finite())
    }

    /// Length of each axis: 1 when nothing is scaled.
    pub fn scales(&self) -> [f64; 3] {
        self.axes.map(length)
    }

    /// Whether the axes are left-handed: what hangs there is seen as in a mirror.
    pub fn is_mirrored(&self) -> bool {
        let [u, v, w] = self.axes;
        dot(cross(u, v), w) < 0.0
    }

    /// The same with one of its axes reversed.
    #[must_use]
    pub(crate) fn mirrored(&self, axis: usize) -> Self {
        let mut mirrored = *self;
        if let Some(axis) = mirrored.axes.get_mut(axis) {
            *axis = scale(*axis, -1.0);
        }
        mirrored
    }

    /// Angle in degrees by which the axes of `other` are turned against these, scaling left aside.
    pub fn angle_to(&self, other: &Self) -> f64 {
        self.turn_to(other).0
    }

    /// The same with the axis of the turn, of length 1, in the coordinates that both are given in; right-handed, so that a quarter turn about z
    /// takes x to y. Without a turn it is z.
    pub fn turn_to(&self, other: &Self) -> (f64, [f64; 3]) {
        // Axes without length have no direction; equal ones are not turned all the same.
        if self.axes == other.axes {
            return (0.0, Z);
        }
        let [a, b] = [self.axes.map(normalized), other.axes.map(normalized)];
        // R = B·Aᵀ; its trace is 1 + 2 cos, its antisymmetric part has length 2 sin. Both, because near 0° and 180° one of
        // them alone loses the digits that single precision files leave.
        let entry = |to: usize, from: usize| -> f64 {
            let pick = |axis: &[f64; 3], place: usize| axis.get(place).copied().unwrap_or(0.0);
            a.iter().zip(&b).map(|(a, b)| pick(a, from) * pick(b, to)).sum()
        };
        let cosine = (entry(0, 0) + entry(1, 1) + entry(2, 2) - 1.0) / 2.0;
        let twist = [entry(2, 1) - entry(1, 2), entry(0, 2) - entry(2, 0), entry(1, 0) - entry(0, 1)];
        let degrees = (length(twist) / 2.0).atan2(cosine).to_degrees();
        if degrees < HALF_TURN {
            let axis = normalized(twist);
            return (degrees, if length(axis) > 0.0 { axis } else { Z });
        }
        // Half a turn has no direction of its own; the column of R + 1 that is longest is its axis.
        let columns = [0, 1, 2].map(|column: usize| {
            [0, 1, 2].map(|row: usize| entry(row, column) + if row == column { 1.0 } else { 0.0 })
        });
        let [x, y, z] = columns;
        let longest =
            [x, y, z].into_iter().fold(Z, |best, one| if length(one) > length(best) { one } else { best });
        let largest =
            longest.iter().fold(0.0_f64, |best, one| if one.abs() > best.abs() { *one } else { best });
        (degrees, scale(normalized(longest), if largest < 0.0 { -1.0 } else { 1.0 }))
    }
}

pub(crate) fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    let ([a0, a1, a2], [b0, b1, b2]) = (a, b);
    [a0 + b0, a1 + b1, a2 + b2]
}

pub(crate) fn subtract(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    add(a, scale(b, -1.0))
}

pub(crate) fn scale([x, y, z]: [f64; 3], by: f64) -> [f64; 3] {
    [x * by, y * by, z * by]
}

pub(crate) fn length([x, y, z]: [f64; 3]) -> f64 {
    // Not by squares, which overflow for places that only a damaged file has.
    x.hypot(y).hypot(z)
}

/// Whether a place in millimetres is one where a show may be.
pub(crate) fn is_near(at: [f64; 3]) -> bool {
    at.iter().all(|number| number.abs() <= FARTHEST)
}

fn cross([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> [f64; 3] {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

fn dot([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> f64 {
    a * x + b * y + c * z
}

fn normalized(axis: [f64; 3]) -> [f64; 3] {
    let size = length(axis);
    if size > 0.0 { scale(axis, 1.0 / size) } else { axis }
}

/// Millimetres from the origin, along each axis, beyond which nothing is drawn or measured: 100,000 km, more than geographic coordinates have.
const FARTHEST: f64 = 1e11;
const Z: [f64; 3] = [0.0, 0.0, 1.0];
/// Degrees from which on the twist is too small to give the axis.
const HALF_TURN: f64 = 179.9;
