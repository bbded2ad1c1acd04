use std::time::Duration;

use lan_sim::{Break, Chance, Effect, Event, Fault, FaultKind, HostId, LinkTrouble, World};

use crate::probe::{Probe, dial, link, pair, settings, write};

fn breaks(world: &World<Probe>, host: HostId) -> Vec<Break> {
    let broken = world.node(host).unwrap().log.iter().filter_map(|(_, event)| match event {
        Event::Broken { why, .. } => Some(*why),
        _ => None,
    });
    broken.collect()
}

#[test]
fn a_reset_link_breaks_for_both_and_only_the_first_bytes_arrive() {
    for keep in [0, 1, 7, 100] {
        let (mut world, a, b) = pair(settings(1));
        let (near, far) = link(&mut world, a, b);
        write(&mut world, a, near, b"0123456789");
        assert!(world.inject(&Fault::Reset { host: b, nth: 5, keep }));
        write(&mut world, a, near, b"never seen");
        world.run_for(Duration::from_secs(1));
        let expected = "0123456789".split_at(usize::try_from(keep.min(10)).unwrap()).0;
        assert_eq!(world.node(b).unwrap().text(far), expected, "keep {keep}");
        assert_eq!((breaks(&world, a), breaks(&world, b)), (vec![Break::Reset], vec![Break::Reset]));
        assert_eq!(world.links(), 0);
        assert_eq!(world.counts().of(FaultKind::Reset), 1);
    }
}

#[test]
fn a_fault_without_anything_to_break_is_not_counted() {
    let (mut world, a, _) = pair(settings(1));
    assert!(!world.inject(&Fault::Reset { host: a, nth: 0, keep: 0 }));
    assert!(!world.inject(&Fault::Pause { host: HostId(99), span: Duration::from_secs(1) }));
    assert_eq!(world.counts().total(), 0);
}

#[test]
fn breaking_links_lose_a_tail_and_never_anything_before_it() {
    let text: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut settings = settings(seed);
        settings.link.reset = Chance::percent(10);
        let (mut world, a, b) = pair(settings);
        let (near, far) = link(&mut world, a, b);
        for piece in text.chunks(100) {
            let _ = world.with(a, |_, net| net.write(near, piece)).unwrap();
        }
        world.run_for(Duration::from_secs(5));
        let got = world.node(b).unwrap().got.get(&far).map(|got| got.to_bytes()).unwrap_or_default();
        assert!(text.starts_with(&got), "seed {seed}");
        let broke = got.len() < text.len();
        assert_eq!(breaks(&world, a).len(), usize::from(broke), "seed {seed}");
        assert_eq!(breaks(&world, b).len(), usize::from(broke), "seed {seed}");
        assert_eq!(world.counts().effects(Effect::LinkBroken), u64::from(broke), "seed {seed}");
        lengths.insert(got.len());
    }
    assert!(lengths.iter().filter(|length| *length % 100 != 0).count() > 50, "breaks anywhere: {lengths:?}");
}

#[test]
fn a_silent_link_stays_open_until_the_writer_gives_up() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&Fault::Silence { host: a, nth: 0 }));
    write(&mut world, a, near, b"hello?");
    world.run_for(Duration::from_secs(59));
    assert_eq!((breaks(&world, a), breaks(&world, b)), (vec![], vec![]));
    world.run_for(Duration::from_secs(2));
    assert_eq!((breaks(&world, a), breaks(&world, b)), (vec![Break::TimedOut], vec![]));
    assert_eq!(world.conns(b), [far], "the other side never hears");
    assert_eq!(world.node(b).unwrap().text(far), "");
}

#[test]
fn a_half_open_end_finds_out_when_it_writes() {
    let (mut world, a, b) = pair(settings(1));
    let (_, far) = link(&mut world, a, b);
    assert!(world.inject(&Fault::HalfOpen { host: a, nth: 0 }));
    world.run_for(Duration::from_mins(10));
    assert_eq!((breaks(&world, a), breaks(&world, b)), (vec![Break::Reset], vec![]));
    write(&mut world, b, far, b"still there?");
    world.run_for(Duration::from_secs(1));
    assert_eq!(breaks(&world, b), [Break::Reset]);
    assert_eq!(world.links(), 0);
}

#[test]
fn a_stalled_link_delivers_everything_afterwards() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&Fault::Stall { host: b, nth: 0, span: Duration::from_secs(20) }));
    write(&mut world, a, near, b"late");
    world.run_for(Duration::from_secs(19));
    assert_eq!(world.node(b).unwrap().text(far), "");
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.node(b).unwrap().text(far), "late");
}

#[test]
fn an_aborted_link_loses_a_tail_at_most_and_resets() {
    let mut whole = 0;
    for seed in 0..40 {
        let (mut world, a, b) = pair(settings(seed));
        let (near, far) = link(&mut world, a, b);
        write(&mut world, a, near, b"0123456789");
        world.with(a, |_, net| net.abort(near)).unwrap();
        world.run_for(Duration::from_secs(1));
        let got = world.node(b).unwrap().text(far);
        assert!("0123456789".starts_with(&got), "seed {seed}: {got}");
        whole += usize::from(got.len() == 10);
        assert_eq!(breaks(&world, b), [Break::Reset], "seed {seed}");
        assert_eq!(world.links(), 0, "seed {seed}");
    }
    assert!((15..35).contains(&whole), "everything arrives in {whole} of 40");
}

#[test]
fn a_tiny_window_is_no_dead_end_and_its_end_frees_the_writer() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    world.with(b, |probe, _| probe.lazy = true).unwrap();
    let trouble = LinkTrouble::TinyWindow;
    assert!(world.inject(&Fault::Trouble { host: b, trouble, span: Duration::from_secs(10) }));
    assert_eq!(write(&mut world, a, near, &[1; 100]), 16);
    world.run_for(Duration::from_secs(9));
    assert_eq!(write(&mut world, a, near, &[1; 84]), 0);
    world.run_for(Duration::from_secs(2));
    let writable = world.node(a).unwrap().happened(|event| matches!(event, Event::Writable { .. }));
    assert_eq!(writable.len(), 1, "the larger window is told");
    assert_eq!(write(&mut world, a, near, &[1; 84]), 84);
    world.run_for(Duration::from_secs(1));
    world.with(b, |probe, net| probe.read_all(far, net)).unwrap();
    assert_eq!(world.node(b).unwrap().got[&far].len(), 100);
}

#[test]
fn silencing_trouble_counts_and_lets_dials_through() {
    let (mut world, a, b) = pair(settings(3));
    let trouble = LinkTrouble::Silencing;
    assert!(world.inject(&Fault::Trouble { host: a, trouble, span: Duration::from_mins(9) }));
    for _ in 0..200 {
        dial(&mut world, a, b);
    }
    world.run_for(Duration::from_secs(1));
    let ends = world.conns(a).to_vec();
    assert_eq!(ends.len(), 200);
    for conn in ends {
        write(&mut world, a, conn, b"x");
    }
    world.run_for(Duration::from_mins(2));
    let silenced = world.counts().effects(Effect::LinkSilenced);
    assert!((1..20).contains(&silenced), "{silenced} of 200 fell silent");
    assert_eq!(breaks(&world, a).len() as u64, silenced);
}
