use std::time::Duration;

use lan_sim::{Choices, Fault, FaultPlan, Outcome, Step, Time, interleave};

use crate::probe::{pair, settings};

#[test]
fn steps_happen_at_their_times_in_their_order() {
    let (mut world, a, _) = pair(settings(1));
    let mut seen = Vec::new();
    let steps = [
        Step::command(Time::from_secs(1), "one"),
        Step::fault(Time::from_secs(2), Fault::Pause { host: a, span: Duration::from_secs(1) }),
        Step::command(Time::from_secs(2), "two"),
        Step::command(Time::from_secs(1), "late"),
    ];
    let outcome = world.play(
        &steps,
        Duration::from_secs(5),
        |world, what| seen.push((world.now(), *what)),
        |_, _| Ok(()),
    );
    assert_eq!(outcome, Outcome::Passed);
    assert_eq!(
        seen,
        [(Time::from_secs(1), "one"), (Time::from_secs(2), "two"), (Time::from_secs(2), "late")]
    );
    assert_eq!(world.now(), Time::from_secs(7));
    assert_eq!(world.counts().total(), 1);
}

#[test]
fn a_check_that_fails_ends_the_run_where_it_fails() {
    let (mut world, a, _) = pair(settings(1));
    let steps = [Step::command(Time::from_secs(1), ()), Step::command(Time::from_secs(9), ())];
    let outcome = world.play(
        &steps,
        Duration::from_secs(5),
        |world, ()| world.with(a, |_, net| net.defer(Duration::from_secs(1), 1)).unwrap(),
        |world, stepped| {
            if stepped.host == Some(a) {
                Err(Outcome::failed("told", format!("{}", world.now())))
            } else {
                Ok(())
            }
        },
    );
    assert_eq!(outcome, Outcome::failed("told", "2.000000000s"));
}

#[test]
fn commands_come_before_faults_of_the_same_time() {
    let steps = interleave(
        [(Time::from_secs(2), 2), (Time::from_secs(1), 1)],
        [(Time::from_secs(1), Fault::Silence { host: lan_sim::HostId(0), nth: 0 })],
    );
    assert_eq!(steps[0], Step::command(Time::from_secs(1), 1));
    assert_eq!(
        steps[1],
        Step::fault(Time::from_secs(1), Fault::Silence { host: lan_sim::HostId(0), nth: 0 })
    );
    assert_eq!(steps[2], Step::command(Time::from_secs(2), 2));
    assert!(steps[1].to_string().contains("Silence"));
}

#[test]
fn bytes_drive_a_whole_run() {
    let bytes: Vec<u8> = (0..200_u8).rev().collect();
    let run = |bytes: &[u8]| {
        let mut choices = Choices::from_bytes(bytes);
        let (mut world, ..) = pair(settings(choices.any()));
        let plan = FaultPlan::everything(Duration::from_secs(3));
        let faults = plan.draw(&mut choices, 2, Time::ZERO, Duration::from_mins(1));
        let steps = interleave(std::iter::empty::<(Time, ())>(), faults);
        world.play(&steps, Duration::from_secs(9), |_, ()| (), |_, _| Ok(()));
        (world.trace().hash(), steps.len())
    };
    assert_eq!(run(&bytes), run(&bytes));
    assert_ne!(run(&bytes).0, run(&bytes[1..]).0);
    assert!(run(&bytes).1 > 5);
    assert_eq!(run(&[]).1, 0);
}
