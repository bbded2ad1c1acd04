//! Whether the interfaces that `--interface` names are there. What is misspelled would be silence otherwise: a station that nobody sees.

use std::net::IpAddr;

use crate::failure::Failure;
use crate::show;

/// An address of an interface of this host.
#[derive(Debug)]
struct Found {
    name: String,
    ip: IpAddr,
    loopback: bool,
}

/// Refuses what is not there, with a list of what is. An interface that is there and has no address yet is waited for, and that is said; a
/// command that runs until it is stopped (`lasting`) waits for one that is not there, too.
///
/// # Errors
/// Wrong use.
// req: DIS-INTERFACE-NAMED
pub(crate) fn check(wished: &[String], lasting: bool) -> Result<(), Failure> {
    if wished.is_empty() {
        return Ok(());
    }
    // A system that does not list them does not let us judge either.
    let Ok(found) = if_addrs::get_if_addrs() else { return Ok(()) };
    let found: Vec<Found> = found
        .into_iter()
        .map(|one| Found { ip: one.ip(), loopback: one.is_loopback(), name: one.name })
        .collect();
    for text in wished {
        match judge(text, &found, &without_address()) {
            Ok(Judged::There) => {}
            Ok(Judged::Waits(note)) => show::note(&note),
            Ok(Judged::NotThere(words)) if lasting => {
                show::note(&format!("{words}; it is used as soon as it is there"));
            }
            Ok(Judged::NotThere(words)) | Err(words) => return Err(Failure::usage(words)),
        }
    }
    Ok(())
}

/// What is to be said of an interface that is wished for.
#[derive(Debug, PartialEq)]
enum Judged {
    There,
    Waits(String),
    NotThere(String),
}

/// Why it can never be used is an error.
fn judge(text: &str, found: &[Found], without_address: &[String]) -> Result<Judged, String> {
    if text == LOOPBACK {
        return Ok(Judged::There);
    }
    let words = |why: &str| format!("{why}; there are {}", listed(found));
    let not_there = |why: &str| Ok(Judged::NotThere(words(why)));
    let Ok(ip) = text.parse::<IpAddr>() else {
        return if found.iter().any(|one| one.name == text) {
            Ok(Judged::There)
        } else if without_address.iter().any(|name| name == text) {
            Ok(Judged::Waits(format!(
                "the interface {} has no address yet; it is used as soon as it has one",
                show::tame(text)
            )))
        } else {
            not_there(&format!("no interface has the name or address {}", show::tame(text)))
        };
    };
    let Some(known) = found.iter().find(|one| one.ip == ip) else {
        return not_there(&format!("no interface has the address {ip}"));
    };
    let twice = known.loopback && ip.is_ipv6() && found.iter().any(|one| one.loopback && one.ip.is_ipv4());
    if twice {
        return Err(words(&format!(
            "{ip} is not used: on this machine alone discovery speaks IPv4, take lo"
        )));
    }
    Ok(Judged::There)
}

fn listed(found: &[Found]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for one in found {
        if !names.contains(&one.name.as_str()) {
            names.push(&one.name);
        }
    }
    let of = |name: &str| {
        let all = found.iter().filter(|one| one.name == name).map(|one| one.ip.to_string());
        format!("{} ({})", show::tame(name), all.collect::<Vec<_>>().join(", "))
    };
    if names.is_empty() {
        return "none with an address".to_owned();
    }
    names.into_iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Interfaces that are there without an address, where the system tells: the cable is out, or nobody has given it one yet.
fn without_address() -> Vec<String> {
    let Ok(all) = std::fs::read_dir("/sys/class/net") else { return Vec::new() };
    all.flatten().filter_map(|one| one.file_name().into_string().ok()).collect()
}

/// This machine alone, on all systems.
const LOOPBACK: &str = "lo";

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Vec<Found> {
        let found = |name: &str, ip: &str, loopback| Found {
            name: name.to_owned(),
            ip: ip.parse().unwrap(),
            loopback,
        };
        vec![
            found("lo", "127.0.0.1", true),
            found("lo", "::1", true),
            found("eth0", "10.0.0.1", false),
            found("eth0", "fe80::1", false),
        ]
    }

    fn judge_among(found: &[Found], text: &str) -> Result<Judged, String> {
        judge(text, found, &[])
    }

    // proves: DIS-INTERFACE-NAMED
    #[test]
    fn what_is_not_there_is_told_with_a_list_of_what_is() {
        let without = vec!["wlan0".to_owned()];
        let found = host();
        let judge = |text: &str| judge(text, &found, &without);
        for there in ["lo", "eth0", "10.0.0.1", "fe80::1", "127.0.0.1"] {
            assert_eq!(judge(there), Ok(Judged::There), "{there}");
        }
        assert!(matches!(judge("wlan0"), Ok(Judged::Waits(words)) if words.contains("no address yet")));
        for (odd, why) in [
            ("eth9", "no interface has the name or address eth9"),
            ("Eth0", "no interface has the name or address Eth0"),
            ("", "no interface has the name or address"),
            ("10.0.0.9", "no interface has the address 10.0.0.9"),
            ("::1", "take lo"),
        ] {
            let refused = match judge(odd) {
                Ok(Judged::NotThere(words)) if odd != "::1" => words,
                Err(words) if odd == "::1" => words,
                other => panic!("{odd}: {other:?}"),
            };
            let list = "there are lo (127.0.0.1, ::1), eth0 (10.0.0.1, fe80::1)";
            assert!(refused.contains(why) && refused.contains(list), "{refused}");
        }
        let without_v4: Vec<Found> = host().into_iter().filter(|one| one.ip.is_ipv6()).collect();
        assert_eq!(judge_among(&without_v4, "::1"), Ok(Judged::There));
    }
}
