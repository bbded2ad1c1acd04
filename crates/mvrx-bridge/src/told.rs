//! What a bridge told last, so that nothing is told twice, and everything again that happens again.

use std::collections::BTreeSet;

use mvrx_message::{FileUuid, StationUuid};

use crate::Side;

#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) joined: bool,
    pub(crate) active: Option<Option<StationUuid>>,
    pub(crate) no_group: String,
    crowded: bool,
    carried: BTreeSet<(Side, StationUuid, FileUuid)>,
}

impl Told {
    /// Whether it is new that a station's file was committed on a side.
    pub(crate) fn carries(&mut self, side: Side, station: StationUuid, file: FileUuid) -> bool {
        self.carried.insert((side, station, file))
    }

    /// A station is no longer on a side: what it commits there when it is back is told again.
    pub(crate) fn forgets(&mut self, side: Side, station: StationUuid) {
        self.carried.retain(|(at, of, _)| (*at, *of) != (side, station));
    }

    /// Whether it is new that more stations are there than are stood in for.
    pub(crate) fn is_newly_crowded(&mut self, crowded: bool) -> bool {
        let before = std::mem::replace(&mut self.crowded, crowded);
        crowded && !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> StationUuid {
        StationUuid::from_random_bytes([n; 16])
    }

    fn file(n: u8) -> FileUuid {
        FileUuid::from_random_bytes([n; 16])
    }

    #[test]
    fn a_station_that_leaves_takes_its_own_files_out_of_what_was_told_and_no_others() {
        let mut told = Told::default();
        assert!(told.carries(Side::Lan, id(1), file(1)) && told.carries(Side::Lan, id(2), file(2)));
        assert!(told.carries(Side::Host, id(1), file(1)), "the other side is told of by itself");
        told.forgets(Side::Lan, id(1));
        assert!(!told.carries(Side::Lan, id(2), file(2)), "another station's file is told once");
        assert!(!told.carries(Side::Host, id(1), file(1)), "the other side has nothing to do with it");
        assert!(told.carries(Side::Lan, id(1), file(1)), "it is back, and is told of again");
    }

    #[test]
    fn a_side_that_is_crowded_again_is_told_again() {
        let mut told = Told::default();
        let news = [false, true, true, false, false, true].map(|crowded| told.is_newly_crowded(crowded));
        assert_eq!(news, [false, true, false, false, false, true]);
    }
}
