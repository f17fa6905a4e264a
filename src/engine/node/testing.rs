//! Test calls of a node: to itself, or through a gateway to a number (Exchange's Test-UMConnectivity).
//! Knows: where calls are taken, how a gateway is reached. Must not: carry a call; a worker does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Node;
use crate::actors::call_router::ExpectTests;
use crate::actors::peers::GetTarget;
use crate::actors::um_service::PlaceTest;
use crate::apps::connectivity::USUAL_KEYS;
use crate::protocol::sip::uri::escape;
use crate::records::test_call::{TestOrder, TestOutcome};
use crate::routing::{OwnCall, Role};

/// Unless another time is asked for.
const TIMEOUT: Duration = Duration::from_secs(60);
/// By custom (RFC 3261 19.1.2).
const TLS_PORT: u16 = 5061;

/// What a test call is to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestTarget {
    /// This node's call router, and from there its UM service and worker.
    CallRouter,
    UmService,
    /// A number behind a UM IP gateway.
    Gateway {
        name: String,
        phone: String,
    },
    /// A SIP URI, through the front-end pool of this server (SIPAccessService).
    FrontEnd {
        uri: String,
    },
}

impl Node {
    /// Places a test call and waits for its end. `from`: the caller's SIP URI; `keys`: those whose tones are sent.
    ///
    /// # Errors
    /// It cannot be placed at all, in a sentence.
    pub async fn test(
        &self,
        target: TestTarget,
        from: Option<String>,
        keys: Option<String>,
        timeout: Option<Duration>,
    ) -> Result<TestOutcome, String> {
        let service = self.service.as_ref().ok_or("this node has no UM service, whose workers place test calls")?;
        let token =
            format!("ringpost-test-{:016x}{:016x}", self.environment.random_u64(), self.environment.random_u64());
        let outside = matches!(target, TestTarget::Gateway { .. } | TestTarget::FrontEnd { .. });
        let own_uri = |at: SocketAddr| format!("sip:{token}@{at};transport=udp");
        let home = self.own_address(Role::Service).ok_or("this node has no UM service")?;
        let (uri, route) = match target {
            TestTarget::CallRouter => {
                (own_uri(self.own_address(Role::Router).ok_or("this node has no call router")?), None)
            }
            TestTarget::UmService => (own_uri(home), None),
            TestTarget::FrontEnd { uri } => (uri, Some(self.front_end()?)),
            TestTarget::Gateway { name, phone } => {
                let target = self.peers.send(GetTarget(name)).await;
                let target = target.map_err(|_| "who knows the gateways does not answer".to_owned())??;
                let transport = target.transport.as_str().to_ascii_lowercase();
                (format!("sip:{}@{};transport={transport}", escape(&phone), target.address), None)
            }
        };
        let order = TestOrder {
            token: token.clone(),
            target: uri,
            route,
            from: from.unwrap_or_else(|| format!("sip:ringpost-test@{}", self.node)),
            keys: keys.unwrap_or_else(|| USUAL_KEYS.to_owned()),
            outside,
            timeout: timeout.unwrap_or(TIMEOUT),
        };
        let expected = OwnCall { user: token.clone(), at: home.ip() };
        // before the call goes out, so that the router knows it
        self.expect_tests(|tests| tests.push(expected)).await;
        let outcome = service.send(PlaceTest(order)).await;
        self.expect_tests(|tests| tests.retain(|known| known.user != token)).await;
        outcome.map_err(|_| "the UM service does not answer".to_owned())
    }

    async fn expect_tests(&self, change: impl FnOnce(&mut Vec<OwnCall>)) {
        let tests = {
            let mut tests = self.tests.borrow_mut();
            change(&mut tests);
            tests.clone()
        };
        // a router that does not answer is a problem of the status, and the test will show it
        let _ = self.router.send(ExpectTests(tests)).await;
    }

    /// The front-end pool of this server, as a route. Pools speak SIP over TCP.
    fn front_end(&self) -> Result<String, String> {
        let directory = self.directory();
        let pool = directory.service_of(&self.node).and_then(|service| service.sip_access_service.as_ref());
        let pool = pool.ok_or("this server has no sip_access_service, through which SIP addresses are called")?;
        if pool.port == TLS_PORT {
            return Err(format!("{pool} is a port for TLS, which is not built yet"));
        }
        let address = directory.addresses_of(&pool.host).first();
        let address = address.ok_or_else(|| format!("{} has no address in the DNS", pool.host))?;
        Ok(format!("sip:{};transport=tcp;lr", SocketAddr::new(*address, pool.port)))
    }

    /// Where this node itself takes calls in a role, as an address that can be called from here.
    fn own_address(&self, role: Role) -> Option<SocketAddr> {
        let at = self.redirectors.address(role)?;
        let loopback = match at.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let own = || self.environment.address_towards(loopback).unwrap_or(loopback);
        Some(SocketAddr::new(if at.ip().is_unspecified() { own() } else { at.ip() }, at.port()))
    }
}
