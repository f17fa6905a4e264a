//! Real mail servers for tests: Exim and Dovecot from Debian, each in the foreground on a free loopback port, with a
//! configuration and a folder of its own. They run as an ordinary user; a test run by root lends them `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long a server may take for anything before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// `nobody` and `nogroup` on Debian.
const NOBODY: u32 = 65534;

/// The path of a program; fails the test with the name of the Debian package when it is missing.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// A folder for one test, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(what: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ringpost-{what}-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Gives everything below to the user the servers run as.
    pub fn hand_over(&self) {
        fn give(path: &Path, user: u32, group: u32) {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
            if path.is_dir() {
                fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), user, group));
            }
        }
        let (user, group) = server_user();
        give(&self.0, user, group);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn own_ids() -> (u32, u32) {
    let own = fs::metadata("/proc/self").unwrap();
    (own.uid(), own.gid())
}

fn server_user() -> (u32, u32) {
    match own_ids() {
        (0, _) => (NOBODY, NOBODY),
        ids => ids,
    }
}

fn name_of(id: u32, table: &str) -> String {
    let table = fs::read_to_string(table).unwrap();
    let line = table.lines().find(|line| line.split(':').nth(2) == Some(&id.to_string()));
    line.and_then(|line| line.split(':').next()).unwrap_or_else(|| panic!("no name for id {id}")).to_owned()
}

/// A port nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server in the foreground; it is ended with the value.
struct Server {
    child: Child,
    ending: Ending,
    log: Receiver<String>,
    seen: Vec<String>,
}

enum Ending {
    /// Dovecot ends its own children when it is asked to end.
    Asked,
    /// Exim, when asked, leaves children behind that log into a folder that is gone: they end with it.
    Killed,
}

impl Server {
    /// `log` is made a pipe with a name: each line the server logs is an event to wait for.
    fn start(program: &Path, arguments: &[&OsStr], log: &Path, scratch: &Scratch, ending: Ending) -> Self {
        nix::unistd::mkfifo(log, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        scratch.hand_over();
        // Opened for both, so that it neither blocks nor ends when the server opens it anew.
        let pipe = fs::OpenOptions::new().read(true).write(true).open(log).unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(pipe).lines().map_while(Result::ok);
            lines.into_iter().try_for_each(|line| sender.send(line))
        });
        let mut command = if own_ids().0 == 0 {
            let mut command = Command::new(self::program("setpriv", "util-linux"));
            command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        let child = command.args(arguments).stdin(Stdio::null()).process_group(0).spawn().unwrap();
        Self { child, ending, log: lines, seen: Vec::new() }
    }

    /// Waits for the next line that has `text` in it.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("the server never logged {text:?}, but:\n{}", self.seen.join("\n")),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id();
        let arguments = match self.ending {
            Ending::Asked => ["-TERM".to_owned(), "--".to_owned(), id.to_string()],
            Ending::Killed => ["-KILL".to_owned(), "--".to_owned(), format!("-{id}")],
        };
        let _ = Command::new("kill").args(arguments).status();
        let _ = self.child.wait();
    }
}

/// Exim as the mail server of a site: takes mail for `alice`, and only from those who signed in when it has TLS.
pub struct Exim {
    server: Server,
    scratch: Scratch,
    /// STARTTLS.
    pub port: u16,
    /// TLS from the first octet.
    pub tls_port: u16,
    /// PEM of the certificate, made for `localhost`.
    pub certificate: Vec<u8>,
}

pub const USER: &str = "ringpost";
pub const PASSWORD: &str = "kept \"secret\"";

impl Exim {
    pub fn with_tls() -> Self {
        Self::start(true)
    }

    pub fn without_tls() -> Self {
        Self::start(false)
    }

    fn start(tls: bool) -> Self {
        let exim = program("exim4", "exim4-daemon-light");
        let scratch = Scratch::new("exim");
        let folder = scratch.path();
        fs::create_dir(folder.join("spool")).unwrap();
        let certificate = make_certificate(folder);
        let (port, tls_port) = (free_port(), free_port());
        let dir = folder.display();
        let (user, group) = server_user();
        let protection = if tls {
            format!(
                "tls_advertise_hosts = *\ntls_certificate = {dir}/cert.pem\ntls_privatekey = {dir}/key.pem\n\
                 tls_on_connect_ports = {tls_port}\n"
            )
        } else {
            "tls_advertise_hosts =\n".to_owned()
        };
        let who_may = if tls { "deny message = sign in first\n     !authenticated = *\n" } else { "" };
        let configuration = format!(
            r#"exim_user = {user}
exim_group = {group}
spool_directory = {dir}/spool
log_file_path = {dir}/%slog
pid_file_path = {dir}/exim.pid
primary_hostname = mail.example.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port} : {tls_port}
log_selector = +smtp_connection
keep_environment =
deliver_drop_privilege = true
host_lookup =
rfc1413_hosts =
{protection}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
{who_may}
accept local_parts = alice
defer message = mailbox is locked
      local_parts = locked
deny message = no such user here
data:
accept
begin routers
local:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {dir}/inbox
  user = {user}
  group = {group}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"#
        );
        let file = folder.join("exim.conf");
        fs::write(&file, configuration).unwrap();
        let arguments = [OsStr::new("-C"), file.as_os_str(), OsStr::new("-bdf"), OsStr::new("-q5m")];
        let mut server = Server::start(&exim, &arguments, &folder.join("mainlog"), &scratch, Ending::Killed);
        server.wait_for("daemon started");
        Self { server, port, tls_port, certificate, scratch }
    }

    /// Waits until so many messages are in the mailbox and returns them.
    pub fn inbox(&mut self, messages: usize) -> Vec<Vec<u8>> {
        for _ in 0..messages {
            self.server.wait_for("Completed");
        }
        let new = self.scratch.path().join("inbox/new");
        let mails: Vec<_> = fs::read_dir(new).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
        assert_eq!(mails.len(), messages);
        mails
    }

    /// How many log lines so far have `text` in them.
    pub fn logged(&mut self, text: &str) -> usize {
        self.server.seen.extend(self.server.log.try_iter());
        self.server.seen.iter().filter(|line| line.contains(text)).count()
    }
}

fn make_certificate(folder: &Path) -> Vec<u8> {
    let made = Command::new(program("openssl", "openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::read(folder.join("cert.pem")).unwrap()
}

/// Dovecot serving `<scratch>/mail/<user>` by IMAP; the password of everybody is [`PASSWORD`].
pub struct Dovecot {
    server: Server,
    port: u16,
}

impl Dovecot {
    pub fn serve(scratch: &Scratch) -> Self {
        let dovecot = program("dovecot", "dovecot-imapd");
        assert!(Path::new("/usr/lib/dovecot/imap").exists(), "imap is missing: apt-get install dovecot-imapd");
        let port = free_port();
        let dir = scratch.path().join("dovecot");
        fs::create_dir(&dir).unwrap();
        let (user, group) = server_user();
        let (user_name, group_name) = (name_of(user, "/etc/passwd"), name_of(group, "/etc/group"));
        let mail = scratch.path().join("mail");
        let configuration = format!(
            r#"base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {user_name}
default_internal_group = {group_name}
default_login_user = {user_name}
first_valid_uid = 1
mail_location = maildir:{mail}/%n
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {dir}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={dir}/home/%n
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"#,
            dir = dir.display(),
            mail = mail.display(),
        );
        let file = dir.join("dovecot.conf");
        fs::write(&file, configuration).unwrap();
        fs::write(dir.join("users"), format!("alice:{PASSWORD}\n")).unwrap();
        let arguments = [OsStr::new("-F"), OsStr::new("-c"), file.as_os_str()];
        let mut server = Server::start(&dovecot, &arguments, &dir.join("log"), scratch, Ending::Asked);
        server.wait_for("starting up");
        Self { server, port }
    }

    /// One IMAP command of alice in her inbox, or the message her mail program would show for a path such as
    /// `INBOX;MAILINDEX=1`.
    pub fn imap(&self, path: &str, command: Option<&str>) -> Vec<u8> {
        let mut curl = Command::new(program("curl", "curl"));
        curl.args(["--silent", "--show-error", "--max-time", "30", "--user", &format!("alice:{PASSWORD}")]);
        curl.arg(format!("imap://127.0.0.1:{}/{path}", self.port));
        curl.args(command.into_iter().flat_map(|command| ["--request", command]));
        let output = curl.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Whether Dovecot complained about anything so far.
    pub fn complaints(&mut self) -> Vec<String> {
        self.server.seen.extend(self.server.log.try_iter());
        let is_complaint =
            |line: &&String| ["Error", "Warning", "Fatal", "Panic"].iter().any(|word| line.contains(word));
        self.server.seen.iter().filter(is_complaint).cloned().collect()
    }
}
