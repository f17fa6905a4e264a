//! The line of a caller: its SIP as datagrams or as a stream, its media, and what has come and was not looked at yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringpost::engine::environment::{BoxStream, Environment, MediaSocket, StreamListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};

use super::persistence::Persistence;
use super::{Caller, PATIENCE};
use crate::rtp::Media;
use crate::sip::Sip;
use crate::world::World;

/// What the clock of the world moves.
pub struct Line {
    pub way: Way,
    pub media: Media,
    pub responses: VecDeque<Sip>,
    pub requests: VecDeque<Sip>,
    /// `None`: the link loses nothing.
    pub persistence: Option<Persistence>,
}

/// How SIP gets to the node and back.
pub enum Way {
    Datagrams { socket: Box<dyn MediaSocket>, node: SocketAddr },
    Stream { writer: WriteHalf<BoxStream>, received: Rc<RefCell<Vec<u8>>>, segment: usize },
}

impl Caller {
    /// Our connection is gone, and we with it for all that SIP can tell.
    pub fn disconnect(&mut self) {
        self.line.borrow_mut().way.close(&self.world);
        let socket = self.world.environment().bind_media(SocketAddr::new(self.local.ip(), 9)).expect("a socket");
        self.line.borrow_mut().way = Way::Datagrams { socket, node: self.world.node() };
        self.world.run(Duration::from_millis(5));
    }

    /// Takes the next connection the node opens to our Contact.
    pub fn accept_from(&mut self, listener: &mut dyn StreamListener) {
        let mut accepted = None;
        self.world.clone().wait(PATIENCE, || {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(arrived) = listener.poll_accept(&mut context) {
                accepted = Some(arrived.expect("a connection").0);
            }
            accepted.is_some()
        });
        let stream = accepted.expect("the node opens a connection to our Contact");
        self.line.borrow_mut().way = Way::over(&self.world, stream, usize::MAX);
        self.world.run(Duration::from_millis(5));
    }

    /// Our signalling address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Our connection is lost, and we open another.
    pub fn reconnect(&mut self) {
        self.line.borrow_mut().way.close(&self.world);
        self.world.run(Duration::from_millis(5));
        let local = SocketAddr::new(self.local.ip(), self.local.port() + 1);
        let way = Way::stream(&self.world, local, self.world.node(), usize::MAX);
        self.line.borrow_mut().way = way;
    }
}

impl Line {
    pub fn new(way: Way, media: Media) -> Line {
        Line { way, media, responses: VecDeque::new(), requests: VecDeque::new(), persistence: None }
    }

    pub fn transmit(&mut self, now: Duration) {
        self.media.transmit(now);
        let due = self.persistence.as_mut().map(|persistence| persistence.due(now)).unwrap_or_default();
        due.iter().for_each(|octets| self.way.send_datagram(octets));
    }

    pub fn receive(&mut self, now: Duration) {
        for message in self.way.receive() {
            let known = self.persistence.as_mut().map(|persistence| persistence.received(&message));
            let (again, answer) = known.unwrap_or_default();
            answer.iter().for_each(|octets| self.way.send_datagram(octets));
            if again {
                continue;
            }
            match message.status() {
                Some(_) => self.responses.push_back(message),
                None => self.requests.push_back(message),
            }
        }
        self.media.receive(now);
    }
}

impl Way {
    pub fn datagrams(world: &World, local: SocketAddr, node: SocketAddr) -> Way {
        Way::Datagrams { socket: world.environment().bind_media(local).expect("a SIP socket"), node }
    }

    /// A connection over which so many octets are sent at once.
    pub fn stream(world: &World, local: SocketAddr, node: SocketAddr, segment: usize) -> Way {
        let stream = world.environment().connect_from(local, node).expect("the node listens");
        Way::over(world, Box::new(stream), segment)
    }

    fn over(world: &World, stream: BoxStream, segment: usize) -> Way {
        let (mut reader, writer) = tokio::io::split(stream);
        let received = Rc::new(RefCell::new(Vec::new()));
        let inbox = received.clone();
        world.block_on(async {
            actix_rt::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = reader.read(&mut buffer).await {
                    inbox.borrow_mut().extend(&buffer[..length]);
                }
            });
        });
        Way::Stream { writer, received, segment }
    }

    /// From now on the same socket, or a new connection, leads there.
    pub fn turn_to(&mut self, world: &World, here: IpAddr, there: SocketAddr) {
        match self {
            Way::Datagrams { node, .. } => *node = there,
            Way::Stream { segment, .. } => {
                let segment = *segment;
                let local = SocketAddr::new(here, 29_000 + (world.number() % 1_000) as u16);
                self.close(world);
                *self = Way::stream(world, local, there, segment);
            }
        }
    }

    fn close(&mut self, world: &World) {
        if let Way::Stream { writer, .. } = self {
            world.block_on(async { writer.shutdown().await }).expect("the connection is open");
        }
    }

    pub fn send(&mut self, world: &World, bytes: &[u8]) {
        match self {
            Way::Datagrams { socket, node } => socket.send(bytes, *node),
            Way::Stream { writer, segment, .. } => {
                for segment in bytes.chunks(*segment) {
                    world.block_on(async {
                        writer.write_all(segment).await.expect("the node reads");
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    });
                }
            }
        }
    }

    fn send_datagram(&mut self, octets: &[u8]) {
        match self {
            Way::Datagrams { socket, node } => socket.send(octets, *node),
            Way::Stream { .. } => panic!("nothing is lost on a connection"),
        }
    }

    fn receive(&mut self) -> Vec<Sip> {
        let mut messages = Vec::new();
        match self {
            Way::Datagrams { socket, .. } => socket.receive(&mut |_, bytes| messages.push(Sip::parse(bytes))),
            Way::Stream { received, .. } => messages.extend(whole_messages(&mut received.borrow_mut())),
        }
        messages
    }
}

/// Takes the messages that are complete out of what a stream has brought.
pub fn whole_messages(received: &mut Vec<u8>) -> Vec<Sip> {
    let mut messages = Vec::new();
    while let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") {
        let length: usize = Sip::parse(&received[..head + 4]).get("Content-Length").parse().expect("a length");
        if received.len() < head + 4 + length {
            break;
        }
        messages.push(Sip::parse(&received.drain(..head + 4 + length).collect::<Vec<u8>>()));
    }
    messages
}
