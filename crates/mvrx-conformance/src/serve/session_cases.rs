//! What clients of WebSocket Mode are judged by, beside their messages: how they open, frame, answer and end.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;

use super::cases::{Seen, every, must, nothing, worst, wrong};
use super::watched::{End, Form, Framed, Question, Said, Watched, What};
use crate::case::{Binding, Case, watching};
use crate::verdict::{Finding, Outcome, Verdict, fail};
use crate::ws::handshake::Asked;
use crate::ws::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};

const OPENING: &str = "WebSocket Mode; RFC 6455, 4.1";
const FIELD: &str = "found in the field";

pub(super) const CASES: &[Case] = &[
    must("client-ws-get", OPENING, "A connection is asked for by GET of HTTP/1.1.", &["WSK-18"], |w| {
        opened(w, |asked| {
            let get = asked.line.starts_with("GET /") && asked.line.ends_with(" HTTP/1.1");
            wrong(!get, &format!("it begins with \"{}\"", asked.line))
        })
    }),
    must("client-ws-host", OPENING, "The request has the header Host.", &["WSK-18"], |w| {
        opened(w, |asked| wrong(asked.header("Host").is_none_or(str::is_empty), "there is none"))
    }),
    must(
        "client-ws-upgrade",
        OPENING,
        "The request has the headers Upgrade: websocket and Connection: Upgrade.",
        &["WSK-18"],
        |w| {
            opened(w, |asked| {
                let has = |name: &str, word: &str| {
                    let mut words = asked.header(name).unwrap_or_default().split(',');
                    words.any(|one| one.trim().eq_ignore_ascii_case(word))
                };
                wrong(!has("Upgrade", "websocket") || !has("Connection", "upgrade"), "one is missing")
            })
        },
    ),
    must("client-ws-key", OPENING, "Sec-WebSocket-Key is 16 bytes in base64.", &["WSK-18"], |w| {
        opened(w, |asked| match asked.header("Sec-WebSocket-Key") {
            Some(key) if BASE64.decode(key.as_bytes()).is_ok_and(|nonce| nonce.len() == 16) => Ok(()),
            Some(key) => fail(format!("it is \"{key}\"")),
            None => fail("there is none"),
        })
    }),
    must(
        "client-ws-new-key",
        OPENING,
        "Each connection has a Sec-WebSocket-Key of its own.",
        &["WSK-18"],
        |w| {
            let all = &w.session.opened;
            let Some((_, seen)) = all.last().filter(|_| all.len() > 1) else {
                return nothing("second connection");
            };
            let keys: BTreeSet<_> =
                all.iter().map(|(asked, _)| asked.header("Sec-WebSocket-Key").unwrap_or_default()).collect();
            wrong(keys.len() < all.len(), "one came twice").map_err(|finding| (finding, seen.clone()))
        },
    ),
    must("client-ws-version", OPENING, "Sec-WebSocket-Version is 13.", &["WSK-18"], |w| {
        opened(w, |asked| {
            let version = asked.header("Sec-WebSocket-Version").unwrap_or_default();
            wrong(version != "13", &format!("it is \"{version}\""))
        })
    }),
    must("client-ws-masked", "RFC 6455, 5.1", "A client masks each of its frames.", &["WSK-04"], |w| {
        frames(w, |frame| wrong(frame.key.is_none(), "one is not"))
    }),
    must(
        "client-ws-new-mask",
        "RFC 6455, 5.3",
        "Each frame has a key of its own, which nobody can foretell.",
        &["WSK-04"],
        new_masks,
    ),
    must(
        "client-ws-reserved",
        "RFC 6455, 5.2",
        "The reserved bits are 0, since no extension was agreed.",
        &["WSK-02"],
        |w| frames(w, |frame| wrong(frame.reserved, "one is not")),
    ),
    must("client-ws-opcode", "RFC 6455, 5.2", "A frame has an opcode with a meaning.", &["WSK-03"], |w| {
        frames(w, |frame| {
            let known = matches!(frame.opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
            wrong(!known, &format!("one has {}", frame.opcode))
        })
    }),
    must(
        "client-ws-length",
        "RFC 6455, 5.2",
        "A length is written in as few bytes as it needs.",
        &["WSK-01"],
        |w| frames(w, |frame| wrong(!frame.tight, &format!("one of {} bytes is not", frame.length))),
    ),
    must(
        "client-ws-control",
        "RFC 6455, 5.5",
        "Pings, pongs and closes are whole and have 125 bytes at most.",
        &["WSK-05"],
        |w| {
            frames(w, |frame| {
                let control = frame.opcode >= CLOSE;
                wrong(control && (!frame.last || frame.length > 125), "one is not")
            })
        },
    ),
    must(
        "client-ws-fragments",
        "RFC 6455, 5.4",
        "A message ends before the next one begins, and nothing goes on that did not begin.",
        &["WSK-05"],
        |w| {
            frames(w, |frame| {
                wrong(frame.misplaced, &format!("a frame with opcode {} is out of place", frame.opcode))
            })
        },
    ),
    watching(
        "client-ws-text",
        "Packet & Message definition, WebSocket Mode",
        "A message is a text frame.",
        Binding::Should,
        &["WSK-13"],
        |w| form(w, |text, _, _| wrong(!text, "it is a binary one")),
    ),
    must("client-ws-json", "Communication format", "A message is one JSON object.", &["WSK-13"], |w| {
        form(w, |_, _, said| wrong(said.message.is_none(), "it is none"))
    }),
    watching(
        "client-ws-no-package-header",
        FIELD,
        "No package header of TCP Mode stands in front of a message.",
        Binding::Field,
        &["WSK-16"],
        |w| form(w, |_, headed, _| wrong(headed, "one does")),
    ),
    must(
        "client-ws-pong",
        "RFC 6455, 5.5.2",
        "A ping is answered by a pong with the same bytes.",
        &["WSK-10"],
        |w| questions(w, "ping was sent", |what| matches!(what, What::Ping), |_| Ok(())),
    ),
    must(
        "client-answers-commit",
        "MVR_COMMIT message, Table 73",
        "A COMMIT that the host passes on is answered with MVR_COMMIT_RET.",
        &["SES-03"],
        |w| questions(w, "COMMIT was sent", |what| matches!(what, What::Commit), |_| Ok(())),
    ),
    must(
        "client-answers-request",
        "MVR_REQUEST message, Figure 9",
        "A REQUEST for a file that the station announced is answered with the file, or with MVR_REQUEST_RET.",
        &["SES-11"],
        |w| questions(w, "file was announced", |what| matches!(what, What::File(_)), |_| Ok(())),
    ),
    must(
        "client-file-size",
        "Table 72, FileSize",
        "The file has as many bytes as its announcement says.",
        &["MSG-FILESIZE"],
        |w| {
            let is = |what: &What| matches!(what, What::File(given) if given.messages > 0 && given.size > 0);
            questions(w, "file came", is, |question| match &question.what {
                What::File(given) => {
                    wrong(given.bytes != given.size, &format!("{} of {} bytes came", given.bytes, given.size))
                }
                _ => Ok(()),
            })
        },
    ),
    watching(
        "client-file-at-once",
        FIELD,
        "A file is one binary message: one product takes the first for the whole.",
        Binding::Field,
        &["WSK-14"],
        |w| {
            let is = |what: &What| matches!(what, What::File(given) if given.messages > 0);
            questions(w, "file came", is, |question| match &question.what {
                What::File(given) => {
                    wrong(given.messages > 1, &format!("it came in {} messages", given.messages))
                }
                _ => Ok(()),
            })
        },
    ),
    watching(
        "client-ws-close",
        "RFC 6455, 7.1.2",
        "Who ends a connection says so by a Close frame.",
        Binding::Should,
        &["WSK-11"],
        |w| ends(w, |end| wrong(end.close.is_none(), "the connection ended without one")),
    ),
    must(
        "client-ws-close-body",
        "RFC 6455, 5.5.1 and 7.4",
        "A Close frame has no body, or a code that may be sent and a reason in UTF-8.",
        &["WSK-07"],
        |w| {
            if w.session.ends.iter().all(|end| end.close.is_none()) {
                return nothing("Close frame");
            }
            ends(w, |end| end.close.as_deref().map_or(Ok(()), close_body))
        },
    ),
];

fn close_body(body: &[u8]) -> Outcome {
    match body {
        [] => Ok(()),
        [_] => fail("its body is one byte"),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return fail(format!("its code is {code}"));
            }
            wrong(std::str::from_utf8(reason).is_err(), "its reason is not UTF-8")
        }
    }
}

/// On each connection with more than one masked frame, not all of these have one key.
fn new_masks(w: &Watched) -> Seen {
    let mut keys: BTreeMap<u64, (BTreeSet<[u8; 4]>, usize, &Framed)> = BTreeMap::new();
    for frame in &w.session.frames {
        if let Some(key) = frame.key {
            let (all, count, last) =
                keys.entry(frame.connection).or_insert_with(|| (BTreeSet::new(), 0, frame));
            all.insert(key);
            *count += 1;
            *last = frame;
        }
    }
    let mut several = keys.values().filter(|(_, count, _)| *count > 1).peekable();
    if several.peek().is_none() {
        return nothing("second masked frame");
    }
    match several.find(|(all, ..)| all.len() == 1) {
        Some((.., last)) => Err((failed("all have the same"), last.seen.clone())),
        None => Ok(()),
    }
}

fn failed(words: &str) -> Finding {
    Finding { verdict: Verdict::Fail, words: words.to_owned() }
}

fn opened(w: &Watched, look: impl Fn(&Asked) -> Outcome) -> Seen {
    if w.session.opened.is_empty() {
        return nothing("connection");
    }
    worst(w.session.opened.iter(), |(asked, _)| look(asked), |(_, seen)| seen)
}

fn frames(w: &Watched, look: impl Fn(&Framed) -> Outcome) -> Seen {
    if w.session.frames.is_empty() {
        return nothing("frame");
    }
    worst(w.session.frames.iter(), look, |frame| &frame.seen)
}

fn form(w: &Watched, look: impl Fn(bool, bool, &Said) -> Outcome) -> Seen {
    every(w, |said| match said.form {
        Form::Frames { text, headed } => look(text, headed, said),
        Form::Package { .. } => Ok(()),
    })
}

fn ends(w: &Watched, look: impl Fn(&End) -> Outcome) -> Seen {
    if w.session.ends.is_empty() {
        return nothing("end of a connection");
    }
    worst(w.session.ends.iter(), look, |end| &end.seen)
}

/// Of the questions that are meant: each was answered, and so. Who was gone before they could be is not judged by it.
fn questions(
    w: &Watched,
    what: &str,
    is: impl Fn(&What) -> bool,
    look: impl Fn(&Question) -> Outcome,
) -> Seen {
    let meant = || w.session.questions.iter().filter(|one| is(&one.what) && (one.answered || !one.cut_off));
    if meant().next().is_none() {
        return Err((
            Finding { verdict: Verdict::NotOffered, words: format!("no {what}, or it was gone before") },
            Vec::new(),
        ));
    }
    worst(
        meant(),
        |one| if one.answered { look(one) } else { fail("nothing came for an answer") },
        |one| &one.seen,
    )
}
