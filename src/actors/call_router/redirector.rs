//! One UDP socket of router or UM service: a datagram in, its answer out, in batches.
//! Knows: the socket and the view in force. Must not: keep anything of a message.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix::prelude::*;

use super::listening::Close;
use super::{Counted, Published};
use crate::directory::Directory;
use crate::engine::Environment;
use crate::engine::environment::DatagramSocket;
use crate::protocol::sip::message::is_keep_alive;
use crate::protocol::sip::{Flow, Transport};
use crate::routing::{Answer, Role, View, answer};

/// Answers on one socket for as long as it lives.
pub struct Redirector {
    socket: Arc<dyn DatagramSocket>,
    role: Role,
    published: Published,
    counted: Counted,
    ways: Option<Ways>,
}

impl Redirector {
    pub fn new(
        environment: Arc<dyn Environment>,
        socket: Arc<dyn DatagramSocket>,
        role: Role,
        published: Published,
        counted: Counted,
    ) -> Redirector {
        let ways = Some(Ways::new(environment, socket.local()));
        Redirector { socket, role, published, counted, ways }
    }
}

impl Actor for Redirector {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(ways) = self.ways.take() else { return };
        let serving = serve(self.socket.clone(), self.role, self.published.clone(), self.counted.clone(), ways);
        ctx.spawn(serving.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Handler<Close> for Redirector {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

async fn serve(socket: Arc<dyn DatagramSocket>, role: Role, published: Published, counted: Counted, mut ways: Ways) {
    let mut exchange = socket.clone().exchange();
    loop {
        if let Err(error) = poll_fn(|cx| socket.poll_readable(cx)).await {
            tracing::error!(local = %socket.local(), %error, "SIP socket cannot be read any more");
            return;
        }
        let view = published.load();
        let more = exchange.exchange(&mut |remote, bytes, out| {
            if is_keep_alive(bytes) {
                return None;
            }
            let flow =
                Flow { transport: Transport::Udp, local: ways.local(&view, remote.ip()), remote, connection: None };
            let answer = answer(&view, role, bytes, flow, out);
            counted.note(&view, bytes, flow, &answer, out);
            match answer {
                Answer::Nothing => None,
                Answer::Respond(to) | Answer::Refuse(to, _) => Some(to),
                Answer::Forward(onward) => {
                    // lost, as on any network
                    onward.also.iter().for_each(|to| drop(socket.send(out, *to)));
                    Some(onward.to)
                }
            }
        });
        drop(view);
        if more {
            // the Arbiter's other work gets its turn; with nothing left to read it gets it anyway
            tokio::task::yield_now().await;
        }
    }
}

/// Our own address on the way to each gateway and server, for sockets that are bound to every address. Not for
/// strangers, who are refused: it would be kept for nothing.
pub(super) struct Ways {
    environment: Arc<dyn Environment>,
    bound: SocketAddr,
    known: HashMap<IpAddr, IpAddr>,
    /// Every address that was our own on some way: what our own UM service and workers send from.
    own: Vec<IpAddr>,
    /// The directory whose gateways these are.
    of: Option<Arc<Directory>>,
}

impl Ways {
    pub fn new(environment: Arc<dyn Environment>, bound: SocketAddr) -> Ways {
        Ways { environment, bound, known: HashMap::new(), own: Vec::new(), of: None }
    }

    pub fn local(&mut self, view: &View, remote: IpAddr) -> SocketAddr {
        if !self.bound.ip().is_unspecified() {
            return self.bound;
        }
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &view.directory)) {
            self.known.clear();
            self.of = Some(view.directory.clone());
        }
        let address = self.known.get(&remote).copied().or_else(|| {
            if self.own.contains(&remote) {
                return Some(remote);
            }
            let known = view.directory.gateway_of(remote, 0).is_some() || view.directory.is_server(remote);
            let address = known.then(|| self.environment.address_towards(remote).ok())??;
            self.known.insert(remote, address);
            if !self.own.contains(&address) {
                self.own.push(address);
            }
            Some(address)
        });
        SocketAddr::new(address.unwrap_or(self.bound.ip()), self.bound.port())
    }
}
