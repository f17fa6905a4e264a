//! A node and the world around it, in one thread and on a clock that stands still unless a story turns it.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use ringpost::actors::um_service::WorkerStatus;
use ringpost::admin::status::{Load, NodeStatus};
use ringpost::directory::SourceFile;
use ringpost::engine::virtual_::VirtualEnvironment;
use ringpost::engine::virtual_processes::VirtualProcesses;
use ringpost::engine::{self, Disk, Engine, Files, Loss, MemoryDisk, Node, Processes};
pub use ringpost::engine::{ROUTER_PORT, SERVICE_PORT, WORKER_PORT};
use ringpost::mailbox::Spool;
use ringpost::mailbox::spool::SpoolStatus;
use ringpost::mailbox::store::Maildir;
use ringpost::records::CallDataRecord;

use crate::caller::Line;
use crate::fragile::{Damage, Fragile};
use crate::invite::Peer;
use crate::post::{Mailbox, Postman, Trouble};
use crate::sound::root;

/// The node's own address.
pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// The address of the sample organisation's gateway.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How far the clock is turned at once; what arrives is looked at after each.
const STEP: Duration = Duration::from_millis(5);
/// With nobody who could say something.
const QUIET_STEP: Duration = Duration::from_millis(100);

/// The world; clones are the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    engine: Engine,
    damage: Damage,
    trouble: Trouble,
    lines: RefCell<Vec<Weak<RefCell<Line>>>>,
    now: Cell<Duration>,
    names: Cell<u64>,
    node: Cell<SocketAddr>,
}

/// What a world begins with.
pub struct Beginning {
    engine: engine::Beginning,
    pub trouble: Trouble,
}

impl Deref for Beginning {
    type Target = engine::Beginning;

    fn deref(&self) -> &engine::Beginning {
        &self.engine
    }
}

impl DerefMut for Beginning {
    fn deref_mut(&mut self) -> &mut engine::Beginning {
        &mut self.engine
    }
}

impl World {
    /// The sample organisation, and everything as shipped.
    pub fn new() -> World {
        World::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Beginning)) -> World {
        let mut beginning = Beginning { engine: engine::Beginning::new(organisation()), trouble: Trouble::default() };
        change(&mut beginning);
        World::begin(beginning)
    }

    fn begin(beginning: Beginning) -> World {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_test_writer().finish();
        // one log a thread, and a thread runs one test; a second world in it goes on with the first one's
        std::mem::forget(tracing::subscriber::set_default(log));
        let Beginning { mut engine, trouble } = beginning;
        let damage = Damage::default();
        let maildir = Maildir::open(Arc::new(engine.disk.clone()), "mail".into()).unwrap();
        engine.mail = Some(Arc::new(Postman::new(maildir, trouble.clone())));
        let broken = damage.clone();
        engine.around = Some(Arc::new(move |world| Arc::new(Fragile { world, damage: broken.clone() })));
        let (home, age) = (engine.home, engine.age);
        let world = World(Rc::new(Inner {
            engine: Engine::start(engine).expect("the node starts"),
            damage,
            trouble,
            lines: RefCell::default(),
            now: Cell::new(age),
            names: Cell::new(0),
            node: Cell::new(SocketAddr::new(home, WORKER_PORT)),
        }));
        world.run(Duration::from_millis(50));
        world
    }

    /// The node's process dies; its workers and all else go on.
    pub fn kill_node(&self) {
        self.0.engine.kill_node();
        self.0.now.set(self.0.engine.now());
    }

    /// A node is started where one has died.
    pub fn start_node(&self) {
        self.0.engine.start_node().expect("the node starts");
        self.0.now.set(self.0.engine.now());
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
        self.environment().process_table()
    }

    /// Calls that are dialled from now on go to the worker that takes them.
    pub fn call_the_current_worker(&self) {
        self.0.node.set(SocketAddr::new(self.node().ip(), self.current_worker().port));
    }

    /// The power fails at this moment, and comes back an hour later: a new node on what is left of the disk.
    pub fn power_failure(self, loss: Loss) -> World {
        self.restarted(loss, Duration::from_secs(3600), |_| {})
    }

    /// The same, so much later.
    pub fn restarted(self, loss: Loss, later: Duration, change: impl FnOnce(&mut Beginning)) -> World {
        let before = self.0.engine.beginning();
        let (disk, seed, remembered) = (self.disk().after(loss), before.seed + 1000, before.remembered.clone());
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
        let speaks = lines.iter().any(|line| line.borrow().media.open);
        let step = if speaks { STEP } else { QUIET_STEP };
        let pause = step.min(end.saturating_sub(self.now())).max(Duration::from_millis(1));
        let now = self.0.engine.run(pause);
        self.0.now.set(now);
        for line in &lines {
            line.borrow_mut().receive(now);
        }
    }

    /// Runs what the node's own thread must run.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.0.engine.block_on(work)
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
        self.0.engine.records()
    }

    pub fn engine(&self) -> Rc<Node> {
        self.0.engine.node()
    }

    pub fn environment(&self) -> &VirtualEnvironment {
        self.0.engine.environment()
    }

    pub fn disk(&self) -> &MemoryDisk {
        self.0.engine.disk()
    }

    /// What keeps the mailbox store from taking letters.
    pub fn trouble(&self) -> &Trouble {
        &self.0.trouble
    }

    /// Every SIP message that passed, a line each.
    pub fn ladder(&self) -> Vec<String> {
        self.0.engine.ladder()
    }

    /// A number no other part of this world has.
    pub fn number(&self) -> u64 {
        self.0.names.set(self.0.names.get() + 1);
        self.0.engine.beginning().seed * 1_000_000 + self.0.names.get()
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
        self.0.engine.files()
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

impl Beginning {
    pub fn advertise(&mut self, address: &str) {
        self.settings.advertised = Some(address.parse().unwrap());
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
        self.disk.put(path, bytes).unwrap();
    }
}

/// `config/directory`, and `tests/organisation` where the acceptance tests have one.
pub fn organisation() -> Vec<SourceFile> {
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
