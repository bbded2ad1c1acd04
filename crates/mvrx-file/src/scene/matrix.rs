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

    /// Angle in degrees by which the axes of `other` are turned against these, scaling left aside.
    pub fn angle_to(&self, other: &Self) -> f64 {
        // Axes without length have no direction; equal ones are not turned all the same.
        if self.axes == other.axes {
            return 0.0;
        }
        let [a, b] = [self.axes.map(normalized), other.axes.map(normalized)];
        // R = Aᵀ·B; its trace is 1 + 2 cos, its antisymmetric part has length 2 sin. Both, because near 0° and 180° one of
        // them alone loses the digits that single precision files leave.
        let entry = |i: usize, j: usize| -> f64 {
            let pick = |axes: &[[f64; 3]; 3], row: usize, column: usize| {
                axes.get(row).and_then(|axis| axis.get(column)).copied().unwrap_or(0.0)
            };
            (0..3).map(|row| pick(&a, row, i) * pick(&b, row, j)).sum()
        };
        let cosine = (entry(0, 0) + entry(1, 1) + entry(2, 2) - 1.0) / 2.0;
        let axis = [entry(1, 2) - entry(2, 1), entry(2, 0) - entry(0, 2), entry(0, 1) - entry(1, 0)];
        (length(axis) / 2.0).atan2(cosine).to_degrees()
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
    (x * x + y * y + z * z).sqrt()
}

fn normalized(axis: [f64; 3]) -> [f64; 3] {
    let size = length(axis);
    if size > 0.0 { scale(axis, 1.0 / size) } else { axis }
}
