//! The router as a stateless proxy (RFC 3261 16.11), for gateways that cannot follow a redirect.
//! Knows: requests and responses that pass. Must not: keep a transaction; each message says itself where it goes.

use super::view::View;
use crate::protocol::sip::Flow;

/// Whether calls from there are sent on instead of being redirected.
pub(super) fn forwards(view: &View, flow: Flow) -> bool {
    view.gateway(flow.remote).is_some_and(|gateway| !gateway.redirect)
}
