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
use crate::replay::{Case, FieldFile, Partner, Scenario, Sounds, Summary, Terms, builtin};
use report::Played;

/// Where an engine's world has node and replay: both on one machine, as the sample organisation expects it.
const ENGINES_PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ENGINES_PEER_PORT: u16 = 6060;

/// A flood of messages is looked at so often; response times are exact to it then.
const LOOKS_EVERY: Duration = Duration::from_millis(2);

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
    let second = options.with.iter().map(|name| prepare(name, options)).collect::<Result<Vec<_>, _>>()?;
    if !second.is_empty() && prepared.len() > 1 {
        return Err("--with names what is played beside one scenario, and several are given".into());
    }
    let mut all = Vec::new();
    for prepared in &prepared {
        let together: Vec<&Prepared> = std::iter::once(prepared).chain(&second).collect();
        if let (Some(step), []) = (prepared.scenario.first_command(), second.as_slice()) {
            let (name, line) = (&prepared.name, step.line);
            return Err(
                format!("{name}:{line}: needs a second scenario beside this one; --with FILE.xml gives it").into()
            );
        }
        for played in play(folders, options, &together, &fields)? {
            if !options.json {
                report::print(&played, options.ladder);
            }
            all.push(played);
        }
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
    let mut steps = scenario.first.iter().chain(&scenario.steps);
    if let Some(step) = steps.find(|step| step.actions.iter().any(runs))
        && !options.allow_exec
    {
        return Err(format!("{name}:{}: <exec command> runs programs; --allow-exec lets it", step.line));
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Prepared { name: name.to_owned(), folder, scenario: Rc::new(scenario) })
}

/// Plays a scenario, or two beside each other.
fn play(
    folders: &Folders,
    options: &Options,
    together: &[&Prepared],
    fields: &[FieldFile],
) -> Result<Vec<Played>, Box<dyn Error>> {
    let began = Instant::now();
    let over_the_network = options.to.is_some() || together.iter().any(|one| one.scenario.side == Side::Called);
    let summaries = match over_the_network {
        true => on_the_network(options, together, fields)?,
        false => in_an_engine(folders, options, together, fields)?,
    };
    let took = began.elapsed();
    let played = together.iter().zip(summaries).map(|(one, summary)| {
        let summary = summary.map_err(|why| format!("{}: {why}", one.name))?;
        Ok(Played { name: one.name.clone(), summary, took, is_virtual: !over_the_network })
    });
    played.collect()
}

/// What one of the scenarios that are played together is played with.
struct Part<'p> {
    prepared: &'p Prepared,
    case: Case,
    environment: Arc<dyn Environment>,
    sounds: Sounds,
}

fn sounds(prepared: &Prepared) -> Result<Sounds, String> {
    let sounds = Sounds::load(&prepared.scenario, |file| {
        let beside = prepared.folder.join(file);
        fs::read(if file.exists() { file } else { &beside })
    });
    sounds.map_err(|fault| format!("{}: {fault}", prepared.name))
}

/// `stop`: no more calls begin; a second scenario ends with the first.
async fn play_together(
    parts: Vec<Part<'_>>,
    options: &Options,
    is_live: bool,
    stop: impl Future<Output = ()>,
) -> Vec<Result<Summary, String>> {
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next()) {
        (Some(one), Some(other)) => {
            let [first, second] = Partner::pair();
            let first = play_one(one, Some(first), options, is_live, stop);
            let second = play_one(other, Some(second), options, false, std::future::pending());
            let (first, second) = tokio::join!(first, second);
            vec![first, second]
        }
        (Some(one), None) => vec![play_one(one, None, options, is_live, stop).await],
        _ => Vec::new(),
    }
}

async fn play_one(
    Part { prepared, case, environment, sounds }: Part<'_>,
    partner: Option<Partner>,
    options: &Options,
    is_live: bool,
    stop: impl Future<Output = ()>,
) -> Result<Summary, String> {
    let name = &prepared.name;
    let mut run = |command: &str| {
        if let Err(error) = std::process::Command::new("sh").args(["-c", command]).spawn() {
            eprintln!("{name}: cannot run \"{command}\": {error}");
        }
    };
    let run: &mut dyn FnMut(&str) = &mut run;
    let terms = Terms {
        keep_ladders: options.ladder,
        run: options.allow_exec.then_some(run),
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
    let summary = case.play(environment, prepared.scenario.clone(), sounds, partner, terms).await;
    if is_live {
        eprint!("\r\x1b[K");
    }
    summary
}

fn on_the_network(
    options: &Options,
    together: &[&Prepared],
    fields: &[FieldFile],
) -> Result<Vec<Result<Summary, String>>, Box<dyn Error>> {
    let environment: Arc<dyn Environment> = Arc::new(RealEnvironment::default());
    let runtime = moderated_runtime(LOOKS_EVERY)?;
    let targets = [options.to.as_ref(), options.with_to.as_ref().or(options.to.as_ref())];
    let mut parts = Vec::new();
    for ((prepared, to), after) in together.iter().copied().zip(targets).zip(0_u16..) {
        let remote = to.map(|to| resolve(to)).transpose()?;
        let local_ip = match (options.local_ip, remote) {
            (Some(ip), _) => ip,
            (None, Some(remote)) => environment.address_towards(remote.ip())?,
            (None, None) => ENGINES_PEER,
        };
        let default_port = if remote.is_none() { ROUTER_PORT } else { 0 };
        let port = options.local_port.map_or(default_port, |port| port.saturating_add(after));
        let mut case = options.case(SocketAddr::new(local_ip, port), remote, fields, after);
        if let Some(host) = to {
            case.remote_host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host).to_owned();
        }
        case.process = std::process::id();
        case.seed = options.seed.unwrap_or_else(|| environment.random_u64());
        parts.push(Part { prepared, case, environment: environment.clone(), sounds: sounds(prepared)? });
    }
    let stop = async {
        // a system without signals cannot be interrupted
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(runtime.block_on(play_together(parts, options, std::io::stderr().is_terminal(), stop)))
}

fn in_an_engine(
    folders: &Folders,
    options: &Options,
    together: &[&Prepared],
    fields: &[FieldFile],
) -> Result<Vec<Result<Summary, String>>, Box<dyn Error>> {
    let directory = TomlFolder::new(Arc::new(RealDisk), folders.config.join("directory"));
    let mut organisation = directory.read().map_err(|error| error.to_string())?;
    let needs = together.iter().map(|prepared| Needs::of(prepared)).collect::<Result<Vec<_>, _>>()?;
    organisation.extend(needs.iter().filter_map(|needs| needs.organisation.clone()));
    let mut beginning = Beginning::new(organisation);
    beginning.seed = options.seed.unwrap_or(1);
    beginning.home = ENGINES_PEER;
    let engine = Engine::start(beginning).map_err(|error| format!("the engine does not start: {error}"))?;
    let mut parts = Vec::new();
    for ((prepared, needs), after) in together.iter().copied().zip(needs).zip(0_u16..) {
        let local_ip = options.local_ip.or(needs.local_ip).unwrap_or(ENGINES_PEER);
        let port = options.local_port.unwrap_or(ENGINES_PEER_PORT).saturating_add(after);
        let remote = SocketAddr::new(ENGINES_PEER, needs.port);
        let mut case = options.case(SocketAddr::new(local_ip, port), Some(remote), fields, after);
        if let (None, Some(service)) = (&options.service, needs.service) {
            case.service = service;
        }
        case.retransmits &= needs.retransmits;
        let environment: Arc<dyn Environment> = Arc::new(engine.environment().at(local_ip));
        parts.push(Part { prepared, case, environment, sounds: sounds(prepared)? });
    }
    Ok(engine.block_on(play_together(parts, options, false, std::future::pending())))
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

    /// `after`: behind so many other scenarios that are played at the same time; each has ports of its own.
    fn case(&self, local: SocketAddr, remote: Option<SocketAddr>, fields: &[FieldFile], after: u16) -> Case {
        Case {
            transport: if self.tcp() { Transport::Tcp } else { Transport::Udp },
            local,
            remote,
            remote_host: remote.map(|at| at.ip().to_string()).unwrap_or_default(),
            service: self.service.clone().unwrap_or_else(|| "5000".to_owned()),
            media_ip: local.ip(),
            media_port: self.media_port.saturating_add(2 * after),
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
