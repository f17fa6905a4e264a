//! `ringpost replay`: plays SIPp scenarios, over the network or against an engine of their own.
//! Knows: options, files, how outcomes are shown. Must not: play a call itself.

mod options;
mod report;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use options::Options;

use super::Folders;
use crate::directory::{DirectoryProvider, SourceFile};
use crate::engine::disk::RealDisk;
use crate::engine::placement::moderated_runtime;
use crate::engine::provider::TomlFolder;
use crate::engine::real::RealEnvironment;
use crate::engine::{Beginning, Engine, Environment, ROUTER_PORT, SERVICE_PORT, WORKER_PORT};
use crate::protocol::sip::Transport;
use crate::replay::scenario::{Action, Side};
use crate::replay::{Case, FieldFile, Scenario, Sounds, Summary, Terms, builtin};
use report::Played;

/// Where an engine's world has node and replay: both on one machine, as the sample organisation expects it.
const ENGINES_PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ENGINES_PEER_PORT: u16 = 6060;

/// A flood of messages is looked at so often: as exact as the times that are told.
const LOOKS_EVERY: Duration = Duration::from_millis(1);

/// A scenario with its files.
struct Prepared {
    name: String,
    /// Where it lies, for the files it names.
    folder: PathBuf,
    scenario: Rc<Scenario>,
}

pub(super) fn run(folders: &Folders, options: &Options) -> Result<(), Box<dyn Error>> {
    let fields = options.csv.iter().map(|file| field_file(file)).collect::<Result<Vec<_>, _>>()?;
    let prepared = options.scenarios.iter().map(|name| prepare(name, options)).collect::<Result<Vec<_>, _>>()?;
    let mut all = Vec::new();
    for prepared in &prepared {
        let played = play(folders, options, prepared, &fields)?;
        if !options.json {
            report::print(&played, options.ladder);
        }
        all.push(played);
    }
    if options.json {
        say!("{}", report::json(&all));
    } else if all.len() > 1 {
        report::print_total(&all);
    }
    if let Some(file) = &options.junit {
        fs::write(file, report::junit(&all)).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let failed: usize = all.iter().filter(|played| !played.summary.is_success()).count();
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} scenarios did not go as written", all.len()).into()),
    }
}

fn field_file(path: &Path) -> Result<FieldFile, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    FieldFile::read(&name, &text)
}

/// Reads a scenario: a file, or one that is built in.
fn prepare(name: &str, options: &Options) -> Result<Prepared, String> {
    let path = Path::new(name);
    let text = match builtin(name) {
        Some(text) if !path.exists() => text.to_owned(),
        _ => fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?,
    };
    let scenario = Scenario::read(&text, options.keys()).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(|fault| format!("{name}:{}: {}", fault.line, fault.message)).collect();
        faults.join("\n")
    })?;
    let runs = |action: &Action| matches!(action, Action::Command(_));
    if let Some(step) = scenario.steps.iter().find(|step| step.actions.iter().any(runs))
        && !options.allow_exec
    {
        return Err(format!("{name}:{}: <exec command> runs programs; --allow-exec lets it", step.line));
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Prepared { name: name.to_owned(), folder, scenario: Rc::new(scenario) })
}

fn play(
    folders: &Folders,
    options: &Options,
    prepared: &Prepared,
    fields: &[FieldFile],
) -> Result<Played, Box<dyn Error>> {
    let began = Instant::now();
    let sounds = Sounds::load(&prepared.scenario, |file| {
        let beside = prepared.folder.join(file);
        fs::read(if file.exists() { file } else { &beside })
    });
    let sounds = sounds.map_err(|fault| format!("{}: {fault}", prepared.name))?;
    let over_the_network = options.to.is_some() || prepared.scenario.side == Side::Called;
    let summary = match over_the_network {
        true => on_the_network(options, prepared, sounds, fields)?,
        false => in_an_engine(folders, options, prepared, sounds, fields)?,
    };
    Ok(Played { name: prepared.name.clone(), summary, took: began.elapsed(), is_virtual: !over_the_network })
}

fn on_the_network(
    options: &Options,
    prepared: &Prepared,
    sounds: Sounds,
    fields: &[FieldFile],
) -> Result<Summary, Box<dyn Error>> {
    let environment: Arc<dyn Environment> = Arc::new(RealEnvironment::default());
    let runtime = moderated_runtime(LOOKS_EVERY)?;
    let remote = options.to.as_deref().map(resolve).transpose()?;
    let local_ip = match (options.local_ip, remote) {
        (Some(ip), _) => ip,
        (None, Some(remote)) => environment.address_towards(remote.ip())?,
        (None, None) => ENGINES_PEER,
    };
    let default_port = if remote.is_none() { ROUTER_PORT } else { 0 };
    let local = SocketAddr::new(local_ip, options.local_port.unwrap_or(default_port));
    let mut case = options.case(local, remote, fields);
    case.process = std::process::id();
    case.seed = options.seed.unwrap_or_else(|| environment.random_u64());
    let (name, scenario) = (&prepared.name, prepared.scenario.clone());
    let summary = runtime.block_on(async {
        let stop = async {
            // a system without signals cannot be interrupted
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let terms = &mut Shown { name, options, is_live: std::io::stderr().is_terminal() };
        terms.play(case, environment, scenario, sounds, stop).await
    });
    Ok(summary.map_err(|why| format!("{name}: {why}"))?)
}

fn in_an_engine(
    folders: &Folders,
    options: &Options,
    prepared: &Prepared,
    sounds: Sounds,
    fields: &[FieldFile],
) -> Result<Summary, Box<dyn Error>> {
    let name = &prepared.name;
    let needs = Needs::of(prepared)?;
    let directory = TomlFolder::new(Arc::new(RealDisk), folders.config.join("directory"));
    let mut organisation = directory.read().map_err(|error| error.to_string())?;
    organisation.extend(needs.organisation);
    let mut beginning = Beginning::new(organisation);
    beginning.seed = options.seed.unwrap_or(1);
    beginning.home = ENGINES_PEER;
    let engine = Engine::start(beginning).map_err(|error| format!("{name}: the engine does not start: {error}"))?;
    let local_ip = options.local_ip.or(needs.local_ip).unwrap_or(ENGINES_PEER);
    let local = SocketAddr::new(local_ip, options.local_port.unwrap_or(ENGINES_PEER_PORT));
    let mut case = options.case(local, Some(SocketAddr::new(ENGINES_PEER, needs.port)), fields);
    if let (None, Some(service)) = (&options.service, needs.service) {
        case.service = service;
    }
    case.retransmits &= needs.retransmits;
    let environment: Arc<dyn Environment> = Arc::new(engine.environment().at(local_ip));
    let terms = &mut Shown { name, options, is_live: false };
    let played = terms.play(case, environment, prepared.scenario.clone(), sounds, std::future::pending());
    Ok(engine.block_on(played).map_err(|why| format!("{name}: {why}"))?)
}

/// What a scenario says it needs of an engine (a comment `engine: …` in its file).
struct Needs {
    port: u16,
    service: Option<String>,
    local_ip: Option<IpAddr>,
    organisation: Option<SourceFile>,
    retransmits: bool,
}

impl Needs {
    fn of(prepared: &Prepared) -> Result<Needs, String> {
        let mut needs =
            Needs { port: WORKER_PORT, service: None, local_ip: None, organisation: None, retransmits: true };
        for (key, value) in &prepared.scenario.needs {
            let unknown = || format!("{}: engine: {key}={value} is not known here", prepared.name);
            match key.as_str() {
                "to" => {
                    needs.port = match value.as_str() {
                        "router" => ROUTER_PORT,
                        "service" => SERVICE_PORT,
                        "worker" => WORKER_PORT,
                        _ => return Err(unknown()),
                    }
                }
                "service" => needs.service = Some(value.clone()),
                "local-ip" => needs.local_ip = Some(value.parse().map_err(|_| unknown())?),
                "retransmission" => needs.retransmits = value != "off",
                "organisation" => {
                    let path = prepared.folder.join(value);
                    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                    needs.organisation = Some(SourceFile::new(path.display().to_string(), text));
                }
                _ => return Err(unknown()),
            }
        }
        Ok(needs)
    }
}

/// Shows how a replay goes while it goes.
struct Shown<'s> {
    name: &'s str,
    options: &'s Options,
    is_live: bool,
}

impl Shown<'_> {
    async fn play(
        &mut self,
        case: Case,
        environment: Arc<dyn Environment>,
        scenario: Rc<Scenario>,
        sounds: Sounds,
        stop: impl Future<Output = ()>,
    ) -> Result<Summary, String> {
        let (name, is_live) = (self.name, self.is_live);
        let mut run = |command: &str| {
            if let Err(error) = std::process::Command::new("sh").args(["-c", command]).spawn() {
                eprintln!("{name}: cannot run \"{command}\": {error}");
            }
        };
        let run: &mut dyn FnMut(&str) = &mut run;
        let terms = Terms {
            keep_ladders: self.options.ladder,
            run: self.options.allow_exec.then_some(run),
            note: &mut |warning, text| match warning {
                true => eprintln!("{name}: warning: {text}"),
                false => eprintln!("{name}: {text}"),
            },
            failed: &mut |outcome| eprintln!("{name}: {}", report::failed_call(outcome)),
            progress: &mut |summary, in_progress| {
                if is_live {
                    eprint!("\r{}\x1b[K", report::progress(summary, in_progress));
                }
            },
            stop: pin!(stop),
        };
        let summary = case.play(environment, scenario, sounds, terms).await;
        if is_live {
            eprint!("\r\x1b[K");
        }
        summary
    }
}

fn resolve(target: &str) -> Result<SocketAddr, String> {
    let with_port = if target.parse::<IpAddr>().is_ok() || !target.contains(':') {
        format!("{}:{ROUTER_PORT}", if target.contains(':') { format!("[{target}]") } else { target.to_owned() })
    } else {
        target.to_owned()
    };
    let mut found = with_port.to_socket_addrs().map_err(|error| format!("--to {target}: {error}"))?;
    found.next().ok_or_else(|| format!("--to {target}: there is no address of that name"))
}

impl Options {
    fn keys(&self) -> BTreeMap<String, String> {
        self.set.iter().cloned().collect()
    }

    fn case(&self, local: SocketAddr, remote: Option<SocketAddr>, fields: &[FieldFile]) -> Case {
        let host = self.to.as_deref().map(|to| to.rsplit_once(':').map_or(to, |(host, _)| host)).unwrap_or_default();
        Case {
            transport: if self.tcp() { Transport::Tcp } else { Transport::Udp },
            local,
            remote,
            remote_host: if host.is_empty() {
                remote.map(|at| at.ip().to_string()).unwrap_or_default()
            } else {
                host.to_owned()
            },
            service: self.service.clone().unwrap_or_else(|| "5000".to_owned()),
            media_ip: local.ip(),
            media_port: self.media_port,
            load: self.load(),
            fields: fields.to_vec(),
            variables: self.keys(),
            retransmits: !self.no_retransmission,
            receive_timeout: Some(Duration::from_millis(self.recv_timeout)).filter(|timeout| !timeout.is_zero()),
            process: 1,
            seed: self.seed.unwrap_or(1),
        }
    }
}
