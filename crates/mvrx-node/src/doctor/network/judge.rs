//! What was seen, judged.

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{
    BTreeSet, Duration, Look, Report, Seen, Sighting, SocketAddr, StationInfo, by_group, json, shown,
};
use crate::alike::{self, Difference, Lookalikes};
use crate::groups::{self, InUse};
use mvrx_station::Membership;

impl Look<'_> {
    pub(in super::super) async fn judge(&self, seen: &Seen, report: &mut Report) {
        ourselves(seen, report);
        for problem in &seen.problems {
            report.warning(
                "discovery-problem",
                format!("finding others: {}", shown::tame(problem)),
                "see whether the station it names is set up as you mean it; often it goes away by itself",
            );
        }
        let in_use = by_group(seen.sightings.iter().cloned());
        self.groups(&in_use, seen, report);
        self.stations(seen, report);
        self.silent(seen, report).await;
        self.copies(seen, report);
    }

    // req: DIS-GROUPS
    fn groups(&self, in_use: &InUse, seen: &Seen, report: &mut Report) {
        let wanted = self.place.group.as_str();
        let mut facts = Vec::new();
        let alikes = Lookalikes::of(in_use.keys());
        if in_use.len() > GROUPS {
            report.note(format!("{} groups are in use; these are some of them", in_use.len()));
        }
        for (n, (group, stations)) in in_use.iter().enumerate() {
            if n < GROUPS {
                report.note(format!("group {}", groups::line(group, stations, &alikes.find(group))));
            }
            facts.push(json!({ "group": group, "stations": stations.iter().map(|s| &s.station_name).collect::<Vec<_>>() }));
        }
        report.fact("groups", json!(facts));
        let shown = alike::shown(wanted);
        let used = in_use.contains_key(wanted) || seen.stations.iter().any(is_joined);
        let near = near_misses(in_use, wanted, used);
        for (group, stations) in &near {
            let how = Difference::between(wanted, group).map_or("spelling and case count", Difference::words);
            let (marked, who) = (alike::quoted(group), groups::names(stations));
            let (group, shown) = match Difference::between(wanted, group) {
                // That one sees what there is to be seen.
                Some(Difference::Case) | None => (alike::shown(group), shown.clone()),
                Some(_) => (marked.clone(), alike::quoted(wanted)),
            };
            let advice = format!("{how}: take --group {marked} here, or set {shown} there");
            if used {
                let text = format!(
                    "besides the group {shown} there is the group {group}, easily taken for it: {who}"
                );
                report.warning("group-near-miss", text, advice);
            } else {
                let text = format!(
                    "you look in the group {shown}, nobody is there; they are in the group {group}: {who}"
                );
                report.problem("group-near-miss", text, advice);
            }
        }
        if near.is_empty() && !used {
            let others: Vec<String> = in_use.keys().map(|group| alike::shown(group)).collect();
            let (text, advice) = if others.is_empty() {
                let advice = "start a station there; see that both are in one network (no guest Wi-Fi, no other VLAN), that switches and \
                    access points pass multicast on, and that firewalls allow UDP 5353 and TCP 42424; --peer IP:PORT finds one without multicast";
                (
                    format!("no station of any group was seen within {} s", self.wait.as_secs_f64()),
                    advice.to_owned(),
                )
            } else {
                let advice = format!("take one of these with --group, or set {shown} there");
                (format!("nobody is in the group {shown}; in use: {}", others.join(", ")), advice)
            };
            report.problem("nobody-in-group", text, advice);
        } else if used && self.only_ourselves(in_use.get(wanted), seen) {
            report.warning(
                "only-ourselves",
                format!("in the group {shown} there is only the station of this user on this machine"),
                "start the other station; see that both are in one network and that firewalls allow UDP 5353 and TCP 42424",
            );
        }
    }

    fn only_ourselves(&self, sighted: Option<&Vec<Sighting>>, seen: &Seen) -> bool {
        let ids = seen.stations.iter().map(|s| Some(s.station));
        let all: BTreeSet<_> = ids.chain(sighted.into_iter().flatten().map(|s| s.station)).collect();
        let [Some(one)] = all.iter().collect::<Vec<_>>()[..] else { return false };
        self.own.iter().any(|own| own.station == *one)
    }

    fn stations(&self, seen: &Seen, report: &mut Report) {
        let mut facts = Vec::new();
        for info in &seen.stations {
            let why = seen.why.get(&info.station);
            let mut fact = shown::station_json(info, &[]);
            if let Some(fields) = fact.as_object_mut() {
                fields.remove("files");
                fields.insert("joined".to_owned(), is_joined(info).into());
                fields.insert("reason".to_owned(), json!(why));
            }
            facts.push(fact);
            let who = shown::name(&info.name);
            if is_joined(info) {
                report.well(format!("joined {}", shown::station_line(info)));
                continue;
            }
            let reason = why.cloned().unwrap_or_else(|| reason(info));
            let at = match info.addresses.as_slice() {
                [] => String::new(),
                all => format!(" (at {})", addresses(all)),
            };
            report.problem(
                "station-not-joined",
                format!("{who} is seen but not joined: {reason}{at}"),
                format!(
                    "see whether {who} still runs, and whether a firewall there keeps that TCP port closed"
                ),
            );
        }
        report.fact("stations", json!(facts));
    }

    /// Who was named by address, or announces no StationUUID, and did not answer: no station is known by it.
    async fn silent(&self, seen: &Seen, report: &mut Report) {
        let answers =
            |at: &SocketAddr| seen.stations.iter().any(|s| is_joined(s) && s.addresses.contains(at));
        let mut silent: Vec<(String, Vec<SocketAddr>)> = Vec::new();
        for peer in self.place.peers.iter().filter(|peer| !answers(peer)) {
            silent.push(("the station of --peer".to_owned(), vec![*peer]));
        }
        for sighting in &seen.sightings {
            let ours = sighting.group.as_deref() == Some(self.place.group.as_str());
            let known = sighting.station.is_some_and(|id| seen.stations.iter().any(|s| s.station == id));
            if ours && !known && !sighting.addresses.iter().any(answers) {
                let name = sighting.station_name.as_deref().unwrap_or("a station without a name");
                silent.push((shown::name(name), sighting.addresses.clone()));
            }
        }
        if silent.len() > SILENT {
            report.note(format!("{} stations did not join; these are some of them", silent.len()));
        }
        silent.truncate(SILENT);
        for (who, all) in silent {
            let mut tried = Vec::new();
            for address in all.iter().take(ADDRESSES) {
                tried.push(format!("{address}: {}", knock(*address).await));
            }
            report.problem(
                "station-silent",
                format!("{who} did not join: {}", tried.join("; ")),
                "see whether the address and port are right, the station runs, and no firewall there keeps the TCP port closed",
            );
        }
    }

    /// Our StationUUID at addresses that are not ours, or while none of our stations runs.
    fn copies(&self, seen: &Seen, report: &mut Report) {
        for own in self.own {
            let Some(sighting) = seen.sightings.iter().find(|s| s.station == Some(own.station)) else {
                if own.running {
                    report.note(format!(
                        "a station runs in {}; it was not seen on the chosen interfaces",
                        own.directory.display()
                    ));
                }
                continue;
            };
            let ours = |at: &SocketAddr| {
                at.ip().is_loopback() || self.cards.iter().any(|c| c.addresses.contains(&at.ip()))
            };
            let elsewhere: Vec<SocketAddr> =
                sighting.addresses.iter().filter(|at| !own.running || !ours(at)).copied().collect();
            if !elsewhere.is_empty() {
                report.problem(
                    "same-station-uuid",
                    format!("another station has the StationUUID of ours in {}: at {}", own.directory.display(), addresses(&elsewhere)),
                    "one data directory was copied: on one of the machines move the file station-uuid away, then start it again",
                );
            }
        }
    }
}

fn ourselves(seen: &Seen, report: &mut Report) {
    let after = seen.ourselves.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    report.fact("own_announcement", json!({ "seen": after.is_some(), "after_ms": after }));
    match after {
        Some(after) => report.well(format!("our own announcement is seen, after {after} ms")),
        None => report.problem(
            "own-announcement-not-seen",
            "our own announcement is not seen by ourselves, so others do not see it either",
            "look at the findings about interfaces, the UDP port and multicast; they come first",
        ),
    }
}

/// Groups that a person may have meant: the same but for case and signs, and one slip of the pen where nobody is in the wanted one.
fn near_misses<'a>(in_use: &'a InUse, wanted: &str, used: bool) -> Vec<(&'a String, &'a Vec<Sighting>)> {
    let alike = groups::alike(in_use, wanted);
    let near =
        |group: &String| group != wanted && (alike.contains(group) || (!used && is_a_slip(group, wanted)));
    in_use.iter().filter(|(group, _)| near(group)).collect()
}

/// One letter too many, too few, another, or two exchanged, whatever their case. Of short names and of numbers every letter counts.
fn is_a_slip(a: &str, b: &str) -> bool {
    let fold = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let (a, b) = (fold(a), fold(b));
    if a.len().min(b.len()) < SHORT {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let rest = |text: &[char], from: usize| text.get(same + from..).unwrap_or_default().to_vec();
    let (x, y) = (rest(&a, 0), rest(&b, 0));
    let numbers = [x.first(), y.first()].into_iter().flatten().any(|c| c.is_numeric());
    let exchanged = x.len() >= 2 && y.len() >= 2 && x.first() == y.get(1) && x.get(1) == y.first();
    !numbers
        && (rest(&a, 1) == rest(&b, 1)
            || rest(&a, 1) == y
            || x == rest(&b, 1)
            || (exchanged && rest(&a, 2) == rest(&b, 2)))
}

fn is_joined(info: &StationInfo) -> bool {
    info.membership == Membership::Member && info.reachable
}

/// Where no event said more.
fn reason(info: &StationInfo) -> String {
    let words = match (info.membership, info.reachable) {
        (_, false) => "it does not answer",
        (Membership::Refused, true) => "it refuses us",
        (Membership::Left, true) => "it left the group",
        _ => "it has not answered yet; more time (--wait) may help",
    };
    words.to_owned()
}

fn addresses(all: &[SocketAddr]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What happens when one connects.
async fn knock(address: SocketAddr) -> String {
    match timeout(KNOCK, TcpStream::connect(address)).await {
        Ok(Ok(_)) => "takes connections, but did not answer as a station does".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s; a firewall may drop it", KNOCK.as_secs()),
    }
}

/// Names of fewer letters are not compared letter by letter.
const SHORT: usize = 4;

/// Groups that are told one by one.
const GROUPS: usize = 64;

/// How many silent stations are looked at, and how many addresses of each.
const SILENT: usize = 4;
const ADDRESSES: usize = 3;

const KNOCK: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter() {
        for (a, b) in [
            ("Default", "Defualt"),
            ("Default", "Defaul"),
            ("Default", "Defaults"),
            ("Default", "Defautt"),
            ("TOUR", "tours"),
        ] {
            assert!(is_a_slip(a, b) && is_a_slip(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("Default", "Club"),
            ("Tour 2026", "Tour 2027"),
            ("A", "B"),
            ("Tour", "Tower"),
            ("Default", "Defuatl"),
        ] {
            assert!(!is_a_slip(a, b) && !is_a_slip(b, a), "{a} {b}");
        }
    }

    #[test]
    fn groups_that_differ_in_case_are_told_even_when_the_wanted_one_is_in_use() {
        let in_use: InUse =
            ["Tour", "tour", "Tours", "Club"].map(|group| (group.to_owned(), Vec::new())).into();
        let near = |wanted, used| {
            near_misses(&in_use, wanted, used).iter().map(|(g, _)| g.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(near("Tour", true), ["tour"]);
        assert_eq!(near("TOUR", false), ["Tour", "Tours", "tour"]);
        assert_eq!(near("Hall", false), Vec::<&str>::new());
    }
}
