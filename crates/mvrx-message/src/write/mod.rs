//! A [`Message`] into the one form that every known product reads: all fields, never null, compact, `Type` first.
//!
//! It mirrors the write column of table 3.2 of the interoperability notes: integers for versions, booleans for `OK`, lower case
//! UUIDs, no string above [`Dialect::string_bytes`], a FileName without a path. What differs for a product is in the
//! [`Dialect`]. It deliberately does not know what was received: a message that is passed on is written anew.
//!
//! Versions are always written as 1.6, since a product refuses others; the true one travels in the `mvrx` object.

mod list;
mod mvrx;
mod shapes;

use serde::Serialize;

use self::shapes::{
    CommitShape, JoinRetShape, JoinShape, LeaveShape, NewSessionHostShape, ReplyShape, RequestShape,
    TypeShape,
};
use crate::{Dialect, Message, MessageType};

impl Message {
    /// The message as JSON.
    // req: MSG-STRICT
    #[must_use]
    pub fn to_json(&self, dialect: &Dialect) -> Vec<u8> {
        let mut out = Vec::with_capacity(TYPICAL_BYTES);
        self.append_json(dialect, &mut out);
        out
    }

    /// Appends the message as JSON to bytes that are there already.
    pub fn append_json(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        match self {
            Self::Join(join) => {
                list::append(
                    out,
                    &JoinShape::of(join, dialect),
                    &join.commits,
                    dialect,
                    dialect.join_bytes(),
                );
            }
            Self::JoinRet(ret) => {
                list::append(
                    out,
                    &JoinRetShape::of(ret, dialect),
                    &ret.commits,
                    dialect,
                    dialect.join_ret_bytes(),
                );
            }
            Self::Leave(leave) => append(out, &LeaveShape::of(leave, dialect)),
            Self::LeaveRet(reply) => append(out, &ReplyShape::of(MessageType::LeaveRet, reply, dialect)),
            Self::Commit(commit) => append(out, &CommitShape::of(commit, dialect)),
            Self::CommitRet(reply) => append(out, &ReplyShape::of(MessageType::CommitRet, reply, dialect)),
            Self::Request(request) => append(out, &RequestShape::of(request, dialect)),
            Self::RequestRet(reply) => append(out, &ReplyShape::of_request(reply, dialect)),
            Self::NewSessionHost(host) => append(out, &NewSessionHostShape::of(host, dialect)),
            Self::NewSessionHostRet(ret) => append(out, &ReplyShape::of_move(ret, dialect)),
            Self::Unknown { kind } => append(out, &TypeShape::of(kind, dialect)),
        }
    }
}

#[expect(clippy::expect_used, reason = "the shapes have only string keys and a Vec takes every byte")]
fn append(out: &mut Vec<u8>, shape: &impl Serialize) {
    serde_json::to_writer(out, shape).expect("these shapes always serialize");
}

const TYPICAL_BYTES: usize = 512;

#[cfg(test)]
mod tests;
