//! A node and the world around it, in one thread and on a clock that stands still unless a story turns it.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_rt::{System, SystemRunner};
use ringpost::actors::config_poller::{InForce, Places};
use ringpost::actors::um_service::WorkerStatus;
use ringpost::admin::status::{Load, NodeStatus};
use ringpost::directory::{DirectoryProvider, ProviderError, SourceFile};
use ringpost::engine::config::Part;
use ringpost::engine::disk::{Disk, MemoryDisk};
use ringpost::engine::virtual_::VirtualEnvironment;
use ringpost::engine::virtual_processes::VirtualProcesses;
use ringpost::engine::{Environment, Node, Parts, Placement, Processes};
use ringpost::link::Settings;
use ringpost::mailbox::spool::SpoolStatus;
use ringpost::mailbox::store::Maildir;
use ringpost::mailbox::{Composer, Spool};
use ringpost::records::CallDataRecord;
use ringpost::store::MemoryStore;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::caller::Line;
use crate::fragile::{Damage, Fragile};
use crate::invite::Peer;
use crate::post::{Mailbox, Postman, Trouble};
use crate::sip::Ladder;
use crate::sound::root;

/// The node's own address.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The address of the sample organisation's gateway.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where the parts of the node listen.
pub const ROUTER_PORT: u16 = 5060;
pub const SERVICE_PORT: u16 = 5062;
pub const WORKER_PORT: u16 = 5065;

/// How far the clock is turned at once; what arrives is looked at after each.
const STEP: Duration = Duration::from_millis(5);
/// With nobody on the line.
const QUIET_STEP: Duration = Duration::from_millis(100);

/// As shipped.
pub const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// The organisation's files, where a provider reads them. Clones are the same ones.
#[derive(Clone)]
pub struct Files(Arc<Mutex<Option<Vec<SourceFile>>>>);

impl Files {
    fn new(sources: Vec<SourceFile>) -> Files {
        Files(Arc::new(Mutex::new(Some(sources))))
    }

    pub fn write(&self, sources: Vec<SourceFile>) {
        *self.0.lock().unwrap() = Some(sources);
    }

    pub fn edit(&self, change: impl FnOnce(&mut Vec<SourceFile>)) {
        change(self.0.lock().unwrap().as_mut().expect("the files are there"));
    }

    /// Nobody can read them.
    pub fn lose(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl DirectoryProvider for Files {
    fn read(&self) -> Result<Vec<SourceFile>, ProviderError> {
        let lost = || ProviderError::Unreachable { place: "files".to_owned(), reason: "are gone".to_owned() };
        self.0.lock().unwrap().clone().ok_or_else(lost)
    }
}

/// The world; clones are the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    engine: RefCell<Rc<Node>>,
    /// Ends the node's process, and nothing else of the world.
    kill: RefCell<Option<oneshot::Sender<()>>>,
    beginning: Beginning,
    environment: VirtualEnvironment,
    damage: Damage,
    lines: RefCell<Vec<Weak<RefCell<Line>>>>,
    ladder: Ladder,
    began: Instant,
    now: Cell<Duration>,
    names: Cell<u64>,
    node: Cell<SocketAddr>,
    system: SystemRunner,
}

/// What a world begins with.
pub struct Beginning {
    /// What an administrator wrote.
    pub files: Files,
    /// What nodes remember between two lives.
    pub remembered: MemoryStore,
    settings: Settings,
    max_calls: u32,
    disk: MemoryDisk,
    /// What a node remembers.
    age: Duration,
    seed: u64,
    pub trouble: Trouble,
    pub home: IpAddr,
    /// `None`: every address, as shipped.
    pub listen: Option<IpAddr>,
    pub rtp_ports: RangeInclusive<u16>,
    /// The parts of the node that there are.
    pub listening: Vec<Part>,
    /// Of a worker.
    pub max_age: Duration,
}

impl World {
    /// The sample organisation, and everything as shipped.
    pub fn new() -> World {
        World::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Beginning)) -> World {
        let mut beginning = Beginning {
            files: Files::new(organisation()),
            remembered: MemoryStore::default(),
            settings: Settings {
                server: "Ringpost/test".to_owned(),
                node: "um.example.test".to_owned(),
                advertised: None,
                media_timeout: Duration::from_secs(30),
                session_expires: Duration::from_secs(1800),
                min_se: Duration::from_secs(90),
            },
            max_calls: 100,
            disk: MemoryDisk::default(),
            age: Duration::ZERO,
            seed: 1,
            trouble: Trouble::default(),
            home: HOME,
            listen: None,
            rtp_ports: 20_000..=20_999,
            listening: vec![Part::CallRouter, Part::UmService, Part::UmWorker, Part::ReplacementWorker],
            max_age: Duration::from_secs(7 * 24 * 3600),
        };
        change(&mut beginning);
        World::begin(beginning)
    }

    fn begin(beginning: Beginning) -> World {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_test_writer().finish();
        // one log a thread, and a thread runs one test; a second world in it goes on with the first one's
        std::mem::forget(tracing::subscriber::set_default(log));
        let system = System::with_tokio_rt(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
        });
        let damage = Damage::default();
        let (engine, kill, environment, began) = system.block_on(async {
            let began = Instant::now();
            let environment = VirtualEnvironment::new(beginning.home, beginning.seed).with_disk(beginning.disk.clone());
            tokio::time::advance(beginning.age).await;
            let (engine, kill) = start_node(beginning.parts(&environment, &damage).await).await;
            (engine, kill, environment, began)
        });
        let world = World(Rc::new(Inner {
            engine: RefCell::new(Rc::new(engine)),
            kill: RefCell::new(Some(kill)),
            environment,
            damage,
            lines: RefCell::default(),
            ladder: Ladder::default(),
            began,
            now: Cell::new(beginning.age),
            names: Cell::new(0),
            node: Cell::new(SocketAddr::new(beginning.home, WORKER_PORT)),
            system,
            beginning,
        }));
        world.run(Duration::from_millis(50));
        world
    }

    /// The node's process dies; its workers and all else go on.
    pub fn kill_node(&self) {
        let kill = self.0.kill.take().expect("the node lives");
        kill.send(()).expect("the node lives");
        self.run(Duration::from_millis(10));
    }

    /// A node is started where one has died.
    pub fn start_node(&self) {
        let parts = self.block_on(self.0.beginning.parts(&self.0.environment, &self.0.damage));
        let (engine, kill) = self.block_on(start_node(parts));
        self.0.engine.replace(Rc::new(engine));
        self.0.kill.replace(Some(kill));
        self.run(Duration::from_millis(10));
    }

    /// The UM workers as the node knows them.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.block_on(self.engine().workers())
    }

    /// The one that takes the calls.
    pub fn current_worker(&self) -> WorkerStatus {
        let workers = self.workers();
        let current = workers.iter().find(|worker| worker.state == "Current");
        current.unwrap_or_else(|| panic!("no worker takes calls: {workers:?}")).clone()
    }

    /// A worker's process dies in the middle of what it does.
    pub fn kill_worker(&self, worker: &WorkerStatus) {
        self.processes().kill(worker.pid);
        self.run(Duration::from_millis(10));
    }

    pub fn processes(&self) -> &VirtualProcesses {
        self.0.environment.process_table()
    }

    /// Calls that are dialled from now on go to the worker that takes them.
    pub fn call_the_current_worker(&self) {
        self.0.node.set(SocketAddr::new(self.node().ip(), self.current_worker().port));
    }

    /// The power fails at this moment, and comes back an hour later: a new node on the disk as it was.
    pub fn power_failure(self) -> World {
        self.restarted(Duration::from_secs(3600), |_| {})
    }

    /// The same, so much later.
    pub fn restarted(self, later: Duration, change: impl FnOnce(&mut Beginning)) -> World {
        let (disk, seed) = (self.disk().snapshot(), self.0.beginning.seed + 1000);
        let remembered = self.0.beginning.remembered.clone();
        let age = self.now() + later;
        drop(self);
        World::with(|beginning| {
            beginning.disk = disk;
            beginning.remembered = remembered;
            beginning.seed = seed;
            beginning.age = age;
            change(beginning);
        })
    }

    // ---- time

    pub fn now(&self) -> Duration {
        self.0.now.get()
    }

    pub fn run(&self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.step(end);
        }
    }

    pub fn seconds(&self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    /// Turns the clock until `done`; false when that did not happen within `patience`.
    pub fn wait(&self, patience: Duration, mut done: impl FnMut() -> bool) -> bool {
        let end = self.now() + patience;
        loop {
            if done() {
                return true;
            }
            if self.now() >= end {
                return false;
            }
            self.step(end);
        }
    }

    fn step(&self, end: Duration) {
        let lines = self.lines();
        for line in &lines {
            line.borrow_mut().transmit(self.now());
        }
        let step = if lines.is_empty() { QUIET_STEP } else { STEP };
        let pause = step.min(end.saturating_sub(self.now())).max(Duration::from_millis(1));
        let began = self.0.began;
        let now = self.0.system.block_on(async move {
            tokio::time::sleep(pause).await;
            began.elapsed()
        });
        self.0.now.set(now);
        for line in &lines {
            line.borrow_mut().receive(now, &self.0.ladder);
        }
    }

    /// Runs what the node's own thread must run.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.0.system.block_on(work)
    }

    // ---- who is there

    /// Where the node takes calls: its UM worker.
    pub fn node(&self) -> SocketAddr {
        self.0.node.get()
    }

    /// The gateway of the sample organisation.
    pub fn gateway(&self) -> Peer {
        self.peer(GATEWAY)
    }

    pub fn peer(&self, address: IpAddr) -> Peer {
        Peer::new(self.clone(), address)
    }

    pub fn mailbox(&self, alias: &str) -> Mailbox {
        Mailbox::new(self.clone(), alias)
    }

    /// The records of calls that began today or on any day.
    pub fn records(&self) -> Vec<CallDataRecord> {
        let records = self.engine().records();
        let days = records.days().expect("the records can be read");
        days.into_iter().flat_map(|day| records.read(day).expect("the records can be read")).collect()
    }

    pub fn engine(&self) -> Rc<Node> {
        self.0.engine.borrow().clone()
    }

    pub fn environment(&self) -> &VirtualEnvironment {
        &self.0.environment
    }

    pub fn disk(&self) -> &MemoryDisk {
        self.0.environment.memory_disk()
    }

    /// What keeps the mailbox store from taking letters.
    pub fn trouble(&self) -> &Trouble {
        &self.0.beginning.trouble
    }

    pub fn ladder(&self) -> &Ladder {
        &self.0.ladder
    }

    /// A number no other part of this world has.
    pub fn number(&self) -> u64 {
        self.0.names.set(self.0.names.get() + 1);
        self.0.beginning.seed * 1_000_000 + self.0.names.get()
    }

    pub fn add_line(&self, line: &Rc<RefCell<Line>>) {
        self.0.lines.borrow_mut().push(Rc::downgrade(line));
    }

    fn lines(&self) -> Vec<Rc<RefCell<Line>>> {
        let mut lines = self.0.lines.borrow_mut();
        lines.retain(|line| line.strong_count() > 0);
        lines.iter().filter_map(Weak::upgrade).collect()
    }

    /// What of the node's world is to be broken.
    pub fn damage(&self) -> &Damage {
        &self.0.damage
    }

    /// What an administrator edits.
    pub fn files(&self) -> &Files {
        &self.0.beginning.files
    }

    // ---- what the node holds

    pub fn load(&self) -> Load {
        self.block_on(self.engine().load())
    }

    pub fn status(&self) -> NodeStatus {
        self.block_on(self.engine().status())
    }

    /// What lies in the spool, as `ready/<id>/call.json`.
    pub fn spooled(&self) -> Vec<PathBuf> {
        spool_files(self.disk())
    }

    /// The spool's own account of what lies in it.
    pub fn spool_status(&self) -> SpoolStatus {
        let disk: Arc<dyn Disk> = Arc::new(self.disk().clone());
        Spool::at(disk, "spool".into()).status().expect("the spool can be read")
    }

    /// What an administrator does with a message that was parked.
    pub fn move_failed_back(&self) {
        for id in self.disk().list("spool/failed".as_ref()).unwrap() {
            let [from, to] = ["failed", "ready"].map(|place| PathBuf::from("spool").join(place).join(&id));
            self.disk().remove_file(&from.join("delivery.json")).unwrap();
            self.disk().rename(&from, &to).unwrap();
        }
    }

    /// The sample organisation without this user is in force from now on.
    pub fn use_organisation_without(&self, alias: &str) {
        let mut sources = organisation();
        for source in &mut sources {
            let parts = source.text.split("\n\n").filter(|part| !part.contains(&format!("\"{alias}\"")));
            source.text = parts.collect::<Vec<_>>().join("\n\n");
        }
        self.files().write(sources);
        self.block_on(self.engine().refresh()).expect("the organisation is valid");
        self.run(Duration::from_millis(10));
    }

    /// Waits until every transaction has lingered out, and nothing of any call is left: no dialog, stream, port, timer
    /// or file.
    pub fn assert_idle(&self) {
        self.wait(Duration::from_secs(70), || self.load().is_idle());
        let load = self.load();
        assert!(load.is_idle(), "a call has left something behind: {load:?}");
        assert_eq!(self.spooled(), [""; 0].map(PathBuf::from), "left in the spool");
    }
}

/// Every file of a spool on `disk`, below the spool's own folder.
pub fn spool_files(disk: &MemoryDisk) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for place in ["recording", "ready", "failed", "erased"] {
        let folder = PathBuf::from("spool").join(place);
        for id in disk.list(&folder).unwrap() {
            let names = disk.list(&folder.join(&id)).unwrap();
            files.extend(names.into_iter().map(|name| PathBuf::from(place).join(&id).join(name)));
        }
    }
    files
}

impl Drop for Inner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.ladder.print();
        }
    }
}

/// Starts a node in a set of tasks of its own, which goes when it is killed.
async fn start_node(parts: Parts) -> (Node, oneshot::Sender<()>) {
    let set = LocalSet::new();
    let engine = set.run_until(async {
        let engine = Node::start(parts).expect("the node starts");
        engine.ready().await.expect("the worker begins");
        engine
    });
    let engine = engine.await;
    let (kill, killed) = oneshot::channel();
    actix_rt::spawn(async move {
        tokio::select! {
            () = set => {}
            _ = killed => {}
        }
    });
    (engine, kill)
}

impl Beginning {
    async fn parts(&self, environment: &VirtualEnvironment, damage: &Damage) -> Parts {
        let disk: Arc<dyn Disk> = Arc::new(environment.memory_disk().clone());
        let any: IpAddr = match self.home {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let listen = self.listen.unwrap_or(any);
        let listeners = [
            (Part::CallRouter, ROUTER_PORT),
            (Part::UmService, SERVICE_PORT),
            (Part::UmWorker, WORKER_PORT),
            (Part::ReplacementWorker, WORKER_PORT + 2),
        ];
        let listeners = listeners.into_iter().filter(|(part, _)| self.listening.contains(part));
        let postman = Postman::new(Maildir::open(disk.clone(), "mail".into()).unwrap(), self.trouble.clone());
        let environment: Arc<dyn Environment> =
            Arc::new(Fragile { world: environment.clone(), damage: damage.clone() });
        let places = Places {
            environment: environment.clone(),
            provider: Arc::new(self.files.clone()),
            store: Arc::new(self.remembered.clone()),
        };
        let organisation = InForce::at_start(&places).await.expect("there is an organisation");
        Parts {
            environment,
            placement: Placement::here(),
            listeners: listeners.map(|(part, port)| (part, SocketAddr::new(listen, port))).collect(),
            stream_idle: Duration::from_secs(15 * 60),
            settings: self.settings.clone(),
            max_calls: self.max_calls,
            max_age: self.max_age,
            max_rss: 1 << 30,
            rtp_ports: self.rtp_ports.clone(),
            organisation,
            provider: places.provider,
            refresh_interval: REFRESH_EVERY,
            options_interval: Duration::from_secs(60),
            store: places.store,
            data: PathBuf::new(),
            prompts: None,
            log: ("info".to_owned(), false),
            spool: Spool::open(disk, "spool".into()).expect("the spool opens"),
            composer: Composer {
                sender_name: "Ringpost".to_owned(),
                sender_address: "ringpost@example.test".to_owned(),
                time_zone: jiff::tz::TimeZone::UTC,
            },
            mail: Arc::new(postman),
        }
    }

    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    pub fn advertise(&mut self, address: &str) {
        self.settings.advertised = Some(address.parse().unwrap());
    }

    pub fn max_calls(&mut self, calls: u32) {
        self.max_calls = calls;
    }

    /// A file of the organisation more.
    pub fn organisation(&mut self, text: &str) {
        self.files.edit(|sources| sources.push(SourceFile::new("test.toml", text)));
    }

    /// Changes the sample organisation, as an administrator would in an editor.
    pub fn edit(&mut self, from: &str, to: &str) {
        self.files.edit(|sources| {
            let file = sources.iter_mut().find(|source| source.text.contains(from));
            let file = file.unwrap_or_else(|| panic!("the organisation does not say {from}"));
            file.text = file.text.replace(from, to);
        });
    }

    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        self.disk.create_new(path.as_ref()).and_then(|mut file| file.append(bytes)).unwrap();
    }
}

/// `config/directory`, and `tests/organisation` where the acceptance tests have one.
fn organisation() -> Vec<SourceFile> {
    let mut sources = Vec::new();
    for folder in ["config/directory", "tests/organisation"] {
        let files = fs::read_dir(root().join(folder)).into_iter().flatten();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files.into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "toml")) {
            sources.push(SourceFile::new(file.display().to_string(), fs::read_to_string(&file).unwrap()));
        }
    }
    sources
}
