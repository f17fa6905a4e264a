//! A node as those see it who watch it: its figures, its pulse, and what is told of it beside its calls.
//! Knows: what the engine holds. Must not: change how calls go.

use std::sync::Arc;

use super::Engine;
use crate::engine::Place;
use crate::metrics::{ConfigurationMoment, Metrics, Moment, Process, WorkerMoment};

impl Engine {
    /// What the node counts and measures; actors add to it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Takes all figures that are of this moment. `process`: what the operating system says, where there is one.
    pub async fn observe(&self, process: Option<Process>) {
        let (status, failed) = self.look().await;
        let waits = |since| self.environment.wall().duration_since(since).as_secs_f64().max(0.0);
        let now = self.environment.now();
        let since = |then| now.saturating_duration_since(then).as_secs_f64();
        let report = self.report().await;
        let invalid = self.refused_directory.borrow().is_some();
        let workers = status.workers.iter().map(|worker| WorkerMoment {
            port: worker.port,
            state: worker.state.to_lowercase(),
            calls: worker.calls as usize,
            rss: worker.rss,
            age_s: worker.age_s as f64,
        });
        let moment = Moment {
            max_calls: self.max_calls as usize,
            calls: status.load.calls,
            media_streams: status.load.media_streams,
            rtp_ports: status.load.rtp_ports,
            dialogs: status.load.dialogs,
            transactions: status.load.transactions,
            connections: status.load.connections,
            recordings: status.load.recordings,
            waiting: status.waiting,
            oldest_waiting_s: self.backlog.oldest().map_or(0.0, waits),
            failed,
            has_room: report.beats.iter().all(|beat| beat.answers == 0 || beat.has_room),
            problems: status.problems.len(),
            configuration: Some(ConfigurationMoment {
                generation: self.generation.get(),
                in_force_s: since(self.in_force.get()),
                refresh_age_s: since(self.looked_at.get()),
                faults: invalid.into(),
            }),
            workers: workers.collect(),
            process,
            ..Moment::default()
        };
        self.metrics.observe(&moment);
    }

    /// All figures as Prometheus reads them, those of this moment taken now.
    pub async fn metrics_text(&self, process: Option<Process>) -> String {
        self.observe(process).await;
        self.metrics.text()
    }

    /// True when every vital actor lives, and the threads they run on do what they are given. The disk's thread may
    /// wait for its disk for as long as that takes. Whoever asks must not wait for the answer for ever.
    pub async fn pulse(&self) -> bool {
        for place in &self.places {
            // who asks on the same thread has the answer
            let Place::Arbiter(arbiter) = place else { continue };
            let (beat, felt) = tokio::sync::oneshot::channel();
            // nobody waiting any more is no fault of the thread
            let taken = arbiter.spawn_fn(move || {
                let _ = beat.send(());
            });
            if !taken || felt.await.is_err() {
                return false;
            }
        }
        self.vital.iter().all(|(_, alive)| alive())
    }

    /// A listener beside those for calls is up, such as `http 127.0.0.1:8080`.
    pub fn also_listens(&self, listener: String) {
        self.others.borrow_mut().push(listener);
    }

    /// Something an administrator must look at for as long as the node lives.
    pub fn note_problem(&self, problem: String) {
        self.noted.borrow_mut().push(problem);
    }

    pub(super) fn and_others(&self, mut listeners: Vec<String>) -> Vec<String> {
        listeners.extend(self.others.borrow().iter().cloned());
        listeners
    }
}
