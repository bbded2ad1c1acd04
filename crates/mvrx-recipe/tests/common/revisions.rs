//! Revisions of a show of 2.7 MB as people make them, for the tests of recipes and of histories.

use std::io::Cursor;

use mvrx_file::generate::{MemberOptions, Recipe, ZipWriter};
use mvrx_file::{Archive, ROOT_FILE};

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

/// So many revisions, the first one first, exported seven minutes apart.
pub(crate) fn revisions(count: u32, deflate: bool) -> Vec<Vec<u8>> {
    let (mut show, mut numbers) = (show(deflate), Numbers(5));
    let mut all = vec![show.to_bytes(0)];
    for revision in 1..count {
        edit(show.root(), &mut numbers, revision);
        all.push(show.to_bytes(7 * revision));
    }
    all
}

/// A show whose members can be edited and packed again, as an application exports it again and again.
#[derive(Clone)]
pub(crate) struct Show {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) options: MemberOptions,
}

impl Show {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let archive = Archive::open(Cursor::new(bytes), &mvrx_file::Limits::default()).unwrap();
        let content = |place| archive.unpack(place, u64::MAX).unwrap().read_all().unwrap();
        let members =
            archive.members().iter().enumerate().map(|(place, member)| (member.name.clone(), content(place)));
        let options = if archive.members()[0].method == 8 {
            MemberOptions::deflate()
        } else {
            MemberOptions::default()
        };
        Self { members: members.collect(), options }
    }

    pub(crate) fn root(&mut self) -> &mut Vec<u8> {
        &mut self.members.iter_mut().find(|(name, _)| name == ROOT_FILE).unwrap().1
    }

    /// The file, as exported so many minutes after the first time.
    pub(crate) fn to_bytes(&self, minutes: u32) -> Vec<u8> {
        let mut options = self.options.clone();
        options.dos_time += (minutes / 60) << 11 | (minutes % 60) << 5;
        let mut zip = ZipWriter::new(Vec::new());
        for (name, data) in &self.members {
            zip.add(name.as_bytes(), data, &options).unwrap();
        }
        zip.finish().unwrap()
    }
}

/// Numbers that are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}
