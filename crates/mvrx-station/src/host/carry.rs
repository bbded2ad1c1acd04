//! What the host wants done, as jobs for connections, the store and the application.

use std::sync::Arc;

use mvrx_core::ConnId;
use mvrx_core::host::{AskId, Bytes, Input, Output, RelayId, Take};
use mvrx_message::{Dialect, FileUuid, Message};
use mvrx_transport::Progress;

use super::driver::{Done, HostDriver, Parked, Sending, Work};
use super::growing::Growing;
use super::link::Receive;
use super::options::HostOptions;
use super::sending::{FileJob, From, Stop};
use crate::commit;
use crate::looking::{Keeping, Looked, Outcome, checked, event_of};

impl HostDriver {
    pub(super) fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { conn, message, dialect } => {
                if let Some(message) = self.putting_down.pass(conn, message, dialect) {
                    self.send(conn, message, dialect);
                }
            }
            Output::SendFile { conn, ask, file, bytes, shared } => {
                self.send_file(conn, ask, file, bytes, shared);
            }
            Output::StopSend { ask } => self.stop_send(ask),
            Output::ReceiveFile { conn, take, expected, again, doubted } => {
                self.receive(conn, take, expected, (again, doubted));
            }
            Output::KeepFile { relay, commit } => {
                let arrived = self.growing.get(&relay).and_then(|growing| growing.take_arrived());
                match arrived {
                    Some(pending) => self.work.push_back(Work::Keep(relay, pending, commit)),
                    None => {
                        let what = "its bytes are gone".to_owned();
                        self.next.push_back(Input::KeepFailed { relay, what });
                    }
                }
                self.go_on_working();
            }
            Output::DropFile { relay } => self.drop_file(relay),
            Output::ForgetFile { file } => {
                self.work.push_back(Work::Forget(file));
                self.go_on_working();
            }
            Output::Export { ask } => self.export(ask),
            Output::Close { conn, code, why } => {
                tracing::debug!(?conn, code, why, "closing");
                self.part(conn, code, &why);
            }
            Output::AskAlive { conn } => {
                if let Some(link) = self.links.get(&conn) {
                    link.ask_alive(conn, self.reports.clone());
                }
            }
            Output::Event(event) => self.on_event(event),
            _ => {}
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, mut message: Box<Message>, dialect: Dialect) {
        self.with_ticket(conn, &mut message);
        if let Message::Request(request) = message.as_mut() {
            self.ask_for_the_rest(conn, request);
        }
        let sent = self.links.get(&conn).map(|link| link.send(message, dialect));
        if let Some(Err(much)) = sent {
            let what = format!("{} bytes of messages wait, {} are allowed", much.waiting, much.allowed);
            self.not_reading(conn, &what);
        }
    }

    // req: HDR-01
    fn send_file(&mut self, conn: ConnId, ask: AskId, file: FileUuid, bytes: Bytes, shared: bool) {
        let gone = |what: &str| Input::SendFailed { ask, what: what.to_owned(), begun: false };
        if !self.links.contains_key(&conn) {
            return self.next.push_back(gone("its connection is gone"));
        }
        let stop = Stop::default();
        let from = match bytes {
            Bytes::Stored => From::Stored(file),
            Bytes::Growing(relay) => match self.growing.get(&relay) {
                Some(growing) => From::Growing(Arc::clone(growing)),
                None => return self.next.push_back(gone("its bytes are gone")),
            },
        };
        let sized = self.host.commit(file).is_some_and(|commit| commit.file_size != 0);
        let style = self.options.style(self.host.product(conn), shared, sized);
        self.sending.insert(ask, Sending { conn, stop: stop.clone() });
        let unknown = matches!(&from, From::Growing(growing) if !growing.has_length());
        let hash = self.host.commit(file).and_then(|commit| commit.blake3);
        let part = self.parts.wanted(conn, file);
        let job = FileJob { ask, from, style, stop, part, hash };
        match (bytes, unknown) {
            (Bytes::Growing(relay), true) => self.parked.push(Parked { conn, relay, job }),
            _ => {
                if let Some(link) = self.links.get(&conn) {
                    link.send_file(job);
                }
            }
        }
    }

    /// The length is known now.
    pub(super) fn unpark(&mut self, relay: RelayId) {
        let (now, later) = std::mem::take(&mut self.parked).into_iter().partition(|p| p.relay == relay);
        self.parked = later;
        let now: Vec<Parked> = now;
        for Parked { conn, job, .. } in now {
            if let Some(link) = self.links.get(&conn) {
                link.send_file(job);
            }
        }
    }

    fn stop_send(&mut self, ask: AskId) {
        let why = "the rest of it does not come";
        if let Some(at) = self.parked.iter().position(|parked| parked.job.ask == ask) {
            self.parked.remove(at);
            self.sending.remove(&ask);
            self.next.push_back(Input::SendFailed { ask, what: why.to_owned(), begun: false });
        } else if let Some(sending) = self.sending.get(&ask) {
            sending.stop.stop(why);
        }
    }

    // req: HDR-02
    fn receive(&mut self, conn: ConnId, take: Take, expected: Option<u64>, (again, doubted): (bool, bool)) {
        let going = self.parts.begins(conn);
        let from = going.map_or(0, |going| going.from);
        let into = match take {
            Take::Discard => None,
            Take::Keep(relay) | Take::Relay(relay) => {
                let fresh = || Growing::new(expected, doubted, going.map(|going| going.of));
                let growing = match self.growing.get(&relay).filter(|_| again) {
                    Some(growing) => Arc::clone(growing),
                    None => fresh(),
                };
                self.growing.insert(relay, Arc::clone(&growing));
                Some((relay, growing))
            }
        };
        let progress = Progress::new();
        progress.add(from);
        if let Some(file) = self.asked.remove(&conn).filter(|_| into.is_some()) {
            for requested in self.requests.values().filter(|requested| requested.file == file) {
                requested.progress.follow(expected, &progress);
            }
        }
        if let Some(link) = self.links.get(&conn) {
            let ending = HostOptions::ending(self.host.product(conn), doubted);
            let expected = expected.map(|expected| expected.saturating_sub(from));
            link.receive(Receive { into, from, expected, ending, progress });
        }
    }

    fn drop_file(&mut self, relay: RelayId) {
        if let Some(growing) = self.growing.remove(&relay) {
            let part_of = growing.leaves_part_of();
            let parts = growing.give_up("the rest of it does not come");
            // Removing a file takes its time, and so does keeping a part of it.
            let leaving = tokio::task::spawn_blocking(move || {
                drop(parts);
                growing.let_go();
            });
            if let Some(file) = part_of {
                self.put_down(file, leaving);
            }
        }
    }

    /// Gives the store the next thing to do.
    pub(super) fn go_on_working(&mut self) {
        if self.working {
            return;
        }
        let Some(work) = self.work.pop_front() else { return };
        self.working = true;
        let (store, done, group) = (Arc::clone(&self.store), self.done.clone(), self.group.clone());
        let (look, cancel) = (self.look, self.stop_looking.clone());
        tokio::spawn(async move {
            let told = match work {
                Work::Keep(relay, pending, commit) => {
                    let keeping = Keeping { pending, commit: (*commit).clone(), group, cancel };
                    let outcome = look.keep(keeping, |_| {}).await;
                    Done::Kept(relay, Box::new(Looked { commit: *commit, outcome }))
                }
                Work::Forget(file) => {
                    let removed = tokio::task::spawn_blocking(move || store.remove(file)).await;
                    if let Ok(Err(error)) = removed {
                        tracing::warn!(%file, %error, "a file was not removed");
                    }
                    Done::Forgotten
                }
            };
            // The driver is gone: nobody needs it any more.
            let _ = done.send(told).await;
        });
    }

    /// A damaged file is not kept, and from then on neither listed nor passed on. Those to whom it went while it came look through it
    /// themselves.
    // req: HDR-12
    pub(super) fn kept(&mut self, relay: RelayId, looked: Looked) {
        let Looked { commit, outcome } = looked;
        let (file, from) = (commit.file, self.host.owner(relay));
        match outcome {
            Outcome::Kept(condition) => {
                let announced = self.host.commit(file);
                let checked = condition.map(|condition| checked(condition, announced, &commit));
                if let Some(event) = checked.as_ref().and_then(|checked| event_of(file, from, checked)) {
                    self.tell(event);
                }
                // Who reads it goes on; who begins now reads the store.
                self.growing.remove(&relay);
                self.checked = checked.map(|checked| (file, checked));
                self.step(Input::Kept { relay });
                self.checked = None;
            }
            Outcome::PutAside { what, path } => {
                self.tell(mvrx_core::Event::FilePutAside {
                    file,
                    from,
                    what: format!("damaged: {what}"),
                    path,
                });
                self.step(Input::Damaged { relay, what });
            }
            Outcome::Failed(what) => self.step(Input::KeepFailed { relay, what }),
        }
    }

    fn export(&mut self, ask: AskId) {
        let (store, done, exporter) = (Arc::clone(&self.store), self.done.clone(), self.exporter.clone());
        let (group, look) = (self.group.clone(), self.look);
        let by = (self.maker(), self.host.next_order());
        tokio::spawn(async move {
            let commit = match exporter {
                Some(exporter) => commit::export(exporter, (store, look), by, group).await,
                None => None,
            };
            let _ = done.send(Done::Exported(ask, commit)).await;
        });
    }
}
