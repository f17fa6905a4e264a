//! Opens and closes the addresses of call router and UM service, as configuration and organisation say.
//! Knows: which redirectors run, and where. Must not: look at a message; keep a call from ending.
//!
//! An address that is given up is closed when the calls are over that may still go by it: a router that sends calls on
//! (gateways with `redirect = false`) stays on their way until the end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;

use super::{CallRouter, Means, Redirector, ServiceMoved, StreamRedirector};
use crate::actors::calls::{Calls, GetActiveCalls};
use crate::actors::config_poller::NewGeneration;
use crate::directory::{Directory, StartupMode};
use crate::routing::{Role, redirecting_addresses};

/// An address that could not be opened is tried again, and one that is given up looked at, so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Copies of what was answered may come for so long (64*T1, RFC 3261 17.1.1.2).
const STRAGGLERS: jiff::SignedDuration = jiff::SignedDuration::from_secs(32);

/// Where is listened, for whoever shows it.
#[derive(Clone, Default)]
pub struct ListeningState(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    open: Vec<Open>,
    fault: Option<String>,
}

/// Gives the redirectors their addresses.
pub struct Listening {
    means: Means,
    configured: Vec<(Role, SocketAddr)>,
    node: String,
    directory: Arc<Directory>,
    state: ListeningState,
    router: Addr<CallRouter>,
    calls: Addr<Calls>,
}

/// One address.
struct Open {
    role: Role,
    /// As it was asked for: its port may be 0.
    wanted: SocketAddr,
    /// As it is.
    local: SocketAddr,
    datagram: Addr<Redirector>,
    stream: Addr<StreamRedirector>,
    /// Given up, at this time.
    leaving: Option<jiff::Timestamp>,
}

/// Closes what it listens on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// Why the addresses that are wanted are not listened on.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    #[error("{0}")]
    Nowhere(String),
    #[error(transparent)]
    CannotListen(#[from] CannotListen),
}

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {transport} {address}: {error}")]
pub struct CannotListen {
    pub transport: &'static str,
    pub address: SocketAddr,
    pub error: std::io::Error,
}

impl ListeningState {
    /// Where is listened, as `udp 127.0.0.1:5060`.
    pub fn listeners(&self) -> Vec<String> {
        let shown = self.shown();
        let of = |transport| shown.open.iter().map(move |open| format!("{transport} {}", open.local));
        of("udp").chain(of("tcp")).collect()
    }

    /// The first address of a role that is not given up.
    pub fn address(&self, role: Role) -> Option<SocketAddr> {
        let shown = self.shown();
        let open = shown.open.iter().find(|open| open.role == role && open.leaving.is_none());
        open.map(|open| open.local)
    }

    /// What is wrong with it.
    pub fn problems(&self) -> Vec<String> {
        let shown = self.shown();
        let dead = shown.open.iter().flat_map(|open| {
            let deaf = !open.datagram.connected();
            let closed = !open.stream.connected();
            let deaf = deaf.then(|| format!("nothing is received on udp {} any more", open.local));
            deaf.into_iter().chain(closed.then(|| format!("no connections are taken on tcp {} any more", open.local)))
        });
        dead.chain(shown.fault.clone()).collect()
    }

    /// Every redirector lives.
    pub fn is_alive(&self) -> bool {
        self.shown().open.iter().all(|open| open.datagram.connected() && open.stream.connected())
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn start(means: &Means, role: Role, wanted: SocketAddr) -> Result<Open, CannotListen> {
        let failed = |transport| move |error| CannotListen { transport, address: wanted, error };
        let socket = means.environment.bind_datagram(wanted).map_err(failed("UDP"))?;
        let listener = means.environment.listen(wanted).map_err(failed("TCP"))?;
        let local = socket.local();
        let (datagram, stream) = (means.redirector(role, socket), means.stream_redirector(role, listener));
        let (datagram, stream) = (means.place.start(|_| datagram), means.place.start(|_| stream));
        Ok(Open { role, wanted, local, datagram, stream, leaving: None })
    }

    fn is(&self, role: Role, wanted: SocketAddr) -> bool {
        self.role == role && self.wanted == wanted
    }

    fn close(&self) {
        self.datagram.do_send(Close);
        self.stream.do_send(Close);
    }
}

impl Listening {
    /// Opens the addresses that the directory and `configured` ask for.
    ///
    /// # Errors
    /// One of them is not to be had; all are closed again.
    pub fn open(
        means: Means,
        configured: Vec<(Role, SocketAddr)>,
        node: String,
        directory: Arc<Directory>,
        (router, calls): (Addr<CallRouter>, Addr<Calls>),
    ) -> Result<(Listening, ListeningState), NotFollowed> {
        let state = ListeningState::default();
        let listening = Listening { means, configured, node, directory, state: state.clone(), router, calls };
        listening.follow()?;
        Ok((listening, state))
    }

    /// Opens what is wanted and not open, and gives up what is open and not wanted. All or nothing.
    fn follow(&self) -> Result<(), NotFollowed> {
        let wanted = redirecting_addresses(&self.configured, &self.directory, &self.node);
        let wanted = wanted.map_err(NotFollowed::Nowhere)?;
        let mut shown = self.state.shown();
        let mut opened = Vec::new();
        for (role, at) in &wanted {
            if !shown.open.iter().any(|open| open.is(*role, *at)) {
                match Open::start(&self.means, *role, *at) {
                    Ok(open) => opened.push(open),
                    Err(error) => {
                        opened.iter().for_each(Open::close);
                        return Err(error.into());
                    }
                }
            }
        }
        let now = self.means.environment.wall();
        for open in &mut shown.open {
            let is_wanted = wanted.iter().any(|(role, at)| open.is(*role, *at));
            if !is_wanted && open.leaving.is_none() {
                tracing::info!(address = %open.local, "not listened on any more once its calls are over");
            }
            open.leaving = if is_wanted { None } else { open.leaving.or(Some(now)) };
        }
        shown.open.extend(opened);
        let service = shown.open.iter().find(|open| open.role == Role::Service && open.leaving.is_none());
        if let Some(service) = service {
            self.router.do_send(ServiceMoved { port: service.local.port() });
        }
        Ok(())
    }

    fn try_to_follow(&self) {
        let fault = self.follow().err().map(|why| format!("the ports in force are the old ones: {why}"));
        let mut shown = self.state.shown();
        if let Some(fault) = fault.as_ref().filter(|fault| shown.fault.as_ref() != Some(fault)) {
            tracing::error!("ALARM: {fault}");
        }
        shown.fault = fault;
    }

    /// Of call router and UM service, as the organisation has it.
    fn startup_modes(&self) -> [(&'static str, Option<StartupMode>); 2] {
        let router = self.directory.call_router_of(&self.node).and_then(|entry| entry.um_startup_mode);
        let service = self.directory.service_of(&self.node).and_then(|entry| entry.um_startup_mode);
        [("call router", router), ("UM service", service)]
    }

    fn tell_of_tls(&self) {
        for (part, _) in self.startup_modes().iter().filter(|(_, mode)| *mode == Some(StartupMode::Dual)) {
            tracing::warn!("um_startup_mode of the {part} is Dual: TLS is not built yet, it listens without TLS only");
        }
    }

    /// Closes what was given up and has no calls any more; tries again what could not be opened.
    fn look(&self, ctx: &mut Context<Self>) {
        if self.state.shown().fault.is_some() {
            self.try_to_follow();
        }
        if self.state.shown().open.iter().any(|open| open.leaving.is_some()) {
            let calls = self.calls.send(GetActiveCalls).into_actor(self);
            ctx.spawn(calls.map(|calls, listening, _| {
                // who keeps the calls is gone, and that is a problem of its own
                let Ok(calls) = calls else { return };
                listening.close(calls.iter().map(|call| call.started).min());
            }));
        }
    }

    /// `since`: when the oldest call in progress began.
    fn close(&self, since: Option<jiff::Timestamp>) {
        let now = self.means.environment.wall();
        let over =
            |left: jiff::Timestamp| now.duration_since(left) >= STRAGGLERS && since.is_none_or(|since| since > left);
        for open in self.state.shown().open.extract_if(.., |open| open.leaving.is_some_and(over)) {
            tracing::info!(address = %open.local, "not listened on any more");
            open.close();
        }
    }
}

impl Actor for Listening {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tell_of_tls();
        ctx.run_interval(LOOK_EVERY, |listening, ctx| listening.look(ctx));
    }
}

impl Handler<NewGeneration> for Listening {
    type Result = ();

    fn handle(&mut self, NewGeneration { directory, .. }: NewGeneration, _: &mut Self::Context) {
        let before = self.startup_modes();
        self.directory = directory;
        if self.startup_modes() != before {
            self.tell_of_tls();
        }
        self.try_to_follow();
    }
}
