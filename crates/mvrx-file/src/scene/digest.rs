//! Digests of everything that only a comparison looks into, so that no change goes unnoticed: an object's lesser elements, vendors'
//! data, video sources, and whatever does not belong where it stands. References and file names in them are picked up on the way.

use std::hash::{DefaultHasher, Hash, Hasher};

use uuid::Uuid;

use super::parse::{At, Builder};
use super::values::UuidText;
use crate::xml::Tag;

/// Whose part is being digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Object(u32),
    /// The last `Data` of `UserData`.
    Data,
    /// The last mapping definition.
    Definition,
    /// Nothing that is known.
    Rest,
}

/// A part while it is read.
pub(super) struct Digest {
    hasher: DefaultHasher,
    owner: Owner,
    /// Elements that are open around the part.
    base: usize,
}

impl Default for Digest {
    fn default() -> Self {
        Self { hasher: DefaultHasher::new(), owner: Owner::Rest, base: 0 }
    }
}

impl Digest {
    pub(super) fn text(&mut self, text: &str) {
        // Blanks between elements are a matter of taste, and so is how an object's switch is written.
        let text = match (text.trim(), self.owner) {
            ("1", Owner::Object(_)) => "true",
            ("0", Owner::Object(_)) => "false",
            (text, _) => text,
        };
        self.hasher.write(text.as_bytes());
    }
}

impl Builder {
    /// Begins to digest an element that belongs to `owner`.
    pub(super) fn begin_part(&mut self, tag: &Tag<'_>, owner: Owner) -> At {
        self.digest = Digest { hasher: DefaultHasher::new(), owner, base: self.stack.len() };
        if let Owner::Object(_) = owner {
            self.spend(size_of::<(String, u64)>() + tag.name().len());
            if let Some(object) = self.current_object() {
                object.parts.push((tag.name().to_owned(), 0));
            }
        }
        self.below_part(tag)
    }

    /// Digests one element of a part and picks up the references in it.
    pub(super) fn below_part(&mut self, tag: &Tag<'_>) -> At {
        tag.name().hash(&mut self.digest.hasher);
        for (key, value) in tag.attributes() {
            (key, value.as_ref()).hash(&mut self.digest.hasher);
        }
        let uuid = |name: &str| {
            let text = tag.attribute(name)?;
            UuidText::read(&text).uuid().filter(|uuid| !uuid.is_nil())
        };
        match (tag.name(), self.digest.owner) {
            ("Connection", Owner::Object(_)) => {
                self.refer(uuid("toObject"), |object| &mut object.connections);
            }
            ("Mapping", Owner::Object(_)) => self.refer(uuid("linkedDef"), |object| &mut object.mappings),
            ("Gobo", Owner::Object(_)) => return At::Part { wanted: true },
            ("Source", Owner::Object(_)) => return At::Part { wanted: is_file(tag) },
            ("Source", Owner::Definition) => {
                if let Some(definition) = self.scene.mapping_definitions.last_mut() {
                    definition.source = tag.attribute("type").unwrap_or_default();
                }
                return At::Part { wanted: true };
            }
            _ => {}
        }
        At::Part { wanted: false }
    }

    fn refer(&mut self, to: Option<Uuid>, list: fn(&mut super::Object) -> &mut Vec<Uuid>) {
        self.spend(size_of::<Uuid>());
        if let (Some(to), Some(object)) = (to, self.current_object()) {
            list(object).push(to);
        }
    }

    /// An element of a part is over, or the part itself.
    pub(super) fn end_part(&mut self, wanted: bool) {
        // Structure counts: <a><b/></a> is not <a/><b/>.
        1_u8.hash(&mut self.digest.hasher);
        if wanted {
            self.name_file();
        }
        if self.stack.len() > self.digest.base {
            return;
        }
        let digest = self.digest.hasher.finish();
        match self.digest.owner {
            Owner::Object(index) => {
                let object = self.scene.objects.get_mut(index as usize);
                if let Some((_, slot)) = object.and_then(|object| object.parts.last_mut()) {
                    *slot = digest;
                }
            }
            Owner::Data => {
                if let Some(data) = self.scene.user_data.last_mut() {
                    data.digest = digest;
                }
            }
            Owner::Definition => {
                if let Some(definition) = self.scene.mapping_definitions.last_mut() {
                    definition.digest = definition.digest.wrapping_add(digest);
                }
            }
            Owner::Rest => self.scene.rest = self.scene.rest.wrapping_add(digest),
        }
    }

    /// The text that was read is a gobo's picture, or a video's file or stream.
    fn name_file(&mut self) {
        let text = std::mem::take(&mut self.text);
        let name = text.trim();
        self.spend(size_of::<String>() + 2 * name.len());
        if self.digest.owner == Owner::Definition {
            if let Some(definition) = self.scene.mapping_definitions.last_mut() {
                if definition.source == FILE {
                    definition.file = (!name.is_empty()).then(|| name.to_owned());
                }
                definition.source = format!("{} {name}", definition.source).trim().to_owned();
            }
        } else if let (Some(object), false) = (self.current_object(), name.is_empty()) {
            object.media.push(name.to_owned());
        }
        self.text = text;
    }
}

/// Remembers the attributes of an object that nothing else reads.
pub(super) fn attributes(tag: &Tag<'_>, parts: &mut Vec<(String, u64)>) {
    for (key, value) in tag.attributes() {
        if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            let mut hasher = DefaultHasher::new();
            value.as_ref().hash(&mut hasher);
            parts.push((format!("attribute {key}"), hasher.finish()));
        }
    }
}

/// Whether a `Source` names a member of the archive (MVR table 35).
fn is_file(tag: &Tag<'_>) -> bool {
    tag.attribute("type").is_some_and(|kind| kind == FILE)
}

const FILE: &str = "File";
const KNOWN: [&str; 3] = ["uuid", "name", "multipatch"];
