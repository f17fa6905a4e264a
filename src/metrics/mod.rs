//! What a node counts and measures, for Prometheus: every figure under its name, and who adds to it.
//! Knows: counters, histograms, the fields of call data records. Must not: ask anybody for a figure; what is true of a
//! moment is handed in ([`Moment`]).
//!
//! Names begin with `ringpost_` and end with their unit; docs/monitoring.md lists them beside Exchange's counters.
//! Labels are of closed lists, or names an administrator configured; a peer nobody configured is [`UNKNOWN`].

mod labels;
mod moment;
mod registered;

#[cfg(test)]
mod tests;

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::labels::{Attempts, By, Calls, Gateway, Refusals, Router, why};
use self::registered::Figures;
use crate::records::{CallDataRecord, OfferResult};

pub use labels::{Answered, Delivered, RecycleReason, RefreshResult, RefusedBy, RefusedWhy, Transport, WorkerEnd};
pub use prometheus_client::metrics::counter::Counter;

pub use moment::{ComponentMoment, ConfigurationMoment, GatewayMoment, Moment, Process, WorkerMoment};

/// The label of what no configuration names.
pub const UNKNOWN: &str = "unknown";

/// What the text of [`Metrics::text`] is, for a Content-Type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of one node. Shared by its actors; each method is a few atomic operations and may be called anywhere.
pub struct Metrics {
    registry: Registry,
    figures: Figures,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    pub fn new() -> Metrics {
        let mut registry = Registry::default();
        let figures = Figures::register(&mut registry);
        Metrics { registry, figures }
    }

    /// A call ended, or was refused by a worker. Test calls of the node's own do not count.
    pub fn call_ended(&self, record: &CallDataRecord) {
        if record.is_test {
            return;
        }
        let figures = &self.figures;
        let calls = Calls {
            call_type: record.call_type.as_str(),
            result: record.offer_result.as_str(),
            gateway: known(&record.ip_gateway_name),
            dial_plan: known(&record.dial_plan_name),
        };
        figures.calls.get_or_create(&calls).inc();
        if record.offer_result == OfferResult::Answer {
            figures.call_duration.observe(record.call_duration_s as f64);
        }
        if let Some(quality) = &record.audio_quality {
            figures.packet_loss.observe(quality.packet_loss_percent / 100.0);
            figures.jitter.observe(quality.jitter_ms / 1000.0);
            figures.nmos.observe(quality.nmos);
            if let Some(round_trip) = quality.round_trip_ms {
                figures.round_trip.observe(round_trip / 1000.0);
            }
        }
    }

    /// A call was refused with this status by a part of the node.
    pub fn call_refused(&self, by: RefusedBy, status: u16) {
        self.calls_refused(by, status, 1);
    }

    /// So many were.
    pub fn calls_refused(&self, by: RefusedBy, status: u16, calls: u64) {
        let why = RefusedWhy::of(status);
        self.figures.refused.get_or_create(&Refusals { by, status: status.into(), reason: why }).inc_by(calls);
    }

    /// So many refused calls of gateways were not put on record: there were too many.
    pub fn refused_not_recorded(&self, by: RefusedBy, calls: u64) {
        self.figures.unrecorded.get_or_create(&By { by }).inc_by(calls);
    }

    /// The counter of what the call router, or the UM service, answers to requests that came by one transport: taken
    /// once, and then added to without a look-up.
    pub fn answers(&self, by: RefusedBy, transport: Transport, answer: Answered) -> Counter {
        self.figures.router.get_or_create_owned(&Router { by, transport, answer })
    }

    /// A worker process is no more, and nobody had told it to end.
    pub fn worker_died(&self, how: WorkerEnd) {
        self.figures.worker_restarts.get_or_create(&why(how)).inc();
    }

    /// A worker is replaced by a new one while nothing is wrong with its calls.
    pub fn worker_recycled(&self, reason: RecycleReason) {
        self.figures.worker_recycles.get_or_create(&why(reason)).inc();
    }

    /// The directory was read, and this came of it, after so long.
    pub fn refreshed(&self, result: RefreshResult, took: Duration) {
        self.figures.refreshes.get_or_create(&why(result)).inc();
        self.figures.refresh_duration.observe(took.as_secs_f64());
    }

    /// A gateway, by its name, answers OPTIONS or has ceased to.
    pub fn gateway_changed(&self, name: &str, up: bool) {
        let gateway = Gateway { gateway: name.to_owned() };
        self.figures.gateway_changes.get_or_create(&gateway).inc();
        self.figures.gateway_up.get_or_create(&gateway).set(up.into());
    }

    /// One attempt to deliver a message is over.
    pub fn delivery_attempted(&self, result: Delivered) {
        self.figures.attempts.get_or_create(&Attempts { result }).inc();
    }

    /// A message is in its mailbox; it had waited so long since the call ended.
    pub fn delivered(&self, waited: Duration) {
        self.delivery_attempted(Delivered::Delivered);
        self.figures.delivery_latency.observe(waited.as_secs_f64());
    }

    /// A request of the administration was answered with this HTTP status.
    pub fn admin_answered(&self, status: u16) {
        self.figures.admin_requests.get_or_create(&labels::Code { code: status.into() }).inc();
    }

    /// Sets all that is true of one moment.
    pub fn observe(&self, moment: &Moment) {
        self.figures.observe(moment);
    }

    /// All figures as OpenMetrics text, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // only a writer that fails can fail, and a String does not
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn known(name: &str) -> String {
    if name.is_empty() { UNKNOWN.to_owned() } else { name.to_owned() }
}
