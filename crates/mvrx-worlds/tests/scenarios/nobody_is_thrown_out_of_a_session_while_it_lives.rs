//! Aim: who joins a session under the StationUUID of a station that is there does not throw it out from another machine, and gets its place
//! when the station's machine is dead.

use lan_sim::{Crash, DiskFate, Fault, HostId, HostSpec, LinkProfile, World};
use mvrx_core::host::Host;
use mvrx_worlds::{Node, Plan, Poser};

use crate::seconds;

const RACK: HostId = HostId(0);

fn rack(world: &World<Node>) -> &Host {
    world.node(RACK).and_then(Node::rack).expect("the host runs").host()
}

fn poser(world: &World<Node>, host: HostId) -> &Poser {
    world.node(host).and_then(Node::poser).expect("somebody")
}

#[test]
fn nobody_is_thrown_out_of_a_session_while_it_lives() {
    let (mut world, _ledger) = Plan::new(1).stations(3).session().calm().world();
    let spec = HostSpec::new("somebody").profile(LinkProfile::lan());
    let somebody = world.add_host(spec, |_| Node::Poser(Box::default()));
    world.run_for(seconds(20));
    let present: Vec<_> = rack(&world).stations().map(|view| (view.station, view.address)).collect();
    assert_eq!(present.len(), 3);
    let pose = |world: &mut World<Node>, station| {
        world.with(somebody, |node, net| match node {
            Node::Poser(poser) => poser.pose(station, net),
            other => panic!("{other:?}"),
        });
    };
    for round in 0..10 {
        for (station, _) in &present {
            pose(&mut world, *station);
            world.run_for(seconds(1));
            assert_eq!(poser(&world, somebody).told().last(), Some(&false), "round {round}");
            assert!(!poser(&world, somebody).is_connected(), "round {round}");
        }
    }
    assert_eq!(poser(&world, somebody).told().len(), 30);
    let now: Vec<_> = rack(&world).stations().map(|view| (view.station, view.address)).collect();
    assert_eq!(now, present);

    // Its machine is without power: nobody says so to the host.
    let how = Crash::Power;
    let station = world.node(HostId(1)).and_then(Node::station).unwrap().core().config().station;
    assert!(world.inject(&Fault::Crash { host: HostId(1), how, down: None, disk: DiskFate::Kept }));
    pose(&mut world, station);
    world.run_for(seconds(1));
    assert_eq!(poser(&world, somebody).told().len(), 30, "it is not known yet");
    assert_eq!(rack(&world).holdings().waiting, 1);
    world.run_for(seconds(2));
    assert_eq!(poser(&world, somebody).told().last(), Some(&true));
}
