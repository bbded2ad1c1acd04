//! One machine and what it says to raw messages, case by case in the manner of the Bonjour Conformance Test.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, clippy::cast_possible_truncation)]

mod common;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use common::{
    Lan, OURS, PORT, Sent, address, ms, name, record, say, service_type, shown, srv, station, watcher,
};
use lan_mdns::record::{Data, Kind, Question, Record, kind};
use lan_mdns::wire::Message;
use lan_mdns::{Input, Lost, Name, Output, SeenId, To};

fn from(n: u8) -> SocketAddr {
    SocketAddr::new(address(n).into(), PORT)
}

fn desk() -> Name {
    name("Desk.Default._show._tcp.local")
}

fn ask(name: &Name, kind: Kind, unicast: bool) -> Message {
    let questions = vec![Question { name: name.clone(), kind, unicast }];
    Message { questions, ..Message::default() }
}

/// A station that has announced itself and fallen silent.
fn settled(seed: u64) -> Lan {
    let mut lan = Lan::new(seed);
    lan.add_station("Desk", "host");
    lan.run_for(ms(20_000));
    lan
}

fn kinds(records: &[Record]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = records.iter().map(|r| r.data.kind()).collect();
    kinds.sort_unstable();
    kinds
}

fn responses(lan: &Lan, since: Duration) -> Vec<&Sent> {
    lan.sent(0, since).into_iter().filter(|sent| sent.message.response).collect()
}

// proves: MDNS-PROBE, MDNS-ANNOUNCE, MDNS-FLUSH, MDNS-TTL, MDNS-TOGETHER
#[test]
fn claims_its_names_with_three_probes_and_announces_everything_in_one_message() {
    for seed in 0..20 {
        let mut lan = Lan::new(seed);
        lan.add_station("Desk", "host");
        lan.run_for(ms(10_000));
        let probes: Vec<&Sent> = lan.log.iter().filter(|s| !s.message.authorities.is_empty()).collect();
        assert_eq!(probes.len(), 3);
        assert!(probes[0].at <= ms(250), "{:?}", probes[0].at);
        for probe in &probes {
            let message = &probe.message;
            let asked: Vec<_> =
                message.questions.iter().map(|q| (q.name.clone(), q.kind, q.unicast)).collect();
            assert_eq!(asked, [(desk(), kind::ANY, true), (name("host.local"), kind::ANY, true)]);
            assert_eq!(kinds(&message.authorities), [kind::A, kind::TXT, kind::SRV]);
            assert!(message.authorities.iter().all(|r| !r.flush));
        }
        let said = responses(&lan, Duration::ZERO);
        let at: Vec<Duration> = probes.iter().chain(&said).map(|s| s.at - probes[0].at).collect();
        assert_eq!(at[..6], [0, 250, 500, 750, 1750, 3750].map(ms));
        let first = &said[0].message;
        assert_eq!(kinds(&first.answers), [kind::A, kind::PTR, kind::PTR, kind::TXT, kind::SRV]);
        assert_eq!(kinds(&first.additionals), [kind::NSEC, kind::NSEC]);
        for r in &first.answers {
            let shared = r.data.kind() == kind::PTR;
            let host = matches!(r.data.kind(), kind::A | kind::SRV);
            assert_eq!((r.flush, r.ttl), (!shared, if host { 120 } else { 4500 }), "{r:?}");
        }
    }
}

fn probe_for(instance: &Name, port: u16) -> Message {
    let authorities = vec![record(instance, srv(port, "other.local"), 120, false)];
    Message { authorities, ..ask(instance, kind::ANY, true) }
}

// proves: MDNS-TIE-BREAK
#[test]
fn waits_a_second_when_a_later_record_claims_the_name_and_goes_on_when_an_earlier_one_does() {
    for (wins, text) in [(true, vec![]), (false, vec![b"zzzzzzzz=9".to_vec()])] {
        let mut lan = Lan::new(1);
        lan.add_station("Desk", "host");
        let probing = |lan: &Lan| !lan.log.is_empty();
        lan.run_until(ms(300), probing);
        // Compared are all records in order: TXT (16) comes before SRV (33).
        let rival = record(&desk(), Data::Txt(text), 120, false);
        let rival = Message { authorities: vec![rival], ..ask(&desk(), kind::ANY, true) };
        let at = lan.now;
        lan.inject(from(9), To::Multicast, &rival);
        lan.run_for(ms(5000));
        let next = lan.sent(0, at + ms(5)).into_iter().find(|s| !s.message.authorities.is_empty()).unwrap();
        let waited = next.at - at;
        assert_eq!(wins, waited < ms(300), "{waited:?}");
        assert!(wins || waited > ms(1000), "{waited:?}");
        assert_eq!(lan.hosts[0].mdns.names(OURS).unwrap().0, &desk(), "nobody has taken it");
    }
}

// proves: MDNS-RENAME
#[test]
fn somebody_who_denies_every_name_is_asked_less_and_less() {
    let mut lan = Lan::new(1);
    lan.add_station("Desk", "host");
    while lan.now < ms(60_000) {
        let probed = lan.log.len();
        let end = lan.now + ms(6000);
        lan.run_until(end, |lan| lan.log.len() > probed);
        let instance = lan.hosts[0].mdns.names(OURS).unwrap().0.clone();
        lan.inject(from(9), To::Multicast, &say(vec![record(&instance, srv(1, "other.local"), 120, true)]));
        lan.run_for(ms(5));
    }
    let renamed: Vec<Duration> = lan.hosts[0]
        .told
        .iter()
        .filter(|(_, told)| matches!(told, Output::Renamed { .. }))
        .map(|(at, _)| *at)
        .collect();
    assert!(renamed.len() > 15, "{renamed:?}");
    let last = renamed.len() - 1;
    assert!(renamed[last] - renamed[last - 1] >= ms(5000), "{renamed:?}");
    let longest = lan.hosts[0].mdns.names(OURS).unwrap().0.labels().next().unwrap().len();
    assert!(longest <= 63);
}

// proves: MDNS-CONFLICT
#[test]
fn a_name_that_somebody_else_speaks_for_later_is_claimed_anew() {
    let mut lan = settled(1);
    let at = lan.now;
    lan.inject(from(9), To::Multicast, &say(vec![record(&desk(), srv(1, "other.local"), 120, true)]));
    lan.run_for(ms(5000));
    let probes = lan.sent(0, at).iter().filter(|s| !s.message.authorities.is_empty()).count();
    assert_eq!(probes, 3);
    assert_eq!(lan.hosts[0].mdns.names(OURS).unwrap().0, &desk(), "it was not defended");
}

#[test]
fn our_own_words_coming_back_are_no_conflict() {
    let mut lan = settled(1);
    let own: Vec<Vec<u8>> = lan.log.iter().map(|sent| sent.bytes.clone()).collect();
    for bytes in own {
        lan.inject(from(9), To::Multicast, &Message::parse(&bytes).unwrap());
    }
    lan.run_for(ms(5000));
    assert!(
        !lan.hosts[0].told.iter().any(|(_, t)| matches!(t, Output::Conflict { .. } | Output::Renamed { .. }))
    );
}

/// When and with what the machine answers; `None`: it does not within two seconds.
fn answer(lan: &mut Lan, question: &Message) -> Option<(Duration, Sent)> {
    let at = lan.now;
    lan.inject(from(9), To::Multicast, question);
    lan.run_for(ms(2000));
    responses(lan, at).first().map(|sent| (sent.at - at, (*sent).clone()))
}

// proves: MDNS-SHARED-DELAY
#[test]
fn shared_answers_wait_20_to_120_ms_evenly_and_unique_ones_come_at_once() {
    let mut lan = settled(2);
    let mut delays = Vec::new();
    for _ in 0..200 {
        let (delay, sent) = answer(&mut lan, &ask(&service_type(), kind::PTR, false)).unwrap();
        assert_eq!(kinds(&sent.message.answers), [kind::PTR]);
        let along = kinds(&sent.message.additionals);
        assert_eq!(along, [kind::A, kind::TXT, kind::SRV, kind::NSEC, kind::NSEC]);
        delays.push(delay);
        let (delay, sent) = answer(&mut lan, &ask(&desk(), kind::SRV, false)).unwrap();
        assert!(delay < ms(10), "{delay:?}");
        assert_eq!(kinds(&sent.message.answers), [kind::SRV]);
    }
    assert!(delays.iter().all(|d| (ms(20)..ms(123)).contains(d)), "{delays:?}");
    for quarter in 0..4 {
        let within = ms(20 + quarter * 25)..ms(45 + quarter * 25);
        let count = delays.iter().filter(|d| within.contains(d)).count();
        assert!((25..80).contains(&count), "{count} of 200 in {within:?}");
    }
}

// proves: MDNS-ONCE-A-SECOND
#[test]
fn says_nothing_twice_within_a_second_and_yet_answers_whole() {
    let mut lan = settled(3);
    let begun = lan.now;
    for _ in 0..40 {
        lan.inject(from(9), To::Multicast, &ask(&service_type(), kind::PTR, false));
        lan.run_for(ms(90));
    }
    lan.run_for(ms(2000));
    let said = responses(&lan, begun);
    assert!((3..=6).contains(&said.len()), "{}", said.len());
    for two in said.windows(2) {
        assert!(two[1].at - two[0].at >= ms(1000));
    }
    assert!(said.iter().all(|s| s.message.additionals.len() == 5), "each with all that belongs to it");
}

// proves: MDNS-PROBE-DEFENCE
#[test]
fn defends_its_name_four_times_a_second() {
    let mut lan = settled(4);
    let begun = lan.now;
    for _ in 0..10 {
        lan.inject(from(9), To::Multicast, &probe_for(&desk(), 9));
        lan.run_for(ms(100));
    }
    let said = responses(&lan, begun);
    assert!((4..=5).contains(&said.len()), "{}", said.len());
    assert!(said[0].at - begun < ms(10));
    assert!(said.windows(2).all(|two| two[1].at - two[0].at >= ms(250)));
    assert!(
        said.iter().all(|s| s.to == To::Multicast && kinds(&s.message.answers) == [kind::TXT, kind::SRV])
    );
}

// proves: MDNS-KNOWN-ANSWER
#[test]
fn does_not_say_what_the_asker_knows_for_half_its_time() {
    let mut lan = settled(5);
    for (ttl, answered) in [(2250, false), (2249, true)] {
        let mut question = ask(&service_type(), kind::PTR, false);
        question.answers = vec![record(&service_type(), Data::Ptr(desk()), ttl, false)];
        assert_eq!(answer(&mut lan, &question).is_some(), answered, "{ttl}");
    }
}

// proves: MDNS-TC-RECEIVED
#[test]
fn waits_for_an_asker_that_knows_more() {
    let mut lan = settled(6);
    let mut question = ask(&service_type(), kind::PTR, false);
    question.truncated = true;
    let (delay, _) = answer(&mut lan, &question).unwrap();
    assert!((ms(400)..=ms(505)).contains(&delay), "{delay:?}");
    let more = Message {
        answers: vec![record(&service_type(), Data::Ptr(desk()), 4500, false)],
        ..Message::default()
    };
    let at = lan.now;
    lan.inject(from(9), To::Multicast, &question);
    lan.inject(from(8), To::Multicast, &more);
    lan.run_for(ms(2000));
    assert_eq!(responses(&lan, at).len(), 1, "another asker's knowledge does not count");
    let at = lan.now;
    lan.inject(from(9), To::Multicast, &question);
    lan.run_for(ms(100));
    lan.inject(from(9), To::Multicast, &more);
    lan.run_for(ms(2000));
    assert_eq!(responses(&lan, at).len(), 0);
}

// proves: MDNS-KNOWN-ANSWER-SENT, MDNS-TC-SENT
#[test]
fn tells_what_it_knows_in_as_many_messages_as_it_takes() {
    let mut lan = Lan::new(7);
    lan.add();
    for n in 0..100_u8 {
        let instance = service_type().below(&[format!("{n} {}", "x".repeat(50))]).unwrap();
        let said = station(&instance, &n.to_string(), 1, &format!("h{n}.local"), address(n).into(), true);
        lan.inject(from(n.max(2)), To::Multicast, &said);
        lan.run_for(ms(10));
    }
    let at = lan.now;
    lan.run_for(ms(12_000));
    let asked: Vec<_> = lan.sent(0, at).into_iter().filter(|s| !s.message.response).collect();
    let first = asked.iter().position(|s| s.message.truncated).unwrap();
    let all: Vec<_> = asked[first..].iter().take_while(|s| s.at == asked[first].at).collect();
    assert!(all.iter().all(|s| s.bytes.len() <= 1440));
    assert_eq!(all.iter().map(|s| s.message.answers.len()).sum::<usize>(), 100);
    assert!(all[1..].iter().all(|s| s.message.questions.is_empty()));
    let (last, before) = all.split_last().unwrap();
    assert!(before.iter().all(|s| s.message.truncated) && !last.message.truncated);
}

// proves: MDNS-QU
#[test]
fn answers_one_alone_who_asks_so_if_all_have_heard_it_lately() {
    let mut lan = settled(8);
    let (_, sent) = answer(&mut lan, &ask(&service_type(), kind::PTR, true)).unwrap();
    assert_eq!(sent.to, To::Unicast(from(9)));
    assert_eq!((sent.message.id, sent.message.questions.len(), sent.message.answers[0].ttl), (0, 0, 4500));
    lan.run_for(Duration::from_mins(20));
    let (_, sent) = answer(&mut lan, &ask(&service_type(), kind::PTR, true)).unwrap();
    assert_eq!(sent.to, To::Multicast);
}

// proves: MDNS-LEGACY
#[test]
fn answers_plain_dns_with_its_number_its_question_and_ten_seconds() {
    let mut lan = settled(9);
    let asker = SocketAddr::new(address(9).into(), 49_152);
    let mut question = ask(&service_type(), kind::PTR, false);
    question.id = 4711;
    let at = lan.now;
    lan.inject(asker, To::Multicast, &question);
    lan.run_for(ms(50));
    let said = responses(&lan, at);
    let message = &said[0].message;
    assert_eq!((said.len(), said[0].to, message.id), (1, To::Unicast(asker), 4711));
    assert_eq!(message.questions, question.questions);
    let all = || message.answers.iter().chain(&message.additionals);
    assert!(all().all(|r| r.ttl <= 10 && !r.flush));
    assert!(kinds(&message.additionals).contains(&kind::A), "with the address");
}

// proves: MDNS-NEGATIVE
#[test]
fn says_what_it_has_not() {
    let mut lan = settled(10);
    for (owner, wanted, has) in
        [(name("host.local"), kind::AAAA, vec![kind::A]), (desk(), kind::A, vec![kind::TXT, kind::SRV])]
    {
        let (delay, sent) = answer(&mut lan, &ask(&owner, wanted, false)).unwrap();
        assert!(delay < ms(10));
        let said = &sent.message.answers[0];
        assert_eq!((&said.name, &said.data), (&owner, &Data::Nsec { next: owner.clone(), kinds: has }));
    }
    assert!(answer(&mut lan, &ask(&name("elsewhere.local"), kind::A, false)).is_none());
    assert!(answer(&mut lan, &ask(&service_type(), kind::TXT, false)).is_none());
}

#[test]
fn names_are_compared_without_case_and_lists_its_type() {
    let mut lan = settled(11);
    assert!(answer(&mut lan, &ask(&name("_SHOW._Tcp.LOCAL"), kind::PTR, false)).is_some());
    let (_, sent) = answer(&mut lan, &ask(&name("default._show._tcp.local"), kind::PTR, false)).unwrap();
    assert_eq!(sent.message.answers[0].data, Data::Ptr(desk()));
    let types = ask(&name("_services._dns-sd._udp.local"), kind::PTR, false);
    let (_, sent) = answer(&mut lan, &types).unwrap();
    assert_eq!(sent.message.answers[0].data, Data::Ptr(service_type()));
}

// proves: MDNS-DUPLICATE-ANSWER
#[test]
fn does_not_repeat_what_somebody_else_has_just_answered() {
    let mut lan = settled(12);
    let types = name("_services._dns-sd._udp.local");
    let at = lan.now;
    lan.inject(from(9), To::Multicast, &ask(&types, kind::PTR, false));
    lan.run_for(ms(5));
    lan.inject(from(8), To::Multicast, &say(vec![record(&types, Data::Ptr(service_type()), 4500, false)]));
    lan.run_for(ms(2000));
    assert_eq!(responses(&lan, at).len(), 0);
}

// proves: MDNS-DUPLICATE-QUESTION
#[test]
fn does_not_ask_what_somebody_else_has_just_asked() {
    for (known, asks) in [(false, false), (true, true)] {
        let mut lan = Lan::new(1);
        lan.add();
        lan.run_for(ms(40_000));
        let at = lan.now;
        let mut question = ask(&service_type(), kind::PTR, false);
        if known {
            // It knows somebody whom we do not.
            question.answers = vec![record(&service_type(), Data::Ptr(desk()), 120, false)];
        }
        for _ in 0..200 {
            lan.inject(from(9), To::Multicast, &question);
            lan.run_for(ms(500));
        }
        let asked = |s: &&Sent| s.message.questions.iter().any(|q| q.name == service_type());
        assert_eq!(lan.sent(0, at).iter().any(asked), asks, "the other knows more: {known}");
    }
}

// proves: MDNS-ON-LINK
#[test]
fn hears_nothing_from_beyond_the_link_nor_answers_from_another_port() {
    let mut lan = settled(13);
    let far = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), PORT);
    let to_us = To::Unicast(SocketAddr::new(address(1).into(), PORT));
    let at = lan.now;
    let other = name("Other.Default._show._tcp.local");
    let said = station(&other, "x", 1, "other.local", address(9).into(), true);
    lan.inject(far, to_us, &ask(&service_type(), kind::PTR, false));
    lan.inject(far, to_us, &said);
    lan.inject(SocketAddr::new(address(9).into(), 1), To::Multicast, &said);
    lan.run_for(ms(2000));
    assert_eq!((responses(&lan, at).len(), lan.hosts[0].instances().len()), (0, 1));
    assert_eq!(lan.hosts[0].mdns.counts().foreign, 3);
    lan.inject(from(9), To::Multicast, &said);
    lan.run_for(ms(10));
    assert_eq!(lan.hosts[0].instances().len(), 2);
}

// proves: MDNS-ON-LINK
#[test]
fn a_station_with_an_address_of_another_network_on_the_same_wire_is_heard_and_answered_to_all() {
    let mut lan = settled(13);
    let far = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), PORT);
    let at = lan.now;
    lan.inject(far, To::Multicast, &ask(&service_type(), kind::PTR, true));
    lan.run_for(ms(2000));
    let answered = responses(&lan, at);
    assert!(!answered.is_empty() && answered.iter().all(|sent| sent.to == To::Multicast), "{answered:?}");
    // An answer to it alone would leave by a router.
    let at = lan.now;
    lan.inject(SocketAddr::new(far.ip(), 4000), To::Multicast, &ask(&service_type(), kind::PTR, false));
    lan.run_for(ms(2000));
    assert_eq!((responses(&lan, at).len(), lan.hosts[0].mdns.counts().foreign), (0, 1));
    let other = name("Other.Default._show._tcp.local");
    lan.inject(far, To::Multicast, &station(&other, "x", 1, "other.local", far.ip(), true));
    lan.run_for(ms(10));
    assert_eq!(lan.hosts[0].instances().len(), 2);
}

// proves: MDNS-TOGETHER-HEARD, MDNS-FLUSH-HEARD
#[test]
fn stations_of_one_name_and_one_host_name_are_kept_apart() {
    let bare = name("Default._show._tcp.local");
    let one = |flush| station(&bare, "a", 1, "Default.local", address(3).into(), flush);
    let two = |flush| station(&bare, "b", 2, "Default.local", address(4).into(), flush);
    let expected = [("id=a".into(), 1, vec!["10.0.0.3".into()]), ("id=b".into(), 2, vec!["10.0.0.4".into()])];
    for flush in [false, true] {
        let mut lan = watcher(14, |_| true);
        for _ in 0..5 {
            lan.inject(from(3), To::Multicast, &one(flush));
            lan.run_for(ms(3000));
            lan.inject(from(4), To::Multicast, &two(flush));
            lan.run_for(ms(3000));
        }
        assert_eq!(shown(&lan), expected, "flush {flush}");
        let lost = lan.hosts[0].told.iter().filter(|(_, t)| matches!(t, Output::Lost { .. })).count();
        assert_eq!(lost, 0, "flush {flush}");
    }
    // Two on one machine, or behind a reflector: one source, told apart by what was said together and by who they say they are.
    for flush in [false, true] {
        let mut lan = watcher(15, |_| true);
        for _ in 0..3 {
            lan.inject(from(3), To::Multicast, &one(flush));
            lan.run_for(ms(3000));
            lan.inject(from(3), To::Multicast, &two(flush));
            lan.run_for(ms(3000));
        }
        let seen = shown(&lan);
        assert_eq!(seen.iter().map(|s| (s.0.as_str(), s.1)).collect::<Vec<_>>(), [("id=a", 1), ("id=b", 2)]);
        if !flush {
            assert_eq!(seen, expected);
        }
    }
}

// proves: MDNS-SHARED-NAMES
#[test]
fn a_shared_name_is_never_told_as_known() {
    let bare = name("Default._show._tcp.local");
    for (shared, known) in [(true, 0), (false, 1)] {
        let mut lan = watcher(16, if shared { |_| true } else { |_| false });
        lan.inject(from(3), To::Multicast, &station(&bare, "a", 1, "a.local", address(3).into(), true));
        lan.run_for(ms(10));
        let at = lan.now;
        lan.input(0, Input::Ask);
        lan.run_for(ms(1100)); // once a second
        let asked = lan.sent(0, at);
        assert_eq!(asked[0].message.answers.len(), known, "shared: {shared}");
    }
}

// proves: MDNS-GOODBYE-GRACE
#[test]
fn a_goodbye_counts_after_a_second_unless_it_is_taken_back() {
    let mut lan = watcher(17, |_| false);
    let whole = station(&desk(), "a", 1, "a.local", address(3).into(), true);
    let mut goodbye = whole.clone();
    goodbye.answers.iter_mut().for_each(|r| r.ttl = 0);
    lan.inject(from(3), To::Multicast, &whole);
    lan.run_for(ms(10));
    lan.inject(from(3), To::Multicast, &goodbye);
    lan.run_for(ms(500));
    lan.inject(from(3), To::Multicast, &whole);
    lan.run_for(ms(5000));
    assert_eq!(shown(&lan).len(), 1);
    lan.inject(from(4), To::Multicast, &goodbye);
    lan.run_for(ms(5000));
    assert_eq!(shown(&lan).len(), 1, "nobody says goodbye for another source");
    let at = lan.now;
    lan.inject(from(3), To::Multicast, &goodbye);
    lan.run_for(ms(5000));
    assert_eq!(shown(&lan).len(), 0);
    let lost = lan.hosts[0].told.iter().find_map(|(at, told)| match told {
        Output::Lost { why, .. } => Some((*at, *why)),
        _ => None,
    });
    let (when, why) = lost.unwrap();
    assert!(when - at >= ms(1000) && why == Lost::Goodbye, "{why:?} after {:?}", when - at);
}

// proves: MDNS-REFRESH
#[test]
fn a_record_is_asked_for_at_80_85_90_and_95_percent_of_its_time() {
    let mut lan = watcher(18, |_| false);
    lan.inject(from(3), To::Multicast, &station(&desk(), "a", 1, "a.local", address(3).into(), true));
    let at = lan.now;
    lan.run_for(ms(130_000));
    let asks = |s: &&Sent| s.message.questions.iter().any(|q| q.name == desk() && q.kind == kind::SRV);
    let asked: Vec<f64> =
        lan.sent(0, at).into_iter().filter(asks).map(|s| (s.at - at).as_secs_f64() / 1.2).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    for (asked, percent) in asked.iter().zip([80.0, 85.0, 90.0, 95.0]) {
        assert!((percent..percent + 2.2).contains(asked), "{asked} for {percent}");
    }
    assert_eq!(shown(&lan).len(), 0);
}

#[test]
fn what_is_missing_of_a_service_is_asked_for() {
    let mut lan = watcher(19, |_| false);
    let at = lan.now;
    lan.inject(from(3), To::Multicast, &say(vec![record(&service_type(), Data::Ptr(desk()), 120, false)]));
    lan.run_for(ms(200));
    let asked: Vec<_> = lan.sent(0, at).into_iter().flat_map(|s| s.message.questions.clone()).collect();
    assert!(asked.iter().any(|q| q.name == desk() && q.kind == kind::SRV), "{asked:?}");
    lan.inject(from(3), To::Multicast, &say(vec![record(&desk(), srv(1, "a.local"), 120, true)]));
    let at = lan.now;
    lan.run_for(ms(200));
    let asked: Vec<_> = lan.sent(0, at).into_iter().flat_map(|s| s.message.questions.clone()).collect();
    assert!(asked.iter().any(|q| q.name == name("a.local") && q.kind == kind::A), "{asked:?}");
    lan.inject(
        from(3),
        To::Multicast,
        &say(vec![record(&name("a.local"), Data::address(address(3).into()), 120, true)]),
    );
    lan.run_for(ms(10_000));
    assert_eq!(shown(&lan), [(String::new(), 1, vec!["10.0.0.3".to_owned()])], "it has no TXT record");
}

// proves: MDNS-FLOOD
#[test]
fn a_thousand_doubts_ask_once_a_second_with_a_bounded_number_of_known_answers() {
    let mut lan = watcher(21, |_| false);
    for n in 0..1000_u32 {
        let instance = service_type().below(&[format!("Flood {n}"), "Default".to_owned()]).unwrap();
        let host = format!("h{n}.local");
        let said = station(&instance, &n.to_string(), 9, &host, address(3).into(), true);
        lan.inject(from(3), To::Multicast, &said);
    }
    lan.run_for(ms(100));
    let at = lan.now;
    let all: Vec<_> = lan.hosts[0].seen.keys().copied().collect();
    for id in all.iter().take(300) {
        lan.input(0, Input::Reconfirm(*id));
        lan.run_for(ms(10));
    }
    let asks = |s: &&Sent| s.message.questions.iter().any(|q| q.name == service_type());
    let asked: Vec<Duration> = lan.sent(0, at).into_iter().filter(asks).map(|s| s.at).collect();
    assert!((1..=5).contains(&asked.len()), "{} times in three seconds", asked.len());
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= ms(880)), "{asked:?}");
    let told = |s: &Sent| s.message.answers.len();
    let known: usize = lan.sent(0, at).into_iter().map(told).sum();
    assert!(known <= 512 * asked.len(), "{known}");
}

// proves: MDNS-FLOOD
#[test]
fn a_flood_of_invented_stations_is_bounded_and_a_real_one_is_found_and_kept() {
    let mut lan = Lan::new(20);
    let mut config = common::config(20);
    config.limits.records = 2000;
    config.limits.records_per_source = 400;
    lan.add_with(config);
    lan.run_for(ms(500));
    let real = station(&desk(), "real", 1, "real.local", address(3).into(), true);
    lan.inject(from(3), To::Multicast, &real);
    lan.run_for(ms(10));
    let pinned = *lan.hosts[0].seen.keys().next().unwrap();
    lan.input(0, Input::Pin(pinned));
    for n in 0..10_000_u32 {
        let instance = service_type().below(&[format!("Flood {n}"), "Default".to_owned()]).unwrap();
        // From ever other sources, and from one that is loud.
        let source = if n % 2 == 0 { from(99) } else { from(100 + (n % 150) as u8) };
        let said = station(&instance, &n.to_string(), 1, &format!("flood{n}.local"), source.ip(), true);
        lan.hosts[0]
            .mdns
            .step(
                lan.now,
                Input::Datagram { link: common::LINK, source, unicast: false, bytes: &said.encode() },
            )
            .for_each(drop);
        assert!(lan.hosts[0].mdns.records_held() <= 2000);
    }
    assert!(lan.hosts[0].mdns.counts().evicted > 30_000);
    lan.input(0, Input::Reconfirm(SeenId(u64::MAX)));
    // One that comes in the middle of it is found like any other.
    let late = name("Late.Default._show._tcp.local");
    lan.inject(from(4), To::Multicast, &station(&late, "late", 2, "late.local", address(4).into(), true));
    lan.run_for(ms(10));
    let found: Vec<_> = lan.hosts[0].seen.values().map(|s| s.port).collect();
    assert_eq!(found, [1, 2]);
    let lost = |(_, t): &(Duration, Output)| matches!(t, Output::Lost { id, .. } if *id == pinned);
    assert!(!lan.hosts[0].told.iter().any(lost), "the pinned one is never given up");
}

// proves: MDNS-TOGETHER-HEARD
#[test]
fn a_crowd_of_one_name_that_goes_together_is_lost_one_by_one_and_never_found_anew() {
    let mut lan = Lan::new(23);
    lan.add_with(common::config(23));
    lan.run_for(ms(500));
    let shared = service_type().below(&["Default".to_owned()]).unwrap();
    for n in 0..80_u16 {
        let source = from(100 + (n % 2) as u8);
        let here = format!("10.3.0.{n}").parse().unwrap();
        let said = station(&shared, &n.to_string(), 1000 + n, "default.local", here, false);
        lan.inject(source, To::Multicast, &said);
    }
    lan.run_for(ms(3000));
    let crowd: Vec<SeenId> = lan.hosts[0].seen.keys().copied().collect();
    assert_eq!(crowd.len(), 80);
    lan.hosts[0].told.clear();
    for id in &crowd {
        lan.input(0, Input::Reconfirm(*id));
    }
    lan.run_for(ms(20_000));
    let told = &lan.hosts[0].told;
    let lost = told.iter().filter(|(_, t)| matches!(t, Output::Lost { .. })).count();
    let found = told.iter().filter(|(_, t)| matches!(t, Output::Found(_))).count();
    assert_eq!((lost, found, lan.hosts[0].seen.len()), (80, 0, 0));
}

// proves: MDNS-SALVAGE
#[test]
fn a_station_is_found_beside_a_record_that_nobody_can_read() {
    let mut lan = settled(22);
    let mut bytes = station(&desk(), "a", 1, "a.local", address(3).into(), true).encode();
    // One more record is counted: an address of three bytes, of a name that points to itself.
    let at = u16::try_from(bytes.len()).unwrap() | 0xc000;
    bytes[11] += 1;
    bytes.extend(at.to_be_bytes());
    bytes.extend([0, 1, 0, 1, 0, 0, 0, 9, 0, 3, 1, 2, 3]);
    let input = Input::Datagram { link: common::LINK, source: from(3), unicast: false, bytes: &bytes };
    let found = lan.hosts[0].mdns.step(lan.now, input).filter(|o| matches!(o, Output::Found(_))).count();
    assert_eq!((found, lan.hosts[0].mdns.counts().malformed), (1, 0));
}

// proves: MDNS-MALFORMED
#[test]
fn malformed_messages_are_counted_and_nothing_else() {
    let mut lan = settled(21);
    let whole = station(&desk(), "a", 1, "a.local", address(3).into(), true).encode();
    let looping = [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12][..], &[0; 10]].concat();
    let counted = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    // Cut off before its first record is whole; of a longer piece something is left.
    let mut all: Vec<Vec<u8>> = (0..40).map(|n| whole[..n].to_vec()).collect();
    all.extend([looping, counted.to_vec(), vec![0; 9001]]);
    let count = all.len() as u64;
    let before = lan.hosts[0].mdns.counts().malformed;
    for bytes in all {
        let input = Input::Datagram { link: common::LINK, source: from(3), unicast: false, bytes: &bytes };
        assert_eq!(lan.hosts[0].mdns.step(lan.now, input).count(), 0);
    }
    assert_eq!(lan.hosts[0].mdns.counts().malformed - before, count);
}
