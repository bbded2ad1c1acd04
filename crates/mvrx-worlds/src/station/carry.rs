//! What the core wants, done on the host.

use lan_sim::{Announcement, Conn, Content, HostCtx, HostId};
use mvrx_core::{ConnId, Event, Input, Output, RequestId, Sighting};
use mvrx_message::{Commit, FileUuid, GroupName, Message, SessionTarget, Txt};

use super::link::Link;
use super::{Closing, IDLE, Station, address_of, group_in, is_session, place_text};
use crate::Ledger;
use crate::ledger::FOLLOWS;
use crate::parts::answer;
use crate::planted::Planted;

impl Station {
    pub(super) fn carry_out(&mut self, output: Output, net: &mut HostCtx<'_>) {
        match output {
            Output::Dial { conn, address } => {
                self.setup.ledger.borrow_mut().tally.dials += 1;
                let end = net.dial(address);
                self.by_conn.insert(end, conn);
                self.links.insert(conn, Link::new(end, address));
            }
            Output::DialHost { conn, url } => {
                let Some(address) = address_of(&url) else { return };
                self.setup.ledger.borrow_mut().tally.dials += 1;
                let end = net.dial(address);
                self.by_conn.insert(end, conn);
                self.to_host.insert(conn, address);
                let watchful = self.setup.candidate.is_some();
                self.links.insert(conn, Link::new(end, address).watchful(watchful));
            }
            Output::Send { conn, mut message, dialect } => {
                self.say_otherwise(&mut message);
                self.ask_for_the_rest(conn, &mut message);
                let Some(link) = self.links.get_mut(&conn) else { return };
                link.push_message(&message.to_json(&dialect));
                let peer = link.peer;
                self.says(conn, peer, &message, net);
                self.lists(&message, net);
                self.flush(conn, net);
            }
            Output::SendFile { conn, file } => self.send_file(conn, file, net),
            Output::ReceiveFile { conn, request, .. } => self.receive_file(conn, request, net),
            Output::KeepFile { request, commit } => self.keep(request, &commit, net),
            Output::DropFile { request } | Output::PutAside { request, .. } => {
                if let Some((incoming, _)) = self.arrived.remove(&request) {
                    self.shelf.drop_file(&incoming);
                }
            }
            Output::Export { conn } => self.step(Input::Exported { conn, commit: None }, net),
            Output::Close { conn } => self.let_go(conn, net),
            Output::Advertise { station_name, group } => {
                self.advertise(&station_name, &[group.as_str()], net);
            }
            Output::AdvertiseAlso { station_name, group } => {
                let also = self.core.config().group.clone();
                self.advertise(&station_name, &[also.as_str(), group.as_str()], net);
                self.step(Input::AdvertisedAlso, net);
            }
            Output::PrepareMove { .. } if self.setup.slow => self.prepare_later(net),
            Output::PrepareMove { to } => self.prepare_move(&to, net),
            // Who takes part in an election finds its place at each start.
            Output::SavePlace { group, along, passing: true, .. } if self.setup.candidate.is_some() => {
                self.keep_along(&group, &along, net.host());
                self.step(Input::PlaceSaved, net);
            }
            Output::SavePlace { group, along, .. } if self.setup.slow => self.save_later(group, along, net),
            Output::SavePlace { to, group, along, .. } => self.save_place(&to, &group, &along, net),
            Output::KeepAlong { group, files } => self.keep_along(&group, &files, net.host()),
            Output::ForgetSavedPlace => self.forget_saved_place(net.host()),
            Output::Withdraw => self.withdraw(net),
            Output::Suspect { place } => {
                for instance in self.sights.doubt(place, net.now()) {
                    net.suspect(&instance);
                }
            }
            Output::Event(event) => self.on_event(event, net),
            _ => {}
        }
    }

    /// For a bug planted on purpose.
    fn say_otherwise(&self, message: &mut Message) {
        match (self.setup.planted, message) {
            (Planted::BringsOwnAlone, Message::Join(join)) => {
                join.commits.retain(|commit| commit.station == Some(join.station));
            }
            (Planted::WithdrawalNotTold, Message::Join(join)) => join.withdrawn.clear(),
            (Planted::LeaveOfAnother, Message::Leave(leave)) => leave.bridge = None,
            _ => {}
        }
    }

    fn on_event(&mut self, event: Event, net: &mut HostCtx<'_>) {
        self.tells(&event, net);
        self.notes_withdrawn(&event);
        match event {
            Event::MoveBegun { .. } => {
                self.held_back.get_or_insert_default();
            }
            Event::Moved { .. } => {
                (self.kept_before, self.along_before) = (None, None);
                self.move_ended(net);
            }
            Event::NotMoved { .. } => self.move_ended(net),
            Event::MoveProposed { proposal, .. } => self.answer_later(proposal, net),
            _ => {}
        }
        if self.setup.candidate.is_some() || self.setup.part.is_some() {
            self.heard.push_back(event);
        }
    }

    fn advertise(&mut self, name: &str, groups: &[&str], net: &mut HostCtx<'_>) {
        let shares = self.setup.shares_instance;
        // Stations of one name may be stood in for on one machine, where each has records of its own.
        let own = self.setup.part.as_ref().map(|_| format!(" ({})", self.id())).unwrap_or_default();
        let instance =
            |group: &&str| if shares { (*group).to_owned() } else { format!("{name}{own}.{group}") };
        let instances: Vec<String> = groups.iter().map(instance).collect();
        for before in self.announced.drain(..).filter(|before| !instances.contains(before)) {
            net.withdraw(&before);
        }
        for instance in &instances {
            let mut announcement = Announcement::new(instance.clone(), self.port);
            announcement.ttl = self.setup.ttl;
            let txt = Txt::new(name, self.id()).with_candidate(self.setup.candidate);
            for (key, value) in txt.with_bridge(self.core.config().bridge).to_pairs() {
                announcement = announcement.text(key, value);
            }
            net.announce(announcement);
        }
        self.announced = instances;
        self.note_groups(groups);
    }

    fn withdraw(&mut self, net: &mut HostCtx<'_>) {
        for instance in std::mem::take(&mut self.announced) {
            net.withdraw(&instance);
        }
        self.note_groups(&[]);
    }

    fn note_groups(&self, groups: &[&str]) {
        if self.setup.moving {
            self.setup.ledger.borrow_mut().is_shown_in(self.id(), groups);
        }
    }

    /// What was committed meanwhile is a commit of the place in which it is now.
    fn move_ended(&mut self, net: &mut HostCtx<'_>) {
        if self.core.moving_to().is_some() {
            return;
        }
        self.leads = false;
        for (act, hosts) in self.held_back.take().into_iter().flatten() {
            self.act(&act, &hosts, net);
        }
    }

    pub(super) fn prepare_move(&mut self, to: &SessionTarget, net: &mut HostCtx<'_>) {
        let (mut commits, mut sightings) = (Vec::new(), Vec::new());
        if let SessionTarget::Group(group) = to {
            let offered = self.of_group(group.as_str());
            for (commit, content) in offered.into_iter().filter(|(c, _)| !self.shelf.is_taken_back(c.file)) {
                self.setup.ledger.borrow_mut().has_bytes(net.host(), "restores", commit.file, &content);
                commits.push(commit);
            }
            self.notes_trouble(net.host());
            let all: Vec<_> = self.sights.all().map(|(place, _)| place).collect();
            sightings =
                all.into_iter().filter_map(|place| self.sighting(place, Some(group.as_str()))).collect();
            if let Some(view) = self.setup.ledger.borrow_mut().view(net.host()) {
                for Sighting { place, station, group, addresses, .. } in &sightings {
                    view.sighted(*place, *station, group.as_deref(), addresses);
                }
            }
        }
        let seed = net.random();
        self.step(Input::MovePrepared { commits, sightings, seed }, net);
    }

    pub(super) fn save_place(
        &mut self,
        to: &SessionTarget,
        group: &GroupName,
        files: &[FileUuid],
        net: &mut HostCtx<'_>,
    ) {
        let before = self.shelf.place().unwrap_or_default();
        let mut along = self.along.clone();
        if self.setup.planted != Planted::AlongForgotten {
            along.extend(files.iter().map(|file| (group.as_str().to_owned(), *file)));
        }
        let kept = self.shelf.keep_along(&along);
        let place = format!("{}\n{group}", place_text(to));
        let input = match kept.and_then(|()| self.shelf.keep_place(&place)) {
            Ok(()) => {
                self.kept_before = Some(before);
                self.along_before = Some(std::mem::replace(&mut self.along, along));
                Input::PlaceSaved
            }
            Err(error) => Input::PlaceNotSaved { what: error.to_string() },
        };
        self.step(input, net);
    }

    /// Who takes part in an election again does so at its next start, too, wherever a person had moved it before.
    pub(crate) fn takes_part_again(&mut self, host: HostId) {
        let (kept, group) = (self.shelf.place(), &self.core.config().group);
        if kept.is_some_and(|kept| kept.lines().next().is_some_and(is_session)) {
            let kept = self.shelf.keep_place(&format!("{group}\n{group}"));
            self.next_start_differs(kept.is_err(), host);
        }
    }

    fn forget_saved_place(&mut self, host: HostId) {
        self.later.forget_saving();
        if let Some(before) = self.kept_before.take() {
            // A disk that refuses now: the next start is there. The station tells it, and its operator knows.
            let kept = self.shelf.keep_place(&before);
            self.next_start_differs(kept.is_err(), host);
        }
        if let Some(before) = self.along_before.take() {
            self.along = before;
            let kept = self.shelf.keep_along(&self.along);
            self.next_start_differs(kept.is_err(), host);
        }
    }

    fn keep_along(&mut self, group: &GroupName, files: &[FileUuid], host: HostId) {
        if self.setup.planted == Planted::AlongForgotten {
            return;
        }
        self.along.extend(files.iter().map(|file| (group.as_str().to_owned(), *file)));
        // A disk that refuses now: the next start does not tell of them here. The station tells it.
        let kept = self.shelf.keep_along(&self.along);
        self.next_start_differs(kept.is_err(), host);
    }

    fn next_start_differs(&self, differs: bool, host: HostId) {
        if differs {
            self.setup.ledger.borrow_mut().loses_track(host);
        }
    }

    /// What could not be read does not come along, and where the next start is may be unknown: files are committed in one group now and looked
    /// for in another one then.
    pub(super) fn notes_trouble(&self, host: HostId) {
        self.next_start_differs(self.shelf.had_trouble(), host);
    }

    /// The group under which a file lies on the disk of a station that moves.
    pub(super) fn label(&self) -> Option<GroupName> {
        (self.setup.moving && self.setup.part.is_none()).then(|| self.core.config().group.clone())
    }

    /// The files of a group, and those that came along there.
    pub(super) fn of_group(&self, group: &str) -> Vec<(Commit, Content)> {
        self.shelf.recover_of(|commit, of| {
            of.is_none_or(|of| of.as_str() == group) || self.along.contains(&(group.to_owned(), commit.file))
        })
    }

    /// What it committed, made known, has not taken back and still has on its disk, and does not list where it is.
    pub(crate) fn left_behind(&self, ledger: &Ledger) -> Option<FileUuid> {
        if self.shelf.had_trouble() {
            return None;
        }
        let own = |commit: &Commit| {
            let given = ledger.is_published(commit.file) && !self.shelf.is_taken_back(commit.file);
            commit.station == Some(self.id()) && given
        };
        let own = self.shelf.recover_of(|commit, _| own(commit) && !self.core.holds(commit.file));
        own.first().map(|(commit, _)| commit.file)
    }

    /// Tells the ledger what is said, to whom.
    fn says(&self, conn: ConnId, to: std::net::SocketAddr, message: &Message, net: &HostCtx<'_>) {
        let host = net.host();
        let mut ledger = self.setup.ledger.borrow_mut();
        ledger.tally.messages += 1;
        let next = self.core.moving_to().and_then(|(to, _)| group_in(to));
        let place = self.core.place();
        let groups: Vec<&str> = group_in(&place).into_iter().chain(next).collect();
        // The host of a session may have left a group as its stand-in there; it is spoken to as the host.
        let to_host = self.to_host.contains_key(&conn);
        let commits: &[Commit] = match message {
            Message::Join(join) => {
                let said = join.group.as_ref().map(GroupName::as_str);
                if !to_host {
                    ledger.speaks_to(host, &groups, said, to, "JOIN");
                }
                &join.commits
            }
            Message::JoinRet(ret) => &ret.commits,
            Message::Commit(commit) => {
                if matches!(conn, ConnId::Dialed(_)) && !to_host {
                    let said = commit.group.as_ref().map(GroupName::as_str);
                    ledger.speaks_to(host, &groups, said, to, "COMMIT");
                }
                std::slice::from_ref(commit)
            }
            _ => &[],
        };
        for commit in commits {
            ledger.tells(host, to, "tells of", commit.file);
        }
    }

    fn send_file(&mut self, conn: ConnId, file: FileUuid, net: &mut HostCtx<'_>) {
        let Some(link) = self.links.get_mut(&conn) else {
            return self.sending_ended(Some((conn, 0)), false, net);
        };
        match self.shelf.open(file) {
            Ok(content) => {
                let mut ledger = self.setup.ledger.borrow_mut();
                ledger.has_bytes(net.host(), "sends", file, &content);
                ledger.tells(net.host(), link.peer, "gives", file);
                drop(ledger);
                let from = self.parts.from(conn, file, Some(content.digest()), content.len());
                if from > 0 {
                    link.push_message(&answer(from));
                }
                link.push_file(file, &content.part(from, content.len() - from));
                link.idle_at = Some(net.now() + IDLE);
                self.transfers.insert(conn);
                self.flush(conn, net);
            }
            Err(error) => {
                let what = error.to_string();
                if self.to_host.contains_key(&conn) {
                    return self.step(Input::FileUnreadable { conn, what }, net);
                }
                self.let_go(conn, net);
                self.step(Input::FileFailed { conn, what, local: true }, net);
            }
        }
    }

    fn receive_file(&mut self, conn: ConnId, request: RequestId, net: &mut HostCtx<'_>) {
        let first = self.first_of(conn);
        let Some(link) = self.links.get_mut(&conn) else { return };
        // A retry of the same request begins a file of its own.
        let begun = self.shelf.begin(request.0);
        match begun.and_then(|mut incoming| incoming.begins_with(&first).map(|()| incoming)) {
            Ok(incoming) => {
                link.receive(request, incoming);
                link.idle_at = Some(net.now() + IDLE);
                self.transfers.insert(conn);
                self.read(conn, net);
            }
            Err(error) => {
                let what = error.to_string();
                self.let_go(conn, net);
                self.step(Input::FileFailed { conn, what, local: true }, net);
            }
        }
    }

    fn keep(&mut self, request: RequestId, commit: &Commit, net: &mut HostCtx<'_>) {
        let Some((incoming, came)) = self.arrived.remove(&request) else {
            let what = "its bytes are gone".to_owned();
            return self.step(Input::KeepFailed { request, what }, net);
        };
        let labelled = Commit { group: self.label(), ..commit.clone() };
        match self.shelf.keep(&incoming, &labelled) {
            Ok(()) => {
                // A disk that does not give it back just now has what came all the same.
                let content = self.shelf.open(commit.file).unwrap_or(came);
                let mut ledger = self.setup.ledger.borrow_mut();
                ledger.has_bytes(net.host(), "keeps", commit.file, &content);
                ledger.came_from(commit.file, commit.station);
                ledger.tally.bytes += content.len();
                drop(ledger);
                self.step(Input::Kept { request }, net);
            }
            Err(error) => {
                let what = error.to_string();
                self.step(Input::KeepFailed { request, what }, net);
            }
        }
    }

    fn tells(&self, event: &Event, net: &mut HostCtx<'_>) {
        net.note(format_args!("{event:?}"));
        let host = net.host();
        let mut ledger = self.setup.ledger.borrow_mut();
        ledger.tally.events += 1;
        match event {
            Event::RequestDone { request, .. } => {
                ledger.tally.fetched += 1;
                ledger.request_ended(host, *request);
            }
            Event::RequestFailed { request, .. } => ledger.request_ended(host, *request),
            Event::CommitSeen { file, .. } => ledger.sees(host, self.id(), *file),
            Event::MoveBegun { .. } => {
                if let Some(view) = ledger.view(host) {
                    view.met = false;
                    view.is_on_the_way();
                }
            }
            Event::Moved { to, .. } => {
                let counts = |group| self.core.members().any(|other| ledger.is_announced_in(other, &[group]));
                let counts = group_in(to).is_some_and(counts);
                let met = counts || ledger.view(host).is_some_and(|view| view.met);
                if let Some(group) = group_in(to).filter(|_| !self.leads && !met) {
                    let what = format_args!("{host} was led to {group}, and has heard of nobody there");
                    ledger.violate(FOLLOWS, what);
                }
                if let Some(view) = ledger.view(host) {
                    view.has_moved(group_in(to));
                }
                ledger.tally.moves += 1;
            }
            Event::NotMoved { to, .. } => {
                if let Some(view) = ledger.view(host) {
                    view.stays(group_in(to));
                }
            }
            Event::Serving { .. } => ledger.serves(host),
            Event::Served { .. } | Event::ServeFailed { .. } => ledger.served(host),
            _ => {}
        }
    }

    // ---- bytes

    pub(super) fn flush(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let before = link.out.len();
        let Ok(done) = link.out.flush(link.conn, net) else { return };
        if link.sending.is_some() && link.out.len() != before {
            link.idle_at = Some(net.now() + IDLE);
        }
        if done && let Some((_, length)) = link.sending.take() {
            if link.rests(false) {
                self.transfers.remove(&id);
            }
            self.step(Input::FileSent { conn: id, length }, net);
        }
    }

    pub(super) fn writable(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        if let Some(id) = self.by_conn.get(&conn).copied() {
            return self.flush(id, net);
        }
        if let Some(closing) = self.closing.get_mut(&conn) {
            closing.until = net.now() + IDLE;
            let flushed = closing.queue.flush(conn, net);
            if flushed != Ok(false) {
                let sending = closing.sending;
                self.closing.remove(&conn);
                net.close(conn);
                self.sending_ended(sending, flushed == Ok(true), net);
            }
        }
    }

    /// A file that was still on its way when its link was let go is out, or never will be.
    pub(super) fn sending_ended(
        &mut self,
        sending: Option<(ConnId, u64)>,
        whole: bool,
        net: &mut HostCtx<'_>,
    ) {
        let Some((conn, length)) = sending else { return };
        let input = if whole {
            Input::FileSent { conn, length }
        } else {
            Input::FileFailed { conn, what: "the connection broke".to_owned(), local: false }
        };
        self.step(input, net);
    }

    /// Ends reading at once; what waits still goes out, then the link is closed.
    pub(super) fn let_go(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        let Some(mut link) = self.links.remove(&id) else { return };
        self.by_conn.remove(&link.conn);
        self.to_host.remove(&id);
        self.transfers.remove(&id);
        if let Some(receiving) = link.abandon() {
            let _ = self.keep_part(id, &receiving);
        }
        self.parts.over(id);
        let sending = link.sending.map(|(_, length)| (id, length));
        let flushed = link.out.flush(link.conn, net);
        if flushed == Ok(false) {
            let closing = Closing { queue: link.out, until: net.now() + IDLE, sending };
            self.closing.insert(link.conn, closing);
        } else {
            net.close(link.conn);
            self.sending_ended(sending, flushed == Ok(true), net);
        }
    }
}
