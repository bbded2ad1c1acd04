//! What RFC 6455 asks of a host, as far as a session needs it.

use serde_json::Value;

use super::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, frame, handshake, unmasked, whole};
use crate::case::{Case, Consent, field, must, should};
use crate::mvr::line::Line;
use crate::mvr::messages;
use crate::verdict::{Outcome, fail};
use crate::visit::Visit;

const OPENING: &str = "WebSocket Mode; RFC 6455, 4.2.2";
const ROUGH: &[Consent] = &[Consent::Rough];

pub(crate) const CASES: &[Case] = &[
    must(
        "ws-opens",
        OPENING,
        "A handshake is answered with 101, Upgrade and Connection.",
        &["WSK-18"],
        |v| {
            let opened = v.opened()?.1;
            let has = |name: &str, word: &str| {
                opened.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word))
            };
            if !opened.is_open() {
                return fail(format!("the status is {}", opened.status));
            }
            if has("Upgrade", "websocket") && has("Connection", "upgrade") {
                Ok(())
            } else {
                fail("Upgrade or Connection is missing")
            }
        },
    ),
    must("ws-accept", OPENING, "Sec-WebSocket-Accept is made of the client's key.", &["WSK-18"], |v| {
        let opened = v.opened()?.1;
        let wanted = handshake::accept(&opened.key);
        match opened.header("Sec-WebSocket-Accept") {
            Some(value) if value == wanted => Ok(()),
            Some(value) => fail(format!("it is {value}, not {wanted}")),
            None => fail("it is missing"),
        }
    }),
    must(
        "ws-nothing-unasked",
        "WebSocket Mode; RFC 6455, 4.1",
        "No extension and no subprotocol is agreed that was not asked for.",
        &["WSK-18"],
        |v| {
            let opened = v.opened()?.1;
            for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] {
                if let Some(value) = opened.header(name).filter(|value| !value.is_empty()) {
                    return fail(format!("{name} is {value}"));
                }
            }
            Ok(())
        },
    ),
    should(
        "ws-text",
        "Packet & Message definition, WebSocket Mode",
        "A message is a text frame.",
        &["WSK-13"],
        |v| {
            let opcode = answered(v)?.opcode;
            if opcode == TEXT { Ok(()) } else { fail(format!("its opcode is {opcode}")) }
        },
    ),
    must("ws-unmasked", "RFC 6455, 5.1", "A host does not mask what it sends.", &["WSK-04"], |v| {
        if answered(v)?.masked { fail("it does") } else { Ok(()) }
    }),
    must("ws-utf8", "RFC 6455, 5.6", "A text is UTF-8.", &["WSK-06"], |v| {
        let payload = answered(v)?.payload;
        match std::str::from_utf8(&payload) {
            Ok(_) => Ok(()),
            Err(error) => fail(format!("byte {} is none", error.valid_up_to())),
        }
    }),
    field(
        "ws-no-package-header",
        "No package header of TCP Mode stands in front of a message.",
        &["WSK-16"],
        |v| {
            let payload = answered(v)?.payload;
            if payload.starts_with(&778_682_u32.to_be_bytes()) { fail("one does") } else { Ok(()) }
        },
    ),
    must(
        "ws-reads-fragments",
        "RFC 6455, 5.4",
        "A message is read in any fragments, also with a ping between them.",
        &["WSK-05"],
        |v| {
            let json = messages::join(&v.ids.first).to_string();
            let (one, rest) = json.as_bytes().split_at(json.len() / 3);
            let (two, three) = rest.split_at(rest.len() / 2);
            let bytes = [
                frame(TEXT, one),
                whole(PING, b"between"),
                frame(CONTINUATION, two),
                frame(0x80 | CONTINUATION, three),
            ];
            let mut line = v.line()?;
            line.write_noted("three fragments and a ping", &bytes.concat())?;
            line.answer().map(drop)
        },
    ),
    must(
        "ws-pong",
        "RFC 6455, 5.5.2",
        "A ping is answered by a pong with the same bytes.",
        &["WSK-10"],
        |v| {
            let mut line = v.line()?;
            line.write_noted("ping", &whole(PING, b"conform"))?;
            let frame = next(&mut line, |frame| frame.opcode == PONG)?;
            if frame.payload == b"conform" { Ok(()) } else { fail("its bytes are others") }
        },
    ),
    must("ws-close", "RFC 6455, 5.5.1", "A close frame is answered by one.", &["WSK-11"], |v| {
        let mut line = v.joined()?.0;
        line.write_noted("close", &whole(CLOSE, &1000_u16.to_be_bytes()))?;
        let frame = next(&mut line, |frame| frame.opcode == CLOSE)?;
        match frame.payload.get(..2) {
            Some([3, 232]) | None => Ok(()),
            Some(code) => fail(format!(
                "its code is {:?}",
                code.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
            )),
        }
    }),
    must(
        "ws-refuses-unmasked",
        "RFC 6455, 5.1",
        "A client's frame without a mask ends the connection.",
        &["WSK-04"],
        |v| {
            let json = messages::join(&v.ids.first).to_string();
            refused(v, &unmasked(0x80 | TEXT, json.as_bytes()))
        },
    )
    .needs(ROUGH),
    must(
        "ws-refuses-reserved-bits",
        "RFC 6455, 5.2",
        "A reserved bit ends the connection.",
        &["WSK-02"],
        |v| {
            let json = messages::join(&v.ids.first).to_string();
            refused(v, &frame(0xc0 | TEXT, json.as_bytes()))
        },
    )
    .needs(ROUGH),
    must(
        "ws-refuses-unknown-opcode",
        "RFC 6455, 5.2",
        "An opcode that means nothing ends the connection.",
        &["WSK-03"],
        |v| refused(v, &frame(0x83, b"conform")),
    )
    .needs(ROUGH),
    must(
        "ws-refuses-bad-utf8",
        "RFC 6455, 8.1",
        "A text that is not UTF-8 ends the connection.",
        &["WSK-06"],
        |v| refused(v, &whole(TEXT, b"{\"Type\":\"MVR_JOIN\xff\"}")),
    )
    .needs(ROUGH),
    must(
        "ws-refuses-long-ping",
        "RFC 6455, 5.5",
        "A ping of more than 125 bytes ends the connection.",
        &["WSK-05"],
        |v| refused(v, &whole(PING, &[7; 126])),
    )
    .needs(ROUGH),
    must(
        "ws-survives-no-handshake",
        OPENING,
        "What is no handshake ends nobody else's session.",
        &["WSK-18"],
        |v| {
            let mut wire = v.wire()?;
            let _ = wire.write(b"\0\x0b\xe1\xba conform \r\n\r\n");
            wire.finish();
            v.still_answers()
        },
    )
    .needs(ROUGH),
    must(
        "ws-survives-unasked-file",
        "RFC 6455, 5.6",
        "A file that nobody asked for ends nobody else's session.",
        &["HDR-09"],
        |v| {
            let mut line = v.joined()?.0;
            line.write_noted("file", &whole(BINARY, &messages::test_file()))?;
            let _ = line.hear(v.quiet());
            v.still_answers()
        },
    )
    .needs(ROUGH),
];

/// The first frame of the answer to a JOIN.
fn answered(v: &mut Visit<'_>) -> Outcome<Frame> {
    let mut line = v.line()?;
    line.say(&messages::join(&v.ids.first))?;
    next(&mut line, |frame| {
        let message: Option<Value> = serde_json::from_slice(&frame.payload).ok();
        frame.opcode < CLOSE && !message.is_some_and(|message| messages::is_question(&message))
    })
}

/// The next frame of this kind.
fn next(line: &mut Line, wanted: impl Fn(&Frame) -> bool) -> Outcome<Frame> {
    for _ in 0..FRAMES {
        let frame = line.frame()?;
        if wanted(&frame) {
            return Ok(frame);
        }
    }
    fail(format!("{FRAMES} other frames came"))
}

/// The connection ends after such bytes, by a close frame or without one, and the host takes the next one.
fn refused(v: &mut Visit<'_>, bytes: &[u8]) -> Outcome {
    let mut line = v.line()?;
    line.write_noted("frame", bytes)?;
    for _ in 0..FRAMES {
        match line.frame_or_end()? {
            Some(frame) if frame.opcode == CLOSE => return v.still_answers(),
            Some(frame) if frame.opcode == TEXT => return fail("it is read as if nothing were wrong"),
            Some(_) => {}
            None => return v.still_answers(),
        }
    }
    fail(format!("{FRAMES} frames came, and the connection goes on"))
}

const FRAMES: usize = 64;
