//! Metrics of this process (Linux), with the names that Prometheus' client libraries use.

use super::text::Text;

/// Ticks of the kernel's clock in a second, on all but a few old architectures.
const TICKS: f64 = 100.0;
/// Bytes of a page of memory; `statm` counts in pages, `status` in KiB.
const KIB: u64 = 1024;

/// Adds memory, descriptors, threads, processor time and start time, if the system reports them.
pub(super) fn describe(text: &mut Text) {
    let status = read("/proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
    };
    let bytes = |name| field(name).map(|kib| (kib * KIB) as f64);
    text.gauge(
        "process_resident_memory_bytes",
        "Resident memory.",
        bytes("VmRSS:"),
    );
    text.gauge(
        "process_virtual_memory_bytes",
        "Virtual memory.",
        bytes("VmSize:"),
    );
    let threads = field("Threads:").map(|n| n as f64);
    text.gauge("process_threads", "Threads.", threads);
    let open = std::fs::read_dir("/proc/self/fd").ok();
    let open = open.map(|open| open.count() as f64);
    text.gauge("process_open_fds", "Open descriptors.", open);
    text.gauge(
        "process_max_fds",
        "The limit of open descriptors.",
        max_fds(),
    );
    let times = Times::read();
    let help = "Seconds of all processors that the process used.";
    text.counter(
        "process_cpu_seconds_total",
        help,
        times.as_ref().map(|times| times.used),
    );
    let help = "When the process started, in seconds since 1970.";
    text.gauge(
        "process_start_time_seconds",
        help,
        times.and_then(|times| times.start),
    );
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn max_fds() -> Option<f64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.map(|n| n as f64)
}

/// Times of the process, in seconds.
struct Times {
    used: f64,
    /// Since 1970.
    start: Option<f64>,
}

impl Times {
    fn read() -> Option<Self> {
        let stat = read("/proc/self/stat");
        // The program's name, in parentheses, may contain any characters.
        let (_, fields) = stat.rsplit_once(')')?;
        // The state of the process is the third field overall, and the first one here.
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let seconds = |number: usize| Some(fields.get(number - 3)?.parse::<f64>().ok()? / TICKS);
        let all = read("/proc/stat");
        let boot = all.lines().find_map(|line| line.strip_prefix("btime "));
        let boot: Option<f64> = boot.and_then(|text| text.trim().parse().ok());
        let since_boot = seconds(22)?;
        Some(Self {
            used: seconds(14)? + seconds(15)?,
            start: boot.map(|boot| boot + since_boot),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_process_started_a_while_ago() {
        let times = Times::read().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - times.start.unwrap();
        assert!((-2.0..86_400.0).contains(&age), "{age}");
        assert!(times.used >= 0.0);
        assert!(max_fds().is_none_or(|most| most >= 3.0));
    }
}
