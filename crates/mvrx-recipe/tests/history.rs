//! What the history of a show costs: the sizes that recipes promise.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use common::{Numbers, Show, made, round_trip};
use mvrx_file::generate::Recipe;
use mvrx_recipe::Limits;

const REVISIONS: u32 = 100;

/// A show of 2.7 MB in nine hundred members, like the ones of visualizers: its scene takes more than a quarter of it.
fn show(deflate: bool) -> Show {
    let generated = Recipe::new(11).fixtures(380).trusses(20).meshes(870).deflate(deflate);
    let mut show = Show::of(generated.to_bytes());
    let mut numbers = Numbers(3);
    for (name, data) in show.members.iter_mut().filter(|(name, _)| name.ends_with(".glb")) {
        // Corners on a grid of a millimetre, as numbers of four bytes each: what a real mesh is mostly made of.
        let corners = 155 + name.len() + numbers.below(550);
        for _ in 0..corners {
            let millimetres = u16::try_from(numbers.below(4000)).unwrap();
            data.extend_from_slice(&(f32::from(millimetres) / 1000.0).to_le_bytes());
        }
    }
    show
}

/// 35 edits as people make them: 20 fixtures of another universe, 12 moved, 3 taken out; later ones are put in again.
fn edit(root: &mut Vec<u8>, numbers: &mut Numbers, revision: u32) {
    let mut text = String::from_utf8(std::mem::take(root)).unwrap();
    for _ in 0..20 {
        replace(&mut text, numbers, "<Address", "</Address>", |old| {
            let (tag, number) = old.split_once('>').unwrap();
            let number: u32 = number.trim_end_matches("</Address").parse().unwrap_or(1);
            format!("{tag}>{}</Address>", (number + 512) % 32_768 + 1)
        });
    }
    for _ in 0..12 {
        replace(&mut text, numbers, "<Matrix>", "</Matrix>", |old| {
            let (before, position) = old.rsplit_once('{').unwrap();
            format!("{before}{{{}.5,{}", revision * 10 + 100, position.split_once(',').unwrap().1)
        });
    }
    for _ in 0..3 {
        let fixture = part(&text, numbers, "<Fixture", "</Fixture>");
        let taken = text[fixture.clone()].to_owned();
        text.replace_range(fixture, "");
        if revision % 2 == 1 {
            let place = part(&text, numbers, "<Fixture", "</Fixture>").start;
            text.insert_str(place, &taken.replace("name=\"", "name=\"Again "));
        }
    }
    *root = text.into_bytes();
}

fn part(text: &str, numbers: &mut Numbers, begin: &str, end: &str) -> std::ops::Range<usize> {
    let all: Vec<usize> = text.match_indices(begin).map(|(at, _)| at).collect();
    let start = all[numbers.below(all.len())];
    start..start + text[start..].find(end).unwrap() + end.len()
}

fn replace(text: &mut String, numbers: &mut Numbers, begin: &str, end: &str, new: impl Fn(&str) -> String) {
    let range = part(text, numbers, begin, end);
    let new = new(&text[range.clone()]);
    text.replace_range(range, &new);
}

/// All revisions, the first one first.
fn revisions(deflate: bool) -> Vec<Vec<u8>> {
    let (mut show, mut numbers) = (show(deflate), Numbers(5));
    let mut all = vec![show.to_bytes(0)];
    for revision in 1..REVISIONS {
        edit(show.root(), &mut numbers, revision);
        all.push(show.to_bytes(7 * revision));
    }
    all
}

/// The cost of all revisions when the newest is whole and all others are recipes over it.
fn cost(deflate: bool) -> (usize, usize) {
    let all = revisions(deflate);
    let (newest, older) = all.split_last().unwrap();
    let limits = Limits::default();
    let recipes: Vec<usize> = older
        .iter()
        .enumerate()
        .map(|(place, older)| {
            if place % 20 == 0 {
                round_trip(newest, older, &limits)
            } else {
                made(newest, older, &limits).unwrap().len()
            }
        })
        .collect();
    let total = newest.len() + recipes.iter().sum::<usize>();
    println!(
        "first {}, nearest recipe {}, furthest {}, all {total}",
        all[0].len(),
        recipes.last().unwrap(),
        recipes[0]
    );
    (all[0].len(), total)
}

// proves: HISTORY-COST
#[test]
fn a_hundred_revisions_of_a_stored_show_cost_less_than_four_times_the_first() {
    let (first, total) = cost(false);
    assert!((2_600_000..2_800_000).contains(&first), "{first}");
    assert!(total <= 4 * first, "{total} of {first}");
}

// proves: HISTORY-COST
#[test]
fn a_hundred_revisions_of_a_deflated_show_cost_less_than_four_times_the_first() {
    let (first, total) = cost(true);
    assert!(total <= 4 * first, "{total} of {first}");
}

/// Real revisions, where they are at hand: not a part of the repository.
#[test]
fn real_revisions_of_one_show_cost_little() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let read = |name: &str| std::fs::read(samples.join(name)).ok();
    let (Some(first), Some(second)) = (read("capture_demo_show.mvr"), read("capture_demo_show.rev2.mvr"))
    else {
        return;
    };
    for (base, target) in [(&first, &second), (&second, &first)] {
        let recipe = round_trip(base, target, &Limits::default());
        println!("a recipe of {recipe} bytes");
        assert!(recipe < 5000, "{recipe}");
    }
}
