//! Who may be which station of a session, and who may do what.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{SinkExt, StreamExt};
use mvrx_message::{Commit, Dialect, FileUuid, Join, Leave, Message, NewSessionHost, Request, StationUuid};
use mvrx_station::tls::ClientTls;
use mvrx_station::{
    Access, Audit, Event, Events, Heard, HostEvent, HostOptions, Login, Moves, Password, Station,
    wants_password,
};
use mvrx_transport::{Connection, Endpoint, Incoming, Progress, Transport, WsTransport, WsUrl};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite;
use ws_support::{
    Bytes, LIMIT, archive, commit, file, hear, hosting, join, join_as, joined, kept, say, station, take_file,
    until,
};

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

async fn dial_with(host: &Station, text: &str) -> Connection {
    let url: WsUrl = format!("ws://{}/", host.address()).parse().unwrap();
    let login = Login::new(password(text), &url).in_the_clear();
    WsTransport::default().with_login(login).dial(Endpoint::Url(url)).await.unwrap()
}

fn says(message: Message, text: &str) -> Message {
    match message {
        Message::Join(join) => {
            let said = password(text).for_join(join.station);
            Message::Join(Join { password: Some(said), ..join })
        }
        other => other,
    }
}

/// What a JOIN on this connection is told: "" when it is one of the session.
async fn joins(conn: &mut Connection, message: &Message) -> String {
    say(conn, message).await;
    loop {
        if let Message::JoinRet(ret) = hear(conn).await {
            assert_eq!(ret.reply.ok, ret.reply.message.is_empty());
            return ret.reply.message;
        }
    }
}

async fn ends(conn: &mut Connection) {
    let ended = async { while let Ok(Incoming::Message { .. }) = conn.reader.next().await {} };
    tokio::time::timeout(LIMIT, ended).await.expect("the connection is kept");
}

async fn refused(events: &mut Events) -> (StationUuid, String) {
    until(events, |heard| match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::JoinRefused { station, message, .. } => Some((*station, message.clone())),
            _ => None,
        },
        _ => None,
    })
    .await
}

// proves: PWD-06, PWD-08
#[tokio::test]
async fn who_has_a_stations_password_is_that_station_and_no_other() {
    let own = BTreeMap::from([(station(1), password("one")), (station(2), password("two"))]);
    let options = HostOptions::default().password(Some(password("all"))).own_passwords(own);
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let join_of = |n| join_as(n, "MVRApplication", vec![]);
    let mut one = dial_with(&rack, "one").await;
    assert_eq!(joins(&mut one, &join_of(1)).await, "");
    assert_eq!(until(&mut events, joined).await, station(1));
    for (said, wanted) in [("one", 2), ("one", 3), ("all", 1)] {
        let mut conn = dial_with(&rack, said).await;
        let told = joins(&mut conn, &join_of(wanted)).await;
        let why = if said == "all" { "a password of its own" } else { "for another StationUUID" };
        assert!(told.contains(why), "{told}");
        assert_eq!(refused(&mut events).await, (station(wanted), told));
        ends(&mut conn).await;
    }
    // Nor may a connection that is one station become another.
    assert!(joins(&mut one, &join_of(2)).await.contains("for another StationUUID"), "renamed");
    ends(&mut one).await;
    let mut all = dial_with(&rack, "all").await;
    assert_eq!(joins(&mut all, &join_of(3)).await, "");
    // A foreign client says it in its JOIN, where it is good for that station alone, also if it is the session's.
    for (joins, said) in [(2, "two"), (6, "all")] {
        let mut two = Foreign::dial(&rack).await;
        assert_eq!(two.joins(&says(join_of(joins), said)).await, "");
        let told = two.joins(&says(join_of(4), "all")).await;
        assert!(told.contains("joins on a connection of its own"), "{told}");
    }
    let mut none = Foreign::dial(&rack).await;
    assert!(none.joins(&join_of(5)).await.contains("wants a password"));
    rack.stop().await;
}

// proves: PWD-07
#[tokio::test]
async fn a_station_of_ours_says_its_password_in_its_join_only_where_the_handshake_has_told_it() {
    // A host that looks at JOIN alone: it has no door.
    let mut listener = WsTransport::default().listen(ws_support::loopback()).await.unwrap();
    let url: WsUrl = format!("ws://{}/", listener.local_addr()).parse().unwrap();
    for in_the_clear in [true, false] {
        let login = Login::new(password("sesame"), &url);
        let login = if in_the_clear { login.in_the_clear() } else { login };
        let (running, _events) =
            Station::builder("Desk").login(login).session(url.to_string()).spawn().await.unwrap();
        let mut conn = tokio::time::timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
        let Message::Join(join) = hear(&mut conn).await else { panic!("no JOIN") };
        let right = password("sesame").for_join(running.uuid());
        assert_eq!(join.password, in_the_clear.then_some(right));
        running.stop().await;
    }
}

/// A foreign client: it says no password in the handshake.
struct Foreign(tokio_tungstenite::WebSocketStream<TcpStream>);

impl Foreign {
    async fn dial(host: &Station) -> Self {
        Self::dial_from(host, [127, 0, 0, 1]).await
    }

    async fn dial_from(host: &Station, from: [u8; 4]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(host.address()).await.unwrap();
        let url = format!("ws://{}/", host.address());
        Self(tokio_tungstenite::client_async(url, stream).await.unwrap().0)
    }

    /// Says this, and waits for what answers it: its type with `_RET`.
    async fn answered(&mut self, json: &str) -> String {
        self.0.send(tungstenite::Message::text(json)).await.unwrap();
        let said: serde_json::Value = serde_json::from_str(json).unwrap();
        let answer = format!("\"{}_RET\"", said["Type"].as_str().unwrap());
        loop {
            let heard = tokio::time::timeout(LIMIT, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Ok(text) = heard.into_text()
                && text.contains(&answer)
            {
                return text.to_string();
            }
        }
    }

    /// As `joins`.
    async fn joins(&mut self, message: &Message) -> String {
        let json = String::from_utf8(message.to_json(&Dialect::strict())).unwrap();
        self.0.send(tungstenite::Message::text(json)).await.unwrap();
        loop {
            let heard = tokio::time::timeout(LIMIT, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Ok(text) = heard.into_text()
                && let Ok(parsed) = Message::parse(text.as_bytes())
                && let Message::JoinRet(ret) = parsed.message
            {
                return ret.reply.message;
            }
        }
    }
}

async fn not_taken(events: &mut Events) -> String {
    until(events, |heard| match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::CommitNotTaken { message, .. } => Some(message.clone()),
            _ => None,
        },
        _ => None,
    })
    .await
}

// proves: ACC-03
#[tokio::test]
async fn a_commit_of_10_gib_above_the_quota_is_refused_in_words_and_nothing_is_fetched() {
    let (rack, mut events) = hosting(HostOptions::default().largest_file(1 << 30)).spawn().await.unwrap();
    let (mut author, ret) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    assert!(ret.reply.ok);
    let large = Commit { file_size: 10 << 30, ..commit(1, 1, 0) };
    say(&mut author, &Message::Commit(large)).await;
    let Message::CommitRet(reply) = hear(&mut author).await else { panic!("no COMMIT_RET") };
    assert!(!reply.ok && reply.message.contains("10737418240 bytes"), "{reply:?}");
    assert_eq!(not_taken(&mut events).await, reply.message);
    // The next thing that it is asked for is another file: nothing was asked of the large one.
    say(&mut author, &Message::Commit(commit(2, 1, 1 << 30))).await;
    let Message::CommitRet(reply) = hear(&mut author).await else { panic!("no COMMIT_RET") };
    assert!(reply.ok, "{reply:?}");
    let Message::Request(request) = hear(&mut author).await else { panic!("no REQUEST") };
    assert_eq!(request.file, Some(file(2)));
    rack.stop().await;
}

// proves: ACC-04
#[tokio::test]
async fn a_web_page_from_elsewhere_is_refused_and_a_programs_own_origin_is_not() {
    let (rack, mut events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let at = rack.address();
    let (ours, evil) = (format!("http://{at}"), "http://evil.example".to_owned());
    for (origins, comes_in) in [
        (vec![&evil], false),
        (vec![&ours], true),
        (vec![&"null".to_owned()], false),
        // Each of several counts.
        (vec![&ours, &evil], false),
        (vec![&evil, &ours], false),
        (vec![&ours, &ours], true),
    ] {
        let mut request =
            tungstenite::client::IntoClientRequest::into_client_request(format!("ws://{at}/")).unwrap();
        for origin in &origins {
            request.headers_mut().append("Origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(at).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok(_) => assert!(comes_in, "{origins:?}"),
            Err(tungstenite::Error::Http(answer)) => {
                assert!(answer.status() == 403 && !comes_in, "{origins:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let why = connection_refused(&mut events).await;
    assert!(why.contains("web pages"), "{why}");
    rack.stop().await;
}

async fn connection_refused(events: &mut Events) -> String {
    until(events, |heard| match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::ConnectionRefused { why, .. } => Some(why.clone()),
            _ => None,
        },
        _ => None,
    })
    .await
}

// proves: AUD-01, AUD-02
#[tokio::test]
async fn what_happens_is_written_down_line_by_line_and_no_password_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path, Audit::MOST).unwrap();
    let read_only = BTreeSet::from([station(3)]);
    let options = HostOptions::default()
        .password(Some(password("sesame")))
        .access(Access { stations: Some((1..4).map(station).collect()), read_only })
        .audit(Some(audit));
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let bytes = a_day(&rack, &mut events).await;
    rack.stop().await;
    let text = whole(&path).await;
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted = [
        ("connection", "refused"),
        ("join", "refused"),
        ("join", "ok"),
        ("commit", "refused"),
        ("commit", "ok"),
        ("request", "ok"),
        ("move", "refused"),
        ("leave", "ok"),
        ("leave", "lost"),
        ("session", "ended"),
    ];
    for (event, result) in wanted {
        let line = lines.iter().find(|line| line["event"] == event && line["result"] == result);
        assert!(
            line.is_some_and(|line| line["time"].as_str().unwrap().ends_with('Z')),
            "{event} {result}: {text}"
        );
    }
    let of = |event: &str, result: &str| {
        lines.iter().find(|l| l["event"] == event && l["result"] == result).unwrap()
    };
    assert_eq!(of("connection", "refused")["station"], station(1).to_string(), "whose password is wrong");
    assert_eq!(of("commit", "ok")["station"], station(1).to_string());
    assert_eq!(of("commit", "ok").get("author"), None, "its own");
    assert_eq!(of("request", "ok")["station"], station(3).to_string());
    assert_eq!(of("request", "ok")["bytes"], bytes);
    assert!(text.contains("De\\u001bsk\\u000a"), "{text}");
    let secret = password("sesame").for_join(station(1));
    assert!(
        !text.contains("sesame") && !text.contains("barley") && !text.contains(secret.as_str()),
        "{text}"
    );
}

async fn says_what_cannot_be_read(one: &mut Foreign) {
    for unread in [
        r#"{"Type":"MVR_COMMIT"}"#,
        r#"{"Type":"MVR_REQUEST","FileUUID":"no such thing"}"#,
        r#"{"Type":"MVR_NEW_SESSION_HOST","ServiceName":"","ServiceURL":""}"#,
    ] {
        let told = one.answered(unread).await;
        assert!(told.contains("\"OK\":false"), "{unread}: {told}");
    }
}

// proves: AUD-01, AUD-04
#[tokio::test]
async fn what_is_refused_or_told_otherwise_has_its_line_and_much_of_it_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path, Audit::MOST).unwrap();
    let (rack, mut events) = hosting(HostOptions::default().audit(Some(audit))).spawn().await.unwrap();
    let json = |message: &Message| String::from_utf8(message.to_json(&Dialect::strict())).unwrap();
    let asks = [
        json(&Message::Commit(commit(1, 1, 10))),
        json(&Message::Request(Request::new(Some(file(1)), vec![]))),
        json(&Message::Leave(Leave::new(station(1)))),
        json(&Message::NewSessionHost(NewSessionHost::to_url("ws://elsewhere/"))),
    ];
    // Before JOIN, and then nobody joins.
    let mut stranger = Foreign::dial(&rack).await;
    for ask in &asks {
        assert!(stranger.answered(ask).await.contains("send MVR_JOIN first"));
    }
    drop(stranger);
    let why = connection_refused(&mut events).await;
    assert!(why.starts_with("nobody joined on it: "), "{why}");
    let mut one = Foreign::dial(&rack).await;
    assert_eq!(one.joins(&join_as(1, "MVRApplication", vec![])).await, "");
    one.answered(&json(&Message::Leave(Leave::new(station(2))))).await;
    says_what_cannot_be_read(&mut one).await;
    assert!(one.answered(&asks[0]).await.contains("\"OK\":true"));
    let renamed = Commit { file_name: "other.mvr".to_owned(), ..commit(1, 1, 10) };
    one.answered(&json(&Message::Commit(renamed))).await;
    // In another's name, and of no size that was said.
    let anothers = Commit { file_size: 0, ..commit(5, 7, 10) };
    assert!(one.answered(&json(&Message::Commit(anothers))).await.contains("\"OK\":true"));
    // Somebody joins again and again under other names.
    for n in 0..200 {
        let name = format!("{n}\u{202e}{}", "\u{202e}".repeat(300));
        let join = Join { station_name: name, ..plain_join(1) };
        assert_eq!(one.joins(&Message::Join(join)).await, "");
    }
    rack.stop().await;
    let text = whole(&path).await;
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = |kind: &str, why: &str| {
        let is = |line: &&serde_json::Value| {
            line["event"] == "message"
                && line["type"] == kind
                && line["reason"].as_str().unwrap().contains(why)
        };
        assert_eq!(lines.iter().filter(is).count(), 1, "{kind} {why}: {text}");
    };
    for kind in ["MVR_COMMIT", "MVR_REQUEST", "MVR_LEAVE", "MVR_NEW_SESSION_HOST"] {
        refused(kind, "send MVR_JOIN first");
    }
    refused("MVR_LEAVE", "another station");
    refused("MVR_COMMIT", "cannot be read");
    refused("MVR_REQUEST", "cannot be read");
    let of = |event: &str, result: &str| {
        let is = |line: &&serde_json::Value| line["event"] == event && line["result"] == result;
        lines.iter().filter(is).collect::<Vec<_>>()
    };
    let moves = of("message", "refused").into_iter().filter(|line| line["type"] == "MVR_NEW_SESSION_HOST");
    assert_eq!(moves.count(), 2, "{text}");
    let otherwise = of("commit", "otherwise");
    assert!(otherwise[0]["reason"].as_str().unwrap().contains("other.mvr"), "{text}");
    let taken: Vec<_> = of("commit", "ok").iter().map(|line| (&line["author"], &line["bytes"])).collect();
    let nothing = serde_json::Value::Null;
    assert_eq!(taken, [(&nothing, &10.into()), (&station(7).to_string().into(), &nothing)], "{text}");
    assert_eq!(of("join", "renamed")[0]["address"], of("join", "ok")[0]["address"], "{text}");
    // Its own share of lines: one for the first JOIN, the others for the first of its names.
    assert_eq!(of("join", "ok").len() + of("join", "renamed").len(), 60, "{text}");
    let counted = of("repeated", "counted");
    assert_eq!((counted.len(), counted[0]["lines"].as_u64()), (1, Some(1 + 200 - 60)), "{text}");
    assert!(text.lines().all(|line| line.len() < 1_500));
}

// proves: AUD-01
#[tokio::test]
async fn each_line_of_a_move_says_who_wanted_it_and_what_each_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path, Audit::MOST).unwrap();
    let listed = Moves::Listed([station(1)].into());
    let (rack, _events) =
        hosting(HostOptions::default().audit(Some(audit))).moves(listed).spawn().await.unwrap();
    let (mut lead, mut other) = (Foreign::dial(&rack).await, Foreign::dial(&rack).await);
    assert_eq!(lead.joins(&join_as(1, "Plain", vec![])).await, "");
    assert_eq!(other.joins(&join_as(2, "Plain", vec![])).await, "");
    let to = Message::NewSessionHost(NewSessionHost::to_url("ws://elsewhere/"));
    let told = lead.answered(&String::from_utf8(to.to_json(&Dialect::strict())).unwrap()).await;
    assert!(told.contains("\"OK\":false"), "{told}");
    rack.stop().await;
    let text = whole(&path).await;
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let moves: Vec<_> = lines.iter().filter(|line| line["event"] == "move").collect();
    let from = lead.0.get_ref().local_addr().unwrap().to_string();
    let said: Vec<_> = moves.iter().map(|line| line["result"].as_str().unwrap()).collect();
    assert_eq!(said, ["begun", "answered", "ended"], "{text}");
    for line in [moves[0], moves[2]] {
        assert_eq!(
            (&line["station"], &line["address"]),
            (&station(1).to_string().into(), &from.clone().into())
        );
    }
    assert_eq!(moves[1]["station"], station(2).to_string());
    assert_eq!((&moves[1]["answer"], &moves[1]["product"]), (&"not_asked".into(), &"other".into()), "{text}");
}

// proves: AUD-01, HST-30
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_waits_to_be_a_station_that_is_there_and_goes_has_a_line_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path, Audit::MOST).unwrap();
    let (rack, _events) = hosting(HostOptions::default().audit(Some(audit))).spawn().await.unwrap();
    let mut present = Foreign::dial_from(&rack, [127, 0, 0, 2]).await;
    assert_eq!(present.joins(&join_as(1, "Plain", vec![])).await, "");
    // It reads nothing from here on, and gives no sign of life.
    let mut newcomer = Foreign::dial_from(&rack, [127, 0, 0, 3]).await;
    let join = String::from_utf8(join_as(1, "Plain", vec![]).to_json(&Dialect::strict())).unwrap();
    newcomer.0.send(tungstenite::Message::text(join)).await.unwrap();
    drop(newcomer);
    let text = written(&path, "nobody joined on it").await;
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(line["station"], station(1).to_string(), "{text}");
    assert!(line["address"].as_str().unwrap().starts_with("127.0.0.3:"), "{text}");
    rack.stop().await;
}

// proves: AUD-01
#[tokio::test]
async fn what_is_closed_with_1008_has_its_line_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let options = HostOptions::default()
        .password(Some(password("all")))
        .own_passwords(BTreeMap::from([(station(1), password("one"))]))
        .audit(Some(Audit::open(&path, Audit::MOST).unwrap()));
    let (rack, _events) = hosting(options).spawn().await.unwrap();
    let mut one = Foreign::dial(&rack).await;
    assert_eq!(one.joins(&says(join_as(1, "MVRApplication", vec![]), "one")).await, "");
    let from = one.0.get_ref().local_addr().unwrap();
    assert!(one.joins(&join_as(2, "MVRApplication", vec![])).await.contains("for another StationUUID"));
    let code = loop {
        match tokio::time::timeout(LIMIT, one.0.next()).await.unwrap() {
            Some(Ok(tungstenite::Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(1008));
    rack.stop().await;
    let text = whole(&path).await;
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let closed: Vec<_> = lines.iter().filter(|line| line["event"] == "connection").collect();
    assert_eq!(closed.len(), 1, "{text}");
    assert_eq!((&closed[0]["result"], &closed[0]["address"]), (&"refused".into(), &from.to_string().into()));
    assert!(closed[0]["reason"].as_str().unwrap().starts_with("closed: "), "{text}");
}

/// Loopback has more addresses than one there.
// proves: AUD-06
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_commits_without_pause_pushes_out_no_line_of_another_address() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let most = 16_384;
    let (rack, _events) =
        hosting(HostOptions::default().audit(Some(Audit::open(&path, most).unwrap()))).spawn().await.unwrap();
    let file = |n: u32, author: u8| {
        let mut bytes = [author; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        FileUuid::from_random_bytes(bytes)
    };
    let json = |n, author| {
        let made = Commit { file: file(n, author), ..commit(1, author, 10) };
        String::from_utf8(Message::Commit(made).to_json(&Dialect::strict())).unwrap()
    };
    let mut other = Foreign::dial_from(&rack, [127, 0, 0, 2]).await;
    assert_eq!(other.joins(&join_as(2, "MVRApplication", vec![])).await, "");
    assert!(other.answered(&json(0, 2)).await.contains("\"OK\":true"));
    let mut flood = Foreign::dial_from(&rack, [127, 0, 0, 3]).await;
    assert_eq!(flood.joins(&join_as(3, "MVRApplication", vec![])).await, "");
    for n in 0..400 {
        assert!(flood.answered(&json(n, 3)).await.contains("\"OK\":true"));
    }
    written(&path, &file(399, 3).to_string()).await;
    rack.stop().await;
    let text = whole(&path).await;
    let before = std::fs::read_to_string(dir.path().join("audit.1")).unwrap();
    let all: Vec<serde_json::Value> =
        before.lines().chain(text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |n: u8, event: &str| {
        let station = station(n).to_string();
        all.iter().filter(|line| line["station"] == station.as_str() && line["event"] == event).count()
    };
    assert_eq!((of(2, "join"), of(2, "commit")), (1, 1), "{before}");
    assert!((20..400).contains(&of(3, "commit")), "{}", of(3, "commit"));
    assert!(before.len() as u64 <= most && text.len() as u64 <= most);
}

fn plain_join(n: u8) -> Join {
    match join_as(n, "MVRApplication", vec![]) {
        Message::Join(join) => join,
        other => panic!("{other:?}"),
    }
}

/// The file once its last line is there.
async fn whole(path: &std::path::Path) -> String {
    written(path, "\"session\"").await
}

/// The file once this is in it: it is written by a thread of its own.
async fn written(path: &std::path::Path, words: &str) -> String {
    let ended = async {
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if text.contains(words) {
                return text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("the line is not written")
}

/// Everything that is written down happens once; the bytes of the file that is exchanged.
async fn a_day(rack: &Station, events: &mut Events) -> usize {
    let mut wrong = Foreign::dial(rack).await;
    assert!(!wrong.joins(&says(join_as(1, "MVRApplication", vec![]), "barley")).await.is_empty());
    connection_refused(events).await;
    let mut stranger = dial_with(rack, "sesame").await;
    assert!(joins(&mut stranger, &join_as(9, "MVRApplication", vec![])).await.contains("certain stations"));
    let mut one = dial_with(rack, "sesame").await;
    let name = Message::Join(Join { station_name: "De\u{1b}sk\n".to_owned(), ..plain_join(1) });
    assert_eq!(joins(&mut one, &name).await, "");
    let mut reader = dial_with(rack, "sesame").await;
    assert_eq!(joins(&mut reader, &join_as(3, "MVRApplication", vec![])).await, "");
    say(&mut reader, &Message::Commit(commit(3, 3, 10))).await;
    not_taken(events).await;
    let show = archive(2, 1_000);
    say(&mut one, &Message::Commit(commit(2, 1, show.len()))).await;
    loop {
        if let Message::Request(_) = hear(&mut one).await {
            break;
        }
    }
    one.writer.send_file(Bytes::whole(show.clone()), Progress::new()).await.unwrap();
    until(events, kept).await;
    say(&mut reader, &Message::Request(Request::new(Some(file(2)), vec![station(1)]))).await;
    assert_eq!(take_file(&mut reader, Some(show.len() as u64)).await.unwrap(), show);
    let fetched = |heard: &Heard| match heard {
        Heard::Event(seen) => matches!(seen.event, Event::Served { .. }).then_some(()),
        _ => None,
    };
    until(events, fetched).await;
    say(&mut one, &Message::NewSessionHost(NewSessionHost::to_url("ws://elsewhere/"))).await;
    say(&mut one, &Message::Leave(Leave::new(station(1)))).await;
    let left = |heard: &Heard| match heard {
        Heard::Event(seen) => matches!(seen.event, Event::StationLeft { .. }).then_some(()),
        _ => None,
    };
    until(events, left).await;
    show.len()
}

// proves: PWD-09
#[tokio::test]
async fn a_host_is_asked_whether_it_wants_a_password_before_anybody_joins() {
    for wants in [true, false] {
        let options = HostOptions::default().password(wants.then(|| password("sesame")));
        let (rack, mut events) = hosting(options).spawn().await.unwrap();
        let url: WsUrl = format!("ws://{}/", rack.address()).parse().unwrap();
        assert_eq!(wants_password(&url, &ClientTls::default()).await, wants);
        let (gone, trust) = (url, ClientTls::default());
        rack.stop().await;
        drop(rack);
        assert!(!wants_password(&gone, &trust).await, "nobody answers");
        while let Some(heard) = events.next().await {
            assert_eq!(joined(&heard), None);
        }
    }
}
