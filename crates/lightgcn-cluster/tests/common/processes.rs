//! A scheduler and executors as processes.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Ends its processes when it is dropped.
pub(crate) struct Cluster {
    port: u16,
    scheduler: Child,
    executors: Vec<Child>,
    /// Where the executors run.
    folder: TempDir,
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lightgcn-cluster"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Waits until something listens on a port.
fn wait_for(port: u16) {
    let begin = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(300),
            "nothing listens on {port}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Cluster {
    pub(crate) fn start(n_executors: usize) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let scheduler = command()
            .args([
                "scheduler",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--executor-timeout",
                "10",
            ])
            .spawn()
            .unwrap();
        wait_for(port);
        let mut cluster = Self {
            port,
            scheduler,
            executors: Vec::new(),
            folder,
        };
        for _ in 0..n_executors {
            cluster.add_executor();
        }
        cluster
    }

    pub(crate) fn add_executor(&mut self) {
        let (port, grpc_port) = (free_port(), free_port());
        let executor = command()
            .arg("executor")
            .args([
                "--scheduler-host",
                "127.0.0.1",
                "--tasks",
                "2",
                "--heartbeat",
                "1",
            ])
            .args(["--scheduler-port", &self.port.to_string()])
            .args(["--port", &port.to_string()])
            .args(["--grpc-port", &grpc_port.to_string()])
            .arg("--work")
            .arg(self.work(self.executors.len()))
            .current_dir(self.folder.path())
            .spawn();
        self.executors.push(executor.unwrap());
        wait_for(port);
    }

    pub(crate) fn address(&self) -> String {
        format!("df://127.0.0.1:{}", self.port)
    }

    /// Whether an executor has computed rows for other tasks.
    pub(crate) fn has_worked(&self, n: usize) -> bool {
        let jobs = std::fs::read_dir(self.work(n));
        jobs.is_ok_and(|mut jobs| jobs.next().is_some())
    }

    fn work(&self, n: usize) -> PathBuf {
        self.folder.path().join(format!("executor-{n}"))
    }

    pub(crate) fn kill_executor(&mut self, n: usize) {
        end(&mut self.executors[n]);
    }

    pub(crate) fn kill_scheduler(&mut self) {
        end(&mut self.scheduler);
    }
}

fn end(process: &mut Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.executors.iter_mut().chain([&mut self.scheduler]) {
            // It may have ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }
}
