//! A node starts: every actor, in the order in which they need each other.
//! Knows: which actors there are and what each begins with. Must not: do their work.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Node, Parts, StartError};
use crate::actors::call_router::{Audience, CallRouter, Listening, Means, RefusedCalls};
use crate::actors::calls::{Calls, TapHere, TellWorkersThrough};
use crate::actors::components::{self, Components};
use crate::actors::config_poller::{ConfigPoller, Places};
use crate::actors::delivery::Delivery;
use crate::actors::peers::{self, Peers};
use crate::actors::spool_keeper::SpoolKeeper;
use crate::actors::um_service::{Beginning, UmService, Watch};
use crate::actors::wiretap::{LONGEST_REDIRECT, Wiretap};
use crate::directory::Directory;
use crate::engine::alive;
use crate::engine::config::Part;
use crate::engine::processes::WorkerOrder;
use crate::link::{Settings, WorkerId};
use crate::mailbox::Courier;
use crate::metrics::Metrics;
use crate::records::{RecordStore, RecordWriter};
use crate::routing::{Home, Role, View};

impl Node {
    /// Starts every actor of the node, and with them the first worker; [`Node::ready`] waits for that. Must run in
    /// an actix system.
    ///
    /// # Errors
    /// An address of the call router or the UM service is not to be had.
    pub fn start(parts: Parts) -> Result<Node, StartError> {
        let Parts { environment, placement, listeners, settings, spool, organisation, .. } = parts;
        let metrics = Arc::new(Metrics::new());
        let started = environment.now();
        let courier = Courier::new(spool.clone(), parts.composer, parts.mail);
        let (delivery, backlog) = Delivery::new(environment.clone(), spool.clone(), courier, metrics.clone());
        let delivery = placement.signalling.start(|_| delivery);
        let processes = environment.processes();
        let living = processes.living(&parts.data).len();
        let keeper = SpoolKeeper {
            environment: environment.clone(),
            processes,
            data: parts.data.clone(),
            spool: spool.clone(),
            delivery: delivery.clone(),
            nameless: Default::default(),
            alone: living == 0,
        };
        let keeper = placement.disk.start(|_| keeper);
        let mut vital = vec![
            ("nothing is delivered: the delivery does not answer".to_owned(), alive(&delivery)),
            ("what dead workers left is not finished: the spool keeper does not answer".to_owned(), alive(&keeper)),
        ];
        let records = RecordStore::at(environment.disk(), parts.data.join("cdr"));
        let (calls, records_state) =
            Calls::new(environment.clone(), settings.node.clone(), RecordWriter::new(records.clone()));
        let calls = placement.signalling.start(|_| calls);
        vital.push(("no call data records are kept: who keeps them does not answer".to_owned(), alive(&calls)));
        let at = |wanted: Part| {
            let of = listeners.iter().filter(move |(part, _)| *part == wanted);
            of.map(|(_, address)| *address).collect::<Vec<_>>()
        };
        let first = organisation.organisation();
        let node = settings.node.clone();
        let view = view(&listeners, &settings, &first.directory, environment.random_u64());
        let router = CallRouter::new(view);
        let published = router.published();
        let redirecting = redirecting(&listeners);
        let idle = parts.stream_idle;
        let tap = Wiretap::new(environment.clone(), calls.clone().recipient(), LONGEST_REDIRECT);
        calls.do_send(TapHere(tap.clone()));
        let refused = RefusedCalls::new(environment.clone(), metrics.clone(), calls.clone().recipient());
        let audience = Audience { metrics: metrics.clone(), tap, refused };
        let means = Means {
            environment: environment.clone(),
            place: placement.redirecting.clone(),
            published,
            idle_timeout: idle,
            audience,
        };
        let router = placement.signalling.start(|_| router);
        let others = (router.clone(), calls.clone());
        let (listening, redirectors) =
            Listening::open(means, redirecting.clone(), node.clone(), first.directory.clone(), others)?;
        let listening = placement.link.start(|_| listening);
        vital.push(("calls go by an old directory: the call router does not answer".to_owned(), alive(&router)));
        vital.push(("ports are not changed any more: who listens does not answer".to_owned(), alive(&listening)));
        let workers = at(Part::UmWorker);
        let asked_from: BTreeSet<IpAddr> = listeners.iter().map(|(_, at)| at.ip()).collect();
        let peers = peers::Beginning {
            environment: environment.clone(),
            place: placement.link.clone(),
            bind_addresses: asked_from.into_iter().collect(),
            listening: redirectors.clone(),
            server: settings.server.clone(),
            node: node.clone(),
            interval: parts.options_interval,
            stream_idle: idle,
            directory: first.directory.clone(),
            metrics: metrics.clone(),
            router: router.clone().recipient(),
        };
        let peers = Peers::start(peers)?;
        vital.push(("gateways are not asked whether they live: who asks does not answer".to_owned(), alive(&peers)));
        let service = (!workers.is_empty()).then(|| {
            let order = WorkerOrder {
                worker: WorkerId(String::new()),
                build: String::new(),
                listeners: Vec::new(),
                stream_idle: parts.stream_idle,
                rtp_ports: (*parts.rtp_ports.start(), *parts.rtp_ports.end()),
                data: parts.data.clone(),
                prompts: parts.prompts,
                log_level: parts.log.0,
                log_json: parts.log.1,
            };
            let beginning = Beginning {
                environment: environment.clone(),
                order,
                slots: [workers, at(Part::ReplacementWorker)],
                max_age: parts.max_age,
                max_rss: parts.max_rss,
                max_calls: parts.max_calls,
                settings,
                organisation: first,
                delivery,
                calls: calls.clone(),
                keeper,
                metrics: metrics.clone(),
                living,
            };
            placement.link.start(|_| UmService::new(beginning))
        });
        if let Some(service) = &service {
            service.do_send(Watch(router.clone().recipient()));
            vital.push(("no calls are taken: the UM service does not answer".to_owned(), alive(service)));
        }
        let mut subscribers = vec![router.clone().recipient(), peers.clone().recipient(), listening.recipient()];
        subscribers.extend(service.iter().map(|service| service.clone().recipient()));
        let kept = components::read(&*parts.store);
        let lost_states = kept.1.clone();
        let mut concerned = vec![router.clone().recipient()];
        concerned.extend(service.iter().map(|service| service.clone().recipient()));
        let components = Components::new(environment.clone(), parts.store.clone(), kept, concerned);
        let components = placement.signalling.start(|_| components);
        vital.push(("component states cannot be changed: they do not answer".to_owned(), alive(&components)));
        if let Some(service) = &service {
            let (tell, trace) = (service.clone().recipient(), service.clone().recipient());
            calls.do_send(TellWorkersThrough { tell, trace });
        }
        let places = Places { environment: environment.clone(), provider: parts.provider, store: parts.store };
        let interval = parts.refresh_interval;
        let poller = ConfigPoller::new(places, interval, organisation.clone(), subscribers, metrics.clone());
        let poller = placement.link.start(|_| poller);
        vital.push(("the directory is not read again: the config poller does not answer".to_owned(), alive(&poller)));
        Ok(Node {
            started,
            environment,
            data: parts.data,
            node,
            max_calls: parts.max_calls,
            service,
            router,
            spool,
            backlog,
            metrics,
            redirectors,
            tests: RefCell::default(),
            routes: redirecting.iter().any(|(role, _)| *role == Role::Router),
            leaving: Cell::new(false),
            places: [placement.signalling, placement.redirecting, placement.link],
            others: RefCell::default(),
            noted: RefCell::default(),
            calls,
            components,
            lost_states,
            records,
            records_state,
            vital,
            in_force: organisation,
            poller,
            peers,
        })
    }
}

/// What the redirectors begin with. The UM service tells when it has a worker.
fn view(listeners: &[(Part, SocketAddr)], settings: &Settings, directory: &Arc<Directory>, seed: u64) -> View {
    let service = listeners.iter().find(|(part, _)| *part == Part::UmService);
    let home = service.map(|(_, at)| Home {
        service_port: at.port(),
        worker_port: None,
        draining_ports: Vec::new(),
        refuses: None,
        full: None,
    });
    View {
        directory: directory.clone(),
        node: settings.node.clone(),
        server: settings.server.clone(),
        advertised: settings.advertised,
        router_refuses: None,
        home,
        servers: View::servers_of(directory, &settings.node, &[]),
        tests: Vec::new(),
        seed,
    }
}

/// The addresses where calls are told to go elsewhere.
fn redirecting(listeners: &[(Part, SocketAddr)]) -> Vec<(Role, SocketAddr)> {
    let role = |part: Part| match part {
        Part::CallRouter => Some(Role::Router),
        Part::UmService => Some(Role::Service),
        Part::UmWorker | Part::ReplacementWorker => None,
    };
    listeners.iter().filter_map(|(part, at)| Some((role(*part)?, *at))).collect()
}
