//! Simulated worlds of stations and of quirky peers, with their reference model and checkers.
#![forbid(unsafe_code)]
