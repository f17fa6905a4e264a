//! A world in memory of which parts can be broken on demand, to see what a node does then.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use ringpost::engine::Processes;
use ringpost::engine::disk::Disk;
use ringpost::engine::environment::{
    BoxFuture, BoxStream, DatagramSocket, Environment, Exchange, Found, LocalListener, MediaSocket, OneByOne,
    StreamListener,
};
use ringpost::engine::virtual_::VirtualEnvironment;

/// What is broken from now on, and what the node asked for.
#[derive(Clone, Default)]
pub struct Damage(Arc<Parts>);

#[derive(Default)]
struct Parts {
    media: AtomicBool,
    reading: AtomicBool,
    sending: AtomicBool,
    routes_asked: AtomicUsize,
}

impl Damage {
    /// Whoever reads a media socket panics.
    pub fn media_panics(&self) {
        self.0.media.store(true, Ordering::Relaxed);
    }

    /// SIP datagram sockets report an error.
    pub fn sip_cannot_be_read(&self) {
        self.0.reading.store(true, Ordering::Relaxed);
    }

    /// Whoever sends a SIP datagram panics.
    pub fn sending_sip_panics(&self) {
        self.0.sending.store(true, Ordering::Relaxed);
    }

    /// How often the node asked for its address towards a peer.
    pub fn routes_asked(&self) -> usize {
        self.0.routes_asked.load(Ordering::Relaxed)
    }
}

pub struct Fragile {
    pub world: VirtualEnvironment,
    pub damage: Damage,
}

struct Socket<S> {
    inner: S,
    damage: Damage,
}

impl Environment for Fragile {
    fn wall(&self) -> jiff::Timestamp {
        self.world.wall()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.world.fill_random(bytes);
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.world.disk()
    }

    fn bind_datagram(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        Ok(Arc::new(Socket { inner: self.world.bind_datagram(address)?, damage: self.damage.clone() }))
    }

    fn bind_media(&self, address: SocketAddr) -> io::Result<Box<dyn MediaSocket>> {
        Ok(Box::new(Socket { inner: self.world.bind_media(address)?, damage: self.damage.clone() }))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn StreamListener>> {
        self.world.listen(address)
    }

    fn connect(&self, remote: SocketAddr) -> BoxFuture<io::Result<(BoxStream, SocketAddr)>> {
        self.world.connect(remote)
    }

    fn listen_local(&self, path: &Path) -> io::Result<Box<dyn LocalListener>> {
        self.world.listen_local(path)
    }

    fn connect_local(&self, path: &Path) -> BoxFuture<io::Result<BoxStream>> {
        self.world.connect_local(path)
    }

    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Found>> {
        self.world.resolve(host)
    }

    fn processes(&self) -> Arc<dyn Processes> {
        self.world.processes()
    }

    fn address_towards(&self, remote: IpAddr) -> io::Result<IpAddr> {
        self.damage.0.routes_asked.fetch_add(1, Ordering::Relaxed);
        self.world.address_towards(remote)
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.world.run_blocking(work);
    }
}

impl DatagramSocket for Socket<Arc<dyn DatagramSocket>> {
    fn local(&self) -> SocketAddr {
        self.inner.local()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.damage.0.reading.load(Ordering::Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            false => self.inner.poll_readable(cx),
        }
    }

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.try_receive(buffer)
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        assert!(!self.damage.0.sending.load(Ordering::Relaxed), "as the story wants it");
        self.inner.send(bytes, to)
    }

    fn exchange(self: Arc<Self>) -> Box<dyn Exchange> {
        Box::new(OneByOne::new(self))
    }
}

impl MediaSocket for Socket<Box<dyn MediaSocket>> {
    fn local(&self) -> SocketAddr {
        self.inner.local()
    }

    fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8])) {
        assert!(!self.damage.0.media.load(Ordering::Relaxed), "as the story wants it");
        self.inner.receive(take);
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) {
        self.inner.send(bytes, to);
    }
}
