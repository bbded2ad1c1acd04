//! What the fuzz target of this crate does with its bytes; the corpus replay calls the same functions.
#![allow(dead_code, reason = "every fuzz target includes this file and calls its own function")]

use mvrx_recipe::{Limits, inspect, make, rebuild};

/// Small enough that windows, parts and limits are nothing special.
fn limits() -> Limits {
    Limits {
        window_bytes: 1 << 10,
        allowed_window_bytes: 1 << 16,
        file_bytes: 1 << 20,
        worth_permille: u32::MAX,
        stretches: 50,
    }
}

/// Two files, parted at the place that the first two bytes name: a recipe is made and gives the file back.
pub(crate) fn recipe_round_trip(data: &[u8]) {
    let Some((place, files)) = data.split_first_chunk::<2>() else { return };
    let (base, target) = files.split_at(usize::from(u16::from_le_bytes(*place)).min(files.len()));
    let (base, target) = (base.to_vec(), target.to_vec());
    let mut recipe = Vec::new();
    if make(&base, &target, &mut recipe, &limits(), &mut |_| true).is_err() {
        // With any length worth having, there is nothing else to refuse.
        assert!(target.is_empty());
        return;
    }
    let mut again = Vec::new();
    let rebuilt = rebuild(&base, &recipe, &mut again, &limits(), &mut |_| true);
    assert!(rebuilt.is_ok(), "{rebuilt:?}");
    assert_eq!(again, target);
}

/// Any bytes as a recipe over a small base, with its checksums put right, as who makes a hostile one would: no panic, limits hold, and
/// what comes out is what the recipe says.
pub(crate) fn recipe_bytes(data: &[u8]) {
    let base = small_base();
    for recipe in [data.to_vec(), with_right_sums(data, &base)] {
        let told = inspect(&recipe, &limits());
        let mut out = Vec::new();
        match rebuild(&base, &recipe, &mut out, &limits(), &mut |_| true) {
            Ok(rebuilt) => {
                let told = told.ok();
                assert_eq!(told.map(|told| (told.length, told.hash)), Some((rebuilt.length, rebuilt.hash)));
                assert_eq!(
                    (rebuilt.length, rebuilt.hash),
                    (out.len() as u64, *blake3::hash(&out).as_bytes())
                );
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(out.len() <= 1 << 20);
    }
}

/// What hostile recipes are carried out over.
pub(crate) fn small_base() -> Vec<u8> {
    (0..2000_u32).map(|n| (n * n / 7).to_le_bytes()[0]).collect()
}

/// The bytes as the bodies of frames: each begins with one byte for its length, four for dictionary and material, two for its output.
pub(crate) fn with_right_sums(data: &[u8], base: &[u8]) -> Vec<u8> {
    let (mut frames, mut checks, mut rest, mut length) = (Vec::new(), blake3::Hasher::new(), data, 0_u64);
    let mut all = Vec::new();
    while let Some(([body, d0, d1, m0, m1, o0, o1], behind)) = rest.split_first_chunk::<7>() {
        let (body, behind) = behind.split_at(usize::from(*body).min(behind.len()));
        rest = behind;
        if body.is_empty() {
            break;
        }
        let output = u64::from(u16::from_le_bytes([*o0, *o1]));
        length += output;
        let mut frame = Vec::new();
        frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_le_bytes());
        frame.extend_from_slice(&[*d0, *d1, 0, 0, *m0, *m1, 0, 0]);
        frame.extend_from_slice(&output.to_le_bytes());
        frame.extend_from_slice(&[0; 32]);
        let check = *blake3::hash(&[&frame[..], body].concat()).as_bytes();
        all.push(check);
        frames.extend(frame);
        frames.extend_from_slice(&check);
        frames.extend_from_slice(body);
    }
    let mut recipe = b"mvrx-rcp\x01\x00".to_vec();
    recipe.extend_from_slice(&(base.len() as u64).to_le_bytes());
    recipe.extend_from_slice(blake3::hash(base).as_bytes());
    recipe.extend_from_slice(&length.to_le_bytes());
    recipe.extend_from_slice(&[0; 32]);
    let check = *blake3::hash(&recipe).as_bytes();
    recipe.extend_from_slice(&check);
    checks.update(&check);
    for check in &all {
        checks.update(check);
    }
    recipe.extend(frames);
    recipe.extend_from_slice(&[0; 4]);
    recipe.extend_from_slice(checks.finalize().as_bytes());
    recipe
}
