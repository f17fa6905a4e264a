//! One listening stream socket of router or UM service, and its connections.
//! Knows: streams, framing, the view in force. Must not: keep anything of a message that was answered.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listening::Close;
use super::relay::{Queue, Relay};
use super::{Counted, Published};
use crate::engine::Environment;
use crate::engine::environment::{BoxStream, StreamListener};
use crate::protocol::sip::framing::{Frame, FrameError, Framer, Limits, PONG};
use crate::protocol::sip::{Flow, Transport};
use crate::routing::{Answer, Role, answer};

/// Out of file descriptors: connections that end give some back; asking again at once would only burn CPU.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
const READ_BUFFER: usize = 16 << 10;

/// Accepts connections for as long as it lives. Those it has accepted end by themselves.
pub struct StreamRedirector {
    environment: Arc<dyn Environment>,
    listener: Option<Box<dyn StreamListener>>,
    role: Role,
    published: Published,
    idle_timeout: Duration,
    counted: Counted,
}

impl StreamRedirector {
    pub fn new(
        environment: Arc<dyn Environment>,
        listener: Box<dyn StreamListener>,
        role: Role,
        published: Published,
        idle_timeout: Duration,
        counted: Counted,
    ) -> StreamRedirector {
        StreamRedirector { environment, listener: Some(listener), role, published, idle_timeout, counted }
    }
}

impl Actor for StreamRedirector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(mut listener) = self.listener.take() else { return };
        let local = listener.local();
        let relay = Rc::new(Relay {
            environment: self.environment.clone(),
            role: self.role,
            published: self.published.clone(),
            counted: self.counted.clone(),
            idle_timeout: self.idle_timeout,
            bound: local,
            connections: Default::default(),
        });
        let accepting = async move {
            loop {
                match poll_fn(|cx| listener.poll_accept(cx)).await {
                    Ok((stream, remote)) => {
                        let local = relay.local_towards(remote);
                        let flow = Flow { transport: Transport::Tcp, local, remote, connection: None };
                        actix_rt::spawn(Connection { relay: relay.clone(), flow, queue: None }.serve(stream));
                    }
                    Err(error) => {
                        tracing::warn!(%local, %error, "connection not accepted");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                }
            }
        };
        ctx.spawn(accepting.into_actor(self));
    }
}

impl Handler<Close> for StreamRedirector {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// One accepted connection.
struct Connection {
    relay: Rc<Relay>,
    flow: Flow,
    /// A message was sent on: what comes back for this peer.
    queue: Option<Queue>,
}

impl Connection {
    async fn serve(mut self, mut stream: BoxStream) {
        let idle_timeout = self.relay.idle_timeout;
        let mut framer = Framer::new(Limits::default());
        let mut buffer = vec![0; READ_BUFFER];
        let (mut answers, mut scratch) = (Vec::new(), Vec::new());
        // looked at once in a while: a timer for every read would cost more than the read
        let mut idle = pin!(tokio::time::sleep(idle_timeout));
        let mut heard = false;
        loop {
            let length = tokio::select! {
                biased;
                read = stream.read(&mut buffer) => match read {
                    Ok(length) if length > 0 => length,
                    _ => return,
                },
                () = &mut idle => {
                    if !std::mem::take(&mut heard) {
                        return;
                    }
                    idle.set(tokio::time::sleep(idle_timeout));
                    continue;
                }
            };
            heard = true;
            framer.push(buffer.get(..length).unwrap_or_default());
            let broken = self.answer_all(&mut framer, &mut answers, &mut scratch);
            // a peer that does not read what it is answered is not read either
            let written = async {
                stream.write_all(&answers).await?;
                stream.flush().await
            };
            match tokio::time::timeout(idle_timeout, written).await {
                Ok(Ok(())) if !broken => answers.clear(),
                _ => return,
            }
            if let Some(queue) = self.queue.take() {
                return self.relay.carry(stream, framer, queue).await;
            }
        }
    }

    /// Answers every message that is whole, in one go: many may come in one segment. True: the stream is of no use
    /// any more.
    fn answer_all(&mut self, framer: &mut Framer, answers: &mut Vec<u8>, scratch: &mut Vec<u8>) -> bool {
        let Connection { relay, flow, queue } = self;
        let view = relay.published.load_full();
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Ping) => answers.extend_from_slice(PONG),
                Ok(Frame::Message(bytes)) => {
                    let answer = answer(&view, relay.role, &bytes, *flow, scratch);
                    relay.counted.note(&view, &bytes, *flow, &answer, scratch);
                    match answer {
                        Answer::Nothing => {}
                        Answer::Forward(onward) => {
                            // there before anything can come back
                            queue.get_or_insert_with(|| relay.enter(flow.remote));
                            relay.send(&onward, scratch);
                        }
                        Answer::Respond(_) | Answer::Refuse(..) => answers.extend_from_slice(scratch),
                    }
                }
                Err(error) => {
                    tracing::warn!(remote = %flow.remote, %error, "stream cannot be framed: closed");
                    answers.extend(last_words(&error));
                    return true;
                }
            }
        }
        false
    }
}

pub(super) fn last_words(error: &FrameError) -> Vec<u8> {
    error.response().map(|response| response.with_to_tag("unreadable").to_bytes()).unwrap_or_default()
}
