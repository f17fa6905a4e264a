//! This node's own settings: `config/ringpost.toml`, overridden by `RINGPOST__SECTION__KEY` in the environment.
//! Knows: every key, its default and range. Must not: open sockets or folders, know the organisation's objects.
//! Every fault is found at once and names file and line, or the environment variable.

mod mail;
mod section;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use toml_edit::Document;

pub use mail::{Credentials, MailConfig, MailStore, Password, Secret, SmtpConfig, StartTls};

use self::section::{Report, Section};
use super::Disk;
use crate::directory::{Choice, Fault, HostName, Invalid, SourceFile, choose};

const ENVIRONMENT_PREFIX: &str = "RINGPOST";
const FILE: &str = "ringpost.toml";

/// Everything `ringpost.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The node's name in Message-IDs and greetings of its mail; `None`: the machine's host name.
    pub name: Option<HostName>,
    pub roles: Vec<Role>,
    /// 1 to 10,000, 100 by default: calls at once; the next is refused with 503.
    pub max_calls_allowed: u32,
    /// How often the directory is read again, 1 s to 24 h, 10 min by default.
    pub refresh_interval: Duration,
    /// Spool, mail and call records; relative to the working directory. `--data` on the command line comes first.
    pub data: PathBuf,
    pub sip: SipConfig,
    pub rtp: RtpConfig,
    /// The folder of the organisation's files.
    pub directory: PathBuf,
    /// A folder whose files replace system prompts of the same name.
    pub prompts: Option<PathBuf>,
    pub mail: MailConfig,
    pub logging: LoggingConfig,
    pub admin: AdminConfig,
    pub worker: WorkerConfig,
    pub gateways: GatewaysConfig,
}

/// `[gateways]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewaysConfig {
    /// How often a UM IP gateway is asked by OPTIONS whether it lives, 5 s to 1 h, 60 s by default.
    pub options_interval: Duration,
}

/// `[admin]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where REST API, console, metrics and health are served, over HTTP; port 0: the system chooses.
    pub address: SocketAddr,
}

/// `[worker]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerConfig {
    /// A worker of this age is replaced, 1 min to 365 days, 7 days by default.
    pub max_age: Duration,
    /// MiB of memory at which a worker is replaced, 64 to 1,048,576, 2,048 by default.
    pub max_rss: u32,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    CallRouter,
    Um,
}

/// `[sip]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipConfig {
    /// Local addresses of every listener.
    pub bind_addresses: Vec<IpAddr>,
    /// The address written into Contact and SDP; `None`: the local address of the flow that a call came by.
    pub advertised_address: Option<IpAddr>,
    /// 0: the system chooses.
    pub call_router_port: u16,
    pub um_service_port: u16,
    pub um_worker_port: u16,
    /// The worker that replaces another listens here, and its own replacement on `um_worker_port` again.
    pub um_worker_replacement_port: u16,
    /// Session-Expires that we ask for (RFC 4028), 90 s to 24 h, not less than `min_se`.
    pub session_expires: Duration,
    /// The shortest session interval we take, 90 s or more (RFC 4028 5).
    pub min_se: Duration,
}

/// `[rtp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpConfig {
    /// UDP ports of media, first one even: an even port for RTP, the next for RTCP.
    pub ports: RangeInclusive<u16>,
    /// A call ends when so long no media came, 5 s to 10 min.
    pub media_timeout: Duration,
}

/// `[logging]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggingConfig {
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A part of a node that listens for SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    CallRouter,
    UmService,
    UmWorker,
    ReplacementWorker,
}

impl NodeConfig {
    /// Reads `ringpost.toml` in a configuration folder; `environment` as [`process_environment`] gives it.
    pub fn read(
        disk: &dyn Disk,
        folder: &Path,
        environment: HashMap<String, String>,
    ) -> Result<NodeConfig, Vec<Fault>> {
        let path = folder.join(FILE);
        let shown = path.display().to_string();
        let fault = |message: String| vec![Fault::of_file(shown.clone(), message)];
        let bytes = disk.read(&path).map_err(|error| fault(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| fault("is not UTF-8 text".to_owned()))?;
        NodeConfig::load(folder, &SourceFile { name: shown.clone(), text }, environment)
    }

    /// Reads the text of `ringpost.toml`. Relative names of files in it start from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(
        folder: &Path,
        file: &SourceFile,
        environment: HashMap<String, String>,
    ) -> Result<NodeConfig, Vec<Fault>> {
        let document = Document::parse(file.text.as_str()).map_err(|error| vec![not_toml(file, &error)])?;
        let merged = Config::builder()
            .add_source(File::from_str(&file.text, FileFormat::Toml))
            .add_source(
                Environment::with_prefix(ENVIRONMENT_PREFIX)
                    .prefix_separator("__")
                    .separator("__")
                    .source(Some(environment)),
            )
            .build()
            .map_err(|error| vec![Fault::of_file(file.name.clone(), error.to_string())])?;
        let report = Report { file, document, faults: Default::default() };
        let config = read(Section::root(&merged.cache, &report), folder);
        let mut faults = report.faults.into_inner();
        faults.sort();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults),
        }
    }

    /// Where SIP is listened for, UDP and TCP, according to the roles, when no worker is being replaced.
    pub fn listeners(&self) -> Vec<(Part, SocketAddr)> {
        let mut listeners = self.all_listeners();
        listeners.retain(|(part, _)| *part != Part::ReplacementWorker);
        listeners
    }

    /// Where SIP may be listened for, UDP and TCP, according to the roles.
    pub fn all_listeners(&self) -> Vec<(Part, SocketAddr)> {
        let ports = self.sip.ports(&self.roles);
        let at = |(part, port): (Part, u16)| {
            self.sip.bind_addresses.iter().map(move |address| (part, SocketAddr::new(*address, port)))
        };
        ports.into_iter().flat_map(at).collect()
    }
}

/// The variables of this process that are text.
pub fn process_environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl SipConfig {
    fn ports(&self, roles: &[Role]) -> Vec<(Part, u16)> {
        let router = [(Part::CallRouter, self.call_router_port)];
        let um = [
            (Part::UmService, self.um_service_port),
            (Part::UmWorker, self.um_worker_port),
            (Part::ReplacementWorker, self.um_worker_replacement_port),
        ];
        let of = |role: Role, ports: &[(Part, u16)]| if roles.contains(&role) { ports.to_vec() } else { Vec::new() };
        [of(Role::CallRouter, &router), of(Role::Um, &um)].concat()
    }
}

impl RtpConfig {
    /// How many calls have room.
    pub fn pairs(&self) -> u32 {
        (u32::from(*self.ports.end()) + 1).saturating_sub(u32::from(*self.ports.start())) / 2
    }
}

fn read(mut root: Section, folder: &Path) -> Option<NodeConfig> {
    let name = root.optional("name");
    let roles: Vec<Named<Role>> = root.list("roles", &["call-router", "um"]);
    let roles: Vec<Role> = roles.into_iter().map(|role| role.0).collect();
    let max_calls_allowed = root.number("max_calls_allowed", 1..=10_000, 100);
    let (second, day) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
    let refresh_interval = root.duration("refresh_interval", second..=day, Duration::from_secs(600));
    let data = root.text::<PathText>("data", "var");
    let sip = read_sip(root.section("sip"), &roles);
    let sip_ports = sip.ports(&roles).into_iter().map(|(_, port)| port).collect::<Vec<_>>();
    let rtp = read_rtp(root.section("rtp"), &sip_ports, max_calls_allowed);

    let mut section = root.section("directory");
    let directory = section.text::<PathText>("folder", "directory");
    section.finish(&["provider"]);
    let mut section = root.section("prompts");
    let prompts = section.optional::<PathText>("folder");
    section.finish(&[]);
    let mail = mail::read(root.section("mail"), folder);
    let mut section = root.section("logging");
    let level = section.text::<Named<LogLevel>>("level", "info");
    let format = section.text::<Named<LogFormat>>("format", "text");
    section.finish(&[]);

    let mut section = root.section("admin");
    let address = section.text::<Parsed<SocketAddr>>("address", "127.0.0.1:8080");
    section.finish(&["certificate", "key"]);
    let mut section = root.section("worker");
    let ages = Duration::from_secs(60)..=365 * day;
    let max_age = section.duration("max_age", ages, 7 * day);
    let max_rss = section.number("max_rss", 64..=1 << 20, 2048);
    section.finish(&[]);

    let mut section = root.section("gateways");
    let options_interval = section.duration("options_interval", 5 * second..=3600 * second, 60 * second);
    section.finish(&[]);

    root.finish(&["tls"]);
    Some(NodeConfig {
        name,
        roles,
        max_calls_allowed,
        refresh_interval,
        data: data?.0,
        sip,
        rtp: rtp?,
        directory: folder.join(directory?.0),
        prompts: prompts.map(|prompts| folder.join(prompts.0)),
        mail: mail?,
        logging: LoggingConfig { level: level?.0, format: format?.0 },
        admin: AdminConfig { address: address?.0 },
        worker: WorkerConfig { max_age, max_rss },
        gateways: GatewaysConfig { options_interval },
    })
}

fn read_sip(mut section: Section, roles: &[Role]) -> SipConfig {
    let bind_addresses: Vec<Parsed<IpAddr>> = section.list("bind_addresses", &["0.0.0.0"]);
    let advertised_address = section.optional::<Parsed<IpAddr>>("advertised_address").map(|address| address.0);
    if advertised_address.is_some_and(|address| address.is_unspecified()) {
        section.fault(
            "advertised_address",
            "is no address that a peer can send to; leave it out to use the local one of each call",
        );
    }
    let ports = 0..=u16::MAX;
    let call_router_port = section.number("call_router_port", ports.clone(), 5060);
    let um_service_port = section.number("um_service_port", ports.clone(), 5062);
    let um_worker_port = section.number("um_worker_port", ports.clone(), 5065);
    let um_worker_replacement_port = section.number("um_worker_replacement_port", ports, 5067);
    let (least, most) = (Duration::from_secs(90), Duration::from_secs(24 * 3600));
    let session_expires = section.duration("session_expires", least..=most, Duration::from_secs(30 * 60));
    let min_se = section.duration("min_se", least..=most, least);
    if min_se > session_expires {
        section.fault("min_se", "is longer than session_expires");
    }
    let sip = SipConfig {
        bind_addresses: bind_addresses.into_iter().map(|address| address.0).collect(),
        advertised_address,
        call_router_port,
        um_service_port,
        um_worker_port,
        um_worker_replacement_port,
        session_expires,
        min_se,
    };
    let used = sip.ports(roles);
    for (part, port) in used.iter().filter(|(_, port)| *port != 0) {
        if used.iter().take_while(|(other, _)| other != part).any(|(_, taken)| taken == port) {
            section.fault(part.key(), format!("{port} is the port of another listener"));
        }
    }
    section.finish(&["transports", "call_router_tls_port", "um_service_tls_port", "um_worker_tls_port"]);
    sip
}

fn read_rtp(mut section: Section, sip_ports: &[u16], calls: u32) -> Option<RtpConfig> {
    let ports = section.text::<PortRange>("ports", "20000-29999").map(|ports| ports.0);
    let (least, most) = (Duration::from_secs(5), Duration::from_secs(600));
    let media_timeout = section.duration("media_timeout", least..=most, Duration::from_secs(30));
    let rtp = ports.map(|ports| RtpConfig { ports, media_timeout });
    if let Some(rtp) = &rtp {
        if rtp.pairs() < calls {
            let message = format!("has room for {} calls; max_calls_allowed is {calls}", rtp.pairs());
            section.fault("ports", message);
        }
        for port in sip_ports.iter().filter(|port| rtp.ports.contains(port)) {
            section.fault("ports", format!("contains {port}, on which SIP is listened for"));
        }
    }
    section.finish(&[]);
    rtp
}

fn not_toml(file: &SourceFile, error: &toml_edit::TomlError) -> Fault {
    let before = error.span().and_then(|span| file.text.get(..span.start)).unwrap_or_default();
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    Fault { line: Some(line), ..Fault::of_file(file.name.clone(), format!("is not TOML: {message}")) }
}

impl Part {
    fn key(self) -> &'static str {
        match self {
            Part::CallRouter => "call_router_port",
            Part::UmService => "um_service_port",
            Part::UmWorker => "um_worker_port",
            Part::ReplacementWorker => "um_worker_replacement_port",
        }
    }
}

impl Choice for Role {
    const VALUES: &'static [(&'static str, Role)] = &[("call-router", Role::CallRouter), ("um", Role::Um)];
}

impl Choice for LogLevel {
    const VALUES: &'static [(&'static str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
}

impl Choice for LogFormat {
    const VALUES: &'static [(&'static str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

/// A [`Choice`] read from text.
struct Named<C>(C);

impl<C: Choice> FromStr for Named<C> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Named<C>, Invalid> {
        choose(text).map(Named)
    }
}

/// An address of the standard library read from text.
struct Parsed<T>(T);

impl FromStr for Parsed<IpAddr> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |_| Invalid(format!("\"{text}\" is no IP address"));
        text.parse().map(Parsed).map_err(invalid)
    }
}

impl FromStr for Parsed<SocketAddr> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |_| Invalid(format!("\"{text}\" is no IP address with a port, such as \"127.0.0.1:8080\""));
        text.parse().map(Parsed).map_err(invalid)
    }
}

struct PathText(PathBuf);

impl FromStr for PathText {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<PathText, Invalid> {
        match text.is_empty() || text.contains('\0') {
            true => Err(Invalid("is no name of a file or folder".to_owned())),
            false => Ok(PathText(PathBuf::from(text))),
        }
    }
}

/// `first-last`
struct PortRange(RangeInclusive<u16>);

impl FromStr for PortRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<PortRange, Invalid> {
        let ends = text
            .split_once('-')
            .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
        match ends {
            // Exchange's range of media ports
            Some((first, last)) if first >= 1024 && first % 2 == 0 && first < last => Ok(PortRange(first..=last)),
            _ => Err(Invalid(format!(
                "\"{text}\" is no range of ports; write \"first-last\" with an even first one of 1024 or more, such as \"20000-29999\""
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
