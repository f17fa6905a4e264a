//! A world in memory: datagrams, streams, files and a clock that runs as the test says.
//! Knows: who is bound to which address. Must not: know what is sent, or why.

mod connection;
mod ladder;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use super::disk::{Disk, MemoryDisk};
use super::environment::{
    BoxFuture, BoxStream, DatagramSocket, Environment, Exchange, Found, LocalListener, MediaSocket, OneByOne,
    StreamListener,
};
use super::impairment::{Impairment, Link};
use super::processes::Processes;
use super::virtual_processes::VirtualProcesses;
use crate::protocol::random::Random;
use ladder::{Fate, Ladder};

/// What a stream holds on its way, in octets.
const STREAM_BUFFER: usize = 256 << 10;

/// A world of its own; clones see the same one. Addresses are whatever a test binds.
#[derive(Clone)]
pub struct VirtualEnvironment {
    world: Arc<Mutex<World>>,
    disk: MemoryDisk,
    processes: VirtualProcesses,
    /// The address a node in this world names as its own.
    home: IpAddr,
    born: Instant,
    /// Whose clock it is, also for those who ask from outside.
    runtime: Handle,
}

struct World {
    datagrams: HashMap<SocketAddr, Inbox>,
    listeners: HashMap<SocketAddr, Arrivals<(BoxStream, SocketAddr)>>,
    local: HashMap<PathBuf, Arrivals<BoxStream>>,
    names: HashMap<String, Found>,
    /// Impaired ones, by who sends and who receives.
    links: HashMap<(IpAddr, IpAddr), Link>,
    ladder: Ladder,
    /// How far the time of day is from where it would be.
    step: jiff::SignedDuration,
    sent: u64,
    random: Random,
    next_port: u16,
}

/// What has arrived at a socket, and what is on its way to it.
#[derive(Default)]
struct Inbox {
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
    /// By the time of arrival, and the order in which it was sent.
    on_the_way: BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
    /// Wakes the reader when the next datagram arrives.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Inbox {
    /// Takes in what has arrived by `now`; when the next one arrives.
    fn arrive(&mut self, now: Instant) -> Option<Instant> {
        while let Some(first) = self.on_the_way.first_entry() {
            if first.key().0 > now {
                return Some(first.key().0);
            }
            self.queue.push_back(first.remove());
        }
        None
    }
}

/// What waits to be accepted, and who accepts it.
struct Arrivals<T> {
    queue: VecDeque<T>,
    acceptor: Option<Waker>,
}

impl<T> Default for Arrivals<T> {
    fn default() -> Self {
        Arrivals { queue: VecDeque::new(), acceptor: None }
    }
}

impl<T> Arrivals<T> {
    fn arrive(&mut self, arrival: T) {
        self.queue.push_back(arrival);
        self.acceptor.take().into_iter().for_each(Waker::wake);
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match self.queue.pop_front() {
            Some(arrived) => Poll::Ready(Ok(arrived)),
            None => {
                self.acceptor = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl VirtualEnvironment {
    /// A world whose node lives at `home`; one seed gives one sequence of random numbers.
    /// Must be made inside the runtime whose clock it follows.
    pub fn new(home: IpAddr, seed: u64) -> VirtualEnvironment {
        let world = World {
            datagrams: HashMap::new(),
            listeners: HashMap::new(),
            local: HashMap::new(),
            names: HashMap::new(),
            links: HashMap::new(),
            ladder: Ladder::default(),
            step: jiff::SignedDuration::ZERO,
            sent: 0,
            random: Random::new(seed),
            next_port: 40_000,
        };
        VirtualEnvironment {
            world: Arc::new(Mutex::new(world)),
            disk: MemoryDisk::default(),
            processes: VirtualProcesses::default(),
            home,
            born: Instant::now(),
            runtime: Handle::current(),
        }
    }

    /// The same world on a disk that was there before: what a node finds when it starts again.
    pub fn with_disk(self, disk: MemoryDisk) -> VirtualEnvironment {
        VirtualEnvironment { disk, ..self }
    }

    /// The same world as another host sees it, which names `home` as its own address.
    pub fn at(&self, home: IpAddr) -> VirtualEnvironment {
        VirtualEnvironment { home, ..self.clone() }
    }

    /// The processes of this world.
    pub fn process_table(&self) -> &VirtualProcesses {
        &self.processes
    }

    pub fn memory_disk(&self) -> &MemoryDisk {
        &self.disk
    }

    /// What the DNS of this world says of a name from now on; `None`: nothing, as in the beginning.
    pub fn name(&self, host: &str, found: Option<Found>) {
        let mut world = self.world();
        match found {
            Some(found) => world.names.insert(host.to_owned(), found),
            None => world.names.remove(host),
        };
    }

    /// What passes from one host to another suffers from this from now on; `None`: from nothing, as in the beginning. On
    /// connections nothing is lost, doubled or turned around: it is late.
    pub fn impair(&self, from: IpAddr, to: IpAddr, impairment: Option<Impairment>) {
        let mut world = self.world();
        match impairment {
            Some(impairment) => {
                let seed = world.random.draw();
                world.links.insert((from, to), Link::new(impairment, seed));
            }
            None => drop(world.links.remove(&(from, to))),
        }
    }

    /// Opens a stream to whoever listens on `to`, as a peer at `from` does.
    pub fn connect_from(&self, from: SocketAddr, to: SocketAddr) -> io::Result<DuplexStream> {
        let mut world = self.world();
        let address = Self::inbox_for(&world.listeners, to).ok_or(ErrorKind::ConnectionRefused)?;
        let arrivals = world.listeners.get_mut(&address).ok_or(ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = connection::connect(self, from, to);
        arrivals.arrive((Box::new(theirs), from));
        Ok(ours)
    }

    /// Every SIP message that passed, a line each; the oldest of very many are gone.
    pub fn ladder(&self) -> Vec<String> {
        self.world().ladder.lines().collect()
    }

    /// The time of day leaps, as when an administrator sets the clock; timers go on as before.
    pub fn step_wall(&self, by: jiff::SignedDuration) {
        let mut world = self.world();
        world.step = world.step.saturating_add(by);
    }

    /// When octets that are sent now on a connection arrive.
    fn carried(&self, (from, to): (SocketAddr, SocketAddr), octets: &[u8]) -> Instant {
        let now = self.clock();
        let mut world = self.world();
        world.ladder.note(now - self.born, (from, to), octets, Fate::Arrives);
        let link = world.links.get_mut(&(from.ip(), to.ip()));
        link.map_or(now, |link| link.carry(now.into_std(), octets.len()).into())
    }

    fn is_parted(&self, (from, to): (SocketAddr, SocketAddr)) -> bool {
        self.world().links.get(&(from.ip(), to.ip())).is_some_and(Link::is_parted)
    }

    fn clock(&self) -> Instant {
        let _here = self.runtime.enter();
        Instant::now()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bind(&self, address: SocketAddr) -> io::Result<VirtualSocket> {
        let mut world = self.world();
        let local = match address.port() {
            0 => SocketAddr::new(address.ip(), world.free_port()),
            _ => address,
        };
        if world.datagrams.contains_key(&local) {
            return Err(ErrorKind::AddrInUse.into());
        }
        world.datagrams.insert(local, Inbox::default());
        drop(world);
        Ok(VirtualSocket { environment: self.clone(), local })
    }

    /// Who receives what is sent to `to`: the socket bound there, or one bound to every address of this node.
    fn inbox_for<T>(map: &HashMap<SocketAddr, T>, to: SocketAddr) -> Option<SocketAddr> {
        let unspecified: IpAddr = match to.ip() {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        [to, SocketAddr::new(unspecified, to.port())].into_iter().find(|address| map.contains_key(address))
    }
}

impl World {
    fn free_port(&mut self) -> u16 {
        self.next_port = self.next_port.wrapping_add(2).max(40_000);
        self.next_port
    }
}

impl Environment for VirtualEnvironment {
    fn wall(&self) -> jiff::Timestamp {
        // 2026-01-01T00:00:00Z plus the virtual time that has passed
        let epoch = jiff::Timestamp::constant(1_767_225_600, 0);
        let passed = jiff::SignedDuration::try_from(self.clock() - self.born).unwrap_or(jiff::SignedDuration::ZERO);
        epoch.checked_add(passed.saturating_add(self.world().step)).unwrap_or(epoch)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let mut world = self.world();
        for chunk in bytes.chunks_mut(8) {
            let random = world.random.draw().to_le_bytes();
            chunk.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
        }
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn bind_datagram(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        Ok(Arc::new(self.bind(address)?))
    }

    fn bind_media(&self, address: SocketAddr) -> io::Result<Box<dyn MediaSocket>> {
        Ok(Box::new(self.bind(address)?))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn StreamListener>> {
        let mut world = self.world();
        if world.listeners.contains_key(&address) {
            return Err(ErrorKind::AddrInUse.into());
        }
        world.listeners.insert(address, Arrivals::default());
        drop(world);
        Ok(Box::new(VirtualListener { environment: self.clone(), local: address }))
    }

    fn connect(&self, remote: SocketAddr) -> BoxFuture<io::Result<(BoxStream, SocketAddr)>> {
        let local = SocketAddr::new(self.home, self.world().free_port());
        let connected = self.connect_from(local, remote).map(|stream| (Box::new(stream) as BoxStream, local));
        Box::pin(async move { connected })
    }

    fn listen_local(&self, path: &Path) -> io::Result<Box<dyn LocalListener>> {
        // as with files: the one who comes later takes the place
        self.world().local.insert(path.to_owned(), Arrivals::default());
        Ok(Box::new(VirtualLocalListener { environment: self.clone(), path: path.to_owned() }))
    }

    fn connect_local(&self, path: &Path) -> BoxFuture<io::Result<BoxStream>> {
        let mut world = self.world();
        let connected = match world.local.get_mut(path) {
            Some(arrivals) => {
                let (ours, theirs) = tokio::io::duplex(STREAM_BUFFER);
                arrivals.arrive(Box::new(theirs));
                Ok(Box::new(ours) as BoxStream)
            }
            None => Err(ErrorKind::ConnectionRefused.into()),
        };
        Box::pin(async move { connected })
    }

    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Found>> {
        let found = self.world().names.get(host).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        Box::pin(async move { found })
    }

    fn processes(&self) -> Arc<dyn Processes> {
        Arc::new(self.processes.clone())
    }

    fn address_towards(&self, _remote: IpAddr) -> io::Result<IpAddr> {
        Ok(self.home)
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

struct VirtualSocket {
    environment: VirtualEnvironment,
    local: SocketAddr,
}

impl VirtualSocket {
    fn take(&self) -> Option<(SocketAddr, Vec<u8>)> {
        let now = self.environment.clock();
        let mut world = self.environment.world();
        let inbox = world.datagrams.get_mut(&self.local)?;
        inbox.arrive(now);
        inbox.queue.pop_front()
    }

    fn put(&self, bytes: &[u8], to: SocketAddr) {
        let now = self.environment.clock();
        let mut world = self.environment.world();
        let from = match self.local.ip().is_unspecified() {
            true => SocketAddr::new(self.environment.home, self.local.port()),
            false => self.local,
        };
        let address = VirtualEnvironment::inbox_for(&world.datagrams, to);
        let World { datagrams, links, ladder, sent, .. } = &mut *world;
        let mut note = |fate| ladder.note(now - self.environment.born, (from, to), bytes, fate);
        let Some(inbox) = address.and_then(|address| datagrams.get_mut(&address)) else { return note(Fate::Nowhere) };
        match links.get_mut(&(from.ip(), to.ip())) {
            None => {
                note(Fate::Arrives);
                inbox.queue.push_back((from, bytes.to_vec()));
            }
            Some(link) => {
                let arrivals = link.pass(now.into_std(), bytes.len());
                note(match arrivals.len() {
                    0 => Fate::Lost,
                    1 => Fate::Arrives,
                    _ => Fate::Doubled,
                });
                for at in arrivals {
                    *sent += 1;
                    inbox.on_the_way.insert((at.into(), *sent), (from, bytes.to_vec()));
                }
            }
        }
        inbox.reader.take().into_iter().for_each(Waker::wake);
    }
}

impl Drop for VirtualSocket {
    fn drop(&mut self) {
        self.environment.world().datagrams.remove(&self.local);
    }
}

impl DatagramSocket for VirtualSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = self.environment.clock();
        let mut world = self.environment.world();
        let Some(inbox) = world.datagrams.get_mut(&self.local) else { return Poll::Ready(Ok(())) };
        let next = inbox.arrive(now);
        if !inbox.queue.is_empty() {
            return Poll::Ready(Ok(()));
        }
        inbox.reader = Some(cx.waker().clone());
        inbox.alarm = next.map(|at| Box::pin(tokio::time::sleep_until(at)));
        if let Some(alarm) = &mut inbox.alarm
            && alarm.as_mut().poll(cx).is_ready()
        {
            // it arrives at this very moment
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (from, bytes) = self.take().ok_or(ErrorKind::WouldBlock)?;
        let length = bytes.len().min(buffer.len());
        buffer.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        Ok((length, from))
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.put(bytes, to);
        Ok(())
    }

    fn exchange(self: Arc<Self>) -> Box<dyn Exchange> {
        Box::new(OneByOne::new(self))
    }
}

impl MediaSocket for VirtualSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8])) {
        while let Some((from, bytes)) = self.take() {
            take(from, &bytes);
        }
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) {
        self.put(bytes, to);
    }
}

struct VirtualListener {
    environment: VirtualEnvironment,
    local: SocketAddr,
}

impl StreamListener for VirtualListener {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>> {
        let mut world = self.environment.world();
        match world.listeners.get_mut(&self.local) {
            Some(arrivals) => arrivals.poll_accept(cx),
            None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        self.environment.world().listeners.remove(&self.local);
    }
}

struct VirtualLocalListener {
    environment: VirtualEnvironment,
    path: PathBuf,
}

impl LocalListener for VirtualLocalListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxStream>> {
        let mut world = self.environment.world();
        match world.local.get_mut(&self.path) {
            Some(arrivals) => arrivals.poll_accept(cx),
            None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

impl Drop for VirtualLocalListener {
    fn drop(&mut self) {
        self.environment.world().local.remove(&self.path);
    }
}
