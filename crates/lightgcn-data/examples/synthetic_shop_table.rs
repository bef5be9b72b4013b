//! Prints the tables of docs/synthetic-shop.md: real logs and the synthetic shop, side by side.
//!
//! The real logs are read from the folder that `LIGHTGCN_DATA` names. The synthetic log of the real
//! log's size takes 2.8 GB in the system's folder for temporary files, and 2 GB of memory:
//!
//! ```text
//! LIGHTGCN_DATA=... cargo run --release -p lightgcn-data --example synthetic_shop_table
//! ```

use lightgcn_data::DataError;
use lightgcn_data::synthetic::{
    LogStatistics, ShopConfig, generate_to_path, markdown_table, month_openings, statistics,
};
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::time::Instant;

/// Rows of the full real log, and of each month in its public sample.
const FULL_ROWS: u64 = 20_692_840;
const SAMPLE_ROWS: u64 = 999;

fn open(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = File::open(path).map_err(|source| DataError::Open {
        path: path.to_owned(),
        source,
    })?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// Generates a default log of that many rows into `path` and says how fast that went.
fn generate(n_events: u64, path: &Path) -> Result<(), DataError> {
    let config = ShopConfig {
        n_events,
        ..ShopConfig::default()
    };
    let start = Instant::now();
    let summary = generate_to_path(&config.check()?, path, |_| {})?;
    let rate = summary.rows as f64 / start.elapsed().as_secs_f64();
    eprintln!("generated {} rows, {rate:.0} a second", summary.rows);
    Ok(())
}

/// The training pairs of the Taobao set as a log of one moment.
fn taobao(folder: &Path) -> Result<LogStatistics, Box<dyn Error>> {
    let mut log = String::from("event_time,event_type,product_id,user_id\n");
    for (behavior, file) in [
        ("view", "view_train.txt"),
        ("cart", "cart_train.txt"),
        ("purchase", "buy_train.txt"),
    ] {
        for line in std::fs::read_to_string(folder.join(file))?.lines() {
            let mut ids = line.split_whitespace();
            let user = ids.next().unwrap_or_default();
            ids.for_each(|item| log.push_str(&format!(",{behavior},{item},{user}\n")));
        }
    }
    Ok(statistics(log.as_bytes())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = std::env::var_os("LIGHTGCN_DATA").ok_or("set LIGHTGCN_DATA to the data's folder")?;
    let data = Path::new(&data);
    let sample = data.join("cosmetics-rees46-sample/events_joined_kaggle_columns.csv");
    let sample = statistics(open(&sample)?)?;
    let ecomm = statistics(open(&data.join("ecomm-dyhatr/events.csv"))?)?;
    let taobao = taobao(&data.join("taobao-mbcgcn"))?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.csv");
    let mut sized = Vec::new();
    for n_events in [200_000, 1_000_000, FULL_ROWS] {
        generate(n_events, &path)?;
        sized.push(statistics(open(&path)?)?);
    }
    let mut window = Vec::new();
    month_openings(open(&path)?, SAMPLE_ROWS, &mut window)?;
    let window = statistics(window.as_slice())?;

    let mut out = std::io::stdout().lock();
    let same_window = [
        ("real sample", &sample),
        ("synthetic, same window", &window),
    ];
    writeln!(out, "{}", markdown_table(&same_window))?;
    let others = [
        ("EComm (Taobao, 10 days)", &ecomm),
        ("Taobao (MB-CGCN)", &taobao),
        ("synthetic, 200,000", &sized[0]),
        ("synthetic, 1,000,000", &sized[1]),
        ("synthetic, 20,692,840", &sized[2]),
    ];
    writeln!(out, "{}", markdown_table(&others))?;
    Ok(())
}
