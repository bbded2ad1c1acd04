//! The rules, by looks alone.

use super::*;

fn id(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

fn seen(n: u8, mark: Option<BridgeMark>) -> Seen {
    Seen {
        station: id(n),
        name: format!("Station {n}"),
        provider: "P".into(),
        mark,
        candidate: false,
        answers: true,
        doubted: false,
        from: None,
    }
}

fn by(n: u8) -> Option<BridgeMark> {
    Some(BridgeMark::StandIn { bridge: id(n) })
}

fn bridge_to(host: u8) -> Option<BridgeMark> {
    Some(BridgeMark::Bridge { host: id(host) })
}

fn view(stations: Vec<Seen>) -> View {
    View { joined: true, tells_marks: true, stations, commits: Vec::new() }
}

fn commit(n: u8, author: u8) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([n; 16]),
        station: Some(id(author)),
        version: mvrx_message::MvrVersion { major: 1, minor: 6 },
        file_size: 7,
        for_stations: Vec::new(),
        comment: String::new(),
        file_name: "show.mvr".into(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

fn known(commit: &Commit, through: Through, held: bool) -> Known {
    let (author, for_all) = (commit.station, commit.for_stations.is_empty());
    Known { file: commit.file, author, for_all, through, available: true, held }
}

/// Bridge 100 between a group and the session of host 200, at a time.
struct Desk {
    machine: Machine,
    now: Duration,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        let mut machine = Machine::new(id(100), limits, []);
        machine.set_host(id(200));
        Self { machine, now: Duration::ZERO }
    }

    fn look(&mut self, lan: &View, host: &View) -> Vec<Action> {
        self.machine.look(self.now, lan, host)
    }

    /// Two looks, with so much time between them.
    fn look_after(&mut self, seconds: u64, lan: &View, host: &View) -> Vec<Action> {
        let mut actions = self.look(lan, host);
        self.now += Duration::from_secs(seconds);
        actions.extend(self.look(lan, host));
        actions
    }

    fn standing(&self) -> Vec<(Side, StationUuid)> {
        let of = |side| self.machine.standing(side).map(move |station| (side, station));
        of(Side::Lan).chain(of(Side::Host)).collect()
    }
}

fn stop(side: Side, station: u8, quietly: bool) -> Action {
    Action::Stop { side, station: id(station), quietly }
}

// proves: BRG-05
#[test]
fn a_station_of_each_side_appears_on_the_other_after_its_turn_and_goes_with_it() {
    let mut desk = Desk::new(Limits::default());
    let (lan, host) = (view(vec![seen(1, None)]), view(vec![seen(2, None)]));
    assert_eq!(desk.look(&lan, &host), []);
    let started = desk.look_after(2, &lan, &host);
    assert_eq!(started.len(), 2, "{started:?}");
    assert_eq!(desk.standing(), [(Side::Lan, id(2)), (Side::Host, id(1))]);
    assert_eq!(desk.look(&view(vec![]), &host), []);
    assert_eq!(desk.look_after(2, &view(vec![]), &host), [stop(Side::Host, 1, false)]);
}

/// It has joined everybody there by itself: a LEAVE that comes then would put it out.
// proves: BRG-18
#[test]
fn a_station_that_goes_over_to_the_other_side_is_not_said_to_have_left_there() {
    let mut desk = Desk::new(Limits::default());
    let host = view(vec![seen(2, None)]);
    desk.look_after(2, &view(vec![]), &host);
    let ours = view(vec![seen(2, by(100))]);
    // It is gone from the session before discovery shows it in the group.
    assert_eq!(desk.look_after(1, &ours, &view(vec![])), []);
    assert_eq!(desk.look(&view(vec![seen(2, None)]), &view(vec![])), [stop(Side::Lan, 2, true)]);
    // One that comes back is not told to have gone.
    desk.look_after(2, &view(vec![]), &host);
    assert_eq!(desk.look_after(1, &ours, &view(vec![])), []);
    assert_eq!(desk.look_after(60, &ours, &host), []);
}

/// A LEAVE says its StationUUID and nothing of who sends it: whoever hears it takes it for that of the station, which would be gone to all there.
// proves: BRG-18
#[test]
fn a_stand_in_says_no_leave_where_its_station_is_itself_or_by_another_bridge() {
    let lan = view(vec![seen(1, None)]);
    for (there, quietly) in [(None, true), (by(50), true), (by(100), false)] {
        let mut desk = Desk::new(Limits::default());
        desk.look_after(2, &lan, &view(vec![]));
        assert_eq!(desk.standing(), [(Side::Host, id(1))]);
        let host = view(vec![seen(1, there), seen(50, bridge_to(50))]);
        // It has gone from its own side at the same time.
        assert_eq!(
            desk.look_after(2, &view(vec![]), &host).first(),
            Some(&stop(Side::Host, 1, quietly)),
            "{there:?}"
        );
    }
    let mut desk = Desk::new(Limits::default());
    desk.look_after(2, &lan, &view(vec![]));
    assert_eq!(desk.look(&lan, &view(vec![seen(1, None)])), [stop(Side::Host, 1, true)]);
}

// proves: BRG-15
#[test]
fn a_candidate_has_time_to_come_by_itself_and_is_stood_in_for_where_it_does_not() {
    let limits = Limits { candidates: Duration::from_secs(15), ..Limits::default() };
    let electing = || Seen { candidate: true, ..seen(1, None) };
    let mut desk = Desk::new(limits.clone());
    let (lan, empty) = (view(vec![electing(), seen(2, None)]), view(vec![]));
    assert_eq!(desk.look_after(16, &lan, &empty).len(), 1);
    assert_eq!(desk.standing(), [(Side::Host, id(2))], "the other one has no reason to wait");
    // It comes in time: nobody ever stood in for it, in the session or, while it is on both sides, in the group.
    let moved = view(vec![seen(1, None), seen(2, by(100))]);
    assert_eq!(desk.look_after(60, &lan, &moved), []);

    // Its JOIN came before its announcement: what it is was not known yet.
    let mut desk = Desk::new(limits.clone());
    desk.look_after(1, &view(vec![seen(1, None)]), &empty);
    desk.look_after(15, &lan, &empty);
    assert_eq!(desk.standing(), [(Side::Host, id(2))]);

    let mut desk = Desk::new(limits);
    desk.look_after(17, &lan, &empty);
    assert_eq!(desk.standing(), [(Side::Host, id(1)), (Side::Host, id(2))]);
    // At last it comes, and has its place.
    let action = stop(Side::Host, 1, true);
    assert_eq!(desk.look(&lan, &moved), [action]);
}

// proves: BRG-16
#[test]
fn a_host_that_only_passes_on_appears_in_no_group_where_it_is_left_out() {
    let session = view(vec![seen(200, None), seen(2, None)]);
    let mut desk = Desk::new(Limits::default());
    desk.look_after(60, &view(vec![]), &session);
    assert_eq!(desk.standing(), [(Side::Lan, id(2)), (Side::Lan, id(200))]);
    let mut desk = Desk::new(Limits::default());
    desk.machine.leave_out_host();
    desk.look_after(60, &view(vec![]), &session);
    assert_eq!(desk.standing(), [(Side::Lan, id(2))]);
}

// proves: BRG-17
#[test]
fn what_a_killed_host_showed_is_taken_over_by_the_next_ones_bridge_and_nothing_goes_around() {
    // Bridge 50 joined the group with the session of host 201, which is gone with it; its stand-ins are still remembered, and do not answer.
    let dead = |n, mark| Seen { answers: false, ..seen(n, mark) };
    let lan = view(vec![seen(1, None), dead(50, bridge_to(201)), dead(2, by(50)), dead(3, by(50))]);
    let session = view(vec![seen(2, None), seen(3, None)]);
    let mut desk = Desk::new(Limits::default());
    desk.look_after(60, &lan, &session);
    assert_eq!(desk.standing(), [(Side::Lan, id(2)), (Side::Lan, id(3)), (Side::Host, id(1))]);
    // Two hosts for a moment: what is in the other one's session stays there, and what both show is shown once.
    let lan = view(vec![seen(1, None), seen(50, bridge_to(201)), seen(2, by(50)), seen(4, by(50))]);
    let mut desk = Desk::new(Limits::default());
    desk.look_after(60, &lan, &session);
    assert_eq!(desk.standing(), [(Side::Lan, id(3)), (Side::Host, id(1))]);
    // The other one gives way, its station comes over.
    let (lan, session) = (view(vec![seen(1, None)]), view(vec![seen(2, None), seen(3, None), seen(4, None)]));
    desk.look_after(60, &lan, &session);
    assert_eq!(
        desk.standing(),
        [(Side::Lan, id(2)), (Side::Lan, id(3)), (Side::Lan, id(4)), (Side::Host, id(1))]
    );
}

// proves: BRG-03
#[test]
fn a_station_that_is_on_both_sides_itself_is_stood_in_for_nowhere() {
    let mut desk = Desk::new(Limits::default());
    let (lan, host) = (view(vec![seen(1, None)]), view(vec![seen(1, None)]));
    assert_eq!(desk.look_after(60, &lan, &host), []);
    // It was on the one side alone, and comes to the other.
    let mut desk = Desk::new(Limits::default());
    desk.look_after(60, &lan, &view(vec![]));
    assert_eq!(desk.standing(), [(Side::Host, id(1))]);
    assert_eq!(desk.look(&lan, &host), [stop(Side::Host, 1, true)]);
}

// proves: BRG-07
#[test]
fn what_a_bridge_brought_into_a_group_goes_no_further_and_what_it_brought_into_a_session_does() {
    let mut desk = Desk::new(Limits::default());
    let (lan, host) = (view(vec![seen(3, by(50)), seen(50, bridge_to(201))]), view(vec![seen(4, by(60))]));
    desk.look_after(60, &lan, &host);
    assert_eq!(desk.standing(), [(Side::Lan, id(4))]);
    // Nor does what a stand-in is told by others.
    let told = known(&commit(9, 3), Through::Bridge, false);
    assert_eq!(desk.look(&View { commits: vec![told], ..lan }, &host), []);
}

// proves: BRG-06
#[test]
fn the_lowest_bridge_to_the_same_host_works_as_long_as_it_answers() {
    let mut desk = Desk::new(Limits::default());
    let (alone, session) = (view(vec![seen(1, None)]), view(vec![]));
    desk.look_after(60, &alone, &session);
    let two = view(vec![seen(1, None), seen(99, bridge_to(200))]);
    // One that is not in the session, or of another host, or higher, does not count.
    assert_eq!(desk.look(&two, &session), []);
    assert_eq!(desk.look(&view(vec![seen(1, None), seen(99, bridge_to(201))]), &session), []);
    assert_eq!(desk.look(&view(vec![seen(1, None), seen(101, bridge_to(200))]), &session), []);
    // Nor does somebody of the group who says that it is one under the StationUUID of a member of the session, whom the host tells as none.
    for mark in [None, by(50), by(100), bridge_to(98)] {
        desk.look_after(60, &two, &view(vec![seen(99, mark)]));
        assert_eq!((desk.machine.active(), desk.standing()), (None, vec![(Side::Host, id(1))]), "{mark:?}");
    }
    let session = view(vec![seen(99, bridge_to(99))]);
    assert_eq!(desk.look(&two, &session), [stop(Side::Host, 1, false)]);
    assert_eq!(desk.machine.active(), Some(id(99)));
    let silent = Seen { answers: false, ..seen(99, bridge_to(200)) };
    desk.look_after(60, &view(vec![seen(1, None), silent]), &session);
    assert_eq!((desk.machine.active(), desk.standing()), (None, vec![(Side::Host, id(1))]));
}

// proves: BRG-08
#[test]
fn of_two_stand_ins_the_one_of_the_lower_bridge_stays() {
    for (other, stays) in [(90, false), (110, true)] {
        let mut desk = Desk::new(Limits::default());
        let session = view(vec![seen(2, None)]);
        desk.look_after(60, &view(vec![seen(other, bridge_to(201))]), &session);
        let both = view(vec![seen(other, bridge_to(201)), seen(2, by(other))]);
        desk.look(&both, &session);
        assert_eq!(desk.standing().len(), usize::from(stays), "bridge {other}");
        // Where the other's is there first, ours does not start; what a bridge left behind that is gone keeps nobody out.
        let mut late = Desk::new(Limits::default());
        late.look_after(60, &both, &session);
        assert_eq!(late.standing(), []);
        late.look_after(60, &view(vec![seen(2, by(other))]), &session);
        assert_eq!(late.standing(), [(Side::Lan, id(2))]);
    }
}

#[test]
fn a_bridge_waits_longer_for_each_that_goes_before_it() {
    let mut desk = Desk::new(Limits::default());
    let lan = view(vec![seen(90, bridge_to(201)), seen(91, bridge_to(202))]);
    let session = view(vec![seen(2, None)]);
    assert_eq!(desk.look_after(5, &lan, &session), []);
    desk.now += Duration::from_secs(1);
    assert_eq!(desk.look(&lan, &session).len(), 1);
}

#[test]
fn stand_ins_in_the_group_outlast_a_short_loss_of_the_session_and_no_long_one() {
    let mut desk = Desk::new(Limits::default());
    let session = view(vec![seen(2, None)]);
    desk.look_after(5, &view(vec![]), &session);
    let lost = View { joined: false, ..view(vec![]) };
    assert_eq!(desk.look_after(59, &view(vec![]), &lost), []);
    assert_eq!(desk.look(&view(vec![]), &session), []);
    assert_eq!(desk.look_after(60, &view(vec![]), &lost), [stop(Side::Lan, 2, false)]);
}

// proves: BRG-09, BRG-10
#[test]
fn a_commit_is_fetched_once_and_offered_once_by_the_stand_in_of_its_author() {
    let mut desk = Desk::new(Limits::default());
    let session = view(vec![]);
    let plain = view(vec![seen(1, None)]);
    desk.look_after(5, &plain, &session);
    let (made, author) = (commit(9, 1), Through::StandIn(id(1)));
    let lan = View { commits: vec![known(&made, Through::Bridge, false)], ..plain };
    let fetch = Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file };
    assert_eq!(desk.look(&lan, &session), std::slice::from_ref(&fetch));
    assert_eq!(desk.look(&lan, &session), []);
    desk.machine.not_fetched(made.file, desk.now);
    assert_eq!(desk.look(&lan, &session), []);
    desk.now += Duration::from_secs(5);
    assert_eq!(desk.look(&lan, &session), [fetch]);
    desk.machine.fetched(&made);
    assert_eq!(
        desk.look(&lan, &session),
        [Action::Offer { side: Side::Host, station: id(1), file: made.file }]
    );
    // The session tells it back, and nothing follows.
    let ours = Seen { mark: by(100), ..seen(1, None) };
    let told = vec![known(&made, Through::Bridge, false), known(&made, author, true)];
    assert_eq!(desk.look(&lan, &View { commits: told, ..view(vec![ours]) }), []);
}

#[test]
fn a_file_whose_author_is_nowhere_is_listed_once_where_it_is_not_known() {
    let mut desk = Desk::new(Limits::default());
    let made = commit(9, 7);
    desk.machine.fetched(&made);
    let session = View { commits: vec![known(&made, Through::Bridge, false)], ..view(vec![]) };
    assert_eq!(desk.look(&view(vec![]), &session), [Action::List { side: Side::Lan, file: made.file }]);
    assert_eq!(desk.look(&view(vec![]), &session), []);
}

// proves: BRG-11
#[test]
fn no_more_stations_are_stood_in_for_and_no_more_files_fetched_than_allowed() {
    let mut desk = Desk::new(Limits { stand_ins: 2, fetches: 3, ..Limits::default() });
    let commits = (1..=5).map(|n| known(&commit(n, n), Through::Bridge, false)).collect();
    let lan = View { commits, ..view((1..=5).map(|n| seen(n, None)).collect()) };
    let actions = desk.look_after(60, &lan, &view(vec![]));
    assert_eq!(desk.standing().len(), 2);
    assert!(desk.machine.crowded());
    assert_eq!(actions.iter().filter(|action| matches!(action, Action::Fetch { .. })).count(), 3);
}

// proves: BRG-29
#[test]
fn stations_of_one_address_take_no_more_than_their_share_of_the_places() {
    let at = |n: u8, address: u8| Seen { from: Some([10, 0, 0, address].into()), ..seen(n, None) };
    let mut desk = Desk::new(Limits { stand_ins: 6, stand_ins_each: 3, ..Limits::default() });
    let invented = |n| at(n, 66);
    // Three fit exactly.
    let mut there: Vec<Seen> = (1..=3).map(invented).collect();
    desk.look_after(60, &view(there.clone()), &view(vec![]));
    assert_eq!((desk.standing().len(), desk.machine.crowded()), (3, false));
    there.extend((4..=40).map(invented));
    there.extend([at(50, 7), at(51, 8), at(52, 8)]);
    desk.look_after(60, &view(there.clone()), &view(vec![]));
    let standing = |desk: &Desk| desk.standing().into_iter().map(|(_, station)| station).collect::<Vec<_>>();
    assert_eq!(standing(&desk), [1, 2, 3, 50, 51, 52].map(id));
    assert!(desk.machine.crowded());
    // Who leaves makes room for another one of its address.
    there.remove(0);
    desk.look_after(60, &view(there.clone()), &view(vec![]));
    desk.look_after(60, &view(there), &view(vec![]));
    assert_eq!(standing(&desk), [2, 3, 4, 50, 51, 52].map(id));
    // Of who is in a session no address is known.
    let mut desk = Desk::new(Limits { stand_ins_each: 3, ..Limits::default() });
    desk.look_after(60, &view(vec![]), &view((1..=5).map(|n| seen(n, None)).collect()));
    assert_eq!(desk.standing().len(), 5);
}

/// A host of another product tells of nobody: who committed is known, and our stand-in among them.
#[test]
fn on_a_foreign_host_our_own_stand_in_is_not_taken_for_its_station() {
    let mut desk = Desk::new(Limits::default());
    let lan = view(vec![seen(1, None)]);
    let foreign = |stations| View { tells_marks: false, ..view(stations) };
    desk.look_after(60, &lan, &foreign(vec![]));
    assert_eq!(desk.look_after(60, &lan, &foreign(vec![seen(1, None)])), []);
    assert_eq!(desk.standing(), [(Side::Host, id(1))]);
}

// proves: BRG-11
#[test]
fn a_file_that_nobody_tells_any_more_leaves_nothing_behind() {
    let mut desk = Desk::new(Limits::default());
    let (lan, host) = (view(vec![seen(1, None)]), view(vec![]));
    let told = View { commits: vec![known(&commit(9, 1), Through::Bridge, false)], ..lan.clone() };
    let fetch = Action::Fetch { side: Side::Lan, through: Through::Bridge, file: commit(9, 1).file };
    assert!(desk.look(&told, &host).contains(&fetch));
    desk.machine.not_fetched(commit(9, 1).file, desk.now);
    assert!(!desk.look(&told, &host).contains(&fetch), "it waits before it tries again");
    assert_eq!(desk.machine.failed.len(), 1);
    desk.look(&lan, &host);
    assert_eq!(desk.machine.failed.len(), 0);
}

// proves: BRG-18
#[test]
fn a_stand_in_gives_way_without_a_word_to_a_bridge_whose_stand_in_is_not_seen_yet() {
    let mut desk = Desk::new(Limits::default());
    let (lan, host) = (view(vec![]), view(vec![seen(2, None)]));
    desk.look_after(5, &lan, &host);
    assert_eq!(desk.standing(), [(Side::Lan, id(2))]);
    let two = view(vec![seen(99, bridge_to(200))]);
    let both = view(vec![seen(2, None), seen(99, bridge_to(99))]);
    assert_eq!(desk.look(&two, &both), [stop(Side::Lan, 2, true)]);
}

// proves: BRG-21
#[test]
fn a_file_that_the_other_side_only_tells_of_is_fetched_on_either_side_in_turn() {
    let made = commit(9, 2);
    let told = || vec![known(&made, Through::Bridge, false)];
    let mut desk = Desk::new(Limits::default());
    let fetch = |side| [Action::Fetch { side, through: Through::Bridge, file: made.file }];
    // The group has it from its author, who was there once; nobody of ours stands there for him.
    let (lan, host) =
        (View { commits: told(), ..view(vec![]) }, View { commits: told(), ..view(vec![seen(2, None)]) });
    assert_eq!(desk.look(&lan, &host), []);
    // What our stand-in for the author gives is asked for here from now on, and it has to have it.
    desk.now += Duration::from_secs(5);
    let started = desk.look(&lan, &host);
    assert_eq!(started[1..], fetch(Side::Lan), "{started:?}");
    desk.machine.not_fetched(made.file, desk.now);
    desk.now += Duration::from_secs(5);
    assert_eq!(desk.look(&lan, &host), fetch(Side::Host));
    desk.machine.not_fetched(made.file, desk.now);
    desk.now += Duration::from_secs(10);
    assert_eq!(desk.look(&lan, &host), fetch(Side::Lan));
    desk.machine.fetched(&made);
    assert_eq!(desk.look(&lan, &host), [Action::Offer { side: Side::Lan, station: id(2), file: made.file }]);
}

// proves: BRG-21
#[test]
fn a_file_of_the_group_that_the_session_tells_of_is_fetched_where_its_author_is_first() {
    let made = commit(9, 1);
    let told = || vec![known(&made, Through::Bridge, false)];
    let lan = View { commits: told(), ..view(vec![seen(1, None)]) };
    let host = View { commits: told(), ..view(vec![]) };
    let mut desk = Desk::new(Limits::default());
    let actions = desk.look_after(5, &lan, &host);
    let fetch = Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file };
    assert_eq!(actions.last(), Some(&fetch), "{actions:?}");
}

// proves: BRG-22
#[test]
fn a_stand_in_joins_everybody_again_when_somebody_under_its_name_has_come_and_left() {
    let again = || vec![Action::Again { side: Side::Lan, station: id(2) }];
    let session = view(vec![seen(2, None)]);
    let (alone, beside) =
        (view(vec![seen(110, bridge_to(201))]), view(vec![seen(110, bridge_to(201)), seen(2, by(110))]));
    let mut desk = Desk::new(Limits::default());
    desk.look_after(5, &alone, &session);
    assert_eq!(desk.look_after(60, &beside, &session), [], "the other one is to give way");
    assert_eq!(desk.look_after(1, &alone, &session), [], "its LEAVE may be under way");
    assert_eq!(desk.look_after(1, &alone, &session), again());
    assert_eq!(desk.look_after(60, &alone, &session), [], "once");
    // A LEAVE of who was not seen to come.
    desk.machine.left(id(2), desk.now);
    assert_eq!(desk.look_after(2, &alone, &session), again());
    desk.machine.left(id(3), desk.now);
    assert_eq!(desk.look_after(60, &alone, &session), [], "nobody stands for him");
}

// proves: BRG-23
#[test]
fn what_made_room_is_fetched_again_when_it_is_asked_for_and_listed_as_long_as_it_can_be_had() {
    let mut desk = Desk::new(Limits::default());
    let plain = view(vec![seen(1, None)]);
    desk.look_after(5, &plain, &view(vec![]));
    let made = commit(9, 1);
    let (author, ours) = (Through::StandIn(id(1)), Seen { mark: by(100), ..seen(1, None) });
    let lan = View { commits: vec![known(&made, Through::Bridge, false)], ..plain.clone() };
    let host = View { commits: vec![known(&made, author, true)], ..view(vec![ours]) };
    desk.machine.fetched(&made);
    assert_eq!(desk.look(&lan, &host), []);
    desk.machine.made_room(made.file);
    assert_eq!(desk.machine.kept().count(), 0);
    assert_eq!(desk.look(&lan, &host), [], "nobody asks for it");
    desk.machine.asked_again(made.file);
    let fetch = Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file };
    assert_eq!(desk.look(&lan, &host), [fetch]);
    assert!(desk.machine.will_fetch(made.file));
    desk.machine.fetched(&made);
    assert_eq!((desk.look(&lan, &host), desk.machine.will_fetch(made.file)), (vec![], false));

    desk.machine.made_room(made.file);
    desk.machine.asked_again(made.file);
    let away = View { joined: false, ..view(vec![]) };
    assert_eq!(desk.look(&away, &host), [], "it may be back");
    assert!(!desk.machine.will_fetch(made.file), "who asks is refused");
    let withdraw = Action::Withdraw { side: Side::Host, through: author, file: made.file };
    assert_eq!(desk.look(&plain, &host), [withdraw], "its author has it no more");
    let unlisted = View { commits: vec![], ..host };
    assert_eq!(desk.look(&plain, &unlisted), []);
    let again = Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file };
    assert_eq!(desk.look(&lan, &unlisted), [again], "it is a new one");
}

// proves: BRG-06, BRG-08
#[test]
fn bridges_are_asked_whether_they_are_there_and_stand_ins_that_did_not_answer() {
    let silent = |mark| Seen { answers: false, ..seen(2, mark) };
    let asked = [None, by(50), bridge_to(200)]
        .map(|mark| (seen(2, mark).is_to_be_asked(), silent(mark).is_to_be_asked()));
    assert_eq!(asked, [(false, false), (false, true), (true, true)]);
}

// proves: BRG-08
#[test]
fn who_says_to_be_stood_in_for_and_is_shown_otherwise_is_asked() {
    let doubted = |mark| Seen { doubted: true, ..seen(2, mark) }.is_to_be_asked();
    assert_eq!([None, by(50), bridge_to(200)].map(doubted), [false, true, true]);
}

// proves: BRG-25
#[test]
fn a_wrong_file_is_given_up_after_three_times_and_fetched_again_when_its_author_was_away() {
    let mut desk = Desk::new(Limits::default());
    let (plain, host) = (view(vec![seen(1, None)]), view(vec![]));
    desk.look_after(5, &plain, &host);
    let made = commit(9, 1);
    let told = vec![known(&made, Through::Bridge, false)];
    let lan = View { commits: told.clone(), ..plain };
    // Others have it still, as they say, and our stand-in for its author is no sign of him.
    let without = View { commits: told, ..view(vec![seen(7, None)]) };
    let fetch = [Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file }];
    assert_eq!(desk.look(&lan, &host), fetch);
    for given_up in [false, false, true] {
        assert_eq!(desk.machine.came_wrong(made.file, desk.now), given_up);
        desk.now += Duration::from_secs(160);
        if !given_up {
            assert_eq!(desk.look(&lan, &host), fetch);
        }
    }
    for _ in 0..3 {
        assert_eq!(desk.look_after(3_600, &lan, &host), []);
    }
    let fetches = |actions: &[Action]| actions.iter().any(|action| fetch.contains(action));
    assert!(!fetches(&desk.look_after(60, &without, &host)), "its author is away");
    assert!(fetches(&desk.look(&lan, &host)), "he is back");
    assert!(!desk.machine.came_wrong(made.file, desk.now), "it is counted anew");
}

// proves: BRG-25
#[test]
fn what_did_not_come_is_never_given_up_and_what_was_given_up_is_fetched_when_it_is_asked_for() {
    // None is taken for one.
    for wrong in [0, 1] {
        let mut desk = Desk::new(Limits { wrong, ..Limits::default() });
        let (plain, host) = (view(vec![seen(1, None)]), view(vec![]));
        desk.look_after(5, &plain, &host);
        let made = commit(9, 1);
        let lan = View { commits: vec![known(&made, Through::Bridge, false)], ..plain };
        let fetch = [Action::Fetch { side: Side::Lan, through: Through::Bridge, file: made.file }];
        for _ in 0..20 {
            assert_eq!(desk.look(&lan, &host), fetch);
            desk.machine.not_fetched(made.file, desk.now);
            desk.now += Duration::from_secs(160);
        }
        assert_eq!(desk.look(&lan, &host), fetch);
        assert!(desk.machine.came_wrong(made.file, desk.now), "once is enough");
        assert_eq!(desk.look_after(3_600, &lan, &host), []);
        desk.machine.asked_again(made.file);
        assert_eq!(desk.look(&lan, &host), fetch);
    }
}
