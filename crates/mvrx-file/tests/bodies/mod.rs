//! What the fuzz targets of this crate do with their bytes; the corpus replay calls the same functions.
#![allow(dead_code, reason = "every fuzz target includes this file and calls its own function")]

use std::io::Cursor;

use mvrx_file::generate::{MemberOptions, ZipWriter};
use mvrx_file::plan::{Plan, SvgOptions};
use mvrx_file::{Archive, Diff, Limits, MvrFile, ROOT_FILE, Summary, check};

/// Small enough that reaching a limit is nothing special.
fn limits() -> Limits {
    Limits {
        members: 64,
        xml_bytes: 1 << 18,
        xml_depth: 40,
        xml_token_bytes: 1 << 12,
        objects: 500,
        member_bytes: 1 << 18,
        inflated_bytes: 1 << 20,
        findings: 100,
        ..Limits::default()
    }
}

/// Any bytes as an archive: no panic, no member larger than it says, and every part of the reader survives what it finds.
pub(crate) fn mvr_zip(data: &[u8]) {
    let limits = limits();
    if let Ok(archive) = Archive::open(Cursor::new(data), &limits) {
        assert!(archive.members().len() <= limits.members);
        for (place, member) in archive.members().iter().enumerate() {
            let content =
                archive.unpack(place, limits.member_bytes).and_then(mvrx_file::MemberReader::read_all);
            if let Ok(content) = content {
                assert_eq!(content.len() as u64, member.size);
            }
        }
    }
    look_at(data, &limits);
}

/// Any bytes as a root file.
pub(crate) fn mvr_xml(data: &[u8]) {
    look_at(&wrap(data), &limits());
}

/// Two root files, parted by the first zero byte: what one way is added is removed the other way, and nothing differs from itself.
pub(crate) fn mvr_diff(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let [one, other] = [parts.next(), parts.next()].map(|part| wrap(part.unwrap_or_default()));
    let open = |bytes: Vec<u8>| MvrFile::read(Cursor::new(bytes), &limits());
    let (Ok(one), Ok(other)) = (open(one), open(other)) else { return };
    let there = Diff::between(&one, &other);
    let back = Diff::between(&other, &one);
    assert_eq!((there.counts.added, there.counts.removed), (back.counts.removed, back.counts.added));
    assert_eq!(there.counts.readdressed, back.counts.readdressed);
    assert_eq!(there.is_same(), back.is_same());
    let counted = there.counts.removed
        + there.counts.unchanged
        + there
            .objects
            .iter()
            .filter(|object| object.old_index.is_some() && object.new_index.is_some())
            .count();
    assert_eq!(counted, one.scene().objects.len());
    let itself = Diff::between(&one, &one);
    assert!(itself.is_same(), "{itself}");
    let _ = (there.to_string(), there.stat().to_string());
    let svg = Plan::of_change(&one, &other, &there).svg(&SvgOptions::default());
    assert!(svg.ends_with("</svg>\n"));
}

fn wrap(xml: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new());
    // Writing into a vector cannot fail.
    let _ = zip.add(ROOT_FILE.as_bytes(), xml, &MemberOptions::default());
    zip.finish().unwrap_or_default()
}

fn look_at(bytes: &[u8], limits: &Limits) {
    let report = check::reader(Cursor::new(bytes), limits);
    assert!(report.findings.len() <= limits.findings);
    let text = report.to_string();
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    match MvrFile::read(Cursor::new(bytes), limits) {
        Err(error) => assert!(report.has_errors(), "{error}"),
        Ok(file) => {
            assert!(file.scene().objects.len() <= limits.objects);
            let text = Summary::of(&file).to_string();
            assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
            assert!(Plan::of(&file).svg(&SvgOptions::default()).ends_with("</svg>\n"));
        }
    }
}
