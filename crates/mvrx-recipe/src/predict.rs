//! Guesses the next step of packing from the content alone, as the common packers choose it, so that only wrong guesses have to be told.
//!
//! A packer looks for the longest stretch within the 32 KiB before that goes on like the content here, among so many places with the same
//! three bytes, and waits a byte where the next one has a longer stretch. [`Manner`] is how far it looks and when it is content; the
//! [`MANNERS`] are those of the levels of common packers. A guess is the same everywhere and for ever: it is a part of the format of
//! recipes, version 1, and must not be changed.

/// One step of packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next byte itself.
    Byte,
    /// So many bytes, from so far back.
    Copy { length: usize, back: usize },
}

/// How a packer chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Places it looks at.
    pub(crate) chain: u16,
    /// From this length at the byte before on it looks at a quarter of them.
    pub(crate) good: u16,
    /// Below this length it looks whether the next byte has a longer stretch.
    pub(crate) lazy: u16,
    /// From this length on it looks no further.
    pub(crate) nice: u16,
    /// A stretch of three bytes from further back than this is none.
    pub(crate) too_far: u16,
    /// The furthest it looks back.
    pub(crate) reach: u16,
    /// Longer copies are not looked into for later places.
    pub(crate) insert: u16,
}

/// Guesses over one content, from its beginning to its end.
pub(crate) struct Guesser<'a> {
    content: &'a [u8],
    manner: Manner,
    /// For each hash of three bytes the latest place, plus one.
    latest: Vec<u32>,
    /// For each place the one before it with the same hash, plus one.
    before: Vec<u32>,
    /// Places before this one are in the lists.
    listed: usize,
    /// What was found for a place ahead.
    ahead: Option<(usize, Found)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    length: usize,
    back: usize,
}

impl<'a> Guesser<'a> {
    pub(crate) fn new(content: &'a [u8], manner: Manner) -> Self {
        Self {
            content,
            manner,
            latest: vec![0; HASHES],
            before: vec![0; content.len()],
            listed: 0,
            ahead: None,
        }
    }

    /// The step that the packer probably takes at this place.
    pub(crate) fn guess(&mut self, at: usize) -> Step {
        let here = match self.ahead.take() {
            Some((place, found)) if place == at => found,
            _ => self.search(at, 0),
        };
        if here.length < LEAST {
            return Step::Byte;
        }
        if here.length < usize::from(self.manner.lazy) {
            let next = self.search(at + 1, here.length);
            self.ahead = Some((at + 1, next));
            if next.length > here.length {
                return Step::Byte;
            }
        }
        Step::Copy { length: here.length, back: here.back }
    }

    /// Tells which step it took.
    pub(crate) fn took(&mut self, at: usize, length: usize) {
        if length > usize::from(self.manner.insert) {
            self.list_until(at + 1);
            self.listed = self.listed.max(at + length);
        }
    }

    /// The longest stretch before `at` that goes on like it, the nearest of these.
    fn search(&mut self, at: usize, before: usize) -> Found {
        self.list_until(at);
        let Some(ahead) = self.content.get(at..).filter(|ahead| ahead.len() >= LEAST) else {
            return Found::default();
        };
        let ahead = ahead.get(..MOST).unwrap_or(ahead);
        let shorter = before >= usize::from(self.manner.good);
        let chain = if shorter { self.manner.chain / 4 } else { self.manner.chain };
        let (mut best, mut next) =
            (Found::default(), hash(ahead).and_then(|hash| self.latest.get(hash)).copied());
        for _ in 0..chain {
            let Some(place) = next.and_then(|next| (next as usize).checked_sub(1)) else { break };
            let back = at - place;
            if back > usize::from(self.manner.reach) {
                break;
            }
            let there = self.content.get(place..).unwrap_or_default();
            // The byte that would make it longer is looked at first: it nearly always differs.
            if there.get(best.length) == ahead.get(best.length) {
                let length = crate::delta::common(there, ahead);
                if length > best.length {
                    best = Found { length, back };
                    if length >= usize::from(self.manner.nice) || length == ahead.len() {
                        break;
                    }
                }
            }
            next = self.before.get(place).copied();
        }
        let far = best.length == LEAST && best.back > usize::from(self.manner.too_far);
        if far || best.length < LEAST { Found::default() } else { best }
    }

    fn list_until(&mut self, end: usize) {
        while self.listed < end {
            let place = self.listed;
            self.listed += 1;
            let Some(hash) = self.content.get(place..).and_then(hash) else { continue };
            let number = u32::try_from(place + 1).unwrap_or(0);
            if let (Some(latest), Some(before)) = (self.latest.get_mut(hash), self.before.get_mut(place)) {
                *before = std::mem::replace(latest, number);
            }
        }
    }
}

fn hash(bytes: &[u8]) -> Option<usize> {
    let [one, two, three] = *bytes.first_chunk::<LEAST>()?;
    Some((usize::from(one) << 10 ^ usize::from(two) << 5 ^ usize::from(three)) & (HASHES - 1))
}

const HASHES: usize = 1 << 15;
const LEAST: usize = 3;
const MOST: usize = 258;

/// The manners that are tried.
pub(crate) const MANNERS: [Manner; 12] = [
    manner(128, 8, 16, 128),
    manner(4096, 32, 258, 258),
    manner(1024, 32, 128, 258),
    manner(256, 8, 32, 128),
    manner(32, 8, 16, 32),
    manner(16, 4, 4, 16),
    Manner { insert: 4, ..manner(4, 4, 0, 8) },
    Manner { insert: 5, ..manner(8, 4, 0, 16) },
    Manner { insert: 6, ..manner(32, 4, 0, 32) },
    Manner { too_far: 8191, reach: 32_767, ..manner(128, 32, 128, 258) },
    Manner { too_far: 8191, reach: 32_767, ..manner(768, 32, 128, 258) },
    Manner { too_far: 32_767, reach: 32_767, ..manner(4096, 258, 0, 258) },
];

const fn manner(chain: u16, good: u16, lazy: u16, nice: u16) -> Manner {
    Manner { chain, good, lazy, nice, too_far: 4096, reach: 32_768 - 262, insert: 258 }
}

/// Places that are looked at at most.
pub(crate) const LONGEST_CHAIN: u16 = 4096;
