//! The node under measurement: started as a child process on ports and folders of its own.
//! Knows: its command line and its configuration. Must not: talk SIP.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Node {
    child: Child,
    folder: PathBuf,
    pub sip: SocketAddr,
}

impl Node {
    pub fn start() -> Node {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ringpost-bench-{}-{number}", std::process::id()));
        let config = folder.join("config");
        fs::create_dir_all(config.join("directory")).expect("a temporary folder");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        fs::copy(shipped.join("ringpost.toml"), config.join("ringpost.toml")).expect("the shipped configuration");
        for file in fs::read_dir(shipped.join("directory")).expect("the shipped directory").flatten() {
            fs::copy(file.path(), config.join("directory").join(file.file_name())).expect("the shipped directory");
        }
        fs::write(config.join("directory/bench.toml"), QUIET_MAILBOX).expect("the bench's mailbox");
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let child = Command::new(env!("CARGO_BIN_EXE_ringpost"))
            .args(["serve", "--config"])
            .arg(&config)
            .arg("--data")
            .arg(folder.join("var"))
            .env("RINGPOST__SIP__CALL_ROUTER_PORT", ports[0].to_string())
            .env("RINGPOST__SIP__UM_SERVICE_PORT", ports[1].to_string())
            .env("RINGPOST__SIP__UM_WORKER_PORT", ports[2].to_string())
            .env("RINGPOST__ADMIN__ADDRESS", "127.0.0.1:0")
            .env("RINGPOST__MAX_CALLS_ALLOWED", "2000")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).expect("a log file"))
            .spawn()
            .expect("the node starts");
        let node = Node { child, folder, sip: SocketAddr::from(([127, 0, 0, 1], ports[2])) };
        assert!(
            node.status(&["--wait", "20"]).success(),
            "the node is not up: see {}",
            node.folder.join("log").display()
        );
        node
    }

    /// The node's process and its UM workers'.
    pub fn processes(&self) -> Processes {
        let node = self.child.id();
        let parent_of = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse::<u32>().ok()
        };
        let all = fs::read_dir("/proc").expect("/proc").flatten();
        let all = all.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let workers: Vec<u32> = all.filter(|pid| parent_of(*pid) == Some(node)).collect();
        assert!(!workers.is_empty(), "the node has a UM worker");
        Processes { node, workers }
    }

    pub fn mailbox(&self, alias: &str) -> PathBuf {
        self.folder.join("var/mail").join(alias).join("new")
    }

    /// Returns when the last call has given back what it held, down to its timers, and its mail is delivered.
    pub fn wait_until_idle(&self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let held = ["calls", "media_streams", "rtp_ports", "dialogs", "recordings", "transactions"];
        loop {
            let status = &self.json()["node"];
            if status["waiting"] == 0 && held.iter().all(|what| status["load"][what] == 0) {
                return;
            }
            assert!(Instant::now() < deadline, "not idle: {status}");
            // each look costs the node what a call does
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// RTP packets that reached the node, and that it missed, over all calls that have ended.
    pub fn packets(&self) -> (u64, u64) {
        let log = fs::read_to_string(self.folder.join("log")).expect("the node's log");
        let sum = |field: &str| {
            let values =
                log.lines().filter_map(|line| line.split_once(field)?.1.split([',', ' ']).next()?.parse::<u64>().ok());
            values.sum()
        };
        (sum(" packets: "), sum(" lost: ") + sum(" late: "))
    }

    fn load(&self) -> String {
        self.json()["node"]["load"].to_string()
    }

    fn json(&self) -> serde_json::Value {
        let output = self.command(&["--json"]).output().expect("ringpost status runs");
        serde_json::from_slice(&output.stdout).expect("status is JSON")
    }

    fn status(&self, options: &[&str]) -> std::process::ExitStatus {
        self.command(options).stdout(Stdio::null()).status().expect("ringpost status runs")
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringpost"));
        command.arg("status").args(options).arg("--config").arg(self.folder.join("config"));
        command.arg("--data").arg(self.folder.join("var"));
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A node's process and its UM workers'.
pub struct Processes {
    pub node: u32,
    pub workers: Vec<u32>,
}

impl Processes {
    /// Nanoseconds their threads have been on a CPU.
    pub fn cpu_ns(&self) -> u64 {
        self.all().map(cpu_ns).sum()
    }

    /// VmRSS of each, added up: what they share counts for each.
    pub fn rss_kib(&self) -> u64 {
        self.all().map(rss_kib).sum()
    }

    fn all(&self) -> impl Iterator<Item = u32> {
        [self.node].into_iter().chain(self.workers.iter().copied())
    }
}

/// What a node and its UM workers hold.
pub struct Held {
    node_kib: u64,
    workers_kib: u64,
    threads: usize,
    descriptors: usize,
    load: String,
}

impl Held {
    pub fn by(node: &Node) -> Held {
        let processes = node.processes();
        let count = |what: &str| {
            let of = |pid: u32| fs::read_dir(format!("/proc/{pid}/{what}")).map_or(0, Iterator::count);
            processes.all().map(of).sum()
        };
        Held {
            node_kib: rss_kib(processes.node),
            workers_kib: processes.workers.iter().copied().map(rss_kib).sum(),
            threads: count("task"),
            descriptors: count("fd"),
            load: node.load(),
        }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Held { node_kib, workers_kib, threads, descriptors, load } = self;
        write!(f, "node {node_kib} KiB, worker {workers_kib} KiB, {threads} threads, {descriptors} descriptors, {load}")
    }
}

const QUIET_MAILBOX: &str = r#"
[[mailbox]]
alias = "quiet"
email_address = "quiet@example.test"
mailbox_policy = "Lab Default Policy"
extensions = ["1009"]
missed_call_notification_enabled = false
"#;

pub fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// Nanoseconds the threads of a process have been on a CPU.
pub fn cpu_ns(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let on_cpu = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    on_cpu.sum()
}

fn rss_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
