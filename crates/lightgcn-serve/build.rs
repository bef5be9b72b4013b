//! Builds the crate again where a file of the page comes or goes.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "cargo is told on standard output")]

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
