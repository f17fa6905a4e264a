//! Refused calls of router and UM service: counted, and told within their allowance.
//! Knows: the view, the allowance, where records go. Must not: be reached for a call that is redirected.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;

use crate::actors::call_events::CallHappened;
use crate::actors::call_refused;
use crate::engine::Environment;
use crate::metrics::{Metrics, RefusedBy};
use crate::protocol::sip::Flow;
use crate::records::refusals::{Peer, Refusals, Told};
use crate::routing::{Refused, View, account, is_server};

/// Who keeps account of refused calls; clones are the same one.
#[derive(Clone)]
pub struct RefusedCalls {
    environment: Arc<dyn Environment>,
    metrics: Arc<Metrics>,
    records: Recipient<CallHappened>,
    /// One allowance for all sockets.
    refusals: Arc<Mutex<Refusals>>,
}

impl RefusedCalls {
    pub fn new(
        environment: Arc<dyn Environment>,
        metrics: Arc<Metrics>,
        records: Recipient<CallHappened>,
    ) -> RefusedCalls {
        let refusals = Arc::new(Mutex::new(Refusals::new(environment.now())));
        RefusedCalls { environment, metrics, records, refusals }
    }

    /// A part of the node has refused this INVITE.
    pub fn refused(&self, by: RefusedBy, view: &View, bytes: &[u8], flow: Flow, refused: &Refused) {
        // what a router of ours has sent on is a gateway's; the message is read for that, which strangers are not worth
        let sent_on = || is_server(view, flow.remote.ip(), flow) && account(view, bytes, flow).is_some();
        let peer = if view.gateway(flow.remote).is_some() || sent_on() { Peer::Gateway } else { Peer::Stranger };
        let told = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.refused(self.environment.now(), &refused.call_id, peer)
        };
        let Told::New { line, record } = told else { return };
        self.metrics.call_refused(by, refused.status.code());
        if let Some(before) = line {
            call_refused::log(by, refused, flow.remote, before);
        }
        match record.and_then(|_| account(view, bytes, flow)) {
            Some(account) => {
                let record = call_refused::record(account, refused, self.environment.wall(), &view.node);
                self.metrics.call_ended(&record);
                self.records.do_send(CallHappened::Ended(Box::new(record)));
            }
            None if peer == Peer::Gateway => self.metrics.refused_not_recorded(by, 1),
            None => {}
        }
    }
}
