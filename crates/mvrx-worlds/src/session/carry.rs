//! What the host wants, done on its machine.

use lan_sim::{Conn, HostCtx, SendQueue};
use mvrx_core::ConnId;
use mvrx_core::host::{Event, Input, Output};
use mvrx_message::{Dialect, Message};

use super::SessionHost;
use crate::Planted;
use crate::station::{Closing, IDLE};

impl SessionHost {
    pub(super) fn carry_out(&mut self, output: Output, net: &mut HostCtx<'_>) {
        match output {
            Output::Send { conn, mut message, dialect } => {
                if self.keeps_back(&message) {
                    return;
                }
                self.with_ticket(conn, &mut message);
                if let Message::Request(request) = &mut *message {
                    self.ask_for_the_rest(conn, request);
                }
                self.says(conn, &message, net.host());
                let Some(wire) = self.links.get_mut(&conn) else { return };
                let json = message.to_json(&dialect);
                match &mut wire.sending {
                    Some(sending) => sending.held.push(json),
                    None => wire.link.push_message(&json),
                }
                self.flush(conn, net);
            }
            Output::SendFile { conn, ask, file, bytes, .. } => self.send_file(conn, ask, file, bytes, net),
            Output::StopSend { ask } => self.stop_send(ask, net),
            Output::ReceiveFile { conn, take, .. } => self.receive_file(conn, take, net),
            Output::KeepFile { relay, commit } => self.keep(relay, &commit, net),
            Output::DropFile { relay } => self.drop_read(relay),
            Output::ForgetFile { file } => self.forget(file),
            Output::Export { ask } => self.step(Input::Exported { ask, commit: None }, net),
            Output::Close { conn, .. } => self.let_go(conn, net),
            Output::AskAlive { conn } => {
                let Some(wire) = self.links.get_mut(&conn) else { return };
                let ping = wire.link.ask();
                match &mut wire.sending {
                    Some(sending) => sending.held.push(ping),
                    None => wire.link.push_message(&ping),
                }
                self.flush(conn, net);
            }
            Output::Event(event) => {
                self.tells(&event, net);
                if let Event::CommitWithdrawn { file, .. } = &event
                    && self.host.holds(*file)
                {
                    // A disk that fails now: its author says so again.
                    let _ = self.shelf.take_back(*file);
                }
                if self.elected {
                    self.heard.push_back(event);
                }
            }
            _ => {}
        }
    }

    /// The planted bug.
    fn keeps_back(&mut self, message: &Message) -> bool {
        if self.setup.planted != Planted::CommitNotRelayed || !matches!(message, Message::Commit(_)) {
            return false;
        }
        self.relayed += 1;
        self.relayed.is_multiple_of(5)
    }

    /// Another one.
    pub(super) fn echoes(&mut self, conn: ConnId, message: &Message, net: &mut HostCtx<'_>) {
        if self.setup.planted == Planted::CommitEchoed && matches!(message, Message::Commit(_)) {
            let (message, dialect) = (Box::new(message.clone()), Dialect::strict());
            self.carry_out(Output::Send { conn, message, dialect }, net);
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
            _ => {}
        }
    }

    // ---- bytes

    pub(super) fn flush(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        let Some(wire) = self.links.get_mut(&id) else { return };
        let before = wire.link.out.len();
        let Ok(done) = wire.link.out.flush(wire.link.conn, net) else { return };
        if wire.sending.is_some() && wire.link.out.len() != before {
            wire.link.idle_at = Some(net.now() + IDLE);
        }
        if !done || wire.sending.as_ref().is_none_or(|sending| sending.growing.is_some()) {
            return;
        }
        let Some(sent) = wire.sending.take() else { return };
        for json in &sent.held {
            wire.link.push_message(json);
        }
        if wire.link.rests(false) {
            self.transfers.remove(&id);
        }
        self.step(Input::FileSent { ask: sent.ask, length: sent.length }, net);
        self.flush(id, net);
    }

    pub(super) fn writable(&mut self, conn: Conn, net: &mut HostCtx<'_>) {
        if let Some(id) = self.by_conn.get(&conn).copied() {
            return self.flush(id, net);
        }
        if let Some(closing) = self.closing.get_mut(&conn) {
            closing.until = net.now() + IDLE;
            if closing.queue.flush(conn, net) != Ok(false) {
                self.closing.remove(&conn);
                net.close(conn);
            }
        }
    }

    /// A connection is over by itself.
    pub(super) fn ended(&mut self, id: ConnId, what: &str, net: &mut HostCtx<'_>) {
        let what = what.to_owned();
        let wire = self.links.get(&id);
        if wire.is_some_and(|wire| wire.link.is_receiving()) {
            return self.receive_failed(id, what, false, net);
        }
        self.let_go(id, net);
        self.step(Input::Closed { conn: id, what }, net);
    }

    /// Ends reading at once; what waits still goes out, then the link is closed.
    pub(super) fn let_go(&mut self, id: ConnId, net: &mut HostCtx<'_>) {
        let Some(mut wire) = self.links.remove(&id) else { return };
        self.by_conn.remove(&wire.link.conn);
        self.transfers.remove(&id);
        self.tickets.remove(&id);
        self.parts.over(id);
        let _ = self.parts.ends(id);
        let came = wire.link.arrived().unwrap_or_default();
        if let Some(receiving) = wire.link.abandon() {
            self.shelf.drop_file(&receiving.incoming);
        }
        if let Some(growing) = wire.reading.and_then(|relay| self.relays.get_mut(&relay)) {
            growing.let_go(came);
        }
        if wire.sending.is_some() {
            // A file that breaks off ends with its connection: nothing else says that it is not whole.
            wire.link.out = SendQueue::new();
            return net.abort(wire.link.conn);
        }
        if wire.link.out.flush(wire.link.conn, net) == Ok(false) {
            let closing = Closing { queue: wire.link.out, until: net.now() + IDLE, sending: None };
            self.closing.insert(wire.link.conn, closing);
        } else {
            net.close(wire.link.conn);
        }
    }

    pub(super) fn keep_alive(&mut self, net: &mut HostCtx<'_>) {
        let now = net.now();
        let due: Vec<ConnId> = self
            .links
            .iter()
            .filter(|(_, wire)| wire.link.beat_at().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            if self.links.get_mut(&id).is_some_and(|wire| wire.link.keep_alive(now)) {
                self.flush(id, net);
            } else {
                self.ended(id, "it does not answer pings", net);
            }
        }
    }

    pub(super) fn end_idle(&mut self, net: &mut HostCtx<'_>) {
        let now = net.now();
        let due =
            |id: &&ConnId| self.links.get(id).and_then(|wire| wire.link.idle_at).is_some_and(|at| at <= now);
        let idle: Vec<ConnId> = self.transfers.iter().filter(due).copied().collect();
        for id in idle {
            self.ended(id, "nothing moved for too long", net);
        }
        let stuck: Vec<Conn> =
            self.closing.iter().filter(|(_, closing)| closing.until <= now).map(|(conn, _)| *conn).collect();
        for conn in stuck {
            self.closing.remove(&conn);
            net.abort(conn);
        }
    }
}
