//! How our server compares, in one run, with a plain tokio relay of bytes, and with the reference server where `MIXER_REFERENCE` names a checkout of it.
//!
//! `cargo bench -p mixer` prints one line per scenario: medians, and the ratio to ours taken round by round. Only ratios within one run mean anything.
//! `MIXER_BENCH_ROUNDS` sets the rounds (11). Words after `--` choose scenarios: `5x256`, `50x65536`, `join`, `latency`, `idle`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "support/relay.rs"]
mod relay;
#[path = "support/scenario.rs"]
mod scenario;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mixer::Server;
use scenario::{Speaks, fan_out, idle_cost, late_join, latency};

/// Fan-outs: receivers, payload bytes, messages.
const FAN_OUTS: [(usize, usize, usize); 6] = [
    (5, 256, 100_000),
    (50, 256, 10_000),
    (5, 5_600, 10_000),
    (50, 5_600, 1_000),
    (5, 65_536, 1_000),
    (50, 65_536, 100),
];

fn main() {
    let rounds =
        std::env::var("MIXER_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(11);
    let reference = std::env::var("MIXER_REFERENCE").ok();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants =
        |scenario: &str| wanted.is_empty() || wanted.iter().any(|word| scenario.contains(word.as_str()));
    // First, since it looks at memory: later rooms are kept in what earlier ones gave back.
    if wants("join") {
        late_joins(rounds, reference.as_deref());
    }
    println!("fan-out, delivered messages per second");
    for (receivers, bytes, messages) in FAN_OUTS {
        if !wants(&format!("{receivers}x{bytes}")) {
            continue;
        }
        let mut ours = Vec::new();
        let (mut to_relay, mut to_reference) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let run_ours =
                || with_ours(|address| fan_out(address, Speaks::Mixer, receivers, bytes, messages));
            let run_relay =
                || relay::with(|address| fan_out(address, Speaks::Bytes, receivers, bytes, messages));
            // Each goes first in every other round.
            let (own, plain) = if round % 2 == 0 {
                let own = run_ours();
                (own, run_relay())
            } else {
                let plain = run_relay();
                (run_ours(), plain)
            };
            to_relay.push(own / plain);
            if let Some(checkout) = &reference {
                // It is slow; a tenth of the messages says as much.
                let other = with_reference(checkout, |at| {
                    fan_out(at, Speaks::Mixer, receivers, bytes, messages / 10)
                });
                to_reference.push(own / other);
            }
            ours.push(own);
        }
        print!(
            "{receivers:>3} x {bytes:>6} B: {:>9.0}/s, {:.2} of the relay",
            median(&mut ours),
            median(&mut to_relay)
        );
        finish(&mut to_reference);
    }
    if wants("latency") {
        latencies(rounds, reference.as_deref());
    }
    if wants("idle") {
        println!("1,000 idle clients: {:.2} % of a core", with_ours(idle_cost) * 100.0);
    }
}

fn late_joins(rounds: usize, reference: Option<&str>) {
    let (mut joins, mut memory, mut to_reference) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let join = with_ours(|address| late_join(address, 100_000, 256));
        if let Some(checkout) = reference {
            let other = with_reference(checkout, |address| late_join(address, 100_000, 256));
            to_reference.push(other.seconds / join.seconds);
        }
        joins.push(join.seconds * 1000.0);
        memory.push(join.resident_per_stored);
    }
    // The first round alone finds untouched memory.
    print!("late join to 100,000 x 256 B: {:.1} ms, resident {:.2} of stored", median(&mut joins), memory[0]);
    finish(&mut to_reference);
}

fn latencies(rounds: usize, reference: Option<&str>) {
    let (mut p99, mut to_reference) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let own = with_ours(|address| latency(address, 5, 500));
        if let Some(checkout) = reference {
            to_reference.push(with_reference(checkout, |address| latency(address, 5, 500)) / own);
        }
        p99.push(own * 1e6);
    }
    print!("latency at 500 messages/s to 5 clients: p99 {:.0} us", median(&mut p99));
    finish(&mut to_reference);
}

fn finish(to_reference: &mut [f64]) {
    if to_reference.is_empty() {
        println!();
    } else {
        println!(", {:.1} x the reference", median(to_reference));
    }
}

fn with_ours<T>(scenario: impl FnOnce(SocketAddr) -> T) -> T {
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
    let result = scenario(server.local_addresses()[0]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.shutdown());
    result
}

fn with_reference<T>(checkout: &str, scenario: impl FnOnce(SocketAddr) -> T) -> T {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut process: Child = Command::new("python3")
        .args(["-m", "mixer.broadcaster.apps.server", "--port", &address.port().to_string()])
        .current_dir(checkout)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the reference server does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let result = scenario(address);
    process.kill().unwrap();
    process.wait().unwrap();
    result
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
