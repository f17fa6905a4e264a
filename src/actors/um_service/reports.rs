//! How the service and its workers are, for whoever asks.
//! Knows: what each worker last said, who still has to answer. Must not: change anything of either.

use std::collections::BTreeSet;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::UmService;
use crate::link::supervision::State;
use crate::link::{Beat, ToWorker, WorkerId};

/// A worker that is asked how it is answers within so long, or its last beat counts.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Somebody waits for these workers to say how they are.
pub(super) struct Report {
    number: u64,
    missing: BTreeSet<WorkerId>,
    done: oneshot::Sender<()>,
}

/// How the service and its workers are.
#[derive(Message)]
#[rtype(result = "ServiceReport")]
pub struct GetReport;

/// Answered when calls are taken, or with the reason why the first worker could not begin.
#[derive(Message)]
#[rtype(result = "Result<(), String>")]
pub struct UntilReady;

#[derive(Debug, Clone, Default)]
pub struct ServiceReport {
    pub workers: Vec<WorkerStatus>,
    /// As `udp 0.0.0.0:5065`, of the worker that takes the calls.
    pub listeners: Vec<String>,
    pub beats: Vec<Beat>,
    pub problems: Vec<String>,
    /// How often a worker ended that was not told to.
    pub deaths: u64,
}

/// One worker, for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WorkerStatus {
    pub id: String,
    pub pid: u32,
    pub port: u16,
    /// `Current`, `Draining` or `Starting`.
    pub state: String,
    pub calls: u32,
    /// Octets.
    pub rss: u64,
    /// Seconds.
    pub age_s: u64,
    /// Of the organisation it works with.
    pub generation: u64,
}

impl UmService {
    /// One of those that were asked has answered, or will not.
    pub(super) fn answered(&mut self, worker: &WorkerId, number: u64) {
        for report in &mut self.reports {
            if report.number <= number {
                report.missing.remove(worker);
            }
        }
        for report in self.reports.extract_if(.., |report| report.missing.is_empty()) {
            let _ = report.done.send(());
        }
    }

    fn report(&self) -> ServiceReport {
        let now = self.environment.now();
        let current = self.supervision.current();
        let mut problems: Vec<_> = self.supervision.problem(now).into_iter().chain(self.fault.clone()).collect();
        problems.extend(self.homeless.clone());
        if let Some((_, known)) = current {
            problems.extend(known.beat.problems.iter().cloned());
        }
        let workers = self.supervision.workers().map(|(id, known)| WorkerStatus {
            id: id.0.clone(),
            pid: known.pid.unwrap_or_default(),
            port: known.port,
            state: match known.state {
                State::Starting => "Starting",
                State::Current => "Current",
                State::Draining | State::Killed => "Draining",
            }
            .to_owned(),
            calls: known.beat.calls,
            rss: known.beat.rss,
            age_s: now.saturating_duration_since(known.born).as_secs(),
            generation: known.beat.generation,
        });
        ServiceReport {
            workers: workers.collect(),
            listeners: current.and_then(|(id, _)| self.listeners.get(id)).cloned().unwrap_or_default(),
            beats: self.supervision.workers().map(|(_, known)| known.beat.clone()).collect(),
            problems,
            deaths: self.supervision.deaths(),
        }
    }
}

impl Handler<GetReport> for UmService {
    type Result = ResponseActFuture<Self, ServiceReport>;

    fn handle(&mut self, _: GetReport, _: &mut Self::Context) -> Self::Result {
        self.last_report += 1;
        let number = self.last_report;
        let (done, answered) = oneshot::channel();
        self.tell_all(&ToWorker::Report { number });
        // one that is not ready yet has nothing to say
        let missing: BTreeSet<_> =
            self.links.keys().filter(|worker| self.listeners.contains_key(*worker)).cloned().collect();
        if !missing.is_empty() {
            self.reports.push(Report { number, missing, done });
        }
        let waiting = async move { drop(tokio::time::timeout(ANSWER_WITHIN, answered).await) };
        Box::pin(waiting.into_actor(self).map(move |(), service, _| {
            service.reports.retain(|report| report.number != number);
            service.report()
        }))
    }
}

impl Handler<UntilReady> for UmService {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, _: UntilReady, _: &mut Self::Context) -> Self::Result {
        let (tell, answer) = oneshot::channel();
        self.starting.push(tell);
        self.answer_those_who_wait();
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err("the UM service has ended".to_owned())) })
    }
}
