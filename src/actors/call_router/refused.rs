//! Refused calls of router and UM service: counted, and told within their allowance.
//! Knows: the view, the allowance, where records go. Must not: be reached for a call that is redirected.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;

use crate::actors::call_events::CallHappened;
use crate::engine::Environment;
use crate::metrics::{Metrics, RefusedBy};
use crate::protocol::sip::Flow;
use crate::records::refusals::{Peer, Refusals, Told};
use crate::records::{ActiveCall, CallDataRecord, CallType, OfferResult};
use crate::routing::{Account, Refused, View, account};

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
        let Refused { call_id, status, why } = refused;
        let peer = if view.gateway(flow.remote).is_some() { Peer::Gateway } else { Peer::Stranger };
        let told = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.refused(self.environment.now(), call_id, peer)
        };
        let Told::New { line, record } = told else { return };
        self.metrics.call_refused(by, status.code());
        if let Some(before) = line {
            tracing::warn!(
                event = "call_refused",
                call_id,
                by = by.as_str(),
                peer = %flow.remote,
                status = status.code(),
                reason = why,
                not_logged_before = before,
                "call refused"
            );
        }
        match record.and_then(|_| account(view, bytes, flow)) {
            Some(account) => {
                let record = self.record(account, view, flow, refused);
                self.metrics.call_ended(&record);
                self.records.do_send(CallHappened::Ended(Box::new(record)));
            }
            None if peer == Peer::Gateway => self.metrics.refused_not_recorded(by, 1),
            None => {}
        }
    }

    fn record(&self, account: Account, view: &View, flow: Flow, refused: &Refused) -> CallDataRecord {
        let call = ActiveCall {
            call_identity: refused.call_id.clone(),
            call_type: CallType::None,
            started: self.environment.wall(),
            dial_plan: account.dial_plan,
            ip_gateway: account.gateway,
            ip_gateway_address: flow.remote.ip().to_canonical().to_string(),
            called_phone_number: account.called,
            caller_phone_number: account.caller,
            reason_for_call: account.reason,
            callee_mailbox_alias: account.mailbox,
            answered: false,
            is_test: false,
        };
        CallDataRecord {
            offer_result: OfferResult::Rejected,
            drop_call_reason: format!("{} {}", refused.status.code(), refused.why),
            ..CallDataRecord::of(call, &view.node)
        }
    }
}
