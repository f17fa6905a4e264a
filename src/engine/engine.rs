//! A whole node in one process, on a clock that stands still unless it is turned, in a world in memory.
//! Knows: the virtual environment, how a node begins, dies and begins again. Must not: have a node behave otherwise.
//!
//! The actors and machines are those of `ringpost serve`; only what they reach of the outside is another
//! [`Environment`]. `docs/testing.md` is the guide.
//!
//! A gateway calls, over a link that loses a fifth of what passes, presses keys after the answer and hangs up:
//!
//! ```
//! use std::time::Duration;
//!
//! use ringpost::directory::SourceFile;
//! use ringpost::engine::{Beginning, Engine, Impairment};
//! use ringpost::replay::{Case, builtin};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let organisation = r#"
//!     [[mailbox]]
//!     alias = "ann"
//!     email_address = "ann@example.test"
//!     mailbox_policy = "Lab Policy"
//!     extensions = ["1001"]
//! #   [[dial_plan]]
//! #   name = "Lab"
//! #   number_of_digits_in_extension = 4
//! #   [[ip_gateway]]
//! #   name = "PBX"
//! #   address = "127.0.0.1"
//! #   port = 0 # every port
//! #   [[hunt_group]]
//! #   name = "All"
//! #   ip_gateway = "PBX"
//! #   dial_plan = "Lab"
//! #   [[mailbox_policy]]
//! #   name = "Lab Policy"
//! #   dial_plan = "Lab"
//! "#;
//! let engine = Engine::start(Beginning::new(vec![SourceFile::new("lab.toml", organisation)]))?;
//! let (node, gateway) = (engine.beginning().home, "127.0.0.1".parse()?);
//! engine.impair(gateway, node, Some(Impairment { loss: 0.2, ..Impairment::default() }));
//! let call = Case { service: "1001".to_owned(), ..Case::against(&engine) };
//! let summary = call.play_in(&engine, builtin("uac_audio").unwrap(), |file| std::fs::read(file))?;
//! assert!(summary.is_success(), "{:#?}", summary.failed);
//! assert!(engine.run_until_idle(Duration::from_secs(60)));
//! engine.run(Duration::from_secs(5));
//! assert_eq!(engine.mail("ann").len(), 1, "nothing was said: a missed call");
//! # Ok(())
//! # }
//! ```

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_rt::{System, SystemRunner};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::config::Part;
use super::disk::{Disk, MemoryDisk};
use super::environment::{DatagramSocket, MAX_DATAGRAM};
use super::impairment::Impairment;
use super::node::{Node, Parts, StartError};
use super::virtual_::VirtualEnvironment;
use super::{Environment, Placement};
use crate::actors::config_poller::{InForce, Places, RefreshError};
use crate::admin::status::NodeStatus;
use crate::directory::{DirectoryProvider, ProviderError, SourceFile};
use crate::link::Settings;
use crate::mailbox::store::Maildir;
use crate::mailbox::{Composer, MailboxStore, Spool};
use crate::records::CallDataRecord;
use crate::store::MemoryStore;

/// Where the parts of an engine's node listen.
pub const ROUTER_PORT: u16 = 5060;
pub const SERVICE_PORT: u16 = 5062;
pub const WORKER_PORT: u16 = 5065;

/// How often is looked whether a node is idle.
const IDLE_LOOK: Duration = Duration::from_millis(100);

/// What an engine begins with. [`Beginning::new`] has the settings as shipped.
#[derive(Clone)]
pub struct Beginning {
    /// The organisation's files; whoever edits them changes what the next refresh reads.
    pub files: Files,
    /// What nodes remember between two lives.
    pub remembered: MemoryStore,
    pub disk: MemoryDisk,
    pub settings: Settings,
    pub max_calls: u32,
    /// Of a worker.
    pub max_age: Duration,
    /// The node's own address.
    pub home: IpAddr,
    /// `None`: every address.
    pub listen: Option<IpAddr>,
    /// The parts of the node that there are.
    pub listening: Vec<Part>,
    pub rtp_ports: RangeInclusive<u16>,
    /// One seed gives one run.
    pub seed: u64,
    /// Virtual time that has passed before.
    pub age: Duration,
    /// Where letters go; `None`: Maildir folders `mail/<alias>` on the disk.
    pub mail: Option<Arc<dyn MailboxStore>>,
    /// What stands between the node and its world.
    pub around: Option<Around>,
}

/// Puts something between a node and the virtual world.
pub type Around = Arc<dyn Fn(VirtualEnvironment) -> Arc<dyn Environment>>;

/// The organisation's files, where a provider reads them. Clones are the same ones.
#[derive(Clone)]
pub struct Files(Arc<Mutex<Option<Vec<SourceFile>>>>);

/// A node, and the world around it.
pub struct Engine {
    node: RefCell<Rc<Node>>,
    /// Ends the node's process, and nothing else of the world.
    kill: RefCell<Option<oneshot::Sender<()>>>,
    beginning: Beginning,
    environment: VirtualEnvironment,
    began: Instant,
    system: SystemRunner,
}

/// Somebody in an engine's world who sends and receives datagrams.
pub struct Peer(Arc<dyn DatagramSocket>);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0}")]
    Organisation(#[from] RefreshError),
    #[error(transparent)]
    Node(#[from] StartError),
    #[error("the disk: {0}")]
    Disk(String),
}

impl Files {
    pub fn new(sources: Vec<SourceFile>) -> Files {
        Files(Arc::new(Mutex::new(Some(sources))))
    }

    pub fn write(&self, sources: Vec<SourceFile>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sources);
    }

    /// Edits them, if they are there.
    pub fn edit(&self, change: impl FnOnce(&mut Vec<SourceFile>)) {
        if let Some(sources) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(sources);
        }
    }

    /// Nobody can read them.
    pub fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl DirectoryProvider for Files {
    fn read(&self) -> Result<Vec<SourceFile>, ProviderError> {
        let lost = || ProviderError::Unreachable { place: "files".to_owned(), reason: "are gone".to_owned() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(lost)
    }
}

impl Beginning {
    /// A node `um.example.test` at 192.0.2.1 with this organisation, and everything else as shipped.
    pub fn new(organisation: Vec<SourceFile>) -> Beginning {
        Beginning {
            files: Files::new(organisation),
            remembered: MemoryStore::default(),
            disk: MemoryDisk::default(),
            settings: Settings {
                server: "Ringpost/test".to_owned(),
                node: "um.example.test".to_owned(),
                advertised: None,
                media_timeout: Duration::from_secs(30),
                session_expires: Duration::from_secs(1800),
                min_se: Duration::from_secs(90),
            },
            max_calls: 100,
            max_age: Duration::from_secs(7 * 24 * 3600),
            home: Ipv4Addr::new(192, 0, 2, 1).into(),
            listen: None,
            listening: vec![Part::CallRouter, Part::UmService, Part::UmWorker, Part::ReplacementWorker],
            rtp_ports: 20_000..=20_999,
            seed: 1,
            age: Duration::ZERO,
            mail: None,
            around: None,
        }
    }

    async fn parts(&self, environment: &VirtualEnvironment) -> Result<Parts, EngineError> {
        let disk: Arc<dyn Disk> = Arc::new(environment.memory_disk().clone());
        let failed = |error: &dyn std::fmt::Display| EngineError::Disk(error.to_string());
        let mail = match &self.mail {
            Some(mail) => mail.clone(),
            None => Arc::new(Maildir::open(disk.clone(), "mail".into()).map_err(|error| failed(&error))?),
        };
        let environment = match &self.around {
            Some(around) => around(environment.clone()),
            None => Arc::new(environment.clone()) as Arc<dyn Environment>,
        };
        let places = Places {
            environment: environment.clone(),
            provider: Arc::new(self.files.clone()),
            store: Arc::new(self.remembered.clone()),
        };
        Ok(Parts {
            environment,
            placement: Placement::here(),
            listeners: self.listeners(),
            stream_idle: Duration::from_secs(15 * 60),
            settings: self.settings.clone(),
            max_calls: self.max_calls,
            max_age: self.max_age,
            max_rss: 1 << 30,
            rtp_ports: self.rtp_ports.clone(),
            organisation: InForce::at_start(&places).await?,
            provider: places.provider,
            refresh_interval: Duration::from_secs(600),
            options_interval: Duration::from_secs(60),
            store: places.store,
            data: PathBuf::new(),
            prompts: None,
            log: ("info".to_owned(), false),
            spool: Spool::open(disk, "spool".into()).map_err(|error| failed(&error))?,
            composer: Composer {
                sender_name: "Ringpost".to_owned(),
                sender_address: "ringpost@example.test".to_owned(),
                time_zone: jiff::tz::TimeZone::UTC,
            },
            mail,
        })
    }

    fn listeners(&self) -> Vec<(Part, SocketAddr)> {
        let any: IpAddr = match self.home {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let at = self.listen.unwrap_or(any);
        let ports = [
            (Part::CallRouter, ROUTER_PORT),
            (Part::UmService, SERVICE_PORT),
            (Part::UmWorker, WORKER_PORT),
            (Part::ReplacementWorker, WORKER_PORT + 2),
        ];
        let there = ports.into_iter().filter(|(part, _)| self.listening.contains(part));
        there.map(|(part, port)| (part, SocketAddr::new(at, port))).collect()
    }
}

impl Engine {
    /// Starts a node, and waits until it takes calls.
    ///
    /// # Errors
    /// The organisation is not valid, or the node cannot start.
    pub fn start(beginning: Beginning) -> Result<Engine, EngineError> {
        let system = System::with_tokio_rt(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            // as actix itself does where there is no runtime to be had
            runtime.unwrap_or_else(|error| panic!("the operating system gives no runtime: {error}"))
        });
        let (node, kill, environment, began) = system.block_on(async {
            let began = Instant::now();
            let environment = VirtualEnvironment::new(beginning.home, beginning.seed).with_disk(beginning.disk.clone());
            tokio::time::advance(beginning.age).await;
            let (node, kill) = start_node(beginning.parts(&environment).await?).await?;
            Ok::<_, EngineError>((node, kill, environment, began))
        })?;
        let (node, kill) = (RefCell::new(Rc::new(node)), RefCell::new(Some(kill)));
        Ok(Engine { node, kill, beginning, environment, began, system })
    }

    // ---- time

    /// Virtual time since the world began.
    pub fn now(&self) -> Duration {
        self.block_on(async { self.began.elapsed() })
    }

    /// Turns the clock; everything that is due meanwhile happens. What the time is then.
    pub fn run(&self, time: Duration) -> Duration {
        self.block_on(async {
            tokio::time::sleep(time).await;
            self.began.elapsed()
        })
    }

    /// Turns the clock until the node holds nothing of any call; false: it still does after `patience`.
    pub fn run_until_idle(&self, patience: Duration) -> bool {
        let end = self.now() + patience;
        loop {
            if self.block_on(self.node().load()).is_idle() {
                return true;
            }
            if self.run(IDLE_LOOK) >= end {
                return false;
            }
        }
    }

    /// Runs work of the test's own beside the node, until it is done; the clock is turned whenever all wait.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.system.block_on(work)
    }

    // ---- the world

    /// Sockets, names, processes and the disk of this world.
    pub fn environment(&self) -> &VirtualEnvironment {
        &self.environment
    }

    /// A host of this world, by the address and port it sends datagrams from.
    ///
    /// # Errors
    /// Somebody has them already.
    pub fn peer(&self, at: SocketAddr) -> std::io::Result<Peer> {
        Ok(Peer(self.environment.bind_datagram(at)?))
    }

    /// What passes between two hosts suffers from this in both directions; `None`: from nothing any more.
    pub fn impair(&self, one: IpAddr, other: IpAddr, impairment: Option<Impairment>) {
        self.environment.impair(one, other, impairment);
        self.environment.impair(other, one, impairment);
    }

    /// Every SIP message that passed, a line each. It is printed, with the seed, when a test panics.
    pub fn ladder(&self) -> Vec<String> {
        self.environment.ladder()
    }

    /// The time of day leaps; timers go on as before.
    pub fn step_wall(&self, by: jiff::SignedDuration) {
        self.environment.step_wall(by);
    }

    pub fn disk(&self) -> &MemoryDisk {
        self.environment.memory_disk()
    }

    /// What an administrator edits; in force from the next refresh on.
    pub fn files(&self) -> &Files {
        &self.beginning.files
    }

    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// Letters that were delivered to a mailbox and lie there unread, as they are on its disk.
    pub fn mail(&self, alias: &str) -> Vec<Vec<u8>> {
        let folder = Path::new("mail").join(alias).join("new");
        let names = self.disk().list(&folder).unwrap_or_default();
        names.iter().filter_map(|name| self.disk().read(&folder.join(name)).ok()).collect()
    }

    // ---- the node

    pub fn node(&self) -> Rc<Node> {
        self.node.borrow().clone()
    }

    pub fn status(&self) -> NodeStatus {
        self.block_on(self.node().status())
    }

    /// Call data records of every day there is, as far as they can be read.
    pub fn records(&self) -> Vec<CallDataRecord> {
        let node = self.node();
        let records = node.records();
        let days = records.days().unwrap_or_default();
        days.into_iter().flat_map(|day| records.read(day).unwrap_or_default()).collect()
    }

    /// The node's metrics, as Prometheus reads them.
    pub fn metrics(&self) -> String {
        self.block_on(self.node().metrics_text(None))
    }

    /// The node's process dies at this moment; its workers and all else go on. One that is dead stays so.
    pub fn kill_node(&self) {
        if let Some(kill) = self.kill.take() {
            // it may have ended by itself
            let _ = kill.send(());
        }
        self.run(Duration::from_millis(10));
    }

    /// A node is started where one has died.
    ///
    /// # Errors
    /// It cannot start.
    pub fn start_node(&self) -> Result<(), EngineError> {
        let started = self.block_on(async { start_node(self.beginning.parts(&self.environment).await?).await })?;
        let (node, kill) = started;
        self.node.replace(Rc::new(node));
        self.kill.replace(Some(kill));
        self.run(Duration::from_millis(10));
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- SIP of the world of seed {}, in virtual time ---", self.beginning.seed);
            self.ladder().iter().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl Peer {
    pub fn send(&self, octets: &[u8], to: SocketAddr) {
        // there is nothing in memory that could keep it from being sent
        let _ = self.0.send(octets, to);
    }

    /// What has come since the last time, and from where.
    pub fn received(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut all = Vec::new();
        while let Ok((length, from)) = self.0.try_receive(&mut buffer) {
            all.push((from, buffer.get(..length).unwrap_or_default().to_vec()));
        }
        all
    }
}

/// Starts a node in a set of tasks of its own, which goes when it is killed.
async fn start_node(parts: Parts) -> Result<(Node, oneshot::Sender<()>), EngineError> {
    let set = LocalSet::new();
    let node = set.run_until(async {
        let node = Node::start(parts)?;
        node.ready().await?;
        Ok::<_, StartError>(node)
    });
    let node = node.await?;
    let (kill, killed) = oneshot::channel();
    actix_rt::spawn(async move {
        tokio::select! {
            () = set => {}
            _ = killed => {}
        }
    });
    Ok((node, kill))
}
