//! Aim: stations of a session get every file whole, whoever asks when, whoever is slow, lost or gone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ws_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mvrx_message::{FilesConnection, Join, JoinRet, Message, Ours, Reply, Request, Ticket};
use mvrx_station::{CommitDraft, Event, Heard, HostOptions, RequestFailure, Source, Station};
use mvrx_store::{FsStore, Wait};
use mvrx_transport::{Connection, FileStyle, Incoming, Progress};
use ws_support::{
    Bytes, Client, LIMIT, commit, content, dial, file, hear, host, hosting, join, join_as, kept, lost,
    receive, say, station, take_file, until,
};

const STATIONS: u8 = 10;

fn length(n: u8) -> usize {
    20_000 + usize::from(n) * 77_777
}

// proves: HDR-01, HDR-02
#[tokio::test]
async fn ten_stations_commit_all_fetch_all_and_a_late_joiner_gets_what_the_author_left() {
    let (rack, mut events) = host().await;
    let mut clients = Vec::new();
    for n in 1..=STATIONS {
        clients.push(Client::join(rack.address(), n, "MVRApplication", FileStyle::OneMessage).await);
    }
    for client in &clients {
        client.commit(commit(client.n, client.n, length(client.n)), content(client.n, length(client.n)));
    }
    for client in &clients {
        client.knows(usize::from(STATIONS) - 1).await;
    }
    let fetching = clients.iter().map(|client| {
        let client = client.clone();
        tokio::spawn(async move {
            for n in (1..=STATIONS).filter(|n| *n != client.n) {
                let got = client.fetch(file(n), length(n) as u64).await.unwrap();
                assert!(got == content(n, length(n)), "station {} got file {n} wrong", client.n);
            }
        })
    });
    for fetched in fetching.collect::<Vec<_>>() {
        tokio::time::timeout(LIMIT, fetched).await.unwrap().unwrap();
    }
    for client in &clients {
        // One read of the owner served everybody.
        assert_eq!(client.told.lock().unwrap().asked, [file(client.n)]);
        client.leave();
    }
    for _ in 0..STATIONS {
        until(&mut events, |heard| match heard {
            Heard::Event(seen) => matches!(seen.event, Event::StationLeft { .. }).then_some(()),
            _ => None,
        })
        .await;
    }
    drop(clients);
    let late = Client::join(rack.address(), 99, "MVRApplication", FileStyle::OneMessage).await;
    late.knows(usize::from(STATIONS)).await;
    for n in 1..=STATIONS {
        let got = late.fetch(file(n), length(n) as u64).await.unwrap();
        assert!(got == content(n, length(n)), "file {n}");
    }
    rack.stop().await;
}

// proves: HDR-02
#[tokio::test]
async fn who_asks_gets_the_file_while_it_arrives() {
    let (rack, _events) = hosting(HostOptions::default().gather(false)).spawn().await.unwrap();
    let bytes = content(1, 1_000_000);
    let (mut owner, _) = join(rack.address(), 1, "MVRApplication", vec![commit(1, 1, bytes.len())]).await;
    let (mut asker, _) = join(rack.address(), 2, "MVRApplication", vec![]).await;
    say(&mut asker, &Message::Request(Request::new(Some(file(1)), vec![station(1)]))).await;
    assert!(matches!(hear(&mut owner).await, Message::Request(_)));
    let source = Bytes { bytes: Arc::new(bytes.clone()), until: Arc::new(600_000.into()) };
    let until = Arc::clone(&source.until);
    let sending = tokio::spawn(async move {
        owner.writer.send_file(Box::new(source), Progress::new()).await.unwrap();
        owner
    });
    let first = tokio::time::timeout(LIMIT, asker.reader.next()).await.unwrap().unwrap();
    assert!(matches!(first, Incoming::File { .. }), "{first:?}");
    // The rest comes only now, when the asker has its beginning.
    until.store(1_000_000, Ordering::SeqCst);
    assert!(receive(&mut asker, Some(1_000_000)).await.unwrap() == bytes);
    sending.await.unwrap();
}

// proves: HDR-03
#[tokio::test]
async fn when_the_owner_is_lost_in_the_middle_another_holder_goes_on_and_the_asker_notices_nothing() {
    let (rack, mut events) = hosting(HostOptions::default().gather(false)).spawn().await.unwrap();
    let bytes = content(1, 1_000_000);
    let told = || vec![commit(1, 1, 1_000_000)];
    let (mut author, _) = join(rack.address(), 1, "MVRApplication", told()).await;
    let (mut holder, _) = join(rack.address(), 2, "MVRApplication", told()).await;
    let (mut asker, _) = join(rack.address(), 3, "MVRApplication", vec![]).await;
    say(&mut asker, &Message::Request(Request::new(Some(file(1)), vec![station(1)]))).await;
    assert!(matches!(hear(&mut author).await, Message::Request(_)));
    let source = Bytes { bytes: Arc::new(bytes.clone()), until: Arc::new(400_000.into()) };
    let sending =
        tokio::spawn(async move { author.writer.send_file(Box::new(source), Progress::new()).await });
    let first = tokio::time::timeout(LIMIT, asker.reader.next()).await.unwrap().unwrap();
    assert!(matches!(first, Incoming::File { .. }), "{first:?}");
    sending.abort();
    until(&mut events, |heard| lost(heard).filter(|(who, _)| *who == station(1))).await;
    loop {
        match hear(&mut holder).await {
            Message::Request(request) => break assert_eq!(request.file, Some(file(1))),
            Message::Commit(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let answer = async {
        holder.writer.send_file(Bytes::whole(bytes.clone()), Progress::new()).await.unwrap();
    };
    let (got, ()) = tokio::join!(receive(&mut asker, Some(1_000_000)), answer);
    assert!(got.unwrap() == bytes);
}

#[tokio::test]
async fn a_file_whose_last_owner_is_lost_is_cut_off_and_never_looks_whole() {
    let (rack, _events) = hosting(HostOptions::default().gather(false)).spawn().await.unwrap();
    let bytes = content(1, 1_000_000);
    let (mut author, _) = join(rack.address(), 1, "MVRApplication", vec![commit(1, 1, 1_000_000)]).await;
    let (mut asker, _) = join(rack.address(), 3, "MVRApplication", vec![]).await;
    say(&mut asker, &Message::Request(Request::new(Some(file(1)), vec![station(1)]))).await;
    assert!(matches!(hear(&mut author).await, Message::Request(_)));
    let source = Bytes { bytes: Arc::new(bytes), until: Arc::new(400_000.into()) };
    let sending =
        tokio::spawn(async move { author.writer.send_file(Box::new(source), Progress::new()).await });
    let first = tokio::time::timeout(LIMIT, asker.reader.next()).await.unwrap().unwrap();
    assert!(matches!(first, Incoming::File { .. }), "{first:?}");
    sending.abort();
    tokio::time::timeout(LIMIT, receive(&mut asker, Some(1_000_000))).await.unwrap().unwrap_err();
}

// proves: HDR-01
#[tokio::test]
async fn one_who_does_not_read_its_file_holds_nobody_up() {
    let (rack, mut events) = host().await;
    let long = content(7, 30_000_000);
    let author = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    author.commit(commit(1, 1, long.len()), long.clone());
    let (mut slow, _) = join(rack.address(), 2, "MVRApplication", vec![]).await;
    say(&mut slow, &Message::Request(Request::new(Some(file(1)), vec![]))).await;
    let quick = Client::join(rack.address(), 3, "MVRApplication", FileStyle::OneMessage).await;
    let got = quick.fetch(file(1), long.len() as u64).await.unwrap();
    assert!(got == long);
    until(&mut events, kept).await;
    // It may take its time.
    assert!(take_file(&mut slow, Some(long.len() as u64)).await.unwrap() == long);
}

// proves: HDR-05
#[tokio::test]
async fn one_who_does_not_read_its_messages_is_dropped_by_name_and_the_others_go_on() {
    let mut options = HostOptions::default();
    options.gather = false;
    options.outbox_bytes = 64 << 10;
    let (rack, mut events) = hosting(options).spawn().await.unwrap();
    let (deaf, _) = join(rack.address(), 1, "MVRApplication", vec![]).await;
    let (mut talking, _) = join(rack.address(), 2, "MVRApplication", vec![]).await;
    let talk = async {
        for n in 0_u32.. {
            let mut commit = commit(1, 2, 5);
            commit.file = mvrx_message::FileUuid::from_random_bytes((u128::from(n) << 64).to_le_bytes());
            commit.comment = "x".repeat(900);
            say(&mut talking, &Message::Commit(commit)).await;
            assert!(matches!(hear(&mut talking).await, Message::CommitRet(Reply { ok: true, .. })));
        }
    };
    let (who, why) = tokio::select! {
        () = talk => unreachable!(),
        told = until(&mut events, lost) => told,
    };
    assert!(who == station(1) && why.contains("does not read"), "{why}");
    assert_eq!(rack.stations().await.unwrap().len(), 1);
    drop(deaf);
}

#[tokio::test]
async fn the_host_is_a_station_too_it_commits_and_requests_and_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    std::fs::write(&show, content(5, 500_000)).unwrap();
    let (rack, _events) = host().await;
    let client = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    let ours = rack.commit(CommitDraft::from_path(&show).comment("from the rack")).await.unwrap();
    client.knows(1).await;
    assert_eq!(client.told.lock().unwrap().commits[0].comment, "from the rack");
    assert!(client.fetch(ours.file, 500_000).await.unwrap() == content(5, 500_000));

    let (mut other, _) = join(rack.address(), 2, "MVRApplication", vec![]).await;
    client.commit(commit(9, 1, 700_000), content(9, 700_000));
    assert!(matches!(hear(&mut other).await, Message::Commit(_)));
    let transfer = rack.request(file(9), Source::Any).await.unwrap();
    let fetched = transfer.await.unwrap();
    assert_eq!((fetched.commit.station, fetched.commit.file_size), (Some(station(1)), 700_000));
    let mut bytes = vec![0; 700_000];
    let stored = rack.store().open(file(9)).unwrap();
    let mut at = 0;
    while at < bytes.len() {
        at += stored.read_at(at as u64, &mut bytes[at..], &Wait::until_settled()).unwrap();
    }
    assert!(bytes == content(9, 700_000));
    assert_eq!(rack.request_latest(Source::Any).await.unwrap().await.unwrap().file, file(9));
    let failed = rack.request(file(44), Source::Any).await.unwrap().await;
    assert!(matches!(failed, Err(RequestFailure::NotGiven { .. })), "{failed:?}");
    assert_eq!(rack.stations().await.unwrap().len(), 2);

    rack.stop().await;
    let end = tokio::time::timeout(LIMIT, other.reader.next()).await.unwrap();
    assert!(end.unwrap_err().to_string().contains("1001: the session has ended"), "its close frame says so");
    assert!(rack.stations().await.is_err());
}

async fn join_ours(conn: &mut Connection, n: u8, files: Option<FilesConnection>) -> JoinRet {
    let Message::Join(join) = join_as(n, "Desk", vec![]) else { unreachable!() };
    say(conn, &Message::Join(Join { ours: Some(Ours::CURRENT), files, ..join })).await;
    match hear(conn).await {
        Message::JoinRet(ret) => ret,
        other => panic!("{other:?}"),
    }
}

// proves: HDR-08
#[tokio::test]
async fn a_second_connection_needs_its_stations_ticket_and_then_moves_the_files() {
    let (rack, mut events) = hosting(HostOptions::default()).identity(station(0)).spawn().await.unwrap();
    let author = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    author.commit(commit(1, 1, 900_000), content(1, 900_000));
    until(&mut events, kept).await;
    let mut main = dial(rack.address()).await;
    let ret = join_ours(&mut main, 2, Some(FilesConnection::Offered)).await;
    let ticket = ret.ticket.expect("no ticket");
    assert_eq!(ret.roster.unwrap().stations.len(), 1);
    // Neither a made-up ticket nor another station's opens anything, and the station stays.
    let wrong = FilesConnection::Of(Ticket::from_random_bytes([9; 16]));
    for (n, files) in [(2, wrong), (1, FilesConnection::Of(ticket.clone()))] {
        let mut conn = dial(rack.address()).await;
        assert!(!join_ours(&mut conn, n, Some(files)).await.reply.ok);
        let end = conn.reader.next().await.unwrap_err().to_string();
        assert!(end.contains("1008") && end.contains("ticket"), "{end}");
    }
    assert_eq!(rack.stations().await.unwrap().len(), 2);
    let mut files = dial(rack.address()).await;
    assert!(join_ours(&mut files, 2, Some(FilesConnection::Of(ticket.clone()))).await.reply.ok);
    say(&mut files, &Message::Request(Request::new(Some(file(1)), vec![station(0)]))).await;
    assert!(take_file(&mut files, Some(900_000)).await.unwrap() == content(1, 900_000));
    // Its own file is asked for there, too.
    say(&mut main, &Message::Commit(commit(2, 2, 5))).await;
    assert!(matches!(hear(&mut main).await, Message::CommitRet(_)));
    assert!(matches!(hear(&mut files).await, Message::Request(request) if request.file == Some(file(2))));
    // The ticket ends with the main connection.
    drop(main);
    until(&mut events, lost).await;
    let mut late = dial(rack.address()).await;
    assert!(!join_ours(&mut late, 2, Some(FilesConnection::Of(ticket))).await.reply.ok);
}

// proves: HDR-07
#[tokio::test]
async fn after_a_restart_kept_files_are_listed_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let start = || async {
        let store = FsStore::open(folder.path()).unwrap();
        hosting(HostOptions::default()).store(store).identity(station(0)).spawn().await.unwrap()
    };
    let (rack, mut events): (Station, _) = start().await;
    let client = Client::join(rack.address(), 1, "MVRApplication", FileStyle::OneMessage).await;
    for n in [1, 2, 3] {
        client.commit(commit(n, 1, length(n)), content(n, length(n)));
        until(&mut events, kept).await;
    }
    rack.stop().await;
    drop((rack, events));
    let (rack, _events) = start().await;
    let late = Client::join(rack.address(), 2, "MVRApplication", FileStyle::OneMessage).await;
    late.knows(3).await;
    for n in [1, 2, 3] {
        assert!(late.fetch(file(n), length(n) as u64).await.unwrap() == content(n, length(n)));
    }
}
