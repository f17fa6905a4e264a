//! What a node may ask of the world, as one trait.
//! Knows: the shapes of sockets, streams, entropy and time. Must not: know SIP, RTP or mail.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::Disk;
use super::processes::Processes;
use crate::directory::Whereabouts;

/// The outside of a node: the machine ([`super::real::RealEnvironment`]) or a world in memory
/// ([`super::virtual_::VirtualEnvironment`]). Actors reach sockets, files, entropy and clocks through this only.
pub trait Environment: Send + Sync + 'static {
    /// The monotonic clock every timer runs by: tokio's, which a test can pause.
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The time of day.
    fn wall(&self) -> jiff::Timestamp;

    /// Fills with random octets: from the operating system, or from a seed.
    fn fill_random(&self, bytes: &mut [u8]);

    fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn disk(&self) -> Arc<dyn Disk>;

    /// A datagram socket that tells when it can be read (SIP over UDP).
    fn bind_datagram(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>>;

    /// A datagram socket that is polled by a clock (RTP, RTCP); never waited for.
    fn bind_media(&self, address: SocketAddr) -> io::Result<Box<dyn MediaSocket>>;

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn StreamListener>>;

    fn connect(&self, remote: SocketAddr) -> BoxFuture<io::Result<(BoxStream, SocketAddr)>>;

    /// Takes connections of other processes of this machine, by a path in the data folder.
    fn listen_local(&self, path: &Path) -> io::Result<Box<dyn LocalListener>>;

    fn connect_local(&self, path: &Path) -> BoxFuture<io::Result<BoxStream>>;

    /// Addresses of a host name, and where it speaks SIP (A, AAAA, SRV).
    ///
    /// # Errors
    /// Nothing is known of that name, or nobody answers who would know.
    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Found>>;

    fn processes(&self) -> Arc<dyn Processes>;

    /// The local address that datagrams to `remote` leave from: what we name in Contact and SDP.
    fn address_towards(&self, remote: IpAddr) -> io::Result<IpAddr>;

    /// Returns memory that is free to the system. May block.
    fn give_back_memory(&self) {}

    /// Runs work that may block where it holds up no call.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// Runs blocking work away from the Arbiters and hands back its result; `None` if the work panicked.
pub async fn blocking<T: Send + 'static>(
    environment: &dyn Environment,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    environment.run_blocking(Box::new(move || {
        // nobody waits any more: the result has no reader
        let _ = done.send(work());
    }));
    result.await.ok()
}

/// What the DNS says of a host name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub whereabouts: Whereabouts,
    /// For so long from now on.
    pub valid: Duration,
}

pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub trait DatagramSocket: Send + Sync {
    fn local(&self) -> SocketAddr;
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// `WouldBlock` when nothing waits; then [`Self::poll_readable`] tells when to come back.
    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    /// Sends or drops: a datagram that finds no room is lost, as on any network.
    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()>;
    /// The same socket for whoever answers datagram by datagram.
    fn exchange(self: Arc<Self>) -> Box<dyn Exchange>;
}

/// What is sent back for a datagram from an address: written into the buffer (which comes empty), for the address
/// given back. `None`: nothing.
pub type Reply<'r> = &'r mut dyn FnMut(SocketAddr, &[u8], &mut Vec<u8>) -> Option<SocketAddr>;

/// A datagram socket on which datagrams are answered, as many at a time as it can.
pub trait Exchange {
    /// Hands over what waits, at most a batch, and sends the answers; true when more may be waiting. When nothing
    /// waits, [`DatagramSocket::poll_readable`] tells when to come back.
    fn exchange(&mut self, reply: Reply<'_>) -> bool;
}

/// One datagram at a time, on any socket.
pub struct OneByOne {
    socket: Arc<dyn DatagramSocket>,
    received: Vec<u8>,
    answer: Vec<u8>,
}

/// The largest UDP payload.
pub const MAX_DATAGRAM: usize = 65_535;
/// After so many datagrams in a row the Arbiter's other work gets its turn.
const BURST: usize = 64;

impl OneByOne {
    pub fn new(socket: Arc<dyn DatagramSocket>) -> OneByOne {
        OneByOne { socket, received: vec![0; MAX_DATAGRAM], answer: Vec::new() }
    }
}

impl Exchange for OneByOne {
    fn exchange(&mut self, reply: Reply<'_>) -> bool {
        for _ in 0..BURST {
            // an error here is either "nothing more" or the report of an earlier datagram that found nobody
            let Ok((length, from)) = self.socket.try_receive(&mut self.received) else { return false };
            self.answer.clear();
            if let Some(to) = reply(from, self.received.get(..length).unwrap_or_default(), &mut self.answer) {
                // lost, as on any network
                let _ = self.socket.send(&self.answer, to);
            }
        }
        true
    }
}

pub trait MediaSocket: Send {
    fn local(&self) -> SocketAddr;
    /// Hands every datagram that waits to `take`.
    fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8]));
    /// Sends or drops, as [`DatagramSocket::send`].
    fn send(&mut self, bytes: &[u8], to: SocketAddr);
}

pub trait StreamListener: Send {
    fn local(&self) -> SocketAddr;
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>>;
}

pub trait LocalListener: Send {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxStream>>;
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub type BoxStream = Box<dyn Stream>;
