//! A node as a test sees it: a process, its folders, its mailboxes.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use crate::sound;

pub struct Node {
    child: Child,
    folder: PathBuf,
    ports: [u16; 3],
}

/// One mail as it lies in a Maildir.
#[derive(Clone)]
pub struct Mail {
    bytes: Vec<u8>,
}

impl Node {
    /// A node with the sample organisation and the one of `tests/organisation`.
    pub fn start() -> Node {
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
        let ports = [free_port(), free_port(), free_port()];
        let child = spawn(&folder, ports);
        let node = Node { child, folder, ports };
        node.wait_until_ready();
        node
    }

    /// kill -9, and a new process on the same folders.
    pub fn crash_and_restart(&mut self) {
        self.kill();
        self.child = spawn(&self.folder, self.ports);
        self.wait_until_ready();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The call router's address.
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn mails(&self, alias: &str) -> Vec<Mail> {
        let mailbox = self.folder.join("var/mail").join(alias).join("new");
        let mut files: Vec<_> = fs::read_dir(mailbox).into_iter().flatten().flatten().map(|file| file.path()).collect();
        files.sort();
        files.into_iter().map(|file| Mail { bytes: fs::read(file).unwrap() }).collect()
    }

    /// Waits for so many mails, and not more.
    pub fn wait_for_mails(&self, alias: &str, count: usize) -> Vec<Mail> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let mails = self.mails(alias);
            if mails.len() >= count {
                assert_eq!(mails.len(), count, "more mails than calls for {alias}");
                return mails;
            }
            assert!(Instant::now() < deadline, "{} of {count} mails for {alias}\n{}", mails.len(), self.log());
            pause();
        }
    }

    /// Waits until every call has given back what it held.
    pub fn wait_until_idle(&self) -> serde_json::Value {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let output = self.command(&["status", "--json"]).output().unwrap();
            let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let load = status["node"]["load"].clone();
            let held = ["calls", "media_streams", "rtp_ports", "dialogs", "recordings"];
            if held.iter().all(|what| load[what] == 0) {
                return load;
            }
            assert!(Instant::now() < deadline, "not idle: {load}\n{}", self.log());
            pause();
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringpost"));
        command.args(arguments).arg("--config").arg(self.folder.join("config"));
        command.arg("--data").arg(self.folder.join("var"));
        command
    }

    fn wait_until_ready(&self) {
        let status: ExitStatus = self.command(&["status", "--wait", "20"]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "the node is not up:\n{}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // whatever the test came to, its node does not outlive it
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Mail {
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

fn spawn(folder: &Path, ports: [u16; 3]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_ringpost"))
        .args(["serve", "--config"])
        .arg(folder.join("config"))
        .arg("--data")
        .arg(folder.join("var"))
        .env("RINGPOST__SIP__CALL_ROUTER_PORT", ports[0].to_string())
        .env("RINGPOST__SIP__UM_SERVICE_PORT", ports[1].to_string())
        .env("RINGPOST__SIP__UM_WORKER_PORT", ports[2].to_string())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Between two looks at something that is waited for.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

pub fn temporary_folder(what: &str) -> PathBuf {
    let unique = format!("ringpost-{what}-{}-{}", std::process::id(), free_port());
    let folder = std::env::temp_dir().join(unique);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A port nobody holds for UDP or TCP at this moment.
pub fn free_port() -> u16 {
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
