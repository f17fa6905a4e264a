//! A refused call as log and records tell of it, whichever part of the server refused it.
//! Knows: the words of log and records. Must not: decide whether there is room to tell of it;
//! [`crate::records::refusals`] does.

use std::net::SocketAddr;

use jiff::Timestamp;

use crate::metrics::RefusedBy;
use crate::records::{ActiveCall, CallDataRecord, CallType, OfferResult};
use crate::routing::{Account, Refused};

/// One line of log. `before`: so many calls had none since the last.
pub fn log(by: RefusedBy, refused: &Refused, peer: SocketAddr, before: u64) {
    let Refused { call_id, status, why } = refused;
    tracing::warn!(
        event = "call_refused",
        call_id,
        by = by.as_str(),
        %peer,
        status = status.code(),
        reason = why,
        not_logged_before = before,
        "call refused"
    );
}

/// Its record. `node`: the name of this server.
pub fn record(account: Account, refused: &Refused, at: Timestamp, node: &str) -> CallDataRecord {
    let call = ActiveCall {
        call_identity: refused.call_id.clone(),
        call_type: CallType::None,
        started: at,
        dial_plan: account.dial_plan,
        ip_gateway: account.gateway,
        ip_gateway_address: account.peer.ip().to_canonical().to_string(),
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
        ..CallDataRecord::of(call, node)
    }
}
