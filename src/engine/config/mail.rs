//! `[mail]`: where finished messages go.
//! Knows: the keys and what fits together. Must not: connect to a mail server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::section::Section;
use super::{Disk, Named, PathText};
use crate::directory::{Choice, EmailAddress, HostName, Invalid};

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    pub store: MailStore,
    /// Sender of the messages of callers who have no mailbox.
    pub from: EmailAddress,
}

/// Where mailboxes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailStore {
    /// `mail/<alias>/` below the data folder.
    Maildir,
    Smtp(SmtpConfig),
}

/// `[mail.smtp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// Host name or IP address.
    pub host: String,
    pub port: u16,
    pub starttls: StartTls,
    pub credentials: Option<Credentials>,
    /// Name in EHLO; `None`: the node's.
    pub hello_name: Option<HostName>,
    /// For connecting and for each answer.
    pub timeout: Duration,
}

/// Encryption on the way to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartTls {
    /// Without it nothing is sent.
    Required,
    /// When the server offers it.
    Opportunistic,
    Never,
}

/// For SMTP AUTH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: Password,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    Text(Secret),
    /// The first line of a file.
    File(PathBuf),
}

/// Text that no log and no error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Password {
    /// The password itself, read from its file now.
    pub fn reveal(&self, disk: &dyn Disk) -> io::Result<Secret> {
        match self {
            Password::Text(secret) => Ok(secret.clone()),
            Password::File(path) => {
                let text =
                    String::from_utf8(disk.read(path)?).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                Ok(Secret(text.lines().next().unwrap_or_default().to_owned()))
            }
        }
    }
}

impl Secret {
    /// For the peer it is meant for, nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

pub(super) fn read(mut section: Section, folder: &Path) -> Option<MailConfig> {
    let store = section.text::<Named<Store>>("store", "maildir").map(|store| store.0);
    let by_smtp = store == Some(Store::Smtp);
    let from = match by_smtp {
        // mail servers refuse senders of no domain
        true => section.required("from", "name the sender of messages, such as \"voicemail@example.com\""),
        false => section.text("from", "ringpost@localhost"),
    };
    let smtp = section.section("smtp");
    if by_smtp && !smtp.is_there() {
        section.fault("smtp", "is missing; store = \"smtp\" needs [mail.smtp] with a host");
    }
    let smtp = smtp.is_there().then(|| read_smtp(smtp, folder));
    section.finish(&["imap"]);
    let store = match store? {
        Store::Maildir => MailStore::Maildir,
        Store::Smtp => MailStore::Smtp(smtp??),
    };
    Some(MailConfig { store, from: from? })
}

/// Checked also while `store` is another, so that switching over holds no surprise.
fn read_smtp(mut section: Section, folder: &Path) -> Option<SmtpConfig> {
    let host = section.required::<Host>("host", "name the mail server");
    let port = section.number("port", 1..=u16::MAX, 25);
    let starttls = section.text::<Named<StartTls>>("starttls", "required").map(|starttls| starttls.0);
    let username = section.optional::<Line>("username");
    let password = section.optional::<Line>("password");
    let password_file = section.optional::<PathText>("password_file");
    let hello_name = section.optional("hello_name");
    let timeout = section.duration("timeout", seconds(1)..=seconds(600), seconds(60));

    if section.has("password") && section.has("password_file") {
        section.fault("password_file", "cannot stand beside password; leave one of them out");
    }
    let has_password = section.has("password") || section.has("password_file");
    match section.has("username") {
        true if !has_password => section.fault("username", "needs password or password_file"),
        false if has_password => section.fault("username", "is missing; a password needs one"),
        _ => {}
    }
    let in_clear = starttls.is_some_and(|starttls| starttls != StartTls::Required);
    if in_clear && section.has("username") && host.as_ref().is_some_and(|host| !host.is_here()) {
        section.fault("starttls", "must be \"required\" when a password is sent to another machine");
    }
    section.finish(&["tls", "ca_file"]);

    let password = password_file
        .map(|file| Password::File(folder.join(file.0)))
        .or(password.map(|password| Password::Text(Secret(password.0))));
    let credentials = username.zip(password).map(|(username, password)| Credentials { username: username.0, password });
    Some(SmtpConfig { host: host?.0, port, starttls: starttls?, credentials, hello_name, timeout })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    Maildir,
    Smtp,
}

impl Choice for Store {
    const VALUES: &'static [(&'static str, Store)] = &[("maildir", Store::Maildir), ("smtp", Store::Smtp)];
}

impl Choice for StartTls {
    const VALUES: &'static [(&'static str, StartTls)] =
        &[("required", StartTls::Required), ("opportunistic", StartTls::Opportunistic), ("never", StartTls::Never)];
}

/// A host name or an IP address.
struct Host(String);

impl Host {
    fn is_here(&self) -> bool {
        self.0 == "localhost" || self.0.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Host, Invalid> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<std::net::IpAddr>() {
            return Ok(Host(address.to_string()));
        }
        text.parse().map(|name: HostName| Host(name.to_string()))
    }
}

/// Text on one line, not empty.
struct Line(String);

impl FromStr for Line {
    type Err = Invalid;

    // the text may be a password: no message repeats it
    fn from_str(text: &str) -> Result<Line, Invalid> {
        match text.is_empty() || text.chars().any(char::is_control) {
            true => Err(Invalid("must be text on one line, not empty".to_owned())),
            false => Ok(Line(text.to_owned())),
        }
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
