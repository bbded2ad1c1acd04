use proptest::prelude::*;

use super::*;

// proves: MSG-FILENAME
#[test]
fn makes_every_hint_a_name() {
    let long = "x".repeat(400);
    for (hint, name) in [
        ("Show.mvr", "Show.mvr"),
        ("Show", "Show.mvr"),
        ("Show.MVR", "Show.mvr"),
        ("show.zip", "show.zip.mvr"),
        ("show.mvr.mvr", "show.mvr.mvr"),
        ("Bühne 東京 🎭.mvr", "Bühne 東京 🎭.mvr"),
        ("", "unnamed.mvr"),
        (".", "unnamed.mvr"),
        ("..", "unnamed.mvr"),
        ("...mvr", "mvr.mvr"),
        (".mvr", "mvr.mvr"),
        ("/", "unnamed.mvr"),
        ("/etc/passwd", "passwd.mvr"),
        ("../../etc/cron.d/x.mvr", "x.mvr"),
        (r"..\..\Windows\System32\x.mvr", "x.mvr"),
        (r"C:\Shows\x.mvr", "x.mvr"),
        (r"\\server\share\x.mvr", "x.mvr"),
        ("C:x.mvr", "x.mvr"),
        ("c:d:x.mvr", "x.mvr"),
        ("shows/", "shows.mvr"),
        ("shows/..", "shows.mvr"),
        ("Act 1: Intro.mvr", "Act 1_ Intro.mvr"),
        ("x.mvr:stream", "x.mvr_stream.mvr"),
        ("a<b>c\"d|e?f*g.mvr", "a_b_c_d_e_f_g.mvr"),
        ("x.mvr\0.exe", "x.mvr.exe.mvr"),
        ("a\r\nb\u{7}\u{85}.mvr", "ab.mvr"),
        ("evil\u{202e}rvm.exe", "evilrvm.exe.mvr"),
        ("\u{feff}\u{2066}x\u{2069}.mvr", "x.mvr"),
        ("  x  .mvr  ", "x.mvr"),
        (".hidden.mvr", "hidden.mvr"),
        ("x. . .mvr", "x.mvr"),
        ("x.mvr...", "x.mvr"),
        ("CON", "_CON.mvr"),
        ("con.mvr", "_con.mvr"),
        ("nul.show.mvr", "_nul.show.mvr"),
        ("aux .mvr", "_aux.mvr"),
        ("COM1.mvr", "_COM1.mvr"),
        ("lpt³.mvr", "_lpt³.mvr"),
        ("COM10.mvr", "COM10.mvr"),
        ("CONsole.mvr", "CONsole.mvr"),
        ("conin$", "_conin$.mvr"),
        (long.as_str(), &format!("{}.mvr", "x".repeat(251))),
    ] {
        assert_eq!(safe_file_name(hint), name, "{hint:?}");
    }
}

// proves: MSG-FILENAME
#[test]
fn a_reserved_name_of_full_length_stays_within_255_bytes() {
    let name = safe_file_name(&format!("aux.{}", "x".repeat(400)));
    assert_eq!(name, format!("_aux.{}.mvr", "x".repeat(246)));
    let spaced = safe_file_name(&format!("con{}x", " ".repeat(400)));
    assert_eq!(spaced, "_con.mvr");
}

#[test]
fn numbers_a_name_that_is_taken() {
    assert_eq!(numbered("Show.mvr", 2), "Show (2).mvr");
    assert_eq!(numbered("Show.mvr", u32::MAX), "Show (4294967295).mvr");
    assert_eq!(numbered("../x", 3), "x (3).mvr");
    assert_eq!(numbered("", 2), "unnamed (2).mvr");
    let long = numbered(&"x".repeat(400), 17);
    assert!(long.ends_with("x (17).mvr") && long.len() <= 255, "{long}");
}

/// What a file system of any kind, and a person, may rely on.
fn is_safe(name: &str) -> Result<(), TestCaseError> {
    prop_assert!(name.len() <= 255, "{} bytes", name.len());
    let stem = name.strip_suffix(".mvr");
    prop_assert!(stem.is_some_and(|s| !s.is_empty()), "{name:?}");
    let stem = stem.unwrap_or_default();
    prop_assert!(!name.starts_with(['.', ' ']) && !stem.ends_with(['.', ' ']), "{name:?}");
    for c in name.chars() {
        prop_assert!(!c.is_control() && !"/\\:<>\"|?*".contains(c), "{name:?}");
        prop_assert!(
            !('\u{202a}'..='\u{202e}').contains(&c) && !('\u{2066}'..='\u{2069}').contains(&c),
            "{name:?}"
        );
    }
    let path = std::path::Path::new(name);
    prop_assert_eq!(path.components().count(), 1);
    prop_assert_eq!(path.file_name(), Some(std::ffi::OsStr::new(name)));
    let device = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    for reserved in ["con", "prn", "aux", "nul", "com1", "com9", "lpt0", "com²", "conin$"] {
        prop_assert_ne!(device.as_str(), reserved);
    }
    Ok(())
}

/// Texts made of what is dangerous in names.
fn hint() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-z ]{1,6}".prop_map(|s| s),
        2 => prop::sample::select(vec![
            "/", "\\", "..", ".", ":", "C:", "\0", "\n", "\u{202e}", "\u{200b}", " ", ".mvr", ".MVR", "con", "NUL", "com1",
            "lpt¹", "aux.", "\u{a0}", "é", "🎭", "*", "%2e%2e%2f", "~", "-rf", "\u{e0041}",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (prop::sample::select(vec!["x", "é", "東", " ", "."]), 1..200_usize).prop_map(|(s, n)| s.repeat(n)),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    // proves: MSG-FILENAME
    #[test]
    fn every_name_is_safe_and_making_it_safe_again_changes_nothing(hint in hint()) {
        let name = safe_file_name(&hint);
        is_safe(&name)?;
        prop_assert_eq!(safe_file_name(&name), name);
    }

    // proves: MSG-FILENAME
    #[test]
    fn any_text_makes_a_safe_name(hint in any::<String>()) {
        is_safe(&safe_file_name(&hint))?;
    }

    #[test]
    fn numbered_names_are_safe_and_differ(hint in hint(), a in any::<u32>(), b in any::<u32>()) {
        let name = numbered(&hint, a);
        is_safe(&name)?;
        prop_assert_eq!(&safe_file_name(&name), &name);
        prop_assert_eq!(name == numbered(&hint, b), a == b);
    }

    #[test]
    fn a_bounded_name_keeps_its_ending(hint in hint(), bytes in 16..300_usize) {
        let name = bounded_file_name(&hint, bytes);
        is_safe(&name)?;
        prop_assert!(name.len() <= bytes, "{} of {bytes}", name.len());
    }
}
