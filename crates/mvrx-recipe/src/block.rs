//! What a block of a recipe is made of: stretches of the base for a dictionary, and what its output is put together from.
//!
//! Numbers of one kind stand together, since those of neighbouring members repeat each other: packed, a list of a thousand members whose
//! headers changed takes two bytes for each.

use crate::directory;
use crate::numbers::{Numbers, put, put_way};
use crate::packing;

/// How bytes are written down to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// As they are.
    Raw,
    /// A DEFLATE stream as its content and how it was packed; in a dictionary as its content alone.
    Content,
    /// A zip directory with differences for offsets.
    Directory,
}

/// A stretch of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stretch {
    pub(crate) from: u64,
    pub(crate) length: u64,
    pub(crate) form: Form,
}

/// What comes next in a block's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A stretch of the base as it is.
    Copy { from: u64, length: u64 },
    /// So many bytes of the material, put back from this form.
    New { length: u64, form: Form },
}

/// The description of a block.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) dictionary: Vec<Stretch>,
    pub(crate) output: Vec<Next>,
}

impl Form {
    /// Bytes of the target in this form, at most `allowed`; `None` when they have none.
    pub(crate) fn of(self, bytes: Vec<u8>, allowed: usize) -> Option<Vec<u8>> {
        match self {
            Self::Content => packing::of_stream(&bytes, allowed),
            Self::Raw | Self::Directory => self.known(bytes, allowed),
        }
    }

    /// Bytes of the base as they are compared with that.
    pub(crate) fn known(self, mut bytes: Vec<u8>, allowed: usize) -> Option<Vec<u8>> {
        match self {
            Self::Raw => {}
            Self::Content => return packing::content(&bytes, allowed),
            Self::Directory => directory::fold(&mut bytes),
        }
        (bytes.len() <= allowed).then_some(bytes)
    }

    /// Bytes of which this is the form, at most `allowed`; `None` when it is of none.
    pub(crate) fn back(self, mut bytes: Vec<u8>, allowed: usize) -> Option<Vec<u8>> {
        match self {
            Self::Raw => {}
            Self::Content => return packing::to_stream(&bytes, allowed),
            Self::Directory => directory::unfold(&mut bytes),
        }
        (bytes.len() <= allowed).then_some(bytes)
    }

    fn number(self) -> u8 {
        match self {
            Self::Raw => 1,
            Self::Content => 2,
            Self::Directory => 3,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        [Self::Raw, Self::Content, Self::Directory].into_iter().find(|form| form.number() == number)
    }
}

impl Block {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (mut kinds, mut ways, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        let mut expected = 0;
        for stretch in &self.dictionary {
            kinds.push(stretch.form.number());
            put_way(&mut ways, expected, stretch.from);
            put(&mut lengths, stretch.length);
            expected = stretch.from.wrapping_add(stretch.length);
        }
        let mut bytes = Vec::new();
        put(&mut bytes, self.dictionary.len() as u64);
        bytes.extend(kinds.drain(..).chain(ways.drain(..)).chain(lengths.drain(..)));
        let mut copies = Vec::new();
        expected = 0;
        for next in &self.output {
            match next {
                Next::Copy { from, length } => {
                    kinds.push(0);
                    put_way(&mut ways, expected, *from);
                    put(&mut copies, *length);
                    expected = from.wrapping_add(*length);
                }
                Next::New { length, form } => {
                    kinds.push(form.number());
                    put(&mut lengths, *length);
                }
            }
        }
        put(&mut bytes, self.output.len() as u64);
        bytes.extend(kinds.into_iter().chain(lengths).chain(ways).chain(copies));
        bytes
    }

    /// `None` when the bytes are no description, or one of more than `allowed` stretches.
    pub(crate) fn from_bytes(bytes: &[u8], allowed: usize) -> Option<Self> {
        let mut numbers = Numbers(bytes);
        let count = numbers.at_most(allowed)?;
        let kinds = numbers.bytes(count)?;
        let mut ways = numbers.several(count)?;
        let mut lengths = numbers.several(count)?;
        let (mut block, mut expected) = (Self::default(), 0_u64);
        for kind in kinds {
            let from = ways.way_from(expected)?;
            let length = lengths.next()?;
            expected = from.wrapping_add(length);
            block.dictionary.push(Stretch { from, length, form: Form::of_number(*kind)? });
        }
        let count = numbers.at_most(allowed)?;
        let kinds = numbers.bytes(count)?;
        let copied = kinds.iter().filter(|kind| **kind == 0).count();
        let mut lengths = numbers.several(count - copied)?;
        let mut ways = numbers.several(copied)?;
        let mut copies = numbers.several(copied)?;
        expected = 0;
        for kind in kinds {
            if *kind == 0 {
                let from = ways.way_from(expected)?;
                let length = copies.next()?;
                expected = from.wrapping_add(length);
                block.output.push(Next::Copy { from, length });
            } else {
                block.output.push(Next::New { length: lengths.next()?, form: Form::of_number(*kind)? });
            }
        }
        numbers.0.is_empty().then_some(block)
    }
}

/// Stretches that a block may have.
pub(crate) const STRETCHES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::{Block, Form, Next, Stretch};
    use proptest::prelude::*;

    fn form() -> impl Strategy<Value = Form> {
        prop_oneof![Just(Form::Raw), Just(Form::Content), Just(Form::Directory)]
    }

    fn block() -> impl Strategy<Value = Block> {
        let stretch = (any::<u64>(), any::<u64>(), form()).prop_map(|(from, length, form)| Stretch {
            from,
            length,
            form,
        });
        let next = prop_oneof![
            (any::<u64>(), any::<u64>()).prop_map(|(from, length)| Next::Copy { from, length }),
            (any::<u64>(), form()).prop_map(|(length, form)| Next::New { length, form }),
        ];
        (prop::collection::vec(stretch, 0..20), prop::collection::vec(next, 0..20))
            .prop_map(|(dictionary, output)| Block { dictionary, output })
    }

    proptest! {
        #[test]
        fn descriptions_come_back(block in block()) {
            prop_assert_eq!(Block::from_bytes(&block.to_bytes(), 20), Some(block));
        }

        #[test]
        fn any_bytes_are_a_description_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(block) = Block::from_bytes(&bytes, 20) {
                prop_assert!(block.dictionary.len() <= 20 && block.output.len() <= 20);
            }
        }
    }

    #[test]
    fn more_stretches_than_allowed_are_refused() {
        let stretch = Stretch { from: 0, length: 1, form: Form::Raw };
        let next = Next::Copy { from: 0, length: 1 };
        let block = Block { dictionary: vec![stretch; 3], output: vec![next; 3] };
        assert!(Block::from_bytes(&block.to_bytes(), 3).is_some());
        assert!(Block::from_bytes(&block.to_bytes(), 2).is_none());
        let block = Block { dictionary: Vec::new(), output: vec![next; 3] };
        assert!(Block::from_bytes(&block.to_bytes(), 2).is_none());
    }
}
