//! Every figure with its name and what it means.
//! Knows: the registry. Must not: know when a figure changes.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{
    Active, Attempts, Build, By, Calls, Code, Component, Gateway, InState, Of, Refusals, Router, Why, Worker, why,
};
use super::labels::{Delivered, RecycleReason, RefreshResult, RefusedBy, WorkerEnd};
use super::moment::Moment;

type Fraction = Gauge<f64, AtomicU64>;
type Seconds = Counter<f64, AtomicU64>;

/// Handles of all figures; each is shared with the registry.
pub(super) struct Figures {
    pub calls: Family<Calls, Counter>,
    pub refused: Family<Refusals, Counter>,
    pub unrecorded: Family<By, Counter>,
    pub router: Family<Router, Counter>,
    pub call_duration: Histogram,
    pub packet_loss: Histogram,
    pub jitter: Histogram,
    pub round_trip: Histogram,
    pub nmos: Histogram,
    pub worker_restarts: Family<Why<WorkerEnd>, Counter>,
    pub worker_recycles: Family<Why<RecycleReason>, Counter>,
    pub refreshes: Family<Why<RefreshResult>, Counter>,
    pub refresh_duration: Histogram,
    pub gateway_changes: Family<Gateway, Counter>,
    pub gateway_up: Family<Gateway, Gauge>,
    pub attempts: Family<Attempts, Counter>,
    pub delivery_latency: Histogram,
    pub admin_requests: Family<Code, Counter>,
    calls_allowed: Gauge,
    calls_now: Gauge,
    held: Family<Of, Gauge>,
    active: Family<Active, Gauge>,
    spool: Family<InState, Gauge>,
    spool_age: Fraction,
    spool_room: Gauge,
    problems: Gauge,
    generation: Gauge,
    in_force: Fraction,
    refresh_age: Fraction,
    faults: Gauge,
    components: Family<Component, Gauge>,
    workers: Family<InState, Gauge>,
    worker_calls: Family<Worker, Gauge>,
    worker_rss: Family<Worker, Gauge>,
    worker_age: Family<Worker, Fraction>,
    process: ProcessFigures,
}

/// The usual names of Prometheus' own clients: dashboards know them.
struct ProcessFigures {
    rss: Gauge,
    open_fds: Gauge,
    max_fds: Gauge,
    cpu: Seconds,
    started: Fraction,
    threads: Gauge,
}

impl Figures {
    pub fn register(registry: &mut Registry) -> Figures {
        let r = registry.sub_registry_with_prefix("ringpost");
        let build = Build { version: env!("CARGO_PKG_VERSION") };
        r.register("build", "The version that runs", Info::new(build));
        let seconds = |buckets: &[f64]| Histogram::new(buckets.iter().copied());
        let figures = Figures {
            calls: kept(r, "calls", "Calls that ended, by what they were and what became of the offer to talk"),
            refused: kept(r, "calls_refused", "Calls refused, by the part that refused, SIP status and its meaning"),
            unrecorded: kept(
                r,
                "calls_refused_not_recorded",
                "Refused calls of gateways, too many to be put on record",
            ),
            router: kept(r, "router_answers", "Requests answered by call router and UM service"),
            call_duration: seconds(&[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0]),
            packet_loss: seconds(&[0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5]),
            jitter: seconds(&[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2]),
            round_trip: seconds(&[0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0]),
            nmos: seconds(&[1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]),
            worker_restarts: kept(r, "worker_restarts", "UM workers that ended by themselves or were killed"),
            worker_recycles: kept(r, "worker_recycles", "UM workers replaced while nothing was wrong with their calls"),
            refreshes: kept(r, "refreshes", "Looks at the directory, by what came of them"),
            refresh_duration: seconds(&[0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0]),
            gateway_changes: kept(r, "gateway_changes", "Times a UM IP gateway began or ceased to answer OPTIONS"),
            gateway_up: kept(r, "gateway_up", "1: the UM IP gateway answers OPTIONS, 0: it does not"),
            attempts: kept(r, "delivery_attempts", "Attempts to deliver a message, by what came of them"),
            delivery_latency: seconds(&[
                0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1800.0, 21600.0, 86400.0,
            ]),
            admin_requests: kept(r, "admin_requests", "HTTP requests of the administration, by status"),
            calls_allowed: kept(r, "max_calls_allowed", "Calls the node may have at once"),
            calls_now: kept(r, "current_calls", "Calls in progress"),
            held: kept(r, "held", "What calls hold: streams, ports, dialogs, transactions, connections, recordings"),
            active: kept(r, "active_calls", "Calls in progress by UM IP gateway and dial plan"),
            spool: kept(r, "spool_messages", "Messages in the spool: they wait, or could not be delivered"),
            spool_age: Fraction::default(),
            spool_room: kept(r, "spool_has_room", "0: the disk is too full, no messages are taken"),
            problems: kept(r, "problems", "Things an administrator must look at, as ringpost status lists them"),
            generation: kept(r, "configuration_generation", "Number of the directory in force"),
            in_force: Fraction::default(),
            refresh_age: Fraction::default(),
            faults: kept(r, "configuration_faults", "What is wrong with the directory that was read last"),
            components: kept(r, "component_state", "1 for the state a component is in"),
            workers: kept(r, "workers", "UM workers by state"),
            worker_calls: kept(r, "worker_calls", "Calls in progress of each UM worker"),
            worker_rss: Family::default(),
            worker_age: Family::default(),
            process: ProcessFigures::default(),
        };
        // what can be counted is shown from the start: the first of a kind is a rise from zero, too
        RefusedBy::ALL.iter().for_each(|by| drop(figures.unrecorded.get_or_create(&By { by: *by })));
        WorkerEnd::ALL.iter().for_each(|end| drop(figures.worker_restarts.get_or_create(&why(*end))));
        RecycleReason::ALL.iter().for_each(|reason| drop(figures.worker_recycles.get_or_create(&why(*reason))));
        RefreshResult::ALL.iter().for_each(|result| drop(figures.refreshes.get_or_create(&why(*result))));
        Delivered::ALL.iter().for_each(|result| drop(figures.attempts.get_or_create(&Attempts { result: *result })));
        let second = || Unit::Seconds;
        let with = |r: &mut Registry, name: &str, help: &str, histogram: &Histogram, unit: Unit| {
            r.register_with_unit(name, help, unit, histogram.clone());
        };
        with(r, "call_duration", "From the answer to the end of each call", &figures.call_duration, second());
        with(
            r,
            "rtp_packet_loss",
            "Packets of a call's RTP that did not arrive",
            &figures.packet_loss,
            Unit::Other("ratio".to_owned()),
        );
        with(r, "rtp_jitter", "Interarrival jitter of a call's RTP", &figures.jitter, second());
        with(r, "rtp_round_trip", "Round trip by RTCP of a call", &figures.round_trip, second());
        r.register("rtp_nmos", "Estimated mean opinion score of a call's audio, 1 to 5", figures.nmos.clone());
        with(r, "refresh_duration", "Reading and comparing the directory", &figures.refresh_duration, second());
        let help = "From the end of a call until its message is in the mailbox";
        with(r, "delivery_latency", help, &figures.delivery_latency, second());
        let gauge = |r: &mut Registry, name: &str, help: &str, gauge: &Fraction| {
            r.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        };
        gauge(r, "spool_oldest_message_age", "How long the oldest message waits", &figures.spool_age);
        gauge(r, "configuration_in_force", "Since the directory in force came in force", &figures.in_force);
        gauge(r, "refresh_age", "Since the directory was last looked at", &figures.refresh_age);
        let help = "Resident memory of each UM worker";
        r.register_with_unit("worker_resident_memory", help, Unit::Bytes, figures.worker_rss.clone());
        let help = "Since each UM worker started";
        r.register_with_unit("worker_age", help, Unit::Seconds, figures.worker_age.clone());
        figures.process.register(registry);
        figures
    }

    pub fn observe(&self, moment: &Moment) {
        self.calls_allowed.set(whole(moment.max_calls));
        self.calls_now.set(whole(moment.calls));
        let held = [
            ("media_streams", moment.media_streams),
            ("rtp_ports", moment.rtp_ports),
            ("dialogs", moment.dialogs),
            ("transactions", moment.transactions),
            ("connections", moment.connections),
            ("recordings", moment.recordings),
        ];
        for (kind, number) in held {
            self.held.get_or_create(&Of { kind }).set(whole(number));
        }
        // a gateway that is no more, or has no call, is not shown
        self.active.clear();
        for (gateway, dial_plan, calls) in &moment.active {
            let labels = Active { gateway: super::known(gateway), dial_plan: super::known(dial_plan) };
            self.active.get_or_create(&labels).inc_by(whole(*calls));
        }
        self.spool.get_or_create(&InState { state: "waiting" }).set(whole(moment.waiting));
        if let Some(failed) = moment.failed {
            self.spool.get_or_create(&InState { state: "failed" }).set(whole(failed));
        }
        self.spool_age.set(moment.oldest_waiting_s);
        self.spool_room.set(moment.has_room.into());
        self.problems.set(whole(moment.problems));
        if let Some(configuration) = &moment.configuration {
            self.generation.set(i64::try_from(configuration.generation).unwrap_or(i64::MAX));
            self.in_force.set(configuration.in_force_s);
            self.refresh_age.set(configuration.refresh_age_s);
            self.faults.set(whole(configuration.faults));
        }
        self.gateway_up.clear();
        for gateway in &moment.gateways {
            if let Some(up) = gateway.up {
                self.gateway_up.get_or_create(&Gateway { gateway: gateway.name.clone() }).set(up.into());
            }
        }
        self.components.clear();
        for component in &moment.components {
            let labels = Component { component: component.component.clone(), state: component.state.clone() };
            self.components.get_or_create(&labels).set(1);
        }
        self.observe_workers(moment);
        if let Some(process) = &moment.process {
            self.process.rss.set(i64::try_from(process.rss).unwrap_or(i64::MAX));
            self.process.open_fds.set(i64::try_from(process.open_fds).unwrap_or(i64::MAX));
            self.process.max_fds.set(i64::try_from(process.max_fds).unwrap_or(i64::MAX));
            self.process.cpu.inner().store(process.cpu_s.to_bits(), std::sync::atomic::Ordering::Relaxed);
            self.process.started.set(process.started_s);
            self.process.threads.set(i64::try_from(process.threads).unwrap_or(i64::MAX));
        }
    }

    fn observe_workers(&self, moment: &Moment) {
        self.worker_calls.clear();
        self.worker_rss.clear();
        self.worker_age.clear();
        for state in ["current", "starting", "draining"] {
            let number = moment.workers.iter().filter(|worker| worker.state == state).count();
            self.workers.get_or_create(&InState { state }).set(whole(number));
        }
        for worker in &moment.workers {
            let labels = Worker { port: worker.port.into(), state: worker.state.clone() };
            self.worker_calls.get_or_create(&labels).set(whole(worker.calls));
            self.worker_rss.get_or_create(&labels).set(i64::try_from(worker.rss).unwrap_or(i64::MAX));
            self.worker_age.get_or_create(&labels).set(worker.age_s);
        }
    }
}

impl ProcessFigures {
    fn default() -> ProcessFigures {
        ProcessFigures {
            rss: Gauge::default(),
            open_fds: Gauge::default(),
            max_fds: Gauge::default(),
            cpu: Seconds::default(),
            started: Fraction::default(),
            threads: Gauge::default(),
        }
    }

    fn register(&self, registry: &mut Registry) {
        let r = registry.sub_registry_with_prefix("process");
        r.register_with_unit("resident_memory", "Resident memory of the node", Unit::Bytes, self.rss.clone());
        r.register("open_fds", "Files the node has open", self.open_fds.clone());
        r.register("max_fds", "Files the node may have open", self.max_fds.clone());
        r.register_with_unit("cpu", "User and system time of the node", Unit::Seconds, self.cpu.clone());
        r.register_with_unit("start_time", "When the node started, since 1970", Unit::Seconds, self.started.clone());
        r.register("threads", "Threads of the node", self.threads.clone());
    }
}

/// Registers a figure that starts from nothing and hands out its handle.
fn kept<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
