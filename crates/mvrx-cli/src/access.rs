//! Who may come into a session that we host, from which web pages, with how large files; and where it is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_message::StationUuid;
use mvrx_station::{Access, Audit, HostOptions, Origins, Password, Rate};

use crate::args::seconds;
use crate::commands::host::bytes;
use crate::failure::Failure;
use crate::secure;

/// The rules of a session's host.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Rules {
    /// Let in only this station, by its id (may be repeated). Everybody is told the ids: by itself this keeps order, and proves nothing
    #[arg(long, value_name = "UUID")]
    allow: Vec<StationUuid>,
    /// This station may list and fetch, and change nothing (may be repeated)
    #[arg(long, value_name = "UUID")]
    read_only: Vec<StationUuid>,
    /// Let in only the stations in this file, and those of --allow. A line each: the id, then `read-only` or not, then `= PASSWORD` where it
    /// has one of its own, without which nobody is that station; lines with # are comments
    #[arg(long, value_name = "FILE")]
    stations: Option<PathBuf>,
    /// Also let in web pages of this origin, as https://rig.example (may be repeated); otherwise none from elsewhere
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    origin: Vec<String>,
    /// Refuse files above this size, as 500M or 20G
    #[arg(long, value_name = "SIZE", default_value = "16G", value_parser = bytes)]
    largest: u64,
    /// So many messages of one station are read in a second, after four times as many at once; who sends faster waits
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    /// The same of all stations together
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages_all: u32,
    /// So many bytes of one station are read in a second, as 20M, and so many of files are sent to it; who is faster waits. By default as fast
    /// as it can
    #[arg(long, value_name = "SIZE", value_parser = at_least::<100_000>)]
    rate: Option<u64>,
    /// The same of all stations together, which take turns
    #[arg(long, value_name = "SIZE", value_parser = at_least::<1_000_000>)]
    rate_all: Option<u64>,
    /// Of what --keep allows, one station's files take at most this, as 5G; its oldest make room. By default all of it
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    keep_each: Option<u64>,
    /// So many commits of one station are remembered; its oldest make room, with their files
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    commits_each: u16,
    /// So many connections at once; a station of ours has two
    #[arg(long, value_name = "N", default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// The same from one address (of IPv6: from one network of 64 bits)
    #[arg(long, value_name = "N", default_value_t = 160, value_parser = clap::value_parser!(u16).range(1..))]
    connections_each: u16,
    /// Who joins from another address as a station that is here waits so long for a sign of life of that one, takes its place if none comes, and
    /// is refused if one does; 0: takes its place at once
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    sign_of_life: f64,
    /// So many connections may be in their handshake at once; for one more, the oldest of the address that has the most is closed
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=4_096))]
    handshakes: u16,
    /// Write a line of JSON to this file for each join, refusal, commit, request, move and leave; with FILE.1 it takes up to
    /// 32 MiB, and 16 MiB more while FILE.1 is written anew (FILE.new)
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
}

/// Stations of a file.
#[derive(Debug, Default)]
struct Listed {
    stations: BTreeSet<StationUuid>,
    read_only: BTreeSet<StationUuid>,
    own: BTreeMap<StationUuid, Password>,
}

impl Rules {
    // req: QUO-05
    /// The options with these rules. `password`: the session's; `encrypted`: nobody on the way can read what is said.
    pub(crate) fn apply(
        &self,
        options: HostOptions,
        password: Option<&Password>,
        may_be_told: bool,
    ) -> Result<HostOptions, Failure> {
        let listed = self.listed()?;
        if !listed.own.is_empty() && !may_be_told {
            return Err(Failure::usage(
                "everybody on the way could read the stations' passwords at ws://: encrypt the session (--tls), or say \
                 --password-in-the-clear",
            ));
        }
        let stations = self.stations.is_some() || !self.allow.is_empty();
        let mut all = listed.stations;
        all.extend(&self.allow);
        let without = all.iter().find(|station| !listed.own.contains_key(station));
        if let (false, None, Some(without)) = (listed.own.is_empty(), password, without) {
            return Err(Failure::usage(format!(
                "the station {without} has no password, and the session has none for all: it could not come in"
            )));
        }
        let mut read_only = listed.read_only;
        read_only.extend(&self.read_only);
        let origins = self.origin.iter().fold(Origins::default(), |all, origin| all.allow(origin));
        let audit = self.audit.as_deref().map(open).transpose()?;
        let mut options = options
            .own_passwords(listed.own)
            .access(Access { stations: stations.then_some(all), read_only })
            .origins(origins)
            .largest_file(self.largest)
            .audit(audit);
        let messages = |rate: u32| Rate { burst: u64::from(rate) * 4, per_second: rate.into() };
        options.messages_each = messages(self.messages);
        options.messages_in_all = messages(self.messages_all);
        options.bytes_each = self.rate.map(Rate::bytes);
        options.bytes_in_all = self.rate_all.map(Rate::bytes);
        options.limits.kept_bytes_each = self.keep_each.unwrap_or(u64::MAX);
        options.limits.commits_each = self.commits_each.into();
        options.timers.sign_of_life = Duration::from_secs_f64(self.sign_of_life);
        options.transport.handshakes = self.handshakes.into();
        options.transport.connections = self.connections.into();
        options.transport.connections_per_ip = self.connections_each.into();
        options.limits.connections = self.connections.into();
        Ok(options)
    }

    fn listed(&self) -> Result<Listed, Failure> {
        let Some(path) = &self.stations else { return Ok(Listed::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        let listed =
            stations_in(&text).map_err(|what| Failure::usage(format!("{}: {what}", path.display())))?;
        if !listed.own.is_empty() {
            secure::tell_if_others_can_read(path);
        }
        Ok(listed)
    }
}

fn open(path: &Path) -> Result<Audit, Failure> {
    Audit::open(path, Audit::MOST)
        .map_err(|error| Failure::local(format!("cannot write {}: {error}", path.display())))
}

/// A line is told by its number: it may have a password.
fn stations_in(text: &str) -> Result<Listed, String> {
    let mut listed = Listed::default();
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let wrong = |what: &str| format!("line {}: {what}", at + 1);
        let (head, password) = match line.split_once('=') {
            Some((head, password)) => (head.trim(), Some(password.trim())),
            None => (line, None),
        };
        let (station, word) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
        let station: StationUuid = station.parse().map_err(|_| wrong("it begins with no station's id"))?;
        match word.trim() {
            "" => {}
            "read-only" => _ = listed.read_only.insert(station),
            _ => return Err(wrong("between the id and = there may be read-only, and nothing else")),
        }
        if let Some(password) = password {
            let password = Password::new(password).map_err(|error| wrong(&error.to_string()))?;
            listed.own.insert(station, password);
        }
        if !listed.stations.insert(station) {
            return Err(wrong("this station is listed already"));
        }
    }
    Ok(listed)
}

/// A size that is not below `LEAST`: slower, a peer takes a file for stalled.
fn at_least<const LEAST: u64>(text: &str) -> Result<u64, String> {
    let size = bytes(text)?;
    if size >= LEAST { Ok(size) } else { Err(format!("from {LEAST} bytes a second on")) }
}

fn origin(text: &str) -> Result<String, String> {
    let fits = text == "null"
        || text.split_once("://").is_some_and(|(_, host)| !host.trim_end_matches('/').is_empty());
    if fits { Ok(text.to_owned()) } else { Err("a scheme and a host, as https://rig.example".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "4aa291a1-1a62-45fe-aabc-e90e5e2399a8";
    const B: &str = "a7669ff9-bd61-4486-aea6-c190f8ba6b8c";

    #[test]
    // proves: ACC-01, ACC-02, PWD-08
    fn stations_are_read_as_people_write_them() {
        let text =
            format!("\u{feff}# the crew\r\n\n{}  read-only = open = sesame \r\n{B}\n", A.to_uppercase());
        let listed = stations_in(&text).unwrap();
        let (a, b): (StationUuid, StationUuid) = (A.parse().unwrap(), B.parse().unwrap());
        assert_eq!(listed.stations, BTreeSet::from([a, b]));
        assert_eq!(listed.read_only, BTreeSet::from([a]));
        assert_eq!(listed.own.keys().collect::<Vec<_>>(), [&a]);
        assert_eq!(listed.own[&a].for_join(a), Password::new("open = sesame").unwrap().for_join(a));
        assert!(!format!("{listed:?}").contains("sesame"));
        for (wrong, words) in [
            (format!("{A}\nsecret-in-a-wrong-place\n"), "line 2: it begins"),
            (format!("{A} writes"), "line 1: between"),
            (format!("{A} ="), "line 1: a password has"),
            (format!("{A}\n{A} read-only"), "line 2: this station is listed"),
        ] {
            let told = stations_in(&wrong).unwrap_err();
            assert!(told.contains(words) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn who_could_never_come_in_is_told_before_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stations");
        std::fs::write(&path, format!("{A} = one\n{B}\n")).unwrap();
        let rules = Rules { stations: Some(path), ..Rules::default() };
        let apply = |password: Option<&Password>, told| rules.apply(HostOptions::default(), password, told);
        let all = Password::new("all").unwrap();
        assert!(apply(None, true).unwrap_err().words().contains(B));
        assert!(apply(Some(&all), false).unwrap_err().words().contains("--password-in-the-clear"));
        let options = apply(Some(&all), true).unwrap();
        assert_eq!((options.own_passwords.len(), options.access.stations.map(|all| all.len())), (1, Some(2)));
    }

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        rules: Rules,
    }

    fn typed(words: &[&str]) -> Result<HostOptions, String> {
        let typed = <Typed as clap::Parser>::try_parse_from([&["host"], words].concat());
        let rules = typed.map_err(|error| error.to_string())?.rules;
        rules.apply(HostOptions::default(), None, true).map_err(|failure| failure.words().to_owned())
    }

    // proves: QUO-01, QUO-02, QUO-03, QUO-04, QUO-05
    #[test]
    fn quotas_are_what_is_typed_and_by_default_what_the_library_has() {
        let (own, library) = (typed(&[]).unwrap(), HostOptions::default());
        assert_eq!(own.limits.commits_each, library.limits.commits_each);
        assert_eq!(own.limits.kept_bytes_each, library.limits.kept_bytes_each);
        assert_eq!(
            (own.messages_each, own.messages_in_all),
            (library.messages_each, library.messages_in_all)
        );
        assert_eq!((own.bytes_each, own.bytes_in_all), (None, None));
        assert_eq!(own.timers.sign_of_life, library.timers.sign_of_life);
        assert_eq!(own.transport.handshakes, library.transport.handshakes);
        assert_eq!(own.transport.connections, library.transport.connections);
        let words = "--rate 2M --rate-all 20M --keep-each 5G --commits-each 7 --messages 3 --messages-all 9 --handshakes 2 --sign-of-life 0.5";
        let wished = typed(&words.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(wished.bytes_each, Some(Rate::bytes(2_000_000)));
        assert_eq!(wished.bytes_in_all, Some(Rate::bytes(20_000_000)));
        assert_eq!((wished.limits.kept_bytes_each, wished.limits.commits_each), (5_000_000_000, 7));
        assert_eq!(wished.messages_each, Rate { burst: 12, per_second: 3 });
        assert_eq!(wished.messages_in_all, Rate { burst: 36, per_second: 9 });
        assert_eq!(wished.transport.handshakes, 2);
        assert_eq!(wished.timers.sign_of_life, Duration::from_millis(500));
        assert_eq!(typed(&["--sign-of-life", "0"]).unwrap().timers.sign_of_life, Duration::ZERO);
        assert!(typed(&["--rate", "100K"]).is_ok() && typed(&["--rate-all", "1M"]).is_ok());
        for (option, wrong) in [
            ("--rate", "99999"),
            ("--rate-all", "999999"),
            ("--commits-each", "0"),
            ("--commits-each", "16385"),
            ("--handshakes", "0"),
            ("--sign-of-life", "3601"),
            ("--messages-all", "0"),
            ("--keep-each", "x"),
        ] {
            let told = typed(&[option, wrong]).unwrap_err();
            assert!(told.contains(option), "{told}");
        }
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for right in ["https://rig.example", "http://rig.example:8080/", "null"] {
            assert_eq!(origin(right), Ok(right.to_owned()));
        }
        for wrong in ["", "rig.example", "https://", "*"] {
            origin(wrong).unwrap_err();
        }
    }
}
