//! Writes inputs to start from into `fuzz/seeds/TARGET/`.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (target, inputs) in lightgcn_fuzz::seeds::all() {
        let folder = root.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in inputs {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
