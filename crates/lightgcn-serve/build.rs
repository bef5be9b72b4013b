//! Builds the crate again where a file of the page comes or goes.

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
