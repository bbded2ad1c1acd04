//! A scripted station of TCP Mode: one connection of it.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::script::{Answer, answer};
use super::watched::{Form, Said};
use super::{Shared, WRITE};
use crate::judge::Limits;
use crate::mvr::messages;
use crate::mvr::package::{self, FILE, JSON, NoPackage};
use crate::transcript::{Transcript, Way};
use crate::wire::Wire;

/// Answers until it ends.
pub(super) fn serve(stream: TcpStream, shared: &Shared, limits: Limits, until: Instant) {
    let Ok(mut wire) = Wire::over(stream, WRITE) else { return };
    let transcript = Transcript::default();
    loop {
        let package = match package::receive(&mut wire, limits.message, until, &transcript) {
            Ok(package) => package,
            Err(NoPackage::Silence | NoPackage::Closed | NoPackage::Nonsense(_)) => return,
        };
        let message: Option<Value> = serde_json::from_str(&String::from_utf8_lossy(&package.payload)).ok();
        let said = Said {
            form: Form::Package { header: package.header, short: package.short },
            utf8: std::str::from_utf8(&package.payload).is_ok(),
            message: message.clone().filter(Value::is_object),
            seen: transcript.take(),
        };
        let answer = {
            let mut watched = shared.watched();
            watched.hears(said);
            message.as_ref().and_then(|message| answer(&watched, message))
        };
        shared.came.notify_all();
        let bytes = match answer {
            Some(Answer::Message(ret)) => package::package(JSON, ret.to_string().as_bytes()),
            Some(Answer::File) => package::package(FILE, &messages::test_file()),
            None => return,
        };
        transcript.note(Way::Sent, "answer", &bytes);
        if wire.write(&bytes).is_err() {
            return;
        }
    }
}
