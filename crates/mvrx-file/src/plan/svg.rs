//! Draws a plan: three views at one scale, so that what lies above one another on the page does so in the world.

use std::fmt::Write as _;

use super::labels::Labels;
use super::view::{Eye, View, outline, round_step};
use super::{Item, Plan, legend, style};
use crate::scene::Kind;

/// How a plan is drawn.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SvgOptions {
    /// Width of the page in pixels, from 600 to 10,000.
    pub width: f64,
    /// Colours.
    pub theme: Theme,
    /// Title, such as the file name.
    pub title: String,
    /// Largest number of fixtures that are all labelled with their identifier; beyond, only changed ones are.
    pub labels: usize,
    /// Largest number of things that get a text which browsers show under the pointer.
    pub tooltips: usize,
}

/// Colours of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Theme {
    /// Dark where the viewer prefers it, light otherwise.
    #[default]
    Auto,
    /// Dark ink on white.
    Light,
    /// Light ink on black.
    Dark,
}

impl Default for SvgOptions {
    fn default() -> Self {
        Self { width: 1400.0, theme: Theme::Auto, title: String::new(), labels: 400, tooltips: 5_000 }
    }
}

impl SvgOptions {
    /// Sets the title.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// Sets the colours.
    #[must_use]
    pub fn theme(self, theme: Theme) -> Self {
        Self { theme, ..self }
    }

    /// Sets the width of the page in pixels.
    #[must_use]
    pub fn width(self, width: f64) -> Self {
        Self { width, ..self }
    }
}

pub(super) fn draw(plan: &Plan, options: &SvgOptions) -> String {
    let page = Page::of(plan, options);
    let mut svg = String::with_capacity(8_192 + plan.items.len() * 400);
    let (width, height) = (page.width, page.height);
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="img"><style>{}</style><defs>{}"#,
        style::sheet(options.theme),
        style::SYMBOLS
    );
    for (index, view) in page.views.iter().enumerate() {
        let ([x, y], [w, h]) = (view.corner, view.size());
        let _ = write!(
            svg,
            r#"<clipPath id="c{index}"><path d="M{x:.1} {y:.1}h{w:.1}v{h:.1}h{:.1}z"/></clipPath>"#,
            -w
        );
    }
    svg.push_str("</defs>");
    let _ = write!(svg, r#"<path class="bg" d="M0 0h{width:.0}v{height:.0}H0z"/>"#);
    let title = if options.title.is_empty() { "rig plan" } else { &options.title };
    let _ = write!(svg, r#"<text class="h" x="{MARGIN}" y="32">{}</text>"#, escape(title));
    let subtitle = plan.sentence.clone().unwrap_or_else(|| inventory(plan));
    let _ = write!(svg, r#"<text class="m" x="{MARGIN}" y="52">{}</text>"#, escape(&subtitle));
    for (index, view) in page.views.iter().enumerate() {
        draw_view(plan, view, index, &page, options, &mut svg);
    }
    let room = [page.width - page.legend[0] - MARGIN, page.views[2].corner[1] - 40.0];
    legend::draw(plan, page.legend, room, &mut svg);
    scale_bar(&page, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// Where everything goes.
struct Page {
    width: f64,
    height: f64,
    views: [View; 3],
    legend: [f64; 2],
    bar: [f64; 2],
    scale: f64,
    step: f64,
}

impl Page {
    fn of(plan: &Plan, options: &SvgOptions) -> Self {
        let width = if options.width.is_finite() { options.width.clamp(600.0, 10_000.0) } else { 1400.0 };
        let (mut low, mut high) = (plan.min, plan.max);
        let largest = low.iter().zip(high).map(|(low, high)| high - low).fold(1_000.0, f64::max);
        for (low, high) in low.iter_mut().zip(&mut high) {
            // A lone fixture still deserves a stage around it.
            let span = *high - *low;
            let margin = ((span * 0.06).max(largest * 0.03) + 300.0).max((LEAST_SPAN - span) / 2.0);
            *low -= margin;
            *high += margin;
        }
        let [dx, dy, dz] = [0, 1, 2]
            .map(|axis: usize| high.get(axis).zip(low.get(axis)).map_or(1.0, |(high, low)| high - low));
        let room = width - 2.0 * MARGIN - GAP;
        let scale = (room / (dx + dy)).min((room - LEGEND) / dx).min(width / (dy + dz));
        let [[x0, y0, z0], [x1, y1, z1]] = [low, high];
        let above = View { eye: Eye::Above, low: [x0, y0], high: [x1, y1], corner: [MARGIN, TOP], scale };
        let below = TOP + dy * scale + GAP + 24.0;
        let beside = MARGIN + dx * scale + GAP;
        let front = View { eye: Eye::Front, low: [x0, z0], high: [x1, z1], corner: [MARGIN, below], scale };
        let side = View { eye: Eye::Side, low: [y0, z0], high: [y1, z1], corner: [beside, below], scale };
        let height = (below + dz * scale).max(TOP + 360.0) + 70.0;
        Self {
            width: (beside + (dy * scale).max(LEGEND) + MARGIN).min(width),
            height,
            views: [above, front, side],
            legend: [beside, TOP],
            bar: [MARGIN, height - 22.0],
            scale,
            step: round_step(70.0 / scale),
        }
    }
}

fn draw_view(plan: &Plan, view: &View, index: usize, page: &Page, options: &SvgOptions, svg: &mut String) {
    let ([x, y], [w, h]) = (view.corner, view.size());
    let title = view.eye.title().split(',').next().unwrap_or_default();
    let title = if w > 200.0 { view.eye.title() } else { title };
    let _ = write!(svg, r#"<text class="t" x="{x:.1}" y="{:.1}">{title}</text>"#, y - 8.0);
    // In a narrow view they would run into the title and the axis.
    let [top, bottom] = if w > 280.0 { view.eye.sides() } else { ["", ""] };
    let _ = write!(
        svg,
        r#"<text class="s m" x="{:.1}" y="{:.1}" text-anchor="end">{top}</text>"#,
        x + w,
        y - 8.0
    );
    let _ = write!(
        svg,
        r#"<text class="s m" x="{:.1}" y="{:.1}" text-anchor="end">{bottom}</text>"#,
        x + w,
        y + h + 26.0
    );
    let _ = write!(svg, r#"<path class="pane" d="M{x:.1} {y:.1}h{w:.1}v{h:.1}h{:.1}z"/>"#, -w);
    grid(view, page.step, svg);
    let _ = write!(svg, r#"<g clip-path="url(#c{index})">"#);
    outlines(plan, view, svg);
    symbols(plan, view, options, svg);
    identifiers(plan, view, options, svg);
    svg.push_str("</g>");
    let _ = write!(svg, r#"<path class="frame" d="M{x:.1} {y:.1}h{w:.1}v{h:.1}h{:.1}z"/>"#, -w);
}

/// Lines at round distances, the zero lines stronger, and their places in metres along the edges.
fn grid(view: &View, step: f64, svg: &mut String) {
    let ([x, y], [w, h]) = (view.corner, view.size());
    let [right, up] = view.eye.axes();
    let (mut lines, mut zero, mut texts) = (String::new(), String::new(), String::new());
    for axis in 0..2_usize {
        let (Some(low), Some(high)) = (view.low.get(axis), view.high.get(axis)) else { continue };
        let mut at = (low / step).ceil() * step;
        for _ in 0..GRID_LINES {
            if at > *high {
                break;
            }
            let [px, py] = view.place_flat(if axis == 0 { [at, view.low[1]] } else { [view.low[0], at] });
            let to = if at.abs() < step / 2.0 { &mut zero } else { &mut lines };
            let metres = format!("{}", (at / 100.0).round() / 10.0 + 0.0);
            let _ = if axis == 0 {
                let _ = write!(
                    texts,
                    r#"<text class="s m" x="{px:.1}" y="{:.1}" text-anchor="middle">{metres}</text>"#,
                    y + h + 13.0
                );
                write!(to, "M{px:.1} {y:.1}v{h:.1}")
            } else {
                let _ = write!(
                    texts,
                    r#"<text class="s m" x="{:.1}" y="{:.1}" text-anchor="end">{metres}</text>"#,
                    x - 5.0,
                    py + 3.0
                );
                write!(to, "M{x:.1} {py:.1}h{w:.1}")
            };
            at += step;
        }
    }
    let _ = write!(svg, r#"<path class="grid" d="{lines}"/><path class="zero" d="{zero}"/>{texts}"#);
    let _ = write!(svg, r#"<text class="s m" x="{:.1}" y="{:.1}">{right} / m</text>"#, x, y + h + 26.0);
    let _ = write!(
        svg,
        r#"<text class="s m" x="{:.1}" y="{:.1}" text-anchor="end">{up}</text>"#,
        x - 5.0,
        y - 2.0
    );
}

/// Boxes around meshes; everything of one kind is one path, which keeps large plans small.
fn outlines(plan: &Plan, view: &View, svg: &mut String) {
    let mut paths: [String; 4] = Default::default();
    for item in &plan.items {
        let [things, trusses, bows, gone] = &mut paths;
        let path = match (item.mark.removed, item.object.kind) {
            (true, _) => gone,
            (false, Kind::SceneObject | Kind::FocusPoint | Kind::GroupObject) => things,
            _ if item.boxes.len() > 4 => bows,
            _ => trusses,
        };
        for corners in &item.boxes {
            let places = corners.map(|corner| view.place(corner));
            if !view.shows(&places) {
                continue;
            }
            for (index, [x, y]) in outline(&places).into_iter().enumerate() {
                let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
            }
            path.push('Z');
        }
    }
    for (class, path) in ["obj", "truss", "bow", "gone"].into_iter().zip(paths) {
        if !path.is_empty() {
            let _ = write!(svg, r#"<path class="{class}" d="{path}"/>"#);
        }
    }
}

fn symbols(plan: &Plan, view: &View, options: &SvgOptions, svg: &mut String) {
    let mut rays = String::new();
    let mut drawn = String::new();
    let tooltips = plan.items.len() <= options.tooltips;
    for item in plan.items.iter().filter(|item| needs_symbol(item)) {
        let at = view.place(item.at);
        let visible =
            view.contains(at) || item.mark.moved_from.is_some_and(|from| view.contains(view.place(from)));
        if !visible {
            continue;
        }
        if let (Some(points), false) = (item.points, item.mark.removed) {
            let [dx, dy] = view.eye.sees(points);
            let _ = write!(rays, "M{:.1} {:.1}l{:.1} {:.1}", at[0], at[1], dx * RAY, -dy * RAY);
        }
        symbol(item, at, view, tooltips, &mut drawn);
    }
    let _ = write!(svg, r#"<path class="ray" d="{rays}"/>{drawn}"#);
}

/// Things with a box and without a change are seen already.
fn needs_symbol(item: &Item) -> bool {
    let has_point = !matches!(item.object.kind, Kind::SceneObject | Kind::Truss) || item.boxes.is_empty();
    item.mark.any() || (has_point && item.object.kind != Kind::SceneObject)
}

fn symbol(item: &Item, [x, y]: [f64; 2], view: &View, tooltips: bool, svg: &mut String) {
    if tooltips {
        let _ = write!(svg, "<g><title>{}</title>", escape(&tooltip(item)));
    }
    if let Some(from) = item.mark.moved_from {
        let [fx, fy] = view.place(from);
        let distance = (x - fx).hypot(y - fy);
        let _ = write!(svg, r##"<use href="#m-from" class="from" x="{fx:.1}" y="{fy:.1}"/>"##);
        // In the view along the way there is nothing to point at.
        if distance > 9.0 {
            let part = 1.0 - 5.0 / distance;
            let (tx, ty) = (fx + (x - fx) * part, fy + (y - fy) * part);
            let _ = write!(
                svg,
                r#"<path class="mv" marker-end="url(#tip)" d="M{fx:.1} {fy:.1}L{tx:.1} {ty:.1}"/>"#
            );
        }
    }
    if !item.mark.removed {
        let class = if item.object.kind == Kind::FocusPoint { "focus" } else { "sym" };
        let _ = write!(
            svg,
            r##"<use href="#{}" class="{class}" x="{x:.1}" y="{y:.1}"/>"##,
            symbol_of(item.object.kind)
        );
    }
    let marks = [
        (item.mark.readdressed, "m-re", "re"),
        (item.mark.added, "m-add", "add"),
        (item.mark.removed, "m-del", "del"),
        (item.mark.otherwise, "m-oth", "oth"),
    ];
    for (_, symbol, class) in marks.into_iter().filter(|(wanted, ..)| *wanted) {
        let _ = write!(svg, r##"<use href="#{symbol}" class="{class}" x="{x:.1}" y="{y:.1}"/>"##);
    }
    if tooltips {
        svg.push_str("</g>");
    }
}

/// Identifiers of fixtures, changed ones first, as far as they find room.
fn identifiers(plan: &Plan, view: &View, options: &SvgOptions, svg: &mut String) {
    let fixtures = plan.items.iter().filter(|item| item.object.kind == Kind::Fixture);
    let all = fixtures.clone().count() <= options.labels;
    let mut labels = Labels::default();
    let wanted = fixtures.filter(|item| (all || item.mark.any()) && !item.object.fixture_id.is_empty());
    let mut wanted: Vec<(&Item, [f64; 2])> =
        wanted.map(|item| (item, view.place(item.at))).filter(|(_, at)| view.contains(*at)).collect();
    wanted.sort_by_key(|(item, _)| !item.mark.any());
    wanted.truncate(LABELS);
    let radius = |item: &Item| if item.mark.any() { 7.0 } else { 4.0 };
    for (item, at) in &wanted {
        labels.keep_free(*at, radius(item));
    }
    for (item, at) in wanted {
        let text: String = item.object.fixture_id.chars().take(12).collect();
        if let Some([x, y]) = labels.place(at, radius(item) + 3.5, text.chars().count(), 9.5) {
            let _ = write!(svg, r#"<text class="id" x="{x:.1}" y="{y:.1}">{}</text>"#, escape(&text));
        }
    }
}

fn scale_bar(page: &Page, svg: &mut String) {
    let [x, y] = page.bar;
    let length = page.step * page.scale;
    let metres = page.step / 1000.0;
    let _ = write!(
        svg,
        r#"<path class="frame" d="M{x:.1} {y:.1}v-6m0 3h{length:.1}m0-3v6"/><text class="s" x="{:.1}" y="{:.1}">{metres} m</text>"#,
        x + length + 6.0,
        y + 1.0
    );
    let note = "grid and axes in metres, MVR coordinates: x right, y back, z up; the format does not say where the audience is";
    let _ = write!(svg, r#"<text class="s m" x="{:.1}" y="{:.1}">{note}</text>"#, x + length + 60.0, y + 1.0);
}

fn inventory(plan: &Plan) -> String {
    let count = |kind: Kind| plan.items.iter().filter(|item| item.object.kind == kind).count();
    let parts: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| (kind, count(kind)))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.noun(count)))
        .collect();
    parts.join(", ")
}

fn tooltip(item: &Item) -> String {
    let mut text = item.object.to_string();
    for part in [&item.gdtf].into_iter().chain(&item.addresses) {
        if !part.is_empty() {
            text = text + " · " + part;
        }
    }
    let [x, y, z] = item.at.map(|millimetres| millimetres / 1000.0);
    let _ = write!(text, " · ({x:.2}, {y:.2}, {z:.2}) m");
    for change in &item.changes {
        text = text + "\n" + change;
    }
    text
}

pub(super) fn symbol_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Fixture => "f",
        Kind::Truss => "truss",
        Kind::Support => "support",
        Kind::VideoScreen => "screen",
        Kind::Projector => "projector",
        Kind::FocusPoint => "focus",
        Kind::SceneObject | Kind::GroupObject => "thing",
    }
}

/// Text for XML; characters that XML cannot hold become blanks.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(' '),
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

const MARGIN: f64 = 44.0;
const GAP: f64 = 48.0;
const TOP: f64 = 92.0;
const LEGEND: f64 = 230.0;
/// Length of the stroke that shows where a fixture points, in pixels.
const RAY: f64 = 11.0;
const GRID_LINES: usize = 200;
/// A view shows at least so many millimetres.
const LEAST_SPAN: f64 = 2_500.0;
/// Labels of one view.
const LABELS: usize = 2_000;
