//! What the service is told: a new organisation, to replace a worker, to refuse or to end calls.
//! Knows: which of it workers must hear of. Must not: carry any of it out; workers and supervision do.

use actix::prelude::*;

use super::{DropCalls, Recycle, Refuse, Retire, UmService, Watch, max_calls, slots};
use crate::actors::call_events::{Tell, Trace};
use crate::actors::components::ComponentsChanged;
use crate::actors::config_poller::NewGeneration;
use crate::components::Component;
use crate::link::ToWorker;
use crate::link::supervision::{Event, Reason};
use crate::records::trace::TraceOrder;

impl Handler<Watch> for UmService {
    type Result = ();

    fn handle(&mut self, Watch(watcher): Watch, _: &mut Self::Context) {
        watcher.do_send(self.told.clone());
        self.watchers.push(watcher);
    }
}

impl Handler<NewGeneration> for UmService {
    type Result = ();

    fn handle(&mut self, organisation: NewGeneration, ctx: &mut Self::Context) {
        self.snapshot = organisation.snapshot();
        self.tell_all(&ToWorker::Configuration(self.snapshot.clone()));
        self.max_calls = max_calls(&organisation.directory, &self.settings.node, self.own_max_calls);
        self.share_limits();
        self.tell_watchers();
        match slots(&self.configured, &organisation.directory, &self.settings.node) {
            Ok(slots) => {
                self.homeless = None;
                if slots != self.slots {
                    self.slots = slots;
                    self.step(Event::Recycle(Reason::Addresses), ctx);
                }
            }
            Err(why) => self.homeless = Some(why),
        }
    }
}

impl Handler<Recycle> for UmService {
    type Result = ();

    fn handle(&mut self, _: Recycle, ctx: &mut Self::Context) {
        self.step(Event::Recycle(Reason::Command), ctx);
    }
}

impl Handler<DropCalls> for UmService {
    type Result = ();

    fn handle(&mut self, DropCalls(which): DropCalls, _: &mut Self::Context) {
        self.tell_all(&ToWorker::DropCalls(which));
    }
}

impl Handler<Refuse> for UmService {
    type Result = ();

    fn handle(&mut self, Refuse(why): Refuse, _: &mut Self::Context) {
        self.refuse = why;
        self.tell_all(&ToWorker::Refuse(self.refusing()));
    }
}

impl Handler<ComponentsChanged> for UmService {
    type Result = ();

    fn handle(&mut self, ComponentsChanged(states): ComponentsChanged, _: &mut Self::Context) {
        self.out_of_service = states.refusal(Component::UnifiedMessaging);
        self.tell_all(&ToWorker::Refuse(self.refusing()));
    }
}

impl Handler<Tell> for UmService {
    type Result = ();

    fn handle(&mut self, Tell { worker, message }: Tell, _: &mut Self::Context) {
        self.tell(&worker, message);
    }
}

impl Handler<Trace> for UmService {
    type Result = ();

    fn handle(&mut self, Trace(order): Trace, _: &mut Self::Context) {
        match &order {
            TraceOrder::Next(next) => self.traced = Some(next.clone()),
            TraceOrder::NoMore | TraceOrder::Nothing => self.traced = None,
            TraceOrder::Call { .. } | TraceOrder::Follow { .. } => {}
        }
        self.tell_all(&ToWorker::Trace(order));
    }
}

impl Handler<Retire> for UmService {
    type Result = ();

    fn handle(&mut self, Retire { stop }: Retire, ctx: &mut Self::Context) {
        self.step(Event::Retire, ctx);
        if stop {
            self.tell_all(&ToWorker::Stop);
        }
    }
}
