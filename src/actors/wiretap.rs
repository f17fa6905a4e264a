//! The tap on the SIP of this process: what belongs to a traced call is told, with time and addresses.
//! Knows: sockets' octets, which calls are traced. Must not: cost anything while none is, or hold a message up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix::prelude::*;

use super::call_events::CallHappened;
use crate::engine::Environment;
use crate::engine::environment::{DatagramSocket, Exchange, OneByOne};
use crate::protocol::sip::tap::{Most, Tap, Wanted, without_keys};
use crate::protocol::sip::{Flow, Transport};
use crate::records::trace::{TraceOrder, TracedMessage};
use crate::records::traces;

/// Longer than any call (MaxCallDuration is 120 minutes at most).
pub const LONGEST_CALL: Duration = Duration::from_secs(3 * 3600);
/// A redirect is over when its last copy has come (RFC 3261 17.1.1.2: 32 s).
pub const LONGEST_REDIRECT: Duration = Duration::from_secs(35);

/// A tap; clones are the same one. The default one is on nothing.
#[derive(Clone, Default)]
pub struct Wiretap(Option<Arc<Shared>>);

struct Shared {
    /// Anything is traced. While it is not, this is all that is looked at.
    on: AtomicBool,
    tap: Mutex<Tap>,
    environment: Arc<dyn Environment>,
    events: Recipient<CallHappened>,
}

impl Wiretap {
    /// `silence`: a call that sends nothing for so long is over.
    pub fn new(environment: Arc<dyn Environment>, events: Recipient<CallHappened>, silence: Duration) -> Wiretap {
        let most = Most { messages: traces::MESSAGES, octets: traces::OCTETS };
        let tap = Mutex::new(Tap::new(silence, most));
        Wiretap(Some(Arc::new(Shared { on: AtomicBool::new(false), tap, environment, events })))
    }

    /// Begins or ceases to trace.
    pub fn obey(&self, order: &TraceOrder) {
        self.change(|tap, shared| match order {
            TraceOrder::Call { call_identity, on: true } => tap.watch(shared.environment.now(), call_identity),
            TraceOrder::Call { call_identity, on: false } => tap.forget(call_identity),
            TraceOrder::Follow { call_identity } => tap.expect(shared.environment.now(), call_identity),
            TraceOrder::Next(next) => {
                let (from, number) = (next.from.clone(), next.number.clone());
                tap.want(Some(Wanted { calls: next.calls as usize, from, number }));
            }
            TraceOrder::NoMore => tap.want(None),
            TraceOrder::Nothing => tap.forget_all(),
        });
    }

    /// A call is over: it is let go when no copies of its messages can come any more.
    pub fn ended(&self, call_identity: &str) {
        if self.is_on() {
            self.change(|tap, shared| tap.ended(shared.environment.now(), call_identity));
        }
    }

    /// Lets go of calls that are over. To be called now and then.
    pub fn sweep(&self) {
        if self.is_on() {
            self.change(|tap, shared| tap.sweep(shared.environment.now()));
        }
    }

    pub fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.on.load(Ordering::Relaxed))
    }

    /// Octets that came.
    pub fn received(&self, bytes: &[u8], flow: Flow) {
        if self.is_on() {
            self.see(bytes, flow, false);
        }
    }

    /// Octets that go.
    pub fn sent(&self, bytes: &[u8], flow: Flow) {
        if self.is_on() {
            self.see(bytes, flow, true);
        }
    }

    /// A socket whose datagrams pass by the tap.
    pub fn on(&self, socket: Arc<dyn DatagramSocket>) -> Arc<dyn DatagramSocket> {
        Arc::new(TappedSocket { socket, tap: self.clone() })
    }

    fn see(&self, bytes: &[u8], flow: Flow, sent: bool) {
        let Some(shared) = &self.0 else { return };
        let now = shared.environment.now();
        let call_identity = {
            let mut tap = shared.tap.lock().unwrap_or_else(PoisonError::into_inner);
            match sent {
                true => tap.sent(now, bytes),
                false => tap.received(now, bytes, flow.remote.ip()),
            }
        };
        let Some(call_identity) = call_identity else { return };
        let mut local = flow.local;
        // a socket that is bound to every address, or behind another one that is advertised
        if (flow.transport == Transport::Udp || local.ip().is_unspecified())
            && let Ok(own) = shared.environment.address_towards(flow.remote.ip())
        {
            local.set_ip(own);
        }
        shared.events.do_send(CallHappened::Traced(TracedMessage {
            call_identity,
            at: shared.environment.wall(),
            sent,
            local,
            peer: flow.remote,
            stream: flow.transport != Transport::Udp,
            bytes: without_keys(bytes),
        }));
    }

    fn change(&self, change: impl FnOnce(&mut Tap, &Shared)) {
        let Some(shared) = &self.0 else { return };
        let mut tap = shared.tap.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut tap, shared);
        shared.on.store(!tap.is_idle(), Ordering::Relaxed);
    }
}

/// A datagram socket with a tap on it.
struct TappedSocket {
    socket: Arc<dyn DatagramSocket>,
    tap: Wiretap,
}

impl TappedSocket {
    fn flow(&self, remote: SocketAddr) -> Flow {
        Flow { transport: Transport::Udp, local: self.socket.local(), remote, connection: None }
    }
}

impl DatagramSocket for TappedSocket {
    fn local(&self) -> SocketAddr {
        self.socket.local()
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.socket.poll_readable(cx)
    }

    fn try_receive(&self, buffer: &mut [u8]) -> std::io::Result<(usize, SocketAddr)> {
        let (length, remote) = self.socket.try_receive(buffer)?;
        self.tap.received(buffer.get(..length).unwrap_or_default(), self.flow(remote));
        Ok((length, remote))
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> std::io::Result<()> {
        self.tap.sent(bytes, self.flow(to));
        self.socket.send(bytes, to)
    }

    fn exchange(self: Arc<Self>) -> Box<dyn Exchange> {
        Box::new(OneByOne::new(self))
    }
}
