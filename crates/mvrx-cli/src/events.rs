//! Events of a station in words for people. What a person need not read has none.

use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{Checked, CommitSource, Condition, Event, RequestFailure};

use crate::moving;
use crate::show::{name as shown, plural, size, tame};

/// The names by which people know stations and files.
pub(crate) trait Names {
    fn station(&self, station: StationUuid) -> String;
    fn file(&self, file: FileUuid) -> String;
    /// Who comes from an address, where that is known; the address otherwise.
    fn at(&self, address: std::net::SocketAddr) -> String;
    /// Where we are: a group, or a session.
    fn place(&self) -> &'static str;
    /// Whether this command follows proposals to move, if it is so wished; one that is there for an errand stays, and ends with it.
    fn may_follow(&self) -> bool {
        true
    }
    /// Whether this command hosts a session, and moves its stations but not itself.
    fn hosts(&self) -> bool {
        false
    }
    /// What `mvrx accept` needs besides to reach this station, with a blank before it; empty: nothing.
    fn reached_with(&self) -> String {
        String::new()
    }
    /// The file of a request, where it is known.
    fn requested(&self, request: mvrx_station::RequestId) -> Option<String>;
}

/// An event in words; `None` for what a person need not read.
pub(crate) fn words(event: &Event, names: &dyn Names) -> Option<String> {
    let moves = || moving::words(event, names);
    let rest = || of_the_rest(event, names);
    let arrivals = || of_arrivals(event, names);
    of_stations(event, names)
        .or_else(|| of_files(event, names))
        .or_else(arrivals)
        .or_else(moves)
        .or_else(rest)
}

fn of_stations(event: &Event, names: &dyn Names) -> Option<String> {
    let name = |station: &StationUuid| names.station(*station);
    Some(match event {
        Event::StationJoined { station, provider, .. } => {
            let with = if provider.is_empty() { String::new() } else { format!(" ({})", shown(provider)) };
            format!("{}{with} is in the {}", name(station), names.place())
        }
        Event::StationRenamed { from, to, .. } => format!("{} is called {} now", shown(from), shown(to)),
        Event::StationLeft { station } => format!("{} left", name(station)),
        Event::StationLost { station } => format!("{} is gone", name(station)),
        Event::StationUnreachable { station, failure } => {
            format!("{} does not answer: {failure}", name(station))
        }
        Event::StationReachable { station } => format!("{} answers again", name(station)),
        Event::JoinRefused { station, message } => {
            format!("{} does not let us join: {}", name(station), tame(message))
        }
        Event::StationMismatch { expected, found, address } => {
            format!("at {address} answers {} instead of {}", name(found), name(expected))
        }
        Event::OwnUuidUsedByAnother { name, address } => format!(
            "{}{} has the same StationUUID as this station, as a copied data directory has it: neither sees the other. Give one of the \
             two a data directory of its own (--data) or delete its file with the UUID",
            shown(name),
            address.map(|address| format!(" at {address}")).unwrap_or_default()
        ),
        _ => return None,
    })
}

/// What was found out of a file that comes.
fn of_arrivals(event: &Event, names: &dyn Names) -> Option<String> {
    let name = |station: &StationUuid| names.station(*station);
    let file = |file: &FileUuid| names.file(*file);
    Some(match event {
        Event::RequestBroke { request, from, why, kept } => {
            let what = names.requested(*request).unwrap_or_else(|| "the file".to_owned());
            let on = match kept {
                0 => "it is asked for again".to_owned(),
                kept => format!("{} are here, the rest is asked for", size(*kept)),
            };
            format!("{what} from {} broke off: {}; {on}", name(from), tame(why))
        }
        Event::FileWhole { file: f, from, members, unread, size_as_told, hash_as_told } => {
            let condition = Condition::Whole { members: *members, unread: *unread };
            let from = from.map(|from| format!(" from {}", name(&from))).unwrap_or_default();
            format!("{}{from} is {}", file(f), Checked::new(condition, *size_as_told, *hash_as_told))
        }
        Event::FileNotJudged { file: f, what, .. } => {
            format!("{} was not looked through, and is kept: {}", file(f), tame(what))
        }
        Event::FilePutAside { file: f, from, what, path } => {
            let from = from.map(|from| format!(" from {}", name(&from))).unwrap_or_default();
            let what = tame(what);
            match path {
                Some(path) => {
                    format!(
                        "{}{from} is bad ({what}): kept aside at {}, not offered on",
                        file(f),
                        path.display()
                    )
                }
                None => format!("{}{from} is bad ({what}): thrown away, not offered on", file(f)),
            }
        }
        _ => return None,
    })
}

fn of_files(event: &Event, names: &dyn Names) -> Option<String> {
    let name = |station: &StationUuid| names.station(*station);
    let file = |file: &FileUuid| names.file(*file);
    Some(match event {
        Event::CommitSeen { file: f, from, source: CommitSource::Listed } => {
            format!("{} has {}, committed earlier", name(from), file(f))
        }
        Event::CommitSeen { file: f, from, .. } => format!("{} has {}", name(from), file(f)),
        Event::CommitPublished { file: f, stations: 0 } => format!("committed {}", file(f)),
        Event::CommitPublished { file: f, stations } => {
            format!("committed {}, telling {stations} {}", file(f), plural(*stations, "station"))
        }
        Event::CommitWithdrawn { file: f, station } => {
            format!(
                "{} withdrew {}: it is in no list any more; who has fetched it has it",
                name(station),
                file(f)
            )
        }
        Event::CommitRefused { file: f, station, message } => {
            format!("{} refused {}: {}", name(station), file(f), tame(message))
        }
        Event::CommitNotDelivered { file: f, station, failure } => {
            format!("{} did not confirm {}: {failure}", name(station), file(f))
        }
        Event::RequestStarted { file: f, from, .. } => match f {
            Some(f) => format!("fetching {} from {}", file(f), name(from)),
            None => format!("asking {} for its current state", name(from)),
        },
        Event::RequestAttemptFailed { request, from, why } => {
            let what = names.requested(*request).unwrap_or_else(|| "the file".to_owned());
            format!("{} did not give {what}: {}", name(from), tame(why))
        }
        Event::RequestFailed { request, failure } => {
            let what = names.requested(*request).map(|file| format!("{file} was ")).unwrap_or_default();
            format!("{what}not fetched: {}", request_failure(failure, &|station| names.station(station)))
        }
        Event::FileSizeDiffers { file: f, from, announced, received } => {
            size_differs(&name(from), &file(f), *announced, *received)
        }
        Event::Serving { file: f, station, address } => {
            format!("sending {} to {}", file(f), station.map_or_else(|| names.at(*address), |s| name(&s)))
        }
        Event::Served { file: f, station, length } => {
            let to = station.map(|s| format!(" to {}", name(&s))).unwrap_or_default();
            format!("sent {}{to}, {}", file(f), size(*length))
        }
        Event::FetchedFromHost { file: f, station } => {
            format!("{} has {} from the host", name(station), file(f))
        }
        Event::ServeFailed { file: f, why, station } => {
            let to = station.map(|s| format!(" to {}", name(&s))).unwrap_or_default();
            format!("{} was not sent whole{to}: {}", file(f), tame(why))
        }
        _ => return None,
    })
}

fn of_the_rest(event: &Event, names: &dyn Names) -> Option<String> {
    Some(match event {
        Event::RequestRefused { address, message, .. } => {
            format!("refused a request from {}: {}", names.at(*address), tame(message))
        }
        Event::PeerError { address, what } => format!("from {}: {}", names.at(*address), tame(what)),
        Event::SessionUnreachable { why, next_try, .. } => format!(
            "the host of the session cannot be reached: {}; tried again after {} s, and on",
            tame(why),
            next_try.as_secs_f64().ceil()
        ),
        Event::SessionRefused { message, .. } => {
            format!("the host of the session does not let us in: {}; asked again and again", tame(message))
        }
        Event::LimitReached(limit) => limit.to_string(),
        Event::GroupChanged { from, to } => {
            format!("now in the group {}, no longer in {}", tame(to.as_str()), tame(from.as_str()))
        }
        Event::GroupNotChanged { to, why } => {
            format!("the group was not changed to {}: {}", tame(to.as_str()), tame(why))
        }
        _ => return None,
    })
}

/// A whole file came whose length is not the announced one.
pub(crate) fn size_differs(from: &str, file: &str, announced: u64, received: u64) -> String {
    format!("{from} announced {file} with {announced} bytes and sent {received}; kept, as it came whole")
}

/// Why a request ended without the file, with the names of the stations.
pub(crate) fn request_failure(failure: &RequestFailure, name: &dyn Fn(StationUuid) -> String) -> String {
    match failure {
        RequestFailure::StationNotJoined { station } => format!("{} is not one of the group", name(*station)),
        RequestFailure::StationCannotExport { station } => {
            format!("{} does not understand a request for its current state", name(*station))
        }
        RequestFailure::EveryoneFailed { attempts } => {
            let each: Vec<String> =
                attempts.iter().map(|(station, why)| format!("{}: {}", name(*station), tame(why))).collect();
            match each.as_slice() {
                [one] => one.clone(),
                several => format!("nobody who lists it gave it; {}", several.join("; ")),
            }
        }
        RequestFailure::NotKept { why } => format!("this machine could not keep it: {}", tame(why)),
        other => tame(&other.to_string()),
    }
}
