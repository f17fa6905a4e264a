//! `ringpost serve`: starts the node, says where it listens, and stops it when told to.
//! Knows: configuration, signals, the node. Must not: know how a call is answered.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::log::{level_name, start_log};
use super::organisation::{host_name, node_name, organisation, read_config};
use super::{Folders, systemd};
use crate::actors::config_poller::{InForce, Places};
use crate::admin::control::ControlSocket;
use crate::admin::execute::Administered;
use crate::admin::http;
use crate::directory::{Directory, DirectoryProvider, IpGateway};
use crate::engine::config::{LogFormat, MailStore, NodeConfig, SmtpConfig, StartTls};
use crate::engine::disk::RealDisk;
use crate::engine::environment::blocking;
use crate::engine::provider::TomlFolder;
use crate::engine::real::RealEnvironment;
use crate::engine::{Environment, Node, Parts, Placement};
use crate::link::{CallSelector, Settings};
use crate::mailbox::store::{Maildir, Security, SmtpSettings, SmtpStore};
use crate::mailbox::{Composer, MailboxStore, Spool};
use crate::store::{SledStore, Store};

/// A stream connection that carried nothing for so long is closed. Gateways keep theirs alive with OPTIONS.
const STREAM_IDLE: Duration = Duration::from_secs(15 * 60);
/// Open files a call needs at most: RTP and RTCP sockets, its recording, its mail or a connection.
const DESCRIPTORS_A_CALL: u64 = 4;
/// Open files a node needs beside its calls: listeners, threads, connections, mail.
const DESCRIPTORS: u64 = 200;
/// Connections to the mail server.
const DELIVERIES_AT_ONCE: u32 = 8;
/// How often a draining node looks whether its last call has ended.
const LOOK: Duration = Duration::from_millis(100);
/// Calls that were told to end are waited for so long.
const LAST_BYES: Duration = Duration::from_secs(3);

pub(super) fn run(folders: &Folders) -> Result<(), Box<dyn Error>> {
    let config = read_config(folders)?;
    start_log(level_name(config.logging.level), config.logging.format == LogFormat::Json);
    raise_descriptor_limit(config.max_calls_allowed);
    actix_rt::System::new().block_on(async {
        std::fs::create_dir_all(&folders.data)?;
        let control = ControlSocket::bind(&folders.data)?;
        let parts = parts(&config, folders).await?;
        let example = Example::of(&parts.organisation.organisation().directory, &config);
        let node = Rc::new(Node::start(parts)?);
        if let Err(error) = node.ready().await {
            node.stop().await;
            return Err(error.into());
        }
        let here = Administered { node: node.clone(), organisation: organisation(&config) };
        let (desk, clerk) = http::desk();
        let _server = administer(&config, &folders.data, &node, desk);
        announce(&node, &config, &folders.data, example.as_ref()).await;
        systemd::ready();
        tokio::select! {
            () = control.serve(&here) => Ok(()),
            () = clerk.serve(&here) => Ok(()),
            () = systemd::watch(&node) => Ok(()),
            stopped = until_stopped(&node) => stopped,
        }
    })
}

/// Serves the administration by HTTP. A node that cannot goes on taking calls, and says why.
fn administer(config: &NodeConfig, data: &Path, node: &Node, desk: http::Desk) -> Option<http::Server> {
    let address = config.admin.address;
    let tokens = data.join("admin-token");
    if let Err(error) = http::create_if_missing(&tokens, |secret| RealEnvironment::default().fill_random(secret)) {
        tracing::error!(%error, "no token for the administration by HTTP");
        node.note_problem(format!("nobody can administer by HTTP: {error}"));
    }
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "the administration by HTTP is not encrypted: whoever can listen on the network sees its tokens; put a proxy \
             with TLS in front, or let [admin] address be one of loopback"
        );
    }
    match http::start(address, desk, tokens, node.metrics().clone()) {
        Ok(server) => {
            node.also_listens(format!("http {}", server.address()));
            Some(server)
        }
        Err(error) => {
            tracing::error!(%address, %error, "no metrics, health and administration by HTTP: [admin] address");
            node.note_problem(format!("no administration by HTTP: {address}: {error}"));
            None
        }
    }
}

/// Raises the soft limit of open files to the hard one, and says when that is not enough for every call.
fn raise_descriptor_limit(max_calls: u32) {
    let needed = DESCRIPTORS + DESCRIPTORS_A_CALL * u64::from(max_calls);
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(limit) if limit >= needed => {}
        Ok(limit) => tracing::error!(
            limit,
            needed,
            "fewer files may be open than max_calls_allowed calls need: raise the limit (ulimit -n, LimitNOFILE)"
        ),
        Err(error) => tracing::error!(%error, needed, "the limit of open files is not known"),
    }
}

/// Reads and opens all that a node is made of.
async fn parts(config: &NodeConfig, folders: &Folders) -> Result<Parts, Box<dyn Error>> {
    let environment: Arc<dyn Environment> = Arc::new(RealEnvironment::default());
    let provider: Arc<dyn DirectoryProvider> = Arc::new(TomlFolder::new(Arc::new(RealDisk), config.directory.clone()));
    let remembered = folders.data.join("store");
    let remembered = blocking(&*environment, move || SledStore::open(&remembered)).await;
    let remembered: Arc<dyn Store> = Arc::new(remembered.ok_or("the store cannot be opened")??);
    let places = Places { environment: environment.clone(), provider: provider.clone(), store: remembered.clone() };
    Ok(Parts {
        environment,
        placement: Placement::of_node(),
        listeners: config.all_listeners(),
        stream_idle: STREAM_IDLE,
        settings: settings(config),
        max_calls: config.max_calls_allowed,
        max_age: config.worker.max_age,
        max_rss: u64::from(config.worker.max_rss) << 20,
        rtp_ports: config.rtp.ports.clone(),
        organisation: InForce::at_start(&places).await?,
        provider,
        refresh_interval: config.refresh_interval,
        options_interval: config.gateways.options_interval,
        store: remembered,
        data: folders.data.clone(),
        prompts: config.prompts.clone(),
        log: (level_name(config.logging.level).to_owned(), config.logging.format == LogFormat::Json),
        spool: Spool::open(Arc::new(RealDisk), folders.data.join("spool"))?,
        composer: Composer {
            sender_name: "Ringpost".to_owned(),
            sender_address: config.mail.from.to_string(),
            time_zone: jiff::tz::TimeZone::system(),
        },
        mail: store(config, &folders.data)?,
    })
}

/// Serves signals: SIGHUP reads the directory again; the first SIGTERM (or interrupt) lets calls end, the second ends
/// them.
async fn until_stopped(node: &Node) -> Result<(), Box<dyn Error>> {
    let mut refresh = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = refresh.recv() => {
                systemd::reloading();
                // faults are in the log and the status
                let _ = node.refresh().await;
                systemd::ready();
            }
            () = either(&mut terminate, &mut interrupt) => break,
        }
    }
    tracing::info!("draining: no new calls; a second signal ends those in progress");
    systemd::stopping();
    node.drain();
    tokio::select! {
        () = until_no_calls(node) => {}
        () = either(&mut terminate, &mut interrupt) => {
            tracing::warn!("calls in progress are ended");
            node.drop_calls(CallSelector::All);
            // a peer that does not answer our BYE holds up nothing: its message is in the spool
            let _ = tokio::time::timeout(LAST_BYES, until_no_calls(node)).await;
        }
    }
    node.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

async fn until_no_calls(node: &Node) {
    while node.load().await.calls > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

fn settings(config: &NodeConfig) -> Settings {
    Settings {
        server: format!("Ringpost/{}", env!("CARGO_PKG_VERSION")),
        node: node_name(config),
        advertised: config.sip.advertised_address,
        media_timeout: config.rtp.media_timeout,
        session_expires: config.sip.session_expires,
        min_se: config.sip.min_se,
    }
}

fn store(config: &NodeConfig, data: &Path) -> Result<Arc<dyn MailboxStore>, Box<dyn Error>> {
    Ok(match &config.mail.store {
        MailStore::Maildir => Arc::new(Maildir::open(Arc::new(RealDisk), data.join("mail"))?),
        MailStore::Smtp(smtp) => Arc::new(SmtpStore::new(smtp_settings(smtp, config)?)?),
    })
}

fn smtp_settings(smtp: &SmtpConfig, config: &NodeConfig) -> Result<SmtpSettings, Box<dyn Error>> {
    let credentials = match &smtp.credentials {
        None => None,
        Some(credentials) => {
            let password = credentials.password.reveal(&RealDisk).map_err(|error| format!("SMTP password: {error}"))?;
            Some((credentials.username.clone(), password.expose().to_owned()))
        }
    };
    Ok(SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        security: match smtp.starttls {
            StartTls::Required => Security::StartTls,
            StartTls::Opportunistic => Security::Opportunistic,
            StartTls::Never => Security::Unprotected,
        },
        credentials,
        hello_name: smtp.hello_name.as_ref().map_or_else(|| node_name(config), ToString::to_string),
        timeout: smtp.timeout,
        return_path: Some(config.mail.from.to_string()),
        root_certificates: Vec::new(),
        connections: DELIVERIES_AT_ONCE,
    })
}

/// The one line scripts wait for, and what a person wants to know.
async fn announce(node: &Node, config: &NodeConfig, data: &Path, example: Option<&Example>) {
    for listener in node.listeners().await {
        tracing::info!("listening on {listener}");
    }
    let mailbox = |alias: &str| match &config.mail.store {
        MailStore::Maildir => data.join("mail").join(alias).join("new").display().to_string(),
        MailStore::Smtp(smtp) => format!("the mail server {}:{}", smtp.host, smtp.port),
    };
    if let Some(Example { dial, gateway, alias }) = example {
        tracing::info!("dial sip:{dial} from {gateway}: the message will be in {}", mailbox(alias));
    }
    tracing::info!(messages = mailbox("<alias>"), "ready");
}

/// A call that a newcomer can make.
struct Example {
    dial: String,
    gateway: String,
    alias: String,
}

impl Example {
    /// The first mailbox with an extension, called by the first gateway.
    fn of(directory: &Directory, config: &NodeConfig) -> Option<Example> {
        let mailbox = directory.mailboxes().iter().find(|mailbox| mailbox.primary_extension().is_some())?;
        let gateway = directory.ip_gateways().first()?;
        let (_, listener) = config.listeners().into_iter().next()?;
        let host = match listener.ip() {
            address if address.is_unspecified() => gateway_side(gateway),
            address => address.to_string(),
        };
        let port = if listener.port() == DEFAULT_PORT { String::new() } else { format!(":{}", listener.port()) };
        Some(Example {
            dial: format!("{}@{host}{port}", mailbox.primary_extension()?),
            gateway: format!("{} ({})", gateway.address, gateway.name),
            alias: mailbox.alias.to_string(),
        })
    }
}

/// The name of this node for a gateway: the loopback address for one on this machine, else the host name.
fn gateway_side(gateway: &IpGateway) -> String {
    match gateway.address.to_string().parse::<IpAddr>() {
        Ok(address) if address.is_loopback() => address.to_string(),
        _ => host_name(),
    }
}

/// The port a SIP URI without one means (RFC 3261 19.1.2).
const DEFAULT_PORT: u16 = 5060;
