//! What a service manager is told by a node: ready, alive, reloading, stopping.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::node::{Node, temporary_folder};

#[test]
fn a_service_manager_is_told_of_every_step_and_that_the_node_lives() {
    let folder = temporary_folder("systemd");
    let manager = Manager(UnixDatagram::bind(folder.join("notify")).unwrap());
    let socket = folder.join("notify").display().to_string();
    let node = Node::start_with(&[("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "600000".to_owned())]);
    manager.hear("READY=1");
    // fed again and again, each time within its patience
    for _ in 0..4 {
        let waited = manager.hear("WATCHDOG=1");
        assert!(waited < Duration::from_millis(600), "{waited:?}");
    }
    signal(&node, "-HUP");
    manager.hear("RELOADING=1");
    manager.hear("READY=1");
    signal(&node, "-TERM");
    manager.hear("STOPPING=1");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_watchdog_of_a_node_that_hangs_is_not_fed() {
    let folder = temporary_folder("systemd");
    let manager = Manager(UnixDatagram::bind(folder.join("notify")).unwrap());
    let socket = folder.join("notify").display().to_string();
    let node = Node::start_with(&[("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "300000".to_owned())]);
    manager.hear("WATCHDOG=1");
    signal(&node, "-STOP");
    assert!(manager.falls_silent(Duration::from_millis(600)));
    signal(&node, "-CONT");
    manager.hear("WATCHDOG=1");
    std::fs::remove_dir_all(folder).unwrap();
}

fn signal(node: &Node, signal: &str) {
    assert!(Command::new("kill").args([signal, &node.pid().to_string()]).status().unwrap().success());
}

struct Manager(UnixDatagram);

impl Manager {
    /// Waits for a notification with this line, whatever else comes before; says how long that took.
    fn hear(&self, line: &str) -> Duration {
        let began = Instant::now();
        self.0.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut others = Vec::new();
        loop {
            match self.next() {
                Some(told) if told.lines().any(|told| told == line) => return began.elapsed(),
                Some(told) => others.push(told),
                None => panic!("{line} is not told; but {others:?}"),
            }
        }
    }

    /// True when what was told already is followed by nothing for so long.
    fn falls_silent(&self, patience: Duration) -> bool {
        self.0.set_read_timeout(Some(patience)).unwrap();
        (0..10).any(|_| self.next().is_none())
    }

    fn next(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}
