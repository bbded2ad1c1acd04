//! What recipes take in memory: a few windows, however long the files are.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod common;

use common::{Numbers, Show, any_length};
use mvrx_recipe::{Limits, Source, make, verify};

/// A long file that takes no memory: random bytes that depend on their place, some of them changed in the target.
struct Long {
    length: u64,
    every: u64,
}

impl Source for Long {
    fn length(&self) -> std::io::Result<u64> {
        Ok(self.length)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(usize::try_from(self.length.saturating_sub(offset)).unwrap());
        for (place, byte) in (offset..).zip(&mut buffer[..count]) {
            let mixed = (place / 8).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let changed = self.every > 0 && place % self.every < 3;
            let eight = (mixed ^ mixed >> 29).to_le_bytes();
            *byte = eight[usize::try_from(place % 8).unwrap()] ^ u8::from(changed);
        }
        Ok(count)
    }
}

// proves: HISTORY-MEMORY
#[test]
fn memory_does_not_depend_on_the_length_of_the_files() {
    let window = 256 << 10;
    let limits = any_length(window);
    let mut peaks = Vec::new();
    for length in [3 << 20, 24 << 20] {
        let (base, target) = (Long { length, every: 0 }, Long { length, every: 50_021 });
        let mut recipe = Vec::new();
        let making = allocation_counter::measure(|| {
            make(&base, &target, &mut recipe, &limits, &mut |_| true).unwrap();
        });
        let carrying_out = allocation_counter::measure(|| {
            verify(&base, &recipe, &limits, &mut |_| true).unwrap();
        });
        println!(
            "{length} bytes: recipe {}, making {}, carrying out {}",
            recipe.len(),
            making.bytes_max,
            carrying_out.bytes_max
        );
        peaks.push([making.bytes_max, carrying_out.bytes_max]);
    }
    // The buffers that files are read through, and what packs, are the same for any window: 2 MiB.
    for [making, carrying_out] in peaks {
        assert!(making < 16 * window as u64 + (2 << 20), "{making}");
        assert!(carrying_out < 4 * window as u64 + (2 << 20), "{carrying_out}");
    }
}

/// The worst for the finder: as many steps as there can be.
#[test]
fn memory_is_bounded_where_everything_is_nearly_the_same() {
    let mut numbers = Numbers(1);
    let base = numbers.bytes(1 << 20);
    let mut target = base.clone();
    target.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    let window = 1 << 20;
    let making = allocation_counter::measure(|| {
        make(&base, &target, &mut Vec::new(), &any_length(window), &mut |_| true).unwrap();
    });
    println!("making {}", making.bytes_max);
    assert!(making.bytes_max < 16 * window as u64 + (2 << 20), "{}", making.bytes_max);
}

/// A deflated member whose content takes all of the window, and another one beside it.
#[test]
fn memory_is_bounded_where_members_are_unpacked() {
    let mut numbers = Numbers(1);
    let content: Vec<u8> = (0..20_000_u32)
        .flat_map(|n| format!("<Fixture n='{n}' at='{}'/>\n", numbers.below(60_000)).into_bytes())
        .collect();
    let window = content.len() + (8 << 10);
    let show = |first: &[u8]| {
        let members = vec![
            ("scene.xml".to_owned(), [first, &content].concat()),
            ("other.xml".to_owned(), content.clone()),
        ];
        Show { members, options: mvrx_file::generate::MemberOptions::deflate() }.to_bytes(0)
    };
    let (base, target) = (show(b"<!-- older -->"), show(b"<!-- newer, longer -->"));
    let mut recipe = Vec::new();
    let making = allocation_counter::measure(|| {
        make(&base, &target, &mut recipe, &any_length(window), &mut |_| true).unwrap();
    });
    let carrying_out = allocation_counter::measure(|| {
        verify(&base, &recipe, &any_length(window), &mut |_| true).unwrap();
    });
    println!(
        "window {window}, recipe {}, making {}, carrying out {}",
        recipe.len(),
        making.bytes_max,
        carrying_out.bytes_max
    );
    assert!(recipe.len() < 3000, "{}", recipe.len());
    assert!(making.bytes_max < 16 * window as u64 + (2 << 20), "{}", making.bytes_max);
    assert!(carrying_out.bytes_max < 10 * window as u64 + (2 << 20), "{}", carrying_out.bytes_max);
}

// proves: HISTORY-HOSTILE
#[test]
fn what_a_recipe_declares_takes_no_memory() {
    let base = Numbers(1).bytes(5000);
    let mut recipe = Vec::new();
    make(&base, &base, &mut recipe, &Limits::default(), &mut |_| true).unwrap();
    // A body of 100 MB in a recipe of a few hundred bytes, and a dictionary and a material of as many.
    for place in [122, 126, 130] {
        let mut hostile = recipe.clone();
        hostile[place..place + 4].copy_from_slice(&100_000_000_u32.to_le_bytes());
        let carrying_out = allocation_counter::measure(|| {
            verify(&base, &hostile, &Limits::default(), &mut |_| true).unwrap_err();
        });
        assert!(carrying_out.bytes_max < 1 << 20, "{}", carrying_out.bytes_max);
    }
}
