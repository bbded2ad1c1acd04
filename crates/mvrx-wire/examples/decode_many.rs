//! Decodes 1,000,000 JSON packages of 300 bytes from memory and nothing else, to be counted:
//!
//! ```text
//! cargo build --release -p mvrx-wire --example decode_many
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/decode_many 10000
//! ```
//!
//! The argument is the number of packages. The difference of two runs, divided by the difference of their arguments,
//! is the number of instructions for one package.

use mvrx_wire::{Decoder, Limits, Step, encode_json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let packages: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let mut block = Vec::new();
    for _ in 0..PER_BLOCK {
        encode_json(&[b' '; 300], &mut block);
    }
    let mut decoder = Decoder::new(Limits::default());
    let mut bytes = 0;
    for _ in 0..packages / PER_BLOCK {
        bytes += decode(&mut decoder, &block)?;
    }
    assert_eq!(bytes, packages / PER_BLOCK * PER_BLOCK * 300);
    Ok(())
}

fn decode(decoder: &mut Decoder, mut rest: &[u8]) -> Result<usize, mvrx_wire::DecodeError> {
    let mut bytes = 0;
    loop {
        let (consumed, step) = decoder.decode(rest)?;
        match step {
            Step::Json(json) => bytes += json.len(),
            _ => return Ok(bytes),
        }
        rest = rest.split_at_checked(consumed).map_or(&[], |(_, rest)| rest);
    }
}

const PER_BLOCK: usize = 1_000;
