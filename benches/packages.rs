//! Packages from memory and to memory: what one message costs, and what a file costs that goes through the decoder.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mvrx_wire::{DecodeError, Decoder, Limits, PackageHeader, PackageType, Step, encode_json, file_header};

criterion_group!(benches, decode_json, decode_json_in_segments, decode_file, encode);
criterion_main!(benches);

const JSON: [u8; 300] = [b' '; 300];
const PACKAGES: usize = 1_000;

/// What everybody writes, and what a product writes that leaves the version uninitialised.
fn decode_json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode 1,000 JSON packages of 300 bytes");
    group.throughput(Throughput::Elements(PACKAGES as u64));
    for (name, version) in [("plain", 1), ("version 0", 0)] {
        let header = PackageHeader { version, ..PackageHeader::single(PackageType::Json, JSON.len() as u64) };
        let stream = [header.to_bytes().as_slice(), &JSON].concat().repeat(PACKAGES);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new(Limits::default());
                drain(&mut decoder, black_box(&stream)).map(|(_, bytes)| bytes)
            });
        });
    }
    group.finish();
}

/// The same with the caller's read buffer around it, as a socket delivers it.
fn decode_json_in_segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode 1,000 JSON packages of 300 bytes in segments");
    group.throughput(Throughput::Elements(PACKAGES as u64));
    let mut stream = Vec::new();
    for _ in 0..PACKAGES {
        encode_json(&JSON, &mut stream);
    }
    for segment in [1_448, 16 << 10] {
        group.bench_function(format!("{segment} bytes"), |bencher| {
            let mut buffer = Vec::new();
            bencher.iter(|| through_a_buffer(black_box(&stream), segment, &mut buffer));
        });
    }
    group.finish();
}

/// A file whose every byte goes through the decoder: it is looked at by nobody.
fn decode_file(criterion: &mut Criterion) {
    const LENGTH: usize = 64 << 20;
    const PIECE: usize = 256 << 10;
    let mut group = criterion.benchmark_group("decode a file of 64 MiB");
    group.throughput(Throughput::Elements((LENGTH / PIECE) as u64));
    let piece = vec![0; PIECE];
    group.bench_function("in pieces of 256 KiB", |bencher| {
        bencher.iter(|| -> Result<usize, DecodeError> {
            let mut decoder = Decoder::new(Limits::default());
            drain(&mut decoder, &file_header(LENGTH as u64))?;
            let mut total = 0;
            for _ in 0..LENGTH / PIECE {
                total += drain(&mut decoder, black_box(&piece))?.1;
            }
            Ok(total)
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(1 << 10);
    group.bench_function("a JSON package of 300 bytes", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode_json(black_box(&JSON), &mut out);
            out.len()
        });
    });
    group.bench_function("a file header", |bencher| bencher.iter(|| file_header(black_box(2_100_380))));
    group.finish();
}

/// Decodes until more input is wanted: bytes consumed, and bytes of payload seen.
#[inline]
fn drain(decoder: &mut Decoder, input: &[u8]) -> Result<(usize, usize), DecodeError> {
    let (mut rest, mut payload) = (input, 0);
    loop {
        let (consumed, step) = decoder.decode(rest)?;
        let done = matches!(step, Step::Incomplete { .. });
        match step {
            Step::Json(bytes) | Step::FilePayload { held: bytes, .. } => payload += bytes.len(),
            Step::Incomplete { .. } | Step::FileStart { .. } | Step::FileEnd { .. } => {}
        }
        rest = rest.split_at_checked(consumed).map_or(&[], |(_, rest)| rest);
        if done {
            return Ok((input.len() - rest.len(), payload));
        }
    }
}

fn through_a_buffer(stream: &[u8], segment: usize, buffer: &mut Vec<u8>) -> Result<usize, DecodeError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut total = 0;
    buffer.clear();
    for bytes in stream.chunks(segment) {
        buffer.extend_from_slice(bytes);
        let (consumed, payload) = drain(&mut decoder, buffer)?;
        buffer.drain(..consumed);
        total += payload;
    }
    decoder.finish()?;
    Ok(total)
}
