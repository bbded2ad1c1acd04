//! Aim: what an election waits for, step by step: where simulated worlds found it wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::time::Duration;

use mvrx_core::election::{
    ElectedHost, Election, ElectionConfig, ElectionInput, ElectionOutput, ElectionPhase,
};
use mvrx_message::{GroupName, StationUuid, Successor};

fn uuid(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

fn named(name: &str) -> GroupName {
    GroupName::join(name).unwrap()
}

fn group() -> GroupName {
    named("Default")
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn other(n: u8) -> ElectedHost {
    ElectedHost { host: uuid(n), priority: 1, since: 50, alone: true, url: format!("ws://10.0.0.{n}:42480/") }
}

/// One that hosts since the start of time, and has seen nobody yet.
fn hosting() -> Election {
    let mut election = starting();
    let url = "ws://10.0.0.1:42480/".to_owned();
    election.step(ms(0), ElectionInput::Started { url, since: 10 });
    election.step(ms(0), ElectionInput::Joined { host: uuid(101), succession: Vec::new(), group: None });
    assert_eq!(election.phase(), ElectionPhase::Hosting);
    election
}

/// One whose host is about to start.
fn starting() -> Election {
    let mut election =
        Election::new(ElectionConfig { look: ms(0), ..ElectionConfig::new(uuid(1), uuid(101), 1, group()) });
    election.step(ms(0), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    assert_eq!(election.phase(), ElectionPhase::Starting);
    election
}

// proves: ELE-06
#[test]
fn a_host_whose_next_question_is_void_is_not_woken_again_and_again() {
    let mut election = hosting();
    election.step(ms(0), ElectionInput::HostSeen(other(7)));
    election.step(ms(1_000), ElectionInput::HostSeen(other(8)));
    let asked = election.step(ms(2_000), ElectionInput::Tick);
    let [ElectionOutput::Probe { host, .. }] = asked[..] else { panic!("{asked:?}") };
    let next = if host == uuid(7) { uuid(8) } else { uuid(7) };
    election.step(ms(2_100), ElectionInput::Probed { host, says: None });
    // The one that would be asked next goes; the other one did not answer and has its pause.
    election.step(ms(3_000), ElectionInput::HostGone { host: next });
    for _ in 0..5 {
        let Some(at) = election.deadline() else { break };
        election.step(at, ElectionInput::Tick);
        assert!(election.deadline().is_none_or(|next| next > at), "it waits for {at:?}, again and again");
    }
}

/// Goes on until `until`; whoever is joined or asked is silent for as long as a try takes, and then not there. When our host was started, if it was.
fn starts_among_the_silent(
    (election, mut outputs): (&mut Election, Vec<ElectionOutput>),
    begun: Duration,
    until: Duration,
) -> Option<Duration> {
    let mut now = begun;
    let mut silent_at: Option<Duration> = None;
    while now < until {
        if outputs.contains(&ElectionOutput::Start) {
            return Some(now);
        }
        if outputs.iter().any(|output| matches!(output, ElectionOutput::Join { .. })) {
            silent_at = Some(now + ElectionConfig::ATTEMPT);
        }
        let woken = election.deadline().into_iter().chain(silent_at).min()?;
        now = now.max(woken);
        let gives_up = silent_at.take_if(|at| *at <= now).is_some();
        outputs = election.step(now, if gives_up { ElectionInput::NotJoined } else { ElectionInput::Tick });
    }
    None
}

/// One of a session that is lost now; it is the successor of this rank, and this many others hosted before and still are shown.
fn bereaved(rank: u8, shown: u8) -> (Election, Vec<ElectionOutput>) {
    let mut election = Election::new(ElectionConfig::new(uuid(1), uuid(101), 1, group()));
    let successor =
        |n: u8| Successor { station: uuid(n), priority: 5, url: format!("ws://10.0.0.{n}:42480/") };
    let succession = (0..rank).map(|n| successor(20 + n)).chain([successor(1)]).collect();
    election.step(ms(0), ElectionInput::Joined { host: uuid(150), succession, group: None });
    for n in 0..shown {
        election.step(ms(10), ElectionInput::HostSeen(other(50 + n)));
    }
    let outputs = election.step(ms(1_000), ElectionInput::Lost);
    (election, outputs)
}

// proves: ELE-04
#[test]
fn a_successor_acts_in_its_turn_whoever_else_is_silent() {
    for shown in 0..5 {
        for rank in 0..3 {
            let (mut election, outputs) = bereaved(rank, shown);
            let acts = starts_among_the_silent((&mut election, outputs), ms(1_000), ms(60_000));
            let config = ElectionConfig::new(uuid(1), uuid(101), 1, group());
            let turn = ms(1_000) + config.grace + config.step * u32::from(rank);
            assert_eq!(acts, Some(turn), "rank {rank}, {shown} silent hosts are shown");
        }
    }
}

// proves: ELE-02
#[test]
fn hosts_that_are_long_gone_keep_nobody_from_hosting() {
    let mut election = Election::new(ElectionConfig::new(uuid(1), uuid(101), 1, group()));
    election.step(ms(0), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    let mut outputs = Vec::new();
    for n in 0..6 {
        outputs.extend(election.step(ms(0), ElectionInput::HostSeen(other(50 + n))));
    }
    // Each is tried once.
    let acts = starts_among_the_silent((&mut election, outputs), ms(0), ms(60_000));
    assert!(acts.is_some_and(|at| at <= ms(12_000)), "{acts:?}");
}

// proves: ELE-02
#[test]
fn a_host_that_is_new_is_joined_though_it_is_our_turn() {
    let mut election = Election::new(ElectionConfig::new(uuid(1), uuid(101), 1, group()));
    election.step(ms(0), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    let turn = election.deadline().unwrap();
    let outputs = election.step(turn, ElectionInput::HostSeen(other(50)));
    assert!(matches!(outputs[..], [ElectionOutput::Join { .. }]), "{outputs:?}");
}

// proves: ELE-03
#[test]
fn a_host_that_starts_too_late_ends_at_once() {
    let joined = ElectionInput::Joined { host: uuid(150), succession: Vec::new(), group: None };
    for meanwhile in [vec![ElectionInput::MovedAway], vec![ElectionInput::MovedAway, joined]] {
        let mut election = starting();
        for input in meanwhile {
            election.step(ms(10), input);
        }
        let url = "ws://10.0.0.1:42480/".to_owned();
        let outputs = election.step(ms(20), ElectionInput::Started { url, since: 10 });
        assert_eq!(outputs, [ElectionOutput::End { next: None }]);
        assert_eq!(election.own(), None);
    }
}

// proves: ELE-06
#[test]
fn a_host_that_is_there_is_asked_however_many_that_are_long_gone_are_shown() {
    for silent in 0..8 {
        let mut election = hosting();
        // All go before us, and the one that is there comes last.
        for n in 0..silent {
            let gone = ElectedHost { alone: false, since: 1, ..other(50 + n) };
            election.step(ms(0), ElectionInput::HostSeen(gone));
        }
        let there = ElectedHost { alone: false, since: 5, ..other(90) };
        election.step(ms(0), ElectionInput::HostSeen(there.clone()));
        let mut now = ms(0);
        while election.phase() == ElectionPhase::Hosting {
            let mut outputs = VecDeque::new();
            if let Some(at) = election.deadline() {
                now = now.max(at);
                outputs.extend(election.step(now, ElectionInput::Tick));
            }
            // An answer may be followed by the next question at once.
            while let Some(ElectionOutput::Probe { host, .. }) = outputs.pop_front() {
                let is_there = host == there.host;
                now += if is_there { ms(0) } else { ms(2_000) };
                let says = is_there.then(|| there.clone());
                outputs.extend(election.step(now, ElectionInput::Probed { host, says }));
            }
            let most = ms(2_000 + 2_000 * u64::from(silent));
            assert!(now <= most, "{silent} are silent, and it still hosts at {now:?}");
        }
    }
}

// proves: ELE-06
#[test]
fn a_host_that_asks_its_session_to_go_elsewhere_gives_way_when_that_has_ended() {
    let there = ElectedHost { alone: false, since: 5, ..other(7) };
    let answer = |election: &mut Election, at| {
        let says = Some(there.clone());
        election.step(at, ElectionInput::Probed { host: there.host, says })
    };
    // It began to ask before the question to the other host, and after.
    for moves_first in [true, false] {
        let mut election = hosting();
        election.step(ms(0), ElectionInput::HostSeen(there.clone()));
        if moves_first {
            election.step(ms(1_000), ElectionInput::SessionMoves(true));
            let mut now = ms(1_000);
            while now < ms(60_000) {
                now = election.deadline().unwrap();
                assert_eq!(election.step(now, ElectionInput::Tick), [], "nobody is asked meanwhile");
            }
        } else {
            let asked = election.step(ms(2_000), ElectionInput::Tick);
            assert!(matches!(asked[..], [ElectionOutput::Probe { .. }]), "{asked:?}");
            election.step(ms(2_050), ElectionInput::SessionMoves(true));
            answer(&mut election, ms(2_100));
        }
        assert_eq!(election.phase(), ElectionPhase::Hosting);
        // Everybody has answered: the other one is asked before long, and is given way to.
        election.step(ms(60_000), ElectionInput::SessionMoves(false));
        let mut now = ms(60_000);
        while election.phase() == ElectionPhase::Hosting && now < ms(62_001) {
            if let Some(at) = election.deadline() {
                now = now.max(at);
                election.step(now, ElectionInput::Tick);
            }
            answer(&mut election, now);
            now += ms(1);
        }
        assert_eq!(election.phase(), ElectionPhase::Joining, "{now:?}");
    }
}

// proves: ELE-06
#[test]
fn a_host_that_ended_while_it_asked_its_session_is_no_reason_for_the_next_one_to_stay() {
    let mut election = hosting();
    election.step(ms(0), ElectionInput::SessionMoves(true));
    election.step(ms(10), ElectionInput::MovedAway);
    let succession =
        vec![Successor { station: uuid(1), priority: 1, url: "ws://10.0.0.1:42480/".to_owned() }];
    election.step(ms(20), ElectionInput::Joined { host: uuid(50), succession, group: None });
    election.step(ms(30), ElectionInput::Lost);
    let now = election.deadline().unwrap();
    // Whose session is lost waits for no answers.
    assert_eq!(election.step(now, ElectionInput::Tick), [ElectionOutput::Start]);
    election.step(now, ElectionInput::Started { url: "ws://10.0.0.1:42480/".to_owned(), since: 99 });
    election.step(now, ElectionInput::HostSeen(other(7)));
    let asked = election.step(now + ms(2_000), ElectionInput::Tick);
    assert!(matches!(asked[..], [ElectionOutput::Probe { .. }]), "{asked:?}");
}

/// One that lost its host, whom nobody told that it succeeds, and that is sent back to its group; its host is still shown.
fn going_back() -> (Election, Duration) {
    let mut election = Election::new(ElectionConfig::new(uuid(1), uuid(101), 1, group()));
    election.step(ms(0), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    election.step(ms(0), ElectionInput::HostSeen(other(150)));
    election.step(ms(10), ElectionInput::Joined { host: uuid(150), succession: Vec::new(), group: None });
    election.step(ms(20), ElectionInput::Lost);
    let turn = election.deadline().unwrap();
    let outputs = election.step(turn, ElectionInput::Tick);
    assert_eq!(outputs, [ElectionOutput::GoBack]);
    (election, turn)
}

// proves: ELE-10
#[test]
fn who_comes_in_while_it_is_sent_back_joins_that_host_again_once_it_is_back() {
    for silent in [false, true] {
        let (mut election, mut now) = going_back();
        if silent {
            // That move is under way, so that none into a session can begin.
            let outputs = election.step(now + ms(10), ElectionInput::Tick);
            assert!(matches!(outputs[..], [ElectionOutput::Join { .. }]), "{outputs:?}");
            election.step(now + ms(10), ElectionInput::NotJoined);
        }
        now += ms(500);
        election.step(now, ElectionInput::Joined { host: uuid(150), succession: Vec::new(), group: None });
        assert_eq!(election.phase(), ElectionPhase::Member);
        now += ms(250);
        let outputs = election.step(now, ElectionInput::Back);
        assert_eq!(outputs, [ElectionOutput::Join { url: other(150).url }]);
        assert_eq!(election.phase(), ElectionPhase::Joining);
    }
}

// proves: ELE-10
#[test]
fn who_is_back_and_sees_no_host_waits_for_its_turn_as_at_first() {
    let (mut election, mut now) = going_back();
    election.step(now, ElectionInput::HostGone { host: uuid(150) });
    now += ms(60_000);
    election.step(now, ElectionInput::Joined { host: uuid(150), succession: Vec::new(), group: None });
    let outputs = election.step(now, ElectionInput::Back);
    assert_eq!((election.phase(), outputs), (ElectionPhase::Looking, Vec::new()));
    assert_eq!(election.deadline(), Some(now + ms(3_000)));
}

// proves: ELE-10
#[test]
fn to_be_back_is_no_news_to_who_looks_or_was_lost_or_moved() {
    let (mut election, now) = going_back();
    assert_eq!(election.step(now + ms(1), ElectionInput::HostGone { host: uuid(150) }), []);
    let turn = election.deadline();
    assert_eq!(election.step(now + ms(1_000), ElectionInput::Back), []);
    assert_eq!((election.phase(), election.deadline()), (ElectionPhase::Looking, turn));

    let (mut bereaved, _) = bereaved(1, 0);
    let turn = bereaved.deadline();
    bereaved.step(ms(1_000), ElectionInput::Back);
    assert_eq!((bereaved.phase(), bereaved.deadline() <= turn), (ElectionPhase::Joining, true));

    let (mut away, now) = going_back();
    away.step(now, ElectionInput::MovedAway);
    assert_eq!(away.step(now, ElectionInput::Back), []);
    assert_eq!(away.phase(), ElectionPhase::Elsewhere);
}

// proves: ELE-10
#[test]
fn a_host_whose_station_was_taken_back_to_the_group_has_it_come_home() {
    let mut election = hosting();
    election.step(ms(1_000), ElectionInput::Back);
    let at = election.deadline().unwrap();
    assert_eq!(at, ms(1_500));
    let outputs = election.step(at, ElectionInput::Tick);
    assert!(matches!(outputs[..], [ElectionOutput::Lead { .. }]), "{outputs:?}");
}

// proves: ELE-14
#[test]
fn who_was_sent_back_in_vain_is_sent_again_until_it_is_somewhere() {
    let (mut election, mut now) = going_back();
    election.step(now, ElectionInput::HostGone { host: uuid(150) });
    election.step(now, ElectionInput::StationGone { station: uuid(0) });
    for _ in 0..5 {
        assert_eq!(election.step(now, ElectionInput::NotBack), []);
        let at = election.deadline().expect("it is nowhere, and nothing follows");
        assert_eq!(at, now + ms(3_000));
        now = at;
        assert_eq!(election.step(now, ElectionInput::Tick), [ElectionOutput::GoBack]);
    }
    let ends = [
        ElectionInput::Back,
        ElectionInput::Joined { host: uuid(150), succession: Vec::new(), group: None },
        ElectionInput::MovedAway,
    ];
    for end in ends {
        let (mut election, now) = going_back();
        election.step(now, ElectionInput::HostGone { host: uuid(150) });
        election.step(now, ElectionInput::NotBack);
        election.step(now, end.clone());
        let outputs = election.step(now + ms(3_000), ElectionInput::Tick);
        assert!(!outputs.contains(&ElectionOutput::GoBack), "{end:?}: {outputs:?}");
        // Somewhere, it is not told so again.
        if election.phase() != ElectionPhase::Looking {
            election.step(now + ms(3_000), ElectionInput::NotBack);
            assert_eq!(election.deadline(), None, "{end:?}");
        }
    }
}

// proves: ELE-15
#[test]
fn a_host_that_did_not_run_for_a_while_counts_nobody_until_who_is_there_was_heard() {
    let alone = |outputs: &[ElectionOutput]| -> Vec<bool> {
        let shows = outputs.iter().filter_map(|o| match o {
            ElectionOutput::Show(own) => Some(own.alone),
            _ => None,
        });
        shows.collect()
    };
    // It runs all the while: it is woken often enough to know.
    let mut election = hosting();
    assert_eq!(alone(&election.step(ms(10), ElectionInput::Members(2))), [false]);
    let mut now = ms(10);
    while now < ms(20_000) {
        now = election.deadline().expect("a host is woken now and then");
        assert_eq!(election.step(now, ElectionInput::Tick), []);
    }
    // Nor is it lost by three seconds.
    now += ms(3_000);
    assert_eq!(election.step(now, ElectionInput::Tick), []);

    // Whatever comes first after eight: it is alone, until its links had their time.
    let successor = ElectedHost { alone: false, since: 60, ..other(7) };
    for first in [ElectionInput::Tick, ElectionInput::HostSeen(successor.clone()), ElectionInput::Members(2)]
    {
        let mut election = hosting();
        election.step(ms(10), ElectionInput::Members(2));
        let woke = ms(8_000);
        assert_eq!(alone(&election.step(woke, first.clone())), [true], "{first:?}");
        assert_eq!(election.step(woke + ms(5), ElectionInput::Members(1)), []);
        // It asks its successor, and gives way.
        election.step(woke + ms(5), ElectionInput::HostSeen(successor.clone()));
        let asked = election.step(woke + ms(2_005), ElectionInput::Tick);
        assert!(matches!(asked[..], [ElectionOutput::Probe { .. }]), "{asked:?}");
        let says = Some(successor.clone());
        election.step(woke + ms(2_010), ElectionInput::Probed { host: uuid(7), says });
        assert_eq!(election.phase(), ElectionPhase::Joining);
    }
    // Who was there all the same counts again.
    let mut election = hosting();
    election.step(ms(10), ElectionInput::Members(2));
    assert_eq!(alone(&election.step(ms(8_000), ElectionInput::Tick)), [true]);
    let mut now = ms(8_000);
    let mut shown = Vec::new();
    while now < ms(12_000) {
        now = election.deadline().unwrap();
        shown.extend(alone(&election.step(now, ElectionInput::Tick)).into_iter().map(|alone| (now, alone)));
    }
    assert_eq!(shown, [(ms(11_000), false)]);
}

/// What follows a person's move, but for what is told again and again.
fn moved(election: &mut Election, now: Duration, to: &str) -> Vec<ElectionOutput> {
    election.step(now, ElectionInput::MovedTo(named(to)))
}

// proves: ELE-16
#[test]
fn who_is_moved_to_another_group_begins_there_as_at_a_start() {
    let mut election = hosting();
    election.step(ms(0), ElectionInput::HostSeen(other(7)));
    let outputs = moved(&mut election, ms(500), "Tour");
    let anew = [ElectionOutput::Companions([].into()), ElectionOutput::Group(named("Tour"))];
    assert_eq!(outputs[..2], [ElectionOutput::TakesPart(false), ElectionOutput::End { next: None }]);
    assert_eq!(outputs[2..4], anew);
    assert_eq!(outputs[4..], [ElectionOutput::TakesPart(true)]);
    assert_eq!((election.phase(), election.own(), election.deadline()), (ElectionPhase::Looking, None, None));
    // Neither who was seen in the other group, nor a host that starts too late for it, is of any concern here.
    let url = "ws://10.0.0.1:42480/".to_owned();
    let late = election.step(ms(600), ElectionInput::Started { url, since: 11 });
    assert_eq!(late, [ElectionOutput::End { next: None }]);
    assert_eq!(election.step(ms(700), ElectionInput::Probed { host: uuid(7), says: Some(other(7)) }), []);
    let outputs = election.step(ms(1_000), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    assert_eq!(outputs, [ElectionOutput::Companions([uuid(0)].into()), ElectionOutput::Start]);
}

// proves: ELE-16
#[test]
fn who_is_moved_out_of_the_session_into_its_own_group_takes_no_part_before_it_is_moved_there_from_elsewhere()
{
    let (mut election, _) = bereaved(1, 0);
    let outputs = moved(&mut election, ms(2_000), "Default");
    assert_eq!(
        (election.phase(), outputs),
        (ElectionPhase::Elsewhere, vec![ElectionOutput::TakesPart(false)])
    );
    election.step(ms(2_000), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    assert_eq!((election.phase(), election.deadline()), (ElectionPhase::Elsewhere, None));
    // Into a session that nobody elected, and back.
    election.step(ms(3_000), ElectionInput::MovedAway);
    moved(&mut election, ms(4_000), "Default");
    assert_eq!(election.phase(), ElectionPhase::Looking);
    election.step(ms(4_000), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    assert_eq!(election.deadline(), Some(ms(7_000)));
}

// proves: ELE-16
#[test]
fn whose_former_host_asks_others_for_a_person_hosts_when_they_have_answered() {
    let mut election = hosting();
    election.step(ms(0), ElectionInput::SessionMoves(true));
    moved(&mut election, ms(500), "Tour");
    election.step(ms(1_000), ElectionInput::StationSeen { station: uuid(0), priority: 0 });
    // Nor is it woken for that.
    assert_eq!(election.deadline(), None);
    assert_eq!(election.step(ms(60_000), ElectionInput::Tick), []);
    // Whoever hosts meanwhile is joined.
    let mut joins = hosting();
    joins.step(ms(0), ElectionInput::SessionMoves(true));
    moved(&mut joins, ms(500), "Tour");
    let outputs = joins.step(ms(5_000), ElectionInput::HostSeen(other(7)));
    assert!(matches!(outputs[..], [ElectionOutput::Join { .. }]), "{outputs:?}");
    assert_eq!(election.step(ms(70_000), ElectionInput::SessionMoves(false)), [ElectionOutput::Start]);
    assert!(!election.session_moves());
}

// proves: ELE-16
#[test]
fn who_comes_upon_another_groups_host_where_its_own_was_goes_back() {
    let strays = |group| ElectionInput::Joined { host: uuid(20), succession: Vec::new(), group };
    // It looks for its elder, which hosts for another group now.
    let (mut election, outputs) = bereaved(2, 0);
    assert!(matches!(outputs[..], [ElectionOutput::Join { .. }]), "{outputs:?}");
    let outputs = election.step(ms(1_100), strays(Some(named("Tour"))));
    assert_eq!((election.phase(), outputs), (ElectionPhase::Looking, vec![ElectionOutput::GoBack]));
    for same in [None, Some(group())] {
        let (mut election, _) = bereaved(2, 0);
        assert_eq!(election.step(ms(1_100), strays(same)), []);
        assert_eq!(election.phase(), ElectionPhase::Member);
    }
    // Where a person moved it there it is of that group.
    let (mut election, _) = bereaved(2, 0);
    election.step(ms(1_100), ElectionInput::MovedAway);
    let outputs = election.step(ms(1_100), strays(Some(named("Tour"))));
    assert_eq!(election.phase(), ElectionPhase::Member);
    assert!(outputs.contains(&ElectionOutput::Group(named("Tour"))), "{outputs:?}");
    assert!(!outputs.contains(&ElectionOutput::GoBack), "{outputs:?}");
}
