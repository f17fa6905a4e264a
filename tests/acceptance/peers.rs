//! The programs that tests call with. One that is missing fails the test and names its Debian package.

use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use crate::node::{Node, free_port, temporary_folder};

/// Panics with the package to install when a program is not there.
pub fn require(program: &str, package: &str) {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().unwrap();
    assert!(found.success(), "{program} is missing: apt-get install {package} (scripts/install-peers does)");
}

/// A call of sipp with one of the scenarios.
pub struct Sipp {
    scenario: String,
    remote: SocketAddr,
    service: String,
    transport: &'static str,
    local: &'static str,
    more: Vec<String>,
}

impl Sipp {
    pub fn new(node: &Node, scenario: &str) -> Sipp {
        require("sipp", "sip-tester");
        Sipp {
            scenario: scenario.to_owned(),
            remote: node.sip(),
            service: "5000".to_owned(),
            transport: "u1",
            local: "127.0.0.1",
            more: Vec::new(),
        }
    }

    pub fn service(self, service: &str) -> Sipp {
        Sipp { service: service.to_owned(), ..self }
    }

    pub fn over_tcp(self) -> Sipp {
        Sipp { transport: "t1", ..self }
    }

    pub fn from(self, local: &'static str) -> Sipp {
        Sipp { local, ..self }
    }

    pub fn with(mut self, arguments: &[&str]) -> Sipp {
        self.more.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Starts the calls; [`finish`] waits for them.
    pub fn spawn(&self) -> Child {
        let errors = temporary_folder("sipp").join("errors");
        let rtp = free_port() & !1;
        Command::new("sipp")
            .arg(self.remote.to_string())
            .args(["-sf", &format!("scenarios/{}.xml", self.scenario), "-s", &self.service, "-t", self.transport])
            .args(["-i", self.local, "-p", &free_port().to_string(), "-mi", self.local])
            .args(["-min_rtp_port", &rtp.to_string(), "-max_rtp_port", &(rtp.saturating_add(2000)).to_string()])
            .args(["-m", "1", "-nostdin", "-timeout", "120s", "-timeout_error", "-trace_err", "-error_file"])
            .arg(errors)
            .args(&self.more)
            .env("TERM", "dumb")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs the calls; all must go as written.
    pub fn run(&self, node: &Node) {
        let output = self.spawn().wait_with_output().unwrap();
        assert!(output.status.success(), "{} failed\n{}\n{}", self.scenario, text(&output), node.log());
    }
}

pub fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    // sipp redraws its screen: the last one says all
    let last = out.rsplit("Scenario Screen").next().unwrap_or_default();
    format!("{last}\n{}", String::from_utf8_lossy(&output.stderr))
}
