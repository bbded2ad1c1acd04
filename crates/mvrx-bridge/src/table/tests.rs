//! The whole table.

use super::*;

// proves: BRG-05
#[test]
fn the_whole_table_is_as_declared() {
    let mut rows = String::new();
    for state in State::ALL {
        for sight in Sight::ALL {
            let (next, deed) = state.on(sight);
            rows += &format!("{state:?} {sight:?} {next:?} {deed:?}\n");
        }
    }
    assert_eq!(rows, DECLARED, "{rows}");
}

#[test]
fn nothing_starts_or_stops_but_at_the_edge_of_standing() {
    for state in State::ALL {
        for sight in Sight::ALL {
            let (next, deed) = state.on(sight);
            assert_eq!(deed == Deed::Start, !state.stands() && next.stands(), "{state:?} {sight:?}");
            assert_eq!(deed == Deed::Stop, state.stands() && !next.stands(), "{state:?} {sight:?}");
        }
    }
}

const DECLARED: &str = "\
Absent Wanted Due AwaitTurn
Absent Elsewhere Absent Nothing
Absent Gone Absent Nothing
Absent Unsure Absent Nothing
Absent Over Absent Nothing
Due Wanted Due Nothing
Due Elsewhere Absent Disarm
Due Gone Absent Disarm
Due Unsure Absent Disarm
Due Over Standing Start
Standing Wanted Standing Nothing
Standing Elsewhere Absent Stop
Standing Gone Parting AwaitSide
Standing Unsure Waiting AwaitSide
Standing Over Standing Nothing
Waiting Wanted Standing Disarm
Waiting Elsewhere Absent Stop
Waiting Gone Parting AwaitSide
Waiting Unsure Waiting Nothing
Waiting Over Absent Stop
Parting Wanted Standing Disarm
Parting Elsewhere Absent Stop
Parting Gone Parting Nothing
Parting Unsure Parting Nothing
Parting Over Absent Stop
";
