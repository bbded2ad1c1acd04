use super::*;
use crate::FsStore;
use crate::battery::{file, publish};
use crate::store::Store;

#[test]
fn a_name_is_one_commits_whatever_its_case_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).unwrap();
    publish(&store, 1, b"one");
    publish(&store, 2, b"two");
    // Beside the running store.
    let tags = Tags::of(folder.path());
    assert_eq!(tags.give("premiere", file(1)), Ok(true));
    assert_eq!(tags.give("Premiere", file(1)), Ok(false), "it has it already");
    let taken = Err(TagError::NameTaken { name: "premiere".into(), file: file(1) });
    assert_eq!(tags.give("PREMIERE", file(2)), taken);
    assert_eq!(tags.give("tour-2026", file(3)), Err(TagError::FileNotListed { file: file(3) }));
    assert_eq!(tags.give("second", file(1)), Ok(true), "a commit may have several");
    drop(store);
    let names: Vec<String> =
        Tags::of(folder.path()).list().unwrap().into_iter().map(|tag| tag.name).collect();
    assert_eq!(names, ["premiere", "second"]);
    assert_eq!(tags.remove("PREMIERE"), Ok(file(1)));
    assert_eq!(tags.remove("premiere"), Err(TagError::NoSuchTag { name: "premiere".into() }));
    assert_eq!(tags.give("premiere", file(2)), Ok(true));
    // The store takes no notice of them.
    let store = FsStore::open(folder.path()).unwrap();
    assert_eq!((store.commits().unwrap().len(), store.problems()), (2, vec![]));
}

#[test]
fn names_that_could_be_ids_words_or_paths_are_refused() {
    let long = "x".repeat(64);
    for name in ["zzz", "premiere", "2026-11-22", "v1.0_final", "face-it", "abcdefg", &long] {
        assert_eq!(check(name), Ok(()), "{name}");
    }
    let too_long = "x".repeat(65);
    for name in [
        "",
        &too_long,
        "a",
        "face",
        "2026",
        "0123abcd-",
        "0123abcd-12",
        "latest",
        "LATEST",
        "a/b",
        "..",
        ".a",
        "-a",
        "a.",
        "a b",
        "ä",
        "a@b",
        "a\n",
    ] {
        assert!(matches!(check(name), Err(TagError::NotAName { .. })), "{name}");
    }
}

#[test]
fn files_of_others_in_the_folder_are_no_tags() {
    let tag = Tag { name: "premiere".into(), file: file(1) };
    assert_eq!(Tag::parse(&tag.file_name()), Some(tag.clone()));
    for text in [
        "lock".to_owned(),
        format!("{}~", tag.file_name()),
        tag.file_name().to_uppercase(),
        format!("face@{}.tag", file(1)),
        "premiere@x.tag".to_owned(),
    ] {
        assert_eq!(Tag::parse(&text), None, "{text}");
    }
}
