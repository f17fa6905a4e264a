//! One UM IP gateway, or another server: asked by OPTIONS whether it lives.
//! Knows: how a question becomes a request of the endpoint. Must not: decide when to ask, or what an answer says.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::prelude::*;

use super::alarm::Alarm;
use super::call_router::ListeningState;
use super::dialog::DialogEvent;
use super::sip_endpoint::{Forget, Join, Outgoing, SipEndpoint};
use crate::engine::Environment;
use crate::peers::{self, Asker, Command, Event, Health, PeerName, Question, Target, Verdict};
use crate::protocol::sip::endpoint::{self, ClientTransaction, DialogKey, NoResponseCause};
use crate::protocol::sip::{Flow, Transport};
use crate::routing::Role;

/// What every peer of a node shares.
#[derive(Clone)]
pub struct Means {
    pub environment: Arc<dyn Environment>,
    pub endpoint: Addr<SipEndpoint>,
    /// The sockets of the endpoint.
    pub sockets: Vec<SocketAddr>,
    /// Value of User-Agent.
    pub server: String,
    /// Where calls are taken, which may change.
    pub listening: ListeningState,
}

impl Means {
    /// Who asks, with the port that takes calls at this moment.
    pub fn asker(&self) -> Asker {
        let taken_at = [Role::Router, Role::Service].iter().find_map(|role| self.listening.address(*role));
        Asker { server: self.server.clone(), port: taken_at.map_or(0, |at| at.port()) }
    }
}

pub struct GatewayPeer {
    means: Means,
    name: PeerName,
    health: Health,
    commands: Vec<Command>,
    watcher: Recipient<PeerChanged>,
    key: Option<DialogKey>,
    alarm: Alarm,
}

/// A peer is up or down, and was not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeerChanged {
    pub name: PeerName,
    pub verdict: Verdict,
    /// Who says so.
    pub peer: Addr<GatewayPeer>,
}

/// The directory has it no more, or has changed it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave;

impl GatewayPeer {
    pub fn new(means: Means, name: PeerName, health: Health, watcher: Recipient<PeerChanged>) -> GatewayPeer {
        GatewayPeer { means, name, health, commands: Vec::new(), watcher, key: None, alarm: Alarm::default() }
    }

    fn step(&mut self, event: Event, ctx: &mut Context<Self>) {
        let now = self.means.environment.now();
        let mut commands = std::mem::take(&mut self.commands);
        self.health.on_event(now, event, &mut commands);
        for command in commands.drain(..) {
            match command {
                Command::Ask { question, target } => self.ask(question, target, ctx),
                Command::Changed(verdict) => {
                    self.watcher.do_send(PeerChanged { name: self.name.clone(), verdict, peer: ctx.address() });
                }
            }
        }
        self.commands = commands;
        self.alarm.no_later_than(ctx, now, Some(self.health.deadline()), |peer, ctx| {
            peer.alarm.rang();
            peer.step(Event::Tick, ctx);
        });
    }

    fn ask(&mut self, question: Question, target: Target, ctx: &mut Context<Self>) {
        let (Some(dialog), Some(flow)) = (self.key, self.flow(target)) else {
            let why = "there is no way to it from here".to_owned();
            return ctx.notify(Came(Event::NoAnswer { question, why }));
        };
        let environment = &self.means.environment;
        let (call_id, tag) = (environment.random_u64(), environment.random_u64());
        let call_id = format!("{call_id:016x}@{}", flow.local.ip());
        let request = peers::options(&self.means.asker(), target, flow.local.ip(), &call_id, &format!("{tag:016x}"));
        let client = ClientTransaction(question.0);
        let next_hop = target.uri();
        self.means.endpoint.do_send(Outgoing(endpoint::Event::Request { client, dialog, request, next_hop, flow }));
    }

    /// From the socket of the target's IP version; over a stream the port is where we take requests.
    fn flow(&self, Target { address, transport }: Target) -> Option<Flow> {
        let Means { environment, sockets, .. } = &self.means;
        let socket = sockets.iter().find(|socket| socket.is_ipv4() == address.is_ipv4())?;
        let ip = match socket.ip().is_unspecified() {
            true => environment.address_towards(address.ip()).ok()?,
            false => socket.ip(),
        };
        let port = if transport == Transport::Udp { socket.port() } else { self.means.asker().port };
        Some(Flow { transport, local: SocketAddr::new(ip, port), remote: address, connection: None })
    }
}

impl Actor for GatewayPeer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let joined = self.means.endpoint.send(Join(ctx.address().recipient())).into_actor(self);
        ctx.wait(joined.map(|key, peer, ctx| {
            peer.key = key.ok();
            peer.step(Event::Tick, ctx);
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.key.into_iter().for_each(|key| self.means.endpoint.do_send(Forget(key)));
    }
}

/// What became of a question.
#[derive(Message)]
#[rtype(result = "()")]
struct Came(Event);

impl Handler<Came> for GatewayPeer {
    type Result = ();

    fn handle(&mut self, Came(event): Came, ctx: &mut Self::Context) {
        self.step(event, ctx);
    }
}

impl Handler<DialogEvent> for GatewayPeer {
    type Result = ();

    fn handle(&mut self, event: DialogEvent, ctx: &mut Self::Context) {
        let event = match event {
            DialogEvent::Response { client, response } if !response.status.is_provisional() => {
                Event::Answered { question: Question(client.0), status: response.status }
            }
            DialogEvent::NoResponse { client, cause } => {
                let why = match cause {
                    NoResponseCause::Timeout => "no answer",
                    NoResponseCause::Transport => "cannot be connected to",
                };
                Event::NoAnswer { question: Question(client.0), why: why.to_owned() }
            }
            // no dialog ever comes of OPTIONS
            _ => return,
        };
        self.step(event, ctx);
    }
}

impl Handler<Leave> for GatewayPeer {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
