//! One scenario, with all that is needed to play it somewhere.
//! Knows: lines, setups, players. Must not: know who wants it played.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::crowd::{Crowd, Load};
use super::line::Line;
use super::partner::Partner;
use super::player::{Player, Terms};
use super::scenario::{Scenario, Side};
use super::setup::{FieldFile, Setup};
use super::sounds::Sounds;
use super::summary::Summary;
use crate::engine::{Engine, Environment, WORKER_PORT};
use crate::protocol::sip::Transport;

/// How a scenario is played.
#[derive(Debug, Clone)]
pub struct Case {
    pub transport: Transport,
    /// Its port may be 0.
    pub local: SocketAddr,
    /// Who is called; a scenario that is called has nobody.
    pub remote: Option<SocketAddr>,
    /// As it was named.
    pub remote_host: String,
    pub service: String,
    pub media_ip: IpAddr,
    pub media_port: u16,
    pub load: Load,
    pub fields: Vec<FieldFile>,
    /// Values of global variables.
    pub variables: BTreeMap<String, String>,
    pub retransmits: bool,
    pub receive_timeout: Option<Duration>,
    /// Stands for the process in Call-IDs and branches.
    pub process: u32,
    pub seed: u64,
}

/// Where a replay is in an engine's world.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6060);

impl Case {
    /// One call of a gateway at 127.0.0.1 to the pilot 5000, at the UM worker of an engine, over UDP.
    pub fn against(engine: &Engine) -> Case {
        let home = engine.beginning().home;
        Case {
            transport: Transport::Udp,
            local: PEER,
            remote: Some(SocketAddr::new(home, WORKER_PORT)),
            remote_host: home.to_string(),
            service: "5000".to_owned(),
            media_ip: PEER.ip(),
            media_port: 6000,
            load: Load { calls: 1, rate: 10.0, limit: None },
            fields: Vec::new(),
            variables: BTreeMap::new(),
            retransmits: true,
            receive_timeout: Some(Duration::from_secs(120)),
            process: 1,
            seed: engine.beginning().seed,
        }
    }

    /// Plays the text of a scenario against an engine; `read` reads the files it names.
    ///
    /// # Errors
    /// What is wrong with the scenario, line by line, or why it cannot begin.
    pub fn play_in(
        self,
        engine: &Engine,
        scenario: &str,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Summary, String> {
        engine.block_on(self.playing_in(engine, scenario, read)?)
    }

    /// The same beside something else: for scenarios that are called, by the node or by another scenario. Give it to
    /// [`Engine::block_on`] together with what calls.
    ///
    /// # Errors
    /// As of [`Case::play_in`].
    pub fn playing_in<R: Fn(&Path) -> io::Result<Vec<u8>>>(
        self,
        engine: &Engine,
        scenario: &str,
        read: R,
    ) -> Result<impl Future<Output = Result<Summary, String>> + use<R>, String> {
        let scenario = Scenario::read(scenario, self.variables.clone());
        let scenario =
            scenario.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        if let Some(step) = scenario.first_command() {
            return Err(format!("line {}: there is no scenario beside this one to talk to", step.line));
        }
        let sounds = Sounds::load(&scenario, read)?;
        let environment: Arc<dyn Environment> = Arc::new(engine.environment().at(self.local.ip()));
        Ok(async move {
            let terms = Terms {
                keep_ladders: true,
                run: None,
                note: &mut |_, _| {},
                failed: &mut |_| {},
                progress: &mut |_, _| {},
                stop: pin!(std::future::pending()),
            };
            self.play(environment, Rc::new(scenario), sounds, None, terms).await
        })
    }

    /// Plays a scenario until every call is over, beside another one if there is a partner.
    ///
    /// # Errors
    /// It cannot begin: no socket, no connection, nobody to call; in a sentence.
    pub async fn play(
        self,
        environment: Arc<dyn Environment>,
        scenario: Rc<Scenario>,
        sounds: Sounds,
        partner: Option<Partner>,
        terms: Terms<'_>,
    ) -> Result<Summary, String> {
        let line = self.line(&*environment, scenario.side).await?;
        // a scenario that is called answers to where a call came from
        let remote = self.remote.unwrap_or(self.local);
        let setup = Setup {
            local: SocketAddr::new(self.local.ip(), line.local().port()),
            remote,
            remote_host: self.remote_host,
            transport: self.transport,
            media_ip: self.media_ip,
            media_port: self.media_port,
            service: self.service,
            process: self.process,
            fields: self.fields,
            retransmits: self.retransmits,
            receive_timeout: self.receive_timeout,
        };
        let crowd = Crowd::new(scenario.clone(), Rc::new(setup), self.load, &self.variables, self.seed);
        let player = Player::new(environment, line, crowd, sounds, self.media_ip);
        let player = match partner {
            Some(partner) => player.beside(partner),
            None => player,
        };
        let mut summary = player.play(terms).await;
        summary.scenario.clone_from(&scenario.name);
        Ok(summary)
    }

    async fn line(&self, environment: &dyn Environment, side: Side) -> Result<Line, String> {
        let local = self.local;
        let cannot_listen = |error| format!("cannot listen on {local}: {error}");
        match (self.transport, side, self.remote) {
            (_, Side::Caller, None) => Err("there is nobody to call".to_owned()),
            (Transport::Udp, ..) => Line::datagrams(environment, local).map_err(cannot_listen),
            (Transport::Tcp, Side::Called, _) => Line::listener(environment, local).map_err(cannot_listen),
            (Transport::Tcp, Side::Caller, Some(remote)) => {
                let line = Line::connection(environment, remote).await;
                line.map_err(|error| format!("cannot connect to {remote}: {error}"))
            }
            (transport, ..) => Err(format!("{} is not built yet", transport.as_str())),
        }
    }
}
