//! Rebuilds the crate when a file of the page is added or removed.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "cargo is told on standard output")]

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
