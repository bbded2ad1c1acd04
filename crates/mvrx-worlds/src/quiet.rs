//! What must be true once the faults are over and everything had time to settle.

use std::collections::BTreeSet;
use std::time::Duration;

use lan_sim::HostId;
use mvrx_core::{Membership, Timer};
use mvrx_message::{FileUuid, SessionTarget, StationUuid};

use crate::crew::Among;
use crate::ledger::{ALONG, TAKEN_BACK};
use crate::station::{address_of, group_of, is_present};
use crate::{Ledger, QuirkyHost, SessionHost, Station, rooms};

/// Looks at the machines of a crew at rest.
pub(crate) fn look(world: Among<'_>, ledger: &mut Ledger) {
    let stations: Vec<(HostId, &Station)> =
        world.nodes().filter_map(|(host, node)| Some((host, node.station()?))).collect();
    for (host, station) in &stations {
        ledger.nothing_is_open(*host);
        waits_for_nothing(*host, station, world, ledger);
        if let Some(file) = station.left_behind(ledger) {
            ledger
                .violate(ALONG, format_args!("{host} has {file}, which it committed, and does not list it"));
        }
        if is_present(station) {
            is_in_one_place(*host, station, ledger);
            knows_everybody(*host, station, &stations, ledger);
            counts_nobody_else(*host, station, &stations, world, ledger);
            knows_the_sociable(*host, station, world, ledger);
        }
    }
    for (host, rack) in world.nodes().filter_map(|(host, node)| Some((host, node.rack()?))) {
        ledger.nothing_is_open(host);
        session_is_at_rest(host, rack, &stations, ledger);
    }
    in_one_order(world, &stations, ledger);
    rooms::look(world, ledger);
    lists_nothing_withdrawn(world, &stations, ledger);
}

/// What was taken back is listed by nobody who is where its author is: he says so to whoever is there.
fn lists_nothing_withdrawn(world: Among<'_>, stations: &[(HostId, &Station)], ledger: &mut Ledger) {
    let racks: Vec<(HostId, &SessionHost)> =
        world.nodes().filter_map(|(host, node)| Some((host, node.rack()?))).collect();
    let mut listed = Vec::new();
    for (host, station) in stations.iter().filter(|(_, station)| is_present(station)) {
        let place = station.core().place();
        let with = |author: StationUuid| {
            let here =
                |other: &Station| other.id() == author && is_present(other) && other.core().place() == place;
            stations.iter().any(|(_, other)| here(other))
                || racks.iter().any(|(_, rack)| rack.id() == author && is_at(station, rack))
        };
        listed.extend(
            station
                .core()
                .commits()
                .map(|view| (*host, view.commit.file))
                .filter(|(_, file)| ledger.is_taken_back(*file) && ledger.author(*file).is_some_and(with)),
        );
    }
    for (host, rack) in &racks {
        let with = |author: StationUuid| {
            let here = |other: &Station| other.id() == author && is_present(other) && is_at(other, rack);
            rack.id() == author || stations.iter().any(|(_, other)| here(other))
        };
        listed.extend(
            rack.host()
                .commits()
                .map(|view| (*host, view.commit.file))
                .filter(|(_, file)| ledger.is_taken_back(*file) && ledger.author(*file).is_some_and(with)),
        );
    }
    if let Some((host, file)) = listed.first() {
        ledger.violate(
            TAKEN_BACK,
            format_args!("{host} lists {file}, which its author has taken back and is there"),
        );
    }
}

fn in_one_order(world: Among<'_>, stations: &[(HostId, &Station)], ledger: &mut Ledger) {
    let racks = world.nodes().filter_map(|(host, node)| Some((host, node.rack()?)));
    let racks =
        racks.map(|(host, rack)| (host, rack.host().commits().map(|view| view.commit.file).collect()));
    let present = stations.iter().filter(|(_, station)| is_present(station));
    let stations = present
        .map(|(host, station)| (*host, station.core().commits().map(|view| view.commit.file).collect()));
    let lists: Vec<(HostId, Vec<FileUuid>)> = stations.chain(racks).collect();
    ledger.is_one_order(&lists);
}

/// The host of a session waits for nothing, and knows who is there and what they have; they know what it knows.
fn session_is_at_rest(
    host: HostId,
    rack: &SessionHost,
    stations: &[(HostId, &Station)],
    ledger: &mut Ledger,
) {
    let holds = rack.host().holdings();
    if holds.asks + holds.relays > 0 || !rack.is_idle() {
        ledger.violate(WAITED_FOR, format_args!("{host} still has something under way: {holds:?}"));
    }
    if let Some(timer) = rack.host().timers().find(|timer| !matches!(timer, mvrx_core::host::Timer::Left(_)))
    {
        ledger.violate(WAITED_FOR, format_args!("{host} still runs {timer:?}"));
    }
    let joined: BTreeSet<StationUuid> = rack.host().stations().map(|view| view.station).collect();
    let here = |station: &Station| is_present(station) && is_at(station, rack);
    let present: BTreeSet<StationUuid> =
        stations.iter().filter(|(_, station)| here(station)).map(|(_, station)| station.id()).collect();
    if let Some(station) = present.difference(&joined).next() {
        ledger.violate(EVERYBODY, format_args!("{host} does not have {station} in its session"));
    }
    if let Some(station) = joined.difference(&present).next() {
        ledger.violate(NOBODY_ELSE, format_args!("{host} counts {station}, which left or is down"));
    }
    let listed: BTreeSet<FileUuid> = rack.host().commits().map(|view| view.commit.file).collect();
    for (there, station) in stations.iter().filter(|(_, station)| here(station)) {
        let known: BTreeSet<FileUuid> = station.core().commits().map(|view| view.commit.file).collect();
        let own =
            station.core().commits().filter(|view| view.held && view.commit.station == Some(station.id()));
        for file in own.map(|view| view.commit.file).filter(|file| !listed.contains(file)) {
            if ledger.was_taken_back(file) {
                continue;
            }
            ledger
                .violate(EVERY_COMMIT, format_args!("{host} does not know {file}, which {there} committed"));
        }
        // Its own that its disk did not give back it takes from nobody's word.
        let kept =
            rack.host().commits().filter(|view| view.held && view.commit.station != Some(station.id()));
        let kept = kept.map(|view| view.commit.file);
        for file in kept.filter(|file| !known.contains(file)) {
            if ledger.is_public(file) && !ledger.was_taken_back(file) {
                ledger.violate(EVERY_COMMIT, format_args!("{there} does not know {file}, which {host} has"));
            }
        }
    }
}

/// In one group, announced there alone, or in one session and announced nowhere.
fn is_in_one_place(host: HostId, station: &Station, ledger: &mut Ledger) {
    let shown = station.announced();
    let shown_right = match station.core().place() {
        SessionTarget::Group(group) => {
            matches!(shown, [one] if group_of(one).is_some_and(|shown| shown == group.as_str()))
        }
        _ => shown.is_empty(),
    };
    if !shown_right || station.core().moving_to().is_some() {
        let (place, moving) = (station.core().place(), station.core().moving_to());
        ledger.violate(
            ONE_PLACE,
            format_args!("{host} is in {place:?}, shown as {shown:?}, moving: {moving:?}"),
        );
    }
}

/// Whether a station is in the session of this host.
pub(crate) fn is_at(station: &Station, rack: &SessionHost) -> bool {
    let SessionTarget::Url(url) = station.core().place() else { return false };
    address_of(&url).is_some_and(|at| at.ip() == rack.ip())
}

fn waits_for_nothing(host: HostId, station: &Station, world: Among<'_>, ledger: &mut Ledger) {
    let silent = quirky(world).find(|quirky| !quirky.is_sociable()).map(QuirkyHost::id);
    let of_silent = |timer| match timer {
        // Who never answers is tried again for ever.
        Timer::RetryStation(station) => Some(station) == silent,
        Timer::Exchange(_) => silent.is_some(),
        _ => false,
    };
    let short = station.core().timers().find(|timer| !is_long(*timer) && !of_silent(*timer));
    if let Some(timer) = short {
        let whom = match timer {
            Timer::RetryStation(station) => ledger.home(station).and_then(|host| world.name(host)),
            _ => None,
        };
        ledger.violate(WAITED_FOR, format_args!("{host} still runs {timer:?} ({whom:?})"));
    }
    if !station.is_idle() {
        ledger.violate(WAITED_FOR, format_args!("{host} still has bytes to send"));
    }
}

const fn is_long(timer: Timer) -> bool {
    matches!(timer, Timer::Inbound(_) | Timer::Unseen(_) | Timer::Refresh)
}

fn knows_everybody(host: HostId, me: &Station, all: &[(HostId, &Station)], ledger: &mut Ledger) {
    let together = |other: &Station| is_present(other) && other.core().place() == me.core().place();
    let known: BTreeSet<_> = me.core().commits().map(|view| view.commit.file).collect();
    for (there, other) in all.iter().filter(|(there, other)| *there != host && together(other)) {
        let id = other.id();
        let membership = me.core().station(id).map(|view| view.membership);
        if membership != Some(Membership::Member) {
            ledger.violate(
                EVERYBODY,
                format_args!("{host} has {there} ({id}) as {membership:?} instead of a member"),
            );
        }
        for view in other.core().commits().filter(|view| view.held && view.commit.station == Some(id)) {
            let file = view.commit.file;
            let excused = known.contains(&file) || ledger.was_taken_back(file);
            if ledger.is_public(file) && !excused {
                ledger.violate(
                    EVERY_COMMIT,
                    format_args!("{host} does not know {file}, which {there} ({id}) committed"),
                );
            }
        }
    }
}

fn counts_nobody_else(
    host: HostId,
    me: &Station,
    all: &[(HostId, &Station)],
    world: Among<'_>,
    ledger: &mut Ledger,
) {
    for view in me.core().stations().filter(|view| view.membership == Membership::Member) {
        let together = |other: &Station| is_present(other) && other.core().place() == me.core().place();
        let there = all.iter().any(|(_, other)| other.id() == view.station && together(other));
        let there = there
            || quirky(world).any(|quirky| quirky.id() == view.station && quirky.is_in(&me.core().place()));
        let there = there
            || world.nodes().any(|(_, node)| {
                node.rack().is_some_and(|rack| rack.id() == view.station && is_at(me, rack))
            });
        if !there {
            let (id, home) = (view.station, ledger.home(view.station));
            ledger.violate(NOBODY_ELSE, format_args!("{host} counts {id} ({home:?}), which left or is down"));
        }
    }
}

fn knows_the_sociable(host: HostId, me: &Station, world: Among<'_>, ledger: &mut Ledger) {
    let place = me.core().place();
    for quirky in quirky(world).filter(|quirky| quirky.is_sociable() && quirky.is_in(&place)) {
        let membership = me.core().station(quirky.id()).map(|view| view.membership);
        if membership != Some(Membership::Member) {
            let product = quirky.double().product();
            ledger.violate(
                EVERYBODY,
                format_args!("{host} has the {product:?} as {membership:?} instead of a member"),
            );
        }
    }
}

fn quirky(world: Among<'_>) -> impl Iterator<Item = &QuirkyHost> {
    world.nodes().filter_map(|(_, node)| node.quirky())
}

/// So long without faults: longer than the longest wait that is not for ever ([`mvrx_core::Timers::unseen`], 10 minutes).
pub(crate) const REST: Duration = Duration::from_mins(13);

const EVERYBODY: &str = "everybody-knows-everybody";
const EVERY_COMMIT: &str = "everybody-knows-every-commit";
const NOBODY_ELSE: &str = "nobody-else-is-a-member";
const ONE_PLACE: &str = "exactly-one-place";
const WAITED_FOR: &str = "nothing-is-waited-for";
