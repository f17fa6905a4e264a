//! A node as a test sees it: a process, its folders, its mailboxes.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use crate::ports::Ports;
use crate::sound;

pub struct Node {
    /// The file it runs.
    program: PathBuf,
    child: Child,
    folder: PathBuf,
    ports: Ports,
    settings: Vec<(&'static str, String)>,
}

/// One mail as it lies in a Maildir.
#[derive(Clone)]
pub struct Mail {
    /// Whose mailbox it is in.
    pub alias: String,
    bytes: Vec<u8>,
}

impl Node {
    /// A node with the sample organisation and the one of `tests/organisation`.
    pub fn start() -> Node {
        Node::start_with(&[])
    }

    /// The same, with settings from the environment.
    pub fn start_with(settings: &[(&'static str, String)]) -> Node {
        Node::begin(settings, |_| PathBuf::from(env!("CARGO_BIN_EXE_ringpost")))
    }

    /// A node that runs a copy of the program, which a test may put another one in the place of.
    pub fn start_with_program_of_its_own() -> Node {
        Node::begin(&[], |folder| {
            let program = folder.join("ringpost");
            fs::copy(env!("CARGO_BIN_EXE_ringpost"), &program).unwrap();
            program
        })
    }

    fn begin(settings: &[(&'static str, String)], program: impl FnOnce(&Path) -> PathBuf) -> Node {
        let folder = temporary_folder("node");
        let config = folder.join("config");
        fs::create_dir_all(config.join("directory")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(root.join("config/ringpost.toml"), config.join("ringpost.toml")).unwrap();
        for from in [root.join("config/directory"), root.join("tests/organisation")] {
            for file in fs::read_dir(from).unwrap().flatten() {
                fs::copy(file.path(), config.join("directory").join(file.file_name())).unwrap();
            }
        }
        let ports = Ports::claim();
        let settings = settings.to_vec();
        let program = program(&folder);
        let child = spawn(&program, &folder, &ports, &settings);
        let node = Node { program, child, folder, ports, settings };
        node.wait_until_ready();
        node
    }

    /// kill -9 of the node and its workers: the machine stops.
    pub fn kill(&mut self) {
        self.kill_node();
        self.kill_workers();
    }

    /// kill -9 of the node alone; its workers go on.
    pub fn kill_node(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// kill -9 of every worker.
    pub fn kill_workers(&self) {
        self.worker_pids().into_iter().for_each(kill);
    }

    /// The processes that carry the calls of this node, by its folder: also those of an earlier life of it.
    pub fn worker_pids(&self) -> Vec<u32> {
        let held = self.folder.join("var/run");
        let of_ours = |pid: u32| {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.starts_with(&held))
        };
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| of_ours(*pid)).collect()
    }

    /// A new process on the folders of the one that was killed. It is up when [`Node::wait_until_ready`] returns.
    pub fn restart(&mut self) {
        self.child = spawn(&self.program, &self.folder, &self.ports, &self.settings);
    }

    /// A new version of the program is put in the place of the one that runs.
    pub fn upgrade(&self) {
        let new = self.program.with_extension("new");
        fs::copy(&self.program, &new).unwrap();
        fs::rename(&new, &self.program).unwrap();
    }

    /// The workers as the node knows them, each with id, pid, port and state.
    pub fn workers(&self) -> Vec<serde_json::Value> {
        self.status()["node"]["workers"].as_array().cloned().unwrap_or_default()
    }

    /// Where the worker listens that takes the calls.
    pub fn worker(&self) -> SocketAddr {
        let workers = self.workers();
        let current = workers.iter().find(|worker| worker["state"] == "Current").expect("a worker takes calls");
        SocketAddr::from(([127, 0, 0, 1], current["port"].as_u64().unwrap() as u16))
    }

    /// Waits until another worker takes the calls.
    pub fn wait_for_another_worker(&self, than: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.worker() == than {
            assert!(Instant::now() < deadline, "no other worker takes the calls: {:?}", self.workers());
            pause();
        }
    }

    /// SIGTERM, and waits for the end of it.
    pub fn terminate(&mut self) -> ExitStatus {
        self.ask_to_terminate();
        self.child.wait().unwrap()
    }

    /// SIGTERM.
    pub fn ask_to_terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    pub fn has_not_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn wait_until_ready(&self) {
        let status: ExitStatus = self.command(&["status", "--wait", "20"]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "the node is not up");
    }

    /// Where calls are taken: the UM worker's address.
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.get(2)))
    }

    /// The call router's address.
    pub fn router(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.get(0)))
    }

    /// The UM service's address.
    pub fn service(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports.get(1)))
    }

    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Every mail in every mailbox.
    pub fn mails(&self) -> Vec<Mail> {
        let mut mails = Vec::new();
        for mailbox in fs::read_dir(self.folder.join("var/mail")).into_iter().flatten().flatten() {
            let alias = mailbox.file_name().into_string().unwrap();
            for file in fs::read_dir(mailbox.path().join("new")).into_iter().flatten().flatten() {
                mails.push(Mail { alias: alias.clone(), bytes: fs::read(file.path()).unwrap() });
            }
        }
        mails
    }

    /// Waits until every call has given back what it held and every message is delivered: all mail there will be.
    pub fn mails_when_idle(&self) -> Vec<Mail> {
        self.wait_until_idle(&["calls", "media_streams", "rtp_ports", "dialogs", "recordings"]);
        self.mails()
    }

    /// Waits until the node holds none of these, and no message waits.
    pub fn wait_until_idle(&self, held: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status();
            let nothing = |list: &serde_json::Value| list.as_array().is_some_and(Vec::is_empty);
            let spooled = ["recording", "ready", "failed"].iter().any(|folder| !nothing(&status["spool"][folder]));
            let load = &status["node"]["load"];
            if !spooled && held.iter().all(|what| load[what] == 0) {
                return;
            }
            assert!(Instant::now() < deadline, "not idle: {status}");
            pause();
        }
    }

    fn status(&self) -> serde_json::Value {
        let output = self.command(&["status", "--json"]).output().unwrap();
        let read = serde_json::from_slice(&output.stdout);
        read.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringpost"));
        command.args(arguments).arg("--config").arg(self.folder.join("config"));
        command.arg("--data").arg(self.folder.join("var"));
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // whatever the test came to, its node does not outlive it
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.kill_workers();
        if std::thread::panicking() {
            eprintln!("---- log of the node ({})\n{}", self.folder.display(), self.log());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Mail {
    pub fn new(alias: &str, bytes: Vec<u8>) -> Mail {
        Mail { alias: alias.to_owned(), bytes }
    }

    pub fn header(&self, name: &str) -> String {
        let message = self.message();
        let raw = message.header_raw(name).unwrap_or_default();
        raw.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn subject(&self) -> String {
        self.message().subject().unwrap_or_default().to_owned()
    }

    pub fn is_voice_message(&self) -> bool {
        self.header("Message-Context") == "voice-message" && self.attachment().is_some()
    }

    pub fn is_missed_call(&self) -> bool {
        self.header("Content-Class") == "missedcall" && self.attachment().is_none()
    }

    pub fn call_id(&self) -> String {
        self.header("X-CallID")
    }

    /// Name and content of the attachment.
    pub fn attachment(&self) -> Option<(String, Vec<u8>)> {
        let message = self.message();
        let part = message.attachments().next()?;
        let PartType::Binary(bytes) = &part.body else { return None };
        Some((part.attachment_name()?.to_owned(), bytes.to_vec()))
    }

    /// Samples at 8 kHz.
    pub fn audio(&self) -> Vec<i16> {
        let (_, bytes) = self.attachment().expect("a voice message has an attachment");
        sound::read_wav(&bytes)
    }

    pub fn seconds(&self) -> f64 {
        self.audio().len() as f64 / 8000.0
    }

    fn message(&self) -> Message<'_> {
        MessageParser::default().parse(&self.bytes).expect("the mail is one")
    }
}

fn spawn(program: &Path, folder: &Path, ports: &Ports, settings: &[(&'static str, String)]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(program)
        .args(["serve", "--config"])
        .arg(folder.join("config"))
        .arg("--data")
        .arg(folder.join("var"))
        .env("RINGPOST__SIP__CALL_ROUTER_PORT", ports.get(0).to_string())
        .env("RINGPOST__SIP__UM_SERVICE_PORT", ports.get(1).to_string())
        .env("RINGPOST__SIP__UM_WORKER_PORT", ports.get(2).to_string())
        .env("RINGPOST__ADMIN__ADDRESS", "127.0.0.1:0")
        .env("RINGPOST__SIP__UM_WORKER_REPLACEMENT_PORT", ports.get(3).to_string())
        .envs(settings.iter().map(|(key, value)| (key, value)))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// kill -9 of a process.
pub fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    // it may have ended by itself
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}

/// Between two looks at something that is waited for.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

pub fn temporary_folder(what: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("ringpost-{what}-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
