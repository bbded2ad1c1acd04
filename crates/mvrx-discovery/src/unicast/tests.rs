use std::collections::HashMap;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

/// A DNS of a few records.
#[derive(Default)]
struct Zone {
    records: HashMap<(Name, Question), Vec<Answer>>,
    asked: Mutex<Vec<(String, Question)>>,
    broken: Option<String>,
    silent: bool,
}

fn dns_name(text: &str) -> Name {
    Name::from_labels(name::labels(text).unwrap()).unwrap()
}

impl Zone {
    fn add(mut self, owner: &str, question: Question, answer: Answer) -> Self {
        self.records.entry((dns_name(owner), question)).or_default().push(answer);
        self
    }

    fn ptr(self, owner: &str, to: &str) -> Self {
        self.add(owner, Question::Instances, Answer::Ptr(dns_name(to)))
    }

    fn srv(self, owner: &str, priority: u16, weight: u16, port: u16, to: &str) -> Self {
        let target = if to == "." { Name::from_labels::<&[u8]>([]).unwrap() } else { dns_name(to) };
        self.add(owner, Question::Service, Answer::Srv { priority, weight, port, target })
    }

    fn txt(self, owner: &str, strings: &[&str]) -> Self {
        let strings = strings.iter().map(|string| string.as_bytes().to_vec()).collect();
        self.add(owner, Question::Text, Answer::Txt(strings))
    }

    fn at(self, host: &str, ip: &str) -> Self {
        match ip.parse().unwrap() {
            IpAddr::V4(v4) => self.add(host, Question::AddressV4, Answer::A(v4)),
            IpAddr::V6(v6) => self.add(host, Question::AddressV6, Answer::Aaaa(v6)),
        }
    }

    async fn find(&self, text: &str) -> Result<Vec<ServicePlace>, ResolveError> {
        resolve(self, &text.parse().unwrap(), &UnicastLimits::default(), |_| 0).await
    }

    async fn urls(&self, text: &str) -> Vec<String> {
        self.find(text).await.unwrap().iter().map(ServicePlace::url).collect()
    }
}

impl Dns for Zone {
    fn ask<'a>(&'a self, name: &'a Name, question: Question) -> BoxFuture<'a, Result<Vec<Answer>, String>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((text_of(name), question));
            if self.silent {
                std::future::pending::<()>().await;
            }
            match &self.broken {
                Some(why) => Err(why.clone()),
                None => Ok(self.records.get(&(name.clone(), question)).cloned().unwrap_or_default()),
            }
        })
    }
}

const FOH: &str = "FOH desk\\.1.Default._mvrxchange._tcp.venue.example";

fn venue() -> Zone {
    Zone::default()
        .ptr("_mvrxchange._tcp.venue.example", FOH)
        .srv(FOH, 10, 0, 8080, "rack.venue.example")
        .txt(FOH, &["path=/show", "StationName=FOH desk", "StationUUID=4aa291a1-1a62-45fe-aabc-e90e5e2399a8"])
        .at("rack.venue.example", "10.1.2.3")
        .at("rack.venue.example", "fd00::3")
}

// proves: DNS-RESOLVE
#[tokio::test]
async fn a_domain_leads_to_host_port_path_and_addresses() {
    let found = venue().find("venue.example").await.unwrap();
    let expected = ServicePlace {
        secure: false,
        host: "rack.venue.example".into(),
        port: 8080,
        path: "/show".into(),
        addresses: vec!["10.1.2.3:8080".parse().unwrap(), "[fd00::3]:8080".parse().unwrap()],
        name: Some("FOH desk".into()),
        station: "4aa291a1-1a62-45fe-aabc-e90e5e2399a8".parse().ok(),
    };
    assert_eq!(found, [expected]);
    assert_eq!(venue().urls("VENUE.example.").await, ["ws://rack.venue.example:8080/show"]);
}

// proves: DNS-RESOLVE
#[tokio::test]
async fn a_url_without_a_port_is_looked_for_as_a_service_and_its_own_path_counts_more() {
    assert_eq!(venue().urls("wss://venue.example").await, ["wss://rack.venue.example:8080/show"]);
    assert_eq!(
        venue().urls("ws://venue.example/other?x=1").await,
        ["ws://rack.venue.example:8080/other?x=1"]
    );
}

// proves: DNS-RESOLVE
#[tokio::test]
async fn a_url_without_a_service_is_its_host_at_the_schemes_port() {
    let plain = || Zone::default().at("plain.example", "10.0.0.9");
    assert_eq!(plain().urls("ws://plain.example/a").await, ["ws://plain.example:80/a"]);
    assert_eq!(plain().urls("wss://plain.example").await, ["wss://plain.example:443/"]);
    let nothing = ResolveError::NothingFound { name: "plain.example".into() };
    assert_eq!(plain().find("plain.example").await, Err(nothing), "a domain alone has no port");
}

#[tokio::test]
async fn a_port_in_the_url_asks_for_addresses_alone() {
    let zone = venue().at("venue.example", "10.0.0.1");
    assert_eq!(zone.urls("ws://venue.example:4242").await, ["ws://venue.example:4242/"]);
    let asked = zone.asked.lock().unwrap();
    assert!(asked.iter().all(|(_, q)| matches!(q, Question::AddressV4 | Question::AddressV6)), "{asked:?}");
}

#[tokio::test]
async fn an_address_in_the_url_asks_nobody() {
    let zone = Zone { broken: Some("no".into()), ..Zone::default() };
    assert_eq!(zone.urls("ws://10.0.0.1:99/p").await, ["ws://10.0.0.1:99/p"]);
    assert_eq!(zone.urls("ws://[fd00::1]:99").await, ["ws://[fd00::1]:99/"]);
    assert_eq!(zone.urls("wss://[fd00::1]").await, ["wss://[fd00::1]:443/"]);
}

// proves: DNS-RESOLVE
#[tokio::test]
async fn an_instance_or_a_groups_service_may_be_named_itself() {
    let zone = venue().ptr("Default._mvrxchange._tcp.venue.example", FOH);
    for text in [FOH, "Default._mvrxchange._tcp.venue.example", "_mvrxchange._tcp.venue.example"] {
        assert_eq!(zone.urls(text).await, ["ws://rack.venue.example:8080/show"], "{text}");
    }
}

#[tokio::test]
async fn a_service_without_instances_is_found_as_well() {
    let zone = Zone::default()
        .srv("_mvrxchange._tcp.old.example", 0, 0, 81, "h.old.example")
        .at("h.old.example", "10.0.0.5");
    let found = zone.find("old.example").await.unwrap();
    assert_eq!((found[0].url().as_str(), found[0].name.as_deref()), ("ws://h.old.example:81/", None));
}

// proves: DNS-ORDER
#[tokio::test]
async fn places_come_by_priority_and_then_as_weights_and_chance_say() {
    let owner = "_mvrxchange._tcp.x.example";
    let mut zone = Zone::default();
    for (priority, weight, port) in [(20, 0, 1), (10, 60, 2), (10, 40, 3), (10, 0, 4)] {
        zone = zone.srv(owner, priority, weight, port, "h.example");
    }
    let zone = zone.at("h.example", "10.0.0.1");
    let service = "x.example".parse().unwrap();
    for (chances, ports) in
        [([0, 0, 0], [4, 2, 3, 1]), ([100, 60, 0], [3, 2, 4, 1]), ([60, 1, 0], [2, 3, 4, 1])]
    {
        let mut chances = chances.into_iter();
        let chance = |most: u32| chances.next().unwrap_or_default().min(most);
        let found = resolve(&zone, &service, &UnicastLimits::default(), chance).await.unwrap();
        assert_eq!(found.iter().map(|place| place.port).collect::<Vec<_>>(), ports);
    }
}

#[tokio::test]
async fn a_host_without_an_address_gives_way_to_the_next_one() {
    let zone = venue().srv(FOH, 1, 0, 1, "gone.venue.example");
    assert_eq!(zone.urls("venue.example").await, ["ws://rack.venue.example:8080/show"]);
    let alone = Zone::default().srv(FOH, 1, 0, 1, "gone.venue.example");
    let error = ResolveError::HostWithoutAddress { host: "gone.venue.example".into() };
    assert_eq!(alone.find(FOH).await, Err(error));
}

#[tokio::test]
async fn a_service_that_is_not_offered_is_told_as_such() {
    let zone = Zone::default().srv("_mvrxchange._tcp.x.example", 0, 0, 1, ".");
    let error = ResolveError::ServiceNotOffered { name: "x.example".into() };
    assert_eq!(zone.find("ws://x.example").await, Err(error));
}

#[tokio::test(start_paused = true)]
async fn a_dns_that_fails_or_is_silent_is_told() {
    let broken = Zone { broken: Some("SERVFAIL".into()), ..Zone::default() };
    let Err(ResolveError::NotAnswered { why, .. }) = broken.find("x.example").await else { panic!() };
    assert_eq!(why, "SERVFAIL");
    let silent = Zone { silent: true, ..Zone::default() };
    assert!(matches!(silent.find("x.example").await, Err(ResolveError::TookTooLong { .. })));
}

// proves: DNS-LIMITS
#[tokio::test]
async fn what_an_answer_makes_us_do_has_limits() {
    let owner = "_mvrxchange._tcp.big.example";
    let mut zone = Zone::default();
    for n in 0..200_u16 {
        let instance = format!("i{n}.{owner}");
        zone = zone.ptr(owner, &instance).srv(&instance, 0, 0, n + 1, "h.example");
        zone = zone.txt(&instance, &[&format!("path=/{}", "x".repeat(usize::from(n) * 2))]);
        zone = zone.at("h.example", &format!("10.0.0.{}", n + 1));
    }
    let found = zone.find("big.example").await.unwrap();
    assert_eq!((found.len(), found[0].addresses.len()), (32, 16));
    assert!(zone.asked.lock().unwrap().len() <= 1 + 32 + 32 * 3);
    let odd = Zone::default().srv(FOH, 0, 0, 1, "h.example").at("h.example", "10.0.0.1");
    for path in [
        "path=show",
        "path=/with blank",
        "path=/\u{fc}",
        "path=/#f",
        "path",
        &format!("path=/{}", "x".repeat(255)),
    ] {
        let zone = Zone { records: odd.records.clone(), ..Zone::default() }.txt(FOH, &[path]);
        assert_eq!(zone.find(FOH).await.unwrap()[0].path, "/", "{path}");
    }
}

#[test]
fn what_is_no_service_name_is_refused_with_the_reason() {
    use ServiceNameError as E;
    let label = "x".repeat(64);
    for (text, error) in [
        ("http://a.example", E::SchemeNotWebSocket),
        ("ws://", E::HostMissing),
        ("", E::HostMissing),
        ("ws://a:0/", E::PortNotANumber),
        ("ws://a:66000/", E::PortNotANumber),
        ("ws://a:+1/", E::PortNotANumber),
        ("ws://me@a/", E::NotAServiceUrl),
        ("ws://a/b c", E::NotAServiceUrl),
        ("ws://a/#f", E::NotAServiceUrl),
        ("ws://[1.2.3.4]/", E::NotADnsName),
        (label.as_str(), E::NotADnsName),
        ("a..b", E::NotADnsName),
    ] {
        assert_eq!(text.parse::<ServiceName>(), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        if let Ok(name) = text.parse::<ServiceName>() {
            prop_assert!(!name.host().is_empty());
        }
    }
}
