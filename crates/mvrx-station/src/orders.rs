//! What the application orders of its station, and how each order is carried out: most become a [`Command`] of the core; a file is copied into the store
//! first, and questions are answered from what the core knows.

use std::collections::BTreeSet;
use std::sync::Arc;

use mvrx_core::{Command, CommitView, ConnId, Input, RequestFailure, RequestId};
use mvrx_message::{Commit, FileUuid, GroupName, SessionTarget, StationUuid, Successor};
use mvrx_store::StoredCommit;
use tokio::sync::oneshot;

use crate::CommitDraft;
use crate::beside::HostTells;
use crate::change;
use crate::commit::{self, CommitError, Copied, Maker};
use crate::driver::{Done, Driver};
use crate::handle::{CommitInfo, SessionInfo, StationInfo};
use crate::moves::MoveTold;
use crate::transfer::{Fetched, Progress};
use crate::{letting_go, withdrawing};

/// What the application orders.
#[derive(Debug)]
pub(crate) enum Order {
    Command(Command),
    /// The host that runs beside us.
    HostTells(Box<HostTells>),
    Commit {
        draft: CommitDraft,
        done: oneshot::Sender<Result<Commit, CommitError>>,
    },
    Request {
        request: RequestId,
        command: Command,
        progress: Progress,
        end: oneshot::Sender<Result<Fetched, RequestFailure>>,
    },
    Cancel(RequestId),
    Withdraw(FileUuid, withdrawing::Told),
    /// Our store is about to drop it.
    LetGo(Box<StoredCommit>, letting_go::Answer),
    ChangeGroup(GroupName, change::Told),
    Move {
        to: SessionTarget,
        force: bool,
        told: MoveTold,
    },
    MoveWith {
        to: SessionTarget,
        others: BTreeSet<StationUuid>,
        told: MoveTold,
    },
    /// The session that we host goes on elsewhere.
    EndFor(Successor, oneshot::Sender<()>),
    Stations(oneshot::Sender<Vec<StationInfo>>),
    Session(oneshot::Sender<Option<SessionInfo>>),
    Commits(oneshot::Sender<Vec<CommitInfo>>),
    Stop(oneshot::Sender<()>),
    /// The same without a word: another one has our StationUUID and goes on.
    GiveWay(oneshot::Sender<()>),
}

impl Driver {
    pub(crate) fn on_order(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Command(command)) => {
                if let Some(command) = self.answer_host(command) {
                    self.step(Input::Command(command));
                }
            }
            Some(Order::HostTells(told)) => self.host_tells(*told),
            Some(Order::Commit { draft, done }) => self.import(draft, done),
            Some(Order::Request { request, command, progress, end }) => {
                self.requests.insert(request, (progress, end));
                self.step(Input::Command(command));
            }
            Some(Order::Cancel(request)) => self.step(Input::Command(Command::Cancel(request))),
            Some(Order::Withdraw(file, told)) => self.withdraw(file, told),
            Some(Order::LetGo(going, told)) => self.let_go(&going, &told),
            Some(Order::ChangeGroup(to, told)) => self.change_group(to, told),
            Some(Order::Move { to, force, told }) => {
                self.move_to(to.clone(), Command::Move { to, force }, told);
            }
            Some(Order::MoveWith { to, others, told }) => {
                self.move_to(to.clone(), Command::MoveWith { to, others }, told);
            }
            // Nothing is hosted here.
            Some(Order::EndFor(_, told)) => drop(told),
            Some(Order::Stations(reply)) => {
                let _ = reply.send(self.core.stations().map(|view| StationInfo::of(&view)).collect());
            }
            Some(Order::Session(reply)) => {
                let _ = reply.send(self.core.session().map(|view| SessionInfo::of(&view)));
            }
            Some(Order::Commits(reply)) => {
                let seen = |file| self.seen.get(&file).copied();
                let of = |view: CommitView<'_>| {
                    let file = view.commit.file;
                    CommitInfo::of(&view, seen(file), self.fetched.of(file))
                };
                let _ = reply.send(self.core.commits().map(of).collect());
            }
            Some(Order::GiveWay(told)) => {
                self.stopping.push(told);
                self.stopped = true;
            }
            Some(Order::Stop(told)) => {
                self.stopping.push(told);
                self.step(Input::Command(Command::Leave));
            }
            None => {
                // The last handle is gone: nobody waits, but the others are told.
                let (told, _) = oneshot::channel();
                self.stopping.push(told);
                self.step(Input::Command(Command::Leave));
            }
        }
    }

    fn import(&mut self, draft: CommitDraft, told: oneshot::Sender<Result<Commit, CommitError>>) {
        let (store, done, look) = (Arc::clone(&self.store), self.done.clone(), self.look);
        let by = self.maker();
        let (mut heard, round) = (self.heard.subscribe(), self.core.config().timers.first_round);
        let until = self.started + round;
        tokio::spawn(async move {
            let result = commit::copy((store, look), draft, by).await;
            // What was just begun hears of others first: then its commits are later than theirs.
            // req: STA-29
            let _ = tokio::time::timeout_at(until, heard.wait_for(|heard| *heard)).await;
            let _ = done.send(Done::Copied(result, told)).await;
        });
    }

    fn maker(&self) -> Maker {
        let config = self.core.config();
        Maker::new(config.station, &config.station_name, &config.provider)
    }

    /// Lists a file of ours in the group where we are.
    pub(crate) fn list(&mut self, copied: Copied, told: oneshot::Sender<Result<Commit, CommitError>>) {
        self.listing += 1;
        let (done, group, order) = (self.done.clone(), self.group.clone(), self.core.next_order());
        tokio::spawn(async move {
            let result = commit::list(copied, group.clone(), order).await;
            let _ = done.send(Done::Imported(result, group, told)).await;
        });
    }

    pub(crate) fn export(&mut self, conn: ConnId) {
        let (store, done, exporter) = (Arc::clone(&self.store), self.done.clone(), self.exporter.clone());
        let (group, look) = (self.group.clone(), self.look);
        let by = (self.maker(), self.core.next_order());
        tokio::spawn(async move {
            let commit = match exporter {
                Some(exporter) => commit::export(exporter, (store, look), by, group.clone()).await,
                None => None,
            };
            let _ = done.send(Done::Exported(conn, group, commit)).await;
        });
    }
}
