//! What a router knows when a message arrives.
//! Knows: the directory, this node's own services, the other servers. Must not: change while a message is looked at.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Here, Role};
use crate::directory::{Directory, GatewayAddress, HostName, IpGateway};

/// The port of a UM service for which the directory has no entry.
const UM_SERVICE_PORT: u16 = 5062;

/// What decisions are made by: replaced as a whole when anything of it changes.
#[derive(Debug, Clone)]
pub struct View {
    pub directory: Arc<Directory>,
    /// The name of this server.
    pub node: String,
    /// For Server headers.
    pub server: String,
    /// What peers of its IP version are told to send to; for others, and when not set, the address they sent to.
    pub advertised: Option<IpAddr>,
    /// Why the call router takes no calls; `None`: it does.
    pub router_refuses: Option<String>,
    /// This node's own UM service; `None`: it has none.
    pub home: Option<Home>,
    /// The UM services of other servers.
    pub servers: Vec<Server>,
    /// Test calls under way.
    pub tests: Vec<OwnCall>,
    /// Makes tags that nobody can guess, and the same for every copy of a request.
    pub seed: u64,
}

/// This node's own UM service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Where it listens.
    pub service_port: u16,
    /// Where the worker that takes new calls listens; `None`: there is none at this moment.
    pub worker_port: Option<u16>,
    /// Where workers listen that only finish their calls.
    pub draining_ports: Vec<u16>,
    /// Why it takes no new calls (component state); `None`: it does.
    pub refuses: Option<String>,
    /// MaxCallsAllowed is reached: the sentence that says so.
    pub full: Option<String>,
}

/// The UM service of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub name: HostName,
    pub place: Place,
    /// Whether its last OPTIONS probe was answered; true until the first has ended.
    pub up: bool,
}

/// A call of this server to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCall {
    /// The user it is for: a secret, for this one call.
    pub user: String,
    /// Where this server's UM service and workers can be called from here.
    pub at: IpAddr,
}

/// Where calls of a server are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub host: GatewayAddress,
    pub port: u16,
}

impl View {
    /// The other servers a directory has; those that `before` knew keep what their probes said.
    pub fn servers_of(directory: &Directory, node: &str, before: &[Server]) -> Vec<Server> {
        let others = directory.services().iter().filter(|service| !service.name.is(node));
        let server = |service: &Arc<crate::directory::Service>| {
            let place = Place {
                host: service.address.clone().unwrap_or_else(|| GatewayAddress::Host(service.name.clone())),
                port: service.port.unwrap_or(UM_SERVICE_PORT),
            };
            // what another place did not answer says nothing of this one, nor does it of one that is not asked any more
            let is_asked = directory.addresses_of(&place.host).iter().next().is_some();
            let known = before.iter().find(|server| server.name == service.name && server.place == place);
            let up = known.filter(|_| is_asked).is_none_or(|server| server.up);
            Server { name: service.name.clone(), place, up }
        };
        others.map(server).collect()
    }

    /// The organisation of a new generation.
    pub fn use_directory(&mut self, directory: Arc<Directory>) {
        self.servers = View::servers_of(&directory, &self.node, &self.servers);
        self.directory = directory;
    }

    /// The gateway that sends from there.
    pub fn gateway(&self, peer: SocketAddr) -> Option<&Arc<IpGateway>> {
        self.directory.gateway_of(peer.ip(), peer.port())
    }

    /// What a part of this server understands calls by.
    pub(super) fn here(&self, role: Role) -> Here<'_> {
        Here { directory: &self.directory, node: &self.node, role }
    }

    pub(super) fn is_own(&self, server: &HostName) -> bool {
        server.is(&self.node)
    }

    /// Where calls of a server go to that the directory may have no entry for.
    pub(super) fn place_of(&self, server: &HostName) -> (Place, bool) {
        match self.servers.iter().find(|known| known.name == *server) {
            Some(known) => (known.place.clone(), known.up),
            None => (Place { host: GatewayAddress::Host(server.clone()), port: UM_SERVICE_PORT }, true),
        }
    }
}
