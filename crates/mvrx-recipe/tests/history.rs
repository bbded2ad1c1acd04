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

use common::revisions::revisions;
use common::{made, round_trip};
use mvrx_recipe::Limits;

/// The cost of all revisions when the newest is whole and all others are recipes over it.
fn cost(deflate: bool) -> (usize, usize) {
    let all = revisions(100, deflate);
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
