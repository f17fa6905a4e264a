//! A node as those see it who watch it: its figures, its pulse, and what is told of it beside its calls.
//! Knows: what the engine holds. Must not: change how calls go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Node;
use crate::actors::components::GetComponents;
use crate::actors::um_service::max_calls;
use crate::actors::um_worker::LEAVING;
use crate::components::{Component, States};
use crate::engine::Place;
use crate::metrics::{ComponentMoment, ConfigurationMoment, GatewayMoment, Metrics, Moment, Process, WorkerMoment};

impl Node {
    /// What the node counts and measures; actors add to it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Takes all figures that are of this moment. `process`: what the operating system says, where there is one.
    pub async fn observe(&self, process: Option<Process>) {
        let (status, failed) = self.look().await;
        let waits = |since| self.environment.wall().duration_since(since).as_secs_f64().max(0.0);
        let configuration = self.configuration();
        let report = self.report().await;
        let invalid = !configuration.faults.is_empty();
        let workers = status.workers.iter().map(|worker| WorkerMoment {
            port: worker.port,
            state: worker.state.to_lowercase(),
            calls: worker.calls as usize,
            rss: worker.rss,
            age_s: worker.age_s as f64,
        });
        let moment = Moment {
            max_calls: max_calls(&self.directory(), &self.node, self.max_calls) as usize,
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
                generation: configuration.generation,
                in_force_s: waits(configuration.in_force_since),
                refresh_age_s: waits(configuration.last_read),
                faults: invalid.into(),
            }),
            gateways: self.gateway_moments().await,
            active: self.active_by_gateway_and_plan().await,
            components: self.component_moments().await,
            workers: workers.collect(),
            process,
        };
        self.metrics.observe(&moment);
    }

    /// Why calls are not taken though nothing is wrong.
    pub(super) async fn out_of_service(&self) -> Vec<String> {
        let mut why = Vec::new();
        if self.leaving.get() {
            why.push(LEAVING.to_owned());
        }
        let states = self.components.send(GetComponents).await.unwrap_or_default();
        let there = [(Component::UmCallRouter, self.routes), (Component::UnifiedMessaging, self.service.is_some())];
        why.extend(
            there.into_iter().filter(|(_, there)| *there).filter_map(|(component, _)| states.refusal(component)),
        );
        why
    }

    async fn active_by_gateway_and_plan(&self) -> Vec<(String, String, usize)> {
        let mut counts = BTreeMap::new();
        for call in self.active_calls().await.into_iter().filter(|call| !call.is_test) {
            *counts.entry((call.ip_gateway, call.dial_plan)).or_default() += 1;
        }
        counts.into_iter().map(|((gateway, dial_plan), calls)| (gateway, dial_plan, calls)).collect()
    }

    async fn gateway_moments(&self) -> Vec<GatewayMoment> {
        let gateways = self.gateways().await.into_iter();
        let up = |state: &str| match state {
            "Up" => Some(true),
            "Down" => Some(false),
            _ => None,
        };
        gateways.map(|gateway| GatewayMoment { up: up(gateway.state), name: gateway.name }).collect()
    }

    async fn component_moments(&self) -> Vec<ComponentMoment> {
        let states = self.components.send(GetComponents).await;
        let moment = |states: &States, component: Component| ComponentMoment {
            component: component.to_string(),
            state: states.of(component).to_string(),
        };
        let all = |states: &States| Component::ALL.into_iter().map(|component| moment(states, component)).collect();
        // whoever does not answer is a problem of the status
        states.map(|states| all(&states)).unwrap_or_default()
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
        self.redirectors.is_alive() && self.vital.iter().all(|(_, alive)| alive())
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
        listeners.extend(self.redirectors.listeners());
        listeners.extend(self.others.borrow().iter().cloned());
        listeners
    }
}
