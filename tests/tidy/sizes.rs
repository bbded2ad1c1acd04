//! A file that a person can read in one go.

use std::fs;

use crate::tree::{files, is_test, relative, root};

const LINES: usize = 600;

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let long: Vec<String> = files(root(), "rs")
        .into_iter()
        .filter(|path| !is_test(&relative(path)))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > LINES).then(|| format!("{lines} {}", relative(&path)))
        })
        .collect();
    assert!(long.is_empty(), "split these by responsibility: {long:#?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let words = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["unimple", "mented!"].concat(),
        ["#[ig", "nore"].concat(),
    ];
    for path in files(root(), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        for word in &words {
            assert!(!text.contains(word.as_str()), "{} has {word}", relative(&path));
        }
    }
}
