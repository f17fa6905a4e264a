//! The links of the service to its workers: who greets, what each tells, what is written to it.
//! Knows: connections, the words of the link. Must not: decide what becomes of a worker; it tells the service.

use std::future::poll_fn;

use actix::prelude::*;
use tokio::sync::mpsc;

use super::{Link, UmService};
use crate::actors::call_events::CallEvent;
use crate::actors::delivery::{self, Look};
use crate::engine::environment::{BoxStream, LocalListener};
use crate::link::supervision::Event;
use crate::link::{self, Beat, LinkError, Reader, ToNode, ToWorker, WorkerId, Writer};
use crate::metrics::RefusedBy;

/// Somebody connected to the link.
#[derive(Message)]
#[rtype(result = "()")]
struct Connected(BoxStream);

/// A worker spoke, or its link broke.
#[derive(Message)]
#[rtype(result = "()")]
struct Heard {
    worker: WorkerId,
    connection: u64,
    message: Result<ToNode, LinkError>,
}

/// A worker's first words.
#[derive(Message)]
#[rtype(result = "()")]
struct Greeted {
    hello: ToNode,
    reader: Reader<BoxStream>,
    writer: Writer<BoxStream>,
}

impl UmService {
    fn hear(&mut self, worker: WorkerId, message: ToNode, ctx: &mut Context<Self>) {
        match message {
            ToNode::Beat(beat) => {
                let answers = beat.answers;
                self.count_refusals(&worker, &beat);
                self.step(Event::Beat { worker: worker.clone(), beat }, ctx);
                self.share_limits();
                self.answered(&worker, answers);
            }
            ToNode::Ready { port, listeners } => {
                self.listeners.insert(worker.clone(), listeners);
                self.step(Event::Ready { worker, port }, ctx);
            }
            ToNode::CannotStart { reason } => self.step(Event::CannotStart { worker, reason }, ctx),
            ToNode::MessageReady { id, mailbox } => self.delivery.do_send(delivery::Finished { id, mailbox }),
            ToNode::MessagesReady => self.delivery.do_send(Look),
            ToNode::Tested { token, outcome } => self.tested(&token, *outcome),
            ToNode::Drained => tracing::info!(worker = worker.0, "UM worker has finished"),
            ToNode::Hello { .. } => {}
            event @ (ToNode::CallStarted(_)
            | ToNode::CallAnswered { .. }
            | ToNode::CallEnded { .. }
            | ToNode::Traced { .. }) => {
                if let ToNode::CallEnded { sequence, record } = &event {
                    // told until it is taken, in order: what was counted is not counted again
                    let counted = self.counted.entry(worker.clone()).or_default();
                    if *sequence > *counted {
                        *counted = *sequence;
                        self.metrics.call_ended(record);
                    }
                }
                self.calls.do_send(CallEvent { worker, event });
            }
        }
    }

    /// Adds what a worker has refused since its last beat; what it had before its first one, another node counted.
    fn count_refusals(&mut self, worker: &WorkerId, beat: &Beat) {
        let now = (beat.refused.clone(), beat.refused_not_recorded);
        let Some((before, not_recorded)) = self.refusals.insert(worker.clone(), now) else { return };
        for (status, calls) in &beat.refused {
            let new = calls.saturating_sub(before.get(status).copied().unwrap_or(0));
            if new > 0 {
                self.metrics.calls_refused(RefusedBy::UmWorker, *status, new);
            }
        }
        self.metrics.refused_not_recorded(RefusedBy::UmWorker, beat.refused_not_recorded.saturating_sub(not_recorded));
    }
}

impl Handler<Connected> for UmService {
    type Result = ();

    fn handle(&mut self, Connected(stream): Connected, ctx: &mut Self::Context) {
        ctx.spawn(greet(stream, ctx.address()).into_actor(self));
    }
}

impl Handler<Greeted> for UmService {
    type Result = ();

    fn handle(&mut self, Greeted { hello, reader, writer }: Greeted, ctx: &mut Self::Context) {
        let ToNode::Hello { worker, pid, version, build, port, generation, draining, age } = hello else { return };
        tracing::debug!(worker = worker.0, pid, version, port, generation, "UM worker greets");
        self.last_connection += 1;
        let connection = self.last_connection;
        let (down, messages) = mpsc::unbounded_channel();
        self.links.insert(worker.clone(), Link { connection, down, limit: (0, 0) });
        ctx.spawn(write(writer, messages).into_actor(self));
        ctx.spawn(read(reader, worker.clone(), connection, ctx.address()).into_actor(self));
        self.step(Event::Hello { worker, pid, port, draining, age, build }, ctx);
    }
}

impl Handler<Heard> for UmService {
    type Result = ();

    fn handle(&mut self, Heard { worker, connection, message }: Heard, ctx: &mut Self::Context) {
        if self.links.get(&worker).is_none_or(|link| link.connection != connection) {
            return;
        }
        match message {
            Ok(message) => self.hear(worker, message, ctx),
            Err(error) => {
                tracing::debug!(worker = worker.0, %error, "link to a worker");
                self.links.remove(&worker);
                self.answered(&worker, u64::MAX);
                self.forget_tests_of(&worker);
                self.step(Event::LinkLost { worker }, ctx);
                self.look(ctx);
            }
        }
    }
}

/// Takes workers that connect, until that cannot be done any more.
pub(super) async fn accept(mut listener: Box<dyn LocalListener>, service: Addr<UmService>) -> std::io::Error {
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(stream) => service.do_send(Connected(stream)),
            Err(error) => return error,
        }
    }
}

async fn greet(stream: BoxStream, service: Addr<UmService>) {
    let (mut reader, writer) = link::split(stream);
    match reader.next().await {
        Ok(hello @ ToNode::Hello { .. }) => service.do_send(Greeted { hello, reader, writer }),
        Ok(_) => tracing::warn!("somebody on the workers' socket does not greet"),
        Err(error) => tracing::debug!(%error, "somebody on the workers' socket is no worker"),
    }
}

async fn write(mut writer: Writer<BoxStream>, mut messages: mpsc::UnboundedReceiver<ToWorker>) {
    while let Some(message) = messages.recv().await {
        if let Err(error) = writer.send(&message).await {
            // the reader sees it too, and says so
            tracing::debug!(%error, "message to a worker not sent");
            return;
        }
    }
}

async fn read(mut reader: Reader<BoxStream>, worker: WorkerId, connection: u64, service: Addr<UmService>) {
    loop {
        let message = reader.next().await;
        let broken = message.is_err();
        if service.send(Heard { worker: worker.clone(), connection, message }).await.is_err() || broken {
            return;
        }
    }
}
