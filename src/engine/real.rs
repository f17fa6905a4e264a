//! The machine's own network, disk, entropy and clock.
//! Knows: the operating system. Must not: know what is sent, or why.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::disk::{Disk, RealDisk};
use super::environment::{
    BoxFuture, BoxStream, DatagramSocket, Environment, Exchange, Found, LocalListener, MAX_DATAGRAM, MediaSocket,
    Reply, StreamListener,
};
use super::processes::Processes;
use super::real_processes::RealProcesses;
use super::resolver::Resolver;

/// Room for a burst of SIP requests while the Arbiter is busy with one of them.
const SIP_BUFFER: usize = 4 << 20;
/// Room for a second of packets, should a tick come late.
const MEDIA_BUFFER: usize = 64 << 10;
/// As many connections as may wait to be accepted.
const BACKLOG: u32 = 1024;

#[derive(Clone, Default)]
pub struct RealEnvironment {
    resolver: Resolver,
}

impl Environment for RealEnvironment {
    fn wall(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        // the call fails only where the kernel has no entropy source at all; nothing safe can be done then
        getrandom::fill(bytes).unwrap_or_else(|error| panic!("the operating system gives no random numbers: {error}"));
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    fn bind_datagram(&self, address: SocketAddr) -> io::Result<Arc<dyn DatagramSocket>> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // a kernel that caps the size gives what it allows
        socket.set_recv_buffer_size(SIP_BUFFER)?;
        socket.set_send_buffer_size(SIP_BUFFER)?;
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        let local = socket.local_addr()?;
        Ok(Arc::new(RealDatagramSocket { bound: Mutex::new(Some(socket)), served: OnceLock::new(), local }))
    }

    fn bind_media(&self, address: SocketAddr) -> io::Result<Box<dyn MediaSocket>> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(MEDIA_BUFFER)?;
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        let local = socket.local_addr()?;
        Ok(Box::new(RealMediaSocket { socket, local }))
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn StreamListener>> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // a restarted node must not wait for connections of its predecessor to be forgotten
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG as i32)?;
        let listener: std::net::TcpListener = socket.into();
        let local = listener.local_addr()?;
        Ok(Box::new(RealStreamListener { bound: Some(listener), served: None, local }))
    }

    fn connect(&self, remote: SocketAddr) -> BoxFuture<io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(remote).await?;
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            Ok((Box::new(stream) as BoxStream, local))
        })
    }

    fn listen_local(&self, path: &Path) -> io::Result<Box<dyn LocalListener>> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = tokio::net::UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Box::new(RealLocalListener { listener, path: path.to_owned() }))
    }

    fn connect_local(&self, path: &Path) -> BoxFuture<io::Result<BoxStream>> {
        let path = path.to_owned();
        Box::pin(async move { Ok(Box::new(tokio::net::UnixStream::connect(path).await?) as BoxStream) })
    }

    fn resolve(&self, host: &str) -> BoxFuture<io::Result<Found>> {
        let (resolver, host) = (self.resolver.clone(), host.to_owned());
        Box::pin(async move { resolver.find(&host).await })
    }

    fn processes(&self) -> Arc<dyn Processes> {
        Arc::new(RealProcesses)
    }

    fn address_towards(&self, remote: IpAddr) -> io::Result<IpAddr> {
        let any: IpAddr = match remote {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // connecting a datagram socket sends nothing: it only asks the routing table
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((remote, 9))?;
        Ok(socket.local_addr()?.ip())
    }

    /// The C library of GNU keeps it otherwise; others do not.
    fn give_back_memory(&self) {
        #[cfg(target_env = "gnu")]
        // SAFETY: the allocator may be asked at any time, by any thread; 0 octets are to stay
        unsafe {
            nix::libc::malloc_trim(0);
        }
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// Waits on the thread that asks first, whichever thread has opened it.
struct RealDatagramSocket {
    bound: Mutex<Option<UdpSocket>>,
    served: OnceLock<tokio::net::UdpSocket>,
    local: SocketAddr,
}

impl RealDatagramSocket {
    fn served(&self) -> io::Result<&tokio::net::UdpSocket> {
        if let Some(socket) = self.served.get() {
            return Ok(socket);
        }
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = bound.take() {
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            return Ok(self.served.get_or_init(|| socket));
        }
        // another thread was faster, or it could not be done
        self.served.get().ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl DatagramSocket for RealDatagramSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.served()?.poll_recv_ready(cx)
    }

    fn try_receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.served()?.try_recv_from(buffer)
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        // not by way of tokio, which thinks that a socket it has only just been given has no room
        let socket = SockRef::from(self.served()?);
        let to = to.into();
        match socket.send_to(bytes, &to) {
            Ok(_) => Ok(()),
            // an earlier datagram's ICMP error is reported on this one: it was not sent, so send it again
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => socket.send_to(bytes, &to).map(drop),
            Err(error) => Err(error),
        }
    }

    fn exchange(self: Arc<Self>) -> Box<dyn Exchange> {
        Box::new(RealExchange {
            socket: self,
            received: MultiHeaders::preallocate(SIP_BATCH, None),
            sent: MultiHeaders::preallocate(SIP_BATCH, None),
            buffers: (0..SIP_BATCH).map(|_| vec![0; MAX_DATAGRAM].into_boxed_slice()).collect(),
            answers: vec![(Vec::new(), None); SIP_BATCH],
        })
    }
}

/// SIP datagrams read, and answers sent, by one system call.
const SIP_BATCH: usize = 32;

/// Reads and answers a batch by two system calls.
struct RealExchange {
    socket: Arc<RealDatagramSocket>,
    received: MultiHeaders<SockaddrStorage>,
    sent: MultiHeaders<SockaddrStorage>,
    buffers: Vec<Box<[u8]>>,
    /// What is sent back, in order, and to whom.
    answers: Vec<(Vec<u8>, Option<SocketAddr>)>,
}

impl Exchange for RealExchange {
    fn exchange(&mut self, reply: Reply<'_>) -> bool {
        let RealExchange { socket, received, sent, buffers, answers } = self;
        // what could not be done with it, the wait for it tells
        let Ok(socket) = socket.served() else { return false };
        let fd = socket.as_raw_fd();
        let mut count = 0;
        // a batch that is not full has emptied the socket: tokio waits for the kernel's next word without asking again
        let read = || {
            let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let mut got = 0;
            let messages = recvmmsg(fd, received, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None);
            for message in messages.map_err(io::Error::from)? {
                got += 1;
                let (Some(from), Some(bytes)) = (message.address.and_then(socket_addr), message.iovs().next()) else {
                    continue;
                };
                let Some((answer, to)) = answers.get_mut(count) else { break };
                answer.clear();
                *to = reply(from, bytes, answer);
                count += usize::from(to.is_some());
            }
            if got < SIP_BATCH { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        };
        // an error is either "nothing more" or the report of an earlier datagram that found nobody
        let full = socket.try_io(tokio::io::Interest::READABLE, read).is_ok();
        let mut first = 0;
        while first < count {
            let waiting = answers.get(first..count).unwrap_or_default();
            let slices: Vec<_> = waiting.iter().map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
            let to: Vec<_> = waiting.iter().map(|(_, to)| to.map(SockaddrStorage::from)).collect();
            let went = sendmmsg(fd, sent, &slices, &to, [], MsgFlags::MSG_DONTWAIT).map(Iterator::count);
            // the first one that was not sent is lost, as on any network; the others get their turn
            first += went.unwrap_or(0).max(1);
        }
        full
    }
}

/// RTP of a telephone call is below 500 octets; anything near the size of an Ethernet frame is read whole.
const MAX_MEDIA_DATAGRAM: usize = 1600;
/// Datagrams read by one system call: a stream has one a tick, a burst a few.
const BATCH: usize = 4;
/// More batches than that in one tick are a flood; the rest waits for the next tick or is dropped by the kernel.
const MAX_BATCHES: usize = 4;

thread_local! {
    /// What the media sockets of a thread read into: one at a time needs it, so one a thread is enough. One for each
    /// kind of address: the room that the headers have for one is only as large as the last that was received.
    static RECEIVED_V4: RefCell<Received> = RefCell::default();
    static RECEIVED_V6: RefCell<Received> = RefCell::default();
}

struct Received {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; MAX_MEDIA_DATAGRAM]; BATCH]>,
}

impl Default for Received {
    fn default() -> Received {
        Received {
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: Box::new([[0; MAX_MEDIA_DATAGRAM]; BATCH]),
        }
    }
}

impl Received {
    /// Reads a batch from a socket; whether more may be waiting.
    fn read(&mut self, socket: &UdpSocket, take: &mut dyn FnMut(SocketAddr, &[u8])) -> bool {
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let flags = MsgFlags::MSG_DONTWAIT;
        match recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(messages) => {
                let mut count = 0;
                for message in messages {
                    count += 1;
                    if let (Some(from), Some(bytes)) = (message.address.and_then(socket_addr), message.iovs().next()) {
                        take(from, bytes);
                    }
                }
                count == BATCH
            }
            // a refused datagram of ours (peer gone) is reported here: not an error of receiving
            Err(Errno::ECONNREFUSED) => true,
            Err(_) => false,
        }
    }
}

fn socket_addr(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

struct RealMediaSocket {
    socket: UdpSocket,
    local: SocketAddr,
}

impl MediaSocket for RealMediaSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8])) {
        let received = if self.local.is_ipv4() { &RECEIVED_V4 } else { &RECEIVED_V6 };
        received.with_borrow_mut(|received| (0..MAX_BATCHES).all(|_| received.read(&self.socket, take)));
    }

    fn send(&mut self, bytes: &[u8], to: SocketAddr) {
        if let Err(error) = self.socket.send_to(bytes, to) {
            tracing::trace!(%to, %error, "media packet not sent");
        }
    }
}

/// Waits on the thread that asks, whichever thread has opened it.
struct RealStreamListener {
    bound: Option<std::net::TcpListener>,
    served: Option<tokio::net::TcpListener>,
    local: SocketAddr,
}

impl StreamListener for RealStreamListener {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>> {
        if let Some(listener) = self.bound.take() {
            self.served = Some(tokio::net::TcpListener::from_std(listener)?);
        }
        let listener = self.served.as_ref().ok_or(ErrorKind::NotConnected)?;
        listener.poll_accept(cx).map_ok(|(stream, remote)| {
            // best effort: without it a response may wait for the peer's delayed ACK
            let _ = stream.set_nodelay(true);
            (Box::new(stream) as BoxStream, remote)
        })
    }
}

struct RealLocalListener {
    listener: tokio::net::UnixListener,
    path: PathBuf,
}

impl LocalListener for RealLocalListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxStream>> {
        self.listener.poll_accept(cx).map_ok(|(stream, _)| Box::new(stream) as BoxStream)
    }
}

impl Drop for RealLocalListener {
    fn drop(&mut self) {
        // left behind, it would only be replaced at the next start
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_media_socket_reads_all_that_waits_and_knows_from_whom() {
        let environment = RealEnvironment::default();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let mut ours = environment.bind_media(address).unwrap();
            let mut theirs = environment.bind_media(address).unwrap();
            for number in 0..10u8 {
                theirs.send(&[number; 30], ours.local());
            }
            let mut got = Vec::new();
            ours.receive(&mut |from, bytes| got.push((from, bytes.to_vec())));
            let expected: Vec<_> = (0..10u8).map(|number| (theirs.local(), vec![number; 30])).collect();
            assert_eq!(got, expected);
        }
    }
}
