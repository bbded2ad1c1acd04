//! What the symbols mean: only those that occur, with how many there are; below, what was edited, or which devices there are.

use std::fmt::Write as _;

use super::svg::{escape, symbol_of};
use super::{Item, Plan};
use crate::scene::Kind;

/// Writes the legend with its upper left corner at `corner`, `width` pixels wide and down to `bottom` at most.
pub(super) fn draw(plan: &Plan, corner: [f64; 2], [width, bottom]: [f64; 2], svg: &mut String) {
    let [x, top] = corner;
    let mut y = top + 12.0;
    let _ = write!(svg, r#"<text class="t" x="{x:.1}" y="{y:.1}">legend</text>"#);
    y += 8.0;
    let mut row = |symbol: String, text: String| {
        y += 20.0;
        let _ = write!(svg, r#"<g transform="translate({:.1} {:.1})">{symbol}</g>"#, x + 12.0, y - 4.0);
        let _ = write!(svg, r#"<text x="{:.1}" y="{y:.1}">{text}</text>"#, x + 30.0);
    };
    for kind in Kind::ALL {
        let count = plan.items.iter().filter(|item| item.object.kind == kind && !item.mark.removed).count();
        if count > 0 {
            row(sample(kind), format!("{} ({count})", kind.noun(count)));
        }
    }
    let marks: [Row; 5] = [
        (r##"<use href="#m-re" class="re"/><use href="#f" class="sym"/>"##, "re-addressed", |item| {
            item.mark.readdressed
        }),
        (
            r##"<use href="#m-from" class="from" x="-8"/><path class="mv" marker-end="url(#tip)" d="M-8 0H10"/>"##,
            "moved, from where",
            |item| item.mark.moved_from.is_some(),
        ),
        (r##"<use href="#m-add" class="add"/><use href="#f" class="sym"/>"##, "added", |item| {
            item.mark.added
        }),
        (r##"<use href="#m-del" class="del"/>"##, "removed", |item| item.mark.removed),
        (r##"<use href="#m-oth" class="oth"/><use href="#f" class="sym"/>"##, "otherwise changed", |item| {
            item.mark.otherwise
        }),
    ];
    for (symbol, text, wanted) in marks {
        let count = plan.items.iter().filter(|item| wanted(item)).count();
        if count > 0 {
            row(symbol.to_owned(), format!("{text} ({count})"));
        }
    }
    if plan.items.iter().any(|item| item.points.is_some()) {
        row(r#"<path class="ray" d="M-6 0H8"/>"#.to_owned(), "points this way at rest".to_owned());
    }
    for (count, one, many) in [
        (
            plan.meshes_unread,
            "mesh that cannot be read is not drawn",
            "meshes that cannot be read are not drawn",
        ),
        (plan.too_far, "thing is too far away to be drawn", "things are too far away to be drawn"),
    ] {
        if count > 0 {
            y += 20.0;
            let text = if count == 1 { one } else { many };
            let _ = write!(svg, r#"<text class="m" x="{x:.1}" y="{y:.1}">{count} {text}</text>"#);
        }
    }
    list(plan, [x, y + 36.0], [width, bottom], svg);
}

fn list(plan: &Plan, [x, top]: [f64; 2], [width, bottom]: [f64; 2], svg: &mut String) {
    let title = if plan.sentence.is_some() { "equal edits" } else { "device types" };
    let mut y = top;
    if plan.list.is_empty() || y + 40.0 > bottom {
        return;
    }
    let _ = write!(svg, r#"<text class="t" x="{x:.1}" y="{y:.1}">{title}</text>"#);
    y += 4.0;
    for (index, entry) in plan.list.iter().enumerate() {
        if y + 34.0 > bottom {
            let more = plan.list.len() - index;
            let _ = write!(svg, r#"<text class="s m" x="{x:.1}" y="{:.1}">and {more} more</text>"#, y + 16.0);
            break;
        }
        y += 18.0;
        let label = cut(&format!("{} × {}", entry.count, entry.label), width / 6.4);
        let _ = write!(svg, r#"<text x="{x:.1}" y="{y:.1}">{}</text>"#, escape(&label));
        if !entry.names.is_empty() {
            y += 14.0;
            let mut names = entry.names.join(", ");
            if entry.count > entry.names.len() {
                names += ", …";
            }
            let _ = write!(
                svg,
                r#"<text class="s m" x="{x:.1}" y="{y:.1}">{}</text>"#,
                escape(&cut(&names, width / 5.4))
            );
        }
    }
}

/// At most so many characters.
fn cut(text: &str, characters: f64) -> String {
    let room = (0..text.chars().count()).take_while(|count| (*count as f64) < characters - 1.0).count();
    let mut short: String = text.chars().take(room).collect();
    if room < text.chars().count() {
        short.push('…');
    }
    short
}

/// Symbol, text, and what it is for.
type Row = (&'static str, &'static str, fn(&Item) -> bool);

fn sample(kind: Kind) -> String {
    match kind {
        Kind::Truss => r#"<path class="truss" d="M-10-3h20v6h-20z"/>"#.to_owned(),
        Kind::SceneObject => r#"<path class="obj" d="M-9-6h18v12h-18z"/>"#.to_owned(),
        other => format!(
            r##"<use href="#{}" class="{}"/>"##,
            symbol_of(other),
            if other == Kind::FocusPoint { "focus" } else { "sym" }
        ),
    }
}
