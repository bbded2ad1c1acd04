//! A view: which way the eye looks, which part of the world it sees, and where on the page that is.

/// Which way the eye looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eye {
    /// From above, the back of the stage at the top.
    Above,
    /// From the front, towards y+.
    Front,
    /// From the side, towards x−.
    Side,
}

impl Eye {
    /// The two coordinates that this eye sees: to the right and up.
    pub(super) fn sees(self, [x, y, z]: [f64; 3]) -> [f64; 2] {
        match self {
            Self::Above => [x, y],
            Self::Front => [x, z],
            Self::Side => [y, z],
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Above => "from above",
            Self::Front => "from the front",
            Self::Side => "from the side, looking towards x−",
        }
    }

    pub(super) fn axes(self) -> [&'static str; 2] {
        match self {
            Self::Above => ["x", "y"],
            Self::Front => ["x", "z"],
            Self::Side => ["y", "z"],
        }
    }

    /// What lies at the top, at the bottom, left and right, by the custom that y+ leads away from the audience.
    pub(super) fn sides(self) -> [&'static str; 2] {
        match self {
            Self::Above => ["back of the stage (y+)", "audience (y−)"],
            Self::Front => ["", ""],
            Self::Side => ["", "audience (y−) ◂      ▸ back (y+)"],
        }
    }
}

/// A rectangle of the world, in millimetres, on a rectangle of the page, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) eye: Eye,
    /// Left and lower edge in the world.
    pub(super) low: [f64; 2],
    /// Right and upper edge in the world.
    pub(super) high: [f64; 2],
    /// Left and upper edge on the page.
    pub(super) corner: [f64; 2],
    /// Pixels per millimetre.
    pub(super) scale: f64,
}

impl View {
    /// Width and height on the page.
    pub(super) fn size(&self) -> [f64; 2] {
        let ([left, bottom], [right, top]) = (self.low, self.high);
        [(right - left) * self.scale, (top - bottom) * self.scale]
    }

    /// Where a point of the world is on the page.
    pub(super) fn place(&self, point: [f64; 3]) -> [f64; 2] {
        self.place_flat(self.eye.sees(point))
    }

    pub(super) fn place_flat(&self, [right, up]: [f64; 2]) -> [f64; 2] {
        let [left, top] = self.corner;
        [left + (right - self.low[0]) * self.scale, top + (self.high[1] - up) * self.scale]
    }

    /// Whether something around these places can be seen.
    pub(super) fn shows(&self, places: &[[f64; 2]]) -> bool {
        let [left, top] = self.corner;
        let [width, height] = self.size();
        let any = |test: &dyn Fn(&[f64; 2]) -> bool| places.iter().any(test);
        any(&|place| place[0] >= left)
            && any(&|place| place[0] <= left + width)
            && any(&|place| place[1] >= top)
            && any(&|place| place[1] <= top + height)
    }

    pub(super) fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let [left, top] = self.corner;
        let [width, height] = self.size();
        (left..=left + width).contains(&x) && (top..=top + height).contains(&y)
    }
}

/// Corners of the convex outline around the given places, in order.
pub(super) fn outline(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = places.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut hull = half_outline(sorted.iter());
    hull.pop();
    let mut upper = half_outline(sorted.iter().rev());
    upper.pop();
    hull.extend(upper);
    hull
}

fn half_outline<'a>(places: impl Iterator<Item = &'a [f64; 2]>) -> Vec<[f64; 2]> {
    let mut half: Vec<[f64; 2]> = Vec::new();
    for place in places {
        while let [.., a, b] = half.as_slice() {
            let turn = (b[0] - a[0]) * (place[1] - a[1]) - (b[1] - a[1]) * (place[0] - a[0]);
            if turn > 0.0 {
                break;
            }
            half.pop();
        }
        half.push(*place);
    }
    half
}

/// A round number of millimetres near `rough`: 1, 2 or 5 times a power of ten.
pub(super) fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.max(1.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    step * power
}
