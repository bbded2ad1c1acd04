//! Holds every element of a root file to what the format allows at its place: attributes, children, their number, values.
//!
//! It runs beside the reader ([`super::parse`]), which takes whatever it understands; this module only tells what is wrong, and so it
//! knows neither objects nor references. What the official schema refuses and every reader gets along with (an order of children, blanks
//! around a number) is told as [`Rule::SchemaStricter`]; everything else that the schema refuses is an error. Where the schema forbids
//! what the text allows (content of `Data`, the file name of a `Gobo`, any IPv6 address), the text counts. The tables are in
//! [`super::tables`]; depth is bounded by the reader, the text held here by one value of 4 KiB.

use super::tables::{Attribute, Child, Content, Count, ROOT, Shape};
use super::typed::{self, Text, Verdict};
use crate::rule::Rule;
use crate::text::Clean;
use crate::version::Version;
use crate::xml::Tag;

/// What was found at one element: the rule and a clause.
pub(super) type Told = Vec<(Rule, String)>;

/// The elements that are open, from the root inwards.
#[derive(Default)]
pub(super) struct Grammar {
    open: Vec<Place>,
    /// Text of the innermost element that has a typed one.
    text: String,
    version: Option<Version>,
}

struct Place {
    name: &'static str,
    /// Line of the start tag.
    line: u32,
    children: &'static [&'static [Child]],
    ordered: bool,
    text: Text,
    /// Children seen, one bit each.
    seen: u64,
    last: usize,
    order_told: bool,
    text_told: bool,
}

// req: MVR-SCHEMA
impl Grammar {
    pub(super) fn start(&mut self, tag: &Tag<'_>, version: Version, told: &mut Told) {
        let place = match self.open.last_mut() {
            None => {
                self.version = Some(version);
                Place::of(&ROOT)
            }
            Some(parent) if parent.text == Text::Anything => Place::ANYTHING,
            Some(parent) => {
                let newer = self.version.is_some_and(|version| version > NEWEST);
                match parent.enter(tag.name(), newer, told) {
                    Some((place, attributes)) => {
                        check_attributes(place.name, attributes, tag, newer, told);
                        place
                    }
                    None => Place::ANYTHING,
                }
            }
        };
        if self.open.is_empty() {
            check_attributes(place.name, ROOT.attributes, tag, version > NEWEST, told);
        }
        self.text.clear();
        self.open.push(Place { line: tag.line, ..place });
    }

    pub(super) fn text(&mut self, text: &str, told: &mut Told) {
        let Some(place) = self.open.last_mut() else { return };
        match place.text {
            Text::Anything | Text::Free => {}
            Text::Nothing => {
                if !place.text_told && !text.trim().is_empty() {
                    place.text_told = true;
                    told.push((
                        Rule::TextUnexpected,
                        format!("there is text in {}, which has none", place.name),
                    ));
                }
            }
            _ => {
                let room = LONGEST.saturating_sub(self.text.len());
                self.text.extend(text.chars().take(room));
            }
        }
    }

    /// Ends the innermost element and gives the line of its start.
    pub(super) fn end(&mut self, told: &mut Told) -> u32 {
        let Some(place) = self.open.pop() else { return 0 };
        let text = std::mem::take(&mut self.text);
        if !matches!(place.text, Text::Anything | Text::Free | Text::Nothing) {
            judge(place.name, place.text, &text, told);
        }
        let older = self.version.is_some_and(|version| version < NEWEST);
        for (index, child) in children(place.children).enumerate() {
            let demanded = matches!(child.count, Count::One | Count::OneSinceNewest);
            if !demanded || place.seen & bit(index) != 0 {
                continue;
            }
            // req: MVR-REQUIRED-CHILDREN
            if child.count == Count::OneSinceNewest && older {
                let detail = format!("{} has no {}, which MVR 1.6 demands", place.name, child.name);
                told.push((Rule::SchemaStricter, detail));
            } else {
                told.push((Rule::ElementMissing, format!("{} has no {}", place.name, child.name)));
            }
        }
        place.line
    }
}

impl Place {
    const ANYTHING: Self = Self {
        name: "",
        line: 0,
        children: &[],
        ordered: false,
        text: Text::Anything,
        seen: 0,
        last: 0,
        order_told: false,
        text_told: false,
    };

    fn of(shape: &'static Shape) -> Self {
        let Shape { name, children, ordered, text, .. } = *shape;
        Self { name, children, ordered, text, ..Self::ANYTHING }
    }

    /// The child of this name, and what it may carry; `None` when there is none.
    fn enter(&mut self, name: &str, newer: bool, told: &mut Told) -> Option<(Self, &'static [Attribute])> {
        let Some((index, child)) = children(self.children).enumerate().find(|(_, child)| child.name == name)
        else {
            let into = self.name;
            let shown = Clean(name);
            told.push(if newer {
                (Rule::SchemaStricter, format!("element {shown} in {into} is not known to MVR {NEWEST}"))
            } else if TOLERATED.contains(&name) {
                (Rule::SchemaStricter, format!("element {shown} does not belong into {into}"))
            } else {
                (Rule::ElementUnknown, format!("element {shown} does not belong into {into}"))
            });
            return None;
        };
        if self.seen & bit(index) != 0 && child.count != Count::Many {
            told.push((Rule::ElementRepeated, format!("element {name} is given again in {}", self.name)));
        } else if self.ordered && index < self.last && !self.order_told {
            self.order_told = true;
            told.push((
                Rule::SchemaStricter,
                format!("element {name} comes too late in {}; the official schema fixes an order", self.name),
            ));
        }
        self.seen |= bit(index);
        self.last = self.last.max(index);
        Some(match child.content {
            Content::Node(shape) => (Self::of(shape), shape.attributes),
            Content::Text(text) => (Self { name: child.name, text, ..Self::ANYTHING }, &[]),
        })
    }
}

fn children(lists: &'static [&'static [Child]]) -> impl Iterator<Item = &'static Child> {
    lists.iter().copied().flatten()
}

fn bit(index: usize) -> u64 {
    1 << (index % 64)
}

fn check_attributes(element: &str, known: &'static [Attribute], tag: &Tag<'_>, newer: bool, told: &mut Told) {
    let mut seen: u64 = 0;
    for (key, value) in tag.attributes() {
        if key.starts_with("xmlns:") || key.starts_with("xsi:") {
            continue;
        }
        let same = |(_, attribute): &(usize, &Attribute)| attribute.name == key;
        let alike = |(_, attribute): &(usize, &Attribute)| attribute.name.eq_ignore_ascii_case(key);
        let all = || known.iter().enumerate();
        let Some((index, attribute)) = all().find(same).or_else(|| all().find(alike)) else {
            let shown = Clean(key);
            let rule = if newer { Rule::SchemaStricter } else { Rule::AttributeUnknown };
            told.push((rule, format!("attribute {shown} does not belong to {element}")));
            continue;
        };
        if attribute.name != key {
            let detail = format!("attribute {} of {element} is written {}", attribute.name, Clean(key));
            told.push((Rule::SchemaStricter, detail));
        }
        seen |= bit(index);
        judge_attribute(element, attribute, &value, told);
    }
    for (index, attribute) in known.iter().enumerate().filter(|(_, attribute)| attribute.required) {
        if seen & bit(index) == 0 {
            told.push(if attribute.text == Text::Identity {
                (Rule::UuidMissing, format!("{element} has no UUID"))
            } else {
                (Rule::AttributeMissing, format!("{element} has no attribute {}", attribute.name))
            });
        }
    }
}

fn judge_attribute(element: &str, attribute: &Attribute, value: &str, told: &mut Told) {
    match attribute.text {
        Text::Identity => {
            if value.trim().is_empty() {
                return told.push((Rule::UuidMissing, format!("{element} has no UUID")));
            }
            judge(element, Text::Identity, value, told);
        }
        text => {
            let before = told.len();
            judge(attribute.name, text, value, told);
            for (_, detail) in told.iter_mut().skip(before) {
                *detail = format!("{detail}, in {element}");
            }
        }
    }
}

/// Tells what is wrong with a value.
fn judge(name: &str, text: Text, value: &str, told: &mut Told) {
    let shown = Clean(value.trim());
    match typed::verdict(text, value) {
        Verdict::Fine => {}
        Verdict::Stricter(why) => {
            told.push((
                Rule::SchemaStricter,
                format!("{name} “{shown}” {why}, which the official schema refuses"),
            ));
        }
        Verdict::Wrong(why) => told.push((rule_of(text, why), format!("{name} “{shown}” {why}"))),
    }
}

fn rule_of(text: Text, why: &str) -> Rule {
    match text {
        Text::Identity if why == typed::OTHER_FORM => Rule::UuidForm,
        Text::Identity => Rule::UuidUnreadable,
        Text::Reference if why == typed::OTHER_FORM => Rule::UuidForm,
        Text::Reference => Rule::ReferenceBroken,
        Text::Matrix => Rule::MatrixMalformed,
        Text::Address | Text::Break => Rule::AddressMalformed,
        _ => Rule::ValueMalformed,
    }
}

/// Elements that products put where they do not belong: device elements of empty layers, and the colour under its older name.
const TOLERATED: [&str; 3] = ["GDTFSpec", "GDTFMode", "CIEColor"];
/// The newest version whose elements are known here.
const NEWEST: Version = Version { major: 1, minor: 6 };
/// Characters of a value that are looked at; none that is valid is as long.
const LONGEST: usize = 4096;
