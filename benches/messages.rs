//! How long reading and writing messages takes: a reply, a COMMIT, and a JOIN_RET as long as it may get.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mvrx_message::{Commit, Dialect, FileUuid, JoinRet, Message, MvrVersion, Ours, Reply, StationUuid};

fn commit(number: u8) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([number; 16]),
        station: Some(StationUuid::from_random_bytes([7; 16])),
        version: MvrVersion::CURRENT,
        file_size: 41_246_814,
        for_stations: vec![],
        comment: "re-hung LX2, moved the followspots".to_owned(),
        file_name: "Festival main stage.mvr".to_owned(),
        blake3: Some([number; 32]),
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

fn messages() -> Vec<(&'static str, Message)> {
    let ret = JoinRet {
        reply: Reply::ok(),
        provider: "mvrx".to_owned(),
        station_name: "FOH desk".to_owned(),
        version: MvrVersion::CURRENT,
        station: Some(StationUuid::from_random_bytes([7; 16])),
        commits: (0..=255).map(commit).collect(),
        ours: Some(Ours::default()),
        group: None,
        ticket: None,
        roster: None,
    };
    vec![
        ("commit_ret", Message::CommitRet(Reply::ok())),
        ("commit", Message::Commit(commit(1))),
        ("join_ret_32_KiB", Message::JoinRet(ret)),
    ]
}

fn bench(c: &mut Criterion) {
    let strict = Dialect::strict();
    let mut group = c.benchmark_group("message");
    for (name, message) in messages() {
        let json = message.to_json(&strict);
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_with_input(BenchmarkId::new("parse", name), &json, |b, json| {
            b.iter(|| Message::parse(json).unwrap());
        });
        let mut out = Vec::with_capacity(json.len());
        group.bench_with_input(BenchmarkId::new("write", name), &message, |b, message| {
            b.iter(|| {
                out.clear();
                message.append_json(&strict, &mut out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
