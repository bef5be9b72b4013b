//! The stream of rows: users' sessions in order of time, their events interleaved.

use super::BEHAVIORS;
use super::calendar::{Calendar, LAST_SECOND};
use super::catalogue::Catalogue;
use super::config::ValidShopConfig;
use super::control::Control;
use super::epoch;
use super::output::{HEADER, Lines, Row};
use super::session::Session;
use super::user::{User, Visits, n_sessions};
use crate::DataError;
use hashbrown::HashMap;
use lightgcn_core::random::{Random, Stream};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Session starts held in memory at a time: 16 bytes each.
const SESSIONS_AT_A_TIME: u64 = 4_000_000;
/// Bytes buffered before a write.
const CHUNK: usize = 1 << 16;
/// Rows of a session in the real log: 20,692,840 / 4,535,941.
const ROWS_PER_SESSION: f64 = 4.56;

/// What [`generate`] wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ShopSummary {
    /// Rows after the header.
    pub rows: u64,
    /// Rows by behavior: view, cart, remove_from_cart, purchase.
    pub behaviors: [u64; 4],
    /// Rows that repeat the row before them in every field.
    pub duplicates: u64,
    /// Users with a row.
    pub users: u64,
    /// Items with a row.
    pub items: u64,
    /// Sessions with a row.
    pub sessions: u64,
}

impl ShopSummary {
    /// The rows of each behavior with its label.
    pub fn by_behavior(&self) -> impl Iterator<Item = (&'static str, u64)> {
        BEHAVIORS.into_iter().zip(self.behaviors)
    }
}

/// The numbers seen so far, as a bit set.
struct Seen(Vec<u64>);

impl Seen {
    fn new(n: u32) -> Self {
        Self(vec![0; (n as usize).div_ceil(64)])
    }

    fn insert(&mut self, n: u32) {
        self.0[n as usize / 64] |= 1 << (n % 64);
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

struct Generator<'a, W, P> {
    config: &'a ValidShopConfig,
    catalogue: &'a Catalogue,
    calendar: &'a Calendar,
    random: Random,
    control: Control,
    waiting: BinaryHeap<Reverse<Row>>,
    carts: HashMap<u32, Vec<u32>>,
    sequence: u64,
    duplicates: u64,
    sessions: u64,
    users_seen: Seen,
    items_seen: Seen,
    written: u64,
    buffer: Vec<u8>,
    out: W,
    progress: P,
}

impl<W: Write, P: FnMut(u64)> Generator<'_, W, P> {
    fn session(&mut self, second: u32, user: u32, session: u32) {
        let mut draws = self
            .random
            .at(epoch::SESSION, u64::from(user) << 10 | u64::from(session));
        // Fewer rows than sessions: an even share of the sessions has none.
        if self.control.skips(&mut draws) {
            return;
        }
        let traits = User::new(self.config, self.catalogue, &self.random, user);
        let mut cart = self.carts.remove(&user).unwrap_or_default();
        let before = self.sequence;
        self.sequence = Session {
            config: self.config,
            catalogue: self.catalogue,
            user: &traits,
            control: &mut self.control,
            rows: &mut self.waiting,
            cart: &mut cart,
            draws,
            next: Row {
                second,
                sequence: self.sequence,
                user,
                session,
                item: 0,
                behavior: 0,
            },
            duplicates: &mut self.duplicates,
        }
        .run();
        if !cart.is_empty() {
            self.carts.insert(user, cart);
        }
        if self.sequence > before {
            self.sessions += 1;
            self.users_seen.insert(user);
        }
    }

    /// Writes the rows that no later session can precede.
    fn write_until(&mut self, second: u32) -> std::io::Result<()> {
        let lines = Lines {
            config: self.config,
            catalogue: self.catalogue,
            calendar: self.calendar,
            random: self.random,
        };
        while let Some(&Reverse(row)) = self.waiting.peek()
            && row.second <= second
        {
            self.waiting.pop();
            lines.write(&row, &mut self.buffer)?;
            self.items_seen.insert(row.item);
            self.written += 1;
            if self.buffer.len() >= CHUNK {
                self.out.write_all(&self.buffer)?;
                self.buffer.clear();
                (self.progress)(self.written);
            }
        }
        Ok(())
    }

    fn run(mut self) -> std::io::Result<ShopSummary> {
        self.buffer.extend_from_slice(HEADER);
        let scale = self.config.session_scale();
        let slices = self
            .control
            .sessions_left()
            .div_ceil(SESSIONS_AT_A_TIME)
            .max(1);
        let mut starts: Vec<(u32, u32, u32)> = Vec::new();
        let mut times = Vec::new();
        let visits = Visits {
            config: self.config,
            calendar: self.calendar,
            random: self.random,
        };
        for slice in 0..slices {
            starts.clear();
            let bound = |n: u64| (n * (u64::from(LAST_SECOND) + 1) / slices) as u32;
            for user in 0..self.config.n_users {
                let n = n_sessions(self.config, scale, &self.random, user);
                visits.session_times(user, n, &mut times);
                times.sort_unstable();
                for (session, &time) in times.iter().enumerate() {
                    if (bound(slice)..bound(slice + 1)).contains(&time) {
                        starts.push((time, user, session as u32));
                    }
                }
            }
            starts.sort_unstable();
            for &(second, user, session) in &starts {
                self.write_until(second.saturating_sub(1))?;
                self.session(second, user, session);
            }
        }
        self.write_until(u32::MAX)?;
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        (self.progress)(self.written);
        Ok(ShopSummary {
            rows: self.written,
            behaviors: self.control.rows(),
            duplicates: self.duplicates,
            users: self.users_seen.count(),
            items: self.items_seen.count(),
            sessions: self.sessions,
        })
    }
}

fn stream(
    config: &ValidShopConfig,
    out: impl Write,
    progress: impl FnMut(u64),
) -> std::io::Result<ShopSummary> {
    let random = Random::new(config.config.seed, Stream::Synthetic);
    let catalogue = Catalogue::new(config, &random);
    let calendar = Calendar::new();
    let scale = config.session_scale();
    let sessions = (0..config.n_users)
        .map(|user| u64::from(n_sessions(config, scale, &random, user)))
        .sum();
    let control = Control::new(
        config.config.behavior_shares,
        config.n_events(),
        sessions,
        ROWS_PER_SESSION,
    );
    Generator {
        config,
        catalogue: &catalogue,
        calendar: &calendar,
        random,
        control,
        waiting: BinaryHeap::new(),
        carts: HashMap::new(),
        sequence: 0,
        duplicates: 0,
        sessions: 0,
        users_seen: Seen::new(config.n_users),
        items_seen: Seen::new(config.n_items),
        written: 0,
        buffer: Vec::with_capacity(CHUNK + 512),
        out,
        progress,
    }
    .run()
}

/// Writes a log with exactly the configured number of rows, in order of time.
///
/// `progress` gets the number of rows written so far, about every 500 rows and at the end. Memory grows
/// with users and items (open carts, the catalogue), not with rows: session starts are held
/// four million at a time. O(rows · log(rows within half an hour)) time.
///
/// # Errors
/// [`DataError::WriteLog`] if writing fails.
pub fn generate(
    config: &ValidShopConfig,
    out: &mut impl Write,
    progress: impl FnMut(u64),
) -> Result<ShopSummary, DataError> {
    stream(config, out, progress).map_err(|source| DataError::WriteLog { source })
}

/// Writes a log to a file, compressed with gzip if its name ends in `.gz` and with Zstandard if it
/// ends in `.zst`. The file appears whole or not at all: it is written under a temporary name next
/// to `path` and renamed. An existing file is replaced.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written; nothing is left behind.
pub fn generate_to_path(
    config: &ValidShopConfig,
    path: impl AsRef<Path>,
    progress: impl FnMut(u64),
) -> Result<ShopSummary, DataError> {
    let path = path.as_ref();
    let partial = partial_path(path);
    let result = write_file(config, path, &partial, progress);
    result.map_err(|source| {
        // Best effort: the partial file may not even exist.
        let _ = std::fs::remove_file(&partial);
        DataError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

fn write_file(
    config: &ValidShopConfig,
    path: &Path,
    partial: &Path,
    progress: impl FnMut(u64),
) -> std::io::Result<ShopSummary> {
    let file = BufWriter::with_capacity(1 << 18, File::create(partial)?);
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let (summary, file) = match extension {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            (stream(config, &mut encoder, progress)?, encoder.finish()?)
        }
        "zst" => {
            let mut encoder = zstd::Encoder::new(file, 3)?;
            (stream(config, &mut encoder, progress)?, encoder.finish()?)
        }
        _ => {
            let mut file = file;
            (stream(config, &mut file, progress)?, file)
        }
    };
    let file = file.into_inner().map_err(|e| e.into_error())?;
    file.sync_all()?;
    std::fs::rename(partial, path)?;
    Ok(summary)
}
