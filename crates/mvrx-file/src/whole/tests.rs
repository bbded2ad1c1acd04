use std::io::Cursor;

use super::*;
use crate::generate::{MemberOptions, Recipe, ZipWriter};

fn zip(members: &[(&str, &[u8], MemberOptions)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Vec::new());
    for (name, content, options) in members {
        writer.add(name.as_bytes(), content, options).unwrap();
    }
    writer.finish().unwrap()
}

fn look_at(bytes: &[u8]) -> Result<Whole, NotWhole> {
    look(Cursor::new(bytes), &Limits::default(), &mut |_| true)
}

// proves: MVR-WHOLE
#[test]
fn a_whole_archive_is_whole_and_its_members_are_counted() {
    let show = Recipe::new(3).fixtures(5).to_bytes();
    let members = Archive::open(Cursor::new(&show), &Limits::default()).unwrap().members().len() as u64;
    assert!(members > 2);
    assert_eq!(look_at(&show).unwrap(), Whole { members, unread: 0 });
    assert_eq!(look_at(&zip(&[])).unwrap(), Whole { members: 0, unread: 0 });
}

#[test]
fn every_cut_and_every_flipped_byte_of_a_members_content_is_damage() {
    let content: Vec<u8> = (0..=255).cycle().take(700).collect();
    let show =
        zip(&[("a.txt", &content, MemberOptions::default()), ("b", &content, MemberOptions::deflate())]);
    for end in 0..show.len() {
        assert!(look_at(&show[..end]).is_err_and(|error| error.is_damage()), "cut at {end}");
    }
    let first = 30 + "a.txt".len();
    for at in first..first + content.len() {
        let mut bad = show.clone();
        bad[at] ^= 0x10;
        let error = look_at(&bad).unwrap_err();
        assert!(error.is_damage() && !error.is_limit());
        assert!(error.to_string().starts_with("member \"a.txt\": its checksum is "), "{error}");
    }
}

// proves: MVR-WHOLE
#[test]
fn a_cut_archive_is_not_taken_for_the_one_inside_it() {
    let inner = zip(&[("description.xml", b"<GDTF/>", MemberOptions::default())]);
    let outer = zip(&[("a", b"a", MemberOptions::default()), ("b.gdtf", &inner, MemberOptions::default())]);
    assert_eq!(look_at(&outer).unwrap().members, 2);
    let end = outer.windows(inner.len()).position(|part| part == inner).unwrap() + inner.len();
    for end in end..outer.len() {
        assert!(look_at(&outer[..end]).is_err_and(|error| error.is_damage()), "cut at {end}");
    }
    let error = look_at(&outer[..end]).unwrap_err();
    assert!(error.to_string().starts_with("its end is missing"), "{error}");
}

#[test]
fn a_lie_of_the_directory_about_size_or_checksum_is_damage() {
    let lies = [
        MemberOptions { claim_crc: Some(1), ..MemberOptions::deflate() },
        MemberOptions { claim_size: Some(9), ..MemberOptions::deflate() },
        MemberOptions { claim_size: Some(11), ..MemberOptions::deflate() },
        MemberOptions { claim_size: Some(9), ..MemberOptions::default() },
    ];
    for lie in lies {
        let error = look_at(&zip(&[("rig", b"0123456789", lie.clone())])).unwrap_err();
        assert!(error.is_damage(), "{lie:?}: {error}");
    }
    assert!(look_at(b"no zip at all").is_err_and(|error| error.is_damage()));
}

// proves: MVR-WHOLE
#[test]
fn what_cannot_be_unpacked_is_counted_and_no_damage() {
    let odd = |options| ("odd", b"0123456789".as_slice(), options);
    let of = |options| look_at(&zip(&[odd(options), ("ok", b"ok", MemberOptions::default())])).unwrap();
    for options in [
        MemberOptions { flags: 1, ..MemberOptions::default() },
        MemberOptions { method: 14, ..MemberOptions::default() },
        MemberOptions { claim_size: Some(1 << 40), ..MemberOptions::deflate() },
    ] {
        assert_eq!(of(options), Whole { members: 2, unread: 1 });
    }
    let other_name = MemberOptions { local_name: Some(b"ODD".to_vec()), ..MemberOptions::default() };
    assert_eq!(of(other_name), Whole { members: 2, unread: 0 }, "a name is not its content");
}

#[test]
fn a_bomb_takes_no_more_than_the_limit_and_is_no_damage() {
    let zeros = vec![0; 8 << 20];
    let bomb = zip(&[("a", &zeros, MemberOptions::deflate()), ("b", &zeros, MemberOptions::deflate())]);
    assert!(bomb.len() < 32 << 10);
    let limits = |inflated_bytes| Limits { inflated_bytes, ..Limits::default() };
    let mut most = 0;
    let mut within = |allowed| {
        most = 0;
        look(Cursor::new(&bomb), &limits(allowed), &mut |done| {
            most = done;
            true
        })
    };
    assert_eq!(within(16 << 20).unwrap().unread, 0, "exactly as much as is allowed");
    assert_eq!(within((16 << 20) - 1).unwrap().unread, 1);
    assert_eq!(within(0).unwrap().unread, 2);
    let few = Limits { members: 1, ..Limits::default() };
    let error = look(Cursor::new(&bomb), &few, &mut |_| true).unwrap_err();
    assert!(error.is_limit() && !error.is_damage(), "{error}");
    assert!(most <= 16 << 20);
}

#[test]
fn it_ends_where_it_is_called_off() {
    let show = zip(&[("a", &vec![7; 1 << 20], MemberOptions::default())]);
    let mut calls = 0;
    let stopped = look(Cursor::new(&show), &Limits::default(), &mut |done| {
        calls += 1;
        done < 3 * PIECE as u64
    });
    assert!(matches!(stopped, Err(NotWhole::Stopped)));
    assert_eq!(calls, 4, "once for the member, and after each piece");
    assert!(!stopped.unwrap_err().is_damage());
}

#[test]
fn a_long_name_is_cut_where_it_is_told() {
    let name = "é".repeat(3_000);
    let lie = MemberOptions { claim_crc: Some(1), flags: 1 << 11, ..MemberOptions::default() };
    let NotWhole::Member { name, .. } = look_at(&zip(&[(&name, b"x", lie)])).unwrap_err() else { panic!() };
    assert_eq!(name.len(), NAME);
}
