//! Files that broke off and go on, as a station's driver has them: [`mvrx_core::parts`] says what is asked for, here are the files.

use mvrx_core::parts::{Going, answer};
use mvrx_core::{ConnId, Input, RequestId};
use mvrx_message::{Dialect, Message};
use mvrx_store::Pending;
use mvrx_transport::{BoxError, FileSource, MessageWriter, SourceRead};

use crate::HostOptions;
use crate::connection::{Job, Receive};
use crate::driver::Driver;

impl Driver {
    pub(crate) fn send(&mut self, (conn, mut message): (ConnId, Box<Message>), dialect: Dialect) {
        if let Message::Request(request) = message.as_mut() {
            let announced = request.file.and_then(|file| self.core.commit(file)).map(|view| view.commit);
            self.parts.ask(conn, request, announced, |of| self.store.part(of));
        }
        self.order(conn, Job::Send(message, dialect));
    }

    /// Notes what a message says of a part; whether it is meant for nobody else.
    pub(crate) fn is_of_parts(&mut self, input: &Input) -> bool {
        let Input::Received { conn, parsed } = input else { return false };
        if let Message::Request(request) = &parsed.message {
            self.parts.wants(*conn, request);
        }
        self.parts.is_answer(*conn, &parsed.message)
    }

    pub(crate) fn receive(&mut self, (conn, request): (ConnId, RequestId), expected: Option<u64>) {
        let going = self.parts.begins(conn);
        let from = going.map_or(0, |going| going.from);
        let progress = self.requests.get(&request).map(|(progress, _)| progress.begin(expected));
        let progress = progress.unwrap_or_default();
        progress.add(from);
        let product = self.core.session().map(|session| session.product);
        let ending = HostOptions::ending(product.unwrap_or_default(), false);
        let expected = expected.map(|expected| expected.saturating_sub(from));
        if let Some(link) = self.links.get(&conn) {
            // The reader waits for nothing else.
            let _ = link.receive(Receive { request, expected, going, ending, progress });
        }
    }

    /// A whole file is here, or what was taken for its beginning is not.
    pub(crate) fn arrived(
        &mut self,
        (request, pending): (RequestId, Box<dyn Pending>),
        going: Option<Going>,
    ) {
        let (length, hash) = (pending.length(), pending.hash());
        if going.is_some_and(|going| going.from > 0 && going.of.hash != hash) {
            drop(pending);
            return self.step(Input::PartWrong { request });
        }
        self.arrived.insert(request, pending);
        self.step(Input::FileArrived { request, length, hash });
    }

    /// A connection is over: its writer lets out what it has, then closes.
    pub(crate) fn unlink(&mut self, conn: ConnId) {
        self.parts.over(conn);
        if let Some(link) = self.links.remove(&conn) {
            link.close();
        }
    }
}

/// Writes that answer.
pub(crate) async fn say(writer: &mut dyn MessageWriter, from: u64) -> Result<(), mvrx_transport::WriteError> {
    match from {
        0 => Ok(()),
        from => writer.send(&answer(from), &Dialect::strict()).await.map(drop),
    }
}

/// The rest of a file.
#[derive(Debug)]
pub(crate) struct Rest {
    whole: Box<dyn FileSource>,
    from: u64,
}

impl Rest {
    pub(crate) fn of(whole: Box<dyn FileSource>, from: u64) -> Box<dyn FileSource> {
        if from == 0 { whole } else { Box::new(Self { whole, from }) }
    }
}

impl FileSource for Rest {
    fn length(&self) -> u64 {
        self.whole.length().saturating_sub(self.from)
    }

    fn settled_length(&self) -> Option<u64> {
        self.whole.settled_length().map(|length| length.saturating_sub(self.from))
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        self.whole.read_at(self.from.saturating_add(offset), buffer)
    }
}
