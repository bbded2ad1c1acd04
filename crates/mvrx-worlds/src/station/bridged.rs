//! What a station is that belongs to a bridge: what its bridge has it do, and how it ends while its machine goes on.

use lan_sim::{Conn, Content, HostCtx};
use mvrx_core::{Command, Input, RequestId, Requested, Source};
use mvrx_message::{Commit, FileUuid};

use super::Station;
use crate::bridging;

impl Station {
    /// The files that it lists from its start on.
    pub(super) fn recover(&self) -> Vec<(Commit, Content)> {
        let mut files = self.of_group(self.core.config().group.as_str());
        if let Some(part) = &self.setup.part {
            files.retain(|(commit, _)| part.lists.is_some() && commit.station == part.lists);
            let as_they_are = files.into_iter().filter_map(|(commit, content)| {
                bridging::as_it_is((commit, content.clone())).map(|commit| (commit, content))
            });
            files = as_they_are.collect();
        }
        files
    }

    /// Its bridge, or its world, has it do something.
    pub(crate) fn order(&mut self, command: Command, net: &mut HostCtx<'_>) {
        self.step(Input::Command(command), net);
    }

    /// A file is requested.
    pub(crate) fn fetch(&mut self, file: FileUuid, net: &mut HostCtx<'_>) -> RequestId {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.setup.ledger.borrow_mut().requested(net.host(), request);
        let requested = Requested::File(file);
        self.step(Input::Command(Command::Request { request, requested, source: Source::Any }), net);
        request
    }

    /// Whether it made this request, of a bridge's stations.
    pub(crate) fn made(&self, request: RequestId) -> bool {
        self.setup
            .part
            .as_ref()
            .is_some_and(|part| part.requests < request.0 && request.0 <= self.next_request)
    }

    /// Whether this is one of its connections.
    pub(crate) fn has(&self, conn: Conn) -> bool {
        self.by_conn.contains_key(&conn) || self.closing.contains_key(&conn)
    }

    /// It is no more: its connections are reset, its port is free.
    pub(crate) fn end(self, net: &mut HostCtx<'_>) {
        for conn in self.links.values().map(|link| link.conn).chain(self.closing.keys().copied()) {
            net.abort(conn);
        }
        for instance in &self.announced {
            net.withdraw(instance);
        }
        net.unlisten(self.port);
    }
}
