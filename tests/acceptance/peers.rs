//! The programs that tests call with. One that is missing fails the test and names its Debian package.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::node::{Node, temporary_folder};
use crate::ports::Ports;

/// Panics with the package to install when a program is not there.
pub fn require(program: &str, package: &str) {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().unwrap();
    assert!(found.success(), "{program} is missing: apt-get install {package} (scripts/install-peers does)");
}

/// A call of sipp with one of the scenarios.
pub struct Sipp {
    scenario: &'static str,
    remote: SocketAddr,
    service: &'static str,
    transport: &'static str,
    local: &'static str,
    more: Option<&'static str>,
    ports: Ports,
}

impl Sipp {
    pub fn new(node: &Node, scenario: &'static str) -> Sipp {
        require("sipp", "sip-tester");
        let ports = Ports::claim();
        let remote = node.sip();
        Sipp { scenario, remote, service: "5000", transport: "u1", local: "127.0.0.1", more: None, ports }
    }

    /// Another part of the node than the UM worker is called.
    pub fn to(self, remote: SocketAddr) -> Sipp {
        Sipp { remote, ..self }
    }

    /// The user part of the request URI, where the scenario leaves it open.
    pub fn service(self, service: &'static str) -> Sipp {
        Sipp { service, ..self }
    }

    pub fn over_tcp(self) -> Sipp {
        Sipp { transport: "t1", ..self }
    }

    /// The address the call comes from.
    pub fn from(self, local: &'static str) -> Sipp {
        Sipp { local, ..self }
    }

    /// Every copy of a message counts; sipp itself sends none twice.
    pub fn without_retransmission(self) -> Sipp {
        Sipp { more: Some("-nr"), ..self }
    }

    /// Where its SIP and RTP are.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Makes the call, which must go as written.
    pub fn run(&self) {
        let folder = temporary_folder("sipp");
        let output = Command::new("sipp")
            .arg(self.remote.to_string())
            .args(["-sf", &format!("scenarios/{}.xml", self.scenario), "-s", self.service, "-t", self.transport])
            .args(["-i", self.local, "-p", &self.ports.get(0).to_string()])
            .args(["-mi", self.local, "-mp", &self.ports.get(2).to_string()])
            .args(["-m", "1", "-nostdin", "-timeout", "150s", "-timeout_error"])
            .args(self.more)
            .args(["-trace_err", "-error_file"])
            .arg(folder.join("errors"))
            .args(["-trace_msg", "-message_file"])
            .arg(folder.join("messages"))
            .env("TERM", "dumb")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let read = |file| fs::read_to_string(folder.join(file)).unwrap_or_default();
        assert!(output.status.success(), "{} failed: {}\n{}", self.scenario, read("errors"), read("messages"));
        fs::remove_dir_all(folder).unwrap();
    }
}
