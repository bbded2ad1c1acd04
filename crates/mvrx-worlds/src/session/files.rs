//! The files of a session's host: what comes from owners, and goes to those who ask while it comes.

use std::collections::BTreeMap;

use lan_sim::{Content, HostCtx};
use mvrx_core::host::{AskId, Bytes, Command, Input, RelayId, Take};
use mvrx_core::{ConnId, RequestId};
use mvrx_message::{Commit, FileUuid, PartOf};

use super::{Sending, SessionHost};
use crate::Planted;
use crate::ledger::ONE_READ;
use crate::parts::answer;
use crate::shelf::Incoming;
use crate::station::IDLE;
use crate::station::giving_up::mark_taken_back;
use crate::station::link::Receiving;

/// What one read has on the disk.
#[derive(Debug)]
pub(super) struct Growing {
    file: Option<FileUuid>,
    state: State,
    length: Option<u64>,
    /// Which bytes it has, where that was announced.
    pub(super) of: Option<PartOf>,
    /// What an earlier owner gave of it: the next one's bytes have to be the same as far as these go.
    before: Content,
}

#[derive(Debug)]
enum State {
    /// Its bytes are on the link that receives them.
    Arriving(ConnId),
    /// The link is gone, or the file is whole.
    Here(Content),
    Whole(Incoming, Content),
}

impl SessionHost {
    /// Its own user takes a commit back.
    pub(super) fn take_back(&mut self, nth: u32, net: &mut HostCtx<'_>) {
        let taken_back = mark_taken_back(nth, self.id(), self.host.commits(), (&self.shelf, &self.setup));
        if let Some(file) = taken_back {
            self.step(Input::Command(Command::Withdraw(file)), net);
        }
    }

    pub(super) fn receive_file(&mut self, conn: ConnId, take: Take, net: &mut HostCtx<'_>) {
        let Some(wire) = self.links.get_mut(&conn) else { return };
        let (file, length) = (wire.asked.take(), wire.begins);
        // Every read has a temporary file of its own, also the next owner's of the same.
        self.temporary += 1;
        let relay = match take {
            Take::Keep(relay) | Take::Relay(relay) => Some(relay),
            Take::Discard => None,
        };
        let earlier = relay.and_then(|relay| self.relays.remove(&relay));
        let before = earlier.map(|growing| growing.content_of(self)).unwrap_or_default();
        let (going, first) = self.first_of(conn, &before);
        let Some(wire) = self.links.get_mut(&conn) else { return };
        let begun = self.shelf.begin(self.temporary);
        match begun.and_then(|mut incoming| incoming.begins_with(&first).map(|()| incoming)) {
            Ok(incoming) => {
                wire.link.receive(RequestId(self.temporary), incoming);
                wire.link.idle_at = Some(net.now() + IDLE);
                self.transfers.insert(conn);
            }
            Err(error) => return self.receive_failed(conn, error.to_string(), true, net),
        }
        if let Some(relay) = relay {
            self.is_the_only_read(file, net);
            let length = length.map(|length| length + going.map_or(0, |going| going.from));
            let of = going.map(|going| going.of);
            self.relays.insert(relay, Growing { file, state: State::Arriving(conn), length, of, before });
            if let Some(wire) = self.links.get_mut(&conn) {
                wire.reading = Some(relay);
            }
        }
        self.read(conn, net);
    }

    fn is_the_only_read(&self, file: Option<FileUuid>, net: &HostCtx<'_>) {
        let Some(file) = file else { return };
        let host = net.host();
        let mut ledger = self.setup.ledger.borrow_mut();
        if self.kept.contains(&file) {
            ledger.violate(ONE_READ, format_args!("{host} reads {file}, which it has kept"));
        }
        let arriving = |growing: &Growing| matches!(growing.state, State::Arriving(_));
        if self.relays.values().any(|growing| growing.file == Some(file) && arriving(growing)) {
            ledger.violate(ONE_READ, format_args!("{host} reads {file} twice at once"));
        }
    }

    pub(super) fn arrived(&mut self, conn: ConnId, receiving: Receiving, net: &mut HostCtx<'_>) {
        let wire = self.links.get_mut(&conn);
        let (rests, relay) =
            wire.map_or((true, None), |wire| (wire.link.rests(wire.sending.is_some()), wire.reading.take()));
        if rests {
            self.transfers.remove(&conn);
        }
        match receiving.incoming.finish() {
            Ok((content, hash)) => {
                let length = content.len();
                match relay.and_then(|relay| self.relays.get_mut(&relay)) {
                    Some(growing) if !begins_with(&content, &growing.before) => {
                        let what = "these are other bytes than the earlier owner's".to_owned();
                        return self.receive_failed(conn, what, false, net);
                    }
                    Some(growing) => growing.state = State::Whole(receiving.incoming, content),
                    None => self.shelf.drop_file(&receiving.incoming),
                }
                self.feed_readers(net);
                if self.is_wrong(conn, hash, net) {
                    return;
                }
                self.step(Input::FileArrived { conn, length, hash: Some(hash), archive: true }, net);
            }
            // All of it is off the wire: the connection is in order.
            Err(error) => {
                self.step(Input::NotStored { conn, what: error.to_string() }, net);
                self.step(Input::FileArrived { conn, length: 0, hash: None, archive: false }, net);
            }
        }
    }

    pub(super) fn receive_failed(&mut self, conn: ConnId, what: String, local: bool, net: &mut HostCtx<'_>) {
        self.let_go(conn, net);
        self.step(Input::ReceiveFailed { conn, what, local }, net);
    }

    pub(super) fn keep(&mut self, relay: RelayId, commit: &Commit, net: &mut HostCtx<'_>) {
        let kept = match self.relays.get(&relay).map(|growing| &growing.state) {
            // Under the group for which it was elected, if it was.
            Some(State::Whole(incoming, _)) => {
                let labelled = Commit { group: self.host.config().group.clone(), ..commit.clone() };
                self.shelf.keep(incoming, &labelled).map_err(|e| e.to_string())
            }
            _ => Err("its bytes are gone".to_owned()),
        };
        if let Err(what) = kept {
            return self.step(Input::KeepFailed { relay, what }, net);
        }
        if let Ok(content) = self.shelf.open(commit.file) {
            let mut ledger = self.setup.ledger.borrow_mut();
            ledger.has_bytes(net.host(), "keeps", commit.file, &content);
            ledger.tally.bytes += content.len();
            drop(ledger);
            self.kept.insert(commit.file);
        }
        if self.setup.planted == Planted::KeptForgotten {
            return self.step(Input::KeepFailed { relay, what: "forgotten".to_owned() }, net);
        }
        self.step(Input::Kept { relay }, net);
    }

    pub(super) fn drop_read(&mut self, relay: RelayId) {
        let Some(growing) = self.relays.remove(&relay) else { return };
        if let Some(of) = growing.of.filter(|_| !matches!(growing.state, State::Whole(..))) {
            let came = growing.content_of(self);
            // Where there is less than was kept before, that stays.
            let _ = self.parts.broke(of, &came);
        }
        if let State::Whole(incoming, _) = growing.state {
            self.shelf.drop_file(&incoming);
        }
    }

    pub(super) fn forget(&mut self, file: FileUuid) {
        self.kept.remove(&file);
        self.shelf.remove(file);
    }

    // ---- to those who ask

    pub(super) fn send_file(
        &mut self,
        conn: ConnId,
        ask: AskId,
        file: FileUuid,
        bytes: Bytes,
        net: &mut HostCtx<'_>,
    ) {
        let opened = match bytes {
            Bytes::Stored => {
                let stored = self.shelf.open(file).map_err(|error| error.to_string());
                stored.map(|content| (content.len(), Some(content)))
            }
            // A read whose first byte could not be stored has nothing to give, not even a length.
            Bytes::Growing(relay) => match self.relays.get(&relay) {
                Some(growing) => Ok((growing.length.unwrap_or(0), None)),
                None => Err("it never began".to_owned()),
            },
        };
        let (length, stored) = match opened {
            Ok(opened) => opened,
            Err(what) => return self.step(Input::SendFailed { ask, what, begun: false }, net),
        };
        let announced = self.host.commit(file).and_then(|commit| commit.blake3);
        let hash = stored.as_ref().map(Content::digest).or(announced);
        let from = self.parts.from(conn, file, hash, length);
        let Some(wire) = self.links.get_mut(&conn) else { return };
        let mut ledger = self.setup.ledger.borrow_mut();
        ledger.tells(net.host(), wire.link.peer, "gives", file);
        if let Some(content) = &stored {
            ledger.has_bytes(net.host(), "sends", file, content);
        }
        drop(ledger);
        let growing = match (&stored, bytes) {
            (None, Bytes::Growing(relay)) => Some((relay, from)),
            _ => None,
        };
        if from > 0 {
            wire.link.push_message(&answer(from));
        }
        wire.link.push_header(length - from);
        if let Some(content) = &stored {
            wire.link.push_part(&content.part(from, length - from));
        }
        wire.sending = Some(Sending { ask, length, growing, held: Vec::new() });
        wire.link.idle_at = Some(net.now() + IDLE);
        self.transfers.insert(conn);
        self.feed_readers(net);
        self.flush(conn, net);
    }

    pub(super) fn stop_send(&mut self, ask: AskId, net: &mut HostCtx<'_>) {
        let conn = self
            .links
            .iter()
            .find(|(_, wire)| wire.sending.as_ref().is_some_and(|sending| sending.ask == ask));
        let Some(conn) = conn.map(|(conn, _)| *conn) else { return };
        if let Some(wire) = self.links.get_mut(&conn) {
            wire.sending = None;
        }
        self.let_go(conn, net);
        let what = "the rest never came".to_owned();
        self.step(Input::SendFailed { ask, what, begun: true }, net);
    }

    /// Whoever reads along gets what has come.
    pub(super) fn feed_readers(&mut self, net: &mut HostCtx<'_>) {
        let wanted: BTreeMap<ConnId, (RelayId, u64, u64)> = self
            .links
            .iter()
            .filter_map(|(conn, wire)| {
                let sending = wire.sending.as_ref()?;
                let (relay, from) = sending.growing?;
                Some((*conn, (relay, from, sending.length)))
            })
            .collect();
        for (conn, (relay, from, length)) in wanted {
            let Some(growing) = self.relays.get(&relay) else { continue };
            let content = growing.content_of(self);
            let there = content.len().min(length);
            let Some(wire) = self.links.get_mut(&conn) else { continue };
            if there > from {
                wire.link.push_part(&content.part(from, there - from));
            }
            if let Some(sending) = &mut wire.sending {
                // All of it waits in the queue now.
                sending.growing = (there < length).then_some((relay, there.max(from)));
            }
            self.flush(conn, net);
        }
    }

    /// What has come on a link of the file that it receives.
    fn on_link(&self, conn: ConnId) -> Content {
        self.links.get(&conn).and_then(|wire| wire.link.arrived()).unwrap_or_default()
    }
}

impl Growing {
    pub(super) fn content_of(&self, rack: &SessionHost) -> Content {
        let now = match &self.state {
            State::Arriving(conn) => rack.on_link(*conn),
            State::Here(content) | State::Whole(_, content) => content.clone(),
        };
        if now.len() < self.before.len() { self.before.clone() } else { now }
    }

    /// The link that gave it is going: what came stays.
    pub(super) fn let_go(&mut self, came: Content) {
        if matches!(self.state, State::Arriving(_)) {
            let longer = if came.len() < self.before.len() { std::mem::take(&mut self.before) } else { came };
            self.state = State::Here(longer);
        }
    }
}

fn begins_with(content: &Content, before: &Content) -> bool {
    before.len() <= content.len() && content.part(0, before.len()).same_as(before)
}
