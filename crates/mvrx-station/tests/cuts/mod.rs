//! Somebody between two stations who counts what passes and cuts the connection at places.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "no test uses all of it")]

use std::collections::VecDeque;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::ws_support::{content, loopback};

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Which way the file goes whose bytes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To who connects.
    Back,
    /// From who connects.
    Forth,
}

/// Stands between two stations, counts what goes one way, and cuts at places.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    moved: u64,
    /// After so many bytes in all.
    cuts: VecDeque<u64>,
    made: u64,
}

impl Proxy {
    pub fn to(target: SocketAddr, way: Way, cuts: impl IntoIterator<Item = u64>) -> Self {
        let listener = TcpListener::bind(loopback()).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { cuts: cuts.into_iter().collect(), ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else { continue };
                let state = Arc::clone(&shared);
                let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (counted, other) = match way {
                    Way::Back => ((s, c), (client, server)),
                    Way::Forth => ((client, server), (s, c)),
                };
                std::thread::spawn(move || forward(other.0, other.1, |_| true));
                std::thread::spawn(move || {
                    forward(counted.0, counted.1, |count| {
                        let mut state = state.lock().unwrap();
                        state.moved += count as u64;
                        let cut = state.cuts.front().is_some_and(|at| state.moved >= *at);
                        if cut {
                            state.cuts.pop_front();
                            state.made += 1;
                        }
                        !cut
                    });
                });
            }
        });
        Self { address, state }
    }

    pub fn moved(&self) -> u64 {
        self.state.lock().unwrap().moved
    }

    pub fn made(&self) -> u64 {
        self.state.lock().unwrap().made
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, goes_on: impl Fn(usize) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() || !goes_on(count) {
                    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => {
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Sorted places somewhere in a file of so many bytes, at least 256 KiB apart.
pub fn places(seed: u64, length: u64, count: u64) -> Vec<u64> {
    let bytes = content(seed as u8, 8 * count as usize);
    let mut places: Vec<u64> = bytes
        .chunks_exact(8)
        .map(|chunk| 2_000 + u64::from_le_bytes(chunk.try_into().unwrap()) % (length * 9 / 10))
        .collect();
    places.sort_unstable();
    // What is under way when one falls is not to be cut again before it has moved.
    let mut least = 0;
    for place in &mut places {
        *place = (*place).max(least);
        least = *place + (256 << 10);
    }
    places
}

/// That every cut was made, and little more was moved than the file is long.
pub fn moved_little(proxy: &Proxy, (length, cuts): (u64, u64)) {
    let (made, moved) = (proxy.made(), proxy.moved());
    println!("{length} bytes, {made} cuts: {moved} bytes moved");
    assert_eq!(made, cuts, "every cut was made");
    assert!(moved < length + length / 10, "{moved} bytes moved for {length}");
}

pub fn make_show(folder: &Path, length: u64) -> std::path::PathBuf {
    let path = folder.join("show.mvr");
    let mut file = fs::File::create(&path).unwrap();
    let mut left = length as usize;
    let mut seed = 0_u8;
    while left > 0 {
        let piece = content(seed, left.min(8 << 20));
        file.write_all(&piece).unwrap();
        left -= piece.len();
        seed = seed.wrapping_add(1);
    }
    path
}
