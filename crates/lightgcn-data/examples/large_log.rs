//! Prepares logs as `lightgcn prepare` does, and tells what each step took: CPU seconds of all threads and of the
//! kernel, wall seconds, and the most memory held so far (Linux only).
//!
//! ```text
//! cargo run --release -p lightgcn-data --example large_log -- generate 20692840 shop.csv
//! cargo run --release -p lightgcn-data --features parquet --example large_log -- prepare shop.csv
//! ```
//!
//! The log may be a pipe, so that a hundred million rows need not be on disk.

#![expect(clippy::print_stdout, reason = "it prints its measurements")]

use lightgcn_data::synthetic::{ShopConfig, generate_to_path};
use lightgcn_data::{PrepareConfig, prepare_log, read_events};
use lightgcn_store::DatasetFolder;
use std::error::Error;
use std::time::Instant;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "give `generate ROWS FILE` or `prepare FILE...`";

/// What the process took so far.
struct Meter {
    begin: Instant,
    cpu: f64,
}

impl Meter {
    /// Tells what the step that ends took.
    fn tell(&mut self, step: &str) -> Result<(), Box<dyn Error>> {
        let cpu = cpu_seconds()?;
        println!(
            "{step}: {:.1} CPU s, {:.1} wall s, peak {:.2} GB",
            cpu - self.cpu,
            self.begin.elapsed().as_secs_f64(),
            peak_bytes()? / 1e9
        );
        *self = Self {
            begin: Instant::now(),
            cpu,
        };
        Ok(())
    }
}

/// CPU seconds of the process so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the command is in parentheses and may have spaces; times are in hundredths of a second.
    let (_, fields) = stat.rsplit_once(')').ok_or("no command")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |n: usize| {
        fields
            .get(n)
            .ok_or("no times")?
            .parse::<f64>()
            .map_err(|_| "not a time")
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most bytes of memory that the process held so far.
fn peak_bytes() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.split_whitespace().next());
    Ok(kilobytes.ok_or("no peak")?.parse::<f64>()? * 1024.0)
}

fn prepare(files: &[String]) -> Result<(), Box<dyn Error>> {
    let mut meter = Meter {
        begin: Instant::now(),
        cpu: cpu_seconds()?,
    };
    let folder = tempfile::tempdir()?;
    let options = PrepareConfig::default().check()?;
    let read = options.config().read_config();
    let log = read_events(files, &read, options.behaviors())?;
    meter.tell("read")?;
    prepare_log(&log, &options)?.save(folder.path().join("split"))?;
    meter.tell("split by time, saved")?;
    prepare_log(&log, &options.whole())?.save(folder.path().join("whole"))?;
    meter.tell("the whole log, saved")?;
    for stage in log.stages() {
        println!("{stage}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = arguments.split_first().ok_or(USAGE)?;
    match (command.as_str(), rest) {
        ("generate", [rows, file]) => {
            let config = ShopConfig {
                n_events: rows.parse()?,
                ..ShopConfig::default()
            };
            generate_to_path(&config.check()?, file, |_| {})?;
            Ok(())
        }
        ("prepare", files @ [_, ..]) => prepare(files),
        _ => Err(USAGE.into()),
    }
}
