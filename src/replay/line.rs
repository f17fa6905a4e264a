//! The way messages go: a datagram socket, or connections.
//! Knows: sockets of the environment, framing. Must not: know what a message says.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use crate::engine::Environment;
use crate::engine::environment::{BoxStream, DatagramSocket, MAX_DATAGRAM, StreamListener};
use crate::protocol::sip::framing::{Frame, Framer, Limits, PONG};

/// So many messages are taken before time is looked at again.
const BATCH: usize = 64;
const READ: usize = 16 << 10;

/// What has come by a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    Message(String, SocketAddr),
    /// The only connection is closed.
    Closed,
}

pub enum Line {
    Datagrams { socket: Arc<dyn DatagramSocket>, buffer: Vec<u8> },
    Connections(Connections),
}

/// Connections by who is at their other end.
pub struct Connections {
    local: SocketAddr,
    listener: Option<Box<dyn StreamListener>>,
    writers: HashMap<SocketAddr, mpsc::UnboundedSender<Vec<u8>>>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    arrive: mpsc::UnboundedSender<Arrival>,
}

impl Line {
    pub fn datagrams(environment: &dyn Environment, local: SocketAddr) -> io::Result<Line> {
        Ok(Line::Datagrams { socket: environment.bind_datagram(local)?, buffer: vec![0; MAX_DATAGRAM] })
    }

    /// One connection, to `remote`.
    pub async fn connection(environment: &dyn Environment, remote: SocketAddr) -> io::Result<Line> {
        let (stream, local) = environment.connect(remote).await?;
        let mut connections = Connections::new(local, None);
        connections.add(stream, remote);
        Ok(Line::Connections(connections))
    }

    /// Whatever connects to `local`.
    pub fn listener(environment: &dyn Environment, local: SocketAddr) -> io::Result<Line> {
        let listener = environment.listen(local)?;
        Ok(Line::Connections(Connections::new(listener.local(), Some(listener))))
    }

    pub fn local(&self) -> SocketAddr {
        match self {
            Line::Datagrams { socket, .. } => socket.local(),
            Line::Connections(connections) => connections.local,
        }
    }

    /// What waits already, at most a batch; whether there may be more.
    pub fn take(&mut self, mut take: impl FnMut(Arrival)) -> bool {
        match self {
            Line::Datagrams { socket, buffer } => {
                for _ in 0..BATCH {
                    // an error is "nothing more", or the report of a datagram that found nobody
                    let Ok((length, from)) = socket.try_receive(buffer) else { return false };
                    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                    take(Arrival::Message(text.into_owned(), from));
                }
            }
            Line::Connections(connections) => {
                for _ in 0..BATCH {
                    let Ok(arrival) = connections.arrivals.try_recv() else { return false };
                    take(arrival);
                }
            }
        }
        true
    }

    /// Waits until something has come, and gives back what the waiting itself took.
    pub async fn readable(&mut self) -> Option<Arrival> {
        match self {
            Line::Datagrams { socket, .. } => {
                // a socket that fails is one that says so when it is read
                let _ = poll_fn(|cx| socket.poll_readable(cx)).await;
                None
            }
            Line::Connections(connections) => loop {
                let Connections { listener, arrivals, .. } = connections;
                let accepted = async {
                    match listener {
                        Some(listener) => poll_fn(|cx| listener.poll_accept(cx)).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    arrival = arrivals.recv() => return arrival,
                    accepted = accepted => {
                        if let Ok((stream, from)) = accepted {
                            connections.add(stream, from);
                        }
                    }
                }
            },
        }
    }

    /// Sends, or says why it cannot.
    pub fn send(&mut self, bytes: &[u8], to: SocketAddr) -> Result<(), String> {
        match self {
            Line::Datagrams { socket, .. } => socket.send(bytes, to).map_err(|error| error.to_string()),
            Line::Connections(connections) => match connections.writers.get(&to) {
                Some(writer) => writer.send(bytes.to_vec()).map_err(|_| format!("the connection to {to} is closed")),
                None => Err(format!("there is no connection to {to}")),
            },
        }
    }
}

impl Connections {
    fn new(local: SocketAddr, listener: Option<Box<dyn StreamListener>>) -> Connections {
        let (arrive, arrivals) = mpsc::unbounded_channel();
        Connections { local, listener, writers: HashMap::new(), arrivals, arrive }
    }

    fn add(&mut self, stream: BoxStream, peer: SocketAddr) {
        let (reader, writer) = tokio::io::split(stream);
        let (write, written) = mpsc::unbounded_channel();
        tokio::spawn(write_all(writer, written));
        // a connection among many may close without a word
        let is_only = self.listener.is_none();
        tokio::spawn(read_all(reader, peer, self.arrive.clone(), write.clone(), is_only));
        self.writers.insert(peer, write);
    }
}

async fn write_all(mut writer: WriteHalf<BoxStream>, mut messages: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = messages.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            // the reader sees the connection close
            return;
        }
    }
}

async fn read_all(
    mut reader: ReadHalf<BoxStream>,
    peer: SocketAddr,
    arrive: mpsc::UnboundedSender<Arrival>,
    write: mpsc::UnboundedSender<Vec<u8>>,
    is_only: bool,
) {
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; READ];
    while let Ok(length @ 1..) = reader.read(&mut buffer).await {
        framer.push(buffer.get(..length).unwrap_or_default());
        while let Some(frame) = framer.next() {
            // who asks has gone, if nobody takes it
            let _ = match frame {
                Ok(Frame::Message(message)) => {
                    let text = String::from_utf8_lossy(&message).into_owned();
                    arrive.send(Arrival::Message(text, peer)).map_err(|_| ())
                }
                Ok(Frame::Ping) => write.send(PONG.to_vec()).map_err(|_| ()),
                Err(_) => return closed(&arrive, is_only),
            };
        }
    }
    closed(&arrive, is_only);
}

fn closed(arrive: &mpsc::UnboundedSender<Arrival>, is_only: bool) {
    if is_only {
        // who asks has gone, if nobody takes it
        let _ = arrive.send(Arrival::Closed);
    }
}
