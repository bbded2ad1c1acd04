use std::io::Cursor;

use super::view::{Eye, View, outline, round_step};
use super::*;
use crate::generate::{Changes, Recipe};
use crate::limits::Limits;

fn open(recipe: &Recipe) -> MvrFile<Cursor<Vec<u8>>> {
    MvrFile::read(Cursor::new(recipe.to_bytes()), &Limits::default()).unwrap()
}

fn changed_plan(fixtures: u32) -> Plan {
    let first = Recipe::new(1).fixtures(fixtures).trusses(2);
    let (old, new) =
        (open(&first), open(&first.clone().revised(Changes { readdressed: 20, moved: 12, removed: 3 })));
    Plan::of_change(&old, &new, &Diff::between(&old, &new))
}

/// The document has to be read by the same parser that refuses everything doubtful.
fn elements(svg: &str) -> usize {
    let mut reader = crate::xml::XmlReader::new(svg.as_bytes(), &Limits::default());
    let (mut buffer, mut count) = (Vec::new(), 0);
    loop {
        match reader.next(&mut buffer).unwrap() {
            crate::xml::Node::Start(_) => count += 1,
            crate::xml::Node::Done => return count,
            _ => {}
        }
    }
}

#[test]
fn every_change_is_marked_in_every_view() {
    let plan = changed_plan(40);
    let svg = plan.svg(&SvgOptions::default());
    for (mark, count) in [
        (r##"href="#m-re" class="re" x"##, 20),
        (r##"href="#m-from" class="from" x="##, 12),
        (r##"href="#m-del" class="del" x"##, 3),
    ] {
        let found = svg.matches(mark).count();
        // Three views and, for what moved, the legend.
        assert!((3 * count..=3 * count + 1).contains(&found), "{mark}: {found}");
    }
    assert!(svg.contains("20 re-addressed, 12 moved, 3 removed") && svg.contains("20 × universe +1"));
    assert!(elements(&svg) > 200);
}

#[test]
fn plan_data_has_places_boxes_and_marks() {
    let plan = changed_plan(40);
    let trusses: Vec<&Item> = plan.items.iter().filter(|item| item.object.kind == Kind::Truss).collect();
    assert_eq!((trusses.len(), trusses[0].boxes.len()), (2, 1));
    let width = |axis: usize| {
        let numbers = trusses[0].boxes[0].iter().map(|corner| corner[axis]);
        numbers.clone().fold(f64::MIN, f64::max) - numbers.fold(f64::MAX, f64::min)
    };
    assert!((width(0) - 12_000.0).abs() < 1.0 && (width(2) - 300.0).abs() < 1.0);
    let moved = plan.items.iter().find(|item| item.mark.moved_from.is_some()).unwrap();
    let from = moved.mark.moved_from.unwrap();
    assert!((moved.at[0] - from[0] - 500.0).abs() < 1e-6);
    assert_eq!(moved.points, Some([0.0, 0.0, -1.0]));
    assert_eq!(plan.items.iter().filter(|item| item.mark.removed).count(), 3);
    assert_eq!(plan.meshes_unread, 0);
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), plan.items.len());
}

#[test]
fn many_fixtures_are_labelled_only_where_they_changed() {
    let plan = changed_plan(600);
    let svg = plan.svg(&SvgOptions::default());
    let labels = svg.matches(r#"class="id""#).count();
    assert!((20..=3 * 35).contains(&labels), "{labels}");
    let few = changed_plan(40).svg(&SvgOptions::default());
    assert!(few.matches(r#"class="id""#).count() > 40);
}

#[test]
fn names_cannot_break_out_of_the_document() {
    let mut plan = changed_plan(40);
    for item in &mut plan.items {
        item.object.name = "</title><script>alert(1)</script>\u{0}\u{fffe}&\"".to_owned();
        item.object.fixture_id = "<x>&".to_owned();
    }
    let svg = plan.svg(&SvgOptions::default().title("<b>&"));
    assert!(!svg.contains("<script") && !svg.contains("<x>") && !svg.contains("<b>"));
    elements(&svg);
}

#[test]
fn empty_and_absurd_scenes_have_a_plan() {
    let svg = Plan::of(&open(&Recipe::new(1).fixtures(0).trusses(0).meshes(0))).svg(&SvgOptions::default());
    assert!(elements(&svg) > 10);
    let mut plan = changed_plan(40);
    plan.max = [1e300; 3];
    plan.items[0].at = [f64::MAX, f64::MIN, 0.0];
    let svg = plan.svg(&SvgOptions::default().width(f64::NAN));
    assert!(svg.len() < 4_000_000 && elements(&svg) > 10);
}

#[test]
fn theme_decides_the_colours() {
    let plan = changed_plan(5);
    let sheet = |theme| plan.svg(&SvgOptions::default().theme(theme));
    assert!(sheet(Theme::Auto).contains("prefers-color-scheme:dark"));
    assert!(!sheet(Theme::Light).contains("#12161c") && !sheet(Theme::Dark).contains(".bg{fill:#fff}"));
}

#[test]
fn outline_is_the_convex_one() {
    let square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]];
    assert_eq!(outline(&square), [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]);
    assert_eq!(outline(&[[1.0, 1.0]; 8]), [[1.0, 1.0]]);
}

#[test]
fn views_look_the_way_their_titles_say() {
    let view = |eye| View { eye, low: [-10.0, -10.0], high: [10.0, 10.0], corner: [0.0, 0.0], scale: 1.0 };
    // To the right is +x from above and from the front, +y from the side; up the page is +y or +z.
    assert_eq!(view(Eye::Above).place([5.0, 7.0, 1.0]), [15.0, 3.0]);
    assert_eq!(view(Eye::Front).place([5.0, 7.0, 1.0]), [15.0, 9.0]);
    assert_eq!(view(Eye::Side).place([5.0, 7.0, 1.0]), [17.0, 9.0]);
    assert_eq!([round_step(1.0), round_step(700.0), round_step(2_001.0)], [1.0, 1_000.0, 5_000.0]);
}
