//! What a session's host does between its stations (Figures 4, 5, 7 and 9). The judge plays three of them; only with the operator's consent, since
//! everybody in the session is told of what they commit.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::line::{File, Heard, Line};
use super::{look, messages, moving};
use crate::case::{Case, Consent, field, must};
use crate::verdict::{Outcome, fail, not_offered};
use crate::visit::{Visit, uuid};

const COMMIT: &str = "MVR_COMMIT message, Figure 7";
const REQUEST: &str = "MVR_REQUEST message, Figure 9";
const ASKED: &[Consent] = &[Consent::Commits];

pub(super) const CASES: &[Case] = &[
    must(
        "host-passes-commits-on",
        COMMIT,
        "A COMMIT goes to all connected stations but the one that sent it.",
        &["HST-07"],
        |v| {
            let mut s = Session::begin(v)?;
            let told = s.committed(v, &[])?;
            if messages::field(&told, "FileUUID").is_empty() { fail("it has no FileUUID") } else { Ok(()) }
        },
    )
    .needs(ASKED),
    must(
        "host-keeps-the-author",
        COMMIT,
        "A COMMIT that is passed on names the station that made it.",
        &["HST-07"],
        |v| {
            let mut s = Session::begin(v)?;
            let told = s.committed(v, &[])?;
            let station = messages::field(&told, "StationUUID");
            if station.eq_ignore_ascii_case(&v.ids.first) {
                Ok(())
            } else {
                fail(format!("it names \"{station}\""))
            }
        },
    )
    .needs(ASKED),
    must(
        "host-keeps-the-fields",
        "Table 72",
        "A COMMIT that is passed on has its size, its version and its words.",
        &["HST-07"],
        |v| {
            let mut s = Session::begin(v)?;
            let told = s.committed(v, &[])?;
            for key in ["FileSize", "verMajor", "verMinor"] {
                look::number(&told, key)?;
            }
            let sent = messages::commit("", "", messages::test_file().len(), &[]);
            for key in ["FileSize", "Comment", "FileName"] {
                let (one, other) = (sent.get(key), told.get(key));
                if one != other {
                    return fail(format!("{key} was {one:?} and is {other:?}"));
                }
            }
            Ok(())
        },
    )
    .needs(ASKED),
    must("host-does-not-echo", COMMIT, "A COMMIT does not go back to who sent it.", &["HST-07"], |v| {
        let mut s = Session::begin(v)?;
        s.committed(v, &[])?;
        s.first.nothing(v.quiet(), "MVR_COMMIT", &s.file)
    })
    .needs(ASKED),
    must(
        "host-lists-for-newcomers",
        "MVR_JOIN message; Table 69",
        "Who joins later is told of the commits that are there.",
        &["HST-05"],
        |v| {
            let mut s = Session::begin(v)?;
            s.committed(v, &[])?;
            let ret = v.line()?.ask(&messages::join(&v.ids.third))?;
            if lists(&ret, &s.file) { Ok(()) } else { fail("the answer to JOIN does not list it") }
        },
    )
    .needs(ASKED),
    must(
        "host-for-one",
        "Table 72, ForStationsUUID",
        "A COMMIT for some stations goes to those.",
        &["HST-08"],
        |v| {
            let to = v.ids.second.clone();
            let mut s = Session::begin(v)?;
            s.committed(v, &[&to]).map(drop)
        },
    )
    .needs(ASKED),
    must(
        "host-for-one-alone",
        "Table 72, ForStationsUUID",
        "A COMMIT for some stations goes to no others, and is not listed for them.",
        &["HST-08"],
        |v| {
            let to = v.ids.second.clone();
            let mut s = Session::begin(v)?;
            let mut third = v.line()?;
            third.ask(&messages::join(&v.ids.third))?;
            s.committed(v, &[&to])?;
            third.nothing(v.quiet(), "MVR_COMMIT", &s.file)?;
            let ret = third.ask(&messages::join(&v.ids.third))?;
            if lists(&ret, &s.file) { fail("it is listed for another one") } else { Ok(()) }
        },
    )
    .needs(ASKED),
    must(
        "host-after-leave",
        "MVR_LEAVE message, Figure 5a",
        "Who has left is told of no more files, whether its connection is open or not.",
        &["HST-06"],
        |v| {
            let mut s = Session::begin(v)?;
            s.second.ask(&messages::leave(&v.ids.second))?;
            let commit = s.commit(v, &[]);
            s.first.ask(&commit)?;
            s.second.nothing(v.quiet(), "MVR_COMMIT", &s.file)
        },
    )
    .needs(ASKED),
    must("host-fetches", REQUEST, "A REQUEST reaches the station that has the file.", &["HST-11"], |v| {
        let (_, asked) = given(v, true)?;
        if asked { Ok(()) } else { fail("the station was not asked") }
    })
    .needs(ASKED),
    must(
        "host-gives",
        REQUEST,
        "The station's file goes to who asked for it, as binary data.",
        &["HST-11"],
        |v| {
            let (answer, _) = given(v, true)?;
            match answer {
                Ok(file) if file.bytes == messages::test_file() => Ok(()),
                Ok(file) => fail(format!("{} bytes came that are others", file.bytes.len())),
                Err(ret) => fail(format!("it is refused: {}", messages::reason(&ret))),
            }
        },
    )
    .needs(ASKED),
    must(
        "host-tells-refusals",
        "MVR_REQUEST message; Table 75",
        "Where the station does not have the file, who asked is told so.",
        &["HST-13", "HST-19"],
        |v| {
            let (answer, _) = given(v, false)?;
            match answer {
                Ok(file) => fail(format!("{} bytes came", file.bytes.len())),
                Err(ret) => look::is(&ret, "MVR_REQUEST_RET").and_then(|()| look::truth(&ret, false)),
            }
        },
    )
    .needs(ASKED),
    field(
        "host-tells-listed",
        "A file that a newcomer's JOIN lists is told to the others.",
        &["HST-24"],
        |v| {
            let mut s = Session::begin(v)?;
            let commit = s.commit(v, &[]);
            let mut third = v.line()?;
            let mut join = messages::join(&v.ids.third);
            if let Some(fields) = join.as_object_mut() {
                let commit = messages::with(commit, "StationUUID", json!(v.ids.third));
                fields.insert("Commits".to_owned(), json!([commit]));
            }
            third.ask(&join)?;
            s.second.told(v.options.wait, &s.file).map(drop)
        },
    )
    .needs(ASKED),
    must(
        "host-move-to-nowhere",
        "MVR_NEW_SESSION_HOST message",
        "Where nobody of the session can reach the new place, OK is false.",
        &["MSG-NSH"],
        nobody_moves,
    )
    .needs(&[Consent::Moves, Consent::Rough]),
];

/// Two stations of the judge's in the session, and a file that nobody knows yet.
struct Session {
    first: Line,
    second: Line,
    file: String,
}

impl Session {
    fn begin(v: &Visit<'_>) -> Outcome<Self> {
        let (first, _) = v.joined()?;
        let mut second = v.line()?;
        if messages::is_no(&second.ask(&messages::join(&v.ids.second))?) {
            return not_offered("it does not let a second station of the judge join");
        }
        match uuid() {
            Ok(file) => Ok(Self { first, second, file }),
            Err(error) => not_offered(format!("the system gives no random numbers: {error}")),
        }
    }

    fn commit(&self, v: &Visit<'_>, to: &[&str]) -> Value {
        messages::commit(&v.ids.first, &self.file, messages::test_file().len(), to)
    }

    /// The first station commits; what the second one is told.
    fn committed(&mut self, v: &Visit<'_>, to: &[&str]) -> Outcome<Value> {
        let commit = self.commit(v, to);
        self.first.ask(&commit)?;
        self.second.told(v.options.wait, &self.file)
    }
}

impl Line {
    /// Waits for the COMMIT of this file.
    fn told(&mut self, wait: Duration, file: &str) -> Outcome<Value> {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.hear(left) {
                Heard::Message(message) if is_about(&message, "MVR_COMMIT", file) => return Ok(message),
                Heard::Closed => return fail("the connection was closed"),
                _ => {}
            }
        }
        fail(format!("no COMMIT came to the other station within {} s", wait.as_secs_f64()))
    }

    /// For a while no such message of this file comes.
    fn nothing(&mut self, quiet: Duration, kind: &str, file: &str) -> Outcome {
        let until = Instant::now() + quiet;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.hear(left) {
                Heard::Message(message) if is_about(&message, kind, file) => {
                    return fail(format!("{kind} came"));
                }
                Heard::Closed => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The second station asks for the first one's file, which is given to whoever asks, or refused. What the second one gets, and whether the first was
/// asked for just that file.
fn given(v: &mut Visit<'_>, has: bool) -> Outcome<(Result<File, Value>, bool)> {
    let mut s = Session::begin(v)?;
    s.committed(v, &[])?;
    let bytes = messages::test_file();
    s.second.expect(bytes.len() as u64);
    s.second.say(&messages::request(&s.file, &v.ids.first))?;
    let until = Instant::now() + v.options.wait;
    let mut asked = false;
    while Instant::now() < until {
        if let Heard::Message(message) = s.first.hear(TURN)
            && message.get("Type").and_then(Value::as_str) == Some("MVR_REQUEST")
        {
            asked |= is_about(&message, "MVR_REQUEST", &s.file);
            if has {
                s.first.give(&bytes)?;
            } else {
                s.first.say(&json!({ "Type": "MVR_REQUEST_RET", "OK": false, "Message": "only a test" }))?;
            }
        }
        match s.second.hear(TURN) {
            Heard::File(file) => return Ok((Ok(file), asked)),
            Heard::Message(message) if !messages::is_question(&message) => return Ok((Err(message), asked)),
            Heard::Nonsense(words) => return fail(format!("it sent {words}")),
            Heard::Closed => return fail("the connection of who asked was closed"),
            _ => {}
        }
    }
    let why = if asked { "the station was asked and has answered" } else { "the station was not asked" };
    fail(format!("no answer came to who asked within {} s; {why}", v.options.wait.as_secs_f64()))
}

/// The first station proposes; the second one, where the host asks it, cannot go there.
fn nobody_moves(v: &mut Visit<'_>) -> Outcome {
    let mut s = Session::begin(v)?;
    s.first.say(&moving::proposal("", moving::URL))?;
    let until = Instant::now() + v.options.wait;
    while Instant::now() < until {
        match s.first.hear(TURN) {
            Heard::Message(message) if messages::is_question(&message) => {}
            Heard::Message(ret) => return moving::no(&ret),
            Heard::Nonsense(words) => return fail(format!("it sent {words}")),
            Heard::Closed => return fail("the connection was closed without an answer"),
            _ => {}
        }
        if let Heard::Message(message) = s.second.hear(TURN)
            && messages::field(&message, "Type") == "MVR_NEW_SESSION_HOST"
        {
            s.second
                .say(&json!({ "Type": "MVR_NEW_SESSION_HOST_RET", "OK": false, "Message": "only a test" }))?;
        }
    }
    fail(format!("no answer within {} s", v.options.wait.as_secs_f64()))
}

fn is_about(message: &Value, kind: &str, file: &str) -> bool {
    message.get("Type").and_then(Value::as_str) == Some(kind)
        && messages::field(message, "FileUUID").eq_ignore_ascii_case(file)
}

fn lists(ret: &Value, file: &str) -> bool {
    messages::commits(ret).iter().any(|entry| messages::field(entry, "FileUUID").eq_ignore_ascii_case(file))
}

/// The two stations are listened to in turns.
const TURN: Duration = Duration::from_millis(20);
