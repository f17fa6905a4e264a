//! All peers that are asked whether they live: one [`GatewayPeer`] each, started and stopped as the directory says.
//! Knows: what each has found last. Must not: ask a peer itself, decide which there must be ([`crate::peers`] does).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use serde::Serialize;

use super::call_router::{CannotListen, ListeningState, ServerHealth};
use super::config_poller::NewGeneration;
use super::gateway_peer::{GatewayPeer, Leave, Means, PeerChanged};
use super::sip_endpoint::{Forget, Incoming, Outgoing, SipEndpoint, TakeCalls};
use super::transport::DatagramListener;
use crate::directory::{Directory, GatewayStatus, IpGateway, Name};
use crate::engine::{Environment, Place};
use crate::metrics::Metrics;
use crate::peers::{Health, Peer, PeerName, Target, Verdict, address_conflicts, watched};
use crate::protocol::sip::dialog::{Refusal, options_answer};
use crate::protocol::sip::endpoint::{Endpoint, Event, Identity};
use crate::protocol::sip::screen::screen;
use crate::protocol::sip::{Method, Status};

/// Exchange's numbers of the events.
const UNRESPONSIVE: u16 = 1400;
const ADDRESS_CONFLICT: u16 = 1175;

/// What peers are started with.
pub struct Beginning {
    pub environment: Arc<dyn Environment>,
    pub place: Place,
    /// Local addresses of the node.
    pub bind_addresses: Vec<IpAddr>,
    /// Where it takes calls.
    pub listening: ListeningState,
    /// Value of User-Agent.
    pub server: String,
    /// Name of this node: its own service is not asked.
    pub node: String,
    pub interval: Duration,
    pub stream_idle: Duration,
    pub directory: Arc<Directory>,
    pub metrics: Arc<Metrics>,
    pub router: Recipient<ServerHealth>,
}

pub struct Peers {
    means: Means,
    node: String,
    interval: Duration,
    metrics: Arc<Metrics>,
    router: Recipient<ServerHealth>,
    directory: Arc<Directory>,
    peers: BTreeMap<PeerName, Watched>,
    conflicts: BTreeMap<(IpAddr, u16), Vec<Name>>,
}

/// A peer that is asked.
struct Watched {
    peer: Peer,
    actor: Addr<GatewayPeer>,
    /// What is known of it, and since when.
    verdict: Option<(Verdict, jiff::Timestamp)>,
}

/// The UM IP gateways as this node sees them, in the order of the directory.
#[derive(Message)]
#[rtype(result = "Vec<GatewayState>")]
pub struct GetGateways;

/// Where a call through this gateway goes to: where it answers, or where it would first be asked.
#[derive(Message)]
#[rtype(result = "Result<Target, String>")]
pub struct GetTarget(pub String);

/// One gateway, for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayState {
    pub name: String,
    /// As the directory has it.
    pub address: String,
    pub port: u16,
    pub status: &'static str,
    /// `Up`, `Down`, `Asked` (no answer yet), `NotAsked`.
    pub state: &'static str,
    /// Since when it is up or down.
    pub since: Option<jiff::Timestamp>,
    /// Where it answers, or why it is down or not asked.
    pub detail: String,
}

impl Peers {
    /// Opens a socket for each address, and asks every peer of the directory.
    ///
    /// # Errors
    /// An address is not one of this machine.
    pub fn start(beginning: Beginning) -> Result<Addr<Peers>, CannotListen> {
        let Beginning { environment, place, server, .. } = beginning;
        let bind = |ip: &IpAddr| {
            let address = SocketAddr::new(*ip, 0);
            environment.bind_datagram(address).map_err(|error| CannotListen { transport: "UDP", address, error })
        };
        let sockets = beginning.bind_addresses.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let core = Endpoint::new(Identity::new(server.clone()), screen, environment.random_u64());
        let mut endpoint = SipEndpoint::new(environment.clone(), core, beginning.stream_idle);
        sockets.iter().for_each(|socket| endpoint.add_datagram(socket.clone()));
        let endpoint = place.start(|_| endpoint);
        let means = Means {
            environment,
            endpoint: endpoint.clone(),
            sockets: sockets.iter().map(|socket| socket.local()).collect(),
            server,
            listening: beginning.listening,
        };
        let peers = Peers {
            means,
            node: beginning.node,
            interval: beginning.interval,
            metrics: beginning.metrics,
            router: beginning.router,
            directory: beginning.directory,
            peers: BTreeMap::new(),
            conflicts: BTreeMap::new(),
        };
        let peers = place.start(|_| peers);
        endpoint.do_send(TakeCalls(peers.clone().recipient()));
        for socket in sockets {
            let endpoint = endpoint.clone();
            place.start(|_| DatagramListener { socket, endpoint });
        }
        Ok(peers)
    }

    /// Starts, restarts and stops peers until there are those of the directory.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        let wanted = watched(&self.directory, &self.node);
        self.peers.retain(|name, known| {
            let stays = wanted.get(name) == Some(&known.peer);
            if !stays {
                known.actor.do_send(Leave);
            }
            if !wanted.contains_key(name) {
                tracing::info!(event = "peer_left", "{name} is not asked any more");
            }
            stays
        });
        for (name, peer) in wanted {
            if !self.peers.contains_key(&name) {
                tracing::debug!(event = "peer_asked", address = peer.address, "{name} is asked whether it lives");
                let watched = self.begin(&name, peer, ctx);
                self.peers.insert(name, watched);
            }
        }
        self.look_for_conflicts();
    }

    fn begin(&self, name: &PeerName, peer: Peer, ctx: &mut Context<Self>) -> Watched {
        let environment = &self.means.environment;
        let health = Health::new(peer.targets.clone(), self.interval, environment.random_u64(), environment.now());
        let actor = GatewayPeer::new(self.means.clone(), name.clone(), health, ctx.address().recipient());
        Watched { peer, actor: actor.start(), verdict: None }
    }

    fn look_for_conflicts(&mut self) {
        let conflicts = address_conflicts(&self.directory);
        for ((address, port), gateways) in &conflicts {
            if self.conflicts.get(&(*address, *port)) == Some(gateways) {
                continue;
            }
            let names: Vec<_> = gateways.iter().map(|name| format!("\"{name}\"")).collect();
            let first = names.first().cloned().unwrap_or_default();
            tracing::error!(
                event = "gateway_address_conflict",
                event_id = ADDRESS_CONFLICT,
                %address,
                port,
                gateways = names.join(", "),
                "ALARM: UM IP gateways have one address: every call from there counts as one of {first}"
            );
        }
        self.conflicts = conflicts;
    }

    fn state(&self, gateway: &IpGateway) -> GatewayState {
        let known = self.peers.get(&PeerName::Gateway(gateway.name.to_string()));
        let (state, detail) = match known.map(|known| &known.verdict) {
            Some(Some((Verdict::Up(target), _))) => {
                ("Up", format!("answers on {} {}", target.transport.as_str(), target.address))
            }
            Some(Some((Verdict::Down(why), _))) => ("Down", why.clone()),
            Some(None) => ("Asked", String::new()),
            None if gateway.status == GatewayStatus::Disabled => ("NotAsked", "it is disabled".to_owned()),
            None => ("NotAsked", "no port to ask it on is configured (0)".to_owned()),
        };
        GatewayState {
            name: gateway.name.to_string(),
            address: gateway.address.to_string(),
            port: gateway.port,
            status: gateway.status.as_str(),
            state,
            since: known.and_then(|known| known.verdict.as_ref()).map(|(_, since)| *since),
            detail,
        }
    }
}

impl Actor for Peers {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.follow(ctx);
    }
}

impl Handler<NewGeneration> for Peers {
    type Result = ();

    fn handle(&mut self, NewGeneration { directory, .. }: NewGeneration, ctx: &mut Self::Context) {
        self.directory = directory;
        self.follow(ctx);
    }
}

impl Handler<PeerChanged> for Peers {
    type Result = ();

    fn handle(&mut self, PeerChanged { name, verdict, peer }: PeerChanged, _: &mut Self::Context) {
        // one that was told to leave may have had its last word on the way
        let Some(known) = self.peers.get_mut(&name).filter(|known| known.actor == peer) else { return };
        let known_before = known.verdict.is_some();
        let up = matches!(verdict, Verdict::Up(_));
        known.verdict = Some((verdict.clone(), self.means.environment.wall()));
        let address = &known.peer.address;
        match (&name, &verdict) {
            (PeerName::Gateway(gateway), Verdict::Down(why)) => tracing::error!(
                event = "gateway_unresponsive",
                event_id = UNRESPONSIVE,
                gateway,
                address,
                why,
                "ALARM: {name} does not answer OPTIONS"
            ),
            (PeerName::Server(server), Verdict::Down(why)) => {
                let what = "does not answer OPTIONS: it gets no calls that another server can take";
                tracing::error!(event = "server_unresponsive", %server, address, why, "ALARM: {name} {what}");
            }
            (_, Verdict::Up(_)) if known_before => {
                tracing::info!(event = "peer_answers_again", address, "{name} answers OPTIONS again");
            }
            (_, Verdict::Up(_)) => tracing::info!(event = "peer_answers", address, "{name} answers OPTIONS"),
        }
        match name {
            PeerName::Gateway(name) => self.metrics.gateway_changed(&name, up),
            PeerName::Server(server) => self.router.do_send(ServerHealth { server, up }),
        }
    }
}

impl Handler<GetGateways> for Peers {
    type Result = MessageResult<GetGateways>;

    fn handle(&mut self, _: GetGateways, _: &mut Self::Context) -> Self::Result {
        let gateways = self.directory.ip_gateways().iter();
        MessageResult(gateways.map(|gateway| self.state(gateway)).collect())
    }
}

impl Handler<GetTarget> for Peers {
    type Result = Result<Target, String>;

    fn handle(&mut self, GetTarget(name): GetTarget, _: &mut Self::Context) -> Self::Result {
        let mut gateways = self.directory.ip_gateways().iter();
        let gateway = gateways.find(|gateway| gateway.name.to_string().eq_ignore_ascii_case(&name));
        let gateway = gateway.ok_or_else(|| format!("there is no UM IP gateway \"{name}\""))?;
        let name = &gateway.name;
        if gateway.status != GatewayStatus::Enabled {
            return Err(format!("gateway \"{name}\" is {}", gateway.status.as_str()));
        }
        if !gateway.outcalls_allowed {
            return Err(format!("gateway \"{name}\" takes no calls of ours (OutcallsAllowed)"));
        }
        let known = self.peers.get(&PeerName::Gateway(name.to_string()));
        let found = known.and_then(|known| match &known.verdict {
            Some((Verdict::Up(target), _)) => Some(*target),
            _ => known.peer.targets.first().copied(),
        });
        found.ok_or_else(|| format!("gateway \"{name}\" has no address and port to call"))
    }
}

impl Handler<Incoming> for Peers {
    type Result = ();

    /// What comes to the sockets that peers are asked from: calls are taken elsewhere.
    fn handle(&mut self, Incoming { transaction, request, dialog, .. }: Incoming, _: &mut Self::Context) {
        let response = match request.method {
            Method::Options => options_answer(&request),
            _ => {
                let elsewhere = format!("calls are taken on port {}", self.means.asker().port);
                Refusal::new(Status::METHOD_NOT_ALLOWED, &elsewhere).response(&request)
            }
        };
        let endpoint = &self.means.endpoint;
        endpoint.do_send(Outgoing(Event::Respond { transaction, response }));
        dialog.into_iter().for_each(|key| endpoint.do_send(Forget(key)));
    }
}
