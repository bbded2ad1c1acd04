use super::*;

#[test]
fn the_first_ending_stays() {
    let growth = Arc::new(Growth::default());
    growth.arrived(4);
    growth.complete();
    growth.fail(WriteError::WriterFailedBefore);
    assert_eq!(growth.complete_length(), Some(4));
    assert_eq!(growth.wait_past(4, &Wait::until_settled()), Ok(0));

    let growth = Arc::new(Growth::default());
    growth.fail(WriteError::WriterDropped { received: 0 });
    growth.complete();
    growth.fail(WriteError::WriterFailedBefore);
    assert_eq!(growth.complete_length(), None);
    let cause = Arc::new(WriteError::WriterDropped { received: 0 });
    let failed = ReadError::ArrivalFailed { arrived: 0, cause };
    assert_eq!(growth.wait_past(0, &Wait::until_settled()), Err(failed));
}

#[test]
fn bytes_that_are_there_come_before_any_reason_to_stop() {
    let growth = Arc::new(Growth::default());
    growth.arrived(4);
    growth.fail(WriteError::WriterFailedBefore);
    let cancel = Cancel::new();
    cancel.cancel();
    let wait = Wait::idle_at_most(Duration::ZERO).unless(&cancel);
    assert_eq!(growth.wait_past(1, &wait), Ok(3));
}

#[test]
fn a_switch_wakes_each_file_once_and_forgets_those_that_are_gone() {
    let cancel = Cancel::new();
    let wait = Wait::idle_at_most(Duration::ZERO).unless(&cancel);
    let growth = Arc::new(Growth::default());
    for _ in 0..100 {
        growth.wait_past(0, &wait).unwrap_err();
        Arc::new(Growth::default()).wait_past(0, &wait).unwrap_err();
    }
    assert!(cancel.files_waited_for() <= 2);
}

// proves: STO-10
#[test]
fn the_idle_time_starts_anew_with_every_byte() {
    let (start, idle) = (Instant::now(), Duration::from_secs(30));
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut silence = Silence { arrived: 0, since: start };
    assert_eq!(silence.left(idle, 0, at(29)), Duration::from_secs(1));
    assert_eq!(silence.left(idle, 1, at(29)), idle);
    assert_eq!(silence.left(idle, 1, at(58)), Duration::from_secs(1));
    assert_eq!(silence.left(idle, 2, at(58)), idle);
    assert_eq!(silence.left(idle, 2, at(88)), Duration::ZERO);
}
