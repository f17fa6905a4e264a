//! One stream connection: frames in, octets out, closed when idle or broken.
//! Knows: the stream, framing, keep-alive. Must not: know transactions.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;

use crate::actors::sip_endpoint::{ConnectionClosed, Received, SipEndpoint, Unreadable};
use crate::actors::wiretap::Wiretap;
use crate::engine::environment::BoxStream;
use crate::protocol::sip::framing::{Frame, Framer, Limits, PONG};
use crate::protocol::sip::screen::unreadable;
use crate::protocol::sip::{ConnectionId, Flow, Message, Transport};

/// Messages that may wait for a peer that does not read; then the connection is broken off.
const WRITE_QUEUE: usize = 1024;
const READ_BUFFER: usize = 16 << 10;

/// One accepted or opened stream connection.
pub struct Connection {
    flow: Flow,
    endpoint: Addr<SipEndpoint>,
    stream: Option<BoxStream>,
    tap: Wiretap,
    writer: Option<mpsc::Sender<Vec<u8>>>,
    idle_timeout: Duration,
}

/// Octets for the peer, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Write(pub Vec<u8>);

/// The end of a stream, for whatever reason it came.
#[derive(Message)]
#[rtype(result = "()")]
struct Broken;

impl Connection {
    /// Starts the actor; the connection's number is unique in this process.
    pub fn start(
        stream: BoxStream,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        endpoint: Addr<SipEndpoint>,
        idle_timeout: Duration,
        tap: Wiretap,
    ) -> (ConnectionId, Addr<Connection>) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
        let flow = Flow { transport, local, remote, connection: Some(id) };
        let connection = Connection { flow, endpoint, stream: Some(stream), tap, writer: None, idle_timeout };
        (id, Actor::start(connection))
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(stream) = self.stream.take() else { return };
        let (reader, writer) = split(stream);
        let (sender, queue) = mpsc::channel(WRITE_QUEUE);
        self.writer = Some(sender.clone());
        let reading = read(reader, self.flow, self.endpoint.clone(), sender, self.idle_timeout, self.tap.clone());
        ctx.spawn(reading.into_actor(self).map(|(), _, ctx| ctx.notify(Broken)));
        ctx.spawn(write(writer, queue).into_actor(self).map(|(), _, ctx| ctx.notify(Broken)));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.endpoint.do_send(ConnectionClosed { flow: self.flow });
    }
}

impl Handler<Write> for Connection {
    type Result = ();

    fn handle(&mut self, Write(bytes): Write, ctx: &mut Self::Context) {
        self.tap.sent(&bytes, self.flow);
        let queued = self.writer.as_ref().is_some_and(|writer| writer.try_send(bytes).is_ok());
        if !queued {
            tracing::warn!(remote = %self.flow.remote, "peer does not read its connection: closed");
            ctx.stop();
        }
    }
}

impl Handler<Broken> for Connection {
    type Result = ();

    fn handle(&mut self, _: Broken, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

async fn read(
    mut stream: ReadHalf<BoxStream>,
    flow: Flow,
    endpoint: Addr<SipEndpoint>,
    writer: mpsc::Sender<Vec<u8>>,
    idle_timeout: Duration,
    tap: Wiretap,
) {
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let length = match tokio::time::timeout(idle_timeout, stream.read(&mut buffer)).await {
            Ok(Ok(0)) | Err(_) => return,
            Ok(Err(error)) => return tracing::debug!(remote = %flow.remote, %error, "connection broken"),
            Ok(Ok(length)) => length,
        };
        framer.push(buffer.get(..length).unwrap_or_default());
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Ping) => drop(writer.try_send(PONG.to_vec())),
                Ok(Frame::Message(bytes)) => {
                    tap.received(&bytes, flow);
                    match Message::parse(&bytes) {
                        Ok(message) => endpoint.do_send(Received { message, flow }),
                        Err(error) => {
                            tracing::debug!(remote = %flow.remote, %error, "message on a stream cannot be read");
                            if let Some(response) = unreadable(&bytes, &error) {
                                endpoint.do_send(Unreadable { response, flow });
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(remote = %flow.remote, %error, "stream cannot be framed: closed");
                    if let Some(response) = error.response() {
                        // the connection closes either way; the peer may be gone already
                        let _ = writer.try_send(response.to_bytes());
                    }
                    return;
                }
            }
        }
    }
}

async fn write(mut stream: WriteHalf<BoxStream>, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}
