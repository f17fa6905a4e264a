//! Test calls of a node: to itself, or through a gateway to a number (Exchange's Test-UMConnectivity).
//! Knows: where calls are taken, how a gateway is reached. Must not: carry a call; a worker does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Engine;
use crate::actors::call_router::ExpectTests;
use crate::actors::peers::GetTarget;
use crate::actors::um_service::PlaceTest;
use crate::apps::connectivity::USUAL_KEYS;
use crate::protocol::sip::uri::escape;
use crate::records::test_call::{TestOrder, TestOutcome};
use crate::routing::{OwnCall, Role};

/// Unless another time is asked for.
const TIMEOUT: Duration = Duration::from_secs(60);

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
}

impl Engine {
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
        let through_gateway = matches!(target, TestTarget::Gateway { .. });
        let own_uri = |at: SocketAddr| format!("sip:{token}@{at};transport=udp");
        let home = self.own_address(Role::Service).ok_or("this node has no UM service")?;
        let uri = match target {
            TestTarget::CallRouter => own_uri(self.own_address(Role::Router).ok_or("this node has no call router")?),
            TestTarget::UmService => own_uri(home),
            TestTarget::Gateway { name, phone } => {
                let target = self.peers.send(GetTarget(name)).await;
                let target = target.map_err(|_| "who knows the gateways does not answer".to_owned())??;
                let transport = target.transport.as_str().to_ascii_lowercase();
                format!("sip:{}@{};transport={transport}", escape(&phone), target.address)
            }
        };
        let order = TestOrder {
            token: token.clone(),
            target: uri,
            from: from.unwrap_or_else(|| format!("sip:ringpost-test@{}", self.node)),
            keys: keys.unwrap_or_else(|| USUAL_KEYS.to_owned()),
            through_gateway,
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
