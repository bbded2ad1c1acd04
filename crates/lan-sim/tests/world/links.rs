use std::time::Duration;

use lan_sim::{
    Bulk, Content, Event, LinkProfile, Node, Read, Segmentation, SendQueue, Settings, Take, Time, World,
};

use crate::probe::{PORT, Probe, add, address, link, pair, settings, write};

#[test]
fn bytes_arrive_in_order_after_the_delay_and_in_both_directions() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    let start = world.now();
    assert_eq!(write(&mut world, a, near, b"hello "), 6);
    assert_eq!(write(&mut world, a, near, b"world"), 5);
    assert_eq!(write(&mut world, b, far, b"hi"), 2);
    world.run_for(Duration::from_micros(999));
    assert_eq!(world.node(b).unwrap().text(far), "", "nothing arrives before the delay");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(b).unwrap().text(far), "hello world");
    assert_eq!(world.node(a).unwrap().text(near), "hi");
    let arrivals = world.node(b).unwrap().happened(|event| matches!(event, Event::Readable { .. }));
    assert_eq!(arrivals[0], start + Duration::from_millis(1));
}

#[test]
fn any_segmentation_gives_the_same_bytes() {
    let text: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    let mut shapes = std::collections::HashSet::new();
    for seed in 0..200 {
        let segmentation = if seed % 5 == 0 { Segmentation::Bytewise } else { Segmentation::Odd };
        let mut settings = settings(seed);
        settings.link = LinkProfile { segmentation, jitter: Duration::from_millis(20), ..settings.link };
        let (mut world, a, b) = pair(settings);
        let (near, far) = link(&mut world, a, b);
        for piece in text.chunks(100) {
            assert_eq!(write(&mut world, a, near, piece), piece.len());
        }
        world.run_for(Duration::from_secs(9));
        let probe = world.node(b).unwrap();
        assert_eq!(probe.got[&far].to_bytes(), text, "seed {seed}");
        shapes.insert(probe.reads.clone());
        if segmentation == Segmentation::Bytewise {
            assert!(probe.reads.iter().filter(|read| **read == 1).count() >= 64 * 30, "seed {seed}");
        }
    }
    assert!(shapes.len() > 100, "seeds cut in different ways, not only in {}", shapes.len());
}

#[test]
fn a_reader_that_leaves_bytes_stops_the_writer_until_it_reads() {
    let mut settings = settings(1);
    settings.link.window = 1_000;
    let (mut world, a, b) = pair(settings);
    let (near, far) = link(&mut world, a, b);
    world.with(b, |probe, _| probe.lazy = true).unwrap();
    assert_eq!(write(&mut world, a, near, &[1; 700]), 700);
    assert_eq!(write(&mut world, a, near, &[2; 700]), 300, "the window takes a part");
    assert_eq!(write(&mut world, a, near, &[2; 400]), 0);
    world.run_for(Duration::from_secs(60));
    let told = |world: &World<Probe>| {
        world.node(a).unwrap().happened(|event| matches!(event, Event::Writable { .. })).len()
    };
    assert_eq!(told(&world), 0, "nobody read");
    let read = |world: &mut World<Probe>, most| {
        world.with(b, |_, net| net.read(far, &mut Vec::new(), most)).unwrap()
    };
    assert_eq!(read(&mut world, 100), Read::Bytes(100));
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&world), 0, "a little room is not worth a word");
    assert_eq!(read(&mut world, 5_000), Read::Bytes(900));
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&world), 1);
    assert_eq!(write(&mut world, a, near, &[2; 400]), 400);
}

#[test]
fn the_rate_bounds_how_fast_bytes_arrive() {
    let mut settings = settings(1);
    settings.link.bytes_per_second = Some(10_000);
    let (mut world, a, b) = pair(settings);
    let (near, far) = link(&mut world, a, b);
    for _ in 0..50 {
        assert_eq!(write(&mut world, a, near, &[7; 1_000]), 1_000);
    }
    world.run_for(Duration::from_secs(2));
    let got = world.node(b).unwrap().got[&far].len();
    assert!((19_000..=20_000).contains(&got), "{got} bytes after two seconds");
    world.run_for(Duration::from_millis(3_002));
    assert_eq!(world.node(b).unwrap().got[&far].len(), 50_000);
}

#[test]
fn links_overtake_each_other_but_never_themselves() {
    let mut overtaken = 0;
    for seed in 0..50 {
        let mut settings = settings(seed);
        settings.link.jitter = Duration::from_millis(50);
        let (mut world, a, b) = pair(settings);
        let (first, first_far) = link(&mut world, a, b);
        let (second, second_far) = link(&mut world, a, b);
        for n in 0..20 {
            write(&mut world, a, first, &[n]);
            write(&mut world, a, second, &[n]);
        }
        world.run_for(Duration::from_secs(2));
        let probe = world.node(b).unwrap();
        assert_eq!(probe.got[&first_far].to_bytes(), (0..20).collect::<Vec<u8>>(), "seed {seed}");
        assert_eq!(probe.got[&second_far].to_bytes(), (0..20).collect::<Vec<u8>>(), "seed {seed}");
        let order = probe.log.iter().find_map(|(_, event)| match event {
            Event::Readable { conn } => Some(*conn),
            _ => None,
        });
        overtaken += usize::from(order == Some(second_far));
    }
    assert!((10..40).contains(&overtaken), "the later write arrives first in {overtaken} of 50");
}

#[test]
fn a_direction_that_is_finished_ends_while_the_other_goes_on() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    write(&mut world, a, near, b"last words");
    world.with(a, |_, net| net.finish(near)).unwrap();
    assert!(world.with(a, |_, net| net.write(near, b"more")).unwrap().is_err());
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(b).unwrap().text(far), "last words");
    assert_eq!(world.node(b).unwrap().ended, [far]);
    write(&mut world, b, far, b"answer");
    world.with(b, |_, net| net.close(far)).unwrap();
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(a).unwrap().text(near), "answer");
    assert_eq!(world.node(a).unwrap().ended, [near]);
    assert_eq!(world.links(), 1, "one end is still held");
    world.with(a, |_, net| net.close(near)).unwrap();
    assert_eq!((world.links(), world.conns(a).len(), world.conns(b).len()), (0, 0, 0));
    assert_eq!(world.with(a, |_, net| net.read(near, &mut Vec::new(), 9)).unwrap(), Read::Gone);
}

#[test]
fn closing_over_unread_bytes_resets_and_writing_to_a_closed_end_is_answered_by_a_reset() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    world.with(b, |probe, _| probe.lazy = true).unwrap();
    write(&mut world, a, near, b"unread");
    world.run_for(Duration::from_secs(1));
    world.with(b, |_, net| net.close(far)).unwrap();
    world.run_for(Duration::from_secs(1));
    let broken = |event: &Event| matches!(event, Event::Broken { .. });
    assert_eq!(world.node(a).unwrap().happened(broken).len(), 1);

    let (near, far) = link(&mut world, a, b);
    world.with(b, |_, net| net.close(far)).unwrap();
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(a).unwrap().ended, [near], "a polite end");
    write(&mut world, a, near, b"too late");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(a).unwrap().happened(broken).len(), 2);
    assert_eq!(world.links(), 0);
}

#[test]
fn four_gib_flow_as_lengths() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    let file = Bulk::new(11, 4 << 30);
    let mut queue = SendQueue::new();
    queue.push(*b"header");
    queue.push_bulk(file);
    queue.push(*b"trailer");
    queue.finish();
    world.with(b, |probe, _| probe.takes = true).unwrap();
    assert_eq!(queue.len(), (4 << 30) + 13);
    let before = world.actions();
    let mut seen = 0;
    while !world.with(a, |_, net| queue.flush(near, net)).unwrap().unwrap() {
        assert!(world.run_until_true(Duration::from_secs(9), |world| {
            world.node(a).unwrap().happened(|event| matches!(event, Event::Writable { .. })).len() > seen
        }));
        seen += 1;
    }
    world.run_for(Duration::from_secs(9));
    let mut expected = Content::from(&b"header"[..]);
    expected.push_bulk(file);
    expected.push_bytes(b"trailer");
    assert_eq!(world.node(b).unwrap().got[&far], expected);
    assert_eq!(world.node(b).unwrap().ended, [far]);
    assert!(world.actions() - before < 2_000, "{} steps for 4 GiB", world.actions() - before);
}

#[test]
fn a_queue_that_is_to_close_closes_when_everything_is_out_and_everything_arrives() {
    let mut settings = settings(1);
    settings.link.window = 10;
    let (mut world, a, b) = pair(settings);
    let (near, far) = link(&mut world, a, b);
    let mut queue = SendQueue::new();
    queue.push(*b"seventeen bytes, ");
    queue.push(*b"and some more");
    queue.close();
    while !world.with(a, |_, net| queue.flush(near, net)).unwrap().unwrap() {
        assert_eq!(world.conns(a), [near]);
        world.run_for(Duration::from_millis(10));
    }
    assert!(world.conns(a).is_empty() && queue.is_empty());
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(b).unwrap().text(far), "seventeen bytes, and some more");
    assert_eq!(world.node(b).unwrap().ended, [far]);
    assert!(world.with(a, |_, net| queue.flush(near, net)).unwrap().is_ok(), "nothing is left to write");
}

#[test]
fn who_reads_bytes_gets_those_of_bulk() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    let file = Bulk::new(5, 100_000);
    world.with(a, |_, net| net.write_bulk(near, file)).unwrap().unwrap();
    world.run_for(Duration::from_secs(1));
    let probe = world.node(b).unwrap();
    assert_eq!(probe.reads, [65_536, 34_464], "a read is as long as its buffer");
    assert_eq!(probe.got[&far].to_bytes(), Content::from(file).to_bytes());
}

/// Sends on every wake-up and asks for the next one: what a node with timers looks like.
struct Ticker {
    to: std::net::SocketAddr,
    next: Time,
    sent: u32,
}

impl Node for Ticker {
    fn handle(&mut self, event: Event, net: &mut lan_sim::HostCtx<'_>) {
        match event {
            Event::Wake => {
                net.dial(self.to);
                self.next = net.now() + Duration::from_secs(1);
            }
            Event::Connected { conn } => {
                net.write(conn, b"tick").unwrap();
                net.close(conn);
                self.sent += 1;
            }
            Event::Readable { conn } => {
                while let Take::Payload(_) = net.take(conn, 100) {}
                net.close(conn);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        Some(self.next)
    }
}

#[test]
fn links_that_come_and_go_leave_nothing_behind() {
    let mut world: World<Box<dyn Node>> = World::new(Settings::new(3));
    let mut to = None;
    for name in ["a", "b", "c"] {
        world.add_host(lan_sim::HostSpec::new(name), move |net| {
            net.listen(PORT).unwrap();
            let to = to.unwrap_or_else(|| std::net::SocketAddr::new(net.addresses()[0], PORT));
            Box::new(Ticker { to, next: net.now(), sent: 0 })
        });
        to = Some(std::net::SocketAddr::from(([10, 0, 0, 1], PORT)));
    }
    world.run_for(Duration::from_mins(10));
    assert!(world.links() <= 3, "{} links are left", world.links());
    assert!(world.queued() < 20, "{} entries are left in the queue", world.queued());
    assert_eq!(world.spins(), 0);
}

#[test]
fn a_host_can_dial_itself() {
    let mut world = World::new(settings(1));
    let a = add(&mut world, "a");
    for to in [address(&mut world, a), ([127, 0, 0, 1], PORT).into()] {
        let near = world.with(a, |_, net| net.dial(to)).unwrap();
        world.run_for(Duration::from_secs(1));
        let far = *world.node(a).unwrap().accepted().last().unwrap();
        write(&mut world, a, near, b"me");
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.node(a).unwrap().text(far), "me");
    }
}
