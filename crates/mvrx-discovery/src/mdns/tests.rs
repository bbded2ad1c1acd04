use std::net::UdpSocket;

use mvrx_message::GroupName;
use tokio::time::timeout;

use super::*;
use crate::battery::advertisement;
use crate::{Discovery, DiscoveryEvent};

fn start() -> MdnsDiscovery {
    // Nobody else had it; from now on it is shared, but not given to anybody who asks for any port.
    let held = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket2::SockRef::from(&held).set_reuse_address(true).unwrap();
    held.connect("127.0.0.1:9").unwrap();
    MdnsDiscovery::start(MdnsOptions::loopback(held.local_addr().unwrap().port())).unwrap()
}

async fn next(discovery: &mut MdnsDiscovery) -> Option<DiscoveryEvent> {
    timeout(Duration::from_secs(30), discovery.next()).await.expect("an event")
}

#[tokio::test]
async fn the_end_of_the_responder_is_told_and_is_the_end() {
    let mut discovery = start();
    discovery.daemon.shutdown().unwrap().recv_async().await.unwrap();
    assert_eq!(next(&mut discovery).await, Some(DiscoveryEvent::Problem(DiscoveryProblem::ResponderStopped)));
    assert_eq!(next(&mut discovery).await, None);
    assert_eq!(next(&mut discovery).await, None);
    let refused = discovery.advertise(&advertisement(1, "Desk", "Default"));
    assert_eq!(refused, Err(DiscoveryError::ResponderStopped));
    Box::new(discovery).shutdown().await;
}

#[tokio::test]
async fn what_the_responder_says_only_on_its_monitor_is_told() {
    let mut discovery = start();
    // register() says Ok to a type that the daemon refuses later.
    let txt: &[(&str, &str)] = &[];
    let service_type = format!("{}.{SERVICE_TYPE}", "g".repeat(LONGEST_GROUP_TYPE + 1));
    let refused = mdns_sd::ServiceInfo::new(&service_type, "Desk", "desk.local.", (), 1, txt).unwrap();
    discovery.daemon.register(refused).unwrap();
    let told = next(&mut discovery).await;
    let Some(DiscoveryEvent::Problem(DiscoveryProblem::ResponderError { text })) = told else {
        panic!("{told:?}")
    };
    assert!(text.contains("length"), "{text}");
}

#[tokio::test]
async fn announces_a_second_time_a_second_later() {
    let mut discovery = start();
    // With capitals in its name mdns-sd does not do it by itself.
    discovery.advertise(&advertisement(1, "DESK", "Default")).unwrap();
    let mut told = 0;
    // Two services, each registered twice.
    while told < 4 {
        let metrics = discovery.daemon.get_metrics().unwrap().recv_async().await.unwrap();
        told = metrics.get("register").copied().unwrap_or_default();
        let until = Instant::now() + Duration::from_millis(20);
        while let Ok(event) = tokio::time::timeout_at(until, discovery.next()).await {
            assert!(event.is_some(), "it has ended");
        }
    }
    assert_eq!((told, discovery.announce_again), (4, Repeat::Done));
}

#[tokio::test]
async fn asks_again_when_its_stream_of_events_was_closed() {
    let mut discovery = start();
    // Another browser of the same type takes the place of the first.
    let _thief = discovery.daemon.browse(SERVICE_TYPE).unwrap();
    let mut other = MdnsDiscovery::start(discovery.options.clone()).unwrap();
    other.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    loop {
        tokio::select! {
            _ = other.next() => {}
            event = next(&mut discovery) => {
                if matches!(event, Some(DiscoveryEvent::Sighted(_))) {
                    break;
                }
            }
        }
    }
}

#[test]
fn groups_that_are_part_of_no_type_are_looked_for_under_the_base_type_only() {
    let group = |name: &str| GroupName::join(name).unwrap();
    assert_eq!(group_type(&group("Default")).as_deref(), Some("Default._mvrxchange._tcp.local."));
    assert_eq!(group_type(&group("a.b")), None);
    assert_eq!(group_type(&group("a\\b")), None);
    assert!(announced_group_type(&group(&"g".repeat(LONGEST_GROUP_TYPE))).is_some());
    assert!(announced_group_type(&group(&"g".repeat(LONGEST_GROUP_TYPE + 1))).is_none());
}
