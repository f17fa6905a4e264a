//! Connections along which messages are sent on: those of gateways that follow no redirect, and of UM services.
//! Knows: which peer each connection leads to. Must not: keep anything of a message that was sent on.
//!
//! A connection is served by `stream` until the first message on it has to be sent on; from then on it may be written to
//! by what comes along others, and is served here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::stream::last_words;
use super::{Counted, Published};
use crate::engine::Environment;
use crate::engine::environment::BoxStream;
use crate::protocol::sip::framing::{Frame, Framer, Limits, PONG};
use crate::protocol::sip::{Flow, Transport};
use crate::routing::{Answer, Onward, Role, answer, undelivered};

/// Messages that may wait for a peer that does not read; more are lost.
const QUEUE: usize = 1024;
const READ_BUFFER: usize = 16 << 10;
/// A server that does not take a connection within so long is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);

/// The connections of one listening socket, by who is at the far end.
pub(super) struct Relay {
    pub environment: Arc<dyn Environment>,
    pub role: Role,
    pub published: Published,
    pub counted: Counted,
    pub idle_timeout: Duration,
    /// Where is listened.
    pub bound: SocketAddr,
    pub connections: RefCell<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>,
}

/// What is to be written to one peer.
pub(super) struct Queue {
    peer: SocketAddr,
    writer: mpsc::Sender<Vec<u8>>,
    waiting: mpsc::Receiver<Vec<u8>>,
}

impl Relay {
    /// From now on what is for this peer waits here.
    pub fn enter(&self, peer: SocketAddr) -> Queue {
        let (writer, waiting) = mpsc::channel(QUEUE);
        self.connections.borrow_mut().insert(peer, writer.clone());
        Queue { peer, writer, waiting }
    }

    fn leave(&self, queue: &Queue) {
        let mut connections = self.connections.borrow_mut();
        // a newer one may have its place
        if connections.get(&queue.peer).is_some_and(|writer| writer.same_channel(&queue.writer)) {
            connections.remove(&queue.peer);
        }
    }

    /// Our address as this peer sees it; it does not change while a connection lasts.
    pub fn local_towards(&self, peer: SocketAddr) -> SocketAddr {
        match self.bound.ip().is_unspecified() {
            true => {
                let ip = self.environment.address_towards(peer.ip()).unwrap_or(self.bound.ip());
                SocketAddr::new(ip, self.bound.port())
            }
            false => self.bound,
        }
    }

    /// Writes a message to where it goes; opens a connection where there is none.
    pub fn send(self: &Rc<Self>, onward: &Onward, message: &[u8]) {
        let along = onward.along.and_then(|peer| self.connections.borrow().get(&peer).cloned());
        match along {
            Some(writer) => write_later(&writer, onward.along.unwrap_or(onward.to), message),
            None => self.send_to(onward.to, message),
        }
        onward.also.iter().for_each(|to| self.send_to(*to, message));
    }

    fn send_to(self: &Rc<Self>, to: SocketAddr, message: &[u8]) {
        let known = self.connections.borrow().get(&to).cloned();
        if let Some(writer) = known {
            return write_later(&writer, to, message);
        }
        let queue = self.enter(to);
        write_later(&queue.writer, to, message);
        let relay = self.clone();
        actix_rt::spawn(async move {
            let opened = timeout(CONNECT_WITHIN, relay.environment.connect(to)).await;
            match opened {
                Ok(Ok((stream, _))) => relay.carry(stream, Framer::new(Limits::default()), queue).await,
                Ok(Err(error)) => relay.give_back(queue, &error.to_string()),
                Err(_) => relay.give_back(queue, "no answer"),
            }
        });
    }

    /// Nobody is there: who sent the messages is told.
    fn give_back(self: &Rc<Self>, mut queue: Queue, error: &str) {
        tracing::warn!(remote = %queue.peer, error, "SIP connection cannot be opened: its calls are refused");
        self.leave(&queue);
        let flow = self.flow(queue.peer);
        let mut out = Vec::new();
        while let Ok(message) = queue.waiting.try_recv() {
            if let Answer::Forward(onward) = undelivered(&self.published.load(), &message, flow, &mut out) {
                self.send(&onward, &out);
            }
        }
    }

    fn flow(&self, remote: SocketAddr) -> Flow {
        Flow { transport: Transport::Tcp, local: self.local_towards(remote), remote, connection: None }
    }

    /// Serves a connection until it ends. `framer` may hold what has come of the next message.
    pub async fn carry(self: Rc<Self>, stream: BoxStream, framer: Framer, mut queue: Queue) {
        let (reader, writer) = split(stream);
        let flow = self.flow(queue.peer);
        tokio::select! {
            () = self.read(reader, framer, flow, &queue.writer) => {}
            () = self.write(writer, &mut queue.waiting) => {}
        }
        self.leave(&queue);
    }

    async fn read(
        self: &Rc<Self>,
        mut stream: ReadHalf<BoxStream>,
        mut framer: Framer,
        flow: Flow,
        writer: &mpsc::Sender<Vec<u8>>,
    ) {
        let mut buffer = vec![0; READ_BUFFER];
        let mut out = Vec::new();
        loop {
            while let Some(frame) = framer.next() {
                match frame {
                    Ok(Frame::Ping) => write_later(writer, flow.remote, PONG),
                    Ok(Frame::Message(bytes)) => self.take(&bytes, flow, writer, &mut out),
                    Err(error) => {
                        tracing::warn!(remote = %flow.remote, %error, "stream cannot be framed: closed");
                        write_later(writer, flow.remote, &last_words(&error));
                        return;
                    }
                }
            }
            let length = match timeout(self.idle_timeout, stream.read(&mut buffer)).await {
                Ok(Ok(length)) if length > 0 => length,
                _ => return,
            };
            framer.push(buffer.get(..length).unwrap_or_default());
        }
    }

    fn take(self: &Rc<Self>, bytes: &[u8], flow: Flow, writer: &mpsc::Sender<Vec<u8>>, out: &mut Vec<u8>) {
        let view = self.published.load();
        let answer = answer(&view, self.role, bytes, flow, out);
        self.counted.note(&view, bytes, flow, &answer, out);
        match answer {
            Answer::Nothing => {}
            Answer::Forward(onward) => self.send(&onward, out),
            Answer::Respond(_) | Answer::Refuse(..) => write_later(writer, flow.remote, out),
        }
    }

    async fn write(&self, mut stream: WriteHalf<BoxStream>, waiting: &mut mpsc::Receiver<Vec<u8>>) {
        while let Some(bytes) = waiting.recv().await {
            let written = async {
                stream.write_all(&bytes).await?;
                stream.flush().await
            };
            // a peer that does not read for so long is gone
            if !matches!(timeout(self.idle_timeout, written).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

fn write_later(writer: &mpsc::Sender<Vec<u8>>, peer: SocketAddr, message: &[u8]) {
    if writer.try_send(message.to_vec()).is_err() {
        tracing::warn!(%peer, "peer does not read its connection: a message for it is lost");
    }
}
